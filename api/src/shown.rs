//! Which text of a note each sign-in was last shown, by whichever node: what a `PUT` changes is what
//! differs from that, so that what somebody else typed since stays. Forgotten after an hour, or when much
//! else was shown. What nodes could not remember together takes nobody's words: see
//! `docs/decisions/put-merges-what-was-shown.md`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moka::sync::Cache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use studyhall_schema::{
    clock::Clock,
    ids::{LoginId, NoteId},
    note::Note,
};
use studyhall_store::{
    Store,
    cache::{Bounds, Found, Recent},
};
use studyhall_sync::{Base, Made, PutText};

use crate::secrets::sha256;

const BOUNDS: Bounds = Bounds { bytes: 64 << 20, kept_for: Duration::from_hours(1) };

/// Of one answer so much text is remembered; of the rest it is known which it was.
const OF_AN_ANSWER: usize = 1 << 20;

/// Puts whose outcome is not known are kept, so many of a note.
const TRIED: usize = 4;

/// Puts of this node whose outcome is not known, so many at once.
const UNDER_WAY: u64 = 10_000;

/// What a sign-in was last shown of a note.
#[derive(Serialize, Deserialize)]
struct Seen {
    /// The text after this update.
    seq: u64,
    /// The hash of what was put to get there: whether the answer arrived is not known.
    put: Option<String>,
}

/// What a sign-in has put since.
#[derive(Serialize, Deserialize)]
struct Tried {
    /// The hash of the text.
    text: String,
    /// How it was made, as far as is known.
    made: Option<(u64, u32)>,
}

/// One sign-in and one note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Reader(LoginId, NoteId);

/// Texts by who was shown them.
pub(crate) struct ShownTexts {
    recent: Recent,
    clock: Arc<dyn Clock>,
    /// Under way on this node: how a put is made may be known after its answer was given up.
    under_way: Cache<(Reader, String), Made>,
}

impl Reader {
    fn seen(self) -> String {
        format!("seen:{}:{}", self.0, self.1)
    }

    fn tried(self) -> String {
        format!("tried:{}:{}", self.0, self.1)
    }
}

/// Where a note's text is after an update, or by its hash.
fn text_key(note: NoteId, which: impl std::fmt::Display) -> String {
    format!("text:{note}:{which}")
}

fn written<T: Serialize>(key: String, value: &T) -> (String, Bytes) {
    // These types have a form in JSON; one that had none would be as good as forgotten.
    (key, serde_json::to_vec(value).unwrap_or_default().into())
}

fn read<T: DeserializeOwned>(value: Option<&Bytes>) -> Option<T> {
    serde_json::from_slice(value?).ok()
}

impl ShownTexts {
    pub(crate) fn new(store: &Store) -> Self {
        let under_way = Cache::builder().max_capacity(UNDER_WAY).time_to_live(BOUNDS.kept_for);
        Self {
            recent: store.cache().recent("shown", BOUNDS),
            clock: store.clock().clone(),
            under_way: under_way.build(),
        }
    }

    /// The sign-in is shown these. What it has put may not be in there yet.
    pub(crate) async fn remember(&self, login: LoginId, notes: impl Iterator<Item = &Note>) {
        let (mut values, mut room) = (Vec::new(), OF_AN_ANSWER);
        for note in notes {
            let seen = Seen { seq: note.projected_seq, put: None };
            values.push(written(Reader(login, note.id).seen(), &seen));
            let key = text_key(note.id, note.projected_seq);
            if note.text.len() <= room && !self.recent.is_left(&key) {
                room -= note.text.len();
                values.push((key, Bytes::copy_from_slice(note.text.as_bytes())));
            }
        }
        if !values.is_empty() {
            self.recent.leave(values).await;
        }
    }

    /// The sign-in has put a text, and is answered with this.
    pub(crate) async fn put(&self, login: LoginId, note: &Note, put: &str) {
        let (reader, hash) = (Reader(login, note.id), sha256(put.as_bytes()));
        let seen = Seen { seq: note.projected_seq, put: Some(hash.clone()) };
        let text = Bytes::copy_from_slice(note.text.as_bytes());
        let values = vec![
            written(reader.seen(), &seen),
            written(reader.tried(), &Vec::<Tried>::new()),
            (text_key(note.id, note.projected_seq), text),
        ];
        self.under_way.invalidate(&(reader, hash));
        self.recent.leave(values).await;
    }

