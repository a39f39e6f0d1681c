//! `studyhall`: one program for the whole platform.

use clap::Parser;
use studyhall::{
    commands::{healthcheck, migrate, openapi, serve, verify},
    config::{Cli, Command},
};

/// Measured against the system's: it takes less processor time an edit, and gives back what large
/// documents took.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    match Cli::parse().command.unwrap_or_default() {
        Command::Serve(settings) => serve::run(&settings),
        Command::Healthcheck { admin } => healthcheck::run(&admin),
        Command::Migrate(settings) => migrate::run(&settings),
        Command::Openapi => openapi::run(),
        Command::Verify(settings) => verify::run(&settings),
    }
}
