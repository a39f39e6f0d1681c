//! Which of the texts that a sign-in holds a put may have been made from. Must not know where they are kept.

use studyhall_sync::{Base, Known, Made};

use super::held::{Held, How, Outcome, Text};

/// What a put may have been made from, the newest first.
#[derive(Default)]
pub(super) struct Bases {
    pub(super) found: Vec<(Text, Base)>,
    /// Texts that are kept no more.
    pub(super) gone: Vec<Text>,
}

impl Bases {
    /// Looks through all that is held, with their texts in the same order. `made` tells how a put was made
    /// whose outcome is not known.
    pub(super) fn find(
        &mut self,
        held: &Held,
        texts: Vec<Option<String>>,
        (put, hash): (&str, &str),
        made: impl Fn(&str, Option<(u64, u32)>) -> Option<Made>,
    ) {
        let (mut is_all_listed, mut is_reopened) = (true, false);
        for (one, text) in held.entries().zip(texts) {
            let are_newer_listed = is_all_listed;
            is_all_listed &= one.how == How::Listed;
            let is_this = one.text == Text::Put(hash.to_owned());
            let Some(text) = text.or_else(|| is_this.then(|| put.to_owned())) else {
                self.gone.push(one.text.clone());
                match one.how {
                    // It may have been taken from a list. What came later may have words that it had not.
                    _ if is_all_listed => self.found.clear(),
                    How::Listed => {}
                    // They may hold just this; and which words are their own is not known.
                    _ => self.found.retain(|(_, base)| base.known != Known::Shown),
                }
                continue;
            };
            let known = match one.how {
                How::Listed | How::Answer(_) => Known::Shown,
                How::Opened => Known::Opened,
                How::Put(_) => Known::Put,
                How::Left => Known::Left,
            };
            let base = Base { text, known, is_reopened, only_if: None };
            is_reopened |= one.how == How::Opened;
            match &one.how {
                How::Put(Outcome::Unknown(noted)) => {
                    let Text::Put(of) = &one.text else { continue };
                    if let Some(made) = made(of, *noted) {
                        self.found.push((one.text.clone(), Base { only_if: Some(made), ..base }));
                    }
                }
                How::Left => self.found.push((one.text.clone(), base)),
                How::Put(outcome) if is_this => {
                    if *outcome == Outcome::Unheard || !held.is_opened_since(&one.text) {
                        self.found = vec![(one.text.clone(), base)];
                    }
                    return;
                }
                _ if base.text == put => {
                    // Who puts what they held before they looked at the note again goes back to it. Else they
                    // save what they have not changed.
                    if are_newer_listed || !self.has_certain() {
                        self.found = vec![(one.text.clone(), base)];
                    }
                    return;
                }
                _ => self.add(one.text.clone(), base),
            }
        }
    }

    /// Whether there is one that is surely in the note.
    pub(super) fn has_certain(&self) -> bool {
        self.found.iter().any(|(_, base)| base.only_if.is_none() && base.known != Known::Left)
    }

    fn add(&mut self, text: Text, base: Base) {
        // What they have put and gone on from was shown among others meanwhile: they do not hold it any more.
        let is_left = |(_, one): &(Text, Base)| one.known == Known::Left && one.text == base.text;
        if base.known == Known::Shown && self.found.iter().any(is_left) {
            return;
        }
        let is_same = |(_, one): &&mut (Text, Base)| {
            one.only_if.is_none() && one.known != Known::Left && one.text == base.text
        };
        if let Some((_, same)) = self.found.iter_mut().find(is_same) {
            same.known = same.known.max(base.known);
        } else {
            self.found.push((text, base));
        }
    }
}
