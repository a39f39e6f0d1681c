//! Who waits for a row to be written, or the log to be read: what begins after they have asked is for them, however
//! many ask meanwhile. Must not know what they wait for.

use super::RowReply;

/// See the module. Boxed: few documents are asked.
#[derive(Default)]
pub(super) struct Asked(Option<Box<Waiters>>);

#[derive(Default)]
struct Waiters {
    next: Vec<RowReply>,
    under_way: Vec<RowReply>,
}

impl Asked {
    pub(super) fn push(&mut self, reply: RowReply) {
        self.0.get_or_insert_default().next.push(reply);
    }

    pub(super) fn begin(&mut self) {
        if let Some(waiters) = &mut self.0 {
            waiters.under_way.append(&mut waiters.next);
        }
    }

    pub(super) fn end(&mut self) -> Vec<RowReply> {
        let Some(waiters) = &mut self.0 else { return Vec::new() };
        let ended = std::mem::take(&mut waiters.under_way);
        if waiters.next.is_empty() {
            self.0 = None;
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn who_asks_in_the_middle_waits_for_the_next_and_nobody_waits_for_who_comes_later() {
        let mut asked = Asked::default();
        let ask = |asked: &mut Asked| {
            let (reply, answered) = oneshot::channel();
            asked.push(reply);
            answered
        };
        let mut first = ask(&mut asked);
        asked.begin();
        let mut second = ask(&mut asked);
        for reply in asked.end() {
            reply.send(Ok(())).unwrap();
        }
        assert_eq!(first.try_recv(), Ok(Ok(())));
        assert!(second.try_recv().is_err(), "what was under way may not show what it asks for");
        asked.begin();
        assert_eq!(asked.end().len(), 1);
    }
}
