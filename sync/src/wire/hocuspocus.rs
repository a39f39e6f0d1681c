//! Hocuspocus's frames (`@hocuspocus/provider` 3 and 4): many documents on one socket.
//!
//! A frame is an address, a type and a body; the address is a document's name or
//! `name\0session`, and answers carry the address that they answer. Must not know sockets,
//! documents or who is speaking, and does not look into updates.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    lib0::{Lib0Write, Malformed, Reader, bytes_len},
    yjs::SyncMessage,
};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
const STATELESS: u64 = 5;
const CLOSE: u64 = 7;
const SYNC_STATUS: u64 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const TOKEN: u64 = 0;
const PERMISSION_DENIED: u64 = 1;
const AUTHENTICATED: u64 = 2;

/// The longest address that is read: longer ones name no document.
pub const MAX_ADDRESS: usize = 256;

/// What the server answers to a `Ping`. It never sends a `Ping`: provider 3 takes it for a name.
pub const PONG_FRAME: Bytes = Bytes::from_static(&[PONG]);

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// "Are you there", to the socket and not to a document.
    Ping,
    /// The answer to it.
    Pong,
    /// A message to or from a document.
    Message(Address<'a>, Message<'a>),
}

/// Whom a frame is for: `name` or `name\0session`, where the session tells apart two providers
/// of one document on one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address<'a>(pub &'a str);

impl<'a> Address<'a> {
    /// The document's name.
    pub fn document(self) -> &'a str {
        self.0.split_once('\0').map_or(self.0, |(name, _)| name)
    }

    /// The session, where the address has one.
    pub fn session(self) -> Option<&'a str> {
        self.0.split_once('\0').map(|(_, session)| session)
    }
}

/// What a person may do, as Hocuspocus says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Reading only.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "readonly",
            Self::ReadWrite => "read-write",
        }
    }
}

