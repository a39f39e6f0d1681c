//! The pomodoro timer of a room: anchors, from which every client computes the same clock, offline too.
//!
//! Nothing ticks. A phase is over when its time has passed; the next one begins when somebody says so.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The longest phase, in seconds: a client's clock that is wrong by more shows nothing useful.
pub const LONGEST: u32 = 4 * 60 * 60;

/// What people do in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// They study.
    Focus,
    /// They rest for a moment.
    ShortBreak,
    /// They rest, after some rounds.
    LongBreak,
}

/// How long phases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerConfig {
    /// Seconds of focus.
    pub focus_s: u32,
    /// Seconds of a short break.
    pub short_break_s: u32,
    /// Seconds of a long break.
    pub long_break_s: u32,
    /// Rounds of focus before a long break.
    pub rounds: u32,
}

impl Default for TimerConfig {
    fn default() -> Self {
        Self { focus_s: 25 * 60, short_break_s: 5 * 60, long_break_s: 15 * 60, rounds: 4 }
    }
}

impl TimerConfig {
    /// Whether all of it is within limits.
    pub fn is_sound(&self) -> bool {
        let lengths = [self.focus_s, self.short_break_s, self.long_break_s];
        lengths.iter().all(|length| (1..=LONGEST).contains(length))
            && (1..=100).contains(&self.rounds)
    }

    fn length(&self, phase: Phase) -> u32 {
        match phase {
            Phase::Focus => self.focus_s,
            Phase::ShortBreak => self.short_break_s,
            Phase::LongBreak => self.long_break_s,
        }
    }
}

/// A timer that was started. It is one value, replaced whole, so that a merge never mixes two people's
/// halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// What people do now.
    pub phase: Phase,
    /// When the phase began, moved on by what it was paused.
    pub phase_started_at: Timestamp,
    /// How long it is, in seconds.
    pub duration_s: u32,
    /// What was left of it when it was paused, in seconds; null while it runs.
    pub paused_remaining_s: Option<u32>,
    /// Which round of focus it is, or comes behind; the first is 1.
    pub cycle: u32,
}

/// What somebody does to a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerAction {
    /// Begin, go on after a pause, or go on with the next phase when this one is over.
    Start,
    /// Stand still.
    Pause,
    /// Go on with the next phase.
    Skip,
    /// As if it had never been started.
    Reset,
}

impl Timer {
    fn begin(phase: Phase, cycle: u32, config: &TimerConfig, now: Timestamp) -> Self {
        Self {
            phase,
            phase_started_at: now,
            duration_s: config.length(phase),
            paused_remaining_s: None,
            cycle,
        }
    }

    /// Whether all of it is within limits; what is not is no timer.
    pub fn is_sound(&self) -> bool {
        (1..=LONGEST).contains(&self.duration_s)
            && self.paused_remaining_s.is_none_or(|left| left <= self.duration_s)
            && self.cycle >= 1
    }

    /// Seconds that are left of the phase, rounded up; 0 when it is over.
    pub fn remaining_s(&self, now: Timestamp) -> u32 {
        if let Some(left) = self.paused_remaining_s {
            return left;
        }
        let length = Duration::from_secs(self.duration_s.into());
        let left = length.saturating_sub(now.since(self.phase_started_at));
        u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
    }

    fn next(&self, config: &TimerConfig, now: Timestamp) -> Self {
        match self.phase {
            Phase::Focus if self.cycle.is_multiple_of(config.rounds.max(1)) => {
                Self::begin(Phase::LongBreak, self.cycle, config, now)
            }
            Phase::Focus => Self::begin(Phase::ShortBreak, self.cycle, config, now),
            Phase::ShortBreak | Phase::LongBreak => {
                Self::begin(Phase::Focus, self.cycle.saturating_add(1), config, now)
            }
        }
    }

    fn resumed(self, left: u32, now: Timestamp) -> Self {
        let passed = Duration::from_secs(self.duration_s.saturating_sub(left).into());
        Self { phase_started_at: now - passed, paused_remaining_s: None, ..self }
    }
}

