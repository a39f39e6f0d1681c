//! The text of a rich note: blocks of an XML tree as Tiptap and `ProseMirror` lay it out.
//!
//! A block is an element that holds text (a paragraph, a heading), or a text that stands alone;
//! what holds blocks (lists, quotes) is a container. The tree is walked with a stack of its own:
//! its depth is a client's choice. What does not fit is passed over, never an error.

use std::ops::Range;

use yrs::{
    Any, Array, ArrayRef, GetString, Out, ReadTxn, Text, TransactionMut, XmlElementPrelim,
    XmlElementRef, XmlFragment, XmlFragmentRef, XmlTextPrelim, XmlTextRef,
    branch::{Branch, BranchPtr},
    types::text::YChange,
};

use super::{
    EditError,
    edits::{Edit, edits, utf16_len},
};

mod plan;

use self::plan::MOST_WALKED;

/// Elements that are blocks even when they hold nothing.
const TEXT_BLOCKS: [&str; 3] = ["paragraph", "heading", "codeBlock"];
const HARD_BREAK: &str = "hardBreak";

/// What an element may hold. An editor deletes what its schema does not allow, with all text in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Blocks, and one at least.
    Blocks,
    /// Items, and one at least.
    List,
    /// A paragraph, then blocks.
    Item,
    /// A part of something whose shape nobody knows here, such as a table.
    Fixed { holds_blocks: bool },
}

impl Kind {
    fn of(tag: &str) -> Self {
        match tag {
            "blockquote" => Self::Blocks,
            "bulletList" | "orderedList" | "taskList" | "bullet_list" | "ordered_list" => {
                Self::List
            }
            "listItem" | "taskItem" | "list_item" => Self::Item,
            "tableCell" | "tableHeader" | "table_cell" | "table_header" | "detailsContent" => {
                Self::Fixed { holds_blocks: true }
            }
            _ => Self::Fixed { holds_blocks: false },
        }
    }

    /// Whether a paragraph may be put before, or after, what is in it.
    fn takes_paragraphs(self) -> bool {
        matches!(self, Self::Blocks | Self::Item | Self::Fixed { holds_blocks: true })
    }
}

/// What can hold children.
#[derive(Clone)]
enum Holder {
    Fragment(XmlFragmentRef),
    Element(XmlElementRef),
}

impl Holder {
    fn branch(&self) -> &Branch {
        match self {
            Self::Fragment(fragment) => fragment.as_ref(),
            Self::Element(element) => element.as_ref(),
        }
    }

    /// `None` of the whole note.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Fragment(_) => None,
            Self::Element(element) => Some(Kind::of(element.tag())),
        }
    }

    fn insert_paragraph(&self, txn: &mut TransactionMut<'_>, index: u32, text: &str) {
        let empty = XmlElementPrelim::empty("paragraph");
        let paragraph = match self {
            Self::Fragment(fragment) => fragment.insert(txn, index, empty),
            Self::Element(element) => element.insert(txn, index, empty),
        };
        if !text.is_empty() {
            paragraph.insert(txn, 0, XmlTextPrelim::new(text));
        }
    }

    fn remove(&self, txn: &mut TransactionMut<'_>, index: u32) {
        match self {
            Self::Fragment(fragment) => fragment.remove(txn, index),
            Self::Element(element) => element.remove(txn, index),
        }
    }
}

/// The children of a node, whatever they are: an XML view ends at the first that is not XML.
fn children<T: ReadTxn>(branch: &Branch, txn: &T) -> Vec<Out> {
    ArrayRef::from(BranchPtr::from(branch)).iter(txn).collect()
}

/// A container with its place in the one around it.
struct Container {
    holder: Holder,
    place: Option<(usize, u32)>,
}

impl Container {
    fn takes_paragraphs(&self) -> bool {
        self.holder.kind().is_none_or(Kind::takes_paragraphs)
    }
}

/// A part of a block's text.
enum Piece {
    /// Text of a node from `index` on, which is its place there in UTF-16 units.
    Text { node: XmlTextRef, index: u32, text: String },
    /// A hard break, by its place among the block's children.
    Break { child: u32 },
}

