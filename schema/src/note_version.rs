//! Versions of a note: its text at the end of each stretch of time in which somebody wrote, and who did.
//! History, and no projection: it is kept while the note changes, and cannot be made again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    ids::{LoginId, NoteId, UserId},
    record::{Index, Record},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What is written within so many milliseconds of the clock is one version, unless that is ended before.
const STRETCH: i64 = 5 * MINUTE;
/// Of those that were ended before so many of the newest stay for a day.
const ENDED: usize = 100;

/// A row of `note_versions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteVersion {
    /// `<note>:<number of the stretch of time>`; of one that follows another in its stretch, also where that ended.
    #[serde(rename = "_id")]
    pub id: String,
    /// The note.
    pub note_id: NoteId,
    /// The first update since the version before.
    pub from: u64,
    /// The first that it was ever called by, where `from` is of a version that is not kept any more.
    #[serde(default)]
    pub named_from: Option<u64>,
    /// The document's last update that it has; its name among the note's versions.
    pub seq: u64,
    /// When that update came.
    pub at: Timestamp,
    /// Who wrote in this stretch, by the log.
    pub by: BTreeSet<UserId>,
    /// Under which sign-ins, over REST; what came over a socket is [`live`].
    #[serde(default)]
    pub logins: BTreeSet<LoginId>,
    /// The title. Missing, as the text, in the newest version: there it is the note's own.
    pub title: Option<String>,
    /// The text, as the note's row had it. Missing too where versions are read without their texts.
    pub text: Option<String>,
    /// Whether it was ended before its time: the note was about to go back to an older one.
    #[serde(default)]
    pub is_ended: bool,
    /// Whether it is being thinned out: nobody is added to those who wrote it any more, so that they can be named
    /// elsewhere before it is deleted.
    #[serde(default)]
    pub is_thinned: bool,
}

/// Nobody's sign-in: a socket's.
pub fn live() -> LoginId {
    LoginId::from_bytes([0; 12])
}

impl NoteVersion {
    /// A version that begins with this update, of this time.
    pub fn new(note: NoteId, from: u64, at: Timestamp) -> Self {
        Self {
            id: Self::key(note, at),
            note_id: note,
            from,
            named_from: None,
            seq: from,
            at,
            by: BTreeSet::new(),
            logins: BTreeSet::new(),
            title: None,
            text: None,
            is_ended: false,
            is_thinned: false,
        }
    }

    /// The version after this one, beginning with this update. An update that is earlier by the clock counts to
    /// the time of this one.
    #[must_use]
    pub fn followed(&self, from: u64, at: Timestamp) -> Self {
        let mut next = Self::new(self.note_id, from, at.max(self.at));
        if stretch(next.at) == stretch(self.at) {
            next.id = format!("{}:{}", next.id, self.seq);
        }
        next
    }

    fn key(note: NoteId, at: Timestamp) -> String {
        format!("{note}:{}", stretch(at))
    }

    /// What it says is known for good; nothing that is written belongs to it any more.
    pub fn is_closed(&self) -> bool {
        self.title.is_some()
    }

    /// Whether a version of this name, as was listed, is this one by now: the newest one's name changes while it
    /// is written to. An empty note has none yet.
    pub fn was_called(&self, seq: u64) -> bool {
        let from = self.named_from.unwrap_or(self.from);
        (from..=self.seq).contains(&seq) || (seq == 0 && from <= 1)
    }

    /// Names who wrote a version before this one, which is not to be kept, as who wrote this one.
    pub fn takes_over(&mut self, before: &Self) {
        self.by.extend(&before.by);
        self.logins.extend(&before.logins);
        if before.from < self.from {
            self.named_from.get_or_insert(self.from);
            self.from = before.from;
        }
    }

    /// Whether a row that shows updates up to this one says what the note was at the end.
    pub fn is_shown_at(&self, seq: u64) -> bool {
        (self.from..=self.seq).contains(&seq)
    }

    /// Whether an update of this time belongs to it; one that is earlier by the clock does too.
    pub fn holds(&self, at: Timestamp) -> bool {
        !self.is_closed() && (at <= self.at || stretch(at) == stretch(self.at))
    }
}

/// The number of a stretch of time.
fn stretch(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(STRETCH)
}

impl Record for NoteVersion {
    const COLLECTION: &'static str = "note_versions";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "note", keys: &["note_id", "seq", "_id"], unique: false }]
    }
}