/// The timer after somebody's action; `None` is one that is not started.
pub fn after(
    timer: Option<Timer>,
    action: TimerAction,
    config: &TimerConfig,
    now: Timestamp,
) -> Option<Timer> {
    match (action, timer) {
        (TimerAction::Reset, _) | (TimerAction::Pause, None) => None,
        (TimerAction::Start | TimerAction::Skip, None) => {
            Some(Timer::begin(Phase::Focus, 1, config, now))
        }
        (TimerAction::Skip, Some(timer)) => Some(timer.next(config, now)),
        (TimerAction::Start, Some(timer)) => Some(match timer.paused_remaining_s {
            Some(left) => timer.resumed(left, now),
            None if timer.remaining_s(now) == 0 => timer.next(config, now),
            None => timer,
        }),
        (TimerAction::Pause, Some(timer)) => Some(match timer.remaining_s(now) {
            0 => timer,
            left => Timer { paused_remaining_s: Some(left), ..timer },
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: TimerConfig =
        TimerConfig { focus_s: 100, short_break_s: 10, long_break_s: 50, rounds: 2 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn shown(timer: Option<Timer>, seconds: i64) -> Option<(Phase, u32, u32)> {
        timer.map(|timer| (timer.phase, timer.cycle, timer.remaining_s(at(seconds))))
    }

    #[test]
    fn phases_follow_each_other_and_every_second_break_is_long() {
        let mut timer = after(None, TimerAction::Start, &CONFIG, at(0));
        assert_eq!(shown(timer, 30), Some((Phase::Focus, 1, 70)));
        assert_eq!(after(timer, TimerAction::Start, &CONFIG, at(30)), timer);
        assert_eq!(shown(timer, 500), Some((Phase::Focus, 1, 0)));
        timer = after(timer, TimerAction::Start, &CONFIG, at(500));
        assert_eq!(shown(timer, 501), Some((Phase::ShortBreak, 1, 9)));
        timer = after(timer, TimerAction::Skip, &CONFIG, at(502));
        assert_eq!(shown(timer, 502), Some((Phase::Focus, 2, 100)));
        timer = after(timer, TimerAction::Skip, &CONFIG, at(503));
        assert_eq!(shown(timer, 503), Some((Phase::LongBreak, 2, 50)));
        assert_eq!(after(timer, TimerAction::Reset, &CONFIG, at(504)), None);
    }

    #[test]
    fn a_pause_takes_nothing_from_a_phase() {
        let timer = after(None, TimerAction::Start, &CONFIG, at(0));
        let paused = after(timer, TimerAction::Pause, &CONFIG, at(40));
        assert_eq!(shown(paused, 4000), Some((Phase::Focus, 1, 60)));
        assert_eq!(after(paused, TimerAction::Pause, &CONFIG, at(50)), paused);
        let on = after(paused, TimerAction::Start, &CONFIG, at(4000));
        assert_eq!(shown(on, 4010), Some((Phase::Focus, 1, 50)));
        assert_eq!(after(None, TimerAction::Pause, &CONFIG, at(1)), None);
    }

    #[derive(Deserialize)]
    struct Fixture {
        timers: Vec<Case>,
        not_timers: Vec<serde_json::Value>,
        not_configs: Vec<serde_json::Value>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        config: TimerConfig,
        steps: Vec<Step>,
    }

    #[derive(Deserialize)]
    struct Step {
        action: TimerAction,
        at: Timestamp,
        timer: serde_json::Value,
        left: Vec<(Timestamp, u32)>,
    }

    #[test]
    fn typescript_has_the_same_clock() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../fixtures/timer.json")).unwrap();
        for Case { name, config, steps } in fixture.timers {
            let mut timer = None;
            for step in steps {
                timer = after(timer, step.action, &config, step.at);
                assert_eq!(serde_json::to_value(timer).unwrap(), step.timer, "{name}");
                for (at, left) in step.left {
                    assert_eq!(timer.map(|timer| timer.remaining_s(at)), Some(left), "{name}");
                }
            }
        }
        for value in fixture.not_timers {
            let timer = serde_json::from_value(value.clone()).ok().filter(Timer::is_sound);
            assert_eq!(timer, None, "{value}");
        }
        for value in fixture.not_configs {
            let config = serde_json::from_value(value.clone()).ok().filter(TimerConfig::is_sound);
            assert_eq!(config, None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn whatever_people_do_a_timer_is_sound(
            steps in proptest::collection::vec((0u8..4, 0i64..500), 0..50),
        ) {
            let (mut timer, mut now) = (None, 0);
            for (action, pause) in steps {
                now += pause;
                let actions =
                    [TimerAction::Start, TimerAction::Pause, TimerAction::Skip, TimerAction::Reset];
                timer = after(timer, actions[action as usize], &CONFIG, at(now));
                prop_assert!(timer.is_none_or(|timer| timer.is_sound()));
                prop_assert!(timer.is_none_or(|timer| timer.remaining_s(at(now)) <= timer.duration_s));
            }
        }
    }
}
