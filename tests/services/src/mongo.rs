//! A MongoDB-wire server: `STUDYHALL_TEST_MONGODB`, or `FerretDB` kept in `SQLite`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{process::Process, program};

/// The URL of a database on a server that all tests of this process share: the one that
/// `STUDYHALL_TEST_MONGODB` names, else a `FerretDB` that ends with this process.
///
/// # Panics
/// When the server has not been built.
pub fn mongodb(name: &str) -> String {
    static SHARED: OnceLock<(String, Option<Ferret>)> = OnceLock::new();
    let (url, _) = SHARED.get_or_init(|| {
        std::env::var_os("STUDYHALL_TEST_MONGODB").map_or_else(
            || {
                let (process, url) = run(None, None);
                (url.clone(), Some(Ferret { folder: None, url, process }))
            },
            |url| (url.to_string_lossy().into_owned(), None),
        )
    });
    database(url, name)
}

/// A server's URL with a database in it, before the options.
pub fn database(url: &str, name: &str) -> String {
    let (servers, options) = url.split_once('?').unwrap_or((url, ""));
    let scheme = servers.find("://").map_or(0, |at| at + 3);
    let hosts = servers[scheme..].split('/').next().unwrap_or_default();
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    format!("{}{hosts}/{name}{options}", &servers[..scheme])
}

/// A `FerretDB` of a test's own, to be killed and paused.
#[derive(Debug)]
pub struct Ferret {
    folder: Option<PathBuf>,
    url: String,
    process: Process,
}

impl Ferret {
    /// Starts one that keeps its files in a folder, on a port that was free.
    pub fn start(folder: &Path) -> Self {
        let (process, url) = run(Some(folder), None);
        Self { folder: Some(folder.to_owned()), url, process }
    }

    /// The URL of a database on it.
    pub fn url(&self, name: &str) -> String {
        database(&self.url, name)
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        let address = self.url.trim_start_matches("mongodb://").trim_end_matches('/').to_owned();
        (self.process, self.url) = run(self.folder.as_deref(), Some(&address));
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

fn run(folder: Option<&Path>, address: Option<&str>) -> (Process, String) {
    let mut command = Command::new(program("ferretdb"));
    command.args(["-address", address.unwrap_or("127.0.0.1:0")]);
    if let Some(folder) = folder {
        command.arg("-folder").arg(folder);
    }
    Process::start(&mut command)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_database_comes_before_the_options() {
        let of = |url| super::database(url, "x");
        assert_eq!(of("mongodb://127.0.0.1:1/"), "mongodb://127.0.0.1:1/x");
        assert_eq!(
            of("mongodb://u:p@a:1,b:2/?replicaSet=r"),
            "mongodb://u:p@a:1,b:2/x?replicaSet=r"
        );
        assert_eq!(of("mongodb+srv://a.b/old?w=1"), "mongodb+srv://a.b/x?w=1");
    }
}
