//! Redis: Debian's `redis-server`, with nothing kept on disk.

use std::{net::SocketAddr, process::Command};

use crate::{
    process::{Process, free_address},
    program,
};

/// A Redis of a test's own, to be killed and paused.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    process: Process,
}

impl Redis {
    /// The one that `STUDYHALL_TEST_REDIS` names, which tests share, for what needs no Redis of its
    /// own; else one that is started.
    pub fn any() -> (String, Option<Self>) {
        std::env::var_os("STUDYHALL_TEST_REDIS").map_or_else(
            || {
                let redis = Self::start();
                (redis.url(), Some(redis))
            },
            |url| (url.to_string_lossy().into_owned(), None),
        )
    }

    /// Starts one on a port that was free.
    pub fn start() -> Self {
        let address = free_address();
        Self { address, process: run(address) }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills it, with all that it remembers.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts an empty one where it was.
    pub fn restart(&mut self) {
        self.process = run(self.address);
    }

    /// Stops it where it is: connections stay, nothing is answered.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.resume();
    }
}

fn run(address: SocketAddr) -> Process {
    let mut command = Command::new(program("redis-server"));
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--save", "", "--dir", "/tmp"]);
    Process::listening(&command, address)
}
