//! What the core promises, with Automerge documents and the library's own sync protocol on the phones.

use automerge::{
    Change, ExpandedChange,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
    sync::State as SyncState,
};
use bytes::Bytes;
use studyhall_schema::{access::Permission, note::Format};
use studyhall_store::log::{Entry, LoggedUpdate};
use studyhall_sync::{
    document::{
        Applied, Automerge, Behind, EditId, Effect, Engine, Input, Limits, Lost, PeerId, Refusal,
    },
    guard::automerge::change,
    text::NoteText,
    wire::automerge::encode,
};

use crate::{
    cast::{NOW, Stage, appended, refusal, shown},
    phone::{Phone, text_of},
};

type State = <Automerge as Engine>::State;

pub(crate) fn cast() -> (Stage<Automerge>, Phone, Phone) {
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    let (mut ada, mut ben) = (Phone::new(1), Phone::new(2));
    stage.joins(&mut ada, Permission::Write);
    stage.joins(&mut ben, Permission::Write);
    (stage, ada, ben)
}

pub(crate) fn then(mut first: Vec<Effect>, second: Vec<Effect>) -> Vec<Effect> {
    first.extend(second);
    first
}

fn told(effects: &[Effect], phone: &Phone) -> usize {
    let theirs =
        |effect: &&Effect| matches!(effect, Effect::Sync { peer, .. } if *peer == phone.peer);
    effects.iter().filter(theirs).count()
}

/// The change that a phone made last, as an operation or its header is bent by `bend`.
pub(crate) fn forged(phone: &mut Phone, bend: impl FnOnce(&mut ExpandedChange)) -> Bytes {
    let mut change = phone.doc.get_last_local_change().expect("something was made").decode();
    bend(&mut change);
    Bytes::copy_from_slice(Change::from(change).raw_bytes())
}

/// Sends changes as they are.
pub(crate) fn sends(stage: &mut Stage<Automerge>, phone: &Phone, changes: &[Bytes]) -> Vec<Effect> {
    let message = encode(&[], &[], changes.iter().map(AsRef::as_ref));
    stage.takes(phone, &message)
}

#[test]
fn nobody_is_told_or_shown_anything_before_it_is_durable() {
    let (mut stage, mut ada, mut ben) = cast();
    assert!(ada.is_saved());
    ada.types("Hello");
    let sent = stage.hears(&mut ada);
    assert!(appended(&sent).is_some());
    assert!(shown(&sent).is_none() && told(&sent, &ada) == 0, "{sent:?}");
    // A joiner is answered from durable state only.
    let mut cleo = Phone::empty(3);
    let (peer, user) = (cleo.peer, cleo.user);
    stage.input(Input::Join { peer, user, permission: Permission::Read });
    let answer = stage.hears(&mut cleo);
    stage.tells(&mut cleo, &answer);
    assert_eq!((cleo.reads().as_str(), ada.is_saved()), ("", false));
    let stored = stage.stored();
    for phone in [&mut ada, &mut ben, &mut cleo] {
        stage.tells(phone, &stored);
        assert_eq!((phone.reads().as_str(), phone.is_saved()), ("Hello", true));
    }
}

#[test]
fn what_waits_during_a_commit_is_one_append_and_one_message() {
    let (mut stage, mut ada, mut ben) = cast();
    ada.types("a");
    assert_eq!(appended(&stage.hears(&mut ada)).map(|append| append.updates.len()), Some(1));
    for letter in ["b", "c", "d"] {
        ada.types(letter);
        assert!(appended(&stage.hears(&mut ada)).is_none());
    }
    ben.types("z");
    assert!(appended(&stage.hears(&mut ben)).is_none());
    let stored = stage.stored();
    assert_eq!(appended(&stored).map(|append| append.updates.len()), Some(4));
    let both = then(stored, stage.stored());
    assert_eq!(both.iter().filter(|effect| matches!(effect, Effect::FanOut { .. })).count(), 2);
    for phone in [&mut ada, &mut ben] {
        stage.tells(phone, &both);
        assert!(phone.is_saved());
    }
    assert_eq!(ada.reads(), ben.reads());
    assert_eq!(text_of(stage.core.state_mut().doc()), ada.reads());
}

