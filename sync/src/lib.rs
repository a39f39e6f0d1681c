//! Placeholder

pub mod wire;
