//! How much of what one person is shown is kept. Must not know what it is.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use studyhall_schema::Timestamp;

use super::OF_A_PERSON;

/// What was kept counts no more after this.
const AN_HOUR: Duration = Duration::from_hours(1);

/// What a person has had kept within the hour: it is forgotten evenly.
#[derive(Debug, Default)]
pub(super) struct Portion(Mutex<Option<(usize, Timestamp)>>);

impl Portion {
    /// Whether so many bytes more are kept.
    pub(super) fn takes(&self, bytes: usize, now: Timestamp) -> bool {
        let mut portion = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, at) = portion.unwrap_or((0, now));
        let hour = AN_HOUR.as_millis();
        let forgotten = OF_A_PERSON as u128 * now.since(at).as_millis() / hour;
        let kept = kept.saturating_sub(usize::try_from(forgotten).unwrap_or(usize::MAX));
        let takes = kept + bytes <= OF_A_PERSON;
        *portion = Some((if takes { kept + bytes } else { kept }, now.max(at)));
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_without_end_has_an_eighth_kept_and_the_rest_by_and_by() {
        let (portion, start) = (Portion::default(), Timestamp::from_millis(0));
        let text = 1 << 20;
        let reads = |now| (0..100).filter(|_| portion.takes(text, now)).count();
        assert_eq!(reads(start), OF_A_PERSON / text);
        assert_eq!(reads(start), 0);
        assert_eq!(reads(start + Duration::from_mins(30)), OF_A_PERSON / text / 2);
        assert_eq!(reads(start), 0, "a clock that goes back gives nothing");
        assert!(portion.takes(0, start));
    }
}
