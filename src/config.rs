//! What an operator decides: flags and `STUDYHALL_*` in the same words, parsed once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A study platform in one program.
#[derive(Parser)]
#[command(name = "studyhall", version, about)]
pub struct Cli {
    /// What to do; `serve` with its defaults when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does.
#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, at the start")]
pub enum Command {
    /// Serve the web app, the API and the documents.
    Serve(Serve),
    /// Ask a running server whether it is ready; for container health checks.
    Healthcheck {
        /// Its admin address.
        #[arg(long, env = "STUDYHALL_ADMIN_LISTEN", default_value = "127.0.0.1:9090")]
        admin: String,
    },
    /// Bring the store to this version's layout, as `serve` also does.
    Migrate(Migrate),
    /// Print the OpenAPI document.
    Openapi,
    /// Compare the rows that lists show with the documents that they come from.
    Verify(Verify),
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(Serve::parse_from_environment())
    }
}

/// Settings of `studyhall migrate`.
#[derive(Args, Clone)]
pub struct Migrate {
    /// Records and document logs, as `serve --store` takes them.
    #[arg(
        long,
        env = "STUDYHALL_STORE",
        hide_env_values = true,
        default_value = "sqlite:data/studyhall.db"
    )]
    pub store: String,
}

/// Settings of `studyhall verify`.
#[derive(Args, Clone)]
pub struct Verify {
    /// The folder of the embedded store, as `serve --data` takes it.
    #[arg(long, env = "STUDYHALL_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Records and document logs, as `serve --store` takes them; in the data folder when nothing is said.
    #[arg(long, env = "STUDYHALL_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// Make rows that differ again. Best while no server runs.
    #[arg(long)]
    pub rebuild: bool,
}

impl Verify {
    /// Where records and document logs are.
    pub fn store_url(&self) -> String {
        records_url(self.store.as_deref(), &self.data)
    }
}

fn records_url(store: Option<&str>, data: &Path) -> String {
    let embedded = || format!("sqlite:{}", data.join("studyhall.db").display());
    store.map_or_else(embedded, str::to_owned)
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Settings of `studyhall serve`.
#[derive(Args, Clone)]
pub struct Serve {
    /// Where people connect.
    #[arg(long, env = "STUDYHALL_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where health is asked; keep it private.
    #[arg(long, env = "STUDYHALL_ADMIN_LISTEN", default_value = "127.0.0.1:9090")]
    pub admin_listen: SocketAddr,
    /// The folder of the embedded store and files.
    #[arg(long, env = "STUDYHALL_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Records and document logs: `sqlite:PATH` or `mongodb://HOST/NAME`; in the data folder when
    /// nothing is said.
    #[arg(long, env = "STUDYHALL_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// Files: `dir:PATH`, or `s3://ACCESS:SECRET@HOST[:PORT][/PREFIX][?region=…&insecure]`; in the data
    /// folder when nothing is said.
    #[arg(long, env = "STUDYHALL_FILES", hide_env_values = true)]
    pub files: Option<String>,
    /// Whose S3 that is, when the URL does not say: as it is, no character needs to be escaped.
    #[arg(long, env = "STUDYHALL_S3_ACCESS_KEY", requires = "s3_secret_key")]
    pub s3_access_key: Option<String>,
    /// The secret of that access key.
    #[arg(
        long,
        env = "STUDYHALL_S3_SECRET_KEY",
        hide_env_values = true,
        requires = "s3_access_key"
    )]
    pub s3_secret_key: Option<String>,
    /// News between nodes, and what they count together: `local`, or `redis://HOST[:PORT]`.
    #[arg(long, env = "STUDYHALL_BUS", hide_env_values = true, default_value = "local")]
    pub bus: String,
    /// The address that people type; its scheme decides the form of cookies. `http://` and the listen
    /// address when nothing is said.
    #[arg(long, env = "STUDYHALL_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Rate limits; off for load tests only.
    #[arg(long, env = "STUDYHALL_RATE_LIMIT", value_enum, default_value = "on")]
    pub rate_limit: Switch,
    /// A file with the server's secret, at least 32 bytes.
    #[arg(long, env = "STUDYHALL_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// Listen beyond loopback without TLS (behind a proxy that has it).
    #[arg(long, env = "STUDYHALL_INSECURE")]
    pub insecure: bool,
    /// Proxies whose `X-Forwarded-For` counts: addresses or networks, separated by commas.
    #[arg(long, env = "STUDYHALL_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,
    /// Origins of other web apps that may call the API, separated by commas.
    #[arg(long, env = "STUDYHALL_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// How long an access token is good for, in seconds.
    #[arg(long, env = "STUDYHALL_ACCESS_TTL", default_value = "900", value_parser = seconds)]
    pub access_ttl: Duration,
    /// Doors for tests on the admin address: hold and release the journal, move the clock.
    #[arg(long, env = "STUDYHALL_DEBUG_DOORS", hide = true)]
    pub debug_doors: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    number.parse().map(Duration::from_secs).map_err(|_| "a number of seconds".into())
}

impl Serve {
    /// The settings of a bare `studyhall`: defaults and the environment.
    fn parse_from_environment() -> Self {
        #[derive(Parser)]
        struct Bare {
            #[command(flatten)]
            serve: Serve,
        }
        Bare::parse_from(["studyhall"]).serve
    }

