//! How a text is put, from what its writer was shown to what they are shown then.

use std::{
    future::Future,
    sync::{Arc, Weak},
};

use studyhall_schema::access::Caller;
use studyhall_store::Versioned;
use studyhall_sync::PutText;
use tracing::Instrument;

use super::{NewText, ShownTexts, Written};
use crate::fault::Fault;

/// Puts a text to the end, also when its client has gone meanwhile: what it comes to is remembered. As long as
/// what `put` is given lives, somebody waits for the answer.
pub(crate) async fn to_its_end<T, F>(put: impl FnOnce(Weak<()>) -> F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let waits = Arc::new(());
    let putting = put(Arc::downgrade(&waits)).in_current_span();
    let put = tokio::spawn(putting).await;
    drop(waits);
    put.map_err(|error| Fault::Internal(error.to_string()))?
}

impl ShownTexts {
    /// Puts a text, made out of what the caller was shown. `make` tells what it has become, and which of the
    /// bases it was taken from.
    pub(crate) async fn put_of<T, F>(
        &self,
        caller: Caller,
        of: Written<'_>,
        (text, hears): (NewText<'_>, &Weak<()>),
        make: impl FnOnce(PutText) -> F,
    ) -> Result<Versioned<T>, Fault>
    where
        for<'a> &'a T: Into<Written<'a>>,
        F: Future<Output = Result<(Versioned<T>, Option<usize>), Fault>>,
    {
        let Some(_turn) = self.turn_to_put(caller.login, of.id).await else {
            return Err(Fault::Unavailable);
        };
        let mut putting = self.puts(caller.login, of, text).await;
        let made = make(std::mem::take(&mut putting.put)).await;
        match &made {
            Ok((now, base)) => {
                let is_heard = hears.strong_count() > 0;
                let now = (&now.value).into();
                self.put(caller.login, now, text.text, (putting.base(*base), is_heard)).await;
            }
            Err(_) => self.failed(caller.login, of.id, text.text).await,
        }
        made.map(|(now, _)| now)
    }
}
