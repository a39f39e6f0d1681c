//! Invite codes: made by those who are in, found by their HMAC, used up one by one.

use studyhall_schema::{
    Timestamp,
    ids::{InviteCodeId, RoomId, UserId},
    invite_code::{self, InviteCode, LIFETIME, Redeemed, Spent},
    room::{Room, RoomRole},
};
use studyhall_store::{PageOf, Records, Versioned};

use crate::{
    api::Api,
    fault::Fault,
    limits::WRONG_CODES,
    rooms,
    routes::{Paging, refused},
    secrets::PurposeKey,
};

fn records(api: &Api) -> Records<InviteCode> {
    api.store.records::<InviteCode>()
}

fn hash(api: &Api, code: &str) -> String {
    PurposeKey::new(&api.config.secret, "invite codes").tag(&[code.as_bytes()])
}

/// Makes a code. The code itself is returned once and kept nowhere.
pub(crate) async fn make(
    api: &Api,
    by: UserId,
    room: RoomId,
    max_uses: u32,
) -> Result<(Versioned<InviteCode>, String), Fault> {
    let room = rooms::show_to_member(api, by, room).await?;
    may_invite(&room, by)?;
    let code = invite_code::fresh(api.accounts.clock());
    let now = api.accounts.clock().now();
    let row = InviteCode {
        hash: hash(api, &code),
        code_id: InviteCodeId::new(api.accounts.clock()),
        room_id: room.id,
        created_by: by,
        created_at: now,
        expires_at: now + LIFETIME,
        max_uses,
        uses: 0,
        redeemed: Vec::new(),
    };
    Ok((records(api).insert(row).await?, code))
}

fn may_invite(room: &Room, by: UserId) -> Result<(), Fault> {
    if room.role(by) >= Some(RoomRole::Moderator) {
        return Ok(());
    }
    let detail = "only the owner and moderators of a room invite to it";
    Err(Fault::Forbidden { code: "role-too-low", detail })
}

/// A page of a room's codes.
pub(crate) async fn of_room(
    api: &Api,
    by: UserId,
    room: RoomId,
    paging: Paging,
) -> Result<PageOf<InviteCode>, Fault> {
    let room = rooms::show_to_member(api, by, room).await?;
    may_invite(&room, by)?;
    let query = paging.of("room").equal(room.id);
    records(api).page(query).await.map_err(refused)
}

/// Takes a code back.
pub(crate) async fn take_back(
    api: &Api,
    by: UserId,
    room: RoomId,
    code: InviteCodeId,
) -> Result<(), Fault> {
    let room = rooms::show_to_member(api, by, room).await?;
    may_invite(&room, by)?;
    let query = studyhall_store::Page::of("room").equal(room.id).equal(code).limit(1);
    let found = records(api).page(query).await?.items.pop().ok_or(Fault::NotFound)?;
    records(api).delete(&found.hash).await?;
    Ok(())
}

/// Where a typed code leads.
pub(crate) enum Found {
    /// Into a room that the person is in already: whatever has become of the code.
    Inside(Versioned<Room>),
    /// Into another one, by a use that is theirs or left.
    Good(InviteCode, Redeemed),
}

/// Where a typed code leads. A wrong code, a spent one and one of another room answer alike, and ten
/// of them make the person wait.
pub(crate) async fn look_up(
    api: &Api,
    user: UserId,
    room: Option<RoomId>,
    typed: &str,
) -> Result<Found, Fault> {
    let (limits, who) = (&api.accounts.0.limits, user.to_string());
    if let Some(wait) = limits.wait(WRONG_CODES, &who).await? {
        return Err(Fault::TooMany(wait));
    }
    let found = match invite_code::normalize(typed) {
        Some(code) => records(api).get(&hash(api, &code)).await?,
        None => None,
    };
    let fits = |row: &Versioned<InviteCode>| room.is_none_or(|room| room == row.room_id);
    if let Some(row) = found.filter(fits)
        && let Some(found) = lead(api, user, row.value).await?
    {
        return Ok(found);
    }
    limits.take(WRONG_CODES, &who).await?;
    Err(Fault::NotFound)
}

/// Where a code leads somebody, if anywhere.
async fn lead(api: &Api, user: UserId, code: InviteCode) -> Result<Option<Found>, Fault> {
    match rooms::open_room(api, code.room_id).await {
        Ok(room) if room.role(user).is_some() => return Ok(Some(Found::Inside(room))),
        Ok(_) => {}
        Err(Fault::NotFound) => return Ok(None),
        Err(fault) => return Err(fault),
    }
    let departures = rooms::departures(api, user, code.room_id).await?;
    let by = Redeemed { user_id: user, departures };
    let is_good = code.is_good(by, api.accounts.clock().now());
    Ok(is_good.then_some(Found::Good(code, by)))
}

/// Uses a code once, unless a use of it is theirs already.
pub(crate) async fn redeem(
    api: &Api,
    code: &InviteCode,
    by: Redeemed,
    now: Timestamp,
) -> Result<(), Fault> {
    let used = records(api).update(&code.hash, |row| row.redeem(by, now)).await?;
    match used {
        Some(Ok(_)) => Ok(()),
        Some(Err(Spent)) | None => Err(Fault::NotFound),
    }
}

/// Gives a use back: nobody came in by it.
pub(crate) async fn give_back(api: &Api, code: &InviteCode, by: Redeemed) {
    let unuse = |row: &mut InviteCode| {
        row.give_back(by);
        Ok::<_, Spent>(())
    };
    if let Err(error) = records(api).update(&code.hash, unuse).await {
        tracing::warn!(%error, "a use of an invite code was not given back");
    }
}
