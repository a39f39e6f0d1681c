//! The history of a note: who wrote when, what it said, and the way back.

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{clock::Clock as _, document::DocumentId, ids::UserId};
use studyhall_sync::{Base, PutText};

use crate::hall::{Hall, Person};

/// `[(version, by)]`, newest first.
async fn versions(hall: &Hall, who: &Person, path: &str) -> Vec<(u64, Vec<String>)> {
    let listed = who.get(hall, &format!("{path}/history?limit=100")).await.is(200);
    let by = |one: &Value| {
        let by = one["by"].as_array().unwrap();
        by.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let items = listed.body["items"].as_array().unwrap();
    items.iter().map(|one| (one["version"].as_u64().unwrap(), by(one))).collect()
}

async fn text(hall: &Hall, who: &Person, path: &str, version: u64) -> String {
    who.get(hall, &format!("{path}/history/{version}")).await.is(200).text("text")
}

#[tokio::test]
async fn a_note_goes_back_to_what_it_said_and_keeps_what_it_said_since() {
    // A document of Automerge begins with what all of its kind begin with.
    for (engine, format, one) in
        [("yjs", "plain", 1), ("yjs", "rich", 1), ("automerge", "plain", 2)]
    {
        let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
        let room = ada.opens_room(&hall).await;
        ada.lets_in(&hall, &room, &[&ben]).await;
        let body = json!({ "text": "one\ntwo", "format": format, "title": "T", "room_id": room, "engine": engine });
        let path = format!("/notes/{}", ada.writes_note(&hall, body).await);
        assert_eq!(versions(&hall, &ada, &path).await, [(one, vec![ada.id.clone()])]);
        hall.advance(6 * 60);
        ben.get(&hall, &path).await.is(200);
        ben.put(&hall, &path, json!({ "text": "one\nBEN" })).await.is(200);
        hall.advance(6 * 60);
        assert_eq!(text(&hall, &ada, &path, one + 1).await, "one\nBEN", "so she is shown it");
        ada.put(&hall, &path, json!({ "text": "ONE\nBEN" })).await.is(200);
        ben.get(&hall, &path).await.is(200);
        ben.put(&hall, &path, json!({ "text": "ONE\nBEN\nthree" })).await.is(200);

        let mut both = vec![ada.id.clone(), ben.id.clone()];
        both.sort_unstable();
        let all = [(one + 3, both), (one + 1, vec![ben.id.clone()]), (one, vec![ada.id.clone()])];
        assert_eq!(versions(&hall, &ben, &path).await, all);
        for (version, said) in
            [(one, "one\ntwo"), (one + 1, "one\nBEN"), (one + 3, "ONE\nBEN\nthree")]
        {
            assert_eq!(text(&hall, &ben, &path, version).await, said);
        }
        let (restore, history) = (format!("{path}/restore"), format!("{path}/history"));
        eve.get(&hall, &history).await.refused(404, "not-found");
        eve.get(&hall, &format!("{history}/1")).await.refused(404, "not-found");
        eve.post(&hall, &restore, json!({ "version": one })).await.refused(404, "not-found");
        ada.get(&hall, &format!("{history}/99")).await.refused(404, "not-found");
        ada.post(&hall, &restore, json!({ "version": 99 })).await.refused(404, "not-found");

        let ada = hall.login("ada").await; // her token has ended meanwhile
        // In the same five minutes.
        let back = ada.post(&hall, &restore, json!({ "version": one + 1 })).await.is(200);
        assert_eq!((&back.body["text"], &back.body["title"]), (&json!("one\nBEN"), &json!("T")));
        let now = versions(&hall, &ada, &path).await;
        assert_eq!(now[0].1, vec![ada.id.clone()]);
        assert_eq!(now[1..], all, "going back is an edit, it takes nothing away");
        assert_eq!(text(&hall, &ada, &path, one + 3).await, "ONE\nBEN\nthree");
        ada.post(&hall, &restore, json!({ "version": one + 3 })).await.is(200);
        assert_eq!(ada.get(&hall, &path).await.body["text"], "ONE\nBEN\nthree");
        let hall = hall.restarted(|_| {});
        assert_eq!(text(&hall, &ada, &path, one).await, "one\ntwo");
    }
}

#[tokio::test]
async fn members_who_read_look_at_versions_and_do_not_go_back() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let body = json!({ "name": "Class", "settings": { "members_can_edit_notes": false } });
    let room = ada.post(&hall, "/rooms", body).await.is(201).text("id");
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "shown", "room_id": room });
    let path = format!("/notes/{}", ada.writes_note(&hall, body).await);
    assert_eq!(text(&hall, &ben, &path, 1).await, "shown");
    let restore = format!("{path}/restore");
    ben.post(&hall, &restore, json!({ "version": 1 })).await.refused(403, "read-only");
}

