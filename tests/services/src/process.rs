//! A component's process: it ends when its standard input does, so it never outlives the test.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A running process.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it and waits for the first line that it prints.
    ///
    /// # Panics
    /// When it cannot start, or ends before it printed a line.
    pub(crate) fn start(command: &mut Command) -> (Self, String) {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = child.stdout.take().expect("its output is a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("its output can be read");
        assert!(!line.is_empty(), "{command:?} has ended; what it said is above");
        (Self(child), line.trim_end().to_owned())
    }

    /// Sends it a signal: `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it takes the signal {signal}");
    }

    /// Kills it at once and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
