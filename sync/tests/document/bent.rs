//! Changes that no client makes: whatever the core takes of them, the document can be saved and loaded again.

use automerge::{
    ActorId, AutoCommit, Change, ExpandedChange, ObjType, ROOT, ReadDoc, ScalarValue,
    legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType},
    marks::{ExpandMark, Mark},
    transaction::Transactable,
};
use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use studyhall_schema::access::Permission;
use studyhall_store::log::{Entry, LoggedUpdate};
use studyhall_sync::{
    document::{Applied, Automerge, Engine, Limits, Refusal},
    guard::automerge::change,
    text::automerge::first_change,
    wire::automerge::encode,
};

use crate::{
    cast::{NOW, Stage, appended, refusal},
    phone::{Phone, text_of},
};

type State = <Automerge as Engine>::State;

fn cast() -> (Stage<Automerge>, Phone, Phone) {
    let mut stage = Stage::<Automerge>::with_limits(Limits::default());
    let (mut ada, mut mallory) = (Phone::new(1), Phone::new(6));
    stage.joins(&mut ada, Permission::Write);
    stage.joins(&mut mallory, Permission::Write);
    (stage, ada, mallory)
}

/// Mallory sends a change as it is; what it says of it when it has been stored, if it was taken.
fn sends(
    stage: &mut Stage<Automerge>,
    phone: &Phone,
    change: &[u8],
) -> Result<(), Option<Refusal>> {
    let sent = stage.takes(phone, &encode(&[], &[], [change].into_iter()));
    if appended(&sent).is_none() {
        return Err(refusal(&sent));
    }
    stage.stored();
    Ok(())
}

fn stored(stage: &mut Stage<Automerge>, phone: &mut Phone) {
    let mut told = stage.hears(phone);
    told.extend(stage.stored());
    stage.tells(phone, &told);
}

fn is_durable(stage: &Stage<Automerge>, phone: &mut Phone) -> bool {
    phone.doc.get_heads().iter().all(|head| stage.core.state().heads().contains(&head.0))
}

/// A change of a new actor's that stands on these.
fn by(
    actor: u8,
    start: u64,
    heads: &[automerge::ChangeHash],
    operations: Vec<Op>,
) -> ExpandedChange {
    ExpandedChange {
        operations,
        actor_id: ActorId::from([actor; 16]),
        author: None,
        hash: None,
        seq: 1,
        start_op: start.try_into().expect("counters begin at 1"),
        time: 0,
        message: None,
        deps: heads.to_vec(),
        extra_bytes: Vec::new(),
    }
}

fn put(key: &str) -> Op {
    Op {
        action: OpType::Put(ScalarValue::Int(1)),
        obj: ObjectId::Root,
        key: Key::Map(key.into()),
        pred: Vec::new().into(),
        insert: false,
    }
}

fn raw(change: ExpandedChange) -> Bytes {
    Bytes::copy_from_slice(Change::from(change).raw_bytes())
}

/// Where the counters of a document end.
fn end(doc: &mut AutoCommit) -> u64 {
    doc.get_changes(&[]).iter().map(Change::max_op).max().unwrap_or_default() + 1
}

fn loads(doc: &mut AutoCommit) {
    let mut again = AutoCommit::load(&doc.save()).expect("what was saved is loaded");
    assert_eq!(again.get_heads(), doc.get_heads());
}

#[test]
fn a_change_of_nothing_leaves_nothing_out() {
    let (mut stage, mut ada, mallory) = cast();
    ada.types("Hello");
    stored(&mut stage, &mut ada);
    let (end, heads) = (end(&mut ada.doc), ada.doc.get_heads());
    let refused = Err(Some(Refusal::NoParent));
    let none = |actor, start, deps: &[_]| raw(by(actor, start, deps, Vec::new()));
    for (actor, start) in [(10, end + 1), (11, end + 1000), (12, end - 1)] {
        assert_eq!(sends(&mut stage, &mallory, &none(actor, start, &heads)), refused, "{start}");
    }
    assert_eq!(sends(&mut stage, &mallory, &none(13, 50, &[])), refused, "on nothing");
    loads(stage.core.state_mut().doc());
    // As stock clients make them: behind everything, or behind nothing.
    assert_eq!(sends(&mut stage, &mallory, &none(14, end, &heads)), Ok(()));
    assert_eq!(sends(&mut stage, &mallory, &none(15, 1, &[])), Ok(()));
    ada.doc.empty_change(automerge::transaction::CommitOptions::default());
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada));
    loads(stage.core.state_mut().doc());
}