#[tokio::test]
async fn going_back_with_if_match_goes_back_from_what_was_seen() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/notes/{}", ada.writes_note(&hall, json!({ "text": "one" })).await);
    hall.advance(6 * 60);
    let tag =
        ada.put(&hall, &path, json!({ "text": "two" })).await.is(200).header("etag").to_owned();
    ada.put(&hall, &path, json!({ "text": "three" })).await.is(200);
    let with_tag = |tag: &str| {
        let ask = ada.ask(&hall, Method::POST, &format!("{path}/restore"));
        ask.header("if-match", tag).json(json!({ "version": 1 }))
    };
    with_tag(&tag).send().await.refused(412, "changed-meanwhile");
    let tag = ada.get(&hall, &path).await.header("etag").to_owned();
    assert_eq!(with_tag(&tag).send().await.is(200).body["text"], "one");
}

#[tokio::test]
async fn a_long_history_has_pages() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/notes/{}", ada.writes_note(&hall, json!({ "text": "0" })).await);
    for round in 1..5 {
        hall.advance(2 * 60);
        ada.put(&hall, &path, json!({ "text": round.to_string() })).await.is(200);
        hall.advance(60);
    }
    let first = ada.get(&hall, &format!("{path}/history?limit=1")).await.is(200);
    assert_eq!(first.body["items"][0]["version"], 5);
    let cursor = first.text("next_cursor");
    let second = ada.get(&hall, &format!("{path}/history?limit=100&cursor={cursor}")).await.is(200);
    let older = second.body["items"].as_array().unwrap();
    let texts: Vec<_> = older.iter().map(|one| one["version"].as_u64().unwrap()).collect();
    assert_eq!(texts, [4, 2], "what is written within five minutes of the clock is one version");
}

#[tokio::test]
async fn a_title_goes_back_with_the_text() {
    for (format, engine) in [("plain", "yjs"), ("rich", "yjs"), ("plain", "automerge")] {
        let (hall, [ada]) = Hall::with(["ada"]).await;
        let body = json!({ "text": "one", "title": "First", "format": format, "engine": engine });
        let id = ada.writes_note(&hall, body).await;
        let path = format!("/notes/{id}");
        let before = versions(&hall, &ada, &path).await;
        hall.advance(6 * 60);
        // As a client of hers does over a socket.
        let put =
            PutText { text: "one".into(), title: Some("Second".into()), ..PutText::default() };
        let document = DocumentId::Note(id.parse().unwrap());
        hall.documents.put_text(document, ada.id.parse::<UserId>().unwrap(), put).await.unwrap();
        assert_eq!(ada.get(&hall, &path).await.is(200).body["title"], "Second");
        hall.advance(6 * 60);
        let ada = hall.login("ada").await;
        let restore = json!({ "version": before[0].0 });
        let back = ada.post(&hall, &format!("{path}/restore"), restore).await.is(200);
        assert_eq!((&back.body["title"], &back.body["text"]), (&json!("First"), &json!("one")));
        let now = versions(&hall, &ada, &path).await;
        assert_eq!(now.len(), 3, "{now:?}");
        assert_eq!(now[2], before[0]);
    }
}

/// As clients of theirs do over a socket.
async fn types(hall: &Hall, who: &Person, id: &str, text: &str) {
    let document = DocumentId::Note(id.parse().unwrap());
    let put = PutText { text: text.into(), ..PutText::default() };
    hall.documents.put_text(document, who.id.parse::<UserId>().unwrap(), put).await.unwrap();
}

