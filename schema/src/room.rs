//! Rooms: who is in, in what role, and what they may do. The `participants` of the row are the
//! truth about membership; `room_members` is an index of it, written after and healed on read.
//!
//! Transitions are pure: the store applies them by compare-and-set, so 200 who join at once are
//! decided one after the other.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Timestamp,
    access::Permission,
    document::Engine,
    ids::{RoomId, UserId},
    record::{Index, Record},
};

/// How many people fit a room at most.
pub const LARGEST_ROOM: u32 = 50;

/// Whether a room is one person's or a group's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomType {
    /// For one person alone.
    Personal,
    /// For a group.
    #[default]
    Shared,
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Takes part.
    Member,
    /// Keeps order.
    Moderator,
    /// Decides.
    Owner,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: RoomRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// How a room is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSettings {
    /// Outsiders cannot tell it from a room that does not exist.
    pub is_private: bool,
    /// Whether members may share their screens in calls.
    pub allow_screen_sharing: bool,
    /// Whether plain members may edit the room's shared notes; otherwise they read them.
    pub members_can_edit_notes: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { is_private: true, allow_screen_sharing: true, members_can_edit_notes: true }
    }
}

/// A row of `rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The room's id.
    #[serde(rename = "_id")]
    pub id: RoomId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who owns it now.
    pub owner_id: UserId,
    /// One person's or a group's.
    #[serde(rename = "type")]
    pub kind: RoomType,
    /// When it was created.
    pub created_at: Timestamp,
    /// False when the last one has left.
    pub is_active: bool,
    /// How many people fit.
    pub max_participants: u32,
    /// Who is in.
    pub participants: Vec<Participant>,
    /// How it is set up.
    pub settings: RoomSettings,
    /// The CRDT library of its todos and its state.
    #[serde(default)]
    pub engine: Engine,
}

impl Record for Room {
    const COLLECTION: &'static str = "rooms";
    type Id = RoomId;
    fn id(&self) -> RoomId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "owner", keys: &["owner_id", "_id"], unique: false }]
    }
}

/// What a new room is made of.
#[derive(Debug, Clone)]
pub struct NewRoom {
    /// Its id.
    pub id: RoomId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// One person's or a group's.
    pub kind: RoomType,
    /// How many people fit.
    pub max_participants: u32,
    /// How it is set up.
    pub settings: RoomSettings,
    /// The CRDT library of its todos and its state.
    pub engine: Engine,
}

/// What `PUT /rooms/{id}` may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// What it is called.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Whether outsiders may know of it.
    pub is_private: Option<bool>,
    /// Whether members may share their screens.
    pub allow_screen_sharing: Option<bool>,
    /// Whether plain members may edit notes.
    pub members_can_edit_notes: Option<bool>,
}

/// Why a room does not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RoomFault {
    /// There is no such room for this person.
    #[error("there is no such room")]
    NotFound,
    /// Everybody who fits is in.
    #[error("this room is full")]
    Full,
    /// Others are still in: the room needs an owner.
    #[error("hand the room to somebody else before you leave it")]
    OwnerMustTransfer,
    /// The person is in, but their role is too low.
    #[error("your role in this room does not allow this")]
    Forbidden,
}

impl Room {
    /// Opens a room with its owner in it.
    pub fn open(new: NewRoom, owner: UserId, now: Timestamp) -> Self {
        let owner_entry = Participant { user_id: owner, role: RoomRole::Owner, joined_at: now };
        Self {
            id: new.id,
            name: new.name,
            description: new.description,
            owner_id: owner,
            kind: new.kind,
            created_at: now,
            is_active: true,
            max_participants: new.max_participants,
            participants: vec![owner_entry],
            settings: new.settings,
            engine: new.engine,
        }
    }

    /// What `user` is here, if they are in.
    pub fn role(&self, user: UserId) -> Option<RoomRole> {
        self.participants.iter().find(|one| one.user_id == user).map(|one| one.role)
    }

    /// Whether nobody more can come in.
    pub fn is_full(&self) -> bool {
        self.participants.len() >= self.max_participants as usize
    }

    /// Lets `user` in; one who is in stays as they are. Returns whether they were not in before.
    pub fn join(&mut self, user: UserId, now: Timestamp) -> Result<bool, RoomFault> {
        if !self.is_active {
            return Err(RoomFault::NotFound);
        }
        if self.role(user).is_some() {
            return Ok(false);
        }
        if self.is_full() {
            return Err(RoomFault::Full);
        }
        self.participants.push(Participant {
            user_id: user,
            role: RoomRole::Member,
            joined_at: now,
        });
        Ok(true)
    }

    /// Lets `user` go. An owner goes last; with the last one the room ends.
    pub fn leave(&mut self, user: UserId) -> Result<(), RoomFault> {
        let role = self.role(user).ok_or(RoomFault::NotFound)?;
        if role == RoomRole::Owner && self.participants.len() > 1 {
            return Err(RoomFault::OwnerMustTransfer);
        }
        self.participants.retain(|one| one.user_id != user);
        self.is_active = !self.participants.is_empty();
        Ok(())
    }

