//! The client against small servers on loopback.
