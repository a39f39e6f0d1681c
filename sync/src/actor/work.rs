//! What a document waits for outside of its actor: a handful of things at most, and none while it idles, when this
//! keeps no room. Must not know what they are.

use std::{future::poll_fn, task::Poll};

use futures_util::{FutureExt, future::BoxFuture};

/// Work under way that ends in a `D`.
pub(super) struct Work<D>(Vec<BoxFuture<'static, D>>);

impl<D> Default for Work<D> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<D> Work<D> {
    pub(super) fn push(&mut self, work: BoxFuture<'static, D>) {
        self.0.push(work);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What ends first. Whoever waits may stop and wait again; while nothing is under way, for ever.
    pub(super) async fn next(&mut self) -> D {
        poll_fn(|context| {
            for at in 0..self.0.len() {
                if let Poll::Ready(done) = self.0[at].poll_unpin(context) {
                    drop(self.0.swap_remove(at));
                    if self.0.is_empty() {
                        self.0 = Vec::new();
                    }
                    return Poll::Ready(done);
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn each_work_ends_once_in_whatever_order_and_nothing_is_kept() {
        let mut work = Work::default();
        let mut ends: Vec<_> = (0..3)
            .map(|_| {
                let (end, ended) = oneshot::channel();
                work.push(ended.map(Result::unwrap).boxed());
                Some(end)
            })
            .collect();
        assert!(work.next().now_or_never().is_none());
        for number in [1, 2, 0] {
            ends[number].take().unwrap().send(number).unwrap();
            assert_eq!(work.next().await, number);
        }
        assert!(work.is_empty() && work.0.capacity() == 0);
        assert!(work.next().now_or_never().is_none());
    }
}
