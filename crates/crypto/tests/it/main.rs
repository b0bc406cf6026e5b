//! What the crate promises, from outside.

mod known_answers;
mod opaque;
mod otp;
mod refresh;
mod replay;
mod rotation;
mod seal;
mod signing;
mod support;