#[tokio::test]
async fn what_others_wrote_a_moment_before_somebody_goes_back_is_a_version_of_theirs() {
    for (engine, format) in [("yjs", "plain"), ("yjs", "rich"), ("automerge", "plain")] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let room = ada.opens_room(&hall).await;
        ada.lets_in(&hall, &room, &[&ben]).await;
        let body = json!({ "text": "lake", "title": "T", "format": format, "room_id": room, "engine": engine });
        let id = ada.writes_note(&hall, body).await;
        let path = format!("/notes/{id}");
        let first = versions(&hall, &ada, &path).await[0].0;
        hall.advance(6 * 60);
        ada.get(&hall, &path).await.is(200);
        types(&hall, &ben, &id, "lake, and what took Ben long").await;
        let restore = format!("{path}/restore");
        ada.post(&hall, &restore, json!({ "version": first })).await.is(200);
        types(&hall, &ben, &id, "lake again").await;
        ada.post(&hall, &restore, json!({ "version": first })).await.is(200);

        let all = versions(&hall, &ada, &path).await;
        let mut said = Vec::new();
        for (version, by) in &all[1..] {
            said.push((text(&hall, &ada, &path, *version).await, by.clone()));
        }
        let (a, b) = (ada.id.clone(), ben.id.clone());
        let mut both = vec![a.clone(), b.clone()];
        both.sort_unstable();
        let wanted = [
            ("lake again".to_owned(), both),
            ("lake, and what took Ben long".to_owned(), vec![b]),
            ("lake".to_owned(), vec![a.clone()]),
        ];
        assert_eq!(said, wanted, "{engine} {format}");
        assert_eq!(all[0].1, [a]);
        // To and fro makes no versions, and all stay for a day.
        for (version, _) in [&all[1], &all[2], &all[3], &all[1], &all[3]] {
            ada.post(&hall, &restore, json!({ "version": version })).await.is(200);
        }
        assert_eq!(versions(&hall, &ada, &path).await[1..], all[1..]);
        hall.advance(2 * 60 * 60);
        let ada = hall.login("ada").await;
        types(&hall, &ada, &id, "later").await;
        ada.get(&hall, &path).await.is(200);
        let later = versions(&hall, &ada, &path).await;
        assert!(all[1..].iter().all(|version| later.contains(version)), "{later:?}");
    }
}

#[tokio::test]
async fn whatever_is_typed_while_somebody_goes_back_is_in_the_note_or_in_a_version() {
    for (engine, format) in [("yjs", "plain"), ("yjs", "rich"), ("automerge", "plain")] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let room = ada.opens_room(&hall).await;
        ada.lets_in(&hall, &room, &[&ben]).await;
        let body = json!({ "text": "lake", "format": format, "room_id": room, "engine": engine });
        let id = ada.writes_note(&hall, body).await;
        let path = format!("/notes/{id}");
        let first = versions(&hall, &ada, &path).await[0].0;
        hall.advance(6 * 60);
        let typing = async {
            for word in 0..40 {
                let now = ben.get(&hall, &path).await.is(200).text("text");
                let put = PutText {
                    text: format!("{now}\nword{word}."),
                    bases: vec![Base { text: now, ..Base::default() }],
                    ..PutText::default()
                };
                let document = DocumentId::Note(id.parse().unwrap());
                let by = ben.id.parse::<UserId>().unwrap();
                hall.documents.put_text(document, by, put).await.unwrap();
            }
        };
        let restore = format!("{path}/restore");
        let going_back = async {
            for _ in 0..8 {
                ada.post(&hall, &restore, json!({ "version": first })).await.is(200);
            }
        };
        tokio::join!(typing, going_back);
        let mut said = String::new();
        for (version, _) in versions(&hall, &ada, &path).await {
            said += &text(&hall, &ada, &path, version).await;
        }
        for word in 0..40 {
            assert!(said.contains(&format!("word{word}.")), "{engine} {format}: word{word}");
        }
    }
}

