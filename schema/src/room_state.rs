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
        Self { id, phase: None, began_at: Timestamp::default(), seq: 0 }
    }

    /// The timer was seen as of this update. What ended by that, if it was long enough to count.
    pub fn see(&mut self, timer: Option<&Timer>, seq: u64, at: Timestamp) -> Option<Pomodoro> {
        let phase = timer.map(|timer| (timer.phase, timer.cycle));
        if phase == self.phase || seq <= self.seq {
            return None;
        }
        let ended = Pomodoro {
            id: format!("{}:{}", self.id, self.seq),
            room_id: self.id,
            began_at: self.began_at,
            ended_at: at,
        };
        let counts =
            matches!(self.phase, Some((Phase::Focus, _))) && at.since(self.began_at) >= POMODORO;
        *self = Self { id: self.id, phase, began_at: at, seq };
        counts.then_some(ended)
    }
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
}
