//! What matched in one document: the evidence that `matching` gathers and `attribute` weighs.
//!
//! Placeholder-free by design: every number here is counted from the document, none is an opinion.
