//! Awareness as people live it: joining, moving, reflecting, closing tabs and coming back.

use proptest::prelude::*;

use super::{update::encode, *};

const ADA_HERE: u64 = 101;
const BEN_HERE: u64 = 202;

fn ada() -> Who {
    Who { user: UserId::from_bytes([1; 12]), writes: true }
}

fn ben() -> Who {
    Who { user: UserId::from_bytes([2; 12]), writes: true }
}

/// One of many.
fn member(number: u64) -> Who {
    let mut user = [0; 12];
    user[4..].copy_from_slice(&number.to_le_bytes());
    Who { user: UserId::from_bytes(user), writes: true }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn says(id: u64, clock: u64, state: Option<&str>) -> Bytes {
    encode(&[(id, clock, state)]).unwrap()
}

/// What an update says, in order of ids; an empty state is nobody.
fn told(bytes: Option<Bytes>) -> Vec<(u64, u32, String)> {
    let bytes = bytes.unwrap_or_else(|| Bytes::from_static(&[0]));
    let mut told: Vec<_> = update::decode(&bytes)
        .unwrap()
        .map(|update| {
            (update.id, update.clock, update.state.map(str::to_owned).unwrap_or_default())
        })
        .collect();
    told.sort();
    told
}

/// What a leave says.
fn left(gone: Option<Presence>) -> Vec<(u64, u32, String)> {
    told(gone.map(|gone| gone.update))
}

/// What another node says of Ben.
fn elsewhere(clock: u64, state: Option<&str>) -> Presence {
    Presence { update: says(BEN_HERE, clock, state), people: vec![ben()] }
}

#[test]
fn who_waves_without_end_is_told_of_now_and_then_and_others_at_once() {
    let mut room = Awareness::default();
    let large =
        |number: u64| format!(r#"{{"number":{},"{}":1}}"#, number + 100, "x".repeat(15_000));
    let (mut told_bytes, mut newest, mut all) = (0, String::new(), HashMap::new());
    for tick in 0..200_u64 {
        let now = Timestamp::from_millis(50 * tick.cast_signed());
        for id in 0..8 {
            newest = large(tick);
            room.receive(now, 1, ben(), &says(BEN_HERE + id, tick, Some(&newest))).unwrap();
        }
        let caret = format!(r#"{{"at":{tick}}}"#);
        room.receive(now, 2, ada(), &says(ADA_HERE, tick, Some(&caret))).unwrap();
        room.put_off(now);
        let told = told(room.take_changed());
        assert!(told.iter().any(|(id, ..)| *id == ADA_HERE), "Ada's at once");
        told_bytes += told.iter().map(|(.., state)| state.len()).sum::<usize>();
        all.extend(told.into_iter().map(|(id, _, state)| (id, state)));
    }
    assert!((600 << 10..900 << 10).contains(&told_bytes), "{told_bytes} bytes in 10 s");
    // In the end everybody has what is newest, and who goes is gone at once.
    for second in 10..40 {
        room.put_off(at(second));
        all.extend(told(room.take_changed()).into_iter().map(|(id, _, state)| (id, state)));
    }
    let newest_of_ben = all.iter().filter(|(id, state)| **id >= BEN_HERE && **state == newest);
    assert_eq!((newest_of_ben.count(), room.has_changed()), (8, false));
    for id in 0..8 {
        room.receive(at(40), 1, ben(), &says(BEN_HERE + id, 300, Some(&large(99)))).unwrap();
    }
    room.put_off(at(40));
    room.take_changed();
    assert_eq!(left(room.leave(at(40), 1)).len(), 8);
}

#[test]
fn states_are_merged_a_tick_and_given_to_joiners() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 0, Some("{}"))).unwrap();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some(r#"{"a":1}"#))).unwrap();
    room.receive(at(0), 2, ben(), &says(BEN_HERE, 7, Some("{}"))).unwrap();
    let all = vec![(ADA_HERE, 2, r#"{"a":1}"#.into()), (BEN_HERE, 7, "{}".into())];
    assert!(room.has_changed());
    assert_eq!(told(room.take_changed()), all);
    assert_eq!(room.take_changed(), None);
    assert_eq!(told(room.full()), all);
}

#[test]
fn nobody_moves_somebody_elses_cursor() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 3, Some("{}"))).unwrap();
    room.take_changed();
    room.receive(at(0), 2, ben(), &says(ADA_HERE, 9, Some("1"))).unwrap();
    room.receive(at(0), 2, ben(), &says(ADA_HERE, 3, None)).unwrap();
    assert_eq!(room.take_changed(), None);
    assert_eq!(left(room.leave(at(1), 2)), []);
    assert_eq!(told(room.full()), [(ADA_HERE, 3, "{}".into())]);
}

