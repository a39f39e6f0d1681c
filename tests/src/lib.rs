//! Whole-system tests: `TestHall` and its cast.
