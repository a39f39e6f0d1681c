//! What the program can be asked to do, a file each.

pub mod healthcheck;
pub mod migrate;
pub mod openapi;
pub mod serve;
pub mod verify;