    /// Refuses what would be unsafe, and says what to do.
    pub fn check(&self) -> anyhow::Result<()> {
        let loopback = self.listen.ip().is_loopback();
        ensure!(
            loopback || self.insecure,
            "{} is not loopback and there is no TLS here: put a proxy with TLS in front and say \
             --insecure, or listen on 127.0.0.1",
            self.listen
        );
        ensure!(
            loopback || self.secret_file.is_some(),
            "beyond loopback the server needs a secret of its own: make one with \
             `openssl rand -hex 32 > secret` and say --secret-file secret"
        );
        let files = self.files.as_deref().unwrap_or_default();
        let place = files.split(['?', '#']).next().unwrap_or_default();
        ensure!(
            self.s3_access_key.is_none() || (files.starts_with("s3://") && !place.contains('@')),
            "--s3-access-key is for --files s3://HOST… without keys of its own"
        );
        if self.rate_limit == Switch::Off {
            tracing::warn!("RATE LIMITS ARE OFF: for load tests only");
        }
        if self.debug_doors {
            tracing::warn!("DEBUG DOORS ARE OPEN on {}: for tests only", self.admin_listen);
        }
        Ok(())
    }

    /// The store's three parts.
    pub fn store_config(&self) -> studyhall_store::StoreConfig {
        let at = |name: &str| self.data.join(name).display().to_string();
        studyhall_store::StoreConfig {
            records: records_url(self.store.as_deref(), &self.data),
            files: self.files_url().unwrap_or_else(|| format!("dir:{}", at("files"))),
            bus: self.bus.clone(),
        }
    }

    /// Where files are; an S3 with its keys.
    fn files_url(&self) -> Option<String> {
        let url = self.files.as_deref()?;
        let (Some(access), Some(secret), Some(place)) =
            (&self.s3_access_key, &self.s3_secret_key, url.strip_prefix("s3://"))
        else {
            return Some(url.to_owned());
        };
        let escaped = |key| utf8_percent_encode(key, NON_ALPHANUMERIC);
        Some(format!("s3://{}:{}@{place}", escaped(access), escaped(secret)))
    }

    /// Whether other nodes may write to the same store.
    pub fn has_other_nodes(&self) -> bool {
        let store = self.store.as_deref().unwrap_or("sqlite:");
        self.bus != "local" || !store.starts_with("sqlite:")
    }

    /// Other nodes may write to the same store, and this one will not hear of it at once.
    pub fn is_deaf(&self) -> bool {
        self.bus == "local" && self.has_other_nodes()
    }

    /// The address that people type.
    pub fn public_url(&self) -> anyhow::Result<axum::http::Uri> {
        let url = self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen));
        url.parse().with_context(|| format!("--public-url {url} is not an address"))
    }

    /// The server's secret: the given file, or one that is made at first start and kept in the data
    /// folder (on loopback only).
    pub fn secret(&self, fresh: [u8; 32]) -> anyhow::Result<Vec<u8>> {
        if let Some(path) = &self.secret_file {
            let secret = std::fs::read(path)
                .with_context(|| format!("the secret file {} cannot be read", path.display()))?;
            ensure!(secret.len() >= 32, "the secret in {} is under 32 bytes", path.display());
            return Ok(secret);
        }
        let path = self.data.join("secret");
        if let Ok(secret) = std::fs::read(&path) {
            return Ok(secret);
        }
        keep_private(&path, &fresh)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(fresh.to_vec())
    }
}

/// Writes a file that only this user may read.
fn keep_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn serve(flags: &[&str]) -> Result<Serve, clap::Error> {
        let line = ["studyhall", "serve"].iter().chain(flags);
        match Cli::try_parse_from(line)?.command {
            Some(Command::Serve(serve)) => Ok(serve),
            _ => unreachable!("that is `serve`"),
        }
    }

    /// Their URLs may have passwords in them.
    #[test]
    fn help_shows_nobody_where_things_are_kept() {
        for command in Cli::command().get_subcommands() {
            let secret = ["store", "files", "bus", "s3_secret_key"];
            let args =
                command.get_arguments().filter(|arg| secret.contains(&arg.get_id().as_str()));
            for arg in args {
                assert!(arg.is_hide_env_values_set(), "{} --{}", command.get_name(), arg.get_id());
            }
        }
    }

    #[test]
    fn who_leaves_the_bus_out_over_a_store_of_several_nodes_is_warned() {
        let mongo = ["--store", "mongodb://db/studyhall"];
        assert!(serve(&mongo).unwrap().is_deaf());
        assert!(serve(&[mongo, ["--bus", "local"]].concat()).unwrap().is_deaf());
        assert!(!serve(&[mongo, ["--bus", "redis://bus"]].concat()).unwrap().is_deaf());
        assert!(!serve(&[]).unwrap().is_deaf());
    }

    #[test]
    fn keys_of_an_s3_are_given_as_they_are() {
        let files = ["--files", "s3://minio:9000/hall?insecure&public=http://a@b"];
        let keys = ["--s3-access-key", "hall@home", "--s3-secret-key", "a/b@c:d%2Fe"];
        let settings = serve(&[files, [keys[0], keys[1]], [keys[2], keys[3]]].concat()).unwrap();
        settings.check().unwrap();
        let url = "s3://hall%40home:a%2Fb%40c%3Ad%252Fe@minio:9000/hall?insecure&public=http://a@b";
        assert_eq!(settings.store_config().files, url);
        assert_eq!(serve(&files).unwrap().store_config().files, files[1]);
        assert!(serve(&keys[..2]).is_err(), "a key without its secret");
        for other in ["s3://a:b@minio:9000/hall", "dir:files"] {
            let settings =
                serve(&[["--files", other], [keys[0], keys[1]], [keys[2], keys[3]]].concat());
            settings.unwrap().check().unwrap_err();
        }
    }
}
