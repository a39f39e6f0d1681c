//! What the core promises, one plot each.

use bytes::Bytes;
use studyhall_schema::access::Permission;
use studyhall_store::{
    StoreError,
    log::{Entry, LONGEST_UPDATE, LoggedUpdate, Outcome},
};
use studyhall_sync::document::{Applied, Effect, Input, Limits, PeerId, Refusal, Yjs};
use yrs::{Text, Transact};

use crate::cast::{NOW, Person, Stage, acks, appended, cast, refusal, shown, text_of};

#[test]
fn nobody_is_told_or_shown_anything_before_it_is_durable() {
    let (mut stage, ada, _) = cast();
    let sent = stage.sends(&ada, ada.types("Hello"));
    assert!(appended(&sent).is_some());
    assert!(shown(&sent).is_none() && acks(&sent, &ada) == 0, "{sent:?}");
    // A joiner's Step2 is made from durable state only.
    let cleo = Person::new(3);
    stage.input(Input::Join { peer: cleo.peer(), user: cleo.user, permission: Permission::Read });
    let step = stage.input(Input::Step1 { peer: cleo.peer(), vector: cleo.vector() });
    for effect in &step {
        if let Effect::Difference { update, .. } = effect {
            cleo.hears(update);
        }
    }
    assert_eq!(cleo.reads(), "");
    let stored = stage.stored();
    cleo.hears(shown(&stored).expect("it is shown now"));
    assert_eq!((cleo.reads().as_str(), acks(&stored, &ada)), ("Hello", 1));
}

#[test]
fn what_waits_during_a_commit_is_one_append_and_one_frame() {
    let (mut stage, ada, ben) = cast();
    let first = stage.sends(&ada, ada.types("a"));
    assert_eq!(appended(&first).map(|append| append.updates.len()), Some(1));
    for letter in ["b", "c", "d"] {
        assert!(appended(&stage.sends(&ada, ada.types(letter))).is_none());
    }
    assert!(appended(&stage.sends(&ben, ben.types("z"))).is_none());
    let stored = stage.stored();
    let next = appended(&stored).expect("what waited follows at once");
    assert_eq!((next.seq, next.updates.len()), (2, 4));
    let stored = stage.stored();
    assert_eq!((acks(&stored, &ada), acks(&stored, &ben)), (3, 1));
    assert_eq!(stored.iter().filter(|effect| matches!(effect, Effect::FanOut { .. })).count(), 1);
    assert_eq!(text_of(stage.core.state().doc()).len(), 5);
}

#[test]
fn an_update_above_a_hole_is_kept_aside_until_the_hole_fills() {
    let (mut stage, ada, _) = cast();
    let (first, second, third) = (ada.types("1"), ada.types("2"), ada.types("3"));
    let held = stage.sends(&ada, third);
    assert!(appended(&held).is_none() && acks(&held, &ada) == 0);
    assert!(
        held.iter().any(|effect| matches!(effect, Effect::Step1 { .. })),
        "the client is asked"
    );
    assert!(appended(&stage.sends(&ada, second)).is_none());
    let sent = stage.sends(&ada, first);
    assert_eq!(appended(&sent).map(|append| append.updates.len()), Some(3));
    assert_eq!(acks(&stage.stored(), &ada), 3);
    assert_eq!(text_of(stage.core.state().doc()), "123");
}

#[test]
fn a_hole_that_never_fills_costs_a_mebibyte_and_then_is_refused() {
    let (mut stage, ada, _) = cast();
    ada.types("the lost one");
    let large = "x".repeat(300 << 10);
    let refusals: Vec<_> = (0..6).map(|_| refusal(&stage.sends(&ada, ada.types(&large)))).collect();
    assert_eq!(refusals[..3], [None, None, None]);
    assert_eq!(refusals[5], Some(Refusal::HoleTooLarge));
    assert_eq!(stage.core.unsaved_bytes(), 0);
}

