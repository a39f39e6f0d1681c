//! The bench: this server, its peers from npm and a hub without documents, measured in one run on the
//! same load. `cargo run --release -p studyhall-tests --bin bench -- --help`.

mod automerge;
mod board;
mod clock;
mod cores;
mod figures;
mod hub;
mod load;
mod nodes;
mod plot;
mod process;
mod report;
mod rows;
mod seat;
mod servers;
mod typing;
mod wire;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    figures::Column,
    report::Setting,
    rows::{Material, Row},
    servers::{Programs, Running, Server},
};

#[derive(Parser)]
#[command(about = "Measures Studyhall beside its peers, in one run")]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Ten times smaller: a look, not a figure.
    #[arg(long)]
    quick: bool,
    /// Only these rows.
    #[arg(long, value_name = "ROW")]
    only: Vec<Row>,
    /// Only these servers.
    #[arg(long, value_name = "NAME")]
    server: Vec<Server>,
    /// Our binary; else the one that was built beside this bench.
    #[arg(long, value_name = "PATH")]
    studyhall: Option<PathBuf>,
    /// Another y-websocket server to measure, `{port}` and `{dir}` filled in.
    #[arg(long, value_name = "COMMAND")]
    beside: Option<String>,
    /// How many edits a writer who writes flat out has on the way.
    #[arg(long, default_value_t = 16)]
    window: usize,
    /// The folder of the editing traces.
    #[arg(long, env = "STUDYHALL_DATA", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))]
    data: PathBuf,
    /// Where `bench.md` and `bench.svg` go.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/out"))]
    out: PathBuf,
    /// Set by the bench when it has moved to its core.
    #[arg(long, hide = true)]
    on_core_one: bool,
}

#[derive(Subcommand)]
enum Inner {
    /// Two nodes over FerretDB and Redis: how long an edit takes from one to the other. FerretDB's own
    /// scans are in it; of processor time only our processes' is counted.
    Nodes,
    /// The hub without documents, as a server of its own.
    #[command(hide = true)]
    Hub {
        #[arg(long)]
        port: u16,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match arguments.inner {
        Some(Inner::Hub { port }) => runtime.enable_all().build()?.block_on(hub::serve(port)),
        Some(Inner::Nodes) => {
            let studyhall = arguments.studyhall.clone().map_or_else(beside_this, Ok)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let measured = nodes::measure(&studyhall, &arguments.data, arguments.quick);
            println!("{}", tokio::task::LocalSet::new().block_on(&runtime, measured)?);
            Ok(())
        }
        None if arguments.on_core_one => here(&arguments),
        None => cores::move_to_core_one("--on-core-one").and_then(|()| here(&arguments)),
    }
}

fn here(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (columns, setting) = tokio::task::LocalSet::new().block_on(&runtime, run(arguments))?;
    let table = report::markdown(&columns, &setting);
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(arguments.out.join("bench.md"), &table)?;
    std::fs::write(arguments.out.join("bench.svg"), plot::svg(&columns))?;
    println!("{table}");
    Ok(())
}

async fn run(arguments: &Arguments) -> Result<(Vec<Column>, Setting)> {
    let programs = Programs {
        studyhall: arguments.studyhall.clone().map_or_else(beside_this, Ok)?,
        peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peers"),
        beside: arguments.beside.clone(),
    };
    let rows = chosen(&arguments.only, |_| true);
    let mut servers =
        chosen(&arguments.server, |s| *s != Server::Beside || programs.beside.is_some());
    servers.retain(|server| rows.iter().any(|row| row.engine() == server.engine()));
    for server in &servers {
        programs.ready(*server)?;
    }
    let smaller = if arguments.quick { 10 } else { 1 };
    let material = Material::load(&arguments.data, smaller, arguments.window)?;
    let bar = ProgressBar::new((servers.len() * rows.len()) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}")?);
    let mut columns: Vec<_> =
        servers.iter().map(|server| Column { server: *server, figures: Vec::new() }).collect();
    for row in rows {
        let prepared = row.prepare(&material)?;
        for column in &mut columns {
            let name = column.server.name();
            bar.set_message(format!("{}: {name}", row.title()));
            if row.is_for(column.server) {
                let mut running = Running::start(column.server, &programs).await?;
                let figures = prepared.measure(&mut running).await;
                let figures = figures.with_context(|| running.said());
                column.figures.extend(figures.with_context(|| row.title())?);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let Material { source, smaller, window, .. } = material;
    Ok((columns, Setting { source, smaller, window, pinned: cores::two() }))
}

/// What was asked for, or everything that is there.
fn chosen<T: ValueEnum + Copy + Ord>(asked: &[T], there: impl Fn(&T) -> bool) -> Vec<T> {
    let all = T::value_variants().iter().copied();
    all.filter(|one| if asked.is_empty() { there(one) } else { asked.contains(one) }).collect()
}

fn beside_this() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("studyhall"))
}
