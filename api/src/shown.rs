//! Which texts of a note, or a todo, each sign-in may hold, by whichever node they were shown: what a `PUT`
//! changes is what differs from one of these, so that what somebody else typed since stays. Forgotten after twelve
//! hours, or when much else was shown. What nodes could not remember together takes nobody's words: see
//! `docs/decisions/put-merges-what-was-shown.md`.

mod bases;
mod doubt;
mod held;
mod logged;
mod portion;
mod putting;
mod written;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};
use studyhall_schema::{
    Timestamp,
    access::Caller,
    clock::Clock,
    ids::{LoginId, UserId},
    note_version::NoteVersion,
};
use studyhall_store::{
    Records, Store,
    cache::{Bounds, Found, Recent},
};
use studyhall_sync::{Base, Known, Made, PutText};

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use self::{
    bases::Bases,
    held::{Entry, Held, How, Outcome, Text},
    logged::put_id,
    portion::Portion,
    written::Thing,
};
pub(crate) use self::{putting::to_its_end, written::Written};
use crate::secrets::sha256;

/// A box may be open over lunch, or from the morning to the evening.
const BOUNDS: Bounds = Bounds { bytes: 64 << 20, kept_for: Duration::from_hours(12) };

/// For so long what was lost is in doubt: who edits what a list shows gets both texts meanwhile.
pub(crate) const IN_DOUBT: Duration = Duration::from_hours(1);

/// Of one answer so much text is remembered; of the rest it is known which it was.
const OF_AN_ANSWER: usize = 1 << 20;

/// Of what one person is shown so much is kept anew within an hour: who reads more makes nobody else's texts
/// forgotten, only their own.
const OF_A_PERSON: usize = 8 << 20;

/// People of whom it is known how much that was.
const PEOPLE: u64 = 100_000;

/// Puts of this node whose outcome is not known, so many at once.
const UNDER_WAY: u64 = 10_000;

/// One sign-in and one note, or todo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Reader(LoginId, Thing);

/// So long a put waits for the one before it: no longer than that one's own outcome is waited for.
const WAITS: Duration = Duration::from_secs(5);

/// Ids tell when they were made to the second: who signed in so long before something was lost did so for certain.
const SECOND: Duration = Duration::from_secs(1);

/// When nobody can wait any more.
const IDLE: Duration = Duration::from_mins(1);

/// Who changes what a sign-in holds does so alone on this node; so many sign-ins at once.
const AT_ONCE: usize = 64;

/// Texts by who was shown them.
pub(crate) struct ShownTexts {
    /// Which those are, of each sign-in and note.
    recent: Recent,
    /// The texts themselves, once for all: when there are many, who was shown which is still known.
    texts: Recent,
    /// Who wrote when.
    versions: Records<NoteVersion>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Under way on this node: how a put is made may be known after its answer was given up.
    under_way: Cache<(Reader, String), Made>,
    turns: [Mutex<()>; AT_ONCE],
    /// Puts of one sign-in into one note, one after the other: the next may have been made from this.
    putting: Cache<Reader, Arc<Mutex<()>>>,
    portions: Cache<UserId, Arc<Portion>>,
    began: Timestamp,
    /// Sign-ins of the second in which this process began, and after it did.
    first: Cache<LoginId, ()>,
}

/// A text that is put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewText<'a> {
    pub(crate) text: &'a str,
    /// What its writer says that they made it from.
    pub(crate) base: Option<&'a str>,
}

/// A put, and which texts its bases are.
pub(crate) struct Putting {
    pub(crate) put: PutText,
    texts: Vec<Text>,
}

impl Putting {
    /// The text that the put was taken from, of which the document knows the number.
    pub(crate) fn base(&self, number: Option<usize>) -> Option<Text> {
        self.texts.get(number?).cloned()
    }
}

impl Reader {
    fn held(self) -> String {
        format!("held:{}:{}", self.0, self.1)
    }
}