#[test]
fn a_reflection_of_a_whole_room_is_no_offence_and_counts_for_nothing() {
    let mut room = Awareness::default();
    for id in 0..50 {
        room.receive(at(0), id, ada(), &says(id, 1, Some("{}"))).unwrap();
    }
    let reflected = room.full().unwrap();
    room.take_changed();
    room.receive(at(0), 99, ben(), &reflected).unwrap();
    assert_eq!(room.take_changed(), None);
    room.receive(at(0), 99, ben(), &says(BEN_HERE, 1, Some("{}"))).unwrap();
    assert_eq!(left(room.leave(at(1), 99)), [(BEN_HERE, 1, String::new())]);
}

#[test]
fn a_late_reflection_does_not_bring_back_who_left() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some("{}"))).unwrap();
    let reflected = room.full().unwrap();
    assert_eq!(left(room.leave(at(1), 1)), [(ADA_HERE, 1, String::new())]);
    room.receive(at(1), 2, ben(), &reflected).unwrap();
    assert!(room.full().is_none() && room.is_empty());
    assert_eq!(room.take_changed(), None, "what a leave said is not said again");
}

#[test]
fn who_comes_back_with_the_old_clock_is_seen_at_once() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 5, Some("{}"))).unwrap();
    room.leave(at(1), 1);
    room.take_changed();
    room.receive(at(2), 2, ada(), &says(ADA_HERE, 5, Some("{}"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 6, "{}".into())]);
    // A client that hears its own id with a higher clock repeats it; the circle ends there.
    room.receive(at(2), 2, ada(), &says(ADA_HERE, 6, Some("{}"))).unwrap();
    assert_eq!(room.take_changed(), None);
    room.receive(at(9), 2, ada(), &says(ADA_HERE, 8, Some("{}"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 8, "{}".into())], "renewals are told");
}

#[test]
fn renewals_with_clocks_that_lag_are_told_too() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 5, Some("{}"))).unwrap();
    room.leave(at(1), 1);
    room.receive(at(2), 2, ada(), &says(ADA_HERE, 5, Some("{}"))).unwrap();
    for clock in 7..20 {
        room.take_changed();
        room.receive(at(2), 2, ada(), &says(ADA_HERE, clock, Some("{}"))).unwrap();
        let published = u32::try_from(clock).unwrap();
        assert_eq!(told(room.take_changed()), [(ADA_HERE, published, "{}".into())]);
    }
}

#[test]
fn an_author_never_hears_an_older_state_with_a_clock_above_its_own() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 0, Some("{}"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 1, "{}".into())]);
    // Meanwhile she has moved, at clock 1: what she hears at clock 1 is not newer for her.
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some("1"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 2, "1".into())]);
    // Her other tab sends back what it was shown; she still speaks for herself.
    room.receive(at(0), 2, ada(), &says(ADA_HERE, 2, Some("1"))).unwrap();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 2, Some("2"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 3, "2".into())]);
}

#[test]
fn a_tab_takes_over_with_a_higher_clock_and_its_twin_inherits() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some("{}"))).unwrap();
    // Another tab relays the same clock: nothing changes, but it stands by.
    room.receive(at(0), 2, ada(), &says(ADA_HERE, 1, Some("{}"))).unwrap();
    room.take_changed();
    assert_eq!(room.leave(at(1), 1), None, "the other tab still speaks for it");
    assert_eq!(told(room.full()), [(ADA_HERE, 1, "{}".into())]);
    room.receive(at(2), 3, ada(), &says(ADA_HERE, 2, Some("1"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 2, "1".into())]);
    assert_eq!(room.leave(at(3), 3), None);
    assert_eq!(left(room.leave(at(4), 2)), [(ADA_HERE, 2, String::new())]);
}

