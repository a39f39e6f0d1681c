//! Typed collections.
