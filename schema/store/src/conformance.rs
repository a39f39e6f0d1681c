//! What every store must do, told as a story. Each backend runs it in its tests.
//!
//! It needs a store of its own and leaves its records behind. A broken promise panics with the
//! sentence that was broken.

mod documents;
mod people;
mod shared;
mod uploads;

use crate::Store;

/// Runs the story.
///
/// # Panics
/// When the store breaks a promise.
pub async fn conformance(store: &Store) {
    people::come_and_go(store).await;
    people::change_at_the_same_time(store).await;
    people::are_listed_in_pages(store).await;
    people::are_forgotten_after_a_time(store).await;
    documents::are_written_in_order(store).await;
    documents::are_written_by_two_nodes(store).await;
    documents::are_compacted(store).await;
    documents::are_fenced(store).await;
    documents::are_quarantined_and_removed(store).await;
    uploads::are_signed_and_absent(store).await;
    uploads::arrive_whole_or_not_at_all(store).await;
    uploads::are_copied_as_they_were_checked(store).await;
    shared::news_reach_who_listens(store).await;
    shared::rates_are_kept(store).await;
    shared::tickets_are_good_once(store).await;
    shared::what_was_left_is_found(store).await;
    store.healthy().await.expect("a store that works is healthy");
}
