//! The HTTP faces: backend, operator, documentation.
