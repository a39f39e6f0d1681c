//! Frames of automerge-repo over WebSocket: one CBOR map (RFC 8949) a frame, version 1 of the protocol.
//!
//! Only what a frame is known to hold is read; the rest is passed over within limits. Integers may come
//! as floats, as JavaScript writes them.

use bytes::Bytes;
use minicbor::{Decoder, Encoder, data::Type};

/// Fields of a frame; stock clients send at most seven.
const MAX_FIELDS: u64 = 32;
/// Nesting of what is passed over.
const MAX_DEPTH: usize = 8;
/// Characters of a peer's or session's name.
const MAX_NAME: usize = 256;
/// A `join` is small.
const MAX_JOIN: usize = 16 << 10;

/// The version of the protocol.
const VERSION: &str = "1";

/// Why a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of automerge-repo")]
pub struct NoFrame;

impl From<minicbor::decode::Error> for NoFrame {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<'a> {
    /// Says who it is.
    Join { sender: &'a str, is_version_1: bool },
    /// Goes.
    Leave,
    /// A sync message for a document, or the question for one.
    Sync { sender: &'a str, document: &'a str, data: Bytes },
    /// It does not have a document.
    Unavailable,
    /// To all who have the document, and not kept.
    Ephemeral(Ephemeral<'a>),
    /// What later versions may send.
    Other,
}

/// What a client says to all others.
#[derive(Debug, Clone, PartialEq)]
pub struct Ephemeral<'a> {
    /// Who says it.
    pub sender: &'a str,
    /// The document's id.
    pub document: &'a str,
    /// The sender's session.
    pub session: &'a str,
    /// Counts what a session says.
    pub count: u64,
    /// What is said.
    pub data: Bytes,
}

/// The fields of a frame.
#[derive(Default)]
struct Fields<'a> {
    kind: &'a str,
    sender: &'a str,
    document: &'a str,
    session: &'a str,
    count: u64,
    data: Option<Bytes>,
    is_version_1: bool,
}

impl<'a> Frame<'a> {
    /// Reads a frame. Content is a slice of it.
    pub fn decode(frame: &'a Bytes) -> Result<Self, NoFrame> {
        let fields = fields(frame)?;
        let names = [fields.sender, fields.session, fields.document];
        if names.iter().any(|name| name.len() > MAX_NAME) {
            return Err(NoFrame);
        }
        let Fields { kind, sender, document, session, count, data, is_version_1 } = fields;
        match (kind, data) {
            ("join", _) if frame.len() <= MAX_JOIN && !sender.is_empty() => {
                Ok(Self::Join { sender, is_version_1 })
            }
            ("leave", _) => Ok(Self::Leave),
            ("sync" | "request", Some(data)) => Ok(Self::Sync { sender, document, data }),
            ("ephemeral", Some(data)) => {
                Ok(Self::Ephemeral(Ephemeral { sender, document, session, count, data }))
            }
            ("doc-unavailable", _) => Ok(Self::Unavailable),
            ("" | "join" | "sync" | "request" | "ephemeral", _) => Err(NoFrame),
            _ => Ok(Self::Other),
        }
    }
}

fn fields(frame: &Bytes) -> Result<Fields<'_>, NoFrame> {
    let mut from = Decoder::new(frame);
    let mut fields = Fields::default();
    let count = from.map()?;
    if count.is_some_and(|count| count > MAX_FIELDS) {
        return Err(NoFrame);
    }
    for number in 0.. {
        let is_end = match count {
            Some(count) => number == count,
            None => from.datatype()? == Type::Break,
        };
        if is_end {
            break;
        }
        if number == MAX_FIELDS {
            return Err(NoFrame);
        }
        match from.str()? {
            "type" => fields.kind = from.str()?,
            "senderId" => fields.sender = from.str()?,
            "documentId" => fields.document = from.str()?,
            "sessionId" => fields.session = from.str()?,
            "count" => fields.count = integer(&mut from)?,
            "data" => fields.data = Some(content(&mut from, frame)?),
            "supportedProtocolVersions" => fields.is_version_1 = versions(&mut from)?,
            _ => pass_over(&mut from, MAX_DEPTH)?,
        }
    }
    if count.is_none() {
        from.set_position(from.position() + 1); // the break
    }
    if from.position() == frame.len() { Ok(fields) } else { Err(NoFrame) }
}