#[test]
fn counters_are_left_out_only_by_who_goes_on_from_an_older_version() {
    let (mut stage, mut ada, mallory) = cast();
    let first = ada.doc.get_heads();
    ada.types(&"many words ".repeat(200));
    stored(&mut stage, &mut ada);
    let (end, heads) = (end(&mut ada.doc), ada.doc.get_heads());
    let refused = Err(Some(Refusal::NoParent));
    for (actor, start) in [(10, end + 1), (11, 1 << 26), (12, (1 << 31) - 2)] {
        let change = raw(by(actor, start, &heads, vec![put("k")]));
        assert_eq!(sends(&mut stage, &mallory, &change), refused, "{start}");
    }
    // Ada looks at an older version, and writes there.
    ada.doc.isolate(&first);
    ada.types("then: ");
    ada.doc.integrate();
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada) && ada.reads().contains("then: "));
    // Two thousand times 2,200 counters are more than all may leave out together.
    let mut others: Vec<_> = (20..30).map(Phone::new).collect();
    for other in &mut others {
        stage.joins(other, Permission::Write);
    }
    let taken = (0..2000_u32).take_while(|number| {
        let mut change = by(0, end, &first, vec![put("k")]);
        change.actor_id = ActorId::from(number.to_be_bytes());
        sends(&mut stage, &others[*number as usize % 10], &raw(change)).is_ok()
    });
    let taken = taken.count();
    assert!((1800..1910).contains(&taken), "{taken}");
    ada.types("!");
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada));
    loads(stage.core.state_mut().doc());
}

/// Sends changes of new actors', each on `heads`, until one is refused; how many were taken.
fn spreads(
    stage: &mut Stage<Automerge>,
    phone: &Phone,
    heads: &[automerge::ChangeHash],
    start: u64,
    first: u32,
) -> usize {
    let taken = (first..first + 3000).take_while(|number| {
        let mut change = by(0, start, heads, vec![put("k")]);
        change.actor_id = ActorId::from(number.to_be_bytes());
        sends(stage, phone, &raw(change)).is_ok()
    });
    taken.count()
}

#[test]
fn no_more_changes_stand_side_by_side_than_a_client_can_name() {
    let (mut stage, mut ada, mallory) = cast();
    ada.types("Hello");
    stored(&mut stage, &mut ada);
    let (start, heads) = (end(&mut ada.doc), ada.doc.get_heads());
    assert_eq!(spreads(&mut stage, &mallory, &heads, start, 0), 256, "all of one person");
    // Ada's phone was offline, and writes on, which takes all of them together.
    ada.types(" world");
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada));
    assert_eq!(stage.core.state().heads().len(), 257);
    let all = stage.hears(&mut ada);
    stage.tells(&mut ada, &all);
    ada.doc.merge(stage.core.state_mut().doc()).expect("her copy takes all of it");
    ada.types("!");
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada));
    assert_eq!(stage.core.state().heads().len(), 1);
    assert_eq!(spreads(&mut stage, &mallory, &heads, start, 5000), 256);
    // Of many people who do this no more than all clients can name.
    for number in 7..14 {
        let mut other = Phone::new(number);
        stage.joins(&mut other, Permission::Write);
        spreads(&mut stage, &other, &heads, start, 10_000 * u32::from(number));
    }
    assert_eq!(stage.core.state().heads().len(), 1 + 8 * 256 - 1);
    ada.types("?");
    stored(&mut stage, &mut ada);
    assert!(is_durable(&stage, &mut ada), "who goes on from a head adds none");
}

#[test]
fn a_log_with_a_change_of_nothing_that_left_something_out_is_loaded_without_it() {
    let mut ada = Phone::new(1);
    ada.types("Hello");
    let hello = ada.doc.get_last_local_change().expect("she has typed").raw_bytes().to_vec();
    let (end, heads) = (end(&mut ada.doc), ada.doc.get_heads());
    let hollow = raw(by(10, end + 1, &heads, Vec::new()));
    ada.types(" world");
    let world = ada.doc.get_last_local_change().expect("she has typed").raw_bytes().to_vec();
    let first = first_change(studyhall_schema::document::DocumentKind::PlainNote);
    let mut state = State::default();
    let data = [first.into(), hello.into(), hollow, world.into()];
    let updates =
        data.map(|data: Bytes| LoggedUpdate { login: None, put: None, by: ada.user, data });
    let entry = Entry { seq: 1, batch: 1, at: NOW, updates: updates.into() };
    state.apply_entry(&entry).expect("an entry applies");
    state.settle().expect("the library takes it");
    assert_eq!((text_of(state.doc()).as_str(), state.has_orphans()), ("Hello world", true));
    loads(state.doc());
}

/// Edits of all kinds.
fn edits(phone: &mut Phone, random: &mut StdRng) {
    let (_, content) = phone.doc.get(ROOT, "content").unwrap().expect("there is a text");
    let length = phone.doc.length(&content);
    let doc = &mut phone.doc;
    match random.random_range(0..7) {
        0 => doc.put(ROOT, "key", random.random_range(0..5_i64)).unwrap(),
        1 => drop(doc.put_object(ROOT, "list", ObjType::List).unwrap()),
        2 => doc.put(ROOT, "counter", ScalarValue::counter(1)).unwrap(),
        3 if matches!(doc.get(ROOT, "counter"), Ok(Some(_))) => {
            doc.increment(ROOT, "counter", 2).unwrap();
        }
        4 if length > 3 => {
            let at = random.random_range(0..length - 2);
            doc.splice_text(&content, at, 2, "").unwrap();
        }
        5 if length > 3 => {
            let mark = Mark::new("bold".into(), true, 0, random.random_range(1..length));
            doc.mark(&content, mark, ExpandMark::Both).unwrap();
        }
        _ => doc.splice_text(&content, length, 0, "word").unwrap(),
    }
    doc.commit();
}

