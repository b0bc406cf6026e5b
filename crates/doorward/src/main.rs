//! The doorward binary: command line, configuration, wiring, shutdown.
fn main() {}
