//! Placeholder

pub mod awareness;
pub mod guard;
pub mod text;
pub mod wire;
