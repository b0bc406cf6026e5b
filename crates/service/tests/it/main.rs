//! Use cases, through their front door, on both engines.

mod apps;
mod codes;
mod concurrency;
mod model;
mod model_replay;
mod sessions;
mod signing_keys;
