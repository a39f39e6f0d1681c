//! The figures as bars, drawn in SVG by hand: one panel a measure, one bar a server, logarithmic, since
//! the servers are orders of magnitude apart. Knows nothing of how figures are measured.

use std::fmt::Write;

use crate::{
    figures::{Column, Measure},
    servers::Server,
};

const SHOWN: [Measure; 11] = [
    Measure::ReplayCpu,
    Measure::GroupsCpu,
    Measure::CrowdCpu,
    Measure::TypingCpu,
    Measure::CrowdSaved,
    Measure::IdleMemory,
    Measure::AutomergeReplayCpu,
    Measure::AutomergeTodosCpu,
    Measure::AutomergeWriterCpu,
    Measure::AutomergeOpenCpu,
    Measure::AutomergeLeft,
];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 210.0;
const BAR: f64 = 18.0;
const HEAD: f64 = 26.0;
const GAP: f64 = 18.0;

pub(crate) fn svg(columns: &[Column]) -> String {
    let mut body = String::new();
    let mut top = 16.0;
    for measure in SHOWN {
        top = panel(&mut body, columns, measure, top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\" \
         aria-label=\"Bench: Studyhall beside its peers, shorter is better\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

/// Draws one measure from `top` down, and says where it ends.
fn panel(body: &mut String, columns: &[Column], measure: Measure, top: f64) -> f64 {
    let bars: Vec<_> = columns.iter().filter_map(|c| Some((c.server, c.get(measure)?))).collect();
    if bars.is_empty() {
        return top;
    }
    let values = bars.iter().map(|(_, f)| f.value).chain(measure.goal());
    let (low, high) = values
        .filter(|v| *v > 0.0)
        .fold((f64::MAX, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = ((low / 2.0).log10(), high.log10());
    let length = |value: f64| {
        let share = (value.max(1e-9).log10() - low) / (high - low).max(1e-9);
        share.clamp(0.0, 1.0) * (WIDTH - LEFT - 110.0)
    };
    let title = format!("{}: {}", measure.row().title(), measure.what());
    let _ =
        writeln!(body, "<text x=\"16\" y=\"{:.0}\" font-weight=\"600\">{title}</text>", top + 12.0);
    let first = top + HEAD;
    let mut at = first;
    for (server, figure) in &bars {
        let (middle, wide) = (at + BAR / 2.0 + 4.0, length(figure.value));
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{middle:.0}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{at:.0}\" width=\"{wide:.1}\" height=\"{:.0}\" rx=\"2\" \
             fill=\"{}\"/><text x=\"{:.1}\" y=\"{middle:.0}\">{}</text>",
            LEFT - 8.0,
            server.name(),
            BAR - 4.0,
            colour(*server),
            LEFT + wide + 6.0,
            measure.show(figure),
        );
        at += BAR;
    }
    if let Some(goal) = measure.goal() {
        let x = LEFT + length(goal);
        let _ = writeln!(
            body,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.0}\" y2=\"{at:.0}\" stroke=\"#c2255c\" \
             stroke-dasharray=\"3 3\"/><text x=\"{x:.1}\" y=\"{:.0}\" fill=\"#c2255c\" \
             font-size=\"10\" text-anchor=\"middle\">goal</text>",
            first - 2.0,
            first - 4.0,
        );
    }
    at + GAP
}

fn colour(server: Server) -> &'static str {
    match server {
        Server::Studyhall | Server::StudyhallAutomerge => "#1971c2",
        Server::StudyhallHocuspocus => "#4dabf7",
        Server::YWebsocket | Server::AutomergeSync => "#868e96",
        Server::Hocuspocus | Server::AutomergeRepo => "#adb5bd",
        Server::Hub => "#dee2e6",
        Server::Beside => "#ffd43b",
    }
}
