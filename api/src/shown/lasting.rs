//! What each sign-in has put last, beside the records: where Redis does not remember it, a process that was killed has
//! forgotten all that was shown, and who did not hear of their put says the same again.

use studyhall_schema::last_put::LastPut;
use studyhall_store::StoreError;

use super::{
    IN_DOUBT, Reader, ShownTexts,
    held::{Held, Outcome},
};

impl ShownTexts {
    /// What a sign-in holds, with what it has put last where that is not known any more. Not where the note is just
    /// what the next put is made from: that one may have been taken back, and nothing is there twice when it is made
    /// once more.
    pub(super) async fn with_last_put(&self, reader: Reader, held: &Held, is_base: bool) -> Held {
        let mut held = held.clone();
        if is_base || self.recent.is_shared() || held.newest_put().is_some() {
            return held;
        }
        match self.last_puts.get(&id(reader)).await {
            Ok(Some(last)) if self.clock.now().since(last.value.at) < IN_DOUBT => {
                held.had_put(last.value.put, last.value.of, Outcome::Answered);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "what was put last is not known now"),
        }
        held
    }

    /// A sign-in has put this, and nobody has heard so yet.
    pub(super) async fn keep_put(&self, reader: Reader, held: &Held) {
        let Some((put, of)) = held.newest_put().filter(|_| !self.recent.is_shared()) else {
            return;
        };
        let (id, at) = (id(reader), self.clock.now());
        let kept = match of {
            Some(of) => self.keep(LastPut { id, put: put.to_owned(), of: of.to_owned(), at }).await,
            None => self.let_go(&id).await,
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "what was put is not kept for whoever did not hear of it");
        }
    }

    /// A sign-in has seen without it what it has put last: it puts the same again because it wants it again.
    pub(super) async fn keep_no_put(&self, reader: Reader) {
        if self.recent.is_shared() {
            return;
        }
        if let Err(error) = self.let_go(&id(reader)).await {
            tracing::warn!(%error, "what was put is kept though it was seen without");
        }
    }

    /// What was put before is not the last any more.
    async fn let_go(&self, id: &String) -> Result<(), StoreError> {
        if self.last_puts.get(id).await?.is_some() {
            self.last_puts.delete(id).await?;
        }
        Ok(())
    }

    async fn keep(&self, last: LastPut) -> Result<(), StoreError> {
        let again = |known: &mut LastPut| {
            known.clone_from(&last);
            Ok::<_, std::convert::Infallible>(())
        };
        if self.last_puts.update(&last.id, again).await?.is_none() {
            self.last_puts.insert(last).await?;
        }
        Ok(())
    }
}

fn id(Reader(login, thing): Reader) -> String {
    format!("{login}:{thing}")
}
