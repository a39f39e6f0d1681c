//! Redis, the driver: what is asked of it, each within a time. The only file that knows its types.
//!
//! Everything is under `studyhall:` in the database that the URL names. Whatever goes wrong is
//! `Unavailable`: a Redis that is away is never more than that. Must not know what a topic, a key or
//! a value means.

mod link;
mod recent;

use std::{fmt, time::Duration};

use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisError, Value, aio::MultiplexedConnection,
};

use crate::StoreError;

pub(crate) use self::link::{Backoff, Link};

/// How long one answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// How long a connection may take to come about.
const CONNECTS_WITHIN: Duration = Duration::from_secs(1);

/// Topics in one command.
const TOPICS_AT_ONCE: usize = 256;

/// What every key and channel begins with.
const PREFIX: &str = "studyhall";

/// Counts one more by the generic cell rate algorithm, on Redis's clock, so that nodes with
/// different clocks count the same. Kept is the moment when all is back; it goes away by then.
const SPEND: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
local next = math.max(full, now) + tonumber(ARGV[1])
if ARGV[3] == '1' and next - now <= ARGV[1] * ARGV[2] then
  redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', next - now)
end
return {full, now}";

/// A place in Redis, and how to get there.
#[derive(Clone)]
pub(crate) struct Redis {
    client: Client,
}

/// A connection that many use at once.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: MultiplexedConnection,
    database: i64,
}

/// Where a rate stands: when all is back, and the moment now, in milliseconds of Redis's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) full: i64,
    pub(crate) now: i64,
}

impl fmt::Debug for Redis {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.client.get_connection_info().addr())
    }
}

impl Redis {
    /// `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, with TLS `rediss://…`. Goes nowhere yet.
    pub(crate) fn at(url: &str) -> Result<Self, StoreError> {
        // The error may quote the URL, and the URL has a password.
        let invalid = |_| StoreError::Invalid("this is no redis://HOST:PORT URL".into());
        let connection = url.into_connection_info().map_err(invalid)?;
        let settings = connection.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(connection.set_redis_settings(settings)).map_err(invalid)?;
        Ok(Self { client })
    }

    /// A connection to ask things.
    pub(crate) async fn connect(&self) -> Result<Connection, StoreError> {
        self.connect_with(config()).await
    }

    /// A connection that gives what other nodes publish to `hear`, which must not wait, and calls
    /// `ended` when it ends.
    pub(crate) async fn listen(
        &self,
        hear: impl Fn(&str, Bytes) + Send + Sync + 'static,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> Result<Connection, StoreError> {
        let prefix = channel(self.database(), "");
        let pushed = move |push: PushInfo| -> Result<(), ()> {
            match push.kind {
                PushKind::Message => {
                    if let Some((channel, message)) = message(push.data)
                        && let Some(topic) = channel.strip_prefix(&prefix)
                    {
                        hear(topic, message);
                    }
                }
                PushKind::Disconnection => ended(),
                _ => {}
            }
            Ok(())
        };
        self.connect_with(config().set_push_sender(pushed)).await
    }

    async fn connect_with(&self, config: AsyncConnectionConfig) -> Result<Connection, StoreError> {
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let inner = tokio::time::timeout(CONNECTS_WITHIN, connecting).await;
        let inner = inner.map_err(|_| late())?.map_err(|error| away(&error))?;
        Ok(Connection { inner, database: self.database() })
    }

    fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }
}

impl Connection {
    pub(crate) async fn ping(&mut self) -> Result<(), StoreError> {
        self.ask(&redis::cmd("PING")).await
    }

    /// Publishes all of these, in order.
    pub(crate) async fn publish(&mut self, news: &[(String, Bytes)]) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        for (topic, message) in news {
            let channel = channel(self.database, topic);
            pipeline.cmd("PUBLISH").arg(channel).arg(message.as_ref()).ignore();
        }
        within(pipeline.query_async(&mut self.inner)).await
    }

    /// Hears these from now on.
    pub(crate) async fn subscribe(&mut self, topics: &[String]) -> Result<(), StoreError> {
        for some in topics.chunks(TOPICS_AT_ONCE) {
            let channels = self.channels(some);
            within(self.inner.subscribe(channels)).await?;
        }
        Ok(())
    }

    pub(crate) async fn unsubscribe(&mut self, topics: &[String]) -> Result<(), StoreError> {
        for some in topics.chunks(TOPICS_AT_ONCE) {
            let channels = self.channels(some);
            within(self.inner.unsubscribe(channels)).await?;
        }
        Ok(())
    }

    /// Counts one where `counting` and where the rate allows it: `each` milliseconds for one, `burst`
    /// at once.
    pub(crate) async fn spend(
        &mut self,
        key: &str,
        each: i64,
        burst: u32,
        counting: bool,
    ) -> Result<Spent, StoreError> {
        let mut script = redis::cmd("EVAL");
        script.arg(SPEND).arg(1).arg(format!("{PREFIX}:rate:{key}"));
        script.arg(each).arg(burst).arg(u8::from(counting));
        let (full, now) = self.ask(&script).await?;
        Ok(Spent { full, now })
    }

    /// Leaves a value for whoever takes it first.
    pub(crate) async fn leave(
        &mut self,
        key: &str,
        value: &[u8],
        good_for: Duration,
    ) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(format!("{PREFIX}:ticket:{key}")).arg(value).arg("PX").arg(millis(good_for));
        self.ask(&set).await
    }

    pub(crate) async fn take(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut take = redis::cmd("GETDEL");
        take.arg(format!("{PREFIX}:ticket:{key}"));
        self.ask(&take).await
    }

    fn channels(&self, topics: &[String]) -> Vec<String> {
        topics.iter().map(|topic| channel(self.database, topic)).collect()
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, StoreError> {
        within(command.query_async(&mut self.inner)).await
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTS_WITHIN))
        .set_response_timeout(Some(ANSWERS_WITHIN))
}

/// Channels are shared by all databases of a Redis, so that they name theirs.
fn channel(database: i64, topic: &str) -> String {
    format!("{PREFIX}:{database}:{topic}")
}

/// The channel and the message of a push, without copying the message.
fn message(pushed: Vec<Value>) -> Option<(String, Bytes)> {
    let mut pushed = pushed.into_iter();
    match (pushed.next()?, pushed.next()?) {
        (Value::BulkString(channel), Value::BulkString(message)) => {
            Some((String::from_utf8(channel).ok()?, message.into()))
        }
        _ => None,
    }
}

/// The driver's own limit begins when a command is on its way; this one also covers the wait for
/// that.
async fn within<T>(asking: impl Future<Output = Result<T, RedisError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(2 * ANSWERS_WITHIN, asking).await {
        Ok(answer) => answer.map_err(|error| away(&error)),
        Err(_) => Err(late()),
    }
}

fn late() -> StoreError {
    StoreError::Unavailable("Redis has not answered in time".into())
}

/// Without what the server says beyond its code, which may quote what it was sent.
fn away(error: &RedisError) -> StoreError {
    let why = match error.code() {
        Some("NOAUTH") => "it wants a password: redis://:PASSWORD@HOST[:PORT]",
        Some("WRONGPASS") => "the user or the password in its URL is wrong",
        Some(code) => code,
        None => error.category(),
    };
    StoreError::Unavailable(format!("Redis: {why}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let redis = Redis::at("redis://ada:s3cret@127.0.0.1:1/2").unwrap();
        assert_eq!(format!("{redis:?}"), "Redis(127.0.0.1:1)");
        let error = Redis::at("redis://ada:s3cret@127.0.0.1:port").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
