//! Versions of a note name who wrote what they say.

use studyhall_schema::note_version::NoteVersion;
use studyhall_store::Page;

use super::{todos::ben, *};

#[tokio::test]
async fn what_somebody_wrote_last_before_a_version_ended_is_theirs_in_the_next() {
    let desk = desk().await;
    let record = note(9, DocumentKind::PlainNote);
    let (id, DocumentId::Note(named)) = (record.id, record.id) else { panic!("a note") };
    desk.documents.create(record, ada(), None, "start").await.unwrap();
    // The row follows within a second, and five minutes of the clock end before.
    desk.clock.advance(Duration::from_millis(299_900));
    let mut text = "start".to_owned();
    for (words, by) in [(" ada-last", ada()), (" ben-first", ben())] {
        text.push_str(words);
        let wanted = text.clone();
        let change: Change = Box::new(move |view, client| {
            let wanted = Wanted { text: &wanted, title: None };
            NoteText::of(view, Format::Plain).diff(client, wanted).map_err(|_| Refusal::Undecodable)
        });
        desk.documents.edit(id, by, change).await.unwrap();
        desk.clock.advance(Duration::from_millis(200));
    }
    let (_, now) = desk.reads(9).await;
    let page = Page::of("note").equal(named).limit(10);
    let versions = desk.store.records::<NoteVersion>().page(page).await.unwrap().items;
    assert_eq!((now.as_str(), versions.len()), ("start ada-last ben-first", 2));
    let mut said = String::new();
    for version in versions {
        let text = version.value.text.unwrap_or_else(|| now.clone());
        let new = text.strip_prefix(&said).unwrap();
        let wrote = |words: &str| new.contains(words);
        let by = &version.value.by;
        assert_eq!(by.contains(&ada()), wrote("start") || wrote("ada"), "{new:?} by {by:?}");
        assert_eq!(by.contains(&ben()), wrote("ben"), "{new:?} by {by:?}");
        said = text;
    }
    assert_eq!(said, now);
}
