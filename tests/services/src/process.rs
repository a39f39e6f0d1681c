//! A component's process. However a test ends, it ends with it: its standard input, or that of the
//! shell beside it, ends then.

use std::{
    fs::{read_dir, read_to_string},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// For a component that does not mind its standard input: starts what its arguments say, prints its
/// process id, and kills it when the shell's own standard input ends.
const WATCHED: &str =
    r#""$@" </dev/null >/dev/null & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null"#;

/// A running component.
#[derive(Debug)]
pub(crate) struct Process {
    /// The component, or the shell beside it.
    child: Child,
    /// The component's own.
    pid: String,
}

impl Process {
    /// Starts one that ends when its standard input does, and waits for the first line that it prints.
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
        let pid = child.id().to_string();
        (Self { child, pid }, line.trim_end().to_owned())
    }

    /// Starts one with a shell beside it, and waits until its port answers.
    ///
    /// # Panics
    /// When it cannot start or does not listen within ten seconds.
    pub(crate) fn listening(command: &Command, address: SocketAddr) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHED, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (mut process, pid) = Self::start(&mut shell);
        process.pid = pid;
        for _ in 0..1000 {
            if TcpStream::connect(address).is_ok() {
                return process;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("{command:?} does not listen on {address}; what it said is above");
    }

    /// Stops it where it is, until each of its threads stands still: on a busy machine they answer
    /// for some milliseconds after the signal.
    ///
    /// # Panics
    /// When it is gone, or does not stand still within ten seconds.
    pub(crate) fn pause(&self) {
        assert!(self.takes("STOP"), "it takes the signal STOP");
        for _ in 0..1000 {
            if self.stands_still() {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("process {} does not stand still", self.pid);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        assert!(self.takes("CONT"), "it takes the signal CONT");
    }

    fn stands_still(&self) -> bool {
        let threads = read_dir(format!("/proc/{}/task", self.pid)).expect("it runs");
        threads.flatten().all(|thread| {
            let stat = read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, state)| state.starts_with(" T"))
        })
    }

    /// Kills it at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Of one that was waited for already, the id may be another's.
        if let Ok(None) = self.child.try_wait() {
            self.takes("KILL");
            drop(self.child.stdin.take());
            let _ = self.child.wait();
        }
    }

    fn takes(&self, signal: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.args(["-s", signal, &self.pid]).stderr(Stdio::null());
        kill.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address that nothing listens on now.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}