impl Piece {
    fn text(&self) -> &str {
        match self {
            Self::Text { text, .. } => text,
            Self::Break { .. } => "\n",
        }
    }
}

/// A piece with where it starts and ends in its block.
struct Placed<'a> {
    start: u32,
    end: u32,
    piece: &'a Piece,
}

/// The pieces of which something is in the range.
fn touched(placed: &[Placed<'_>], range: &Range<u32>) -> Range<usize> {
    let first = placed.partition_point(|one| one.end <= range.start);
    first..first.max(placed.partition_point(|one| one.start < range.end))
}

/// What stands elsewhere since something was inserted before it.
enum Moved<'a> {
    Nothing,
    /// The rest of a node's text, by so much.
    Text(&'a XmlTextRef, u32),
    /// The children that follow.
    Children,
}

struct Block {
    /// The container, and the place in it.
    place: (usize, u32),
    /// `None` for a text that stands alone.
    element: Option<XmlElementRef>,
    pieces: Vec<Piece>,
    text: String,
}

/// The parts of a text node. Values embedded in it take a place and are no text; where they
/// cannot be told from text, the node has no parts and is left alone.
pub(super) fn parts<T: ReadTxn>(node: &impl Text, txn: &T) -> Option<Vec<(u32, String)>> {
    let mut at = 0;
    let mut parts = Vec::new();
    for chunk in node.diff(txn, YChange::identity) {
        if let Out::Any(Any::String(text)) = chunk.insert {
            let index = at;
            at += utf16_len(&text);
            parts.push((index, text.to_string()));
        } else {
            at += 1;
        }
    }
    (at == node.len(txn)).then_some(parts)
}

fn pieces_of_text<T: ReadTxn>(node: &XmlTextRef, txn: &T, pieces: &mut Vec<Piece>) {
    let Some(mut parts) = parts(node, txn) else { return };
    if parts.is_empty() {
        // Nothing to read, but a place to write.
        parts.push((0, String::new()));
    }
    pieces.extend(parts.into_iter().map(|(index, text)| Piece::Text {
        node: node.clone(),
        index,
        text,
    }));
}

impl Block {
    fn new(place: (usize, u32), element: Option<XmlElementRef>, pieces: Vec<Piece>) -> Self {
        let text = pieces.iter().map(Piece::text).collect();
        Self { place, element, pieces, text }
    }

    /// The block that an element is; `None` for a container.
    fn of_element<T: ReadTxn>(
        element: &XmlElementRef,
        children: &[Out],
        place: (usize, u32),
        txn: &T,
    ) -> Option<Self> {
        let has_text = children.iter().any(|child| matches!(child, Out::YXmlText(_)));
        if !has_text && !TEXT_BLOCKS.contains(&element.tag().as_ref()) {
            return None;
        }
        let mut pieces = Vec::new();
        for (index, child) in (0..).zip(children) {
            match child {
                Out::YXmlText(text) => pieces_of_text(text, txn, &mut pieces),
                Out::YXmlElement(inner) if inner.tag().as_ref() == HARD_BREAK => {
                    pieces.push(Piece::Break { child: index });
                }
                _ => {}
            }
        }
        Some(Self::new(place, Some(element.clone()), pieces))
    }

    /// Edits the block's text, from the end so that earlier places stay valid.
    fn edit(&self, txn: &mut TransactionMut<'_>, edits: &[Edit<'_>]) {
        if edits.is_empty() {
            return;
        }
        let placed = self.placed();
        for edit in edits.iter().rev() {
            let moved = self.insert(txn, &placed, edit.at, edit.inserted);
            self.delete(txn, &placed, edit.at..edit.end, &moved);
            self.delete(txn, &placed, edit.start..edit.at, &Moved::Nothing);
        }
    }

    /// The pieces with where each is in the block.
    fn placed(&self) -> Vec<Placed<'_>> {
        let mut at = 0;
        let placed = self.pieces.iter().map(|piece| {
            let start = at;
            at += utf16_len(piece.text());
            Placed { start, end: at, piece }
        });
        placed.collect()
    }

    fn delete(
        &self,
        txn: &mut TransactionMut<'_>,
        placed: &[Placed<'_>],
        range: Range<u32>,
        moved: &Moved<'_>,
    ) {
        for Placed { start, end, piece } in placed[touched(placed, &range)].iter().rev() {
            let (left, right) = (range.start.max(*start), range.end.min(*end));
            if left >= right {
                continue;
            }
            match (piece, &self.element) {
                (Piece::Text { node, index, .. }, _) => {
                    let by = match moved {
                        Moved::Text(text, by) if *text == node => *by,
                        _ => 0,
                    };
                    node.remove_range(txn, index + (left - start) + by, right - left);
                }
                (Piece::Break { child }, Some(element)) => {
                    element.remove(txn, child + u32::from(matches!(moved, Moved::Children)));
                }
                (Piece::Break { .. }, None) => {}
            }
        }
    }

    /// Inserts text, into the node on the left where there is one. A line break inside a block
    /// stays a character of its text: splitting a node would take it away from who types in it.
    fn insert<'a>(
        &self,
        txn: &mut TransactionMut<'_>,
        placed: &[Placed<'a>],
        at: u32,
        inserted: &str,
    ) -> Moved<'a> {
        if inserted.is_empty() {
            return Moved::Nothing;
        }
        let first = placed.partition_point(|one| one.end < at);
        for Placed { start, end, piece } in &placed[first..] {
            match piece {
                Piece::Text { node, index, .. } if (*start..=*end).contains(&at) => {
                    node.insert(txn, index + (at - start), inserted);
                    return Moved::Text(node, utf16_len(inserted));
                }
                _ if *start > at => break,
                _ => {}
            }
        }
        let is_before = |one: &&Placed<'_>| matches!(one.piece, Piece::Break { .. });
        let before = &placed[..placed.partition_point(|one| one.start < at)];
        let child_after_break = match before.iter().rev().find(is_before).map(|one| one.piece) {
            Some(Piece::Break { child }) => child + 1,
            _ => 0,
        };
        if let Some(element) = &self.element {
            element.insert(txn, child_after_break, XmlTextPrelim::new(inserted));
            return Moved::Children;
        }
        Moved::Nothing
    }
}