fn content(from: &mut Decoder<'_>, frame: &Bytes) -> Result<Bytes, NoFrame> {
    if from.datatype()? == Type::Tag {
        from.tag()?; // of a typed array
    }
    Ok(frame.slice_ref(from.bytes()?))
}

fn integer(from: &mut Decoder<'_>) -> Result<u64, NoFrame> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    let whole = |float: f64| {
        let fits = float.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&float);
        fits.then_some(float as u64).ok_or(NoFrame)
    };
    match from.datatype()? {
        Type::F32 => whole(from.f32()?.into()),
        Type::F64 => whole(from.f64()?),
        _ => Ok(from.u64()?),
    }
}

fn versions(from: &mut Decoder<'_>) -> Result<bool, NoFrame> {
    let count = from.array()?.filter(|count| *count <= MAX_FIELDS).ok_or(NoFrame)?;
    let mut found = false;
    for _ in 0..count {
        found |= from.str()? == VERSION;
    }
    Ok(found)
}

/// Passes over one value.
fn pass_over(from: &mut Decoder<'_>, depth: usize) -> Result<(), NoFrame> {
    let parts = match from.datatype()? {
        Type::Array => from.array()?.ok_or(NoFrame)?,
        Type::Map => from.map()?.and_then(|pairs| pairs.checked_mul(2)).ok_or(NoFrame)?,
        Type::Tag => {
            from.tag()?;
            1
        }
        Type::ArrayIndef | Type::MapIndef | Type::BytesIndef | Type::StringIndef => {
            return Err(NoFrame);
        }
        _ => return Ok(from.skip()?),
    };
    let depth = depth.checked_sub(1).ok_or(NoFrame)?;
    // A count that is not true ends with the bytes.
    (0..parts).try_for_each(|_| pass_over(from, depth))
}

/// Two peers as a frame names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// Who sends.
    pub sender: &'a str,
    /// Who is meant.
    pub target: &'a str,
}

type Written<'a> = Encoder<&'a mut Vec<u8>>;

fn frame(
    kind: &str,
    route: Route<'_>,
    more: u64,
    size: usize,
    write: impl FnOnce(
        &mut Written<'_>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) -> Bytes {
    let mut bytes = Vec::with_capacity(size + 160);
    let mut to = Encoder::new(&mut bytes);
    let head = |to: &mut Written<'_>| {
        to.map(3 + more)?.str("type")?.str(kind)?;
        to.str("senderId")?.str(route.sender)?.str("targetId")?.str(route.target)?;
        Ok(())
    };
    // Writing into memory does not fail.
    let _: Result<(), minicbor::encode::Error<_>> = head(&mut to).and_then(|()| write(&mut to));
    bytes.into()
}

/// Answers a `join`.
pub fn peer(route: Route<'_>, storage: &str) -> Bytes {
    frame("peer", route, 2, storage.len(), |to| {
        to.str("peerMetadata")?.map(2)?;
        to.str("storageId")?.str(storage)?.str("isEphemeral")?.bool(false)?;
        to.str("selectedProtocolVersion")?.str(VERSION)?;
        Ok(())
    })
}

/// A sync message for a document.
pub fn sync(route: Route<'_>, document: &str, data: &[u8]) -> Bytes {
    frame("sync", route, 2, data.len(), |to| {
        to.str("documentId")?.str(document)?.str("data")?.bytes(data)?;
        Ok(())
    })
}

