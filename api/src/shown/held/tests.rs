//! What sign-ins hold after they were shown and have put this and that.

use super::*;

fn texts(held: &Held) -> Vec<String> {
    let name = |one: &Entry| match &one.text {
        Text::After(seq) => format!("{seq}"),
        Text::Put(hash) | Text::Says(hash) => hash.clone(),
    };
    held.0.iter().map(name).collect()
}

#[test]
fn what_is_only_listed_after_a_loss_is_told_from_what_was_known_before() {
    const HOUR: Duration = Duration::from_hours(1);
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let mut held = Held::default();
    held.shows(1, How::Opened, 10);
    held.shows(2, How::Listed, 10);
    held.written_at(at(10));
    held.read_at(at(20), HOUR);
    assert!(!held.is_only_listed());
    // All is forgotten, and while Redis is away each look finds it so.
    for now in [30, 31] {
        held.read_at(at(now), Duration::ZERO);
        held.shows(2, How::Listed, 10);
        held.shows(3, How::Listed, 10);
        assert!(held.is_only_listed());
        assert_eq!([1, 2, 3].map(|seq| held.is_listed_since(&seq.into())), [false, false, true]);
        held.written_at(at(now));
    }
    held.shows(4, How::Opened, 10);
    assert!(!held.is_only_listed());
    held.shows(5, How::Listed, 10);
    assert!(!held.is_listed_since(&5.into()));
}

#[test]
fn who_goes_on_from_what_they_put_has_left_what_they_had() {
    let mut held = Held::default();
    held.shows(1, How::Opened, 10);
    held.puts("a", 10, None);
    held.put(("a", 10), Outcome::Answered, Some(&Text::After(1)), (2, 10, false));
    assert_eq!(texts(&held), ["1", "a", "2"], "another tab may have it open");
    held.puts("b", 10, None);
    held.put(("b", 10), Outcome::Answered, Some(&Text::Put("a".into())), (4, 10, false));
    assert_eq!(texts(&held), ["1", "a", "b", "4"], "the words of the first are hers");
    // This time the answer was taken over.
    held.puts("c", 10, None);
    held.put(("c", 10), Outcome::Answered, Some(&Text::After(4)), (5, 10, false));
    assert_eq!(texts(&held), ["1", "a", "b", "c", "5"]);
    assert!(!held.is_opened_since(&Text::Put("c".into())));
    held.shows(5, How::Listed, 10);
    assert!(!held.is_opened_since(&Text::Put("c".into())));
    held.shows(5, How::Opened, 10);
    assert!(held.is_opened_since(&Text::Put("c".into())));
    assert_eq!(texts(&held), ["1", "a", "b", "c", "5", "5"]);
}

#[test]
fn only_the_newest_put_from_the_same_text_is_put_once_more() {
    let mut held = Held::default();
    let puts = |held: &mut Held, hash: &str, of: &str, seq: u64| {
        let is_again = held.again(hash, of).is_some();
        held.puts(hash, 10, Some(of.into()));
        held.put((hash, 10), Outcome::Answered, None, (seq, 10, false));
        is_again
    };
    assert!(!puts(&mut held, "eggs", "milk", 1));
    assert!(puts(&mut held, "eggs", "milk", 2), "a retry");
    assert!(!puts(&mut held, "milk", "eggs", 3), "undone");
    assert!(!puts(&mut held, "eggs", "milk", 4), "done again");
    assert!(!puts(&mut held, "eggs", "honey", 5), "made from something else");
    held.shows(5, How::Opened, 10);
    held.is_made_of(Some("eggs, and what others say".into()));
    assert!(puts(&mut held, "eggs", "honey", 6), "looked at since, and sent as it was");
    held.shows(6, How::Opened, 10);
    held.is_made_of(Some("honey".into()));
    assert!(!puts(&mut held, "eggs", "honey", 7), "looked at since, and it was not there");
    held.puts("bread", 10, Some("eggs".into()));
    held.failed("bread", None);
    let unknown = Some(("bread", Outcome::Unknown(None)));
    assert_eq!(held.again("bread", "eggs"), unknown);
    assert_eq!(held.again("bread and more", "eggs"), unknown, "they have written on");
    assert_eq!(held.again("bread", "bread"), None);
}

#[test]
fn what_came_after_it_was_written_may_have_been_forgotten() {
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let mut held = Held::default();
    held.read_at(at(50), Duration::ZERO);
    assert_eq!(held.lacks_until(), None, "nothing is held");
    held.shows(Text::After(1), How::Opened, 10);
    held.written_at(at(50));
    held.read_at(at(60), Duration::from_secs(10));
    assert_eq!(held.lacks_until(), None);
    held.puts("a", 10, None);
    assert_eq!(held.unknown(|_| false).collect::<Vec<_>>(), ["a"]);
    assert_eq!(held.unknown(|hash| hash == "a").count(), 0);
    held.put(("a", 10), Outcome::Answered, None, (Text::After(2), 10, false));
    held.written_at(at(60));
    assert_eq!((held.unknown(|_| false).count(), held.newest_seq()), (0, Some(2)));
    held.read_at(at(70), Duration::from_secs(9));
    assert_eq!(held.lacks_until(), Some(at(61)), "a node may have put something since");
    held.written_at(at(70));
    held.read_at(at(71), Duration::from_secs(10));
    assert_eq!(held.lacks_until(), Some(at(61)), "and nobody has told it since");
}

#[test]
fn what_is_known_of_a_todo_is_so_in_its_list() {
    let list = |number| DocumentId::Todos([number; 12]);
    let mut held = Held::default();
    held.is_in(list(1), 7);
    held.is_in(list(1), 5); // by a node that is behind
    assert_eq!((held.newest_in(list(1)), held.newest_in(list(2))), (Some(7), None));
    held.is_in(list(2), 3);
    assert_eq!((held.newest_in(list(1)), held.newest_in(list(2))), (None, Some(3)));
}

#[test]
fn it_is_bounded_in_number_and_in_bytes() {
    let mut held = Held::default();
    held.shows(1, How::Opened, 10);
    for seq in 2..100 {
        held.shows(seq, How::Listed, 10);
    }
    assert_eq!(texts(&held)[..2], ["1", "92"], "a list in the background displaces no opened one");
    for number in 0..20 {
        held.puts(&format!("put{number}"), 10, None);
        held.shows(100 + number, How::Opened, 10);
    }
    assert_eq!(held.0.len(), LISTED + OPENED + 2 * PUT);
    let dropped = |number: u64| Text::Put(format!("put{number}"));
    assert_eq!(held.dropped(), (0..12).map(dropped).collect::<Vec<_>>());
    held.shows(200, How::Opened, BYTES);
    assert_eq!(texts(&held), ["200"]);
    assert_eq!(held.dropped(), (12..20).map(dropped).collect::<Vec<_>>());
    held.shows(201, How::Listed, BYTES + 1);
    assert_eq!(texts(&held), ["201"], "the newest is known, however long");
}
