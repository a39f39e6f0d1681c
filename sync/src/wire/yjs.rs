//! y-websocket's frames (`y-protocols` 1.0): one message a frame.
//!
//! Must not know sockets or documents, and does not look into updates.

use bytes::{Bytes, BytesMut};

use super::lib0::{Lib0Write, Malformed, Reader, bytes_len};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

/// A message of the sync protocol, the same inside y-websocket's and Hocuspocus's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncMessage {
    /// A state vector: "this is what I have".
    Step1(Bytes),
    /// An update that answers a state vector.
    Step2(Bytes),
    /// An update.
    Update(Bytes),
}

impl SyncMessage {
    const STEP1: u64 = 0;
    const STEP2: u64 = 1;
    const UPDATE: u64 = 2;

    /// Reads the message at the reader's place; the payload is a slice of `frame`.
    pub(super) fn read(reader: &mut Reader<'_>, frame: &Bytes) -> Result<Self, Malformed> {
        let kind = reader.var_uint()?;
        let payload = frame.slice_ref(reader.bytes()?);
        match kind {
            Self::STEP1 => Ok(Self::Step1(payload)),
            Self::STEP2 => Ok(Self::Step2(payload)),
            Self::UPDATE => Ok(Self::Update(payload)),
            _ => Err(Malformed::Kind),
        }
    }

    /// Writes the message without any envelope.
    pub(super) fn write(&self, buffer: &mut BytesMut) {
        let (kind, payload) = match self {
            Self::Step1(payload) => (Self::STEP1, payload),
            Self::Step2(payload) => (Self::STEP2, payload),
            Self::Update(payload) => (Self::UPDATE, payload),
        };
        buffer.put_var_uint(kind);
        buffer.put_var_bytes(payload);
    }

    /// Bytes that [`Self::write`] writes.
    pub(super) fn len(&self) -> usize {
        let (Self::Step1(payload) | Self::Step2(payload) | Self::Update(payload)) = self;
        1 + bytes_len(payload.len())
    }
}

/// One frame of y-websocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YjsFrame {
    /// A message of the sync protocol.
    Sync(SyncMessage),
    /// An awareness update.
    Awareness(Bytes),
    /// Asks for everybody's awareness.
    QueryAwareness,
    /// "Permission denied", with a reason. Only servers send it.
    Denied(String),
}

impl YjsFrame {
    /// A state vector.
    pub fn step1(state_vector: impl Into<Bytes>) -> Self {
        Self::Sync(SyncMessage::Step1(state_vector.into()))
    }

    /// The answer to a state vector.
    pub fn step2(update: impl Into<Bytes>) -> Self {
        Self::Sync(SyncMessage::Step2(update.into()))
    }

    /// An update.
    pub fn update(update: impl Into<Bytes>) -> Self {
        Self::Sync(SyncMessage::Update(update.into()))
    }

    /// Reads a frame. Bytes after its message are refused: stock clients write none.
    pub fn decode(frame: &Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        let decoded = match reader.var_uint()? {
            SYNC => Self::Sync(SyncMessage::read(&mut reader, frame)?),
            AWARENESS => Self::Awareness(frame.slice_ref(reader.bytes()?)),
            QUERY_AWARENESS => Self::QueryAwareness,
            AUTH => match reader.var_uint()? {
                0 => Self::Denied(reader.string()?.to_owned()),
                _ => return Err(Malformed::Kind),
            },
            _ => return Err(Malformed::Kind),
        };
        reader.finish()?;
        Ok(decoded)
    }

    /// Writes the frame, once for all who get it.
    pub fn encode(&self) -> Bytes {
        let mut buffer;
        match self {
            Self::Sync(message) => {
                buffer = BytesMut::with_capacity(1 + message.len());
                buffer.put_var_uint(SYNC);
                message.write(&mut buffer);
            }
            Self::Awareness(update) => {
                buffer = BytesMut::with_capacity(1 + bytes_len(update.len()));
                buffer.put_var_uint(AWARENESS);
                buffer.put_var_bytes(update);
            }
            Self::QueryAwareness => {
                buffer = BytesMut::with_capacity(1);
                buffer.put_var_uint(QUERY_AWARENESS);
            }
            Self::Denied(reason) => {
                buffer = BytesMut::with_capacity(2 + bytes_len(reason.len()));
                buffer.put_var_uint(AUTH);
                buffer.put_var_uint(0);
                buffer.put_var_string(reason);
            }
        }
        buffer.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<YjsFrame> {
        vec![
            YjsFrame::step1(&b"\x00"[..]),
            YjsFrame::step2(&b"\x00\x00"[..]),
            YjsFrame::update(vec![7; 300]),
            YjsFrame::Awareness(Bytes::from_static(b"\x00")),
            YjsFrame::QueryAwareness,
            YjsFrame::Denied("no".into()),
        ]
    }

    #[test]
    fn frames_round_trip_without_copies_or_growth() {
        for frame in samples() {
            let bytes = frame.encode();
            assert_eq!(YjsFrame::decode(&bytes), Ok(frame));
        }
        let bytes = YjsFrame::update(vec![7; 300]).encode();
        let Ok(YjsFrame::Sync(SyncMessage::Update(payload))) = YjsFrame::decode(&bytes) else {
            panic!("an update")
        };
        assert!(bytes.as_ptr_range().contains(&payload.as_ptr()), "the payload is a slice");
    }

    #[test]
    fn what_is_cut_or_goes_on_is_refused() {
        for frame in samples() {
            let bytes = frame.encode();
            for end in 0..bytes.len() {
                assert!(YjsFrame::decode(&bytes.slice(..end)).is_err(), "{frame:?} cut at {end}");
            }
            let longer = Bytes::from([&bytes[..], &[0]].concat());
            assert_eq!(YjsFrame::decode(&longer), Err(Malformed::Trailing), "{frame:?}");
        }
        for bytes in [&[4][..], &[0, 3, 0], &[2, 1, 0], &[0x80, 0x00, 0, 0]] {
            assert!(YjsFrame::decode(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:x?}");
        }
    }
}
