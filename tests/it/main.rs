//! Whole-program promises, one file each. They talk to loopback only and choose their ports themselves.

mod confine;
mod hostile;
mod house;
mod index_file;
mod nothing_lost;
mod receivers;
