//! News between nodes: at most once, never the truth.
