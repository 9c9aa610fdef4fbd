//! Whole-program promises, one file each. They talk to loopback only and choose their ports themselves.

mod audit;
mod bad_input;
mod calibration;
mod command_line;
mod confine;
mod drain;
mod evidence;
mod hostile;
mod house;
mod index_file;
mod kill;
mod kit;
mod locked;
mod long_dumps;
mod mutated;
mod nothing_lost;
mod oracle;
mod outbox;
mod power_loss;
mod push;
mod read_ahead;
mod receivers;
mod reload;
mod shapes;
mod terms;
