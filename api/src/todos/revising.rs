//! How a todo is changed, and where it is: its text is merged into what others write, unless it is put into the very
//! revision that was shown.

use std::sync::Weak;

use studyhall_schema::{
    access::Caller,
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::Todo,
};
use studyhall_store::Versioned;
use studyhall_sync::contents::TodoChange;

use super::{
    FOLLOWED, Found, Place, check_assignee, find, list_of, look_at, own_list, shown_after,
    wanted_room, writable,
};
use crate::{
    api::Api,
    extract::IfMatch,
    fault::Fault,
    shown::{NewText, to_its_end},
};

/// How a todo is to be from now on, and as what its writer has seen it.
pub(crate) struct Revision {
    pub(crate) expected: IfMatch,
    pub(crate) place: Place,
    pub(crate) change: TodoChange,
    /// What the text was made from, when its writer says so.
    pub(crate) base: Option<String>,
}

/// A text that is put, and for whom.
type Put<'a> = (NewText<'a>, &'a Weak<()>);

/// Changes a todo, and where it is.
pub(crate) async fn revise(
    api: &Api,
    caller: Caller,
    id: TodoId,
    mut revision: Revision,
) -> Result<Versioned<Todo>, Fault> {
    let Some(text) = rewritten_and_shared(api, caller.user, id, &revision).await? else {
        return revise_as_it_is(api, caller, id, revision).await;
    };
    // What a room is shown is what its owner has put with it, and nothing where that is not taken.
    let rest = Revision {
        expected: IfMatch::any(),
        place: std::mem::take(&mut revision.place),
        change: TodoChange { text: None, ..std::mem::take(&mut revision.change) },
        base: None,
    };
    revision.change.text = Some(text.clone());
    revise_as_it_is(api, caller, id, revision).await?;
    let now = revise_anywhere(api, caller, id, (rest, None)).await?;
    api.shown.put(caller.login, (&now.value).into(), &text, (None, true)).await;
    Ok(now)
}

/// The text of a revision that rewrites what is in the caller's own list, and shares it.
async fn rewritten_and_shared(
    api: &Api,
    user: UserId,
    id: TodoId,
    revision: &Revision,
) -> Result<Option<String>, Fault> {
    let Some(text) = revision.change.text.clone().filter(|_| revision.is_placed()) else {
        return Ok(None);
    };
    let row = look_at(api, user, id).await?;
    let is_shared = row.list == own_list(user) && revision.list(api, user, &row).await? != row.list;
    Ok(is_shared.then_some(text))
}

async fn revise_as_it_is(
    api: &Api,
    caller: Caller,
    id: TodoId,
    mut revision: Revision,
) -> Result<Versioned<Todo>, Fault> {
    if revision.expected.is_some() {
        let text = revision.change.text.clone();
        let now = revise_anywhere(api, caller, id, (revision, None)).await?;
        match text {
            Some(text) => {
                api.shown.put(caller.login, (&now.value).into(), &text, (None, true)).await;
            }
            None => api.shown.opens(caller, &now.value).await,
        }
        return Ok(now);
    }
    let Some(text) = revision.change.text.take() else {
        let now = revise_anywhere(api, caller, id, (revision, None)).await?;
        api.shown.opens(caller, &now.value).await;
        return Ok(now);
    };
    let (api, base) = (api.clone(), revision.base.take());
    to_its_end(move |hears| async move {
        let new = NewText { text: &text, base: base.as_deref() };
        revise_anywhere(&api, caller, id, (revision, Some((new, &hears)))).await
    })
    .await
}

/// The same, wherever it is moved meanwhile; its owner decides with whom it is shared.
async fn revise_anywhere(
    api: &Api,
    caller: Caller,
    id: TodoId,
    (mut revision, put): (Revision, Option<Put<'_>>),
) -> Result<Versioned<Todo>, Fault> {
    let mut tries = 0..FOLLOWED;
    loop {
        tries.next();
        match revise_once(api, caller, id, (&mut revision, put)).await {
            Err(Fault::NotFound) if !tries.is_empty() => {
                look_at(api, caller.user, id).await.map(drop)?;
            }
            done => return done,
        }
    }
}

impl Revision {
    fn is_placed(&self) -> bool {
        self.place != Place::default()
    }

    /// In which list the todo is to be, when the caller may put it there, and give it to whom it is given.
    async fn list(
        &self,
        api: &Api,
        user: UserId,
        row: &Versioned<Todo>,
    ) -> Result<DocumentId, Fault> {
        let room = wanted_room(self.place, row.room_id)?;
        let list = if self.is_placed() { list_of(user, room) } else { row.list };
        if list != row.list && row.owner_id != user {
            let detail = "only its owner shares a todo or takes it back";
            return Err(Fault::Forbidden { code: "not-the-owner", detail });
        }
        writable(api, user, list).await?;
        check_assignee(api, user, room, self.change.assignee.value()).await?;
        Ok(list)
    }
}

/// What is done of a revision is not asked of the next try.
async fn revise_once(
    api: &Api,
    caller: Caller,
    id: TodoId,
    (revision, put): (&mut Revision, Option<Put<'_>>),
) -> Result<Versioned<Todo>, Fault> {
    let user = caller.user;
    let Found { row, others } = find(api, user, id).await?.ok_or(Fault::NotFound)?;
    writable(api, user, row.list).await?;
    revision.expected.check(row.rev)?;
    let list = revision.list(api, user, &row).await?;
    let moves = revision.is_placed();
    let Revision { expected, place, change, .. } = revision;
    if list != row.list {
        api.documents.move_todo(&row, expected.is_some(), list, user).await?;
        (*expected, *place) = (IfMatch::any(), Place::default()); // it was so when it was moved
    } else if moves && !others.is_empty() {
        // An earlier move was cut off.
        api.documents.finish_moves(id, others, list, user).await?;
    }
    let seen = expected.is_some().then(|| row.value.clone());
    let change = change.clone();
    if let Some(put) = put {
        let make = async |put| {
            api.accounts.awake()?;
            let (item, base) = api.documents.put_todo(list, caller, (id, change), put).await?;
            Ok((shown_after(api, user, (list, row.clone()), item).await?, base))
        };
        return api.shown.put_of(caller, (&row.value).into(), put, make).await;
    }
    let edit = api.documents.edit_todos(list, caller, move |todos| {
        todos.check(id, seen.as_ref())?;
        todos.revise(id, &change)?;
        Ok(todos.item(id))
    });
    let item = edit.await?.ok_or(Fault::NotFound)?;
    shown_after(api, user, (list, row), item).await
}