    /// Changes what its owner may change.
    pub fn revise(&mut self, by: UserId, change: RoomChange) -> Result<(), RoomFault> {
        match self.role(by) {
            Some(RoomRole::Owner) => {}
            Some(_) => return Err(RoomFault::Forbidden),
            None => return Err(RoomFault::NotFound),
        }
        let settings = &mut self.settings;
        let set = |value: &mut bool, to: Option<bool>| *value = to.unwrap_or(*value);
        set(&mut settings.is_private, change.is_private);
        set(&mut settings.allow_screen_sharing, change.allow_screen_sharing);
        set(&mut settings.members_can_edit_notes, change.members_can_edit_notes);
        self.name = change.name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.description =
            change.description.unwrap_or_else(|| std::mem::take(&mut self.description));
        Ok(())
    }

    /// What `user` may do with the room's shared notes.
    pub fn note_permission(&self, user: UserId) -> Permission {
        match self.role(user) {
            None => Permission::None,
            Some(RoomRole::Member) if !self.settings.members_can_edit_notes => Permission::Read,
            Some(_) => Permission::Write,
        }
    }
}

/// A row of `room_members`: which rooms somebody is in, for listings. Never the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMember {
    /// `<room>:<user>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The room.
    pub room_id: RoomId,
    /// Who is in.
    pub user_id: UserId,
}

impl RoomMember {
    /// The row of `user` in `room`.
    pub fn of(room: RoomId, user: UserId) -> Self {
        Self { id: format!("{room}:{user}"), room_id: room, user_id: user }
    }
}

impl Record for RoomMember {
    const COLLECTION: &'static str = "room_members";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "user", keys: &["user_id", "room_id"], unique: false }]
    }
}

/// That somebody has left a room, and what of its list they saw last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// `<room>:<user>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The list's last update that its rows showed then.
    pub seq: u64,
    /// How often they have left, or tried to.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Departure {
    /// The `_id` of the departure of `user` from `room`.
    pub fn key(room: RoomId, user: UserId) -> String {
        format!("{room}:{user}")
    }
}

impl Record for Departure {
    const COLLECTION: &'static str = "departures";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    fn room(places: u32) -> (Room, UserId, TestClock) {
        let clock = TestClock::new(1);
        let owner = UserId::new(&clock);
        let new = NewRoom {
            id: RoomId::new(&clock),
            name: "Biology".into(),
            description: String::new(),
            kind: RoomType::Shared,
            max_participants: places,
            settings: RoomSettings::default(),
            engine: Engine::Yjs,
        };
        (Room::open(new, owner, Timestamp::default()), owner, clock)
    }

    #[test]
    fn a_room_holds_whom_it_holds_and_its_owner_leaves_last() {
        let (mut room, owner, clock) = room(2);
        let (ben, cem) = (UserId::new(&clock), UserId::new(&clock));
        assert_eq!(room.join(ben, Timestamp::default()), Ok(true));
        assert_eq!(room.join(ben, Timestamp::default()), Ok(false));
        assert_eq!(room.join(cem, Timestamp::default()), Err(RoomFault::Full));
        assert_eq!(room.leave(owner), Err(RoomFault::OwnerMustTransfer));
        assert_eq!(room.leave(ben), Ok(()));
        assert_eq!(room.leave(owner), Ok(()));
        assert!(!room.is_active);
        assert_eq!(room.join(ben, Timestamp::default()), Err(RoomFault::NotFound));
    }

    proptest::proptest! {
        #[test]
        fn whatever_people_do_nobody_is_in_twice_and_an_open_room_has_one_owner(
            places in 1u32..6,
            steps in proptest::collection::vec((0usize..8, proptest::bool::ANY), 0..60),
        ) {
            let (mut room, owner, clock) = room(places);
            let mut people: Vec<UserId> = (0..7).map(|_| UserId::new(&clock)).collect();
            people.push(owner);
            for (who, joins) in steps {
                let before = room.clone();
                let refused = if joins {
                    room.join(people[who], Timestamp::default()).is_err()
                } else {
                    room.leave(people[who]).is_err()
                };
                if refused {
                    assert_eq!(room, before, "a refusal changes nothing");
                }
                let mut ids: Vec<_> = room.participants.iter().map(|one| one.user_id).collect();
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), room.participants.len());
                assert!(ids.len() <= places as usize);
                assert_eq!(room.is_active, !ids.is_empty());
                assert_eq!(room.role(owner).is_some(), room.is_active);
            }
        }
    }

    #[test]
    fn members_read_notes_when_the_owner_says_so() {
        let (mut room, owner, clock) = room(5);
        let ben = UserId::new(&clock);
        room.join(ben, Timestamp::default()).unwrap();
        assert_eq!(room.note_permission(ben), Permission::Write);
        let change = RoomChange { members_can_edit_notes: Some(false), ..RoomChange::default() };
        assert_eq!(room.revise(ben, change.clone()), Err(RoomFault::Forbidden));
        room.revise(owner, change).unwrap();
        assert_eq!(room.note_permission(ben), Permission::Read);
        assert_eq!(room.note_permission(owner), Permission::Write);
        assert_eq!(room.note_permission(UserId::new(&clock)), Permission::None);
    }
}