/// Bends one thing of a change.
fn bend(change: &mut ExpandedChange, first: automerge::ChangeHash, random: &mut StdRng) {
    let ops = &mut change.operations;
    let at = random.random_range(0..ops.len().max(1));
    let start = change.start_op.get();
    let some = OpId::new(random.random_range(1..start + 3), &change.actor_id);
    let Some(op) = ops.get_mut(at) else { return };
    match random.random_range(0..17) {
        0 => ops.clear(),
        1 => ops.truncate(at),
        2 => ops.reverse(),
        3 => ops.push(ops[at].clone()),
        4 => change.start_op = (start + [1, 2, 9, 1000][at % 4]).try_into().unwrap(),
        5 => change.start_op = random.random_range(1..=start).try_into().unwrap(),
        6 => change.deps.clear(),
        7 => change.deps = vec![first],
        8 => op.insert = !op.insert,
        9 => op.obj = ObjectId::Root,
        10 => op.key = Key::Map("key".into()),
        11 => op.key = Key::Seq(ElementId::Head),
        12 => op.key = Key::Seq(ElementId::Id(some)),
        13 => op.pred = vec![some].into(),
        14 => op.pred = Vec::new().into(),
        15 => change.extra_bytes = vec![1, 1, 7],
        _ => {
            let data = MarkData { name: "bold".into(), value: true.into(), expand: true };
            op.action = match random.random_range(0..8) {
                0 => OpType::Delete,
                1 => OpType::Increment(1),
                2 => OpType::Make(ObjType::Table),
                3 => OpType::Make(ObjType::Text),
                4 => OpType::MarkBegin(data),
                5 => OpType::MarkEnd(false),
                6 => OpType::Put(ScalarValue::Null),
                _ => OpType::Put(ScalarValue::Unknown { type_code: 12, bytes: vec![1] }),
            };
        }
    }
}

/// The same change with a byte of it bent, under a checksum that is right.
fn spoil(change: &Bytes, random: &mut StdRng) -> Bytes {
    let mut bytes = change.to_vec();
    let begin = bytes.len() - body(change).len();
    let at = random.random_range(begin..bytes.len());
    bytes[at] = match random.random_range(0..3) {
        0 => random.random(),
        1 => bytes[at].wrapping_add(1),
        _ => bytes[at] ^ 1 << random.random_range(0..8),
    };
    let digest = Sha256::digest(&bytes[8..]);
    bytes[4..8].copy_from_slice(&digest[..4]);
    bytes.into()
}

/// What follows the length, which follows magic, checksum and kind.
fn body(change: &Bytes) -> &[u8] {
    let length = change[9..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    &change[9 + length..]
}

/// One history of Ada's, into which Mallory throws what is like Ada's changes.
fn plays(seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut stage, mut ada, mallory) = cast();
    let first = ada.doc.get_heads()[0];
    let mut taken = 0;
    for round in 0..6_u8 {
        edits(&mut ada, &mut random);
        let made = ada.doc.get_last_local_change().expect("something was made").decode();
        for number in 0..6_u8 {
            let mut bent = made.clone();
            bent.actor_id = ActorId::from([100 + round * 6 + number; 16]);
            bent.seq = 1;
            bent.deps.retain(|dep| stage.core.state().heads().contains(&dep.0));
            for _ in 0..random.random_range(0..3) {
                bend(&mut bent, first, &mut random);
            }
            let mut bytes = raw(bent);
            if random.random() {
                bytes = spoil(&bytes, &mut random);
            }
            if change(&bytes).is_ok() && sends(&mut stage, &mallory, &bytes).is_ok() {
                taken += 1;
                loads(stage.core.state_mut().doc());
            }
        }
        stored(&mut stage, &mut ada);
        ada.doc.merge(stage.core.state_mut().doc()).expect("her copy takes all of it");
        loads(&mut ada.doc);
    }
    let snapshot = stage.core.snapshot(NOW);
    State::from_snapshot(&snapshot).expect("a snapshot loads");
    taken
}

#[test]
fn whatever_is_taken_can_be_saved_and_loaded() {
    let from_environment = option_env!("STUDYHALL_SEED").and_then(|seed| seed.parse().ok());
    let seeds = from_environment.map_or(0..60, |seed: u64| seed..seed + 1);
    let mut taken = 0;
    for seed in seeds.clone() {
        let history = std::panic::catch_unwind(|| plays(seed));
        taken +=
            history.unwrap_or_else(|_| panic!("seed {seed}: STUDYHALL_SEED={seed} runs it alone"));
    }
    assert!(taken > seeds.count(), "hardly anything was taken: {taken}");
}
