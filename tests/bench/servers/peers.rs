//! The peers from npm: how they are installed and started. They run in the folder `peers/`, unmodified.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// `npm ci`, when that was not done yet.
pub(crate) fn install(peers: &Path) -> Result<()> {
    if peers.join("node_modules/.package-lock.json").exists() {
        return Ok(());
    }
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(peers)
        .status()
        .context("npm is needed for the peers")?;
    ensure!(status.success(), "npm ci in {} failed", peers.display());
    Ok(())
}

pub(crate) fn node(script: &Path, port: u16, dir: &str) -> Vec<String> {
    let script = script.display().to_string();
    vec!["node".into(), script, port.to_string(), dir.to_owned()]
}
