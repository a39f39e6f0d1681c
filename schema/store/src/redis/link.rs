//! A connection that comes back by itself: what is asked while it is away is refused at once.
//!
//! One task keeps it. Whoever is refused by a live connection tells the task, which asks the
//! connection whether it is well and else makes another, forever. Must not know what is asked.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{Connection, Redis};
use crate::StoreError;

/// The first and the longest wait between two attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often a connection that nobody complains about is asked whether it is well.
const CHECKED_EVERY: Duration = Duration::from_secs(5);

/// How long who asks first waits for the first connection.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Link {
    current: watch::Receiver<Option<Connection>>,
    doubted: Arc<Notify>,
    /// Ends with the link.
    _keeper: JoinSet<()>,
}

impl Link {
    /// Begins to connect and waits a moment for it. A Redis that is away is no error.
    pub(crate) async fn start(redis: Redis, what: &'static str) -> Self {
        let (sender, mut current) = watch::channel(None);
        let doubted = Arc::new(Notify::new());
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(redis, what, sender, Arc::clone(&doubted)));
        let first = current.wait_for(Option::is_some);
        // Late or never is the same to who starts: the task goes on trying.
        let _ = tokio::time::timeout(FIRST_WITHIN, first).await;
        Self { current, doubted, _keeper: keeper }
    }

    /// Asks over the connection of this moment.
    pub(crate) async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.current.borrow().clone();
        let Some(mut connection) = connection else {
            return Err(StoreError::Unavailable("Redis is not connected".into()));
        };
        let answer = ask(&mut connection).await;
        if answer.is_err() {
            self.doubted.notify_one();
        }
        answer
    }
}

async fn keep(
    redis: Redis,
    what: &'static str,
    current: watch::Sender<Option<Connection>>,
    doubted: Arc<Notify>,
) {
    let mut backoff = Backoff::new(what);
    loop {
        match connected(&redis).await {
            Ok(mut connection) => {
                backoff.succeeded();
                current.send_replace(Some(connection.clone()));
                while connection.ping().await.is_ok() {
                    // Either is a reason to look again.
                    let _ = tokio::time::timeout(CHECKED_EVERY, doubted.notified()).await;
                }
                current.send_replace(None);
            }
            Err(error) => backoff.failed(&error).await,
        }
    }
}

/// A Redis that still reads its file lets one in and answers nothing.
async fn connected(redis: &Redis) -> Result<Connection, StoreError> {
    let mut connection = redis.connect().await?;
    connection.ping().await?;
    Ok(connection)
}

/// Waits that grow, and one line in the log for each change.
pub(crate) struct Backoff {
    what: &'static str,
    wait: Duration,
    is_away: bool,
}

impl Backoff {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, wait: FIRST_WAIT, is_away: false }
    }

    pub(crate) fn succeeded(&mut self) {
        if self.is_away {
            tracing::info!(link = self.what, "Redis is back");
        }
        *self = Self::new(self.what);
    }

    /// Waits before the next attempt.
    pub(crate) async fn failed(&mut self, error: &StoreError) {
        metrics::counter!("studyhall_redis_failures_total", "link" => self.what).increment(1);
        if !self.is_away {
            tracing::warn!(link = self.what, %error, "Redis is away; trying on");
            self.is_away = true;
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}
