//! A room's state, in the root map `state`: `timer` (one value, replaced whole) and `timer_config`. Of
//! `agenda`, `goal` and `pinned` the server knows nothing: they are their clients'.

use serde::{Serialize, de::DeserializeOwned};
use studyhall_schema::timer::{Timer, TimerConfig};

use super::{Maps, MapsMut};

const STATE: &str = "state";
const TIMER: &str = "timer";
const CONFIG: &str = "timer_config";

/// A room's state over a document's maps.
pub struct RoomState<'a, M: ?Sized>(&'a mut M);

impl<'a, M: Maps + ?Sized> RoomState<'a, M> {
    /// The state in these maps.
    pub fn of(maps: &'a mut M) -> Self {
        Self(maps)
    }

    /// The timer; none when it is not started, or is no timer.
    pub fn timer(&self) -> Option<Timer> {
        self.value(TIMER).filter(Timer::is_sound)
    }

    /// How long phases are; as usual when nothing sound is said.
    pub fn config(&self) -> TimerConfig {
        self.value(CONFIG).filter(TimerConfig::is_sound).unwrap_or_default()
    }

    fn value<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(self.0.value(STATE, key)?).ok()
    }
}

impl<M: MapsMut + ?Sized> RoomState<'_, M> {
    /// Replaces the timer, where it differs.
    pub fn set_timer(&mut self, timer: Option<Timer>) {
        if self.timer() != timer {
            self.set(TIMER, &timer);
        }
    }

    /// Replaces how long phases are, where that differs.
    pub fn set_config(&mut self, config: TimerConfig) {
        if self.config() != config {
            self.set(CONFIG, &config);
        }
    }

    fn set(&mut self, key: &str, value: &impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.set(STATE, key, &value);
        }
    }
}
