//! What happens to rooms: the record's compare-and-set decides, then the listing's index, the caches
//! and the sockets follow.

use futures_util::future::try_join_all;
use std::sync::Arc;
use studyhall_schema::{
    access::AccessChange,
    document::DocumentId,
    ids::{RoomId, UserId},
    room::{Departure, LARGEST_ROOM, NewRoom, Room, RoomChange, RoomFault, RoomMember, RoomType},
    todo::ProjectedList,
    user::Role,
    xp::{self, Unlocks},
};
use studyhall_store::{Page, Records, StoreError, Versioned};
use studyhall_sync::Shares;

use crate::{
    api::Api,
    extract::IfMatch,
    fault::Fault,
    invites::{self, Found},
    routes::{Paging, refused},
};

/// A room that was made now, or by the same request before.
pub(crate) struct Opening {
    pub(crate) room: Versioned<Room>,
    pub(crate) is_new: bool,
}

/// Read at once.
const READ: usize = 100;
/// Of a person whose shared rooms are limited so many rooms are looked at, a hundred at once; who has more has too many.
const PAGES: usize = 50;

/// People who open rooms, each one at a time on this node: so the last one that they may have is opened once.
pub(crate) fn openings() -> Shares {
    Shares::new(64, 1)
}

fn records(api: &Api) -> Records<Room> {
    api.store.records::<Room>()
}

/// Makes a room. The same request again gets the same room.
pub(crate) async fn open(api: &Api, owner: UserId, new: NewRoom) -> Result<Opening, Fault> {
    let _turn = api.openings.of(owner).take(1).await;
    if let Some(room) = records(api).get(&new.id).await? {
        return repeated(room, owner);
    }
    // A person's list has the person's id in its name, a room's the room's.
    if api.accounts.has_user(UserId::from_bytes(new.id.bytes())).await? {
        return Err(taken());
    }
    let unlocks = unlocks(api, owner).await?;
    gate(&new, unlocks)?;
    let most = unlocks.shared_rooms.filter(|_| new.kind == RoomType::Shared);
    if has_more_than(api, owner, most.map(|most| most.saturating_sub(1))).await? {
        return Err(too_many());
    }
    let id = new.id;
    remember_member(api, id, owner).await?;
    let room = Room::open(new, owner, api.accounts.clock().now());
    match records(api).insert(room).await {
        Ok(room) => {
            // Another was opened at another node meanwhile: maybe neither is left, but never both.
            if has_more_than(api, owner, most).await? {
                records(api).delete(&id).await?;
                forget_member(api, id, owner).await;
                return Err(too_many());
            }
            api.accounts.room_changed(id);
            Ok(Opening { room, is_new: true })
        }
        Err(StoreError::Duplicate { .. }) => {
            repeated(records(api).get(&id).await?.ok_or(Fault::Unavailable)?, owner)
        }
        Err(error) => Err(error.into()),
    }
}

fn repeated(room: Versioned<Room>, owner: UserId) -> Result<Opening, Fault> {
    if room.owner_id == owner {
        return Ok(Opening { room, is_new: false });
    }
    Err(taken())
}

fn taken() -> Fault {
    Fault::Conflict { code: "id-taken", detail: "this id is taken: make another one" }
}

async fn unlocks(api: &Api, owner: UserId) -> Result<Unlocks, Fault> {
    let user = api.accounts.user(owner).await?;
    let is_admin = user.role == Role::Admin;
    Ok(if is_admin { xp::ADMIN } else { xp::unlocks(user.earned.level()) })
}

fn locked(detail: &'static str) -> Fault {
    Fault::Forbidden { code: "level-too-low", detail }
}

fn too_many() -> Fault {
    locked("a higher level unlocks more shared rooms")
}

fn gate(new: &NewRoom, unlocks: Unlocks) -> Result<(), Fault> {
    if new.kind == RoomType::Personal {
        return Ok(());
    }
    if new.max_participants as usize > unlocks.room_size || new.max_participants > LARGEST_ROOM {
        return Err(locked("a higher level unlocks rooms of this size"));
    }
    if !new.settings.is_private && !unlocks.public_rooms {
        return Err(locked("a higher level unlocks public rooms"));
    }
    Ok(())
}

/// Whether somebody has more shared rooms than they may have, where there is a limit.
async fn has_more_than(api: &Api, owner: UserId, most: Option<usize>) -> Result<bool, Fault> {
    let Some(most) = most else { return Ok(false) };
    let is_open = |room: &&Versioned<Room>| room.is_active && room.kind == RoomType::Shared;
    let (mut open, mut cursor) = (0, None);
    for _ in 0..PAGES {
        let query = Page::of("owner").equal(owner).descending().limit(READ).cursor(cursor);
        let rooms = records(api).page(query).await?;
        open += rooms.items.iter().filter(is_open).count();
        cursor = rooms.next_cursor;
        if open > most || cursor.is_none() {
            return Ok(open > most);
        }
    }
    Ok(true)
}