#[test]
fn nobody_writes_under_somebody_elses_client_id() {
    let (mut stage, ada, ben) = cast();
    stage.sends(&ada, ada.types("mine"));
    stage.stored();
    let forged = ada.types("forged");
    let refused = stage.sends(&ben, forged);
    assert_eq!(refusal(&refused), Some(Refusal::ForeignClient));
    assert!(refused.iter().any(|effect| matches!(effect, Effect::Audit { client: 1001, .. })));
    // What everybody has already may come from anybody: that is how clients answer a Step1.
    let again = Person::new(2);
    again.hears(&ada.all());
    let everything = stage.core.snapshot(NOW).state;
    let known = stage.sends_as(&ben, everything, true);
    assert_eq!((acks(&known, &ben), refusal(&known)), (1, None));
}

#[test]
fn what_somebody_else_was_first_with_is_not_acknowledged_to_its_author() {
    let (mut stage, ada, ben) = cast();
    // Ben writes under Ada's client id before she has written anything.
    let squatter = Person::new(1);
    stage.sends(&ben, squatter.types("eeeeeeeeeeeeeeeeeeeeeee"));
    stage.stored();
    let precious = ada.types("Ada's precious text");
    let told = stage.sends(&ada, precious.clone());
    assert_eq!((refusal(&told), acks(&told, &ada)), (Some(Refusal::ForeignClient), 0));
    // Who only brings what is there, in whatever pieces, is acknowledged.
    let reader = Person::new(3);
    stage.joins(&reader, Permission::Write);
    reader.hears(&squatter.all());
    assert_eq!(acks(&stage.sends_as(&reader, reader.all(), true), &reader), 1);
    // The same while the first is still on its way to the store.
    let (mut stage, ada, ben) = cast();
    let squatter = Person::new(1);
    stage.sends(&ben, squatter.types("eeeeeeeeeeeeeeeeeeeeeee"));
    let waits = stage.sends(&ada, precious);
    assert_eq!((refusal(&waits), acks(&waits, &ada)), (None, 0));
    let told = stage.stored();
    assert_eq!((refusal(&told), acks(&told, &ada)), (Some(Refusal::ForeignClient), 0));
}

/// A person's first awareness.
fn here(person: &Person) -> Bytes {
    let mut here = vec![1];
    here.extend(varint(person.doc.client_id().get()));
    here.extend([1, 2, b'{', b'}']);
    here.into()
}

#[test]
fn who_may_only_read_keeps_nobody_from_writing() {
    let (mut stage, ada, mallory) = (Stage::new(), Person::new(1), Person::new(2));
    stage.joins(&ada, Permission::Write);
    stage.joins(&mallory, Permission::Read);
    stage.input(Input::Awareness { peer: mallory.peer(), update: here(&ada) });
    let sent = stage.sends(&ada, ada.types("mine"));
    assert_eq!(refusal(&sent), None);
    assert_eq!(acks(&stage.stored(), &ada), 1);
}

#[test]
fn nobody_takes_a_client_id_that_somebody_else_is_seen_with() {
    let (mut stage, ada, ben) = cast();
    // Ada is here and has written nothing yet; her client id stands in her awareness.
    stage.input(Input::Awareness { peer: ada.peer(), update: here(&ada) });
    let squatter = Person::new(1); // the same client id as Ada's
    let refused = stage.sends(&ben, squatter.types("mine now"));
    assert_eq!(refusal(&refused), Some(Refusal::ForeignClient));
    assert!(appended(&stage.sends(&ada, ada.types("mine"))).is_some());
}