#[test]
fn silence_ends_an_id_and_its_owner_may_speak_again() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some("{}"))).unwrap();
    room.take_changed();
    room.expire(at(29));
    assert_eq!(room.take_changed(), None);
    room.expire(at(30));
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 1, String::new())]);
    room.expire(at(31));
    assert_eq!(room.take_changed(), None);
    room.receive(at(40), 1, ada(), &says(ADA_HERE, 2, Some("{}"))).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 2, "{}".into())]);
    room.leave(at(41), 1);
    room.expire(at(41 + 120));
    assert!(room.entries.is_empty() && room.connections.is_empty());
}

#[test]
fn a_client_ends_its_own_id() {
    let mut room = Awareness::default();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 4, Some("{}"))).unwrap();
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 5, None)).unwrap();
    assert_eq!(told(room.take_changed()), [(ADA_HERE, 5, String::new())]);
    assert_eq!(room.leave(at(1), 1), None);
}

#[test]
fn limits_hold() {
    let mut room = Awareness::default();
    let many: Vec<_> = (0..10_000).map(|id| (id, 1, Some("{}"))).collect();
    room.receive(at(0), 1, ada(), &encode(&many).unwrap()).unwrap();
    assert_eq!(told(room.full()).len(), MAX_OWNED);

    let large = format!("\"{}\"", "a".repeat(MAX_STATE));
    assert_eq!(
        room.receive(at(0), 2, ben(), &says(BEN_HERE, 1, Some(&large))),
        Err(Malformed::Size)
    );
    assert_eq!(room.receive(at(0), 2, ben(), &says(BEN_HERE, 1, Some("{"))), Err(Malformed::Json));
    assert_eq!(told(room.full()).len(), MAX_OWNED);

    let state = format!("\"{}\"", "a".repeat(MAX_STATE - 2));
    for connection in 10..2_000 {
        room.receive(at(0), connection, member(connection), &says(connection, 1, Some(&state)))
            .unwrap();
    }
    assert!(room.bytes <= MAX_BYTES && room.bytes > MAX_BYTES - MAX_STATE);

    let mut room = Awareness::default();
    for id in 0..12_000 {
        room.receive(at(0), id, member(id), &says(id, 1, Some("1"))).unwrap();
    }
    assert_eq!(room.entries.len(), MAX_IDS);
}

#[test]
fn one_person_fills_only_their_share() {
    let mut room = Awareness::default();
    let state = format!("\"{}\"", "a".repeat(MAX_STATE - 2));
    for connection in 10..100 {
        room.receive(at(0), connection, ben(), &says(connection, 1, Some(&state))).unwrap();
    }
    assert_eq!(room.bytes, MAX_SHARE);
    room.receive(at(0), 1, ada(), &says(ADA_HERE, 1, Some("{}"))).unwrap();
    assert!(room.person(ADA_HERE).is_some(), "others are shown");
    for connection in 10..100 {
        room.leave(at(1), connection);
    }
    room.receive(at(1), 5_000, ben(), &says(BEN_HERE, 1, Some(&state))).unwrap();
    assert!(room.person(BEN_HERE).is_some(), "who left leaves room");
    for connection in 6_000..9_000 {
        room.receive(at(1), connection, ben(), &says(connection, 1, Some("1"))).unwrap();
        room.leave(at(1), connection);
    }
    assert!(room.entries.len() < 1_100, "those that left count too: {}", room.entries.len());
    room.leave(at(2), 1);
    room.leave(at(2), 5_000);
    room.expire(at(300));
    assert!(room.entries.is_empty() && room.shares.is_empty(), "{:?}", room.shares);
}

