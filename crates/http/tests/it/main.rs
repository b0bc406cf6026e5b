//! The faces, through their front door, on both engines; the accept loop over real sockets.

mod backend;
mod coverage;
mod documents;
mod front;
mod operator;
mod public;
mod serve;
