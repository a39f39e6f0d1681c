//! The WebRTC SFU: publishers, subscribers and their tracks will live here.
//!
//! It will hold `schema::access::Access` and `schema::call::{Placement, CallLog}` and nothing of the
//! store, the documents or the REST API. Calls are not built yet.