#[test]
fn who_was_first_with_a_client_id_is_what_the_log_says() {
    // Ada writes on another node; this one has not heard of it yet.
    let mut stage = Stage::<Yjs>::with_limits(Limits { alone: false, ..Limits::default() });
    let (ada, ben) = (Person::new(1), Person::new(2));
    stage.joins(&ben, Permission::Write);
    let hers = ada.types("hers, and durable");
    let forger = Person::new(1); // the same client id as Ada's
    let forged = stage.sends(&ben, forger.types("burnt clocks, longer than what is hers"));
    assert!(appended(&forged).is_some(), "nothing tells yet that it is forged");
    assert!(
        stage
            .input(Input::Outcome(Outcome::Behind))
            .iter()
            .any(|effect| { matches!(effect, Effect::ReadLog) })
    );
    let update = LoggedUpdate { login: None, put: None, by: ada.user, data: hers };
    let entry = Entry { seq: 1, batch: 7, at: NOW, updates: vec![update] };
    let told = stage.reads(vec![entry]);
    assert_eq!((refusal(&told), acks(&told, &ben)), (Some(Refusal::ForeignClient), 0));
    assert!(told.iter().any(|effect| matches!(effect, Effect::Audit { client: 1001, .. })));
    assert!(appended(&told).is_none() && !stage.core.is_unsaved());
    assert_eq!(text_of(stage.core.state().doc()), "hers, and durable");
    // Ben's own edits go on as if nothing had been.
    stage.sends(&ben, ben.types("his; "));
    assert_eq!(acks(&stage.stored(), &ben), 1);
}

#[test]
fn who_comes_from_another_node_brings_what_this_one_has_not_heard_of() {
    let mut stage = Stage::<Yjs>::with_limits(Limits { alone: false, ..Limits::default() });
    let (ada, ben, reader) = (Person::new(1), Person::new(2), Person::new(3));
    let update = LoggedUpdate {
        login: None,
        put: None,
        by: ada.user,
        data: ada.types("from the other node"),
    };
    reader.hears(&ada.all());
    ben.hears(&ada.all());
    let entry = || Entry { seq: 1, batch: 7, at: NOW, updates: vec![update.clone()] };
    // A reader's Step2 holds what this node lacks: the log is read before that is refused.
    stage.joins(&reader, Permission::Read);
    let asked = stage.sends_as(&reader, reader.all(), true);
    assert!(asked.iter().any(|effect| matches!(effect, Effect::ReadLog)));
    assert_eq!((refusal(&asked), acks(&asked, &reader)), (None, 0));
    let told = stage.reads(vec![entry()]);
    assert_eq!((refusal(&told), acks(&told, &reader)), (None, 1));
    // What a reader makes is refused after a look at the log.
    let asked = stage.sends(&reader, reader.types("!"));
    assert_eq!(refusal(&asked), None);
    let told = stage.reads(vec![]);
    assert_eq!(refusal(&told), Some(Refusal::ReadOnly));
    // Ada's own client id stays hers though Ben brought her content first, to a node behind.
    let mut behind = Stage::<Yjs>::with_limits(Limits { alone: false, ..Limits::default() });
    behind.joins(&ben, Permission::Write);
    behind.joins(&ada, Permission::Write);
    assert!(appended(&behind.sends_as(&ben, ben.all(), true)).is_some());
    let typed = behind.sends(&ada, ada.types(", and more"));
    assert_eq!(refusal(&typed), None, "the log will tell");
    behind.input(Input::Outcome(Outcome::Behind));
    behind.reads(vec![entry()]);
    let mut stored = behind.stored();
    stored.extend(behind.stored());
    assert_eq!((acks(&stored, &ben), acks(&stored, &ada)), (1, 1));
    assert_eq!(text_of(behind.core.state().doc()), "from the other node, and more");
}

#[test]
fn nothing_is_put_into_what_is_no_type() {
    let (mut stage, ada, ben) = cast();
    stage.sends(&ada, ada.types("text"));
    stage.stored();
    // yrs stops half-way through such an update, when it would be durable already.
    let into = |client: u64, clock: u64| {
        let head = [varint(1), varint(1), varint(9), varint(0), vec![0b0000_0100, 0]].concat();
        Bytes::from([head, varint(client), varint(clock), vec![1, b'x', 0]].concat())
    };
    let no_parent = stage.sends(&ben, into(ada.doc.client_id().get(), 1));
    assert_eq!(refusal(&no_parent), Some(Refusal::NoParent));
    assert!(appended(&no_parent).is_none());
    // Nor into what is still on its way to the store.
    stage.sends(&ada, ada.types("more"));
    let no_parent = stage.sends(&ben, into(ada.doc.client_id().get(), 5));
    assert_eq!(refusal(&no_parent), Some(Refusal::NoParent));
    stage.stored();
    assert_eq!(text_of(stage.core.state().doc()), "textmore");
}

