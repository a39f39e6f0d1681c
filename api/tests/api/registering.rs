//! Registering again after a try that came to nothing, or did not say what it came to, and at once with others.

use futures_util::future::join_all;
use serde_json::json;
use studyhall_schema::{
    clock::Clock,
    ids::UserId,
    user::{User, UserKey},
};
use studyhall_store::Page;

use crate::{
    cut_off::{TURNS, hangs_up},
    hall::{Answer, Hall, PASSWORD, Person, registration},
};

const UNDER_WAY: &str = "registration-under-way";

fn claim(hall: &Hall, id: &str, user_id: UserId, with: Option<&str>) -> UserKey {
    let (id, with) = (id.to_owned(), with.map(str::to_owned));
    UserKey { id, user_id, created_at: hall.clock.now(), with, is_taken_up: false }
}

/// What a node leaves that died before it wrote the person.
async fn begins(hall: &Hall, name: &str, email: &str) -> UserId {
    let user = UserId::new(&*hall.clock);
    let (email, username) = (format!("email:{email}@example.org"), format!("username:{name}"));
    let claims = hall.store.records::<UserKey>();
    claims.insert(claim(hall, &email, user, Some(&username))).await.unwrap();
    claims.insert(claim(hall, &username, user, Some(&email))).await.unwrap();
    user
}

async fn registers_as(hall: &Hall, name: &str, email: &str) -> Answer {
    let mut body = registration(name);
    body["email"] = json!(format!("{email}@example.org"));
    hall.post("/auth/register").header("x-token-delivery", "body").json(body).send().await
}

async fn people(hall: &Hall) -> usize {
    hall.store.records::<User>().page(Page::of("_id").limit(100)).await.unwrap().items.len()
}

#[tokio::test]
async fn whose_try_came_to_nothing_registers_at_once() {
    let (hall, [_ada]) = Hall::with(["ada"]).await;
    let broken = hall.breaks("users");
    registers_as(&hall, "ben", "ben").await.refused(503, "unavailable");
    Hall::mend(&broken);
    hall.register("ben").await;
    hall.login("ben").await;
}

#[tokio::test]
async fn what_a_try_that_came_to_nothing_had_claimed_is_given_back() {
    let (hall, [_ada]) = Hall::with(["ada"]).await;
    let broken = hall.breaks("users");
    registers_as(&hall, "ben", "ben").await.refused(503, "unavailable");
    Hall::mend(&broken);
    for (name, email) in [("ben", "cem"), ("dia", "ben")] {
        let mut answer = registers_as(&hall, name, email).await;
        // It is given back after the answer.
        for _ in 0..1000 {
            if answer.status == 201 {
                break;
            }
            answer = registers_as(&hall, name, email).await.refused(503, UNDER_WAY);
            tokio::task::yield_now().await;
        }
        answer.is(201);
    }
}

#[tokio::test]
async fn who_was_cut_off_registers_again_or_has_an_account() {
    let hall = Hall::open().await;
    for turns in TURNS {
        let name = format!("user{turns}");
        hangs_up(hall.post("/auth/register").json(registration(&name)), turns).await;
        let again = hall.post("/auth/register").json(registration(&name)).send().await;
        assert!(again.status == 201 || again.code() == "taken", "{turns}: {}", again.body);
        hall.login(&name).await;
    }
    assert_eq!(people(&hall).await, TURNS.len());
}

#[tokio::test]
async fn a_claim_without_a_person_is_not_taken_but_under_way() {
    let hall = Hall::open().await;
    begins(&hall, "ada", "ada").await;
    for (name, email) in [("ben", "ada"), ("ada", "ben")] {
        let answer = registers_as(&hall, name, email).await.refused(503, UNDER_WAY);
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    hall.advance(61);
    registers_as(&hall, "ben", "ada").await.is(201);
    registers_as(&hall, "ada", "ben").await.is(201);
    registers_as(&hall, "ada", "ada").await.refused(409, "taken");
    assert_eq!(people(&hall).await, 2);
}

#[tokio::test]
async fn a_claim_of_an_older_version_is_taken_over_after_the_grace() {
    let hall = Hall::open().await;
    let old = claim(&hall, "email:ada@example.org", UserId::new(&*hall.clock), None);
    hall.store.records::<UserKey>().insert(old).await.unwrap();
    registers_as(&hall, "ada", "ada").await.refused(503, UNDER_WAY);
    hall.advance(61);
    hall.register("ada").await;
    hall.login("ada").await;
}

/// A first try whose person arrives late: one of the two is the person, and there is no second.
#[tokio::test]
async fn a_person_that_arrives_late_is_the_one_of_the_second_try_or_there_before_it() {
    let hall = Hall::open().await;
    let users = hall.store.records::<User>();
    let first = begins(&hall, "ada", "ada").await;
    let second = hall.register("ada").await;
    assert_eq!(second.id, first.to_string(), "both tries are of one person");
    let late =
        User { password_hash: "another".into(), ..users.get(&first).await.unwrap().unwrap().value };
    users.insert(late.clone()).await.unwrap_err();
    hall.login("ada").await;

    let first = begins(&hall, "ben", "ben").await;
    users.insert(User { id: first, ..late }).await.unwrap();
    registers_as(&hall, "ben", "ben").await.refused(409, "taken");
    assert_eq!(people(&hall).await, 2);
}

/// Who takes a claim up keeps it for as long as who has made it.
#[tokio::test]
async fn a_claim_that_is_taken_up_late_is_not_taken_over_at_once() {
    let (hall, [_cem]) = Hall::with(["cem"]).await;
    begins(&hall, "ada", "ada").await;
    hall.advance(59);
    let broken = hall.breaks("users");
    registers_as(&hall, "ada", "ada").await.refused(503, "unavailable");
    Hall::mend(&broken);
    hall.advance(10);
    registers_as(&hall, "ben", "ada").await.refused(503, UNDER_WAY);
    hall.register("ada").await;
}

#[tokio::test]
async fn ten_who_want_one_name_at_once_are_one_person_and_nine_refusals() {
    let hall = Hall::open().await;
    let asks = (0..10).map(|_| hall.post("/auth/register").json(registration("ada")).send());
    let answers = join_all(asks).await;
    let welcome = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.code() == "taken").count();
    assert_eq!((welcome, taken), (1, 9));
    assert_eq!(people(&hall).await, 1);
}

#[tokio::test]
async fn of_ten_with_one_address_and_names_of_their_own_one_is_in_and_the_others_hear_so() {
    let hall = Hall::open().await;
    let names: Vec<_> = (0..10).map(|n| format!("user{n}")).collect();
    let answers = join_all(names.iter().map(|name| registers_as(&hall, name, "ada"))).await;
    let (welcome, others): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(welcome.len(), 1);
    let refused = |answer: &Answer| ["taken", UNDER_WAY].contains(&answer.code());
    assert!(others.iter().all(refused));
    for name in &names {
        registers_as(&hall, name, "ada").await.refused(409, "taken");
    }
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let login = hall.post("/auth/login").header("x-token-delivery", "body").json(body).send().await;
    assert_eq!(Person::of(&login.is(200)).id, Person::of(&welcome[0]).id);
}
