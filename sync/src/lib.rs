//! Placeholder

pub mod awareness;
pub mod guard;
pub mod wire;
