//! Registering, passwords, profiles. The numbers are rows of the list of attacks.

use http::Method;
use serde_json::json;
use studyhall_schema::{
    audit::{AuditEntry, Event},
    ids::UserId,
    user::User,
};

use studyhall_store::Page;

use crate::hall::{Hall, PASSWORD, registration};

async fn with_password(hall: &Hall, name: &str, password: &str) -> crate::hall::Answer {
    let mut body = registration(name);
    body["password"] = json!(password);
    hall.post("/auth/register").json(body).send().await
}

#[tokio::test]
async fn row_1_passwords_have_8_to_128_characters_and_every_one_counts() {
    let hall = Hall::open().await;
    let long: String = (0_u8..128).map(|n| char::from(b'!' + n.wrapping_mul(37) % 90)).collect();
    with_password(&hall, "ada", "q8#zL!x").await.refused(422, "invalid");
    with_password(&hall, "ada", "q8#zL!xw").await.is(201);
    with_password(&hall, "ben", &long).await.is(201);
    with_password(&hall, "cem", &format!("{long}x")).await.refused(422, "invalid");
    with_password(&hall, "dia", "🦦🫖🧱🌋 otters at tea").await.is(201);
    with_password(&hall, "eve", "gravel otter teapot ").await.is(201);
    let trimmed = json!({ "email": "eve@example.org", "password": "gravel otter teapot" });
    hall.post("/auth/login").json(trimmed).send().await.refused(401, "wrong-credentials");
}

#[tokio::test]
async fn row_2_passwords_that_are_guessed_early_are_refused() {
    let hall = Hall::open().await;
    for weak in
        ["password123", "studyhall", "Studyhall1", "ada@example.org", "qwertyuiop", "11111111"]
    {
        with_password(&hall, "ada", weak).await.refused(422, "weak-password");
    }
}

#[tokio::test]
async fn row_3_what_is_stored_is_an_argon2id_hash_and_a_weaker_one_is_replaced() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let id: UserId = ada.id.parse().unwrap();
    let users = hall.store.records::<User>();
    let strong = users.get(&id).await.unwrap().unwrap();
    assert!(strong.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));

    let weak = argon2_hash(PASSWORD);
    let weakened = User { password_hash: weak.clone(), ..strong.value };
    users.replace(weakened, strong.rev).await.unwrap();
    hall.login("ada").await;
    let healed = users.get(&id).await.unwrap().unwrap();
    assert!(healed.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

fn argon2_hash(password: &str) -> String {
    use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher};
    let weak = Params::new(1024, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
    argon2.hash_password_with_salt(password.as_bytes(), &[7; 16]).unwrap().to_string()
}

#[tokio::test]
async fn row_4_a_burst_of_sign_ins_waits_in_a_bounded_queue() {
    let hall = Hall::open_with(|config| {
        config.hashing_threads = 1;
        config.hashing_queue = 4;
    })
    .await;
    hall.register("ada").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let asks = (0..200).map(|_| hall.post("/auth/login").json(body.clone()).send());
    let answers = futures_util::future::join_all(asks).await;
    let (mut welcome, mut later) = (0, 0);
    for answer in answers {
        match answer.status.as_u16() {
            200 => welcome += 1,
            503 => {
                assert_eq!(answer.header("retry-after"), "2");
                later += 1;
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert!(welcome >= 5, "those who fit the queue come in: {welcome}");
    assert!(later > 0, "the rest is told to come back");
}

#[tokio::test]
async fn row_5_an_unknown_address_and_a_wrong_password_look_and_cost_the_same() {
    let hall = Hall::open().await;
    hall.register("ada").await;
    let mut seen = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        let before = hall.accounts.password_hashings();
        let body = json!({ "email": email, "password": "not the password" });
        let ask = hall.post("/auth/login").header("x-request-id", "same").json(body);
        let answer = ask.send().await.refused(401, "wrong-credentials");
        seen.push((answer.status, answer.body, hall.accounts.password_hashings() - before));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].2, 1);
}

#[tokio::test]
async fn row_7_wrong_passwords_make_the_guesser_wait_and_not_the_owner() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    hall.register("ada").await;
    let guess = json!({ "email": "ada@example.org", "password": "not the password" });
    for _ in 0..10 {
        let answer = hall.post("/auth/login").json(guess.clone()).send().await;
        answer.refused(401, "wrong-credentials");
    }
    let answer = hall.post("/auth/login").json(guess).send().await;
    let answer = answer.refused(429, "too-many-requests");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    hall.advance(900);
    hall.login("ada").await;
}

#[tokio::test]
async fn row_7_one_address_that_tries_many_accounts_waits_too() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    let mut seen = Vec::new();
    for n in 0..60 {
        let guess = json!({ "email": format!("user{n}@example.org"), "password": "Summer2026" });
        seen.push(hall.post("/auth/login").json(guess).send().await.status.as_u16());
    }
    assert_eq!((seen[49], seen[50], seen[59]), (401, 429, 429));
}