#[test]
fn many_small_blocks_fill_a_document_by_what_they_take_in_memory() {
    let limits = Limits { hard_memory: 2 << 20, ..Limits::default() };
    let mut stage = Stage::<Yjs>::with_limits(limits);
    let ada = Person::new(1);
    stage.joins(&ada, Permission::Write);
    // Typed one after the other, letters become one block: the estimate is far above what they take.
    for _ in 0..10_000 {
        stage.sends(&ada, ada.types("x"));
        assert_eq!(acks(&stage.stored(), &ada), 1);
    }
    assert!(stage.core.state().memory() < 2 << 20);
    // Typed each before the last, they stay blocks of their own.
    let content = ada.doc.get_or_insert_text("content");
    let mut transaction = ada.doc.transact_mut();
    (0..8_000).for_each(|_| content.insert(&mut transaction, 0, "x"));
    let blocks = transaction.encode_update_v1();
    drop(transaction);
    assert!(blocks.len() < 200_000);
    assert_eq!(refusal(&stage.sends(&ada, blocks.into())), Some(Refusal::DocumentFull));
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(u8::try_from(number & 127).expect("seven bits") | 128);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
    bytes
}

#[test]
fn a_reader_is_acknowledged_for_what_it_has_and_refused_what_it_makes() {
    let (mut stage, ada, _) = cast();
    let reader = Person::new(4);
    stage.sends(&ada, ada.types("read me"));
    stage.stored();
    stage.sends(&ada, ada.deletes_first());
    let frames = stage.stored();
    assert!(shown(&frames).is_some());
    stage.joins(&reader, Permission::Read);
    reader.hears(&stage.core.snapshot(NOW).state);
    assert_eq!(acks(&stage.sends_as(&reader, Bytes::from_static(&[0, 0]), true), &reader), 1);
    assert_eq!(acks(&stage.sends_as(&reader, reader.all(), true), &reader), 1, "nothing is new");
    assert_eq!(refusal(&stage.sends(&reader, reader.types("!"))), Some(Refusal::ReadOnly));
    assert_eq!(refusal(&stage.sends(&reader, reader.deletes_first())), Some(Refusal::ReadOnly));
    assert_eq!(text_of(stage.core.state().doc()), "ead me");
}

#[test]
fn who_becomes_a_reader_writes_no_more_and_who_is_removed_asks_in_vain() {
    let (mut stage, ada, _) = cast();
    let peer = ada.peer();
    stage.input(Input::Permission { peer, permission: Permission::Read });
    assert_eq!(refusal(&stage.sends(&ada, ada.types("!"))), Some(Refusal::ReadOnly));
    stage.input(Input::Permission { peer, permission: Permission::None });
    assert!(stage.input(Input::Step1 { peer, vector: ada.vector() }).is_empty());
    stage.input(Input::Permission { peer, permission: Permission::Write });
    assert!(appended(&stage.sends_as(&ada, ada.all(), true)).is_some());
}

#[test]
fn many_connections_of_one_person_keep_no_more_above_holes_than_one() {
    let (mut stage, ada, _) = cast();
    ada.types("the lost one");
    let scan = |update: &Bytes| studyhall_sync::guard::update_v1(update).unwrap();
    let mut refused = 0;
    for number in 100..110 {
        let peer = PeerId(number);
        stage.input(Input::Join { peer, user: ada.user, permission: Permission::Write });
        let update = ada.types(&"x".repeat(300 << 10));
        let input = Input::Update { peer, scan: scan(&update), update, step2: false };
        refused += usize::from(refusal(&stage.input(input)) == Some(Refusal::HoleTooLarge));
    }
    assert_eq!(refused, 7);
    assert!(stage.core.aside_bytes() <= 1 << 20);
}

