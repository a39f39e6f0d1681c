//! Data at rest and in flight: records, document logs, files, bus and cache behind one [`Store`].
//!
//! The URL chooses the backend; a driver's types stay inside its one file. Must not know what a
//! record means, what is inside a document, or who may do what.

pub mod bus;
pub mod error;
pub mod log;
pub mod records;

pub use error::StoreError;
