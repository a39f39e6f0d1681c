//! Tests of the whole: the rules of the house, and faults that need a hand on the clock or in the store.
//! What a stock client sees is in `tests/stock`, what a person sees in `tests/e2e`.

mod faults;
mod house;
