//! Two nodes of ours over FerretDB and Redis: every edit is made at one and read at the other.

use std::{fmt::Write, path::Path};

use anyhow::Result;
use studyhall_services::{Ferret, Redis};
use tempfile::TempDir;

use crate::{
    load::Load,
    process::{Process, free_port},
    rows::{self, Row},
    seat::Door,
    servers::Account,
    typing,
    wire::{Address, Framing},
};

/// Two nodes, and what they share.
struct Installation {
    nodes: [(Process, u16); 2],
    account: Account,
    _dir: TempDir,
    _database: Ferret,
    _bus: Redis,
}

impl Installation {
    async fn start(studyhall: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let records = dir.path().join("ferretdb");
        std::fs::create_dir(&records)?;
        let (database, bus) = (Ferret::start(&records), Redis::start());
        let secret = dir.path().join("secret");
        std::fs::write(&secret, [7; 32])?;
        let mut nodes = Vec::new();
        for name in ["one", "two"] {
            let (port, admin) = (free_port()?, free_port()?);
            let mut command = vec![studyhall.display().to_string(), "serve".into()];
            let data = dir.path().join(name).display().to_string();
            for (flag, value) in [
                ("--listen", format!("127.0.0.1:{port}")),
                ("--admin-listen", format!("127.0.0.1:{admin}")),
                ("--data", data),
                ("--rate-limit", "off".into()),
                ("--store", database.url("bench")),
                ("--bus", bus.url()),
                ("--secret-file", secret.display().to_string()),
                ("--public-url", "http://bench.test".into()),
            ] {
                command.extend([flag.to_owned(), value]);
            }
            let mut process = Process::start(&command, &dir.path().join(format!("{name}.log")))?;
            process.listening(port).await?;
            nodes.push((process, port));
        }
        let account = Account::register(nodes[0].1).await?;
        let nodes = nodes.try_into().map_err(|_| anyhow::anyhow!("there are two nodes"))?;
        Ok(Self { nodes, account, _dir: dir, _database: database, _bus: bus })
    }

    fn cpu_seconds(&self) -> Result<f64> {
        Ok(self.nodes[0].0.cpu_seconds()? + self.nodes[1].0.cpu_seconds()?)
    }

    /// New documents, each with a door at either node.
    async fn documents(&self, count: usize) -> Result<Vec<Vec<Door>>> {
        let mut documents = Vec::with_capacity(count);
        for _ in 0..count {
            let document = self.account.note(self.nodes[0].1).await?;
            let ticket = &self.account.ticket;
            let door = |(_, port): &(Process, u16)| Door {
                url: format!("ws://127.0.0.1:{port}/sync/yjs/{document}?ticket={ticket}"),
                address: Address::new(Framing::Yjs, &document),
                token: None,
            };
            documents.push(self.nodes.iter().map(door).collect());
        }
        Ok(documents)
    }

    async fn play(&self, load: &Load) -> Result<crate::load::Played> {
        let doors = self.documents(load.documents.len()).await?;
        load.play_at(&doors, || self.cpu_seconds()).await
    }
}

/// Measures, and says it as a table.
pub(crate) async fn measure(studyhall: &Path, data: &Path, quick: bool) -> Result<String> {
    let smaller = if quick { 10 } else { 1 };
    let hall = Installation::start(studyhall).await?;
    let typing = rows::pairs(10, 100 / smaller);
    let typed = hall.play(&typing).await?;
    let (paper, source) = typing::paper(data)?;
    // FerretDB looks through all that it has of a log: the whole paper is beyond anybody's patience.
    let paper = &paper[..paper.len() / 10 / smaller];
    let replay = rows::replayed(paper);
    let replayed = hall.play(&replay).await?;
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
    let updates = paper.len() as f64;
    let mut table = String::new();
    writeln!(table, "Two nodes over FerretDB 1.24 (its own scans are in the times) and Redis 7:")?;
    writeln!(table, "| 10 pairs, a person at each node, 5 edits/s each | p50 | p99 |")?;
    writeln!(table, "|---|---|---|")?;
    let row = |times: &crate::load::Times| {
        format!("{:.1} ms | {:.1} ms", times.percentile(50), times.percentile(99))
    };
    writeln!(table, "| edit at one node, read at the other | {} |", row(&typed.arrival))?;
    writeln!(table, "| edit to acknowledgement | {} |", row(&typed.saved))?;
    writeln!(
        table,
        "{} ({source}, its first {} updates, one writer and two readers): {:.1} µs CPU of both nodes an \
         update, {:.0} updates/s",
        Row::Replay.title(),
        paper.len(),
        replayed.cpu_seconds * 1e6 / updates,
        updates / replayed.seconds,
    )?;
    Ok(table)
}
