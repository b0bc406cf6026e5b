//! The shared engine.