#[tokio::test]
async fn row_36_the_audit_trail_says_who_when_and_from_where() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let wrong = json!({ "email": "ada@example.org", "password": "not the password" });
    let ask = hall.post("/auth/login").header("x-request-id", "the-wrong-one").json(wrong);
    ask.send().await.is(401);
    hall.login("ada").await;
    hall.refresh(&ada.refresh).await.is(200);
    hall.advance(11);
    hall.refresh(&ada.refresh).await.is(401);

    let id: UserId = ada.id.parse().unwrap();
    let trail = hall.store.records::<AuditEntry>().page(Page::of("user").equal(id)).await.unwrap();
    let mut events: Vec<Event> = trail.items.iter().map(|entry| entry.event).collect();
    events.sort_by_key(|event| format!("{event:?}"));
    let expected = [Event::LoggedIn, Event::LoginFailed, Event::RefreshReused, Event::Registered];
    assert_eq!(events, expected);
    let failed = trail.items.iter().find(|entry| entry.event == Event::LoginFailed).unwrap();
    assert_eq!((&*failed.from, &*failed.request_id), ("192.0.2.7", "the-wrong-one"));
}

#[tokio::test]
async fn a_name_is_one_persons_whatever_its_case() {
    let hall = Hall::open().await;
    hall.register("ada").await;
    let mut same_address = registration("ben");
    same_address["email"] = json!("ADA@example.org");
    hall.post("/auth/register").json(same_address).send().await.refused(409, "taken");
    let mut same_name = registration("ben");
    same_name["username"] = json!("Ada");
    hall.post("/auth/register").json(same_name).send().await.refused(409, "taken");
    hall.register("ben").await; // the refused ones left no claim behind
}

#[tokio::test]
async fn row_22_nobody_writes_what_is_not_theirs_to_write() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    for field in ["xp", "level", "role", "avatar_url", "status", "email"] {
        let answer = ada.put(&hall, "/auth/me", json!({ field: 9 })).await;
        let answer = answer.refused(422, "invalid");
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{field}"));
    }
    ada.post(&hall, "/rooms", json!({ "name": "R", "owner_id": ada.id })).await.is(422);
    let me = ada.get(&hall, "/auth/me").await.is(200);
    assert_eq!(
        (&me.body["xp"], &me.body["role"], &me.body["rev"]),
        (&json!(0), &json!("user"), &json!(1))
    );
}

#[tokio::test]
async fn row_23_operators_are_text_or_refused() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let operator = json!({ "email": { "$gt": "" }, "password": { "$gt": "" } });
    let answer = hall.post("/auth/login").json(operator).send().await.refused(422, "invalid");
    assert_eq!(answer.body["errors"][0]["pointer"], "/email");
    ada.post(&hall, "/rooms", json!({ "name": "R", "$where": "1" })).await.refused(422, "invalid");
    ada.post(&hall, "/notes", json!({ "text": "a\0b" })).await.refused(422, "invalid");
    let answer = ada.post(&hall, "/notes", json!({ "text": "$where.{$gt}" })).await.is(201);
    assert_eq!(answer.body["text"], "$where.{$gt}");
    let evil = ada.get(&hall, "/notes?cursor=eyIkZ3QiOiIifQ").await;
    evil.refused(409, "foreign-cursor");
}

#[tokio::test]
async fn a_profile_is_changed_by_its_owner_and_seen_in_part_by_others() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let changed = ada.put(&hall, "/auth/me", json!({ "display_name": "Ada L." })).await.is(200);
    assert_eq!(
        (&changed.body["display_name"], changed.header("etag")),
        (&json!("Ada L."), "\"2\"")
    );
    let seen = ben.get(&hall, &format!("/users/{}", ada.id)).await.is(200).body;
    let expected = json!({
        "id": ada.id, "username": "ada", "display_name": "Ada L.", "avatar_url": null, "level": 1,
    });
    assert_eq!(seen, expected);
    ben.get(&hall, "/users/0123456789abcdef01234567").await.refused(404, "not-found");
    hall.get(&format!("/users/{}", ada.id)).send().await.refused(401, "unauthenticated");

    let stale = ada.ask(&hall, Method::PUT, "/auth/me").header("if-match", "\"1\"");
    let answer = stale.json(json!({ "display_name": "A" })).send().await;
    answer.refused(412, "changed-meanwhile");
    let known = ada.ask(&hall, Method::GET, "/auth/me").header("if-none-match", "\"2\"");
    assert_eq!(known.send().await.is(304).header("etag"), "\"2\"");
}
