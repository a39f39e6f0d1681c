//! A room's pomodoro timer: anchors, from which every client computes the same clock.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::RoomId,
    room_state::RoomState,
    timer::{LONGEST, Phase, Timer, TimerAction, TimerConfig},
};
use studyhall_store::Versioned;
use utoipa::ToSchema;

use crate::{
    answer::Shown,
    api::Api,
    extract::{Caller, IfMatch, IfNoneMatch, Json, Path},
    fault::Fault,
    timer::{self, TimerChange},
};

/// What is to happen to a timer.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutTimer {
    /// `start` also goes on after a pause, and with the next phase when this one is over.
    #[garde(skip)]
    #[schema(value_type = Option<TimerActionName>)]
    action: Option<TimerAction>,
    /// For phases that begin from now on.
    #[garde(dive)]
    config: Option<PutTimerConfig>,
}

/// How long phases are to be. What is missing stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutTimerConfig {
    #[garde(inner(range(min = 1, max = LONGEST)))]
    #[schema(minimum = 1, maximum = 14400)]
    focus_s: Option<u32>,
    #[garde(inner(range(min = 1, max = LONGEST)))]
    #[schema(minimum = 1, maximum = 14400)]
    short_break_s: Option<u32>,
    #[garde(inner(range(min = 1, max = LONGEST)))]
    #[schema(minimum = 1, maximum = 14400)]
    long_break_s: Option<u32>,
    /// Rounds of focus before a long break.
    #[garde(inner(range(min = 1, max = 100)))]
    #[schema(minimum = 1, maximum = 100)]
    rounds: Option<u32>,
}

/// What somebody does to a timer.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the schema's TimerAction")]
pub(crate) enum TimerActionName {
    Start,
    Pause,
    Skip,
    Reset,
}

/// What people do in a phase.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the schema's Phase")]
pub(crate) enum PhaseName {
    Focus,
    ShortBreak,
    LongBreak,
}

/// A timer that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningTimer {
    #[schema(value_type = PhaseName)]
    phase: Phase,
    /// When the phase began, moved on by what it was paused.
    #[schema(value_type = String, format = DateTime)]
    phase_started_at: Timestamp,
    duration_s: u32,
    /// What was left when it was paused; null while it runs.
    paused_remaining_s: Option<u32>,
    /// Which round of focus it is, or comes behind.
    cycle: u32,
}

/// How long phases are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimerConfigView {
    focus_s: u32,
    short_break_s: u32,
    long_break_s: u32,
    rounds: u32,
}

/// A room's timer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimerView {
    rev: u64,
    /// Null when it is not started.
    timer: Option<RunningTimer>,
    config: TimerConfigView,
    /// The name of the document that it is in, in the root map `state`.
    document: String,
}

impl From<Timer> for RunningTimer {
    fn from(timer: Timer) -> Self {
        Self {
            phase: timer.phase,
            phase_started_at: timer.phase_started_at,
            duration_s: timer.duration_s,
            paused_remaining_s: timer.paused_remaining_s,
            cycle: timer.cycle,
        }
    }
}

impl From<TimerConfig> for TimerConfigView {
    fn from(config: TimerConfig) -> Self {
        Self {
            focus_s: config.focus_s,
            short_break_s: config.short_break_s,
            long_break_s: config.long_break_s,
            rounds: config.rounds,
        }
    }
}

fn shown(Versioned { value: state, rev }: Versioned<RoomState>) -> Shown<TimerView> {
    let view = TimerView {
        rev,
        timer: state.timer.map(Into::into),
        config: state.timer_config.into(),
        document: DocumentId::Room(state.id).to_string(),
    };
    Shown::new(view, rev)
}

/// Show a room's timer.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/timer", tag = "rooms",
    params(("id" = String, Path)), responses((status = 200, body = TimerView), (status = 304)))]
pub(super) async fn show_timer(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    known: IfNoneMatch,
) -> Result<Shown<TimerView>, Fault> {
    Ok(shown(timer::show(&api, caller.user, id).await?).unless(&known))
}

/// Start, pause, skip or reset a room's timer, or change how long its phases are.
#[utoipa::path(put, path = "/api/v1/rooms/{id}/timer", tag = "rooms",
    params(("id" = String, Path)), responses((status = 200, body = TimerView)))]
pub(super) async fn put_timer(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    expected: IfMatch,
    Json(body): Json<PutTimer>,
) -> Result<Shown<TimerView>, Fault> {
    let config = body.config;
    let pick = |pick: fn(&PutTimerConfig) -> Option<u32>| config.as_ref().and_then(pick);
    let change = TimerChange {
        action: body.action,
        focus_s: pick(|config| config.focus_s),
        short_break_s: pick(|config| config.short_break_s),
        long_break_s: pick(|config| config.long_break_s),
        rounds: pick(|config| config.rounds),
    };
    Ok(shown(timer::change(&api, caller.user, id, &expected, change).await?))
}
