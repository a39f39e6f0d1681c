//! A room's state as a row: a projection of the document `room:<id>`, rebuildable from it. And its focus
//! phases as the server saw them begin and end, which is what a study session counts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    ids::RoomId,
    record::{Index, Record},
    timer::{Phase, Timer, TimerConfig},
};

/// A focus phase shorter than this is no pomodoro.
pub const POMODORO: Duration = Duration::from_mins(25);

/// A phase whose beginning was moved by no more than this was not begun anew, in milliseconds: what is left at a pause
/// is rounded to seconds.
const NO_PAUSE: u64 = 2_000;
/// One that was moved to now, but for so much, was.
const NEAR: u64 = 10_000;

/// A row of `room_states`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomState {
    /// The room.
    #[serde(rename = "_id")]
    pub id: RoomId,
    /// Its timer, when it is started.
    pub timer: Option<Timer>,
    /// How long the timer's phases are.
    pub timer_config: TimerConfig,
    /// The document's last update that this row shows; only a higher one replaces it.
    pub projected_seq: u64,
}

impl Record for RoomState {
    const COLLECTION: &'static str = "room_states";
    type Id = RoomId;
    fn id(&self) -> RoomId {
        self.id
    }
}

/// A row of `room_phases`: the phase that a room is in, since when by the server's clock. Clients write
/// anchors as they like, so only the server's receive times count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPhase {
    /// The room.
    #[serde(rename = "_id")]
    pub id: RoomId,
    /// The phase and its round; none while the timer is not started.
    pub phase: Option<(Phase, u32)>,
    /// When the update that began it came.
    pub began_at: Timestamp,
    /// The number of that update.
    pub seq: u64,
    /// The timer as it was seen last, and by which update.
    #[serde(default)]
    pub timer: Option<Timer>,
    #[serde(default)]
    pub seen: u64,
    /// Since when it stands still, and how long it did before, in milliseconds.
    #[serde(default)]
    pub stands_since: Option<Timestamp>,
    #[serde(default)]
    pub stood_ms: u64,
}

impl Record for RoomPhase {
    const COLLECTION: &'static str = "room_phases";
    type Id = RoomId;
    fn id(&self) -> RoomId {
        self.id
    }
}

/// A row of `pomodoros`: a focus phase of a room that lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pomodoro {
    /// `<room>:<number of the update that began it>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The room.
    pub room_id: RoomId,
    /// When the update that began it came.
    pub began_at: Timestamp,
    /// When the update that ended it came.
    pub ended_at: Timestamp,
}

impl Record for Pomodoro {
    const COLLECTION: &'static str = "pomodoros";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "room", keys: &["room_id", "ended_at"], unique: false }]
    }
}

impl RoomPhase {
    /// A room whose timer was never seen.
    pub fn new(id: RoomId) -> Self {
        Self {
            id,
            phase: None,
            began_at: Timestamp::default(),
            seq: 0,
            timer: None,
            seen: 0,
            stands_since: None,
            stood_ms: 0,
        }
    }

    /// Whether the timer was as it is now when it was seen last.
    pub fn has_seen(&self, timer: Option<&Timer>) -> bool {
        self.phase == phase_of(timer) && self.timer.as_ref() == timer
    }

    /// The timer was seen as of this update. What ended by that, if it was long enough to count.
    pub fn see(&mut self, timer: Option<&Timer>, seq: u64, at: Timestamp) -> Option<Pomodoro> {
        if seq <= self.seq.max(self.seen) || self.has_seen(timer) {
            return None;
        }
        let ran = self.ran_ms(at);
        let moved = self.moved_ms(timer, at);
        let is_begun_anew = moved > NO_PAUSE && moved + NEAR >= ran;
        let is_paused = timer.is_some_and(|timer| timer.paused_remaining_s.is_some());
        if self.phase == phase_of(timer) && !is_begun_anew {
            match self.stands_since {
                None => self.stood_ms += moved,
                Some(since) if !is_paused => self.stood_ms += millis(at.since(since)),
                Some(_) => {}
            }
            self.stands_since = is_paused.then(|| self.stands_since.unwrap_or(at));
            (self.timer, self.seen) = (timer.copied(), seq);
            return None;
        }
        let ended = Pomodoro {
            id: format!("{}:{}", self.id, self.seq),
            room_id: self.id,
            began_at: self.began_at,
            ended_at: at,
        };
        let counts = matches!(self.phase, Some((Phase::Focus, _))) && ran >= millis(POMODORO);
        *self = Self {
            phase: phase_of(timer),
            began_at: at,
            seq,
            timer: timer.copied(),
            seen: seq,
            stands_since: is_paused.then_some(at),
            ..Self::new(self.id)
        };
        counts.then_some(ended)
    }

