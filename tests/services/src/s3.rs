//! An S3 server: `versitygw` over a folder.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{Process, free_address},
    program,
};

/// An S3 server of a test's own, to be killed and paused.
#[derive(Debug)]
pub struct S3 {
    folder: PathBuf,
    address: SocketAddr,
    process: Process,
}

impl S3 {
    /// The URL that `STUDYHALL_TEST_S3` names, for what needs no server of its own; else one that is
    /// started, with its files in the folder.
    pub fn any(folder: &Path) -> (String, Option<Self>) {
        std::env::var_os("STUDYHALL_TEST_S3").map_or_else(
            || {
                let s3 = Self::start(folder);
                (s3.url(), Some(s3))
            },
            |url| (url.to_string_lossy().into_owned(), None),
        )
    }

    /// Starts one on a port that was free.
    pub fn start(folder: &Path) -> Self {
        let address = free_address();
        Self { folder: folder.to_owned(), address, process: run(folder, address) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its files, without TLS.
    pub fn url(&self) -> String {
        Self::url_at(self.address)
    }

    /// The same over something that listens here and passes on what comes.
    pub fn url_at(address: SocketAddr) -> String {
        format!("s3://hall:hall-secret@{address}/hall?insecure")
    }

    /// Kills it; its files stay.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process = run(&self.folder, self.address);
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

fn run(folder: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new(program("versitygw"));
    command.env("ROOT_ACCESS_KEY", "hall").env("ROOT_SECRET_KEY", "hall-secret");
    command.args(["--quiet", "--port", &address.to_string(), "posix"]).arg(folder);
    Process::listening(&command, address)
}
