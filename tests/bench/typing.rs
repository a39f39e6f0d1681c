//! What the load types: a real trace, or a seeded generator of plausible typing, turned into Yjs
//! updates before anything is measured. Knows nothing of servers.

use std::{fs::File, path::Path};

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use yrs::{ClientID, Doc, OffsetKind, Options, Text, Transact};

/// The length of the paper's trace; the generator makes as many.
pub(crate) const PAPER: usize = 259_778;

/// Position, how many characters go, what comes.
#[derive(Deserialize, Clone)]
pub(crate) struct Patch(pub(crate) u32, pub(crate) u32, pub(crate) String);

#[derive(Deserialize)]
struct Txn {
    patches: Vec<Patch>,
}

#[derive(Deserialize)]
struct Trace {
    txns: Vec<Txn>,
}

/// One person's edits, ready to send, in order.
pub(crate) struct Script {
    pub(crate) client: ClientID,
    pub(crate) updates: Vec<Bytes>,
    /// `clocks[i]`: the client's clock after update `i`; a deletion does not move it.
    pub(crate) clocks: Vec<u32>,
}

impl Script {
    pub(crate) fn last_clock(&self) -> u32 {
        self.clocks.last().copied().unwrap_or_default()
    }
}

/// The paper's trace if the folder has it, and what to call it.
pub(crate) fn paper(data: &Path) -> Result<(Vec<Patch>, &'static str)> {
    let file = data.join("automerge-paper.json.gz");
    if !file.exists() {
        return Ok((typed(1, PAPER, 0.3), "generated typing"));
    }
    let trace: Trace = serde_json::from_reader(GzDecoder::new(File::open(&file)?))
        .with_context(|| format!("could not read {}", file.display()))?;
    Ok((trace.txns.into_iter().flat_map(|t| t.patches).collect(), "automerge-paper"))
}

/// Words typed one after the other; now and then the cursor jumps, and a share of the keys is
/// backspace.
pub(crate) fn typed(seed: u64, edits: usize, backspaces: f64) -> Vec<Patch> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut length, mut cursor) = (0_u32, 0_u32);
    let mut patches = Vec::with_capacity(edits);
    while patches.len() < edits {
        if random.random_bool(0.02) {
            cursor = random.random_range(0..=length);
        }
        if cursor > 0 && random.random_bool(backspaces) {
            cursor -= 1;
            length -= 1;
            patches.push(Patch(cursor, 1, String::new()));
        } else {
            let key = if random.random_bool(0.17) { ' ' } else { random.random_range('a'..='z') };
            patches.push(Patch(cursor, 0, key.to_string()));
            cursor += 1;
            length += 1;
        }
    }
    patches
}

/// Plays the patches on a document of one's own and keeps the update of each.
pub(crate) fn script(client: u32, patches: &[Patch]) -> Script {
    let client = ClientID::new(u64::from(client));
    let mut options = Options::with_client_id(client);
    options.offset_kind = OffsetKind::Utf16;
    let doc = Doc::with_options(options);
    let text = doc.get_or_insert_text("content");
    let (mut clock, mut clocks) = (0, Vec::with_capacity(patches.len()));
    let mut updates = Vec::with_capacity(patches.len());
    for Patch(position, deleted, inserted) in patches {
        let mut transaction = doc.transact_mut();
        if *deleted > 0 {
            text.remove_range(&mut transaction, *position, *deleted);
        }
        if !inserted.is_empty() {
            text.insert(&mut transaction, *position, inserted);
        }
        clock += u32::try_from(inserted.encode_utf16().count()).unwrap_or_default();
        clocks.push(clock);
        updates.push(Bytes::from(transaction.encode_update_v1()));
    }
    Script { client, updates, clocks }
}

/// Scripts of `people` who type `edits` characters each and never delete, so that every edit has a
/// clock by which its arrival is seen.
pub(crate) fn people(people: usize, edits: usize, seed: u64) -> Vec<Script> {
    let mut ids = StdRng::seed_from_u64(seed);
    let seeds = seed + 1..;
    let one = |(seed, client)| script(client, &typed(seed, edits, 0.0));
    // Client ids must be new in every run: the server remembers whose an id is.
    seeds.zip((0..people).map(|_| ids.random())).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{GetString, Transact, Update, updates::decoder::Decode};

    #[test]
    fn a_script_replayed_gives_the_text_that_was_typed() {
        let patches = typed(7, 400, 0.2);
        let mut expected: Vec<char> = Vec::new();
        for Patch(at, gone, come) in &patches {
            let at = *at as usize;
            expected.splice(at..at + *gone as usize, come.chars());
        }
        let script = script(9, &patches);
        let doc = Doc::new();
        let text = doc.get_or_insert_text("content");
        for update in &script.updates {
            doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
        assert_eq!(text.get_string(&doc.transact()), expected.iter().collect::<String>());
        assert_eq!(script.last_clock() as usize, patches.iter().filter(|p| p.1 == 0).count());
    }
}
