//! The servers that are measured, behind one face: start on an empty folder, give documents, die.

mod peers;
mod studyhall;

pub(crate) use studyhall::Account;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rand::{Rng, SeedableRng, rngs::StdRng};
use studyhall_schema::{
    document::{DocumentId, DocumentKind},
    ids::NoteId,
    wire_id::WireId,
};
use tempfile::TempDir;

use crate::{
    automerge::Gate,
    process::{Process, free_port},
    seat::Door,
    wire::{Address, Framing},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Server {
    /// This server through `/sync/yjs`.
    Studyhall,
    /// This server through `/sync/hocuspocus`.
    StudyhallHocuspocus,
    /// The server of `y-websocket` 2.1.
    YWebsocket,
    /// `@hocuspocus/server` 4.7 with `extension-sqlite`.
    Hocuspocus,
    /// Relays frames and holds no document.
    Hub,
    /// What `--beside` starts.
    Beside,
    /// This server through `/sync/automerge`.
    StudyhallAutomerge,
    /// `@automerge/automerge-repo-sync-server` 0.2.8, the last one.
    AutomergeSync,
    /// The same on the `@automerge/automerge-repo` of today.
    AutomergeRepo,
}

/// The CRDT library whose documents a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Yjs,
    Automerge,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Studyhall => "Studyhall",
            Self::StudyhallHocuspocus => "Studyhall, Hocuspocus socket",
            Self::YWebsocket => "y-websocket 2.1",
            Self::Hocuspocus => "Hocuspocus 4.7 + SQLite",
            Self::Hub => "hub without documents",
            Self::Beside => "beside",
            Self::StudyhallAutomerge => "Studyhall, Automerge socket",
            Self::AutomergeSync => "automerge-repo-sync-server 0.2.8",
            Self::AutomergeRepo => "automerge-repo 2.5.6 + NodeFS",
        }
    }

    pub(crate) fn ours(self) -> bool {
        matches!(self, Self::Studyhall | Self::StudyhallHocuspocus | Self::StudyhallAutomerge)
    }

    pub(crate) fn engine(self) -> Engine {
        match self {
            Self::StudyhallAutomerge | Self::AutomergeSync | Self::AutomergeRepo => {
                Engine::Automerge
            }
            _ => Engine::Yjs,
        }
    }

    /// Whether its acknowledgement claims that the edit is kept.
    pub(crate) fn promises(self) -> bool {
        !matches!(self, Self::YWebsocket | Self::Hub)
    }

    fn framing(self) -> Framing {
        match self {
            Self::StudyhallHocuspocus | Self::Hocuspocus => Framing::Hocuspocus,
            _ => Framing::Yjs,
        }
    }
}

/// Where the programs are.
pub(crate) struct Programs {
    /// Our release binary.
    pub(crate) studyhall: PathBuf,
    /// `tests/bench/peers`.
    pub(crate) peers: PathBuf,
    /// A y-websocket server of the person who runs the bench; `{port}` and `{dir}` are filled in.
    pub(crate) beside: Option<String>,
}

impl Programs {
    /// Whether the program is there; peers from npm are installed when they are not.
    pub(crate) fn ready(&self, server: Server) -> Result<()> {
        match server {
            Server::Studyhall | Server::StudyhallHocuspocus | Server::StudyhallAutomerge => {
                anyhow::ensure!(
                    self.studyhall.exists(),
                    "{} is missing: `cargo build --release` first, or --studyhall PATH",
                    self.studyhall.display()
                );
            }
            Server::YWebsocket
            | Server::Hocuspocus
            | Server::AutomergeSync
            | Server::AutomergeRepo => peers::install(&self.peers)?,
            Server::Beside => {
                self.beside.as_ref().context("--server beside needs --beside 'COMMAND'")?;
            }
            Server::Hub => {}
        }
        Ok(())
    }
}

/// A server that runs, on a folder of its own that goes with it.
pub(crate) struct Running {
    server: Server,
    process: Process,
    command: Vec<String>,
    port: u16,
    account: Option<Account>,
    made: usize,
    dir: TempDir,
}

