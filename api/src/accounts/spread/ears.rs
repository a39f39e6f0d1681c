//! Hearing what other nodes change: on the bus, and in the rows, which decide.
//!
//! Rows are in the order of the seconds that their nodes dated them, and those clocks differ. So each
//! reading begins at the newest second that had been seen ten seconds before it: a node that wrote since
//! had seen that row as well, and dated its own no earlier ([`super::Ahead`]).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use studyhall_schema::{Timestamp, access_change::SpreadChange, ids::AccessChangeId};
use studyhall_store::{Page, bus::Subscription};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Accounts, KEPT, Spread, TOPIC};
use crate::fault::Fault;

/// How often what others wrote is read.
const POLL: Duration = Duration::from_millis(500);
/// How far back each reading looks: a write takes its time, and its node may not have read meanwhile.
const OVERLAP: Duration = Duration::from_secs(10);
/// A clock that is further ahead is wrong: nobody dates rows by it.
const BELIEVED: Duration = Duration::from_mins(5);
/// Clocks that differ by more than this are spoken of, so often at most.
const DIFFER: Duration = Duration::from_secs(10);
const SPEAK: Duration = Duration::from_mins(1);
/// Rows read at once.
const ROWS: usize = 1000;

/// What hears other nodes.
pub(super) struct Ears {
    accounts: Accounts,
    spread: Spread,
    heard: Arc<Heard>,
    /// Open plans and when they were first seen; `None` when they were looked for long enough.
    plans: HashMap<AccessChangeId, Option<Instant>>,
    seen: Seen,
    spoke_at: Option<Instant>,
}

/// What was heard lately, so that nothing is done twice.
#[derive(Default)]
struct Heard(Mutex<HashMap<AccessChangeId, Instant>>);

impl Heard {
    fn rows(&self) -> MutexGuard<'_, HashMap<AccessChangeId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row was heard. Whether it was for the first time.
    fn is_new(&self, row: &SpreadChange) -> bool {
        let now = Instant::now();
        let mut rows = self.rows();
        let is_new = rows.insert(row.id, now).is_none();
        if is_new {
            rows.extend(row.plan.map(|plan| (plan, now)));
        }
        is_new
    }

    fn forget_old(&self) {
        self.rows().retain(|_, at| at.elapsed() < KEPT);
    }
}

/// The newest second that rows had, as it was at each reading of the last [`OVERLAP`] that found a newer.
#[derive(Default)]
struct Seen(VecDeque<(Instant, Timestamp)>);

impl Seen {
    /// The newest that had been seen [`OVERLAP`] ago, or else what was seen first.
    fn before(&mut self, now: Instant) -> Option<Timestamp> {
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= OVERLAP) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, second)| *second)
    }

    /// A reading that began then has seen this.
    fn note(&mut self, began: Instant, second: Timestamp) {
        if self.0.back().is_none_or(|(_, newest)| *newest < second) {
            self.0.push_back((began, second));
        }
    }
}

impl Ears {
    pub(super) fn new(accounts: Accounts, spread: Spread) -> Self {
        let (heard, plans) = Default::default();
        Self { accounts, spread, heard, plans, seen: Seen::default(), spoke_at: None }
    }

    pub(super) async fn listen(mut self) {
        let news = self.accounts.0.store.bus().subscribe(TOPIC);
        tokio::spawn(hear_news(
            self.accounts.clone(),
            self.spread.clone(),
            self.heard.clone(),
            news,
        ));
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            poll.tick().await;
            if let Err(error) = self.read().await {
                tracing::debug!(%error, "changes of access cannot be read now");
            }
        }
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let began = Instant::now();
        let from = match self.seen.before(began) {
            Some(second) => second,
            None => self.newest_there().await? - OVERLAP,
        };
        self.seen.note(began, from);
        let rows = self.accounts.0.store.records::<SpreadChange>();
        let (mut cursor, mut planned) = (None, Vec::new());
        loop {
            let page = Page::of("_id").after(AccessChangeId::first_of(from));
            let page = rows.page(page.limit(ROWS).cursor(cursor)).await?;
            for row in page.items {
                self.dated(row.id.made_at(), began);
                if row.is_planned {
                    planned.push(row.value);
                } else {
                    hear(&self.accounts, &self.spread, &self.heard, &row);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        self.heard.forget_old();
        self.look_for(planned, began).await
    }

    /// The second of the newest row that there is.
    async fn newest_there(&self) -> Result<Timestamp, Fault> {
        let rows = self.accounts.0.store.records::<SpreadChange>();
        let page = rows.page(Page::of("_id").descending().limit(1)).await?;
        Ok(page.items.first().map(|row| row.id.made_at()).unwrap_or_default())
    }

    /// A row of this second is there.
    fn dated(&mut self, second: Timestamp, began: Instant) {
        let now = self.accounts.clock().now();
        let ahead = second.since(now);
        if ahead > DIFFER && self.spoke_at.is_none_or(|at| at.elapsed() > SPEAK) {
            self.spoke_at = Some(began);
            tracing::warn!(
                seconds = ahead.as_secs(),
                "the clock of another node is ahead of this one's"
            );
        }
        if ahead <= BELIEVED {
            self.seen.note(began, second);
            self.spread.ahead.saw(second, now);
        }
    }

    /// Looks whether plans that nobody settled have come true. Once more after [`OVERLAP`]: what is still
    /// not so then was given up.
    async fn look_for(&mut self, planned: Vec<SpreadChange>, began: Instant) -> Result<(), Fault> {
        let mut plans = HashMap::new();
        for row in planned {
            if self.heard.rows().contains_key(&row.id) {
                continue;
            }
            let mut since = self.plans.get(&row.id).copied().unwrap_or(Some(began));
            if let Some(first_seen) = since {
                self.accounts.look_for(row.change).await?;
                since = since.filter(|_| began.duration_since(first_seen) < OVERLAP);
            }
            plans.insert(row.id, since);
        }
        self.plans = plans;
        Ok(())
    }
}

/// Hears what is told on the bus, also while the database does not answer.
async fn hear_news(accounts: Accounts, spread: Spread, heard: Arc<Heard>, mut news: Subscription) {
    loop {
        // What is missed is in the rows.
        if let Ok(row) = news.recv().await
            && let Ok(row) = serde_json::from_slice(&row)
        {
            hear(&accounts, &spread, &heard, &row);
        }
    }
}

fn hear(accounts: &Accounts, spread: &Spread, heard: &Heard, row: &SpreadChange) {
    if heard.is_new(row) && row.node != spread.node {
        accounts.heard(row.change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_begins_at_what_was_newest_ten_seconds_before() {
        let (start, second) = (Instant::now(), |n: i64| Timestamp::from_millis(n * 1000));
        let mut seen = Seen::default();
        assert_eq!(seen.before(start), None);
        for (at, newest) in [(0, 40), (1, 41), (2, 41), (3, 100), (8, 7)] {
            seen.note(start + Duration::from_secs(at), second(newest));
        }
        for (at, begins) in [(3, 40), (10, 40), (11, 41), (12, 41), (13, 100), (3600, 100)] {
            assert_eq!(seen.before(start + Duration::from_secs(at)), Some(second(begins)), "{at}");
        }
    }
}
