//! The real components that tests meet: where they are, how they start, pause, die and come back.
//!
//! `tests/services/build` builds them once. Each is a process of the test's own; it ends with the
//! test, however that ends. Must not know what Studyhall does with them.

mod mongo;
mod process;
mod redis;
mod s3;

use std::path::{Path, PathBuf};

pub use mongo::{Ferret, database, mongodb};
pub use redis::Redis;
pub use s3::S3;

/// The program of a component.
///
/// # Panics
/// When it has not been built, with a sentence that says how.
fn program(name: &str) -> PathBuf {
    let built = std::env::var_os("STUDYHALL_SERVICES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".bin"), PathBuf::from);
    let installed = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&installed)
        .chain([built.clone()])
        .map(|folder| folder.join(name))
        .find(|program| program.exists());
    program.unwrap_or_else(|| {
        panic!(
            "{name} is neither installed nor in {}: run tests/services/build, which gets what \
             these tests need",
            built.display()
        )
    })
}