#[test]
fn what_is_no_update_is_refused_whole() {
    let mut room = Awareness::default();
    let good = encode(&[(1, 1, Some("{}")), (2, 1, None)]).unwrap();
    for end in 0..good.len() {
        assert!(room.receive(at(0), 1, ada(), &good[..end]).is_err(), "cut at {end}");
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(room.receive(at(0), 1, ada(), &longer), Err(Malformed::Trailing));
    assert_eq!(room.receive(at(0), 1, ada(), &[0xff, 0xff, 0xff, 0x7a]), Err(Malformed::Count));
    let client = says(1 << 53, 1, Some("{}"));
    assert_eq!(room.receive(at(0), 1, ada(), &client), Err(Malformed::Integer));
    let clock = says(1, 1 << 31, Some("{}"));
    assert_eq!(room.receive(at(0), 1, ada(), &clock), Err(Malformed::Integer));
    assert!(room.entries.is_empty());
}

#[test]
fn another_nodes_ids_come_and_go() {
    let mut room = Awareness::default();
    room.merge(at(0), &elsewhere(4, Some("{}"))).unwrap();
    room.merge(at(0), &elsewhere(3, None)).unwrap();
    assert_eq!(room.own_changed(), None, "the other node knows");
    assert_eq!(told(room.take_changed()), [(BEN_HERE, 4, "{}".into())]);
    room.receive(at(0), 1, ada(), &says(BEN_HERE, 9, Some("1"))).unwrap();
    assert_eq!(room.take_changed(), None, "it is Ben's");
    room.merge(at(1), &elsewhere(5, None)).unwrap();
    assert_eq!(told(room.take_changed()), [(BEN_HERE, 5, String::new())]);
}

#[test]
fn who_moves_to_another_node_takes_the_id_along() {
    let (mut here, mut there) = (Awareness::default(), Awareness::default());
    there.receive(at(0), 1, ben(), &says(BEN_HERE, 4, Some("{}"))).unwrap();
    here.merge(at(0), &there.own_changed().unwrap()).unwrap();
    // A tab that is shown the id reflects it: it stays the other node's.
    here.receive(at(0), 7, ben(), &says(BEN_HERE, 4, Some("{}"))).unwrap();
    assert_eq!(here.own_full(), None);
    // The other node is gone without a word; Ben's client renews its state here.
    here.receive(at(15), 8, ben(), &says(BEN_HERE, 5, Some("{}"))).unwrap();
    let moved = here.own_changed().unwrap();
    assert_eq!(moved.people, [ben()]);
    there.merge(at(15), &moved).unwrap();
    assert_eq!(there.own_full(), None);
    assert_eq!(left(here.leave(at(16), 8)), [(BEN_HERE, 5, String::new())]);
}

/// One step of a random life of a room.
#[derive(Debug, Clone)]
enum Step {
    Says { connection: u64, id: u64, clock: u64, gone: bool },
    Leaves(u64),
    Expires,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..4, 0_u64..12, 0_u64..6, any::<bool>())
            .prop_map(|(connection, id, clock, gone)| Step::Says { connection, id, clock, gone }),
        2 => (0_u64..4).prop_map(Step::Leaves),
        1 => Just(Step::Expires),
    ]
}

proptest! {
    #[test]
    fn owners_and_entries_agree_and_published_clocks_never_shrink(
        steps in prop::collection::vec(step(), 0..100)
    ) {
        let mut room = Awareness::default();
        let mut shown: HashMap<u64, u32> = HashMap::new();
        for (second, step) in steps.into_iter().enumerate() {
            let now = at(i64::try_from(second).unwrap());
            let told = match step {
                Step::Says { connection, id, clock, gone } => {
                    let person = if connection < 2 { ada() } else { ben() };
                    let state = (!gone).then_some("{}");
                    room.receive(now, connection, person, &says(id, clock, state)).unwrap();
                    told(room.take_changed())
                }
                Step::Leaves(connection) => left(room.leave(now, connection)),
                Step::Expires => {
                    room.expire(now);
                    told(room.take_changed())
                }
            };
            for (id, clock, _) in told {
                let before = shown.insert(id, clock);
                prop_assert!(before.is_none_or(|before| before <= clock), "{before:?} {clock}");
            }
            // What is shown is never behind what its author said.
            for entry in room.entries.values().filter(|entry| entry.owner.is_some()) {
                prop_assert!(entry.published >= u64::from(entry.received));
            }
            let bytes: usize =
                room.entries.values().filter_map(|e| e.state.as_deref()).map(str::len).sum();
            prop_assert_eq!(bytes, room.bytes);
            let counted: usize = room.entries.values().map(|entry| entry.counted).sum();
            prop_assert_eq!(counted, room.shares.values().sum::<usize>());
            for (connection, ids) in &room.connections {
                for id in &ids.owns {
                    prop_assert_eq!(room.entries[id].owner, Some(*connection));
                }
                for id in &ids.stands_by {
                    prop_assert_eq!(room.entries[id].standby, Some(*connection));
                }
            }
            for (id, entry) in &room.entries {
                if let Some(owner) = entry.owner {
                    prop_assert!(room.connections[&owner].owns.contains(id));
                }
                if let Some(standby) = entry.standby {
                    prop_assert!(room.connections[&standby].stands_by.contains(id));
                    prop_assert_ne!(entry.owner, Some(standby));
                }
            }
        }
    }
}
