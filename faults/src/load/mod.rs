//! The clients: honest ones, that sign in, refresh, activate licences and are given roles, write
//! down what was acknowledged, and come back for it afterwards.

pub(crate) mod app;
mod audit;
mod otp;
pub(crate) mod prober;
mod refresh;
mod rest;
pub(crate) mod run;
mod user;

pub(crate) use run::Load;
