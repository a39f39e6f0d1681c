//! Documents that nobody needs keep little in memory.

use studyhall_schema::access::Permission;
use studyhall_sync::document::{Applied, Automerge, Engine, Limits};

use crate::{
    cast::{NOW, Stage},
    phone::{Phone, text_of},
};

type State = <Automerge as Engine>::State;

/// A state that was loaded from a snapshot of so many letters of Ada's.
fn loaded(letters: usize) -> (State, Phone) {
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    let mut ada = Phone::new(1);
    stage.joins(&mut ada, Permission::Write);
    ada.types(&"a page of words ".repeat(letters / 16));
    let mut told = stage.hears(&mut ada);
    told.extend(stage.stored());
    stage.tells(&mut ada, &told);
    let mut state = State::from_snapshot(&stage.core.snapshot(NOW)).expect("a snapshot loads");
    let awake = state.memory();
    state.settle().expect("there is nothing to settle");
    assert!(state.memory() * 20 < awake, "{} of {awake} bytes", state.memory());
    (state, ada)
}

#[test]
fn who_needs_a_document_that_rests_finds_it_whole() {
    let (mut state, mut ada) = loaded(4800);
    assert_eq!(text_of(state.doc()), ada.reads());
    let awake = state.memory();
    state.rest();
    assert!(state.memory() < awake);
    let saved = state.full();
    assert!(state.memory() < awake, "it is saved without being woken");
    assert_eq!(saved, state.doc().save());
    assert_eq!(state.heads().len(), ada.doc.get_heads().len());
}

#[test]
fn what_is_written_to_a_document_that_rests_is_there_when_it_wakes() {
    let (resting, mut ada) = loaded(1600);
    drop(resting);
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    stage.joins(&mut ada, Permission::Write);
    for word in ["one ", "two ", "three "] {
        stage.core.state_mut().rest();
        ada.types(word);
        let mut told = stage.hears(&mut ada);
        told.extend(stage.stored());
        stage.tells(&mut ada, &told);
    }
    assert!(ada.reads().ends_with("one two three "));
    assert_eq!(text_of(stage.core.state_mut().doc()), ada.reads());
}