/// A rich note's blocks in the order of reading.
pub(super) struct Blocks {
    containers: Vec<Container>,
    blocks: Vec<Block>,
}

impl Blocks {
    pub(super) fn read<T: ReadTxn>(fragment: XmlFragmentRef, txn: &T) -> Self {
        let mut read = Self { containers: Vec::new(), blocks: Vec::new() };
        let mut open = vec![read.open(Holder::Fragment(fragment), None, txn)];
        while let Some((container, next)) = open.last_mut() {
            let container = *container;
            let Some((index, child)) = next.next() else {
                open.pop();
                continue;
            };
            let place = (container, index);
            match child {
                Out::YXmlText(text) => {
                    let mut pieces = Vec::new();
                    pieces_of_text(&text, txn, &mut pieces);
                    read.blocks.push(Block::new(place, None, pieces));
                }
                Out::YXmlElement(element) => {
                    let inner = children(element.as_ref(), txn);
                    match Block::of_element(&element, &inner, place, txn) {
                        Some(block) => read.blocks.push(block),
                        None => open.push(read.open(Holder::Element(element), Some(place), txn)),
                    }
                }
                _ => {}
            }
        }
        read
    }

    /// Notes a container, and gives its children to walk.
    fn open<T: ReadTxn>(
        &mut self,
        holder: Holder,
        place: Option<(usize, u32)>,
        txn: &T,
    ) -> (usize, impl Iterator<Item = (u32, Out)> + use<T>) {
        let inner = children(holder.branch(), txn);
        self.containers.push(Container { holder, place });
        (self.containers.len() - 1, (0..).zip(inner))
    }

