//! Where the content of a large frame begins in what a client sends (RFC 6455, 5.2). The library reads a
//! frame into one buffer with what it had read before, and what is over at its end keeps the whole of it in
//! memory until as much has come again: so content that is large begins a read of its own.

/// Frames with more content than this are large.
const LARGE: u64 = 64 << 10;
/// A header has no more bytes.
const HEADER: usize = 14;

/// How far a client's frames have been read.
#[derive(Default)]
pub(super) struct Cut {
    /// Content of the frame that is still to come.
    left: u64,
    header: [u8; HEADER],
    known: usize,
}

impl Cut {
    /// How many of these bytes are read at once: all, or those before the content of a large frame.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += here;
                self.left -= here as u64;
                continue;
            }
            self.header[self.known] = bytes[at];
            self.known += 1;
            at += 1;
            if let Some(content) = content(&self.header[..self.known]) {
                (self.left, self.known) = (content, 0);
                if content > LARGE {
                    return at;
                }
            }
        }
        at
    }
}

/// How much content a frame has, once its header is whole.
fn content(header: &[u8]) -> Option<u64> {
    let second = header.get(1)?;
    let (short, mask) = (second & 0x7f, if second & 0x80 == 0 { 0 } else { 4 });
    let length = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    (header.len() == 2 + length + mask).then(|| match length {
        0 => u64::from(short),
        _ => header[2..2 + length].iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    })
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn frame(content: usize) -> BytesMut {
        let mut frame = BytesMut::from(&[0x82][..]);
        match u16::try_from(content) {
            Ok(short @ ..=125) => frame.put_u8(0x80 + short.to_be_bytes()[1]),
            Ok(length) => {
                frame.put_slice(&[0xfe]);
                frame.put_u16(length);
            }
            Err(_) => {
                frame.put_slice(&[0xff]);
                frame.put_u64(content as u64);
            }
        }
        frame.put_slice(&[7; 4]);
        frame.put_bytes(0xff, content);
        frame
    }

    proptest! {
        #[test]
        fn large_content_begins_a_read_wherever_it_comes(
            contents in vec(prop_oneof![0..200_usize, Just(125), Just(126), Just(65_535), 65_536..70_000_usize], 1..6),
            steps in vec(1..2000_usize, 1..40),
        ) {
            let (mut sent, mut begins) = (BytesMut::new(), Vec::new());
            for content in &contents {
                sent.unsplit(frame(*content));
                if *content as u64 > LARGE {
                    begins.push(sent.len() - content);
                }
            }
            let (mut cut, mut at, mut reads) = (Cut::default(), 0, Vec::new());
            for step in steps.iter().cycle() {
                if at == sent.len() {
                    break;
                }
                let passed = cut.pass(&sent[at..sent.len().min(at + step)]);
                prop_assert!(passed > 0);
                at += passed;
                reads.push(at);
            }
            prop_assert!(begins.iter().all(|begin| reads.contains(begin)));
        }
    }
}