    /// How long the phase has been running, by the server's clock.
    fn ran_ms(&self, at: Timestamp) -> u64 {
        let stands = self.stands_since.map_or(0, |since| millis(at.since(since)));
        millis(at.since(self.began_at)).saturating_sub(self.stood_ms + stands)
    }

    /// By how much more the phase's beginning was moved than it is known to have stood still: it did while nobody
    /// looked, or was begun anew. Of two times that clients wrote only their difference is used.
    fn moved_ms(&self, timer: Option<&Timer>, at: Timestamp) -> u64 {
        let (Some(before), Some(timer)) = (&self.timer, timer) else { return 0 };
        let moved = millis(timer.phase_started_at.since(before.phase_started_at));
        let stands = self.stands_since.map_or(0, |since| millis(at.since(since)));
        moved.saturating_sub(stands)
    }
}

fn phase_of(timer: Option<&Timer>) -> Option<(Phase, u32)> {
    timer.map(|timer| (timer.phase, timer.cycle))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer::{TimerAction, after};

    #[test]
    fn only_a_focus_phase_that_lasted_by_the_servers_clock_counts() {
        let config = TimerConfig::default();
        let room = RoomId::from_bytes([1; 12]);
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        let mut phase = RoomPhase::new(room);
        let focus = after(None, TimerAction::Start, &config, at(-600)); // as its client claims
        assert_eq!(phase.see(focus.as_ref(), 1, at(0)), None);
        assert_eq!(phase.see(focus.as_ref(), 2, at(20)), None, "something else has changed");
        let rest = after(focus, TimerAction::Skip, &config, at(26));
        let pomodoro = phase.see(rest.as_ref(), 3, at(26)).expect("it lasted");
        assert_eq!((pomodoro.began_at, pomodoro.ended_at), (at(0), at(26)));
        assert_eq!(phase.see(focus.as_ref(), 2, at(20)), None, "what is older says nothing");
        let second = after(rest, TimerAction::Skip, &config, at(60));
        assert_eq!(phase.see(second.as_ref(), 4, at(60)), None, "a break");
        assert_eq!(phase.see(None, 5, at(70)), None, "too short");
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// How many pomodoros there are when the timer is seen after each of these, by second. What is done in the
    /// same second is seen at once.
    fn counted(steps: &[(i64, TimerAction)]) -> usize {
        let (mut phase, mut timer, mut counted) =
            (RoomPhase::new(RoomId::from_bytes([1; 12])), None, 0);
        for (step, &(second, action)) in steps.iter().enumerate() {
            timer = after(timer, action, &TimerConfig::default(), at(second));
            if steps.get(step + 1).is_none_or(|next| next.0 > second) {
                counted +=
                    usize::from(phase.see(timer.as_ref(), 1 + step as u64, at(second)).is_some());
            }
        }
        counted
    }

    #[test]
    fn who_resets_and_begins_anew_in_one_moment_begins_anew() {
        use TimerAction::{Reset, Skip, Start};
        let minute = 60;
        let anew = |first: i64, second: i64| {
            let then = first + second;
            counted(&[(0, Start), (first, Reset), (first, Start), (then, Skip)])
        };
        assert_eq!(anew(26 * minute, 26 * minute), 2);
        assert_eq!(anew(24 * minute, 90), 0);
        assert_eq!(anew(3, 25 * minute), 1);
        assert_eq!(anew(3, 25 * minute - 2), 0);
    }

    #[test]
    fn what_passes_while_a_focus_is_paused_is_no_focus() {
        use TimerAction::{Pause, Reset, Skip, Start};
        let minute = 60;
        assert_eq!(counted(&[(0, Start), (1, Pause), (26 * minute, Skip)]), 0);
        let twice = |rest: i64| {
            let pauses = [(0, Start), (600, Pause), (4000, Start), (4300, Pause), (4400, Start)];
            counted(&[&pauses[..], &[(4400 + rest, Skip)]].concat())
        };
        assert_eq!((twice(599), twice(600)), (0, 1));
        // A pause that nobody saw.
        let unseen = [(0, Start), (600, Pause), (600, Start), (1500, Skip)];
        assert_eq!(counted(&unseen), 1);
        // Paused, and begun anew where it stands.
        let anew = |rest: i64| {
            let steps = [(0, Start), (1000, Pause), (2000, Reset), (2000, Start)];
            counted(&[&steps[..], &[(2000 + rest, Skip)]].concat())
        };
        assert_eq!((anew(1499), anew(1500)), (0, 1));
    }
}
