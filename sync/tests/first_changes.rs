//! What every Automerge document of a kind begins with, as Rust and TypeScript share it
//! (`schema/fixtures/automerge.json`): a first change that differs would hide what others wrote.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use automerge::{AutoCommit, ObjType, ROOT, ReadDoc, Value};
use studyhall_schema::document::DocumentKind;
use studyhall_sync::text::automerge::first_change;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // into a string
        hex
    })
}

fn kinds() -> [(&'static str, DocumentKind); 3] {
    [
        ("note", DocumentKind::PlainNote),
        ("room", DocumentKind::Room),
        ("todos", DocumentKind::Todos),
    ]
}

/// `STUDYHALL_WRITE=1 cargo test -p studyhall-sync --test first_changes` writes it anew.
#[test]
fn first_changes_are_those_of_the_fixture() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/fixtures/automerge.json");
    let now: BTreeMap<_, _> =
        kinds().into_iter().map(|(name, kind)| (name, hex(&first_change(kind)))).collect();
    let now = serde_json::json!(now);
    let mut fixture: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    if std::env::var_os("STUDYHALL_WRITE").is_some() {
        fixture["first_changes"] = now.clone();
        let text = serde_json::to_string_pretty(&fixture).unwrap();
        std::fs::write(&path, format!("{text}\n")).unwrap();
    }
    assert_eq!(fixture["first_changes"], now);
}

#[test]
fn a_first_change_makes_the_root_objects_and_nothing_else() {
    for (name, kind) in kinds() {
        let mut doc = AutoCommit::new();
        doc.load_incremental(&first_change(kind)).unwrap();
        let [change] = &doc.get_changes(&[])[..] else { panic!("one change") };
        assert_eq!((change.seq(), change.timestamp(), change.deps().len()), (1, 0, 0));
        let is = |key, of| matches!(doc.get(ROOT, key), Ok(Some((Value::Object(found), _))) if found == of);
        match name {
            "note" => assert!(is("content", ObjType::Text) && is("meta", ObjType::Map)),
            "todos" => assert!(is("todos", ObjType::Map) && is("moved", ObjType::Map)),
            _ => assert!(is("state", ObjType::Map)),
        }
    }
}
