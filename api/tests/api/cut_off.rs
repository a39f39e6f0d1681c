//! Requests whose client hung up, or whose node died, in the middle: what comes again is the same.

use std::{collections::HashSet, pin::pin};

use futures_util::poll;
use http::Method;
use serde_json::{Value, json};
use studyhall_schema::login::Login;

use crate::hall::{Ask, Hall, Person};

/// Further and further into a request: in turns of its task.
pub(crate) const TURNS: [usize; 10] = [1, 3, 10, 30, 100, 200, 400, 1_000, 3_000, 10_000];

/// Sends a request and hangs up after so many turns.
pub(crate) async fn hangs_up(ask: Ask<'_>, turns: usize) {
    let mut answer = pin!(ask.send());
    for _ in 0..turns {
        if poll!(&mut answer).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn post<'h>(hall: &'h Hall, who: &Person, path: &str, key: usize, body: &Value) -> Ask<'h> {
    let ask = who.ask(hall, Method::POST, path).header("idempotency-key", format!("{path} {key}"));
    ask.json(body.clone())
}

#[tokio::test]
async fn what_is_posted_again_under_its_key_is_made_once_wherever_it_was_cut_off() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    for (path, field) in [("/notes", "text"), ("/todos", "text"), ("/rooms", "name")] {
        for turns in TURNS {
            let mut body = json!({ field: turns.to_string() });
            if path == "/rooms" {
                body["type"] = json!("personal");
            }
            hangs_up(post(&hall, &ada, path, turns, &body), turns).await;
            let again = post(&hall, &ada, path, turns, &body).send().await;
            assert!(again.status.is_success(), "{path} after {turns}: {}", again.body);
            let replayed = post(&hall, &ada, path, turns, &body).send().await;
            assert_eq!(
                replayed.header("idempotency-replayed"),
                "true",
                "{path} {turns} {} {}",
                again.body,
                replayed.body
            );
            assert_eq!(replayed.body, again.body);
        }
        let listed = ada.get(&hall, &format!("{path}?limit=100")).await.is(200);
        let items = listed.body["items"].as_array().unwrap();
        let made: HashSet<_> = items.iter().map(|item| item[field].to_string()).collect();
        assert_eq!((items.len(), made.len()), (TURNS.len(), TURNS.len()), "{path}");
    }
}

#[tokio::test]
async fn who_was_given_no_successor_is_no_thief_much_later_and_a_copy_is_one_still() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    hall.refresh(&ada.refresh).await.is(200);
    // As a store that hung leaves it: the rotation is written, its answer was "try again".
    let logins = hall.store.records::<Login>();
    let login = ada.refresh.split('.').next().unwrap().parse().unwrap();
    let hung = logins.update(&login, |login| {
        login.predecessor.as_mut().unwrap().is_waiting = true;
        Ok::<_, ()>(())
    });
    hung.await.unwrap().unwrap().unwrap();

    hall.advance(300);
    let next = Person::of(&hall.refresh(&ada.refresh).await.is(200));
    hall.advance(10);
    let again = Person::of(&hall.refresh(&ada.refresh).await.is(200));
    assert_eq!(next.refresh, again.refresh);
    hall.advance(1);
    hall.refresh(&ada.refresh).await.refused(401, "unauthenticated");
    hall.refresh(&next.refresh).await.refused(401, "unauthenticated");
}
