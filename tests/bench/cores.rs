//! Which core runs what: servers on core 0, the bench itself on core 1. Knows nothing of either.

use std::{
    num::NonZero,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread::available_parallelism,
};

use anyhow::Result;

/// Whether there is a second core and `taskset` to use it with.
pub(crate) fn two() -> bool {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let asked = Command::new("taskset").arg("-V").stdout(Stdio::null()).status();
    list.trim() != "0" && asked.is_ok_and(|s| s.success())
}

/// Replaces this process by itself on core 1, with `flag` to know it by; returns when there is none.
pub(crate) fn move_to_core_one(flag: &str) -> Result<()> {
    if available_parallelism().map_or(1, NonZero::get) == 1 || !two() {
        return Ok(());
    }
    let failed = Command::new("taskset")
        .args(["-c", "1"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg(flag)
        .exec();
    Err(failed.into())
}