#[test]
fn what_is_sent_twice_is_written_once_and_acknowledged_twice() {
    let (mut stage, ada, _) = cast();
    let update = ada.types("once");
    assert!(appended(&stage.sends(&ada, update.clone())).is_some());
    let twice = stage.sends(&ada, update.clone());
    assert_eq!(acks(&twice, &ada), 0, "it is not durable yet");
    assert_eq!(acks(&stage.stored(), &ada), 2);
    let late = stage.sends(&ada, update);
    assert!(appended(&late).is_none() && acks(&late, &ada) == 1);
}

#[test]
fn repeats_without_end_are_refused_while_the_store_is_away() {
    let mut stage = Stage::<Yjs>::with_limits(Limits { promises: 10, ..Limits::default() });
    let ada = Person::new(1);
    stage.joins(&ada, Permission::Write);
    let update = ada.types("again and again");
    stage.sends(&ada, update.clone());
    let refusals = (0..50).filter(|_| refusal(&stage.sends(&ada, update.clone())).is_some());
    assert_eq!(refusals.count(), 41);
    assert_eq!(acks(&stage.stored(), &ada), 10);
}

#[test]
fn a_store_that_fails_pauses_everybody_and_loses_nothing() {
    let (mut stage, ada, _) = cast();
    stage.sends(&ada, ada.types("kept"));
    let down = Outcome::Failed(StoreError::Unavailable("disk full".into()));
    let failed = stage.input(Input::Outcome(down.clone()));
    assert!(failed.iter().any(|effect| matches!(effect, Effect::Paused(true))));
    let again = appended(&failed).expect("the same append is tried again").batch;
    let failed = stage.input(Input::Outcome(down));
    assert_eq!(appended(&failed).map(|append| append.batch), Some(again));
    let stored = stage.stored();
    assert!(stored.iter().any(|effect| matches!(effect, Effect::Paused(false))));
    assert_eq!(acks(&stored, &ada), 1);
}

#[test]
fn a_node_that_was_second_reads_what_it_missed_and_appends_at_the_tail() {
    let (mut stage, ada, _) = cast();
    let elsewhere = Person::new(9);
    stage.sends(&ada, ada.types("here"));
    let behind = stage.input(Input::Outcome(Outcome::Behind));
    assert!(behind.iter().any(|effect| matches!(effect, Effect::ReadLog)));
    let logged =
        LoggedUpdate { login: None, put: None, by: elsewhere.user, data: elsewhere.types("there") };
    let missed = Entry { seq: 1, batch: 99, at: NOW, updates: vec![logged] };
    let caught_up = stage.reads(vec![missed]);
    assert!(shown(&caught_up).is_some(), "what another node has written is durable");
    assert_eq!(appended(&caught_up).map(|append| append.seq), Some(2));
    assert_eq!(acks(&stage.stored(), &ada), 1);
    assert_eq!(stage.core.state().seq(), 2);
}

#[test]
fn a_log_that_cannot_be_read_pauses_everybody_whose_edits_wait_for_it() {
    let (mut stage, ada, _) = cast();
    let paused =
        |effects: &[Effect]| effects.iter().filter(|it| matches!(it, Effect::Paused(true))).count();
    assert_eq!(paused(&stage.input(Input::Unread)), 0, "nobody waits");
    stage.sends(&ada, ada.types("here"));
    stage.input(Input::Outcome(Outcome::Behind));
    assert_eq!(paused(&stage.input(Input::Unread)), 1);
    assert_eq!(paused(&stage.input(Input::Unread)), 0, "once");
    let read = stage.reads(Vec::new());
    assert!(appended(&read).is_some(), "it goes on");
    assert!(stage.stored().iter().any(|effect| matches!(effect, Effect::Paused(false))));
}