impl Running {
    pub(crate) async fn start(server: Server, programs: &Programs) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        let command = command(server, programs, port, dir.path())?;
        let process = Process::start(&command, &dir.path().join("server.log"))?;
        let mut running = Self { server, process, command, port, account: None, made: 0, dir };
        running.listening().await?;
        if server.ours() {
            running.account = Some(Account::register(port).await?);
        }
        Ok(running)
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// `kill -9`, then the same program on the same folder and port.
    pub(crate) async fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = Process::start(&self.command, &self.log())?;
        self.listening().await
    }

    async fn listening(&mut self) -> Result<()> {
        let listening = self.process.listening(self.port).await;
        listening.with_context(|| self.said())
    }

    /// Who it is, and the end of its log.
    pub(crate) fn said(&self) -> String {
        let said = std::fs::read_to_string(self.log()).unwrap_or_default();
        let from = said.len().saturating_sub(2000);
        format!("{}\n{}", self.server.name(), said.get(from..).unwrap_or(&said))
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    /// Doors to so many new documents.
    pub(crate) async fn documents(&mut self, count: usize) -> Result<Vec<Door>> {
        let mut doors = Vec::with_capacity(count);
        for _ in 0..count {
            self.made += 1;
            let document = match &self.account {
                Some(account) => account.note(self.port).await?,
                None => format!("bench-{}", self.made),
            };
            doors.push(self.door(&document));
        }
        Ok(doors)
    }

    /// The same for Automerge.
    pub(crate) async fn gates(&mut self, kind: DocumentKind, count: usize) -> Result<Vec<Gate>> {
        let base = format!("ws://127.0.0.1:{}", self.port);
        let mut gates = Vec::with_capacity(count);
        for _ in 0..count {
            self.made += 1;
            let (document, url) = if let Some(account) = &self.account {
                let document = account.automerge(self.port, kind).await?;
                (document, format!("{base}/sync/automerge?ticket={}", account.ticket))
            } else {
                // With what makes it a UUID, which the peers of the 1.x line insist on.
                let mut id: [u8; 12] = StdRng::seed_from_u64(self.made as u64).random();
                (id[5], id[7]) = (id[5] & 15 | 64, id[7] & 63 | 128);
                (DocumentId::Note(NoteId::from_bytes(id)), format!("{base}/"))
            };
            gates.push(Gate { url, document: WireId::from(document).to_string() });
        }
        Ok(gates)
    }

    fn door(&self, document: &str) -> Door {
        let Self { server, port, account, .. } = self;
        let ticket = account.as_ref().map(|a| a.ticket.clone());
        let base = format!("ws://127.0.0.1:{port}");
        let (url, token) = match (server, ticket) {
            (Server::Studyhall, Some(ticket)) => {
                (format!("{base}/sync/yjs/{document}?ticket={ticket}"), None)
            }
            (Server::StudyhallHocuspocus, Some(ticket)) => {
                (format!("{base}/sync/hocuspocus"), Some(ticket))
            }
            (Server::Hocuspocus, _) => (format!("{base}/"), Some(String::from("bench"))),
            _ => (format!("{base}/{document}"), None),
        };
        Door { url, token, address: Address::new(server.framing(), document) }
    }
}

fn command(server: Server, programs: &Programs, port: u16, dir: &Path) -> Result<Vec<String>> {
    let dir = dir.join("data").display().to_string();
    let words = |line: &str| {
        let filled = |w: &str| w.replace("{port}", &port.to_string()).replace("{dir}", &dir);
        line.split_whitespace().map(filled).collect::<Vec<_>>()
    };
    let path = |path: &Path| path.display().to_string();
    let node = |script: &str| peers::node(&programs.peers.join(script), port, &dir);
    Ok(match server {
        Server::Studyhall | Server::StudyhallHocuspocus | Server::StudyhallAutomerge => {
            let admin = free_port()?;
            let mut line = vec![path(&programs.studyhall)];
            line.extend(words("serve --listen 127.0.0.1:{port} --data {dir} --rate-limit off"));
            line.extend([String::from("--admin-listen"), format!("127.0.0.1:{admin}")]);
            line
        }
        Server::YWebsocket => node("y-websocket.cjs"),
        Server::Hocuspocus => node("hocuspocus.js"),
        Server::AutomergeSync => node("automerge-sync-server.js"),
        Server::AutomergeRepo => node("automerge-repo.js"),
        Server::Beside => words(programs.beside.as_deref().unwrap_or_default()),
        Server::Hub => {
            vec![path(&std::env::current_exe()?), "hub".into(), "--port".into(), port.to_string()]
        }
    })
}
