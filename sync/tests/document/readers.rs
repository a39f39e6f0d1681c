//! People who read more slowly than others write.

use studyhall_store::log::{Entry, LoggedUpdate};
use studyhall_sync::{
    document::{Effect, Input, Lost, State},
    guard::{self, Run},
};

use crate::cast::{NOW, appended, cast, shown};

#[test]
fn a_slow_reader_gets_one_difference_without_a_hole() {
    let (mut stage, ada, ben) = cast();
    stage.sends(&ada, ada.types("a"));
    let shown_before = stage.stored();
    ben.hears(shown(&shown_before).expect("the first is shown"));
    for letter in ["b", "c", "d"] {
        stage.sends(&ada, ada.types(letter));
        stage.stored();
        stage.input(Input::Lagging { peer: ben.peer(), lost: Lost::FanOut });
        assert!(!stage.core.is_fed(ben.peer()));
    }
    let drained = stage.input(Input::Drained { peer: ben.peer() });
    let [Effect::Difference { update, missed, .. }] = &drained[..] else { panic!("{drained:?}") };
    assert!(!missed.step2);
    ben.hears(update);
    assert_eq!(ben.reads(), "abcd");
    assert!(stage.core.is_fed(ben.peer()));
}

#[test]
fn a_slow_reader_of_several_entries_at_once_gets_all_of_them() {
    let (mut stage, ada, ben) = cast();
    let written = ["a", "b", "c"].map(|letter| ada.types(letter));
    stage.missed(&ada, &written);
    // The first went out, its queue was full for the second.
    ben.hears(&written[0]);
    stage.input(Input::Lagging { peer: ben.peer(), lost: Lost::FanOut });
    let drained = stage.input(Input::Drained { peer: ben.peer() });
    let [Effect::Difference { update, .. }] = &drained[..] else { panic!("{drained:?}") };
    ben.hears(update);
    assert_eq!(ben.reads(), "abc");
}

#[test]
fn a_slow_reader_gets_what_a_document_that_was_loaded_again_has_more() {
    let (mut stage, ada, ben) = cast();
    let mut elsewhere = State::default();
    for (at, letter) in (1..).zip(["a", "b", "c"]) {
        let updates =
            vec![LoggedUpdate { login: None, put: None, by: ada.user, data: ada.types(letter) }];
        elsewhere.apply_entry(&Entry { seq: at, batch: at, at: NOW, updates }).expect("it applies");
    }
    let read = stage.core.reads_asked();
    stage.input(Input::Reloaded { state: Box::new(elsewhere), read });
    stage.input(Input::Lagging { peer: ben.peer(), lost: Lost::FanOut });
    let drained = stage.input(Input::Drained { peer: ben.peer() });
    let [Effect::Difference { update, .. }] = &drained[..] else { panic!("{drained:?}") };
    ben.hears(update);
    assert_eq!(ben.reads(), "abc");
}

#[test]
fn nobody_is_sent_again_what_was_there_before() {
    let (mut stage, ada, ben) = cast();
    stage.sends(&ada, ada.types("abc"));
    ada.types("def");
    // Ada's line dies, and what she sends next begins before what is being stored.
    assert!(appended(&stage.sends(&ada, ada.all())).is_none());
    for (start, end) in [(0, 3), (3, 6)] {
        let stored = stage.stored();
        let update = shown(&stored).expect("it is shown");
        let scan = guard::update_v1(update).expect("the server sends updates");
        assert_eq!(scan.inserts.as_slice(), [Run { client: 1001, start, end }]);
        ben.hears(update);
    }
    assert_eq!(ben.reads(), "abcdef");
}