#[test]
fn offline_edits_of_both_merge_and_a_phone_without_the_document_gets_all_of_it() {
    let (mut stage, mut ada, mut ben) = cast();
    stage.input(Input::Leave { peer: ada.peer });
    stage.input(Input::Leave { peer: ben.peer });
    for word in ["one ", "two ", "three "] {
        ada.types(word);
    }
    ben.types("eins ");
    ada.reconnects();
    ben.reconnects();
    stage.joins(&mut ada, Permission::Write);
    let told = stage.joins(&mut ben, Permission::Write);
    stage.tells(&mut ada, &told);
    let mut cleo = Phone::empty(3);
    stage.joins(&mut cleo, Permission::Read);
    ada.types("!");
    let told = then(stage.hears(&mut ada), stage.stored());
    for phone in [&mut ada, &mut ben, &mut cleo] {
        stage.tells(phone, &told);
    }
    assert_eq!(ada.reads(), ben.reads());
    assert_eq!(ada.reads(), cleo.reads());
    assert!(cleo.reads().contains("one two three ") && cleo.reads().contains("eins"));
    assert!(ada.is_saved() && ben.is_saved() && cleo.is_saved());
}

#[test]
fn a_change_above_a_hole_is_kept_aside_until_the_hole_fills_and_bounded_for_ever() {
    let limits = Limits { aside_bytes: 10 << 10, ..Limits::default() };
    let mut stage = Stage::<Automerge>::with_limits(limits);
    let mut ada = Phone::new(1);
    stage.joins(&mut ada, Permission::Write);
    let mut made = |words: &str| {
        ada.types(words);
        forged(&mut ada, |_| {})
    };
    let (first, second, third) = (made("1"), made("2"), made("3"));
    let held = sends(&mut stage, &ada, &[third]);
    assert!(appended(&held).is_none());
    assert_eq!(told(&held, &ada), 1, "the client is asked");
    assert!(appended(&sends(&mut stage, &ada, &[second])).is_none());
    let sent = sends(&mut stage, &ada, &[first]);
    assert_eq!(appended(&sent).map(|append| append.updates.len()), Some(3));
    let stored = stage.stored();
    stage.tells(&mut ada, &stored);
    assert!(ada.is_saved());
    // A hole that never fills.
    ada.types("the lost one");
    for number in 0..6 {
        ada.types(&number.to_string().repeat(3 << 10));
        let change = forged(&mut ada, |_| {});
        assert_eq!(refusal(&sends(&mut stage, &ada, &[change])), None);
    }
    assert!(stage.core.aside_bytes() <= 10 << 10 && stage.core.unsaved_bytes() == 0);
}

#[test]
fn nobody_writes_as_somebody_elses_actor_and_a_number_is_used_once() {
    let (mut stage, mut ada, ben) = cast();
    ada.types("mine");
    let told = then(stage.hears(&mut ada), stage.stored());
    stage.tells(&mut ada, &told);
    ada.types("forged");
    let forgery = forged(&mut ada, |_| {});
    let refused = sends(&mut stage, &ben, std::slice::from_ref(&forgery));
    assert_eq!(refusal(&refused), Some(Refusal::ForeignClient));
    assert!(refused.iter().any(|effect| matches!(effect, Effect::Audit { .. })));
    let other = forged(&mut ada, |change| change.message = Some("another".into()));
    assert!(appended(&sends(&mut stage, &ada, &[forgery])).is_some());
    stage.stored();
    assert_eq!(refusal(&sends(&mut stage, &ada, &[other])), Some(Refusal::ForeignClient));
    assert_eq!(text_of(stage.core.state_mut().doc()), "mineforged");
}

fn bend_op(change: &mut ExpandedChange, bend: impl FnOnce(&mut Op)) {
    bend(change.operations.first_mut().expect("it has an operation"));
}