/// A message of one document, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A message of the sync protocol.
    Sync(SyncMessage),
    /// An awareness update.
    Awareness(Bytes),
    /// A token, and from provider 4 its version. From clients only.
    Token {
        /// An access token or a ticket.
        token: &'a str,
        /// The provider's version, from version 4 on.
        version: Option<&'a str>,
    },
    /// Asks a client for a fresh token. From the server only.
    TokenRequest,
    /// The document is not open to this person. From the server only.
    PermissionDenied(&'a str),
    /// The document is open to this person. From the server only.
    Authenticated(Scope),
    /// Asks for everybody's awareness.
    QueryAwareness,
    /// A text of the application.
    Stateless(&'a str),
    /// The end of one document on this socket; only the server gives a reason.
    Close(Option<&'a str>),
    /// Whether one update was saved. From the server only.
    SyncStatus(bool),
}

impl<'a> Frame<'a> {
    /// Reads a frame that a client sent; what only servers may send is [`Malformed::Kind`].
    /// Bytes after a message are refused: stock clients write none.
    pub fn decode(frame: &'a Bytes) -> Result<Self, Malformed> {
        match frame[..] {
            [PING] => return Ok(Self::Ping),
            [PONG] => return Ok(Self::Pong),
            _ => {}
        }
        let mut reader = Reader::new(frame);
        let address = reader.string()?;
        if address.len() > MAX_ADDRESS {
            return Err(Malformed::Size);
        }
        let message = match reader.var_uint()? {
            SYNC => Message::Sync(SyncMessage::read(&mut reader, frame)?),
            AWARENESS => Message::Awareness(frame.slice_ref(reader.bytes()?)),
            AUTH => match reader.var_uint()? {
                TOKEN => Message::Token {
                    token: reader.string()?,
                    version: if reader.remaining() == 0 { None } else { Some(reader.string()?) },
                },
                _ => return Err(Malformed::Kind),
            },
            QUERY_AWARENESS => Message::QueryAwareness,
            STATELESS => Message::Stateless(reader.string()?),
            CLOSE => {
                Message::Close(if reader.remaining() == 0 { None } else { Some(reader.string()?) })
            }
            // 4 (SyncReply) and 6 (BroadcastStateless) are between servers, 8 is from them.
            _ => return Err(Malformed::Kind),
        };
        reader.finish()?;
        Ok(Self::Message(Address(address), message))
    }
}

/// A message without its address, encoded once for all receivers of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// The frame to one address. Receivers that share an address share the frame.
    pub fn to(&self, address: Address<'_>) -> Bytes {
        let mut buffer = BytesMut::with_capacity(bytes_len(address.0.len()) + self.0.len());
        buffer.put_var_string(address.0);
        buffer.put_slice(&self.0);
        buffer.freeze()
    }
}

impl Message<'_> {
    /// The message without its address.
    pub fn body(&self) -> Body {
        let mut buffer = BytesMut::with_capacity(self.len());
        self.write(&mut buffer);
        Body(buffer.freeze())
    }

    /// The frame to one address, for a message that only one receiver gets.
    pub fn to(&self, address: Address<'_>) -> Bytes {
        let mut buffer = BytesMut::with_capacity(bytes_len(address.0.len()) + self.len());
        buffer.put_var_string(address.0);
        self.write(&mut buffer);
        buffer.freeze()
    }

    /// Bytes that [`Self::write`] writes, or a few more.
    fn len(&self) -> usize {
        2 + match self {
            Self::Sync(message) => message.len(),
            Self::Awareness(update) => bytes_len(update.len()),
            Self::Token { token, version } => {
                bytes_len(token.len()) + version.map_or(0, |version| bytes_len(version.len()))
            }
            Self::PermissionDenied(text) | Self::Stateless(text) | Self::Close(Some(text)) => {
                bytes_len(text.len())
            }
            Self::Authenticated(scope) => bytes_len(scope.word().len()),
            Self::TokenRequest | Self::QueryAwareness | Self::Close(None) => 0,
            Self::SyncStatus(_) => 1,
        }
    }

    fn write(&self, buffer: &mut BytesMut) {
        match self {
            Self::Sync(message) => {
                buffer.put_var_uint(SYNC);
                message.write(buffer);
            }
            Self::Awareness(update) => {
                buffer.put_var_uint(AWARENESS);
                buffer.put_var_bytes(update);
            }
            Self::Token { .. }
            | Self::TokenRequest
            | Self::PermissionDenied(_)
            | Self::Authenticated(_) => {
                buffer.put_var_uint(AUTH);
                self.write_auth(buffer);
            }
            Self::QueryAwareness => buffer.put_var_uint(QUERY_AWARENESS),
            Self::Stateless(text) => {
                buffer.put_var_uint(STATELESS);
                buffer.put_var_string(text);
            }
            Self::Close(reason) => {
                buffer.put_var_uint(CLOSE);
                if let Some(reason) = reason {
                    buffer.put_var_string(reason);
                }
            }
            Self::SyncStatus(saved) => {
                buffer.put_var_uint(SYNC_STATUS);
                buffer.put_var_uint(u64::from(*saved));
            }
        }
    }

    fn write_auth(&self, buffer: &mut BytesMut) {
        match self {
            Self::Token { token, version } => {
                buffer.put_var_uint(TOKEN);
                buffer.put_var_string(token);
                if let Some(version) = version {
                    buffer.put_var_string(version);
                }
            }
            Self::TokenRequest => buffer.put_var_uint(TOKEN),
            Self::PermissionDenied(reason) => {
                buffer.put_var_uint(PERMISSION_DENIED);
                buffer.put_var_string(reason);
            }
            Self::Authenticated(scope) => {
                buffer.put_var_uint(AUTHENTICATED);
                buffer.put_var_string(scope.word());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address<'_> = Address("note:65a\u{0}s1");

    fn from_clients() -> Vec<Message<'static>> {
        vec![
            Message::Sync(SyncMessage::Step1(Bytes::from_static(b"\x00"))),
            Message::Sync(SyncMessage::Step2(Bytes::from_static(b"\x00\x00"))),
            Message::Sync(SyncMessage::Update(Bytes::from_static(&[7; 200]))),
            Message::Awareness(Bytes::from_static(b"\x00")),
            Message::Token { token: "t", version: None },
            Message::Token { token: "t", version: Some("4.8.0") },
            Message::QueryAwareness,
            Message::Stateless("{}"),
            Message::Close(None),
        ]
    }

    #[test]
    fn what_clients_say_round_trips() {
        for message in from_clients() {
            let frame = message.to(ADDRESS);
            assert_eq!(message.body().to(ADDRESS), frame);
            assert_eq!(Frame::decode(&frame), Ok(Frame::Message(ADDRESS, message)));
        }
        assert_eq!(Frame::decode(&Bytes::from_static(&[9])), Ok(Frame::Ping));
        assert_eq!(Frame::decode(&PONG_FRAME), Ok(Frame::Pong));
    }

    #[test]
    fn an_address_has_a_name_and_sometimes_a_session() {
        assert_eq!((ADDRESS.document(), ADDRESS.session()), ("note:65a", Some("s1")));
        assert_eq!((Address("a").document(), Address("a").session()), ("a", None));
    }

    #[test]
    fn what_only_servers_say_is_refused_from_clients() {
        for message in [
            Message::TokenRequest,
            Message::PermissionDenied("no"),
            Message::Authenticated(Scope::ReadWrite),
            Message::SyncStatus(true),
        ] {
            assert!(Frame::decode(&message.to(ADDRESS)).is_err(), "{message:?}");
        }
        for kind in [4, 6, 9, 10, 11] {
            let frame = Bytes::from(vec![1, b'a', kind, 0, 0]);
            assert_eq!(Frame::decode(&frame), Err(Malformed::Kind), "{kind}");
        }
    }

    #[test]
    fn what_is_cut_or_goes_on_is_refused() {
        for message in from_clients() {
            let frame = message.to(ADDRESS);
            let whole_elsewhere = Message::Token { token: "t", version: None }.to(ADDRESS).len();
            for end in 0..frame.len() {
                let cut = frame.slice(..end);
                let is_token = matches!(message, Message::Token { .. }) && end == whole_elsewhere;
                assert!(Frame::decode(&cut).is_err() || is_token, "{message:?} cut at {end}");
            }
            let longer = Bytes::from([&frame[..], &[0, 0]].concat());
            assert_eq!(Frame::decode(&longer), Err(Malformed::Trailing), "{message:?}");
        }
        let long = Message::QueryAwareness.to(Address(&"a".repeat(MAX_ADDRESS + 1)));
        assert_eq!(Frame::decode(&long), Err(Malformed::Size));
    }
}
