//! Pages under any data and any change: a property, and an index that comes later.

use proptest::{prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    clock::TestClock,
    record::{Index, Record},
};
use studyhall_store::{Page, Records};

use crate::hall::{Home, on_each_backend};

on_each_backend!(an_index_that_comes_with_a_later_version_has_the_old_records);

/// A message of a channel: few channels and times, so that there are ties; a draft has no time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Message {
    channel: Option<u8>,
    at: Option<i8>,
    #[serde(rename = "_id")]
    id: String,
}

impl Record for Message {
    const COLLECTION: &'static str = "pages_messages";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "channel", keys: &["channel", "at"], unique: false }]
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Message),
    Delete(usize),
    Next,
}

fn message() -> impl Strategy<Value = Message> {
    let channel = prop_oneof![Just(None), (0..2_u8).prop_map(Some)];
    let at = prop_oneof![Just(None), (-3..3_i8).prop_map(Some)];
    (channel, at, "[a-z\u{e9}]{0,3}").prop_map(|(channel, at, id)| Message { channel, at, id })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        message().prop_map(Step::Insert),
        any::<usize>().prop_map(Step::Delete),
        Just(Step::Next),
    ]
}

/// A walk through a channel.
#[derive(Debug, Clone)]
struct Walk {
    before: Vec<Message>,
    steps: Vec<Step>,
    limit: usize,
    channel: Option<u8>,
    descending: bool,
}

fn walk() -> impl Strategy<Value = Walk> {
    let channel = prop_oneof![Just(None), (0..2_u8).prop_map(Some)];
    let before = proptest::collection::vec(message(), 0..40);
    let steps = proptest::collection::vec(step(), 0..20);
    (before, steps, 1..6_usize, channel, any::<bool>()).prop_map(
        |(before, steps, limit, channel, descending)| Walk {
            before,
            steps,
            limit,
            channel,
            descending,
        },
    )
}

/// Walk through a channel while messages come and go: whoever was there from the first page to the
/// last is shown exactly once, in order, and nobody twice.
fn who_stays_is_shown_once(home: fn() -> Home, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let walked =
        TestRunner::new(config).run(&walk(), |walk| runtime.block_on(is_shown_once(&home(), walk)));
    walked.unwrap();
}

#[test]
fn who_stays_is_shown_once_on_sqlite() {
    who_stays_is_shown_once(Home::sqlite, 24);
}

/// Fewer walks: FerretDB looks at every message for each page.
#[test]
fn who_stays_is_shown_once_on_mongodb() {
    who_stays_is_shown_once(Home::mongodb, 8);
}

async fn is_shown_once(home: &Home, walk: Walk) -> Result<(), TestCaseError> {
    let Walk { before, steps, limit, channel, descending } = walk;
    let store = home.open_with(TestClock::new(1)).await;
    let messages = store.records::<Message>();
    let mut there: Vec<Message> = Vec::new();
    for message in before {
        insert(&messages, &mut there, message).await;
    }
    let mut staying = there.clone();
    let query = || {
        let page = Page::of("channel").equal(channel.map(i32::from)).limit(limit);
        if descending { page.descending() } else { page }
    };
    let (mut shown, mut cursor) = (Vec::new(), None);
    let mut steps = steps.into_iter();
    loop {
        match steps.next().unwrap_or(Step::Next) {
            Step::Insert(message) => insert(&messages, &mut there, message).await,
            Step::Delete(which) if !there.is_empty() => {
                let gone = there.swap_remove(which % there.len());
                staying.retain(|one| *one != gone);
                assert!(messages.delete(&gone.id).await.unwrap());
            }
            Step::Delete(_) => {}
            Step::Next => {
                let page = messages.page(query().cursor(cursor)).await.unwrap();
                assert!(page.items.len() <= limit);
                shown.extend(page.items.into_iter().map(|item| item.value));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
    }
    store.close().await;
    let mut ordered = shown.clone();
    ordered.sort();
    if descending {
        ordered.reverse();
    }
    prop_assert_eq!(&shown, &ordered, "in order");
    ordered.dedup();
    prop_assert_eq!(shown.len(), ordered.len(), "nobody twice");
    let missed: Vec<_> =
        staying.iter().filter(|one| one.channel == channel && !shown.contains(one)).collect();
    prop_assert!(missed.is_empty(), "missed {:?}", missed);
    prop_assert!(shown.iter().all(|one| one.channel == channel));
    Ok(())
}

async fn insert(messages: &Records<Message>, there: &mut Vec<Message>, message: Message) {
    if messages.insert(message.clone()).await.is_ok() {
        there.push(message);
    }
}

/// The same collection in a later version, with an index more.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NewerMessage {
    channel: Option<u8>,
    at: i8,
    #[serde(rename = "_id")]
    id: String,
}

impl Record for NewerMessage {
    const COLLECTION: &'static str = Message::COLLECTION;
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "channel", keys: &["channel", "at"], unique: false },
            Index { name: "at", keys: &["at", "author"], unique: false },
        ]
    }
}

async fn an_index_that_comes_with_a_later_version_has_the_old_records(home: Home) {
    let store = home.open().await;
    for at in [2, 1, 3] {
        let message = Message { channel: None, at: Some(at), id: at.to_string() };
        store.records().insert(message).await.unwrap();
    }
    store.close().await;
    let store = home.open().await;
    let page = store.records::<NewerMessage>().page(Page::of("at")).await.unwrap();
    let times: Vec<_> = page.items.iter().map(|message| message.at).collect();
    assert_eq!(times, [1, 2, 3]);
    store.close().await;
    let store = home.open().await;
    assert_eq!(store.records::<Message>().count("channel", &[]).await, Ok(3), "and back again");
}
