//! A check that a text is JSON, without building it and without recursion.
//!
//! As strict as the strictest reader behind it (`serde_json` reading into a value): numbers that
//! a double holds, escapes that are whole characters, and nesting up to a limit.

use super::MAX_DEPTH;
use crate::wire::lib0::Malformed;

/// Whether `text` is one JSON value, nested at most [`MAX_DEPTH`] deep.
pub fn check(text: &str) -> Result<(), Malformed> {
    let mut json = Json { bytes: text.as_bytes(), at: 0 };
    json.value()?;
    json.space();
    if json.at == json.bytes.len() { Ok(()) } else { Err(Malformed::Json) }
}

struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Json<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next, after white space.
    fn eats(&mut self, byte: u8) -> bool {
        self.space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, word: &[u8]) -> Result<(), Malformed> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) == Some(word) {
            self.at = end;
            Ok(())
        } else {
            Err(Malformed::Json)
        }
    }

    /// A value and all that it holds. `objects` has a bit for each open container, the innermost
    /// lowest: 1 for an object, 0 for an array.
    fn value(&mut self) -> Result<(), Malformed> {
        let (mut objects, mut depth) = (0_u64, 0_usize);
        loop {
            self.space();
            let byte = self.peek().ok_or(Malformed::Json)?;
            let opened = matches!(byte, b'{' | b'[');
            if opened {
                self.at += 1;
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Malformed::Depth);
                }
                objects = (objects << 1) | u64::from(byte == b'{');
            } else {
                self.scalar()?;
            }
            // After an opening bracket there may be a closing one at once; after a value any
            // number of them, then a comma. What follows the loop is a value again.
            let mut is_after_value = !opened;
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let is_object = objects & 1 == 1;
                if self.eats(if is_object { b'}' } else { b']' }) {
                    objects >>= 1;
                    depth -= 1;
                    is_after_value = true;
                    continue;
                }
                if is_after_value && !self.eats(b',') {
                    return Err(Malformed::Json);
                }
                if is_object {
                    self.key()?;
                }
                break;
            }
        }
    }

    fn key(&mut self) -> Result<(), Malformed> {
        self.space();
        self.string()?;
        if self.eats(b':') { Ok(()) } else { Err(Malformed::Json) }
    }

    fn scalar(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b't') => self.expect(b"true"),
            Some(b'f') => self.expect(b"false"),
            Some(b'n') => self.expect(b"null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.expect(b"\"")?;
        loop {
            let byte = self.peek().ok_or(Malformed::Json)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..0x20 => return Err(Malformed::Json),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let byte = self.peek().ok_or(Malformed::Json)?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => match self.hex4()? {
                0xd800..0xdc00 => {
                    self.expect(b"\\u")?;
                    if (0xdc00..0xe000).contains(&self.hex4()?) {
                        Ok(())
                    } else {
                        Err(Malformed::Json)
                    }
                }
                0xdc00..0xe000 => Err(Malformed::Json),
                _ => Ok(()),
            },
            _ => Err(Malformed::Json),
        }
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Malformed::Json)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, &digit| {
            char::from(digit).to_digit(16).map(|digit| value << 4 | digit).ok_or(Malformed::Json)
        })
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed::Json) }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|text| std::str::from_utf8(text).ok());
        match text.and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Ok(()),
            _ => Err(Malformed::Json),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agrees(text: &str) {
        let theirs = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(check(text).is_ok(), theirs, "{text:?}");
    }

    #[test]
    fn agrees_with_serde_json_on_the_corners() {
        for text in [
            "",
            " ",
            "null",
            " null ",
            "nul",
            "nulll",
            "true",
            "false",
            "0",
            "-0",
            "01",
            "1.",
            ".1",
            "1e5",
            "1e",
            "1e400",
            "-1e400",
            "1e-999",
            "123456789012345678901234567890",
            "-",
            "+1",
            "\"\"",
            "\"a",
            "\"\\u00e4\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\\x\"",
            "\"\n\"",
            "\"\u{7f}ä\"",
            "[]",
            "[",
            "]",
            "[,]",
            "[1,]",
            "[1 2]",
            "[1,2]",
            "[[],[[]]]",
            "{}",
            "{",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\":1,\"b\":[{}]}",
            "{1:2}",
            "[}",
            "{]",
            "[]]",
            "{}{}",
            "\u{feff}1",
            "[1]x",
            "{\"a\":{\"b\":{}}}",
            "[{\"a\":[]},[]]",
            "{\"a\" : 1 , \"b\" : [ ] }",
            "NaN",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn nesting_has_a_limit_and_needs_no_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(check(&nested(MAX_DEPTH + 1)), Err(Malformed::Depth));
        assert_eq!(check(&"[{\"a\":".repeat(1_000_000)), Err(Malformed::Depth));
        // Width is not depth.
        assert_eq!(check(&format!("[{}[]]", "[],".repeat(100_000))), Ok(()));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:, \"\\\\a01.eE+-]{0,12}") {
            agrees(&text);
        }
    }
}