/// The index entry comes first: one without a membership is passed over, a membership without its
/// entry would be missed in listings.
async fn remember_member(api: &Api, room: RoomId, user: UserId) -> Result<(), Fault> {
    match api.store.records().insert(RoomMember::of(room, user)).await {
        Ok(_) | Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn forget_member(api: &Api, room: RoomId, user: UserId) {
    let row = RoomMember::of(room, user);
    if let Err(error) = api.store.records::<RoomMember>().delete(&row.id).await {
        tracing::warn!(%error, "an entry of room_members was not removed");
    }
    if let Err(fault) = remember_again(api, room, user).await {
        tracing::warn!(%fault, "an entry of room_members may be missing");
    }
}

/// Who came in again between leaving and being forgotten is in.
async fn remember_again(api: &Api, room: RoomId, user: UserId) -> Result<(), Fault> {
    let room = records(api).get(&room).await?.filter(|room| room.role(user).is_some());
    if let Some(room) = room {
        remember_member(api, room.id, user).await?;
    }
    Ok(())
}

/// A room that is open.
pub(crate) async fn open_room(api: &Api, id: RoomId) -> Result<Versioned<Room>, Fault> {
    let room = records(api).get(&id).await?;
    room.filter(|room| room.is_active).ok_or(Fault::NotFound)
}

/// A room for one who is in, or for anybody when it is public.
pub(crate) async fn show(api: &Api, user: UserId, id: RoomId) -> Result<Versioned<Room>, Fault> {
    let room = open_room(api, id).await?;
    let is_member = room.role(user).is_some();
    if is_member {
        heal(api, id, user).await?;
    }
    if is_member || !room.settings.is_private { Ok(room) } else { Err(Fault::NotFound) }
}

/// Puts back an index entry that a leave and a join at once have lost.
async fn heal(api: &Api, room: RoomId, user: UserId) -> Result<(), Fault> {
    let row = RoomMember::of(room, user);
    if api.store.records::<RoomMember>().get(&row.id).await?.is_none() {
        remember_member(api, room, user).await?;
    }
    Ok(())
}

/// A room for one who is in.
pub(crate) async fn show_to_member(
    api: &Api,
    user: UserId,
    id: RoomId,
) -> Result<Arc<Room>, Fault> {
    api.accounts.room_of(user, id).await?.ok_or(Fault::NotFound)
}

/// The ids of all rooms that somebody is in.
pub(crate) async fn ids_of(api: &Api, user: UserId) -> Result<Vec<RoomId>, Fault> {
    let (mut rooms, mut cursor) = (Vec::new(), None);
    loop {
        let page = Page::of("user").equal(user).limit(READ).cursor(cursor);
        let page = api.store.records::<RoomMember>().page(page).await?;
        rooms.extend(page.items.into_iter().map(|row| row.value.room_id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(rooms);
        }
    }
}

/// A page of the rooms that somebody is in.
pub(crate) async fn of_user(
    api: &Api,
    user: UserId,
    paging: Paging,
) -> Result<(Vec<Versioned<Room>>, Option<String>), Fault> {
    let query = paging.of("user").equal(user);
    let page = api.store.records::<RoomMember>().page(query).await.map_err(refused)?;
    let mut rooms = Vec::with_capacity(page.items.len());
    for row in page.items {
        let room = records(api).get(&row.room_id).await?;
        rooms.extend(room.filter(|room| room.is_active && room.role(user).is_some()));
    }
    Ok((rooms, page.next_cursor))
}

/// Changes a room, if its owner asks.
pub(crate) async fn revise(
    api: &Api,
    by: UserId,
    id: RoomId,
    expected: IfMatch,
    change: RoomChange,
) -> Result<Versioned<Room>, Fault> {
    show(api, by, id).await?;
    if change.is_private == Some(false) && !unlocks(api, by).await?.public_rooms {
        return Err(locked("a higher level unlocks public rooms"));
    }
    let before = open_room(api, id).await?;
    let concerns_members = change.members_can_edit_notes.is_some();
    let planned = if change.members_can_edit_notes == Some(false) {
        try_join_all(members(&before).map(|change| api.accounts.plan(change))).await?
    } else {
        Vec::new()
    };
    expected.check(before.rev)?;
    let changed = if expected.is_some() {
        let mut room = before.value.clone();
        room.revise(by, change)?;
        records(api).replace(room, before.rev).await.map_err(Fault::from)
    } else {
        let revise = |room: &mut Room| room.revise(by, change.clone()).map_err(Fault::from);
        let updated = records(api).update(&id, revise).await;
        updated.map_err(Fault::from).and_then(|found| found.ok_or(Fault::NotFound)?)
    };
    // Even after a failure, whose outcome may not be known: asking again harms nobody.
    api.accounts.room_changed(id);
    for (planned, change) in planned.into_iter().zip(members(&before)) {
        planned.announce(change, &changed);
    }
    if concerns_members {
        members(changed.as_ref().unwrap_or(&before))
            .for_each(|change| api.accounts.announce(change));
    }
    changed
}

/// What members may do with the room's notes changes: their sockets ask again.
fn members(room: &Room) -> impl Iterator<Item = AccessChange> {
    room.participants.iter().map(|one| AccessChange::UserChanged(one.user_id))
}

/// Joins a room: by its id when it is public, else by a code that leads to it.
pub(crate) async fn join(
    api: &Api,
    user: UserId,
    id: Option<RoomId>,
    code: Option<&str>,
) -> Result<Versioned<Room>, Fault> {
    let now = api.accounts.clock().now();
    let Some(code) = code else {
        let room = open_room(api, id.ok_or(Fault::NotFound)?).await?;
        if room.role(user).is_some() {
            heal(api, room.id, user).await?;
            return Ok(room);
        }
        return if room.settings.is_private {
            Err(Fault::NotFound)
        } else {
            admit(api, user, room.id).await
        };
    };
    let (invite, by) = match invites::look_up(api, user, id, code).await? {
        Found::Inside(room) => {
            heal(api, room.id, user).await?;
            return Ok(room);
        }
        Found::Good(invite, by) => (invite, by),
    };
    if let Err(fault) = invites::redeem(api, &invite, by, now).await {
        // Its uses may be taken for a moment by others who find the room full.
        let is_full = open_room(api, invite.room_id).await?.is_full();
        return Err(if is_full { RoomFault::Full.into() } else { fault });
    }
    let joined = admit(api, user, invite.room_id).await;
    if joined.as_ref().is_err_and(|fault| *fault != Fault::Unavailable) {
        invites::give_back(api, &invite, by).await;
    }
    joined
}

async fn admit(api: &Api, user: UserId, id: RoomId) -> Result<Versioned<Room>, Fault> {
    let now = api.accounts.clock().now();
    remember_member(api, id, user).await?;
    let join = |room: &mut Room| room.join(user, now).map(|_| ());
    let joined = records(api).update(&id, join).await?.ok_or(Fault::NotFound)?;
    if let Err(refusal) = joined {
        forget_member(api, id, user).await;
        return Err(refusal.into());
    }
    api.accounts.room_changed(id);
    api.accounts.announce(AccessChange::UserChanged(user));
    // One who was leaving meanwhile may have taken the entry away again.
    heal(api, id, user).await?;
    Ok(joined?)
}

/// How often somebody has left a room.
pub(crate) async fn departures(api: &Api, user: UserId, room: RoomId) -> Result<u32, Fault> {
    let departure = api.store.records::<Departure>().get(&Departure::key(room, user)).await?;
    Ok(departure.map_or(0, |departure| departure.times))
}

/// What somebody who leaves has seen of their todos there: of what is deleted later they may have that back.
async fn note_departure(api: &Api, user: UserId, room: RoomId) -> Result<(), Fault> {
    let list = DocumentId::Todos(room.bytes());
    let seen = api.store.records::<ProjectedList>().get(&list).await?;
    let seq = seen.map_or(0, |list| list.projected_seq);
    let departures = api.store.records::<Departure>();
    let id = Departure::key(room, user);
    let again = |departure: &mut Departure| {
        departure.seq = seq;
        departure.times = departure.times.saturating_add(1);
        Ok::<_, std::convert::Infallible>(())
    };
    if departures.update(&id, again).await?.is_none() {
        match departures.insert(Departure { id, seq, times: 1 }).await {
            Ok(_) | Err(StoreError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Leaves a room; the sockets on its documents follow.
pub(crate) async fn leave(api: &Api, user: UserId, id: RoomId) -> Result<(), Fault> {
    let changed = AccessChange::UserChanged(user);
    let planned = api.accounts.plan(changed).await?;
    note_departure(api, user, id).await?;
    let leave = |room: &mut Room| room.leave(user);
    let left = records(api).update(&id, leave).await;
    api.accounts.room_changed(id);
    planned.announce(changed, &left);
    left?.ok_or(RoomFault::NotFound)??;
    forget_member(api, id, user).await;
    Ok(())
}
