//! The description of the API: committed, served, and not stale.

use crate::hall::Hall;

/// `STUDYHALL_WRITE=1 cargo test -p studyhall-api openapi` writes it anew.
#[tokio::test]
async fn the_committed_description_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = studyhall_api::openapi();
    if option_env!("STUDYHALL_WRITE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == now, "api/openapi.json is stale: see the comment above this test");
    let served = Hall::open().await.get("/openapi.json").send().await.is(200);
    assert_eq!(served.body, serde_json::from_str::<serde_json::Value>(&now).unwrap());
    assert!(served.text("openapi").starts_with("3.1"));
}

#[test]
fn generated_clients_get_a_name_for_each_route() {
    let description: serde_json::Value = serde_json::from_str(&studyhall_api::openapi()).unwrap();
    let items = description["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|one| one["operationId"].as_str().unwrap()).collect();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
}

#[tokio::test]
async fn every_described_route_refuses_strangers_unless_it_says_otherwise() {
    let hall = Hall::open().await;
    let description: serde_json::Value = serde_json::from_str(&studyhall_api::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let path =
            path.strip_prefix("/api/v1").unwrap().replace("{id}", "0123456789abcdef01234567");
        let path = path.replace("{code_id}", "0123456789abcdef01234567").replace("{version}", "1");
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("security").is_some() {
                continue; // open to everybody
            }
            let method = method.to_uppercase().parse().unwrap();
            hall.ask(method, &path).send().await.refused(401, "unauthenticated");
            asked += 1;
        }
    }
    assert!(asked > 15, "{asked}");
}
