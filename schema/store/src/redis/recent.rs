//! What was left lately, in Redis: a hash of values, a sorted set of when each was left, and a hash of
//! facts (`bytes` of all, `since` when nothing was forgotten). Times are on Redis's clock.

use std::time::Duration;

use super::{Connection, PREFIX, millis};
use crate::{StoreError, cache::Bounds};

/// Leaves values, then forgets the oldest: what is too old, some at a time, and what is too much.
/// ARGV: how long values are kept, how many bytes, whether something is missing, then keys and values.
const LEAVE: &str = r"
local values, times, facts = KEYS[1], KEYS[2], KEYS[3]
local kept_for, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bytes = 0
if redis.call('EXISTS', times) == 1 then
  bytes = tonumber(redis.call('HGET', facts, 'bytes') or '0')
end
local since = tonumber(redis.call('HGET', facts, 'since') or now)
if ARGV[3] == '1' then since = now end
local function size(key) return redis.call('HSTRLEN', values, key) + 2 * #key + 100 end
for at = 4, #ARGV, 2 do
  local key = ARGV[at]
  if redis.call('ZADD', times, now, key) == 0 then bytes = bytes - size(key) end
  redis.call('HSET', values, key, ARGV[at + 1])
  bytes = bytes + size(key)
end
local left = 5000
local oldest = redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')
while oldest[1] and left > 0 and (bytes > most or tonumber(oldest[2]) <= now - kept_for) do
  local key, at = oldest[1], tonumber(oldest[2])
  if at > now - kept_for and at > since then since = at end
  bytes = bytes - size(key)
  redis.call('ZREM', times, key)
  redis.call('HDEL', values, key)
  oldest = redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')
  left = left - 1
end
redis.call('HSET', facts, 'bytes', string.format('%.0f', bytes), 'since', string.format('%.0f', since))
redis.call('PEXPIRE', times, ARGV[1])
redis.call('PEXPIRE', values, ARGV[1])
return redis.status_reply('OK')";

/// For how long nothing was forgotten, and the values. ARGV: how long values are kept, then keys.
const FIND: &str = r"
local values, times, facts = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', facts, 'since', string.format('%.0f', now))
local found = {}
for at = 2, #ARGV do
  local left_at = redis.call('ZSCORE', times, ARGV[at])
  local is_there = left_at and tonumber(left_at) > now - tonumber(ARGV[1])
  found[at - 1] = is_there and redis.call('HGET', values, ARGV[at])
end
return {now - tonumber(redis.call('HGET', facts, 'since')), found}";

/// Forgets values before their time. ARGV: keys.
const FORGET: &str = r"
local values, times, facts = KEYS[1], KEYS[2], KEYS[3]
local bytes = 0
for _, key in ipairs(ARGV) do
  if redis.call('ZREM', times, key) == 1 then
    bytes = bytes + redis.call('HSTRLEN', values, key) + 2 * #key + 100
    redis.call('HDEL', values, key)
  end
end
if bytes > 0 then redis.call('HINCRBY', facts, 'bytes', string.format('%.0f', -bytes)) end
return redis.status_reply('OK')";

impl Connection {
    /// Leaves values for a while. `has_gap` says that others could not be left before.
    pub(crate) async fn leave_recent(
        &mut self,
        name: &str,
        bounds: Bounds,
        has_gap: bool,
        values: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let mut script = redis::cmd("EVAL");
        script.arg(LEAVE).arg(3).arg(places(name).as_slice());
        script.arg(millis(bounds.kept_for)).arg(bounds.bytes).arg(u8::from(has_gap));
        for (key, value) in values {
            script.arg(key).arg(value);
        }
        self.ask(&script).await
    }

    /// Forgets values.
    pub(crate) async fn forget_recent(
        &mut self,
        name: &str,
        keys: &[String],
    ) -> Result<(), StoreError> {
        let mut script = redis::cmd("EVAL");
        script.arg(FORGET).arg(3).arg(places(name).as_slice()).arg(keys);
        self.ask(&script).await
    }

    /// What was left, and for how long back all of it is there.
    pub(crate) async fn find_recent(
        &mut self,
        name: &str,
        kept_for: Duration,
        keys: &[String],
    ) -> Result<(Duration, Vec<Option<Vec<u8>>>), StoreError> {
        let mut script = redis::cmd("EVAL");
        script.arg(FIND).arg(3).arg(places(name).as_slice()).arg(millis(kept_for)).arg(keys);
        let (complete_for, values) = self.ask::<(u64, _)>(&script).await?;
        Ok((Duration::from_millis(complete_for), values))
    }
}

fn places(name: &str) -> [String; 3] {
    ["values", "times", "facts"].map(|part| format!("{PREFIX}:recent:{name}:{part}"))
}
