//! How a browser is to take a file.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// What stays as it is in an extended value (RFC 8187, `attr-char`).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Shown as the value of `Content-Disposition` (RFC 6266).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Shown, where its type allows it.
    Inline,
    /// Saved under this name.
    Attachment(String),
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline => f.write_str("inline"),
            // The first name is for what does not read the second, which knows all letters.
            Self::Attachment(name) => {
                let plain = |letter: char| match letter {
                    '"' | '\\' | '%' => '_',
                    ' '..='~' => letter,
                    _ => '_',
                };
                let plain: String = name.chars().map(plain).collect();
                let encoded = utf8_percent_encode(name, ENCODED);
                write!(f, "attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_quotes() {
        assert_eq!(Disposition::Inline.to_string(), "inline");
        let name = Disposition::Attachment("résumé \"1\".pdf".into());
        assert_eq!(
            name.to_string(),
            "attachment; filename=\"r_sum_ _1_.pdf\"; \
             filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22.pdf"
        );
    }
}
