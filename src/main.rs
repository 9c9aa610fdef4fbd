//! The vigie program.
fn main() {}
