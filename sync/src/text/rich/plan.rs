//! What becomes of a rich note's blocks so that it reads as another text. Must not know the tree.

use super::{
    super::{diff::hunks, edits::Edit, lines::become_of},
    Block, Blocks, Piece, touched,
};

/// So many blocks are walked for one edit, about a second.
pub(super) const MOST_WALKED: u64 = 300_000_000;
/// What is written into a piece of a block splits it, and the library moves all that were made after it: three for each,
/// and eight of them in the time in which it walks one.
const MOVED: (u64, u64) = (3, 8);

#[derive(Default)]
pub(super) struct Lines<'a> {
    /// Lines of the block itself; without any the block goes.
    pub(super) own: Vec<&'a str>,
    /// New paragraphs behind it.
    pub(super) after: Vec<&'a str>,
}

pub(super) struct Plan<'a> {
    /// New paragraphs before all blocks, and where that is.
    pub(super) before: Vec<&'a str>,
    pub(super) start: (usize, u32),
    pub(super) of_block: Vec<Lines<'a>>,
}

impl<'a> Plan<'a> {
    /// A new line behind an old one: inside a block of several lines, or after the block.
    fn add(&mut self, line: &'a str, last: Option<usize>, owners: &[usize]) {
        match last {
            Some(last) if owners.get(last + 1) == Some(&owners[last]) => {
                self.of_block[owners[last]].own.push(line);
            }
            Some(last) => self.of_block[owners[last]].after.push(line),
            None => self.before.push(line),
        }
    }
}

impl Blocks {
    /// Gives each new line to a block, or to a place between blocks.
    pub(super) fn plan<'a>(&self, new: &'a str) -> Plan<'a> {
        let mut owners = Vec::new();
        let mut old_lines = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            for line in block.text.split('\n') {
                owners.push(number);
                old_lines.push(line);
            }
        }
        let new_lines: Vec<&str> = new.split('\n').collect();
        let mut plan = Plan {
            before: Vec::new(),
            start: (0, 0),
            of_block: self.blocks.iter().map(|_| Lines::default()).collect(),
        };
        let mut last = None;
        let (mut at_old, mut at_new) = (0, 0);
        let end = (old_lines.len()..old_lines.len(), new_lines.len()..new_lines.len());
        for hunk in hunks(&old_lines, &new_lines).into_iter().chain([end]) {
            let stays = (at_old..hunk.0.start).zip(at_new..hunk.1.start);
            let stays = stays.map(|(old, new)| (Some(old), Some(new)));
            for line in stays.chain(become_of(&old_lines, &new_lines, &hunk)) {
                match line {
                    (Some(old), new) => {
                        let owner = owners[old];
                        plan.of_block[owner].own.extend(new.map(|new| new_lines[new]));
                        last = Some(old);
                    }
                    (None, Some(new)) => plan.add(new_lines[new], last, &owners),
                    (None, None) => {}
                }
            }
            (at_old, at_new) = (hunk.0.end, hunk.1.end);
        }
        plan.start = self.blocks.first().map_or((0, 0), |block| block.place);
        plan
    }

    /// How many blocks are walked for a plan, at most: to each that comes or goes the library walks from the first
    /// beside it, and a container may come or go with it.
    pub(super) fn walked(&self, plan: &Plan<'_>, within: &[Vec<Edit<'_>>]) -> u64 {
        let mut outer: Vec<u32> = Vec::with_capacity(self.containers.len());
        for container in &self.containers {
            let walked = container.place.map_or(0, |(around, index)| outer[around].max(index));
            outer.push(walked);
        }
        let beside = |(container, index): (usize, u32)| {
            u64::from(outer.get(container).map_or(index, |outer| index.max(*outer)))
        };
        let of_block = self.blocks.iter().zip(&plan.of_block).map(|(block, lines)| {
            let changes = lines.after.len() + usize::from(lines.own.is_empty());
            let looked = if lines.after.is_empty() { 0 } else { self.looked_through(block.place) };
            beside(block.place) * changes as u64 + looked
        });
        let pieces = self.blocks.iter().map(|block| block.pieces.len() as u64).sum::<u64>();
        let within = self.blocks.iter().zip(within);
        let within = within.map(|(block, edits)| block.walked(edits, pieces));
        beside(plan.start) * plan.before.len() as u64 + of_block.sum::<u64>() + within.sum::<u64>()
    }
}

impl Block {
    /// The same of what is edited within a block: to each piece that is touched the library walks from the first of
    /// its text, or of the block, and then moves what was made after it, of so many in all.
    fn walked(&self, edits: &[Edit<'_>], pieces: u64) -> u64 {
        if edits.is_empty() {
            return 0;
        }
        let placed = self.placed();
        let before = self.walked_to();
        let of_edit = edits.iter().map(|edit| {
            let touched = touched(&placed, &(edit.start..edit.end));
            let moved = (touched.len().max(1) as u64 * pieces) * MOVED.0 / MOVED.1;
            // What is put in and what is taken out.
            let at = before.get(touched.start).or(before.last()).copied().unwrap_or_default();
            at + before[touched].iter().sum::<u64>() + moved
        });
        of_edit.sum()
    }

    /// How many pieces are walked to each.
    fn walked_to(&self) -> Vec<u64> {
        let mut of_text = 0;
        let mut last = None;
        let to = self.pieces.iter().map(|piece| match piece {
            Piece::Text { node, .. } => {
                of_text = if last.as_ref() == Some(node) { of_text + 1 } else { 0 };
                last = Some(node.clone());
                of_text
            }
            Piece::Break { child } => u64::from(*child),
        });
        to.collect()
    }
}
