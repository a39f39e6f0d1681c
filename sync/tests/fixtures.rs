//! The stock libraries' own bytes (`schema/fixtures`, shared with TypeScript) through the server's
//! codecs: accepted, understood, and written the same.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use studyhall_schema::{Timestamp, ids::UserId, note::Format};
use studyhall_sync::{
    awareness::{Awareness, Who},
    guard::{nesting, state_vector_v1, update_v1},
    text::{new_doc, read_text},
    wire::{
        hocuspocus::{Address, Frame, Message, Scope},
        yjs::{SyncMessage, YjsFrame},
    },
};
use yrs::{ReadTxn, StateVector, Transact, Update, updates::decoder::Decode};

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/fixtures").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(hex: &str) -> Bytes {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[derive(Deserialize)]
struct Recordings {
    updates: Vec<Recorded>,
    refused: Vec<Named>,
    vectors: Vec<String>,
}

#[derive(Deserialize)]
struct Recorded {
    name: String,
    updates: Vec<String>,
    state: Option<String>,
    #[serde(default)]
    gaps: bool,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(alias = "update")]
    hex: String,
}

#[test]
fn every_update_of_yjs_is_accepted_fits_and_adds_up_to_its_state() {
    let fixture: Recordings = fixture("updates.json");
    assert!(fixture.updates.iter().map(|recorded| recorded.updates.len()).sum::<usize>() > 40);
    for recorded in fixture.updates {
        let name = recorded.name;
        let replica = new_doc(1);
        // Later records of one document go on from the state before.
        let first = bytes(&recorded.updates[0]);
        let starts = update_v1(&first).unwrap().missing(|_| 0);
        let goes_on = starts.is_some() && !recorded.gaps;
        for update in recorded.updates.iter().map(|hex| bytes(hex)) {
            let scan = update_v1(&update).unwrap_or_else(|why| panic!("{name}: {why}"));
            let decoded = Update::decode_v1(&update).unwrap();
            if !goes_on && !recorded.gaps {
                let vector = replica.transact().state_vector();
                let missing = scan.missing(|client| vector.get(&yrs::ClientID::new(client)));
                assert_eq!(missing, None, "{name}");
            }
            replica.transact_mut().apply_update(decoded).unwrap();
        }
        let Some(state) = recorded.state.map(|hex| bytes(&hex)) else { continue };
        assert_eq!(update_v1(&state).unwrap().missing(|_| 0), None, "{name}");
        assert!(nesting::depth(&[&state]).unwrap() <= 8, "{name}");
        let whole = new_doc(2);
        whole.transact_mut().apply_update(Update::decode_v1(&state).unwrap()).unwrap();
        if !goes_on {
            for format in [Format::Plain, Format::Rich] {
                let texts = [&whole, &replica].map(|doc| read_text(&doc.transact(), format));
                assert_eq!(texts[0], texts[1], "{name}");
            }
            let vectors = [&whole, &replica].map(|doc| doc.transact().state_vector());
            assert_eq!(vectors[0], vectors[1], "{name}");
        }
        let again = whole.transact().encode_state_as_update_v1(&StateVector::default());
        update_v1(&again).unwrap();
    }
    for refused in fixture.refused {
        assert!(update_v1(&bytes(&refused.hex)).is_err(), "{}", refused.name);
    }
    for vector in fixture.vectors {
        state_vector_v1(&bytes(&vector)).unwrap();
    }
}

#[test]
fn gaps_of_merged_updates_are_holes() {
    let fixture: Recordings = fixture("updates.json");
    let merged = fixture.updates.iter().find(|recorded| recorded.name == "merged with gaps");
    let half = bytes(&merged.unwrap().updates[0]);
    let scan = update_v1(&half).unwrap();
    assert!(scan.missing(|_| 0).is_some() && scan.inserts.len() > 2, "{scan:?}");
}

#[test]
fn updates_of_yjs_are_refused_cut_at_every_length() {
    let fixture: Recordings = fixture("updates.json");
    for update in fixture.updates.iter().flat_map(|recorded| &recorded.updates) {
        let update = bytes(update);
        for end in 0..update.len() {
            assert!(update_v1(&update[..end]).is_err());
        }
    }
}

#[derive(Deserialize)]
struct AwarenessUpdates {
    updates: Vec<AwarenessUpdate>,
}

#[derive(Deserialize)]
struct AwarenessUpdate {
    hex: String,
    state: Option<String>,
}

