//! Phones whose first change offline is taken for ours (a Bloom filter is wrong once in a hundred), so that all that
//! they have is above a hole.

use std::time::Duration;

use automerge::{ChangeHash, ROOT, sync::State as SyncState, transaction::Transactable};
use bytes::Bytes;
use studyhall_schema::access::Permission;
use studyhall_sync::{
    document::{Automerge, Effect, Input, Limits, Refusal},
    wire::automerge::encode,
};

use crate::{
    cast::{NOW, Stage, refusal},
    phone::{Phone, text_of},
};

/// All that a phone has made after these heads and its first change after them, as its library would send it.
fn behind_the_first(phone: &mut Phone, before: &[ChangeHash]) -> Bytes {
    let changes = phone.doc.get_changes(before);
    let heads: Vec<_> = phone.doc.get_heads().iter().map(|head| head.0).collect();
    let changes: Vec<_> = changes[1..].iter().map(|change| change.raw_bytes().to_vec()).collect();
    encode(&heads, &[], changes.iter().map(Vec::as_slice))
}

/// A phone comes back with what it has made, without the first of it; how many messages it is told.
fn comes_back(write: impl FnOnce(&mut Phone)) -> usize {
    let (mut stage, mut phone) =
        (Stage::<Automerge>::with_limits(Limits::default()), Phone::new(1));
    stage.joins(&mut phone, Permission::Write);
    let before = phone.doc.get_heads();
    phone.types("first");
    write(&mut phone);
    phone.state = SyncState::new();
    let (peer, user) = (phone.peer, phone.user);
    stage.input(Input::Leave { peer });
    stage.input(Input::Join { peer, user, permission: Permission::Write });
    let first = phone.doc.get_changes(&before)[0].hash();
    let sent = behind_the_first(&mut phone, &before);
    // What its library says first: it believes that all of it was sent, but for the first change.
    phone.says();
    phone.believes_sent(&before, first);
    let mut told = stage.takes(&phone, &sent);
    let mut messages = 0;
    for round in 0..16 {
        assert_eq!(refusal(&told), None);
        let is_sync = |effect: &&Effect| matches!(effect, Effect::Sync { .. });
        messages += told.iter().filter(is_sync).count();
        stage.tells(&mut phone, &told);
        if round == 8 {
            assert!(phone.is_saved());
            phone.types(" and on");
        }
        told = stage.hears(&mut phone);
        told.extend(stage.stored());
    }
    assert!(phone.is_saved());
    assert_eq!(text_of(stage.core.state_mut().doc()), phone.reads());
    assert_eq!(stage.core.aside_bytes(), 0);
    messages
}

#[test]
fn letters_that_found_no_room_above_a_hole_are_asked_for_again_when_that_fills() {
    let told = comes_back(|phone| (0..300).for_each(|_| phone.types("q")));
    assert!(told <= 10, "{told}");
}

#[test]
fn thousands_of_them_come_all_at_once_then() {
    let told = comes_back(|phone| (0..2_000).for_each(|_| phone.types("q")));
    assert!(told <= 10, "{told}");
}

#[test]
fn pages_that_found_no_room_above_a_hole_are_asked_for_again_when_that_fills() {
    // A value each: to type as much takes the library a minute here.
    let told = comes_back(|phone| {
        for page in 0..200 {
            phone.doc.put(ROOT, format!("page {page}"), noise(6_000)).expect("a value is set");
            phone.doc.commit();
        }
    });
    assert!(told <= 10, "{told}");
}

#[test]
fn letters_that_found_room_behind_pages_that_did_not_keep_those_from_being_asked_for_no_longer() {
    for (pages, letters) in [(4, 300_000), (12, 100_000), (1, 1_100_000)] {
        let told = comes_back(|phone| {
            for page in 0..pages {
                phone
                    .doc
                    .put(ROOT, format!("page {page}"), noise(letters))
                    .expect("a value is set");
                phone.doc.commit();
            }
            (0..50).for_each(|_| phone.types("q"));
        });
        assert!(told <= 10, "{told}");
    }
}

/// Letters that do not compress to much less.
fn noise(letters: usize) -> String {
    (0..letters)
        .flat_map(|at| (at % 4_096 * at * 2_654_435 % 1_000_003).to_string().into_bytes())
        .map(char::from)
        .take(letters)
        .collect()
}

#[test]
fn undos_above_and_beside_a_hole_are_saved_with_what_they_undo() {
    let told = comes_back(|phone| {
        for number in 0..200 {
            let before = phone.doc.get_heads();
            phone.types(&format!("p{number}"));
            phone.writes_at(&before, "U");
        }
    });
    assert!(told <= 10, "{told}");
    let mut start = Phone::new(1);
    let beside = start.doc.get_heads();
    let told = comes_back(|phone| {
        for number in 0..200 {
            phone.types(&format!("p{number}"));
            if number % 4 == 0 {
                phone.writes_at(&beside, "U");
            }
        }
    });
    assert!(told <= 10, "{told}");
}

#[test]
fn who_never_fills_a_hole_is_told_so_once_and_asked_for_nothing_more() {
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    let mut phone = Phone::new(1);
    stage.joins(&mut phone, Permission::Write);
    let before = phone.doc.get_heads();
    (0..300).for_each(|_| phone.types("q"));
    let (mut told, mut sent) = (Vec::new(), behind_the_first(&mut phone, &before));
    for second in 0..60 {
        told.extend(stage.takes(&phone, &sent));
        stage.core.handle(NOW + Duration::from_secs(second), Input::Tick, &mut stage.effects);
        stage.core.flush(NOW + Duration::from_secs(second), &mut stage.effects);
        told.append(&mut stage.effects);
        phone.types("q");
        sent = behind_the_first(&mut phone, &before);
    }
    let refusals =
        |effect: &&Effect| matches!(effect, Effect::Refuse { reason: Refusal::HoleTooLarge, .. });
    assert_eq!(told.iter().filter(refusals).count(), 1);
    let asked = told.iter().filter(|effect| matches!(effect, Effect::Sync { .. })).count();
    assert!(asked <= 2, "{asked}");
    assert!(stage.core.aside_bytes() <= Limits::default().aside_bytes);
}

#[test]
fn for_whom_no_room_is_left_at_all_is_asked_a_few_times_only() {
    let limits = Limits { aside_updates: 0, ..Limits::default() };
    let mut stage = Stage::<Automerge>::with_limits(limits);
    let mut phone = Phone::new(1);
    stage.joins(&mut phone, Permission::Write);
    let before = phone.doc.get_heads();
    (0..3).for_each(|_| phone.types("q"));
    let sent = behind_the_first(&mut phone, &before);
    let told: Vec<_> = (0..20).flat_map(|_| stage.takes(&phone, &sent)).collect();
    let refused = told.iter().filter(|effect| matches!(effect, Effect::Refuse { .. })).count();
    let asked = told.iter().filter(|effect| matches!(effect, Effect::Sync { .. })).count();
    assert_eq!((refused, asked <= 6), (1, true), "{asked}");
}