type Bend = Box<dyn FnOnce(&mut ExpandedChange)>;

#[test]
fn what_refers_to_what_is_not_there_is_refused() {
    let nobody = |counter: u64, change: &ExpandedChange| OpId::new(counter, &change.actor_id);
    let bends: Vec<(&str, Bend)> = vec![
        (
            "object",
            Box::new(move |change| {
                let id = nobody(900, change);
                bend_op(change, |op| op.obj = ObjectId::Id(id));
            }),
        ),
        (
            "object that is an element",
            Box::new(move |change| {
                let id = change.operations[0].key.to_opid().expect("behind an element");
                bend_op(change, |op| op.obj = ObjectId::Id(id));
            }),
        ),
        (
            "element",
            Box::new(move |change| {
                let id = nobody(900, change);
                bend_op(change, |op| op.key = Key::Seq(ElementId::Id(id)));
            }),
        ),
        (
            "key of a map in a text",
            Box::new(|change| {
                bend_op(change, |op| (op.key, op.insert) = (Key::Map("key".into()), false));
            }),
        ),
        (
            "element of the root",
            Box::new(|change| {
                bend_op(change, |op| op.obj = ObjectId::Root);
            }),
        ),
        (
            "predecessor",
            Box::new(move |change| {
                let id = nobody(900, change);
                bend_op(change, |op| {
                    (op.insert, op.action, op.pred) = (false, OpType::Delete, vec![id].into());
                });
            }),
        ),
        (
            "nothing to delete",
            Box::new(|change| {
                bend_op(change, |op| (op.insert, op.action) = (false, OpType::Delete));
            }),
        ),
        ("a letter beside another", Box::new(|change| bend_op(change, |op| op.insert = false))),
        (
            "a letter in another's place",
            Box::new(|change| {
                let id = change.operations[0].key.to_opid().expect("behind an element");
                bend_op(change, |op| (op.insert, op.pred) = (false, vec![id].into()));
            }),
        ),
        ("a number too high", Box::new(|change| change.seq += 1)),
        ("counters that were used", Box::new(|change| change.start_op = 1.try_into().unwrap())),
        ("nothing of its own before", Box::new(|change| change.deps.clear())),
    ];
    for (what, bend) in bends {
        let (mut stage, mut ada, mut ben) = cast();
        ada.types("text");
        let told = then(stage.hears(&mut ada), stage.stored());
        stage.tells(&mut ben, &told);
        ada.types("!");
        let bent = forged(&mut ada, bend);
        let refused = sends(&mut stage, &ada, &[bent]);
        assert_eq!(refusal(&refused), Some(Refusal::NoParent), "{what}");
        assert!(appended(&refused).is_none());
        ben.types("?");
        stage.hears(&mut ben);
        stage.stored();
        assert_eq!(text_of(stage.core.state_mut().doc()), "text?");
    }
}

#[test]
fn a_reader_writes_nothing_and_sees_everything() {
    let (mut stage, mut ada, _) = cast();
    let mut reader = Phone::new(4);
    reader.types("mine ");
    stage.joins(&mut reader, Permission::Read);
    ada.types("Read me");
    let told = then(stage.hears(&mut ada), stage.stored());
    stage.tells(&mut reader, &told);
    assert!(reader.reads().contains("Read me") && !reader.is_saved());
    reader.types("!");
    assert_eq!(refusal(&stage.hears(&mut reader)), Some(Refusal::ReadOnly));
    assert_eq!(text_of(stage.core.state_mut().doc()), "Read me");
    // What it cannot send does not go back and forth for ever.
    let mut rounds = 0;
    while let Some(message) = reader.says() {
        let answer = stage.takes(&reader, &message);
        stage.tells(&mut reader, &answer);
        rounds += 1;
        assert!(rounds < 5, "it never ends");
    }
}

/// What the others and a phone have to say to each other, until neither has more.
fn settle(stage: &mut Stage<Automerge>, phone: &mut Phone, mut told: Vec<Effect>) {
    for _ in 0..10 {
        stage.tells(phone, &told);
        told = then(stage.hears(phone), stage.stored());
    }
}