#[test]
fn too_much_that_waits_is_refused_until_the_store_returns() {
    let mut stage = Stage::<Yjs>::with_limits(Limits { waiting_bytes: 1000, ..Limits::default() });
    let ada = Person::new(1);
    stage.joins(&ada, Permission::Write);
    stage.sends(&ada, ada.types(&"x".repeat(900)));
    let refused = ada.types(&"y".repeat(900));
    assert_eq!(refusal(&stage.sends(&ada, refused.clone())), Some(Refusal::Overloaded));
    let is_asked = |effects: &[Effect]| effects.iter().any(|it| matches!(it, Effect::Step1 { .. }));
    assert!(!is_asked(&stage.input(Input::Tick)), "there is no room yet");
    stage.stored();
    assert!(stage.core.wants_tick().1);
    assert!(is_asked(&stage.input(Input::Tick)), "a client does not send it again by itself");
    assert!(!is_asked(&stage.input(Input::Tick)), "once");
    assert!(appended(&stage.sends(&ada, refused)).is_some(), "the same is taken later");
}

#[test]
fn of_a_stored_copy_with_a_few_words_more_only_those_are_written() {
    let (mut stage, ada, ben) = cast();
    stage.sends(&ada, ada.types(&"x".repeat(20_000)));
    ben.hears(shown(&stage.stored()).expect("it is shown"));
    ben.deletes_first();
    stage.sends(&ben, ben.all());
    ada.hears(shown(&stage.stored()).expect("it is shown"));
    ben.types("and Ben's");
    let sent = stage.sends_as(&ben, ben.all(), true);
    let written = &appended(&sent).expect("it is written").updates[0].data;
    assert!(written.len() < 100, "{} bytes", written.len());
    let again = stage.sends(&ben, ben.all());
    assert!(appended(&again).is_none() && acks(&again, &ben) == 0, "another tab's waits for it");
    let stored = stage.stored();
    assert_eq!(acks(&stored, &ben), 2);
    ada.hears(shown(&stored).expect("it is shown"));
    assert_eq!((ada.reads(), ada.reads().len()), (ben.reads(), 20_008));
}

#[test]
fn what_the_store_can_never_take_is_refused_and_nobody_waits_for_it() {
    let (mut stage, ada, ben) = cast();
    assert!(appended(&stage.sends(&ada, ada.types("a page that is too long"))).is_some());
    let waits = stage.sends(&ben, ben.types("Ben's word"));
    assert!(appended(&waits).is_none() && refusal(&waits).is_none());
    let invalid = StoreError::Invalid("an update is longer than it takes".into());
    let told = stage.input(Input::Outcome(Outcome::Failed(invalid)));
    let refused = told.iter().find_map(|effect| match effect {
        Effect::Refuse { peer, reason } => Some((*peer, *reason)),
        _ => None,
    });
    assert_eq!(refused, Some((ada.peer(), Refusal::DocumentFull)));
    let append = appended(&told).expect("what waited is on its way");
    assert_eq!((append.seq, append.updates.len()), (1, 1));
    let stored = stage.stored();
    assert_eq!((acks(&stored, &ada), acks(&stored, &ben)), (0, 1));
    assert_eq!(text_of(stage.core.state().doc()), "Ben's word");
    assert!(!stage.core.is_unsaved());
}

#[test]
fn an_update_longer_than_any_store_takes_is_refused_when_it_comes() {
    let roomy = Limits { hard_bytes: usize::MAX, hard_memory: u64::MAX, ..Limits::default() };
    let mut stage = Stage::<Yjs>::with_limits(roomy);
    let (ada, ben) = (Person::new(1), Person::new(2));
    stage.joins(&ada, Permission::Write);
    stage.joins(&ben, Permission::Write);
    let sent = stage.sends(&ada, ada.types(&"a".repeat(LONGEST_UPDATE)));
    assert_eq!((refusal(&sent), appended(&sent).is_none()), (Some(Refusal::DocumentFull), true));
    assert!(appended(&stage.sends(&ben, ben.types("Ben's word"))).is_some());
}
