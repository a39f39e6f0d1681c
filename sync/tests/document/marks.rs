//! Marks in an Automerge document: they are tried out all at once, what is wrong is found among them, and
//! who sends many waits for them to be saved.

use std::time::Duration;

use automerge::{
    ActorId, AutoCommit, Change, ChangeHash, ExpandedChange, ROOT, ReadDoc,
    legacy::{ElementId, Key, Op, OpId, OpType},
    marks::{ExpandMark, Mark},
    transaction::Transactable,
};
use bytes::Bytes;
use studyhall_schema::access::Permission;
use studyhall_store::log::{Entry, LoggedUpdate};
use studyhall_sync::document::{Applied, Automerge, Effect, Engine, Input, Limits, Refusal};

use crate::{
    automerge::{cast, forged, sends, then},
    cast::{NOW, Stage, appended, refusal},
    phone::{Phone, text_of},
};

/// What a phone makes of one place after the other.
fn marks(phone: &mut Phone, count: usize) -> Vec<Bytes> {
    let mark = |at| {
        phone.marks(at % 5, at % 5 + 3);
        forged(phone, |_| {})
    };
    (0..count).map(mark).collect()
}

fn marks_of(stage: &mut Stage<Automerge>) -> usize {
    let saved = stage.core.state_mut().full();
    let doc = AutoCommit::load(&saved).expect("it can be loaded");
    let (_, content) = doc.get(ROOT, "content").unwrap().expect("there is a text");
    doc.marks(content).unwrap().len()
}

/// Three with a note, of whom Ada types: what comes waits while her append is under way.
fn busy() -> (Stage<Automerge>, Phone, Phone, Phone) {
    let (mut stage, mut ada, mut ben) = cast();
    ada.types("Hello, world");
    let told = then(stage.hears(&mut ada), stage.stored());
    stage.tells(&mut ada, &told);
    stage.tells(&mut ben, &told);
    let mut mallory = Phone::new(3);
    stage.joins(&mut mallory, Permission::Write);
    ada.types("!");
    assert!(appended(&stage.hears(&mut ada)).is_some());
    (stage, ada, ben, mallory)
}

#[test]
fn a_mark_that_no_document_can_be_loaded_with_is_found_among_many() {
    let (mut stage, mut ada, mut ben, mut mallory) = busy();
    let good = [marks(&mut ada, 40), marks(&mut ben, 3)];
    mallory.marks(1, 4);
    let bad = forged(&mut mallory, |change| change.operations.reverse());
    let sent = [
        sends(&mut stage, &ada, &good[0][..20]),
        sends(&mut stage, &mallory, &[bad]),
        sends(&mut stage, &ben, &good[1]),
        sends(&mut stage, &ada, &good[0][20..]),
    ];
    assert!(sent.iter().all(|sent| refusal(sent).is_none()), "{sent:?}");
    let stored = stage.stored();
    let refused = |effect: &&Effect| matches!(effect, Effect::Refuse { .. });
    let refused: Vec<_> = stored.iter().filter(refused).collect();
    assert!(
        matches!(refused[..], [Effect::Refuse { peer, reason: Refusal::NoParent }] if *peer == mallory.peer),
        "{refused:?}"
    );
    assert_eq!(appended(&stored).map(|append| append.updates.len()), Some(43));
    stage.stored();
    assert!(marks_of(&mut stage) > 0);
    // Alone, too, and nothing waits for it then.
    let mut eve = Phone::new(4);
    stage.joins(&mut eve, Permission::Write);
    eve.marks(2, 5);
    let bad = forged(&mut eve, |change| change.operations.reverse());
    let alone = sends(&mut stage, &eve, &[bad]);
    assert_eq!((refusal(&alone), appended(&alone).is_none()), (Some(Refusal::NoParent), true));
    assert!(!stage.core.is_unsaved());
}