/// Which of these versions, newest first, need not be kept any more, each with the one that is to name who wrote
/// it, the next that is kept: one an hour is enough after an hour,
/// one a day after a day, one a week after a month. What was ended before its time says what was then taken away:
/// that is thinned by itself, and after a day only.
pub fn superfluous(versions: &[NoteVersion], now: Timestamp) -> Vec<(&NoteVersion, &NoteVersion)> {
    let (mut kept, mut ended) = (BTreeSet::new(), 0);
    let mut is_superfluous = |version: &NoteVersion| {
        let (at, age) = (version.at.as_millis(), (now.as_millis() - version.at.as_millis()).max(0));
        ended += usize::from(version.is_ended);
        let length = match age {
            0..=HOUR => return false,
            ..=DAY if version.is_ended && ended <= ENDED => return false,
            ..=DAY => HOUR,
            age if age <= 31 * DAY => DAY,
            _ => 7 * DAY,
        };
        !kept.insert((length, version.is_ended, at.div_euclid(length)))
    };
    let (mut superfluous, mut next) = (Vec::new(), None::<&NoteVersion>);
    for version in versions {
        let is_over = is_superfluous(version) || version.is_thinned;
        // One that is still written may be given up itself, with whom it names.
        match next.filter(|next| next.is_closed()) {
            Some(next) if is_over => superfluous.push((version, next)),
            _ => next = Some(version),
        }
    }
    superfluous
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(at: i64) -> NoteVersion {
        let version = NoteVersion::new(NoteId::from_bytes([1; 12]), 1, Timestamp::from_millis(at));
        NoteVersion { title: Some(String::new()), ..version }
    }

    #[test]
    fn what_is_older_is_kept_more_seldom() {
        let now = 400 * DAY;
        let every_ten_minutes = |from: i64, to: i64| {
            let steps = (from / (10 * MINUTE))..(to / (10 * MINUTE));
            steps.map(move |step| version(now - step * 10 * MINUTE)).collect::<Vec<_>>()
        };
        let left = |versions: &[NoteVersion]| {
            versions.len() - superfluous(versions, Timestamp::from_millis(now)).len()
        };
        assert_eq!(left(&every_ten_minutes(0, HOUR)), 6);
        assert_eq!(left(&every_ten_minutes(2 * HOUR, 20 * HOUR)), 19);
        assert_eq!(left(&every_ten_minutes(2 * DAY, 30 * DAY)), 29);
        assert_eq!(left(&every_ten_minutes(40 * DAY, 180 * DAY)), 21);
    }

    #[test]
    fn what_was_ended_before_its_time_stays_for_a_day_and_is_bounded() {
        let now = 400 * DAY;
        let left = |minutes: i64, count: i64| {
            let ended = |number| NoteVersion {
                is_ended: true,
                ..version(now - minutes * MINUTE - number * MINUTE / 10)
            };
            let versions: Vec<_> = (0..count).map(ended).collect();
            versions.len() - superfluous(&versions, Timestamp::from_millis(now)).len()
        };
        assert_eq!(left(90, 20), 20);
        assert_eq!(left(47 * 60, 20), 1);
        assert!(left(90, 1000) <= ENDED + 4);
    }

    #[test]
    fn what_is_thinned_is_named_by_the_next_that_is_kept_and_is_closed() {
        let (now, day) = (400 * DAY, 390 * DAY);
        let open = NoteVersion { title: None, ..version(day + 40 * MINUTE) };
        let [c, b, a] = [30, 20, 10].map(|minute| version(day + minute * MINUTE));
        let thinned_by = |versions: &[NoteVersion]| {
            let superfluous = superfluous(versions, Timestamp::from_millis(now));
            superfluous.iter().map(|(one, next)| (one.at, next.at)).collect::<Vec<_>>()
        };
        assert_eq!(thinned_by(&[c.clone(), b.clone(), a.clone()]), [(b.at, c.at), (a.at, c.at)]);
        let by_c = [(b.at, c.at), (a.at, c.at)];
        assert_eq!(thinned_by(&[open, c.clone(), b.clone(), a.clone()]), by_c);
        // Half done by somebody else, though its own time would still keep it.
        let (new, half) = (version(now), NoteVersion { is_thinned: true, ..version(now - MINUTE) });
        assert_eq!(thinned_by(&[new.clone(), half.clone()]), [(half.at, new.at)]);
    }

    #[test]
    fn what_is_thinned_leaves_who_wrote_it_and_not_its_name() {
        let [ada, ben] = [1, 2].map(|id| UserId::from_bytes([id; 12]));
        let before = NoteVersion { seq: 4, by: [ada].into(), ..version(MINUTE) };
        let mut kept = NoteVersion { from: 5, seq: 9, by: [ben].into(), ..version(10 * MINUTE) };
        kept.takes_over(&before);
        assert_eq!((kept.from, &kept.by), (1, &[ada, ben].into()));
        assert!(kept.was_called(5) && kept.was_called(9));
        assert!(!kept.was_called(4) && !kept.was_called(0));
    }

    #[test]
    fn what_follows_in_the_same_stretch_has_a_name_of_its_own() {
        let mut one = version(10 * MINUTE);
        one.seq = 7;
        assert!(!one.holds(one.at));
        let next = one.followed(8, Timestamp::from_millis(9 * MINUTE));
        assert_eq!((next.id.clone(), next.at), (format!("{}:7", one.id), one.at));
        assert!(next.holds(Timestamp::from_millis(14 * MINUTE)));
        assert_eq!(
            one.followed(8, Timestamp::from_millis(15 * MINUTE)).id,
            version(15 * MINUTE).id
        );
    }

    #[test]
    fn a_version_holds_what_is_written_within_minutes_and_what_a_clock_dates_back() {
        let one = NoteVersion { title: None, ..version(10 * MINUTE) };
        assert!(one.holds(Timestamp::from_millis(14 * MINUTE)));
        assert!(one.holds(Timestamp::from_millis(2 * MINUTE)));
        assert!(!one.holds(Timestamp::from_millis(15 * MINUTE)));
    }
}
