//! What is measured: each measure's name, unit, goal and how it reads. Knows no server's way of working.

use crate::{rows::Row, servers::Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    ReplayCpu,
    ReplayRate,
    GroupsCpu,
    GroupsArrival,
    GroupsSavedHalf,
    GroupsSaved,
    CrowdCpu,
    CrowdArrival,
    CrowdSavedHalf,
    CrowdSaved,
    TypingCpu,
    TypingArrival,
    TypingSavedHalf,
    TypingSaved,
    IdleMemory,
    Kept,
    AutomergeReplayCpu,
    AutomergeReplayRate,
    AutomergeTodosCpu,
    AutomergeTodosArrival,
    AutomergeTodosSavedHalf,
    AutomergeTodosSaved,
    AutomergeWriterCpu,
    AutomergeWriterArrival,
    AutomergeWriterSavedHalf,
    AutomergeWriterSaved,
    AutomergeOpenFirst,
    AutomergeOpenCpu,
    AutomergeHeld,
    AutomergeLeft,
}

/// One measure on one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) measure: Measure,
    pub(crate) value: f64,
    /// Of how many, for a share.
    pub(crate) of: u32,
}

/// All that one server gave.
pub(crate) struct Column {
    pub(crate) server: Server,
    pub(crate) figures: Vec<Figure>,
}

impl Column {
    pub(crate) fn get(&self, measure: Measure) -> Option<&Figure> {
        self.figures.iter().find(|f| f.measure == measure)
    }
}

impl Measure {
    pub(crate) const ALL: [Self; 30] = [
        Self::ReplayCpu,
        Self::ReplayRate,
        Self::GroupsCpu,
        Self::GroupsArrival,
        Self::GroupsSavedHalf,
        Self::GroupsSaved,
        Self::CrowdCpu,
        Self::CrowdArrival,
        Self::CrowdSavedHalf,
        Self::CrowdSaved,
        Self::TypingCpu,
        Self::TypingArrival,
        Self::TypingSavedHalf,
        Self::TypingSaved,
        Self::IdleMemory,
        Self::Kept,
        Self::AutomergeReplayCpu,
        Self::AutomergeReplayRate,
        Self::AutomergeTodosCpu,
        Self::AutomergeTodosArrival,
        Self::AutomergeTodosSavedHalf,
        Self::AutomergeTodosSaved,
        Self::AutomergeWriterCpu,
        Self::AutomergeWriterArrival,
        Self::AutomergeWriterSavedHalf,
        Self::AutomergeWriterSaved,
        Self::AutomergeOpenFirst,
        Self::AutomergeOpenCpu,
        Self::AutomergeHeld,
        Self::AutomergeLeft,
    ];
    /// Processor time a delivery, p99 to arrival, p50 and p99 to acknowledgement.
    pub(crate) const GROUPS: [Self; 4] =
        [Self::GroupsCpu, Self::GroupsArrival, Self::GroupsSavedHalf, Self::GroupsSaved];
    pub(crate) const CROWD: [Self; 4] =
        [Self::CrowdCpu, Self::CrowdArrival, Self::CrowdSavedHalf, Self::CrowdSaved];
    pub(crate) const TYPING: [Self; 4] =
        [Self::TypingCpu, Self::TypingArrival, Self::TypingSavedHalf, Self::TypingSaved];
    /// Processor time a change, then the same.
    pub(crate) const AUTOMERGE_TODOS: [Self; 4] = [
        Self::AutomergeTodosCpu,
        Self::AutomergeTodosArrival,
        Self::AutomergeTodosSavedHalf,
        Self::AutomergeTodosSaved,
    ];
    pub(crate) const AUTOMERGE_WRITER: [Self; 4] = [
        Self::AutomergeWriterCpu,
        Self::AutomergeWriterArrival,
        Self::AutomergeWriterSavedHalf,
        Self::AutomergeWriterSaved,
    ];

    pub(crate) fn is(self, value: f64) -> Figure {
        Figure { measure: self, value, of: 0 }
    }