#[test]
fn nothing_is_done_to_a_mark_itself() {
    let acts = [OpType::Put("Q".into()), OpType::Increment(1), OpType::Delete];
    for action in acts {
        let (mut stage, mut ada, _) = cast();
        ada.types("Hello, world");
        let told = then(stage.hears(&mut ada), stage.stored());
        stage.tells(&mut ada, &told);
        ada.marks(0, 5);
        let bent = forged(&mut ada, |change| {
            let mark = OpId::new(change.start_op.get(), &change.actor_id);
            let on = Op { action: action.clone(), insert: false, ..change.operations[0].clone() };
            let on =
                Op { key: Key::Seq(ElementId::Id(mark.clone())), pred: vec![mark].into(), ..on };
            change.operations.push(on);
        });
        assert_eq!(
            refusal(&sends(&mut stage, &ada, &[bent])),
            Some(Refusal::NoParent),
            "{action:?}"
        );
    }
}

/// A mark whose operations come after some others, and a letter behind it that counts on from before them. The library
/// takes one after the other, and panics at both at once.
fn mark_and_letter(mallory: &mut Phone) -> [Bytes; 2] {
    let before = mallory.doc.get_heads();
    let (_, content) = mallory.doc.get(ROOT, "content").unwrap().expect("there is a text");
    for number in 0..4 {
        mallory.doc.put(ROOT, format!("p{number}"), number).unwrap();
    }
    let bold = Mark::new("bold".into(), true, 2, 5);
    mallory.doc.mark(&content, bold, ExpandMark::Both).unwrap();
    mallory.doc.commit();
    let mark = mallory.doc.get_last_local_change().expect("a mark").decode();
    let begin = OpId::new(mark.start_op.get() + 4, &mark.actor_id);
    let letter = Op {
        key: Key::Seq(ElementId::Id(begin)),
        action: OpType::Put("Z".into()),
        ..mark.operations[4].clone()
    };
    let letter = ExpandedChange {
        operations: vec![letter],
        actor_id: ActorId::from([0; 16]),
        seq: 1,
        deps: before,
        hash: None,
        ..mark.clone()
    };
    [mark, letter].map(|change| Bytes::copy_from_slice(Change::from(change).raw_bytes()))
}

#[test]
fn a_letter_behind_a_mark_counts_on_from_it() {
    let (mut stage, mut ada, _) = cast();
    ada.types("Hello, world");
    let told = then(stage.hears(&mut ada), stage.stored());
    stage.tells(&mut ada, &told);
    let before = ada.doc.get_changes(&[]);
    let [mark, letter] = mark_and_letter(&mut ada);
    assert_eq!(refusal(&sends(&mut stage, &ada, std::slice::from_ref(&mark))), None);
    stage.stored();
    assert_eq!(
        refusal(&sends(&mut stage, &ada, std::slice::from_ref(&letter))),
        Some(Refusal::NoParent)
    );
    // A log that has both, of a time when it was taken, is read.
    let before = before.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes()));
    let all: Vec<_> = before.chain([mark, letter]).collect();
    let at_once = |changes: &[Bytes]| {
        let read = |bytes: &Bytes| Change::try_from(&bytes[..]).unwrap();
        let changes: Vec<_> = changes.iter().map(read).collect();
        std::panic::catch_unwind(|| AutoCommit::new().apply_changes(changes).is_ok())
    };
    assert!(at_once(&all).is_err(), "the library takes it by now: then this is not needed");
    let updates = all.into_iter();
    let updates =
        updates.map(|data| LoggedUpdate { login: None, put: None, by: ada.user, data }).collect();
    let mut state = <Automerge as Engine>::State::default();
    state.apply_entry(&Entry { seq: 1, batch: 1, at: NOW, updates }).expect("it is read");
    state.settle().expect("it is opened");
    assert!(text_of(state.doc()).contains('Z'));
}