#[tokio::test]
async fn nobody_makes_any_number_of_versions_by_going_back() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    let ada = hall.register("ada").await;
    let id = ada.writes_note(&hall, json!({ "text": "0" })).await;
    let (path, restore) = (format!("/notes/{id}"), format!("/notes/{id}/restore"));
    hall.advance(6 * 60);
    let mut kept = 0;
    let refused = loop {
        types(&hall, &ada, &id, &format!("said {kept}")).await;
        let back = ada.post(&hall, &restore, json!({ "version": 1 })).await;
        if back.status != 200 {
            break back.refused(429, "too-many-requests");
        }
        kept += 1;
        assert!(kept < 100, "she goes on for ever");
    };
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(ada.get(&hall, &path).await.is(200).text("text"), format!("said {kept}"));
}

#[tokio::test]
async fn the_newest_version_is_found_by_the_name_that_it_was_listed_under() {
    for (engine, one) in [("yjs", 1), ("automerge", 2)] {
        let (hall, [ada]) = Hall::with(["ada"]).await;
        let id = ada.writes_note(&hall, json!({ "text": "a", "engine": engine })).await;
        let (path, restore) = (format!("/notes/{id}"), format!("/notes/{id}/restore"));
        types(&hall, &ada, &id, "a b").await;
        let listed = versions(&hall, &ada, &path).await[0].0;
        types(&hall, &ada, &id, "a b c").await;
        let now = ada.get(&hall, &format!("{path}/history/{listed}")).await.is(200);
        assert_eq!((now.text("text").as_str(), &now.body["version"]), ("a b c", &json!(one + 2)));
        // What she looked at is not what it has become.
        let back = ada.post(&hall, &restore, json!({ "version": listed })).await;
        back.refused(409, "version-changed");
        assert_eq!(ada.get(&hall, &path).await.text("text"), "a b c");
        hall.advance(6 * 60);
        types(&hall, &ada, &id, "later").await;
        assert_eq!(text(&hall, &ada, &path, listed).await, "a b c");
        let beyond = format!("{path}/history/{}", one + 4);
        ada.get(&hall, &beyond).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn two_who_go_back_at_once_do_not_mix_their_versions() {
    for (engine, format) in [("yjs", "plain"), ("yjs", "rich"), ("automerge", "plain")] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let room = ada.opens_room(&hall).await;
        ada.lets_in(&hall, &room, &[&ben]).await;
        let said = ["one lake\nis cold", "two hills\nand a house"];
        let body = json!({ "text": said[0], "format": format, "room_id": room, "engine": engine });
        let id = ada.writes_note(&hall, body).await;
        let (path, restore) = (format!("/notes/{id}"), format!("/notes/{id}/restore"));
        hall.advance(6 * 60);
        types(&hall, &ben, &id, said[1]).await;
        ada.get(&hall, &path).await.is(200);
        hall.advance(6 * 60);
        types(&hall, &ben, &id, "three words more").await;
        let all = versions(&hall, &ada, &path).await;
        for _ in 0..4 {
            let back = |who, version: u64| {
                let (hall, restore) = (&hall, &restore);
                let who: &Person = who;
                async move { who.post(hall, restore, json!({ "version": version })).await.is(200) }
            };
            tokio::join!(back(&ada, all[2].0), back(&ben, all[1].0));
            let now = ada.get(&hall, &path).await.is(200).text("text");
            assert!(said.contains(&now.as_str()), "{engine} {format}: {now:?}");
        }
        assert_eq!(versions(&hall, &ada, &path).await[1..], all, "{engine} {format}");
    }
}

const HOUR: u64 = 60 * 60;

#[tokio::test]
async fn who_wrote_a_version_that_is_not_kept_any_more_is_named_in_the_one_that_is() {
    let (hall, [ada, ben, carol]) = Hall::with(["ada", "ben", "carol"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben, &carol]).await;
    // From the beginning of a day on, so that all of them write in one hour of it.
    let past = hall.clock.now().as_millis().unsigned_abs() / 1000 % (24 * HOUR);
    hall.advance(24 * HOUR - past + 60);
    let ada = hall.login("ada").await;
    let id = ada.writes_note(&hall, json!({ "text": "", "room_id": room })).await;
    let path = format!("/notes/{id}");
    for (who, said) in [(&ben, "the essay, by Ben"), (&carol, "the essay, by Ben,")] {
        types(&hall, who, &id, said).await;
        ada.get(&hall, &path).await.is(200);
        hall.advance(10 * 60);
    }
    let ada = hall.login("ada").await;
    let then = versions(&hall, &ada, &path).await;
    assert_eq!(then.len(), 2, "{then:?}");
    for days in 1..=3 {
        hall.advance(24 * HOUR);
        let ada = hall.login("ada").await;
        types(&hall, &ada, &id, &format!("the essay, read for {days} days")).await;
        ada.get(&hall, &path).await.is(200);
    }
    let ada = hall.login("ada").await;
    let now = versions(&hall, &ada, &path).await;
    let (oldest, by) = now.last().unwrap();
    assert_eq!(*oldest, then[0].0, "{now:?}");
    assert_eq!(text(&hall, &ada, &path, *oldest).await, "the essay, by Ben,");
    assert!(by.contains(&ben.id) && by.contains(&carol.id), "{now:?}: Ben wrote it");
    // Nor is another text shown under the name of what is gone.
    ada.get(&hall, &format!("{path}/history/{}", then[1].0)).await.refused(404, "not-found");
}

/// A version that Ada has, and Ben does not find.
async fn is_hidden(hall: &Hall, path: &str, (ada, ben): (&Person, &Person), version: u64) {
    let mut page = ben.get(hall, &format!("{path}/history?limit=1")).await.is(200);
    while let Some(cursor) = page.body["next_cursor"].as_str() {
        let next = format!("{path}/history?limit=1&cursor={cursor}");
        page = ben.get(hall, &next).await.is(200);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.iter().all(|one| one["version"] != version), "{items:?}");
    }
    assert!(versions(hall, ben, path).await.iter().all(|one| one.0 != version));
    ben.get(hall, &format!("{path}/history/{version}")).await.refused(404, "not-found");
    let wanted = json!({ "version": version });
    ben.post(hall, &format!("{path}/restore"), wanted).await.refused(404, "not-found");
    assert!(versions(hall, ada, path).await.iter().any(|one| one.0 == version));
}