    pub(crate) fn row(self) -> Row {
        match self {
            Self::ReplayCpu | Self::ReplayRate => Row::Replay,
            _ if Self::GROUPS.contains(&self) => Row::Groups,
            _ if Self::CROWD.contains(&self) => Row::Crowd,
            _ if Self::TYPING.contains(&self) => Row::Typing,
            Self::IdleMemory => Row::Idle,
            Self::AutomergeReplayCpu | Self::AutomergeReplayRate => Row::AutomergeReplay,
            _ if Self::AUTOMERGE_TODOS.contains(&self) => Row::AutomergeTodos,
            _ if Self::AUTOMERGE_WRITER.contains(&self) => Row::AutomergeWriter,
            Self::AutomergeOpenFirst | Self::AutomergeOpenCpu => Row::AutomergeOpen,
            Self::AutomergeHeld | Self::AutomergeLeft => Row::AutomergeLeft,
            _ => Row::Kill,
        }
    }

    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::ReplayCpu => "server CPU an update",
            Self::ReplayRate => "updates a second",
            Self::GroupsCpu | Self::CrowdCpu | Self::TypingCpu => "server CPU a delivery",
            Self::AutomergeReplayCpu | Self::AutomergeTodosCpu | Self::AutomergeWriterCpu => {
                "server CPU a change"
            }
            Self::AutomergeReplayRate => "changes a second",
            Self::GroupsArrival
            | Self::CrowdArrival
            | Self::TypingArrival
            | Self::AutomergeTodosArrival
            | Self::AutomergeWriterArrival => "edit to other person, p99",
            Self::GroupsSavedHalf
            | Self::CrowdSavedHalf
            | Self::TypingSavedHalf
            | Self::AutomergeTodosSavedHalf
            | Self::AutomergeWriterSavedHalf => "edit to acknowledgement, p50",
            Self::GroupsSaved
            | Self::CrowdSaved
            | Self::TypingSaved
            | Self::AutomergeTodosSaved
            | Self::AutomergeWriterSaved => "edit to acknowledgement, p99",
            Self::IdleMemory => "memory a socket",
            Self::Kept => "acknowledged edits kept",
            Self::AutomergeOpenFirst => "opened first after a start",
            Self::AutomergeOpenCpu => "server CPU to open it again",
            Self::AutomergeHeld => "memory a document, all just opened",
            Self::AutomergeLeft => "memory a document, 45 s after",
        }
    }

    pub(crate) fn show(self, figure: &Figure) -> String {
        let value = figure.value;
        match self {
            Self::ReplayCpu
            | Self::GroupsCpu
            | Self::CrowdCpu
            | Self::TypingCpu
            | Self::AutomergeReplayCpu
            | Self::AutomergeTodosCpu
            | Self::AutomergeWriterCpu => {
                format!("{} µs", rounded(value))
            }
            Self::ReplayRate | Self::AutomergeReplayRate => format!("{value:.0}/s"),
            Self::IdleMemory | Self::AutomergeHeld | Self::AutomergeLeft => {
                format!("{} KiB", rounded(value))
            }
            Self::Kept => {
                format!("{:.0} of {}", value * f64::from(figure.of), figure.of)
            }
            _ => format!("{} ms", rounded(value)),
        }
    }

    /// The goal of the design page, in the measure's own unit.
    pub(crate) fn goal(self) -> Option<f64> {
        Some(match self {
            Self::ReplayCpu => 2.5,
            Self::GroupsCpu => 1.5,
            Self::CrowdCpu => 0.3,
            Self::TypingCpu => 50.0,
            Self::GroupsArrival | Self::CrowdSaved | Self::IdleMemory => 10.0,
            Self::Kept => 1.0,
            _ => return None,
        })
    }

    /// How many times better than its peers it shall be.
    pub(crate) fn ratio_goal(self) -> Option<f64> {
        (self == Self::AutomergeWriterCpu).then_some(8.0)
    }

    /// Whether more is better.
    pub(crate) fn rises(self) -> bool {
        matches!(self, Self::ReplayRate | Self::AutomergeReplayRate | Self::Kept)
    }

    pub(crate) fn reached(self, value: f64) -> Option<bool> {
        let goal = self.goal()?;
        Some(if self.rises() { value >= goal } else { value <= goal })
    }

    /// How many times better ours is than theirs.
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        if self.rises() { ours / theirs } else { theirs / ours }
    }
}

impl Figure {
    pub(crate) fn of(mut self, of: u32) -> Self {
        self.of = of;
        self
    }
}

/// Two significant places below ten, none above a hundred.
pub(crate) fn rounded(value: f64) -> String {
    match value.abs() {
        v if v < 1.0 => format!("{value:.2}"),
        v if v < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
