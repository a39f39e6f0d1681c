//! The real components that tests meet: where they are, how they start, pause, die and come back.
//!
//! `tests/services/build` builds them once. Each is a process of the test's own; it ends with the
//! test, however that ends. Must not know what Studyhall does with them.

mod mongo;
mod process;

use std::path::{Path, PathBuf};

pub use mongo::{Ferret, database, mongodb};

/// The program of a component.
///
/// # Panics
/// When it has not been built, with a sentence that says how.
fn program(name: &str) -> PathBuf {
    let built = std::env::var_os("STUDYHALL_SERVICES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".bin"), PathBuf::from);
    let program = built.join(name);
    assert!(
        program.exists(),
        "{} is missing: run tests/services/build, which builds what these tests need",
        program.display()
    );
    program
}