#[test]
fn what_a_reader_was_refused_comes_when_they_may_write_on_the_same_socket() {
    let (mut stage, mut ada, _) = cast();
    let mut reader = Phone::new(4);
    stage.joins(&mut reader, Permission::Read);
    let permit = |permission| Input::Permission { peer: PeerId(4), permission };
    let here = |stage: &mut Stage<Automerge>| text_of(stage.core.state_mut().doc());
    for (round, loses_it) in [("one ", false), ("two ", true)] {
        reader.types(round);
        let refused = stage.hears(&mut reader);
        assert_eq!(refusal(&refused), Some(Refusal::ReadOnly));
        assert!(reader.says().is_none(), "sent once, it is not sent again");
        let mut told = stage.input(permit(Permission::Write));
        if loses_it {
            // The queue had no room.
            for lost in [Behind::Again, Behind::Answer] {
                stage.input(Input::Lagging { peer: reader.peer, lost: Lost::Sync(lost) });
            }
            told = stage.input(Input::Drained { peer: reader.peer });
        }
        settle(&mut stage, &mut reader, told);
        assert!(here(&mut stage).contains(round) && reader.is_saved());
        assert_eq!(stage.input(permit(Permission::Read)).len(), 0);
    }
    reader.types("three ");
    assert_eq!(refusal(&stage.hears(&mut reader)), Some(Refusal::ReadOnly));
    ada.types("!");
    let told = then(stage.hears(&mut ada), stage.stored());
    stage.tells(&mut reader, &told);
    assert!(reader.reads().contains('!') && !here(&mut stage).contains("three"));
}

#[test]
fn a_slow_reader_gets_one_message_without_a_hole() {
    let (mut stage, mut ada, mut ben) = cast();
    for letter in ["a", "b", "c"] {
        ada.types(letter);
        stage.hears(&mut ada);
        stage.stored();
        stage.input(Input::Lagging { peer: ben.peer, lost: Lost::FanOut });
        assert!(!stage.core.is_fed(ben.peer));
    }
    let drained = stage.input(Input::Drained { peer: ben.peer });
    assert_eq!(told(&drained, &ben), 1);
    stage.tells(&mut ben, &drained);
    assert_eq!(ben.reads(), "abc");
    assert!(stage.core.is_fed(ben.peer) && ben.is_saved());
}

#[test]
fn a_rest_edit_merges_into_what_others_type() {
    let (mut stage, mut ada, mut ben) = cast();
    ada.types("Hello 😀 world");
    let mut told = then(stage.hears(&mut ada), stage.stored());
    let change = Box::new(|view: studyhall_sync::document::View<'_>, client| {
        let mut note = NoteText::of(view, Format::Plain);
        Ok(note.diff(client, "Hello 😀 new world").expect("a text is edited"))
    });
    told.extend(stage.input(Input::Edit { edit: EditId(1), by: ben.user.into(), change }));
    assert!(!told.iter().any(|effect| matches!(effect, Effect::EditDone { .. })));
    ada.types("!");
    told.extend(stage.hears(&mut ada));
    told.extend(stage.stored());
    told.extend(stage.stored());
    assert!(told.iter().any(|effect| matches!(effect, Effect::EditDone { result: Ok(_), .. })));
    for phone in [&mut ada, &mut ben] {
        stage.tells(phone, &told);
        assert_eq!(phone.reads(), "Hello 😀 new world!");
    }
}

