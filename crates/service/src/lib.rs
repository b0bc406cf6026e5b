//! The use cases: one folder per capability, one step per file.
