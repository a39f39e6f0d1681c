//! Access tokens that are forged, out of time or of a retired key: rows 8, 9, 10.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use studyhall_schema::clock::Clock;

use crate::hall::{Hall, Person};

fn part(token: &str, at: usize) -> Value {
    let bytes = BASE64.decode(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn glued(header: &Value, claims: &Value, signature: &str) -> String {
    let text = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{signature}", text(header), text(claims))
}

async fn is_refused(hall: &Hall, ada: &Person, token: &str) {
    let forger = Person { access: token.to_owned(), ..ada.clone() };
    forger.get(hall, "/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn row_8_forged_tokens_are_refused() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let (header, claims) = (part(&ada.access, 0), part(&ada.access, 1));
    let signature = ada.access.rsplit('.').next().unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));

    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    let none = with("alg", json!("none"));
    is_refused(&hall, &ada, &glued(&none, &claims, "")).await;
    is_refused(&hall, &ada, &glued(&none, &claims, signature)).await;
    for odd in [
        with("kid", json!("unknown")),
        with("kid", json!("../../etc/passwd")),
        with("kid", json!("' OR 1=1")),
        with("jku", json!("https://evil.example/jwks.json")),
        with("typ", json!("JWT")),
    ] {
        is_refused(&hall, &ada, &glued(&odd, &claims, signature)).await;
    }

    let jwks = hall.get("//.well-known/jwks.json").send().await.is(200).body;
    let public = BASE64.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
    let confused = Header {
        kid: header["kid"].as_str().map(str::to_owned),
        typ: Some("at+jwt".into()),
        ..Header::new(Algorithm::HS256)
    };
    let token = encode(&confused, &claims, &EncodingKey::from_secret(&public)).unwrap();
    is_refused(&hall, &ada, &token).await;

    let mut other = claims.clone();
    other["sub"] = json!("0123456789abcdef01234567");
    is_refused(&hall, &ada, &glued(&header, &other, signature)).await;
    for garbage in ["", "a", "a.b", "a.b.c", "....", "~"] {
        is_refused(&hall, &ada, garbage).await;
    }
    ada.get(&hall, "/auth/me").await.is(200);
}

#[tokio::test]
async fn row_9_tokens_out_of_time_or_for_others_are_refused() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    is_refused(&hall, &ada, &ada.refresh).await;

    let other = hall.restarted(|config| {
        config.public_url = "https://other.example".parse().unwrap();
    });
    let stranger = other.login("ada").await; // same people and keys, another issuer
    is_refused(&hall, &ada, &stranger.access).await;

    hall.clock.shift_millis(-31_000); // seen by a clock that is behind: not yet valid
    let fresh = hall.restarted(|_| {});
    is_refused(&fresh, &ada, &ada.access).await;
    hall.clock.shift_millis(2_000); // within the leeway
    ada.get(&fresh, "/auth/me").await.is(200);

    hall.clock.shift_millis(29_000);
    hall.advance(899);
    ada.get(&hall, "/auth/me").await.is(200);
    hall.advance(1);
    is_refused(&hall, &ada, &ada.access).await;
}

async fn kids(hall: &Hall) -> Vec<String> {
    let jwks = hall.get("//.well-known/jwks.json").send().await.is(200).body;
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn row_10_a_retired_key_verifies_during_the_overlap_and_not_after() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let old = part(&ada.access, 0)["kid"].as_str().unwrap().to_owned();
    assert_eq!(kids(&hall).await.join(","), old);

    hall.advance(100);
    hall.accounts.rotate_signing_key().await.unwrap();
    let both = kids(&hall).await;
    assert_eq!((both.len(), &both[0]), (2, &old));
    ada.get(&hall, "/auth/me").await.is(200);
    let newer = hall.login("ada").await;
    assert_eq!(part(&newer.access, 0)["kid"], both[1].as_str());

    hall.advance(960);
    assert_eq!(kids(&hall).await, both[1..]);
    is_refused(&hall, &ada, &ada.access).await;
}

#[tokio::test]
async fn another_secret_ends_all_logins_and_people_sign_in_again() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let secret = studyhall_api::Secret::new(*b"another secret, as long as it is").unwrap();
    let moved = hall.restarted(|config| config.secret = secret);
    moved.refresh(&ada.refresh).await.refused(401, "unauthenticated");
    let ada = moved.login("ada").await;
    ada.get(&moved, "/auth/me").await.is(200);
}

#[tokio::test]
async fn keys_outlive_a_restart_and_take_turns_by_themselves() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let restarted = hall.restarted(|_| {});
    ada.get(&restarted, "/auth/me").await.is(200);
    let before = kids(&hall).await;
    hall.clock.advance(hall.config.key_turn);
    let after = kids(&hall).await;
    assert_eq!((after.len(), &after[0]), (2, &before[0]));
    assert!(hall.clock.now().as_millis() > 0);
}

#[tokio::test]
async fn nodes_that_start_at_once_make_one_key_and_know_each_others() {
    let hall = Hall::open().await;
    let nodes = [(); 4].map(|()| hall.restarted(|_| {}));
    let made = join_all(nodes.iter().map(kids)).await;
    assert_eq!(made.iter().map(Vec::len).collect::<Vec<_>>(), [1; 4], "{made:?}");
    assert!(made.iter().all(|kids| kids == &made[0]), "{made:?}");

    let ada = hall.register("ada").await;
    for node in &nodes {
        ada.get(node, "/auth/me").await.is(200);
    }
    // A token of a key that was made this moment is good everywhere, at once.
    nodes[0].accounts.rotate_signing_key().await.unwrap();
    nodes[0].accounts.rotate_signing_key().await.unwrap();
    let newer = nodes[0].login("ada").await;
    assert_ne!(part(&newer.access, 0)["kid"], part(&ada.access, 0)["kid"]);
    newer.get(&nodes[1], "/auth/me").await.is(200);

    hall.clock.advance(hall.config.key_turn);
    let made = join_all(nodes.iter().map(kids)).await;
    assert!(made.iter().all(|kids| kids == &made[0]), "the next is one too: {made:?}");
}