#[tokio::test]
async fn members_are_not_shown_what_a_note_said_while_it_was_its_owners_alone() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let room = ada.opens_room(&hall).await;
        ada.lets_in(&hall, &room, &[&ben]).await;
        let body = json!({ "text": "Ben's grade is a D", "room_id": room, "is_shared": false, "engine": engine });
        let id = ada.writes_note(&hall, body).await;
        let (path, restore) = (format!("/notes/{id}"), format!("/notes/{id}/restore"));
        let secret = versions(&hall, &ada, &path).await[0].0;
        hall.advance(6 * 60);
        let shared = json!({ "text": "Reading list", "is_shared": true });
        ada.put(&hall, &path, shared).await.is(200);
        is_hidden(&hall, &path, (&ada, &ben), secret).await;
        // What it said when it was shared, and since, everybody may see, and go back to.
        let first = versions(&hall, &ben, &path).await[0].0;
        assert_eq!(text(&hall, &ben, &path, first).await, "Reading list");
        hall.advance(6 * 60);
        types(&hall, &ben, &id, "emptied by mishap").await;
        let back = ben.post(&hall, &restore, json!({ "version": first })).await.is(200);
        assert_eq!(back.text("text"), "Reading list", "{engine}");
        let (ada, ben) = (hall.login("ada").await, hall.login("ben").await);
        // Taken back, and shared once more: what was written between is the owner's, and so is all before.
        for (is_shared, said) in [(false, "Ben again: a D"), (true, "Reading list, new")] {
            hall.advance(6 * 60);
            ada.put(&hall, &path, json!({ "is_shared": is_shared })).await.is(200);
            types(&hall, &ada, &id, said).await;
            ada.get(&hall, &path).await.is(200);
        }
        for hidden in versions(&hall, &ada, &path).await.iter().skip(2) {
            is_hidden(&hall, &path, (&ada, &ben), hidden.0).await;
        }
        assert_eq!(versions(&hall, &ada, &path).await.last().unwrap().0, secret);
    }
}
