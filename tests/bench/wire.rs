//! The two framings of Yjs sync messages, as a load generator needs them: no copy on the way in, one
//! on the way out. Knows nothing of sockets or servers.

use anyhow::{Result, bail};
use bytes::{BufMut, Bytes, BytesMut};

/// How a server wants its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `y-websocket`: type, body. An edit is acknowledged by its echo.
    Yjs,
    /// `@hocuspocus/provider`: address, type, body. An edit is acknowledged by `SyncStatus(1)`.
    Hocuspocus,
}

/// What a frame says, as far as the bench cares.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Step1,
    Step2(&'a [u8]),
    Update(&'a [u8]),
    Saved(bool),
    Denied,
    Other,
}

/// What stands before every message to one document.
#[derive(Clone)]
pub(crate) struct Address {
    framing: Framing,
    prefix: Bytes,
}

impl Address {
    pub(crate) fn new(framing: Framing, document: &str) -> Self {
        let mut prefix = BytesMut::new();
        if framing == Framing::Hocuspocus {
            put_bytes(&mut prefix, document.as_bytes());
        }
        Self { framing, prefix: prefix.freeze() }
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) fn update(&self, update: &[u8]) -> Bytes {
        self.sync(2, update)
    }

    /// Step1 of a client that has nothing.
    pub(crate) fn step1(&self) -> Bytes {
        self.sync(0, &[0])
    }

    pub(crate) fn token(&self, token: &str) -> Bytes {
        let mut frame = BytesMut::from(&self.prefix[..]);
        frame.put_slice(&[2, 0]);
        put_bytes(&mut frame, token.as_bytes());
        put_bytes(&mut frame, b"4.8.0");
        frame.freeze()
    }

    fn sync(&self, step: u8, body: &[u8]) -> Bytes {
        let mut frame = BytesMut::with_capacity(self.prefix.len() + body.len() + 8);
        frame.put_slice(&self.prefix);
        frame.put_slice(&[0, step]);
        put_bytes(&mut frame, body);
        frame.freeze()
    }

    pub(crate) fn read<'a>(&self, frame: &'a [u8]) -> Result<Said<'a>> {
        let mut rest = frame;
        if self.framing == Framing::Hocuspocus {
            if frame.len() < 2 {
                return Ok(Said::Other); // a bare Ping or Pong
            }
            take_bytes(&mut rest)?;
        }
        Ok(match take_uint(&mut rest)? {
            0 => match take_uint(&mut rest)? {
                0 => Said::Step1,
                1 => Said::Step2(take_bytes(&mut rest)?),
                2 => Said::Update(take_bytes(&mut rest)?),
                odd => bail!("sync message of type {odd}"),
            },
            2 if self.framing == Framing::Hocuspocus && take_uint(&mut rest)? == 1 => Said::Denied,
            8 if self.framing == Framing::Hocuspocus => Said::Saved(take_uint(&mut rest)? == 1),
            _ => Said::Other,
        })
    }
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    let mut left = bytes.len();
    while left > 127 {
        out.put_u8(u8::try_from(left & 127).unwrap_or_default() | 128);
        left >>= 7;
    }
    out.put_u8(u8::try_from(left).unwrap_or_default());
    out.put_slice(bytes);
}

fn take_uint(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let Some((&byte, behind)) = rest.split_first() else { bail!("frame ends too early") };
        *rest = behind;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    bail!("number too long")
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = usize::try_from(take_uint(rest)?)?;
    if length > rest.len() {
        bail!("frame ends too early");
    }
    let (bytes, behind) = rest.split_at(length);
    *rest = behind;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_framings_read_what_they_wrote() {
        for framing in [Framing::Yjs, Framing::Hocuspocus] {
            let address = Address::new(framing, "note:6a");
            let long = vec![7; 300];
            assert_eq!(address.read(&address.update(&long)).unwrap(), Said::Update(&long));
            assert_eq!(address.read(&address.step1()).unwrap(), Said::Step1);
        }
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let address = Address::new(Framing::Yjs, "note:6a");
        assert!(address.read(&[0, 2, 9, 1]).is_err());
    }
}
