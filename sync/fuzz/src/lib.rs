//! The pure modules of `sync`, compiled here without the server around them: the targets then
//! build in a minute, and nothing but these modules and yrs is instrumented.
//!
//! ```text
//! cd sync/fuzz && cargo +nightly fuzz run guard corpus/guard seeds/guard -- -max_total_time=60 -malloc_limit_mb=512
//! ```

#[path = "../../src"]
mod sync {
    pub mod awareness;
    pub mod guard;
    pub mod wire;
}

pub use sync::{awareness, guard, wire};
use yrs::{ClientID, Doc, OffsetKind, Options};

/// An empty document as the server makes them.
pub fn new_doc(client: u64) -> Doc {
    let mut options = Options::with_client_id(ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}