#[test]
fn a_snapshot_holds_all_and_whose_the_actors_are() {
    let (mut stage, mut ada, mut ben) = cast();
    ada.types("of ada; ");
    ben.types("of ben");
    for phone in [&mut ada, &mut ben] {
        stage.hears(phone);
        stage.stored();
    }
    ada.deletes(3);
    stage.hears(&mut ada);
    stage.stored();
    let snapshot = stage.core.snapshot(NOW);
    let mut loaded = State::from_snapshot(&snapshot).expect("a snapshot loads");
    assert_eq!(loaded.version(), stage.core.state_mut().version());
    assert_eq!(loaded.authors_in_order(), snapshot.authors);
    assert_eq!(text_of(loaded.doc()), text_of(stage.core.state_mut().doc()));
    // A change of Ada's actor by Ben is refused after a load, too.
    ada.types("more");
    let more = forged(&mut ada, |_| {});
    let by = |by| Entry {
        seq: loaded.seq() + 1,
        batch: 1,
        at: NOW,
        updates: vec![LoggedUpdate { login: None, put: None, by, data: more.clone() }],
    };
    let entry = by(ada.user);
    assert!(loaded.apply_entry(&entry).expect("an entry applies").is_some());
    assert!(text_of(loaded.doc()).ends_with("more"));
    let cut = studyhall_store::log::Snapshot { authors: Vec::new(), ..snapshot };
    assert!(State::from_snapshot(&cut).is_err());
}

#[test]
fn the_guard_reads_what_the_library_writes() {
    let mut ada = Phone::new(1);
    ada.types(&"many words ".repeat(200));
    ada.deletes(700);
    for change_made in ada.doc.get_changes(&[]) {
        let mut made = change_made.clone();
        for bytes in [made.raw_bytes().to_vec(), made.bytes().to_vec()] {
            let scan = change(&bytes.into()).expect("the guard reads it");
            assert_eq!(scan.hash, made.hash().0);
            assert_eq!(u64::from(scan.seq), made.seq());
            assert_eq!(scan.ops as usize, made.len());
            assert_eq!(scan.operations().count(), made.len());
            let ours: Vec<_> = scan.operations().map(|op| op.expect("an operation")).collect();
            for (ours, theirs) in ours.iter().zip(made.decode().operations) {
                assert_eq!((ours.insert, ours.preds.len()), (theirs.insert, theirs.pred.len()));
                assert_eq!(ours.object.is_none(), theirs.obj == ObjectId::Root);
            }
        }
    }
}

/// A client leaves out what it takes us to have by our Bloom filter, which is wrong once in a hundred. What stands on
/// that is a hole and is asked for; an undo does not stand on it, and is numbered beyond all that we know.
#[test]
fn an_undo_that_comes_before_what_it_undoes_is_asked_for_again_and_saved() {
    let (mut stage, mut ada) = (Stage::<Automerge>::with_limits(Limits::default()), Phone::new(1));
    stage.joins(&mut ada, Permission::Write);
    let before = ada.doc.get_heads();
    ada.types("pasted, and long enough that its letters have numbers of their own");
    let pasted = ada.doc.get_heads();
    ada.writes_at(&before, "instead of it");
    let undo: Vec<_> = ada.doc.get_heads().into_iter().filter(|head| *head != pasted[0]).collect();
    ada.types(" typed on");
    let last = ada.doc.get_heads();
    let heads: Vec<_> = last.iter().map(|head| head.0).collect();
    let changes = [undo[0], last[0]].map(|hash| {
        let change = ada.doc.get_change_by_hash(&hash).expect("it was made");
        change.raw_bytes().to_vec()
    });

    for sent in [&changes[..], &changes[..1]] {
        let mut stage = Stage::<Automerge>::with_limits(Limits::default());
        let mut phone = Phone { doc: ada.doc.clone(), state: SyncState::new(), ..Phone::new(1) };
        let (peer, user) = (phone.peer, phone.user);
        stage.input(Input::Join { peer, user, permission: Permission::Write });
        // What it has said before, as far as its library knows.
        phone.says();
        let told = stage.takes(&phone, &encode(&heads, &[], sent.iter().map(Vec::as_slice)));
        assert_eq!(refusal(&told), None);
        stage.tells(&mut phone, &told);
        for _ in 0..10 {
            let mut told = stage.hears(&mut phone);
            told.extend(stage.stored());
            assert_eq!(refusal(&told), None);
            stage.tells(&mut phone, &told);
        }
        assert!(phone.is_saved());
        assert_eq!(stage.core.state().heads(), heads);
    }
}