/// There is no such document, or not for this client.
pub fn unavailable(route: Route<'_>, document: &str) -> Bytes {
    frame("doc-unavailable", route, 1, 0, |to| {
        to.str("documentId")?.str(document)?;
        Ok(())
    })
}

/// What another client says.
pub fn ephemeral(said: &Ephemeral<'_>, target: &str) -> Bytes {
    let route = Route { sender: said.sender, target };
    frame("ephemeral", route, 4, said.data.len(), |to| {
        to.str("documentId")?.str(said.document)?.str("sessionId")?.str(said.session)?;
        to.str("count")?.u64(said.count)?.str("data")?.bytes(&said.data)?;
        Ok(())
    })
}

/// What the server says of a document, as the content of what is said: its type, and why.
pub fn told(kind: &str, code: Option<&str>) -> Bytes {
    let mut data = Vec::with_capacity(64);
    let mut to = Encoder::new(&mut data);
    let write = |to: &mut Written<'_>| {
        to.map(1 + u64::from(code.is_some()))?.str("type")?.str(kind)?;
        if let Some(code) = code {
            to.str("code")?.str(code)?;
        }
        Ok(())
    };
    // Writing into memory does not fail.
    let _: Result<(), minicbor::encode::Error<std::convert::Infallible>> = write(&mut to);
    data.into()
}

/// Why the socket is closed.
pub fn error(route: Route<'_>, message: &str) -> Bytes {
    frame("error", route, 1, 0, |to| {
        to.str("message")?.str(message)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: Route<'_> = Route { sender: "hall", target: "ada" };

    #[test]
    fn what_is_written_is_read() {
        let frame = sync(ROUTE, "abc", &[1, 2, 3]);
        let data = Bytes::from_static(&[1, 2, 3]);
        let read = Frame::Sync { sender: "hall", document: "abc", data: data.clone() };
        assert_eq!(Frame::decode(&frame), Ok(read));
        let said = Ephemeral { sender: "ben", document: "abc", session: "s", count: 7, data };
        assert_eq!(Frame::decode(&ephemeral(&said, "ada")), Ok(Frame::Ephemeral(said)));
        assert_eq!(Frame::decode(&unavailable(ROUTE, "abc")), Ok(Frame::Unavailable));
        assert_eq!(Frame::decode(&peer(ROUTE, "storage")), Ok(Frame::Other));
        assert_eq!(Frame::decode(&error(ROUTE, "no")), Ok(Frame::Other));
    }

    #[test]
    fn javascript_writes_integers_as_floats_and_maps_with_long_lengths() {
        // {"type":"ephemeral","count":3.0 (f64),"data":h'07'} with a two-byte map length.
        let mut frame = vec![0xb9, 0, 3, 0x64];
        frame.extend(b"type\x69ephemeral\x65count\xfb\x40\x08\0\0\0\0\0\0\x64data\x41\x07");
        let frame = Bytes::from(frame);
        let Ok(Frame::Ephemeral(said)) = Frame::decode(&frame) else { panic!("not read") };
        assert_eq!((said.count, &said.data[..]), (3, &[7][..]));
    }

    #[test]
    fn bombs_are_refused() {
        let nested = [&b"\xa1\x61x"[..], &vec![0x81; 100_000], &[0]].concat();
        let claims = b"\xa1\x61x\x9b\x00\xff\xff\xff\xff\xff\xff\xff\x00".to_vec();
        let fields = [&[0xb9, 0xff, 0xff][..], &[0x60, 0].repeat(65_535)].concat();
        let bytes = b"\xa1\x64data\x5b\x00\xff\xff\xff\xff\xff\xff\xff".to_vec();
        for bomb in [nested, claims, fields, bytes, vec![], vec![0xa0], vec![0xbf]] {
            assert_eq!(Frame::decode(&bomb.into()), Err(NoFrame));
        }
    }
}
