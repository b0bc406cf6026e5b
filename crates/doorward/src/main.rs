//! The doorward binary: command line, configuration, wiring, shutdown.

mod config;

fn main() {}
