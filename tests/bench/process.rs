//! A server process: pinned to a core, its processor time and memory read from `/proc`, killed when
//! dropped. Knows nothing of what the process serves.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

use crate::clock::Since;

/// `USER_HZ`: the unit of the times in `/proc/<pid>/stat`, 100 on every Linux that we know.
const TICKS_A_SECOND: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` on the server's core; what it says goes to `log`.
    pub(crate) fn start(command: &[String], log: &Path) -> Result<Self> {
        let said = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut line: Vec<&str> = command.iter().map(String::as_str).collect();
        if crate::cores::two() {
            line.splice(0..0, ["taskset", "-c", "0"]);
        }
        let child = Command::new(line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("could not start {}", line.join(" ")))?;
        Ok(Self { child })
    }

    /// Waits until something listens on the port.
    pub(crate) async fn listening(&mut self, port: u16) -> Result<()> {
        let started = Since::now();
        while started.seconds() < 60.0 {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it listened: {status}");
            }
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("nothing listens on port {port} after 60 s")
    }

    /// User and system time of the whole process so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the command in parentheses and may hold spaces: count behind it.
        let fields = stat.rsplit_once(')').context("odd /proc/<pid>/stat")?.1;
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || fields.next().and_then(|f| f.parse::<f64>().ok()).context("odd stat");
        Ok((next()? + next()?) / TICKS_A_SECOND)
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
