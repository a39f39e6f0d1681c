//! Edits that the REST API makes.

use studyhall_schema::note::Format;
use studyhall_store::log::{Entry, LoggedUpdate};
use studyhall_sync::{
    document::{Change, EditFailure, EditId, Effect, Input, Limits, Refusal, Yjs},
    text::NoteText,
};

use crate::cast::{NOW, Person, Stage, appended, cast, text_of};

#[test]
fn a_rest_edit_waits_for_its_commit_and_keeps_what_others_type() {
    let (mut stage, ada, _) = cast();
    stage.sends(&ada, ada.types("Hello world"));
    stage.stored();
    stage.sends(&ada, ada.types("!"));
    let change = puts("Hello new world");
    let asked = stage.input(Input::Edit { edit: EditId(1), by: ada.user.into(), change });
    assert!(!asked.iter().any(|effect| matches!(effect, Effect::EditDone { .. })));
    stage.stored();
    let stored = stage.stored();
    let done = stored.iter().any(|effect| matches!(effect, Effect::EditDone { result: Ok(3), .. }));
    assert!(done, "{stored:?}");
    assert_eq!(text_of(stage.core.state().doc()), "Hello new world!");
}

/// An edit that makes the note read so.
fn puts(text: &'static str) -> Change {
    Box::new(move |view, client| {
        let mut note = NoteText::of(view, Format::Plain);
        Ok(note.diff(client, text).expect("a text is edited"))
    })
}

fn done(effects: &[Effect]) -> Option<Result<u64, EditFailure>> {
    effects.iter().find_map(|effect| match effect {
        Effect::EditDone { result, .. } => Some(*result),
        _ => None,
    })
}

#[test]
fn a_rest_edit_comes_to_nothing_only_over_a_log_that_was_read() {
    let mut stage = Stage::<Yjs>::with_limits(Limits { alone: false, ..Limits::default() });
    let ada = Person::new(1);
    // On the other node the note is changed, and this one has not heard of it.
    let update =
        LoggedUpdate { login: None, put: None, by: ada.user, data: ada.types("milk and bread") };
    let entry = |seq| Entry { seq, batch: 7, at: NOW, updates: vec![update.clone()] };
    let asks = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::ReadLog)).count()
    };
    let asked = stage.input(Input::Edit { edit: EditId(1), by: ada.user.into(), change: puts("") });
    assert_eq!((done(&asked), asks(&asked)), (None, 1), "here it is empty already");
    assert!(stage.core.is_unsaved() && !stage.core.has_next_edit(), "it waits for the log");
    let told = stage.reads(vec![entry(1)]);
    assert!(appended(&told).is_some() && done(&told).is_none());
    assert_eq!(done(&stage.stored()), Some(Ok(2)));
    assert_eq!(text_of(stage.core.state().doc()), "");
    // What looks refused is so after a read that began after it came.
    let waits = stage.input(Input::Edit { edit: EditId(2), by: ada.user.into(), change: puts("") });
    assert_eq!((done(&waits), asks(&waits)), (None, 1));
    let absent: Change = Box::new(|_, _| Err(Refusal::Absent));
    let queued = stage.input(Input::Edit { edit: EditId(3), by: ada.user.into(), change: absent });
    assert_eq!((done(&queued), asks(&queued)), (None, 0));
    let told = stage.reads(vec![]);
    assert_eq!((done(&told), asks(&told)), (Some(Ok(2)), 0), "it changes nothing");
    let waits = stage.input(Input::Tick);
    assert_eq!((done(&waits), asks(&waits)), (None, 1));
    let paused = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Paused(is) => Some(*is),
            _ => None,
        })
    };
    assert_eq!(paused(&stage.input(Input::Unread)), Some(true));
    let told = stage.reads(vec![]);
    assert_eq!(done(&told), Some(Err(EditFailure::Refused(Refusal::Absent))));
    assert_eq!(paused(&told), Some(false));
    assert!(!stage.core.is_unsaved());
}

#[test]
fn edits_that_wait_for_the_log_share_a_read_of_it() {
    let mut stage = Stage::<Yjs>::with_limits(Limits { alone: false, ..Limits::default() });
    let ada = Person::new(1);
    let mut came = Vec::new();
    for edit in 1..=20 {
        came.extend(stage.input(Input::Edit {
            edit: EditId(edit),
            by: ada.user.into(),
            change: puts(""),
        }));
    }
    let asks = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::ReadLog)).count()
    };
    let ended = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::EditDone { .. })).count()
    };
    assert_eq!((ended(&came), asks(&came)), (0, 1));
    // The first one's read began before the others came: they need one more, and all the same one.
    let mut told = stage.reads(vec![]);
    while stage.core.has_next_edit() {
        told.extend(stage.input(Input::Tick));
    }
    assert_eq!((ended(&told), asks(&told)), (1, 1));
    let mut told = stage.reads(vec![]);
    while stage.core.has_next_edit() {
        told.extend(stage.input(Input::Tick));
    }
    assert_eq!((ended(&told), asks(&told)), (19, 0));
}
