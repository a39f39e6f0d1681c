//! The table in Markdown: ratios to the peers of the same run first, absolute figures second. Knows
//! nothing of how figures are measured.

use std::fmt::Write;

use crate::{
    figures::{Column, Measure, rounded},
    servers::{Engine, Server},
};

/// What a reader has to know to judge the figures.
pub(crate) struct Setting {
    pub(crate) source: &'static str,
    pub(crate) smaller: usize,
    pub(crate) window: usize,
    pub(crate) pinned: bool,
}

pub(crate) fn markdown(columns: &[Column], setting: &Setting) -> String {
    let mut out = String::from("# Bench\n\n");
    preface(&mut out, setting);
    for (engine, title) in [(Engine::Yjs, "Yjs"), (Engine::Automerge, "Automerge")] {
        let columns: Vec<_> = columns.iter().filter(|c| c.server.engine() == engine).collect();
        if columns.is_empty() {
            continue;
        }
        let _ = writeln!(out, "## {title}\n");
        if let Some(ours) = columns.iter().find(|c| c.server.ours()) {
            ratios(&mut out, ours, &columns);
        }
        absolute(&mut out, &columns);
        out.push('\n');
    }
    out
}

fn preface(out: &mut String, setting: &Setting) {
    let cores = if setting.pinned {
        "Server on core 0, load on core 1."
    } else {
        "Server and load share one core."
    };
    let size = match setting.smaller {
        1 => String::new(),
        times => format!(" Quick: {times} times smaller than the full run."),
    };
    let _ = writeln!(
        out,
        "One run, one machine, each server on an empty folder. {cores}{size} Replay: {}. Flat out: \
         each writer has {} edits on the way. A delivery is one edit that reaches one other person; \
         the author's acknowledgement is not counted. Acknowledgement: the echo (y-websocket, hub), \
         `SyncStatus` (Hocuspocus), heads that hold it (Automerge); only Studyhall's means that the \
         edit is on disk.\n",
        setting.source, setting.window
    );
}

fn ratios(out: &mut String, ours: &Column, columns: &[&Column]) {
    let peers: Vec<_> = columns.iter().filter(|c| !c.server.ours()).collect();
    if peers.is_empty() {
        return;
    }
    let _ = writeln!(out, "### {} beside the others\n", ours.server.name());
    head(out, "how many times better", peers.iter().map(|c| c.server.name()));
    for measure in Measure::ALL.into_iter().filter(|m| *m != Measure::Kept) {
        let Some(own) = ours.get(measure) else { continue };
        let goal = measure.ratio_goal().map(|goal| format!(" (goal ≥ {goal}×)"));
        let goal = goal.unwrap_or_default();
        let _ = write!(out, "| {}: {}{goal} |", measure.row().title(), measure.what());
        for peer in &peers {
            let ratio = peer.get(measure).map(|f| measure.ratio(own.value, f.value));
            let _ = write!(out, " {} |", ratio.map_or("–".into(), |r| format!("{}×", rounded(r))));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn absolute(out: &mut String, columns: &[&Column]) {
    out.push_str("### Figures\n\n");
    let names = columns.iter().map(|c| c.server.name());
    head(out, "measure", names.chain(["goal"]));
    for measure in Measure::ALL {
        if columns.iter().all(|c| c.get(measure).is_none()) {
            continue;
        }
        let _ = write!(out, "| {}: {} |", measure.row().title(), measure.what());
        for column in columns {
            let _ = write!(out, " {} |", cell(column, measure));
        }
        let goal = measure.goal().map(|goal| {
            let sign = if measure.rises() { "" } else { "≤ " };
            let shown = measure.show(&measure.is(goal));
            if measure == Measure::Kept { "all".into() } else { format!("{sign}{shown}") }
        });
        let _ = writeln!(out, " {} |", goal.unwrap_or_default());
    }
}

/// A figure; ours says when it misses its goal.
fn cell(column: &Column, measure: Measure) -> String {
    match column.get(measure) {
        Some(figure) if column.server.ours() && measure.reached(figure.value) == Some(false) => {
            format!("**{}** (misses)", measure.show(figure))
        }
        Some(figure) => measure.show(figure),
        None if measure == Measure::Kept && column.server == Server::YWebsocket => "no ack".into(),
        None => "–".into(),
    }
}

fn head<'a>(out: &mut String, first: &str, names: impl Iterator<Item = &'a str>) {
    let names: Vec<_> = names.collect();
    let _ = writeln!(out, "| {first} | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(names.len()));
}
