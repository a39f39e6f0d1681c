//! What is older is kept more seldom: a version that goes leaves who wrote it to the next that stays.

use std::convert::Infallible;

use studyhall_schema::{
    Timestamp,
    ids::NoteId,
    note_version::{NoteVersion, superfluous},
};
use studyhall_store::{Page, Records, Store};

use crate::SyncFault;

/// Versions that are looked at to see which are too many.
const THINNED: usize = 500;
/// Others may thin at the same time, so often; what is left then, the next version that ends comes to.
const TRIES: usize = 4;

/// Deletes the versions of a note that are too many. Several nodes may, at once.
pub(super) async fn thin(store: &Store, note: NoteId, now: Timestamp) -> Result<(), SyncFault> {
    let versions = store.records::<NoteVersion>();
    for _ in 0..TRIES {
        let page = Page::of("note").equal(note).descending().without("text").limit(THINNED);
        let known = versions.page(page).await?.items;
        let known: Vec<_> = known.into_iter().map(|version| version.value).collect();
        let mut is_done = true;
        for (version, kept) in superfluous(&known, now) {
            is_done &= fold(&versions, version, kept).await?;
        }
        if is_done {
            break;
        }
    }
    Ok(())
}

/// Names who wrote a version in the one that is kept, durably, and then deletes it. It is marked first, and what is
/// marked names nobody any more: else another node could, just before it is deleted, name in it who is then lost.
/// Whoever is killed on the way leaves a version too much, marked, to which the next one comes. Whether it is done.
async fn fold(
    versions: &Records<NoteVersion>,
    version: &NoteVersion,
    kept: &NoteVersion,
) -> Result<bool, SyncFault> {
    let marked = versions.update(&version.id, |version| {
        version.is_thinned = true;
        Ok::<_, Infallible>(())
    });
    let Some(Ok(marked)) = marked.await? else { return Ok(true) };
    let folded = versions.update(&kept.id, |kept| {
        if kept.is_thinned || !kept.is_closed() {
            return Err(());
        }
        kept.takes_over(&marked);
        Ok(())
    });
    if !matches!(folded.await?, Some(Ok(_))) {
        return Ok(false);
    }
    versions.delete(&version.id).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use studyhall_schema::{clock::TestClock, ids::UserId};
    use studyhall_store::StoreConfig;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOURS: i64 = 60;
    const DAY: i64 = 24 * HOURS * MINUTE;

    async fn desk() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let places = StoreConfig {
            records: format!("sqlite:{}", at("db")),
            files: format!("dir:{}", at("files")),
            bus: "local".into(),
        };
        let store = Store::open(&places, Arc::new(TestClock::new(1))).await.unwrap();
        (folder, store)
    }

    fn writer(number: u8) -> UserId {
        UserId::from_bytes([number; 12])
    }

    /// Forty versions, ten minutes apart, each by somebody else.
    async fn history(store: &Store, note: NoteId) {
        for number in 1..=40_u8 {
            let at = Timestamp::from_millis(400 * DAY + i64::from(number) * 10 * MINUTE);
            let version = NoteVersion {
                by: [writer(number)].into(),
                title: Some("T".into()),
                text: Some(number.to_string()),
                ..NoteVersion::new(note, u64::from(number), at)
            };
            store.records::<NoteVersion>().insert(version).await.unwrap();
        }
    }

    /// What is left, oldest first, names everybody in the first version that has what they wrote.
    async fn names_everybody(store: &Store, note: NoteId) -> usize {
        let page = Page::of("note").equal(note).limit(100);
        let left = store.records::<NoteVersion>().page(page).await.unwrap().items;
        for number in 1..=40_u8 {
            let has_it = left.iter().find(|version| version.seq >= u64::from(number)).unwrap();
            assert!(has_it.by.contains(&writer(number)), "{number} in {has_it:?}");
        }
        left.len()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn several_who_thin_at_once_lose_nobody_who_wrote() {
        let (_folder, store) = desk().await;
        for number in 1..=12 {
            let note = NoteId::from_bytes([number; 12]);
            history(&store, note).await;
            // To one an hour, to one a day, to one a week: what one of them keeps, another does not.
            let thins = [1, 20, 40].map(|days| {
                let (store, now) = (store.clone(), Timestamp::from_millis((400 + days) * DAY));
                tokio::spawn(async move { thin(&store, note, now).await.unwrap() })
            });
            for thinned in thins {
                thinned.await.unwrap();
            }
            names_everybody(&store, note).await;
            thin(&store, note, Timestamp::from_millis(440 * DAY)).await.unwrap();
            assert_eq!(names_everybody(&store, note).await, 1);
        }
    }

    #[tokio::test]
    async fn who_is_killed_while_they_thin_loses_nobody_who_wrote() {
        let (_folder, store) = desk().await;
        let (note, now) = (NoteId::from_bytes([1; 12]), Timestamp::from_millis(401 * DAY));
        history(&store, note).await;
        let versions = store.records::<NoteVersion>();
        let all = versions.page(Page::of("note").equal(note).limit(100)).await.unwrap().items;
        let mark = |version: &mut NoteVersion| {
            version.is_thinned = true;
            Ok::<_, Infallible>(())
        };
        // One was killed after the mark, one after others were named.
        for version in [&all[3], &all[9]] {
            versions.update(&version.id, mark).await.unwrap();
        }
        let named = versions.update(&all[10].id, |next| {
            next.takes_over(&all[9]);
            Ok::<_, Infallible>(())
        });
        named.await.unwrap();
        thin(&store, note, now).await.unwrap();
        assert_eq!(names_everybody(&store, note).await, 7);
        let ids: BTreeSet<_> = [&all[3].id, &all[9].id].into();
        let left = versions.page(Page::of("note").equal(note).limit(100)).await.unwrap().items;
        assert!(left.iter().all(|version| !ids.contains(&version.id)));
    }
}
