//! What many keystrokes say in few updates: text that was typed on is one item, what is deleted is
//! deleted at the end. Integrating costs yrs one or two moves of a client's whole array of blocks an
//! item, so a batch of keystrokes costs a tenth of what each of them would.
//!
//! Yjs merges such items itself once they are integrated, and sends them merged to whoever joins
//! later: an item behind its author's last one, with the same neighbour on the right, says the same as
//! a longer last one. Deletions commute with everything that does not have to be there before them.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use foldhash::HashMap;
use yrs::{Update, encoding::read::Error, updates::decoder::Decode};

use crate::{
    guard::{
        Id, Run, Scan,
        typing::{Ranges, Stroke, Typed},
    },
    wire::lib0::Lib0Write,
};

/// An update as the check has read it.
pub(super) enum Said {
    /// A keystroke, not decoded.
    Stroke(Stroke),
    /// Anything else.
    More(Update),
}

impl Said {
    pub(super) fn read(update: &bytes::Bytes, scan: &Scan) -> Result<Self, Error> {
        match crate::guard::typing::stroke(update, scan) {
            Some(stroke) => Ok(Self::Stroke(stroke)),
            None => Update::decode_v1(update).map(Self::More),
        }
    }

    /// The ranges that it deletes.
    pub(super) fn deleted(&self) -> impl Iterator<Item = Run> {
        let (few, more) = match self {
            Self::Stroke(Stroke::Erased(ranges)) => (Some(ranges), None),
            Self::Stroke(Stroke::Typed(_)) => (None, None),
            Self::More(update) => (None, Some(update.delete_set())),
        };
        let more = more.into_iter().flat_map(|deleted| deleted.iter()).flat_map(|(id, ranges)| {
            let client = id.get();
            ranges.iter().map(move |range| Run { client, start: range.start, end: range.end })
        });
        few.into_iter().flatten().copied().chain(more)
    }
}

/// Gathers what a batch says.
#[derive(Default)]
pub(super) struct Fold {
    updates: Vec<Update>,
    sections: HashMap<u64, Section>,
    erased: Ranges,
}

/// What one client has typed since the last update that is more than a keystroke.
struct Section {
    run: Run,
    items: u64,
    written: BytesMut,
    open: Typed,
    text: Vec<u8>,
}

impl Fold {
    pub(super) fn add(&mut self, said: Said) -> Result<(), Error> {
        match said {
            Said::Stroke(Stroke::Erased(ranges)) => self.erased.extend(ranges),
            Said::Stroke(Stroke::Typed(typed)) => self.typed(typed)?,
            Said::More(update) => {
                self.close(&Ranges::new())?;
                self.updates.push(update);
            }
        }
        Ok(())
    }

    /// The updates, to be applied in this order.
    pub(super) fn finish(mut self) -> Result<Vec<Update>, Error> {
        let erased = std::mem::take(&mut self.erased);
        self.close(&erased)?;
        Ok(self.updates)
    }

    fn typed(&mut self, typed: Typed) -> Result<(), Error> {
        let client = typed.run.client;
        match self.sections.get_mut(&client) {
            Some(section) if section.run.end == typed.run.start => section.add(typed),
            known => {
                // What starts elsewhere was sent twice.
                if known.is_some() {
                    self.close(&Ranges::new())?;
                }
                self.sections.insert(client, Section::new(typed));
            }
        }
        Ok(())
    }

    /// Makes one update of what was typed, and of these deletions.
    fn close(&mut self, erased: &Ranges) -> Result<(), Error> {
        if self.sections.is_empty() && erased.is_empty() {
            return Ok(());
        }
        let mut sections: Vec<_> = self.sections.drain().collect();
        sections.sort_unstable_by_key(|(client, _)| std::cmp::Reverse(*client));
        let mut update = BytesMut::new();
        update.put_var_uint(sections.len() as u64);
        for (_, section) in sections {
            section.write(&mut update);
        }
        write_deletions(erased, &mut update);
        self.updates.push(Update::decode_v1(&update)?);
        Ok(())
    }
}

impl Section {
    fn new(open: Typed) -> Self {
        let text = open.text.to_vec();
        Self { run: open.run, items: 0, written: BytesMut::new(), open, text }
    }

    fn add(&mut self, typed: Typed) {
        let last = Id { client: self.run.client, clock: self.run.end - 1 };
        self.run.end = typed.run.end;
        if typed.origin == Some(last) && typed.right_origin == self.open.right_origin {
            self.text.extend_from_slice(&typed.text);
            return;
        }
        self.end_item();
        self.text.extend_from_slice(&typed.text);
        self.open = typed;
    }

    fn end_item(&mut self) {
        self.written.put_u8(self.open.info());
        for id in [self.open.origin, self.open.right_origin].into_iter().flatten() {
            self.written.put_var_uint(id.client);
            self.written.put_var_uint(u64::from(id.clock));
        }
        self.written.put_var_bytes(&self.text);
        self.text.clear();
        self.items += 1;
    }

    fn write(mut self, update: &mut BytesMut) {
        self.end_item();
        update.put_var_uint(self.items);
        update.put_var_uint(self.run.client);
        update.put_var_uint(u64::from(self.run.start));
        update.put_slice(&self.written);
    }
}

fn write_deletions(erased: &Ranges, update: &mut BytesMut) {
    let mut clients: BTreeMap<u64, Vec<(u32, u32)>> = BTreeMap::new();
    for run in erased {
        clients.entry(run.client).or_default().push((run.start, run.end));
    }
    update.put_var_uint(clients.len() as u64);
    for (client, mut ranges) in clients {
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let touches = next.0 <= before.1;
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
        update.put_var_uint(client);
        update.put_var_uint(ranges.len() as u64);
        for (start, end) in ranges {
            update.put_var_uint(u64::from(start));
            update.put_var_uint(u64::from(end - start));
        }
    }
}
