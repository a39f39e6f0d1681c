//! Records: people at a library's door.

use std::collections::BTreeSet;

use bson::Bson;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    ids::{RoomId, UserId},
    record::{Index, Record},
};

use crate::{Page, Records, Store, StoreError, Versioned};

/// A person with a library card. Cards are unique; a shelf is optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reader {
    #[serde(rename = "_id")]
    id: UserId,
    card: String,
    shelf: Option<RoomId>,
    visits: i64,
    seen_at: Timestamp,
}

impl Record for Reader {
    const COLLECTION: &'static str = "conformance_readers";
    type Id = UserId;
    fn id(&self) -> UserId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "card", keys: &["card"], unique: true },
            Index { name: "shelf", keys: &["shelf", "visits"], unique: false },
            Index { name: "seen", keys: &["seen_at", "_id"], unique: false },
        ]
    }
}

fn reader(store: &Store, card: &str) -> Reader {
    let id = UserId::new(store.clock().as_ref());
    let card = format!("{card} {}", store.clock().random_u64());
    Reader { id, card, shelf: None, visits: 0, seen_at: store.clock().now() }
}

pub(super) async fn come_and_go(store: &Store) {
    let readers = store.records::<Reader>();
    let ada = reader(store, "ada");
    assert_eq!(readers.get(&ada.id).await, Ok(None), "nobody is there before they came");
    assert_eq!(readers.insert(ada.clone()).await.unwrap().rev, 1, "a new record is at 1");
    let found = readers.get(&ada.id).await.unwrap().expect("who came is there");
    assert_eq!((&found.value, found.rev), (&ada, 1), "what was inserted is read back");

    let again = readers.insert(ada.clone()).await;
    assert_eq!(again, taken("_id"), "an id is taken once");
    let forger = Reader { card: ada.card.clone(), ..reader(store, "eve") };
    assert_eq!(readers.insert(forger).await, taken("card"), "a unique key is taken once");
    let ben = readers.insert(reader(store, "ben")).await.unwrap();
    let forger = Reader { card: ada.card.clone(), ..ben.value.clone() };
    assert_eq!(readers.replace(forger, 1).await, taken("card"), "nor can one change to it");

    let visited = Reader { visits: 1, ..ada.clone() };
    let replaced = readers.replace(visited.clone(), 1).await.unwrap();
    assert_eq!((&replaced.value, replaced.rev), (&visited, 2), "a replaced record is one further");
    assert_eq!(
        readers.replace(ada.clone(), 1).await,
        Err(StoreError::Conflict),
        "an old revision replaces nothing"
    );
    assert_eq!(readers.get(&ada.id).await.unwrap().unwrap().value, visited);

    let nobody = UserId::new(store.clock().as_ref());
    let found = readers.get_many(&[nobody, ben.id, ada.id, ben.id]).await.unwrap();
    let ada_now = Versioned { value: visited.clone(), rev: 2 };
    assert_eq!(
        found,
        [None, Some(ben.clone()), Some(ada_now), Some(ben)],
        "several are read at once, in the order that they are asked for"
    );
    assert_eq!(readers.get_many(&[]).await, Ok(Vec::new()), "none are none");

    assert_eq!(readers.delete(&ada.id).await, Ok(true), "who is there can go");
    assert_eq!(readers.delete(&ada.id).await, Ok(false), "once");
    assert_eq!(readers.replace(visited, 2).await, Err(StoreError::Conflict), "and is gone");
    assert_eq!(readers.get(&ada.id).await, Ok(None));
    assert!(readers.insert(ada).await.is_ok(), "the id and the card are free again");
}

fn taken(index: &str) -> Result<Versioned<Reader>, StoreError> {
    Err(StoreError::Duplicate { index: index.into() })
}

pub(super) async fn change_at_the_same_time(store: &Store) {
    let readers = store.records::<Reader>();
    let ada = readers.insert(reader(store, "ada")).await.unwrap().value;

    let visit = |readers: Records<Reader>, id| async move {
        let changed = readers.update(&id, |ada| {
            ada.visits += 1;
            Ok::<_, ()>(())
        });
        changed.await.unwrap().unwrap().unwrap();
    };
    let visits: Vec<_> = (0..200).map(|_| tokio::spawn(visit(readers.clone(), ada.id))).collect();
    for one in visits {
        one.await.expect("every change is made");
    }
    let after = readers.get(&ada.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.rev), (200, 201), "200 changes at once lose none");

    let idle = readers.update(&ada.id, |_| Ok::<_, ()>(())).await.unwrap().unwrap().unwrap();
    assert_eq!(idle.rev, 201, "a change of nothing writes nothing");
    let refused = readers.update(&ada.id, |_| Err("closed")).await.unwrap();
    assert_eq!(refused, Some(Err("closed")), "a refusal comes back as it is");
    let nobody = UserId::new(store.clock().as_ref());
    let missing = readers.update(&nobody, |_| Ok::<_, ()>(())).await.unwrap();
    assert_eq!(missing, None, "who is not there is not changed");
}

