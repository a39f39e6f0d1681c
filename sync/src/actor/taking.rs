//! Taking mail, in its order. What an actor has looked at while it waits, its future keeps room for: so what is large
//! is looked at where nothing waits.

use super::{Actor, Edit, End, Frames, Join, Mail, deliver::Told, memory};
use crate::{
    document::{Engine, Inbound, Input, PeerId},
    heavy::{LARGE, LONG, Turn},
    outbox::Close,
};

impl<E: Engine> Actor<E> {
    /// Takes mail; when that takes long, others come in between.
    pub(super) async fn take(&mut self, mails: &mut Vec<Mail>) {
        let mut turn = Turn::new(memory(self.document.state()) > LARGE);
        for mail in mails.drain(..) {
            if self.ended.is_some() {
                return;
            }
            if let Mail::Frames(read) = mail {
                self.take_frames(read, &mut turn).await;
            } else {
                self.mail(mail);
                turn.pass(0).await;
            }
        }
    }

    async fn take_frames(&mut self, read: Box<Frames>, turn: &mut Turn) {
        let Frames { peer, messages, room: _room } = *read;
        let mut messages = messages.into_iter();
        while self.ended.is_none()
            && let Some((size, long)) = self.hear(peer, messages.next())
        {
            if let Some(input) = long {
                let turns = self.turns.clone();
                Box::pin(turns.run(true, || self.feed(*input))).await;
            }
            turn.pass(size).await;
        }
    }

    /// Takes a message, of so many bytes, unless that may take long; `None` when there is none.
    fn hear(
        &mut self,
        peer: PeerId,
        message: Option<Inbound>,
    ) -> Option<(usize, Option<Box<Input<E>>>)> {
        let message = message?;
        let size = message.size();
        let Some(input) = E::input(peer, message) else { return Some((size, None)) };
        if size > LONG {
            return Some((size, Some(Box::new(input))));
        }
        self.feed(input);
        Some((size, None))
    }

    fn mail(&mut self, mail: Mail) {
        match mail {
            Mail::Join(join) => {
                let Join { peer, permission, outlet } = *join;
                if !outlet.wire.speaks(E::ENGINE) {
                    return outlet.end(Close::OtherEngine);
                }
                let user = outlet.user;
                self.outlets.insert(peer, Box::new(outlet));
                self.upkeep.touched(false);
                self.feed(Input::Join { peer, user, permission });
                if self.document.is_paused() {
                    self.tell(peer, &Told::Paused(true));
                }
            }
            Mail::Leave(peer) => {
                self.outlets.remove(&peer);
                self.is_told(peer);
                self.feed(Input::Leave { peer });
                self.upkeep.touched(self.outlets.is_empty());
            }
            Mail::Permission(peer, permission) => self.feed(Input::Permission { peer, permission }),
            Mail::Frames(..) => {} // taken one by one
            Mail::Drained(peer) => self.drained(peer),
            Mail::Edit(edit) => {
                let id = self.next_edit();
                self.upkeep.touched(self.outlets.is_empty());
                let Edit { by, change, reply } = *edit;
                self.edits.push((id, reply));
                self.feed(Input::Edit { edit: id, by, change });
            }
            Mail::Project(reply) => self.project_for(reply),
            Mail::Show(reply) => self.show(reply),
            Mail::CatchUp(reply) => self.catch_up_for(reply),
            Mail::Evict => self.make_room(),
            Mail::End(why) => self.ended = Some(End::Close(why)),
            Mail::Stop(why, done) => self.stopping = Some((why, done)),
        }
    }
}