    /// The sign-in puts a text into this note. What comes back is what it may have been made from: the
    /// text that was shown, and what was put before and never answered. The same put again changes
    /// nothing more: it may be a retry of somebody who never had the answer.
    pub(crate) async fn puts(&self, login: LoginId, note: &Note, text: &str) -> PutText {
        let (reader, hash) = (Reader(login, note.id), sha256(text.as_bytes()));
        let found = self.recent.find(&[reader.seen(), reader.tried()]).await;
        let seen: Option<Seen> = read(found.values[0].as_ref());
        let mut tried: Vec<Tried> = read(found.values[1].as_ref()).unwrap_or_default();
        let made = Made::default();
        let put = PutText { text: text.to_owned(), made: made.clone(), ..PutText::default() };
        if seen.as_ref().is_some_and(|seen| seen.put.as_ref() == Some(&hash)) {
            let again = Base { text: text.to_owned(), only_if: None };
            return PutText { bases: vec![again], ..put };
        }
        let shown = match &seen {
            Some(seen) if seen.seq == note.projected_seq => Some(note.text.clone()),
            Some(seen) => self.text(note.id, seen.seq).await,
            None if self.is_forgotten(login, note, &found) => None,
            None => Some(note.text.clone()),
        };
        let shown = shown.map(|text| Base { text, only_if: None });
        let mut bases: Vec<_> = shown.into_iter().collect();
        let has_forgotten_base = bases.is_empty();
        for one in &tried {
            let made = self.under_way.get(&(reader, one.text.clone()));
            let made = made.or_else(|| one.made.map(Made::from));
            if let Some(made) = made
                && let Some(text) = self.text(note.id, &one.text).await
            {
                bases.push(Base { text, only_if: Some(made) });
            }
        }
        if tried.len() == TRIED {
            tried.remove(0);
        }
        tried.push(Tried { text: hash.clone(), made: None });
        self.under_way.insert((reader, hash.clone()), made);
        let mut values = vec![
            written(reader.tried(), &tried),
            (text_key(note.id, &hash), Bytes::copy_from_slice(text.as_bytes())),
        ];
        if seen.is_none() && !has_forgotten_base {
            let seen = Seen { seq: note.projected_seq, put: None };
            values.push(written(reader.seen(), &seen));
            let text = Bytes::copy_from_slice(note.text.as_bytes());
            values.push((text_key(note.id, note.projected_seq), text));
        }
        self.recent.leave(values).await;
        PutText { bases, has_forgotten_base, ..put }
    }

    /// The put of a text was not answered well. How it was made, if it was, is for other nodes to know.
    pub(crate) async fn failed(&self, login: LoginId, note: NoteId, text: &str) {
        let (reader, hash) = (Reader(login, note), sha256(text.as_bytes()));
        let made = self.under_way.get(&(reader, hash.clone())).and_then(|made| made.noted());
        let found = self.recent.find(&[reader.tried()]).await;
        let mut tried: Vec<Tried> = read(found.values[0].as_ref()).unwrap_or_default();
        if let Some(one) = tried.iter_mut().rfind(|one| one.text == hash) {
            one.made = made;
            self.recent.leave(vec![written(reader.tried(), &tried)]).await;
        }
    }

    /// A text that was left, maybe on another node.
    async fn text(&self, note: NoteId, which: impl std::fmt::Display) -> Option<String> {
        let text = self.recent.find_fixed(text_key(note, which)).await?;
        String::from_utf8(text.into()).ok()
    }

    /// Whether the sign-in may have been shown something, within the hour and before the note changed, that
    /// the nodes have lost.
    fn is_forgotten(&self, login: LoginId, note: &Note, found: &Found) -> bool {
        let now = self.clock.now();
        found.complete_for < BOUNDS.kept_for.min(now.since(login.made_at()))
            && now.since(note.updated_at) < BOUNDS.kept_for
    }
}
