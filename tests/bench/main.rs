//! The bench: this server beside its peers, in one run.
fn main() {}
