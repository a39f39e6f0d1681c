//! `studyhall healthcheck`: asks a running server whether it is ready, without any other program.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, ensure};

/// It answers within so long, or is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Succeeds when the server on this admin address is ready.
pub fn run(admin: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(admin)
        .with_context(|| format!("nothing listens on {admin}; is the server running?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).with_context(|| {
        format!("what listens on {admin} has not answered within {} s", PATIENCE.as_secs())
    })?;
    ensure!(answer.ends_with(b" 200"), "the server is not ready");
    Ok(())
}