/// Where a text is: once for all readers, but for what somebody has put, which they alone let go.
fn text_key(Reader(login, note): Reader, text: &Text) -> String {
    match text {
        Text::After(seq) => format!("text:{note}:{seq}"),
        Text::Says(hash) => format!("text:{note}:{hash}"),
        Text::Put(hash) => format!("text:{note}:{login}:{hash}"),
    }
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
        let under_way = Cache::builder().max_capacity(UNDER_WAY).time_to_live(IN_DOUBT);
        Self {
            recent: store.cache().recent("shown", BOUNDS),
            texts: store.cache().recent("texts", BOUNDS),
            versions: store.records(),
            store: store.clone(),
            clock: store.clock().clone(),
            under_way: under_way.build(),
            turns: [const { Mutex::const_new(()) }; AT_ONCE],
            putting: Cache::builder().max_capacity(UNDER_WAY).time_to_idle(IDLE).build(),
            began: store.clock().now(),
            first: Cache::builder().max_capacity(UNDER_WAY).build(),
            portions: Cache::builder().max_capacity(PEOPLE).time_to_idle(IN_DOUBT).build(),
        }
    }

    /// Somebody has signed in here.
    pub(crate) fn begins(&self, login: LoginId) {
        if login.made_at() <= self.began {
            self.first.insert(login, ());
        }
    }

    /// The sign-in is shown these among others. What it has put may not be in there yet.
    pub(crate) async fn lists<'a, T: Into<Written<'a>>>(
        &self,
        caller: Caller,
        notes: impl Iterator<Item = T>,
    ) {
        self.remember(caller, notes.map(Into::into).collect(), &How::Listed).await;
    }

    /// The sign-in is shown the note, or the todo, that it asked for.
    pub(crate) async fn opens(&self, caller: Caller, note: impl Into<Written<'_>>) {
        self.remember(caller, vec![note.into()], &How::Opened).await;
    }

    async fn remember(&self, caller: Caller, notes: Vec<Written<'_>>, how: &How) {
        if notes.is_empty() {
            return;
        }
        let login = caller.login;
        let portion = self.portions.get_with(caller.user, Arc::default);
        let _turn = self.turn(login).await;
        let keys: Vec<_> = notes.iter().map(|note| Reader(login, note.id).held()).collect();
        let found = self.recent.find(&keys).await;
        let (mut values, mut texts, mut room) = (Vec::new(), Vec::new(), OF_AN_ANSWER);
        for ((note, key), value) in notes.into_iter().zip(keys).zip(found.values) {
            let mut held: Held = read(value.as_ref()).unwrap_or_default();
            held.read_at(self.clock.now(), found.complete_for);
            let text = note.name();
            let is_newest = held.newest().is_some_and(|one| one.text == text && one.how == *how);
            if !is_newest || !self.recent.is_left(&key) {
                held.shows(text.clone(), how.clone(), note.text.len());
                held.is_made_of(Some(sha256(note.text.as_bytes())));
                note.place(&mut held);
                values.push(self.kept(Reader(login, note.id), held));
            }
            let key = text_key(Reader(login, note.id), &text);
            if note.text.len() <= room
                && !self.texts.is_left(&key)
                && portion.takes(note.text.len(), self.clock.now())
            {
                room -= note.text.len();
                texts.push((key, Bytes::copy_from_slice(note.text.as_bytes())));
            }
        }
        self.leave(values, texts).await;
    }

    /// Keeps what sign-ins hold, and texts.
    async fn leave(&self, held: Vec<(String, Bytes)>, texts: Vec<(String, Bytes)>) {
        // Before it is said that somebody holds them.
        if !texts.is_empty() {
            self.texts.leave(texts).await;
        }
        if !held.is_empty() {
            self.recent.leave(held).await;
        }
    }

    /// The sign-in's turn to put a text into the note, on this node; `None` when it does not come.
    pub(crate) async fn turn_to_put(
        &self,
        login: LoginId,
        note: Thing,
    ) -> Option<OwnedMutexGuard<()>> {
        let turns = self.putting.get_with(Reader(login, note), Arc::default);
        tokio::time::timeout(WAITS, turns.lock_owned()).await.ok()
    }

    /// The sign-in has put a text, which was taken from `base`, and the note is now so. It is not known whether
    /// the answer arrives; `is_heard` says that somebody waits for it.
    pub(crate) async fn put(
        &self,
        login: LoginId,
        note: Written<'_>,
        put: &str,
        (base, is_heard): (Option<Text>, bool),
    ) {
        let (reader, hash) = (Reader(login, note.id), sha256(put.as_bytes()));
        let outcome = if is_heard { Outcome::Answered } else { Outcome::Unheard };
        let _turn = self.turn(login).await;
        let mut held = self.held(reader).await.0;
        let now = note.name();
        // Mostly it is just this: then it is kept once.
        let is_as_put = note.text == put;
        let is = (now.clone(), note.text.len(), is_as_put);
        held.put((&hash, put.len()), outcome, base.as_ref(), is);
        note.place(&mut held);
        let left = |text: &Text, bytes: &str| {
            (text_key(reader, text), Bytes::copy_from_slice(bytes.as_bytes()))
        };
        let mut texts = vec![left(&Text::Put(hash.clone()), put)];
        if !is_as_put {
            texts.push(left(&now, note.text));
        }
        self.under_way.invalidate(&(reader, hash));
        self.leave_put(reader, held, texts).await;
    }

    /// The same of a sign-in that puts; what it holds no more makes room.
    async fn leave_put(&self, reader: Reader, mut held: Held, texts: Vec<(String, Bytes)>) {
        let dropped: Vec<_> = held.dropped().iter().map(|text| text_key(reader, text)).collect();
        self.leave(vec![self.kept(reader, held)], texts).await;
        self.texts.forget(&dropped).await;
    }

    /// The sign-in puts a text into this note. What comes back is what it may have been made from, unless its
    /// writer says so.
    pub(crate) async fn puts(
        &self,
        login: LoginId,
        note: Written<'_>,
        NewText { text, base }: NewText<'_>,
    ) -> Putting {
        let (reader, hash) = (Reader(login, note.id), sha256(text.as_bytes()));
        let _turn = self.turn(login).await;
        let (mut held, found) = self.held(reader).await;
        let mut left = Vec::new();
        let is_in_doubt = self.may_come(reader, note, &held);
        let of = base.map(|base| sha256(base.as_bytes()));
        let may_be_again =
            held.may_be_again(of.as_deref()) || self.is_forgotten(login, note, &found);
        let (texts, bases, has_forgotten_base) = if let (Some(base), Some(of)) = (base, &of) {
            let put = ((text, &hash[..]), (base, &of[..]));
            let known = self.with_logged_put(reader, note, put, (&held, &found)).await;
            let (texts, mut bases) = self.again(reader, &known, (text, &hash), base).await;
            bases.push(Base { text: base.to_owned(), known: Known::Opened, ..Base::default() });
            (texts, bases, false)
        } else {
            let (put, held) = ((text, hash.as_str()), (&mut held, &found));
            let (found, is_forgotten) = self.bases(reader, note, put, held, &mut left).await;
            let (texts, bases) = found.into_iter().unzip();
            (texts, bases, is_forgotten)
        };
        let only_at = is_in_doubt.then(|| note.seq());
        let id = Some(put_id(reader, &hash, of.as_deref()));
        let made = Made::default();
        self.under_way.insert((reader, hash.clone()), made.clone());
        held.puts(&hash, text.len(), of);
        let key = text_key(reader, &Text::Put(hash));
        left.push((key, Bytes::copy_from_slice(text.as_bytes())));
        self.leave_put(reader, held, left).await;
        let text = text.to_owned();
        let put = PutText {
            text,
            bases,
            has_forgotten_base,
            may_be_again,
            made,
            only_at,
            id,
            ..PutText::default()
        };
        Putting { put, texts }
    }

    /// The put before this one that it is a retry of, as its base: then it changes nothing more, or what its writer has
    /// written on.
    async fn again(
        &self,
        reader: Reader,
        held: &Held,
        (text, hash): (&str, &str),
        of: &str,
    ) -> (Vec<Text>, Vec<Base>) {
        let none = Default::default();
        let Some((put, outcome)) = held.again(hash, &sha256(of.as_bytes())) else { return none };
        let only_if = match outcome {
            Outcome::Unknown(noted) => Some(self.made(reader, put, noted).unwrap_or_default()),
            Outcome::Unheard | Outcome::Answered => None,
        };
        let named = Text::Put(put.to_owned());
        let text = if put == hash {
            text.to_owned()
        } else {
            let kept = self.texts.find_fixed(&[text_key(reader, &named)]).await.remove(0);
            let Some(Ok(kept)) = kept.map(|kept| String::from_utf8(kept.into())) else {
                return none;
            };
            kept
        };
        (vec![named], vec![Base { text, known: Known::Put, only_if, is_reopened: false }])
    }

    /// How a put was made, as far as this node, or another, has noted it.
    fn made(&self, reader: Reader, hash: &str, noted: Option<(u64, u32)>) -> Option<Made> {
        let made = self.under_way.get(&(reader, hash.to_owned()));
        made.or_else(|| noted.map(Made::from))
    }

    /// What a text may have been made from, and whether that may be something that is forgotten. The same put
    /// again changes nothing more: it may be a retry of somebody who never had the answer.
    async fn bases(
        &self,
        reader: Reader,
        note: Written<'_>,
        (text, hash): (&str, &str),
        (held, found): (&mut Held, &Found),
        left: &mut Vec<(String, Bytes)>,
    ) -> (Vec<(Text, Base)>, bool) {
        let login = reader.0;
        let is_settled = self.settles(login, note, held).await;
        let texts = if is_settled { Vec::new() } else { self.texts(login, note, held).await };
        let mut bases = Bases::default();
        if !is_settled {
            bases.find(held, texts, (text, hash), |hash, noted| self.made(reader, hash, noted));
        }
        let (known, was_shown) = (note.known(held), held.was_shown());
        // While Redis is away, nobody knows.
        if found.complete_for > Duration::ZERO {
            held.forgets(&bases.gone);
        }
        // Who had it open before something was lost, and has only been shown a list since, holds what they had.
        if held.is_only_listed()
            && self.is_forgotten(login, note, found)
            && found.complete_for + SECOND < self.clock.now().since(login.made_at())
            && !self.is_put_under(login, note, None).await
        {
            bases.found.retain(|(text, _)| !held.is_listed_since(text));
        }
        let mut has_forgotten_base = !is_settled && !bases.has_certain();
        let is_as_it_is = is_settled
            || (has_forgotten_base
                && if was_shown {
                    // Its text is gone. Where nobody else wrote since it may have been shown, no words of others are in doubt.
                    self.is_put_under(login, note, None).await
                } else {
                    self.is_as_shown(login, note, known, found).await
                });
        if is_as_it_is {
            let now = note.name();
            left.push((text_key(reader, &now), Bytes::copy_from_slice(note.text.as_bytes())));
            held.shows(now.clone(), How::Listed, note.text.len());
            note.place(held);
            let base = Base { text: note.text.to_owned(), ..Base::default() };
            // What others write from here on was not in it.
            bases.found.insert(0, (now, base));
            has_forgotten_base = false;
        }
        (bases.found, has_forgotten_base)
    }

    /// What a sign-in holds, as it is kept from now on.
    fn kept(&self, reader: Reader, mut held: Held) -> (String, Bytes) {
        held.written_at(self.clock.now());
        written(reader.held(), &held)
    }

    /// The put of a text was not answered well. How it was made, if it was, is for other nodes to know.
    pub(crate) async fn failed(&self, login: LoginId, note: Thing, text: &str) {
        let (reader, hash) = (Reader(login, note), sha256(text.as_bytes()));
        let made = self.under_way.get(&(reader, hash.clone())).and_then(|made| made.noted());
        let _turn = self.turn(login).await;
        let mut held = self.held(reader).await.0;
        held.failed(&hash, made);
        self.leave(vec![self.kept(reader, held)], Vec::new()).await;
    }

    async fn turn(&self, login: LoginId) -> MutexGuard<'_, ()> {
        let number =
            login.bytes().iter().fold(0, |sum, byte| (sum * 31 + usize::from(*byte)) % AT_ONCE);
        self.turns[number].lock().await
    }

    async fn held(&self, reader: Reader) -> (Held, Found) {
        let found = self.recent.find(&[reader.held()]).await;
        let mut held: Held = read(found.values[0].as_ref()).unwrap_or_default();
        held.read_at(self.clock.now(), found.complete_for);
        (held, found)
    }

    /// What is kept of the texts, in the order of the entries, maybe on another node.
    async fn texts(&self, login: LoginId, note: Written<'_>, held: &Held) -> Vec<Option<String>> {
        let reader = Reader(login, note.id);
        let keys: Vec<_> = held.entries().map(|one| text_key(reader, &one.kept_as())).collect();
        let (found, now) = (self.texts.find_fixed(&keys).await, note.name());
        let text = |(found, one): (Option<Bytes>, &Entry)| {
            if one.text == now {
                return Some(note.text.to_owned());
            }
            String::from_utf8(found?.into()).ok()
        };
        found.into_iter().zip(held.entries()).map(text).collect()
    }
}
