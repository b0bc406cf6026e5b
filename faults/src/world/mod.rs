//! What the clients meet: servers, databases, a balancer, a mail catcher; each in a process of its
//! own that ends with this one.

pub(crate) mod catcher;
pub(crate) mod cluster;
pub(crate) mod deployment;
pub(crate) mod disk;
pub(crate) mod haproxy;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod process;
