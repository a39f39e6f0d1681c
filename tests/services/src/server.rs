//! A component that listens on a port. A shell stands between it and the test: when the shell's
//! standard input ends, as it does with the test, the component is killed.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// Starts what its arguments say, prints its process id, and ends it.
const WATCHED: &str = r#""$@" </dev/null >/dev/null & echo $!; cat >/dev/null; kill -9 $!"#;

/// A running component.
#[derive(Debug)]
pub(crate) struct Server {
    shell: Child,
    pid: String,
}

impl Server {
    /// Starts it and waits until its port answers.
    ///
    /// # Panics
    /// When it cannot start or does not listen within ten seconds.
    pub(crate) fn start(command: &Command, address: SocketAddr) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHED, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let mut pid = String::new();
        let output = shell.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut pid).expect("the shell says a process id");
        let server = Self { shell, pid: pid.trim_end().to_owned() };
        for _ in 0..1000 {
            if TcpStream::connect(address).is_ok() {
                return server;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("{command:?} does not listen on {address}; what it said is above");
    }

    /// Sends it a signal: `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it takes the signal {signal}");
    }

    /// Kills it at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        drop(self.shell.stdin.take());
        // It may be gone already.
        let _ = self.shell.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address that nothing listens on now.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}