pub(super) async fn are_listed_in_pages(store: &Store) {
    let readers = store.records::<Reader>();
    let shelf = RoomId::new(store.clock().as_ref());
    let mut expected = Vec::new();
    for number in 0..25_i64 {
        // Ties in `visits` are broken by `_id`.
        let one = Reader { shelf: Some(shelf), visits: number / 3, ..reader(store, "guest") };
        expected.push((one.visits, one.id));
        readers.insert(one).await.unwrap();
    }
    expected.sort_unstable();
    let on_shelf = || Page::of("shelf").equal(shelf).limit(7);

    let mut seen = all(&readers, on_shelf()).await;
    assert_eq!(seen, expected, "pages show all, once, in order");
    seen = all(&readers, on_shelf().descending()).await;
    seen.reverse();
    assert_eq!(seen, expected, "and the other way");
    let ranged = all(&readers, on_shelf().after(1_i64).before(7_i64)).await;
    let inside: Vec<_> =
        expected.iter().copied().filter(|(visits, _)| (2..7).contains(visits)).collect();
    assert_eq!(ranged, inside, "bounds are exclusive");
    let count = readers.count("shelf", &[shelf.into()]).await;
    assert_eq!(count, Ok(25), "a count agrees");
    assert_eq!(readers.count("shelf", &[shelf.into(), Bson::Int64(0)]).await, Ok(3));

    let first = readers.page(on_shelf()).await.unwrap();
    let unnamed = readers.page(on_shelf().without("shelf")).await.unwrap();
    assert_eq!(unnamed.next_cursor, first.next_cursor, "pages are the same without a field");
    for (whole, rest) in first.items.iter().zip(&unnamed.items) {
        let wanted = Reader { shelf: None, ..whole.value.clone() };
        assert_eq!(rest.value, wanted, "what is read without a field has all others");
        let lost = readers.replace(rest.value.clone(), rest.rev).await;
        assert_eq!(lost, Err(StoreError::Conflict), "and replaces nothing that has it");
    }
    assert_eq!(unnamed.items.len(), first.items.len());
    stable_under_change(store, &readers, on_shelf(), &expected).await;
    refuse_foreign_cursors(&readers, on_shelf()).await;
    let homeless = all(&readers, Page::of("shelf").equal(Bson::Null).limit(50)).await;
    let whole = all(&readers, Page::of("_id").limit(50)).await;
    assert_eq!(homeless.len() + 25, whole.len(), "a missing key is null");
}

async fn all(readers: &Records<Reader>, query: Page<'_>) -> Vec<(i64, UserId)> {
    let (mut seen, mut cursor) = (Vec::new(), query.cursor.clone());
    loop {
        let page = readers.page(query.clone().cursor(cursor)).await.unwrap();
        assert!(page.items.len() <= query.limit, "a page is no longer than asked");
        seen.extend(page.items.iter().map(|one| (one.visits, one.id)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return seen;
        }
        assert_eq!(page.items.len(), query.limit, "only the last page is shorter");
    }
}

async fn stable_under_change(
    store: &Store,
    readers: &Records<Reader>,
    query: Page<'_>,
    expected: &[(i64, UserId)],
) {
    let first = readers.page(query.clone()).await.unwrap();
    let shelf = first.items[0].shelf;
    let early = Reader { shelf, visits: -1, ..reader(store, "early") };
    readers.insert(early).await.unwrap();
    readers.delete(&first.items[6].id).await.unwrap();
    let mut rest = all(readers, query.cursor(first.next_cursor)).await;
    let known: BTreeSet<_> = expected.iter().collect();
    rest.retain(|one| known.contains(one));
    assert_eq!(rest, expected[7..], "what comes and goes before a cursor moves nothing after it");
}

async fn refuse_foreign_cursors(readers: &Records<Reader>, query: Page<'_>) {
    let cursor = readers.page(query.clone()).await.unwrap().next_cursor;
    let with = |query: Page<'static>, cursor: Option<String>| async move {
        readers.page(query.cursor(cursor)).await.map(|page| page.items.len())
    };
    let refused = |answer| matches!(answer, Err(StoreError::Invalid(_)));
    assert!(refused(with(Page::of("seen"), cursor.clone()).await), "another index's cursor");
    assert!(
        refused(with(Page::of("shelf").equal(Bson::Null), cursor.clone()).await),
        "another prefix's cursor"
    );
    for forged in ["", "x", "AAAA", "%00", &"A".repeat(10_000)] {
        assert!(refused(with(Page::of("shelf"), Some(forged.into())).await), "a forged cursor");
    }
    assert!(refused(with(Page::of("secret"), None).await), "an index that is not declared");
    let operator = bson::doc! { "$gt": "" };
    assert!(refused(with(Page::of("card").equal(operator), None).await), "an operator as a key");
}

pub(super) async fn are_forgotten_after_a_time(store: &Store) {
    let readers = store.records::<Reader>();
    let at = Timestamp::from_millis;
    let mut there = Vec::new();
    for seen_at in [-40, -30, -20, -10] {
        let guest = Reader { seen_at: at(seen_at), ..reader(store, "guest") };
        there.push(readers.insert(guest).await.unwrap().value);
    }
    let back = Reader { seen_at: store.clock().now(), ..there[0].clone() };
    readers.replace(back, 1).await.unwrap();
    assert_eq!(
        readers.delete_before("seen", at(-10)).await,
        Ok(2),
        "those who were not seen since"
    );
    let ids: Vec<_> = there.iter().map(|one| one.id).collect();
    let left = readers.get_many(&ids).await.unwrap();
    let is_left: Vec<_> = left.iter().map(Option::is_some).collect();
    assert_eq!(
        is_left,
        [true, false, false, true],
        "who has come back stays; a bound is exclusive"
    );
    for number in 0..120 {
        let guest = Reader { seen_at: at(-50 - number), ..reader(store, "guest") };
        readers.insert(guest).await.unwrap();
    }
    assert_eq!(readers.delete_before("seen", at(-9)).await, Ok(121), "more than a batch");
    let nobody = readers.delete_before("_id", UserId::from_bytes([0; 12])).await;
    assert_eq!(nobody, Ok(0), "nobody's id is less than the least");
    let refused = readers.delete_before("secret", at(0)).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "an index that is not declared");
}
