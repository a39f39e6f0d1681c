//! Data at rest and in flight: records, document logs, files, bus and cache behind one [`Store`].
//!
//! The URL chooses the backend; a driver's types stay inside its one file. Must not know what a
//! record means, what is inside a document, or who may do what.

#![warn(missing_docs)]

mod backend;
pub mod bus;
pub mod cache;
mod conformance;
pub mod error;
pub mod files;
pub mod log;
pub mod page;
pub mod records;
mod redis;
mod sqlite;
mod store;

pub use bus::Bus;
pub use cache::Cache;
pub use conformance::conformance;
pub use error::StoreError;
pub use files::Files;
pub use log::Log;
pub use page::{Direction, Page, PageOf};
pub use records::{Records, Versioned};
pub use store::{HEALTHY_WITHIN, Store, StoreConfig};
