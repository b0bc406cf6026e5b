//! Tests through the front door.

mod serve;
