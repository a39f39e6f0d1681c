//! Placeholder

pub mod guard;
pub mod wire;
