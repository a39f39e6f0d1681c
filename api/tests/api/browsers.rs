//! Cookies, cross-site requests, CORS and headers: rows 14, 15, 16, 17, 38, 40.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use studyhall_api::origin_allowed;

use crate::hall::{Answer, Hall, registration};

fn cookies(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    all.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

/// The `Cookie` header that a browser would send.
fn jar(answer: &Answer) -> String {
    let pairs = cookies(answer);
    let pairs: Vec<&str> = pairs.iter().filter_map(|cookie| cookie.split(';').next()).collect();
    pairs.join("; ")
}

async fn in_browser(hall: &Hall) -> Answer {
    hall.post("/auth/register").json(registration("ada")).send().await.is(201)
}

#[tokio::test]
async fn row_14_cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let hall = Hall::open().await;
    let answer = in_browser(&hall).await;
    assert_eq!(answer.body.get("refresh_token"), None);
    let set = cookies(&answer);
    assert_eq!(set.len(), 2);
    for (cookie, name) in set.iter().zip(["__Host-studyhall-access=", "__Host-studyhall-refresh="])
    {
        assert!(cookie.starts_with(name), "{cookie}");
        for flag in ["; Path=/;", "; HttpOnly;", "; Secure;", "; SameSite=Strict;", "; Max-Age="] {
            assert!(cookie.contains(flag), "{flag} in {cookie}");
        }
        assert!(!cookie.contains("Domain"));
    }
}

#[tokio::test]
async fn row_14_plain_http_on_loopback_gets_cookies_that_browsers_take_there() {
    let hall = Hall::open_with(|config| {
        config.public_url = "http://127.0.0.1:8080".parse().unwrap();
    })
    .await;
    let answer = in_browser(&hall).await;
    assert!(cookies(&answer)[0].starts_with("studyhall-access="));
    assert!(!cookies(&answer)[0].contains("Secure"));
    hall.get("/auth/me").header("cookie", jar(&answer)).send().await.is(200);
}

#[tokio::test]
async fn an_installation_on_loopback_knows_its_other_names() {
    let hall = Hall::open_with(|config| {
        config.public_url = "http://127.0.0.1:8080".parse().unwrap();
    })
    .await;
    for (origin, allowed) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost:8080", true),
        ("http://[::1]:8080", true),
        ("http://localhost:8081", false),
        ("https://localhost:8080", false),
        ("http://localhost.evil.example:8080", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("origin", HeaderValue::from_static(origin));
        assert_eq!(origin_allowed(&hall.config, &headers), allowed, "{origin}");
    }
}

#[tokio::test]
async fn a_browser_lives_on_its_cookies_alone() {
    let hall = Hall::open().await;
    let first = in_browser(&hall).await;
    hall.get("/auth/me").header("cookie", jar(&first)).send().await.is(200);
    hall.advance(901);
    hall.get("/auth/me").header("cookie", jar(&first)).send().await.is(401);
    let refreshed = hall.post("/auth/refresh").header("cookie", jar(&first)).send().await.is(200);
    assert_eq!(refreshed.body.get("refresh_token"), None);
    hall.get("/auth/me").header("cookie", jar(&refreshed)).send().await.is(200);
    let left = hall.post("/auth/logout").header("cookie", jar(&refreshed)).send().await.is(204);
    assert!(cookies(&left).iter().all(|cookie| cookie.contains("Max-Age=0")));
    hall.get("/auth/me").header("cookie", jar(&refreshed)).send().await.is(401);
}

#[tokio::test]
async fn row_15_a_foreign_page_cannot_make_a_browser_act() {
    let hall = Hall::open().await;
    let jar = jar(&in_browser(&hall).await);
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://hall.example.evil.example")],
        &[("origin", "http://hall.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    for headers in foreign {
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let mut ask = hall.post("/notes").header("cookie", &jar).header("content-type", kind);
            for (name, value) in headers {
                ask = ask.header(name, value);
            }
            ask.raw("{}").send().await.refused(403, "foreign-origin");
        }
        let mut ask = hall.post("/auth/login").json(json!({ "email": "a@b.c", "password": "x" }));
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.send().await.refused(403, "foreign-origin");
    }
    let own = hall.post("/notes").header("cookie", &jar).header("origin", "https://hall.example");
    own.json(json!({})).send().await.is(201);
    let form = hall.post("/notes").header("cookie", &jar).header("content-type", "text/plain");
    form.raw("{}").send().await.refused(415, "unsupported-media-type");
}

#[tokio::test]
async fn row_16_only_origins_on_the_list_may_read_answers() {
    let hall =
        Hall::open_with(|config| config.cors_origins = vec!["https://app.example".into()]).await;
    let preflight = |origin: &'static str| {
        hall.ask(Method::OPTIONS, "/notes")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    for foreign in ["https://evil.example", "null", "https://app.example.evil.example"] {
        let refused = preflight(foreign).await;
        assert_eq!(refused.header("access-control-allow-origin"), "", "{foreign}");
        let read = hall.get("/auth/me").header("origin", foreign).send().await;
        assert_eq!(read.header("access-control-allow-origin"), "", "{foreign}");
    }
}

#[tokio::test]
async fn row_17_sockets_ask_the_same_question_before_the_upgrade() {
    let hall = Hall::open().await;
    let allowed = |headers: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        origin_allowed(&hall.config, &map)
    };
    assert!(allowed(&[]));
    assert!(allowed(&[("origin", "https://hall.example")]));
    assert!(!allowed(&[("origin", "https://evil.example")]));
    assert!(!allowed(&[("origin", "null")]));
    assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
}

#[tokio::test]
async fn row_40_every_answer_carries_the_headers() {
    let hall = Hall::open().await;
    for path in ["/auth/me", "/nowhere", "//nowhere", "/openapi.json"] {
        let answer = hall.get(path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("strict-transport-security").starts_with("max-age=31536000"));
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'self'", "'wasm-unsafe-eval'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{rule}");
        }
    }
    assert_eq!(hall.get("/auth/me").send().await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn row_38_only_trusted_proxies_say_where_a_request_comes_from() {
    let quota = 600;
    for (proxies, waits) in [(vec![], true), (vec!["192.0.2.0/24".parse().unwrap()], false)] {
        let hall = Hall::open_with(|config| {
            config.rate_limit = true;
            config.trusted_proxies = proxies;
        })
        .await;
        let mut last = 0;
        for n in 0..=quota {
            let spoofed = format!("198.51.100.1, 203.0.113.{}", n % 250);
            let ask = hall.post("/auth/refresh").header("x-forwarded-for", spoofed);
            last = ask.send().await.status.as_u16();
        }
        assert_eq!(last == 429, waits);
    }
}