    /// The text, a line a block.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (number, block) in self.blocks.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&block.text);
        }
        text
    }

    /// Edits the blocks so that they read as `new`. Blocks whose lines stay are not touched; one that cannot
    /// go stays as an empty line.
    pub(super) fn edit(&self, txn: &mut TransactionMut<'_>, new: &str) -> Result<(), EditError> {
        let plan = self.plan(new);
        let own: Vec<String> = plan.of_block.iter().map(|lines| lines.own.join("\n")).collect();
        let within = self.blocks.iter().zip(&own).zip(&plan.of_block);
        let within = within.map(|((block, own), lines)| {
            let is_same = lines.own.is_empty() || *own == block.text;
            if is_same { Vec::new() } else { edits(&block.text, own) }
        });
        let within: Vec<Vec<Edit<'_>>> = within.collect();
        if self.walked(&plan, &within) > MOST_WALKED {
            return Err(EditError::TooLong);
        }
        // From the last to the first, so that places before stay valid.
        for ((block, lines), within) in self.blocks.iter().zip(&plan.of_block).zip(&within).rev() {
            if !lines.after.is_empty() {
                let (container, index) = self.behind(block.place);
                for text in lines.after.iter().rev() {
                    self.containers[container].holder.insert_paragraph(txn, index, text);
                }
            }
            if !lines.own.is_empty() {
                block.edit(txn, within);
            } else if let Some((container, index)) = self.removable(txn, block.place) {
                self.containers[container].holder.remove(txn, index);
            } else {
                block.edit(txn, &edits(&block.text, ""));
            }
        }
        let (container, index) = self.for_paragraphs(plan.start);
        let holder = &self.containers.get(container).ok_or(EditError::Content)?.holder;
        for text in plan.before.iter().rev() {
            holder.insert_paragraph(txn, index, text);
        }
        Ok(())
    }

    /// Where a paragraph is put that comes after a block: behind a summary, first in what can be unfolded.
    fn behind(&self, place: (usize, u32)) -> (usize, u32) {
        let next = Some((place.0, place.1 + 1));
        let is_next = |it: &Container| it.place == next && it.takes_paragraphs();
        if !self.containers[place.0].takes_paragraphs()
            && let Some(inner) = self.containers.iter().position(is_next)
        {
            return (inner, 0);
        }
        let (container, index) = self.for_paragraphs(place);
        (container, index + 1)
    }

    /// How many containers are looked at for that.
    fn looked_through(&self, place: (usize, u32)) -> u64 {
        if self.containers[place.0].takes_paragraphs() { 0 } else { self.containers.len() as u64 }
    }

    /// The place beside which a paragraph may be: this, or that of a container around it.
    fn for_paragraphs(&self, mut place: (usize, u32)) -> (usize, u32) {
        while let Some(container) = self.containers.get(place.0)
            && let (Some(kind), Some(outer)) = (container.holder.kind(), container.place)
            && !kind.takes_paragraphs()
        {
            place = outer;
        }
        place
    }

    /// What has to be removed so that a block is gone and what is left is in order: the block, or the
    /// containers as well that would stay behind empty. `None` where it has to stay.
    fn removable(&self, txn: &TransactionMut<'_>, mut place: (usize, u32)) -> Option<(usize, u32)> {
        loop {
            let container = &self.containers[place.0];
            let is_last = container.holder.branch().len() == 1;
            match (container.holder.kind(), container.place) {
                (Some(Kind::Fixed { holds_blocks }), _) if is_last || !holds_blocks => return None,
                (Some(_), Some(outer)) if is_last => place = outer,
                (Some(Kind::Item), _) if place.1 == 0 => {
                    let next = children(container.holder.branch(), txn).into_iter().nth(1);
                    let is_paragraph = next.is_some_and(
                        |next| matches!(&next, Out::YXmlElement(next) if next.tag().as_ref() == "paragraph"),
                    );
                    return is_paragraph.then_some(place);
                }
                _ => return Some(place),
            }
        }
    }
}

/// The text of a text node that may be of any kind.
pub(super) fn text_of(value: &Out, txn: &impl ReadTxn) -> Option<String> {
    match value {
        Out::Any(Any::String(text)) => Some(text.to_string()),
        Out::YText(text) => Some(text.get_string(txn)),
        _ => None,
    }
}