#[test]
fn awareness_of_stock_clients_comes_back_as_they_wrote_it() {
    let fixture: AwarenessUpdates = fixture("awareness.json");
    let mut awareness = Awareness::default();
    let now = Timestamp::default();
    let ada = Who { user: UserId::from_bytes([1; 12]), writes: true };
    for update in fixture.updates {
        awareness.receive(now, 1, ada, &bytes(&update.hex)).unwrap();
        assert_eq!(awareness.take_changed(), Some(bytes(&update.hex)));
        assert_eq!(awareness.is_empty(), update.state.is_none());
    }
}

#[derive(Deserialize)]
struct Wire {
    clients: Vec<Client>,
    #[serde(default)]
    server: Vec<Named>,
    #[serde(default)]
    refused: Vec<Named>,
}

#[derive(Deserialize)]
struct Client {
    library: String,
    #[serde(default)]
    address: String,
    frames: Vec<String>,
}

#[test]
fn what_hocuspocus_providers_send_is_understood() {
    let fixture: Wire = fixture("hocuspocus.json");
    for client in &fixture.clients {
        let mut kinds = Vec::new();
        for frame in client.frames.iter().map(|hex| bytes(hex)) {
            let Ok(Frame::Message(address, message)) = Frame::decode(&frame) else {
                panic!("{}: {frame:x?}", client.library)
            };
            assert_eq!(address.0, client.address);
            assert_eq!(address.document(), "note:65a000000000000000000001");
            assert_eq!(message.to(address), frame, "written as {} writes it", client.library);
            kinds.push(match message {
                Message::Sync(SyncMessage::Step1(vector)) => {
                    state_vector_v1(&vector).unwrap();
                    "step1"
                }
                Message::Sync(SyncMessage::Step2(update) | SyncMessage::Update(update)) => {
                    update_v1(&update).unwrap();
                    "update"
                }
                Message::Awareness(_) => "awareness",
                Message::Token { token: "ticket", version } => {
                    assert_eq!(version.is_some(), !client.library.contains("@3."));
                    "token"
                }
                Message::Stateless(r#"{"hello":1}"#) => "stateless",
                Message::Close(None) => "close",
                other => panic!("{}: {other:?}", client.library),
            });
        }
        for kind in ["step1", "update", "awareness", "token", "stateless", "close"] {
            assert!(kinds.contains(&kind), "{}: {kind}", client.library);
        }
    }
    for refused in &fixture.refused {
        assert!(Frame::decode(&bytes(&refused.hex)).is_err(), "{}", refused.name);
    }
}

#[test]
fn what_the_server_sends_is_what_the_hocuspocus_server_sends() {
    let fixture: Wire = fixture("hocuspocus.json");
    let payload = |frame: &Bytes, from: usize| frame.slice(from..);
    for Named { name, hex } in fixture.server {
        let frame = bytes(&hex);
        let message = match name.as_str() {
            "step1" => Message::Sync(SyncMessage::Step1(payload(&frame, 10))),
            "update" => Message::Sync(SyncMessage::Update(payload(&frame, 10))),
            "query-awareness" => Message::QueryAwareness,
            "token-request" => Message::TokenRequest,
            "authenticated" => Message::Authenticated(Scope::ReadWrite),
            "readonly" => Message::Authenticated(Scope::ReadOnly),
            "permission-denied" => Message::PermissionDenied("not-found"),
            "stateless" => Message::Stateless(r#"{"type":"saving-paused"}"#),
            "saved" => Message::SyncStatus(true),
            "not-saved" => Message::SyncStatus(false),
            "close" => Message::Close(Some("gone")),
            other => panic!("{other}"),
        };
        assert_eq!(message.to(Address("note:1")), frame, "{name}");
        assert_eq!(message.body().to(Address("note:1")), frame, "{name}");
    }
}

#[test]
fn what_y_websocket_providers_send_is_understood() {
    let fixture: Wire = fixture("y-websocket.json");
    for client in fixture.clients {
        let mut updates = 0;
        for frame in client.frames.iter().map(|hex| bytes(hex)) {
            let decoded = YjsFrame::decode(&frame).unwrap();
            assert_eq!(decoded.encode(), frame, "written as {} writes it", client.library);
            if let YjsFrame::Sync(SyncMessage::Step2(update) | SyncMessage::Update(update)) =
                decoded
            {
                update_v1(&update).unwrap();
                updates += 1;
            }
        }
        assert_eq!(updates, 2, "{}", client.library);
    }
}
