//! Documents that are nearly full, or full.

use studyhall_schema::access::Permission;
use studyhall_sync::document::{Effect, Input, Limits, Refusal, Yjs};

use crate::cast::{Person, Stage, refusal, text_of};

#[test]
fn a_full_document_takes_no_more_and_is_still_read() {
    let limits = Limits { soft_bytes: 2_000, hard_bytes: 4_000, ..Limits::default() };
    let (mut stage, ada) = (Stage::<Yjs>::with_limits(limits), Person::new(1));
    stage.joins(&ada, Permission::Write);
    stage.sends(&ada, ada.types(&"x".repeat(1_900)));
    stage.stored();
    let near = stage.sends(&ada, ada.types(&"x".repeat(500)));
    let is_near =
        |effect: &Effect, peer| matches!(effect, Effect::NearlyFull { to } if *to == peer);
    assert!(near.iter().any(|effect| is_near(effect, None)));
    stage.stored();
    let ben = Person::new(2);
    let (peer, user, permission) = (ben.peer(), ben.user, Permission::Read);
    let later = stage.input(Input::Join { peer, user, permission });
    assert!(later.iter().any(|effect| is_near(effect, Some(peer))), "who opens it later");
    let full = stage.sends(&ada, ada.types(&"x".repeat(3_000)));
    assert_eq!(refusal(&full), Some(Refusal::DocumentFull));
    assert_eq!(text_of(stage.core.state().doc()).len(), 2_400);
    // Who makes room has it.
    let (mut stage, ada) = (Stage::<Yjs>::with_limits(limits), Person::new(1));
    stage.joins(&ada, Permission::Write);
    for _ in 0..7 {
        stage.sends(&ada, ada.types(&"x".repeat(500)));
        stage.stored();
    }
    stage.sends(&ada, ada.deletes(3_000));
    stage.stored();
    assert_eq!(refusal(&stage.sends(&ada, ada.types(&"y".repeat(2_000)))), None);
    // Who deletes nothing that took room does not have it measured for ever.
    let (mut stage, ada) = (Stage::<Yjs>::with_limits(limits), Person::new(1));
    stage.joins(&ada, Permission::Write);
    for _ in 0..7 {
        stage.sends(&ada, ada.types(&"x".repeat(500)));
        stage.stored();
    }
    for _ in 0..20 {
        stage.sends(&ada, ada.deletes_first());
        stage.stored();
        let too_much = Person::new(2).types(&"z".repeat(2_000));
        assert_eq!(refusal(&stage.sends(&ada, too_much)), Some(Refusal::DocumentFull));
    }
}
