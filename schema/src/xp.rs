//! XP and what it unlocks. All constants are here.

/// The highest level.
pub const LEVEL_CAP: u32 = 100;

/// What a level lets somebody do. People who are invited need no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlocks {
    /// How many shared rooms a person may own at once; `None` is no limit.
    pub shared_rooms: Option<usize>,
    /// How many people a room of theirs may hold.
    pub room_size: usize,
    /// Whether they may open public rooms.
    pub public_rooms: bool,
}

/// The largest n with `250·n·(n−1) ≤ xp`, at most [`LEVEL_CAP`].
pub fn level(xp: u64) -> u32 {
    (1..LEVEL_CAP).find(|n| 250 * u64::from(n + 1) * u64::from(*n) > xp).unwrap_or(LEVEL_CAP)
}

/// What `level` unlocks.
pub fn unlocks(level: u32) -> Unlocks {
    match level {
        0..=2 => Unlocks { shared_rooms: Some(1), room_size: 5, public_rooms: false },
        3..=4 => Unlocks { shared_rooms: None, room_size: 10, public_rooms: false },
        5..=7 => Unlocks { shared_rooms: None, room_size: 25, public_rooms: true },
        _ => Unlocks { shared_rooms: None, room_size: 50, public_rooms: true },
    }
}

/// What an admin may do, whatever their level.
pub const ADMIN: Unlocks = Unlocks { shared_rooms: None, room_size: 50, public_rooms: true };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_where_the_rules_say() {
        let seen: Vec<u32> = [0, 250, 499, 500, 1_499, 1_500, u64::MAX].map(level).to_vec();
        assert_eq!(seen, [1, 1, 1, 2, 2, 3, 100]);
    }
}