#[test]
fn what_is_written_behind_a_mark_that_is_refused_goes_with_it() {
    for is_anothers in [false, true] {
        let (mut stage, _, ben, mut mallory) = busy();
        // A mark that ends before it begins, and a letter behind it that does not stand on it.
        let before = mallory.doc.get_heads();
        mallory.marks(0, 5);
        let bad = forged(&mut mallory, |change| change.operations.reverse());
        mallory.writes_at(&before, "Z");
        let of_both = mallory.doc.get_changes(&before);
        let letter = of_both.iter().find(|change| change.len() == 1).expect("one letter");
        assert_eq!(letter.deps(), &before[..], "it does not stand on the mark");
        let letter = Bytes::copy_from_slice(letter.raw_bytes());
        let by = if is_anothers { &ben } else { &mallory };
        let sent = [sends(&mut stage, &mallory, &[bad]), sends(&mut stage, by, &[letter])];
        assert!(sent.iter().all(|sent| refusal(sent).is_none()), "{sent:?}");
        let stored = stage.stored();
        let refused = stored.iter().filter(|one| matches!(one, Effect::Refuse { .. })).count();
        assert_eq!((refused, appended(&stored).is_none()), (2, true), "{stored:?}");
        assert!(!stage.core.is_unsaved());
        assert_eq!(marks_of(&mut stage), 0);
    }
}

#[test]
fn who_formats_more_than_can_be_tried_out_now_waits_and_is_not_sent_away() {
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    let mut ada = Phone::new(1);
    stage.joins(&mut ada, Permission::Write);
    ada.types("Hello, world");
    for n in 0..3 {
        ada.doc.put(ROOT, format!("large {n}"), vec![0_u8; 2 << 20]).unwrap();
        ada.doc.commit();
        stage.hears(&mut ada);
        let stored = stage.stored();
        stage.tells(&mut ada, &stored);
    }
    let mut waits = 0;
    for mark in marks(&mut ada, 60) {
        let sent = sends(&mut stage, &ada, &[mark]);
        assert_eq!(refusal(&sent), None);
        if appended(&sent).is_some() {
            assert_eq!(waits, 0, "what comes later waits, too");
            stage.stored();
        } else {
            waits += 1;
        }
    }
    assert!(waits > 5 && stage.core.wants_tick().0, "{waits}");
    let ticks = |stage: &mut Stage<Automerge>, seconds| {
        let (now, mut effects) = (NOW + Duration::from_secs(seconds), Vec::new());
        stage.core.handle(now, Input::Tick, &mut effects);
        stage.core.flush(now, &mut effects);
        appended(&effects).map_or(0, |append| append.updates.len())
    };
    assert_eq!(ticks(&mut stage, 0), 0);
    assert_eq!(ticks(&mut stage, 60), waits, "all of it at once");
    stage.stored();
    assert!(marks_of(&mut stage) > 0);
    assert!(!stage.core.wants_tick().0 && !stage.core.is_unsaved());
}

/// What a phone says that has these heads in common with the server, and a filter that guesses that it has all.
fn guesses(heads: &[ChangeHash]) -> Bytes {
    let hashes = |to: &mut Vec<u8>| {
        to.push(u8::try_from(heads.len()).unwrap());
        to.extend(heads.iter().flat_map(|hash| hash.0));
    };
    let mut message = vec![0x42];
    hashes(&mut message);
    message.extend([0, 1]);
    hashes(&mut message);
    message.extend([5, 1, 10, 7, 0xff, 0xff, 0]);
    message.into()
}

#[test]
fn who_may_lack_the_mark_that_an_undo_stands_behind_is_sent_it() {
    for has_undone in [false, true] {
        let (mut stage, mut ada, mut ben) = cast();
        ada.types("Hello, world");
        let told = then(stage.hears(&mut ada), stage.stored());
        stage.tells(&mut ada, &told);
        stage.tells(&mut ben, &told);
        let both = ben.doc.get_heads();
        stage.input(Input::Leave { peer: ben.peer });
        ada.marks(0, 5);
        if has_undone {
            ada.writes_at(&both, "U");
        }
        let told = then(stage.hears(&mut ada), stage.stored());
        stage.tells(&mut ada, &told);
        assert!(ada.is_saved());
        // Ben comes back, and by chance his filter says that he has everything.
        let (peer, user) = (ben.peer, ben.user);
        stage.input(Input::Join { peer, user, permission: Permission::Write });
        ben.reconnects();
        ben.says().expect("he says what he has");
        let answer = stage.takes(&ben, &guesses(&both));
        stage.tells(&mut ben, &answer);
        let expected = if has_undone { ada.doc.get_heads() } else { both };
        assert_eq!(
            ben.doc.get_heads(),
            expected,
            "without such an undo he is believed, and asks later"
        );
    }
}
