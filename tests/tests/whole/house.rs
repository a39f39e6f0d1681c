//! The rules of `docs/architecture.md` that a reader relies on: sizes, first lines, arrows, names.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What each package may depend on, of our own.
const ARROWS: &[(&str, &[&str])] = &[
    ("studyhall-schema", &[]),
    ("studyhall-services", &[]),
    // `studyhall-services` for its tests only.
    ("studyhall-store", &["studyhall-schema", "studyhall-services"]),
    ("studyhall-sync", &["studyhall-schema", "studyhall-store"]),
    ("studyhall-api", &["studyhall-schema", "studyhall-store", "studyhall-sync"]),
    ("studyhall-media", &["studyhall-schema"]),
    (
        "studyhall",
        &[
            "studyhall-api",
            "studyhall-media",
            "studyhall-schema",
            "studyhall-store",
            "studyhall-sync",
        ],
    ),
    (
        "studyhall-tests",
        &[
            "studyhall-services",
            "studyhall",
            "studyhall-api",
            "studyhall-schema",
            "studyhall-store",
            "studyhall-sync",
        ],
    ),
];

const NO_NAMES: &[&str] =
    &["manager", "helper", "helpers", "util", "utils", "common", "base", "data", "info"];

/// Tracked files with one of these endings, with their text.
fn tracked(endings: &[&str]) -> Vec<(String, String)> {
    let listed =
        Command::new("git").args(["ls-files"]).current_dir(ROOT).output().expect("git runs");
    assert!(listed.status.success(), "this is a git checkout");
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let wanted = |name: &&str| {
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    let read =
        |name: &str| Some((name.to_owned(), fs::read_to_string(Path::new(ROOT).join(name)).ok()?));
    let files: Vec<_> = names.lines().filter(wanted).filter_map(read).collect();
    assert!(files.len() > 20, "there are files to look at");
    files
}

#[test]
fn no_file_is_over_500_lines() {
    let long: Vec<_> = tracked(&["rs", "ts", "tsx", "js", "mjs"])
        .into_iter()
        .filter(|(_, text)| text.lines().count() > 500)
        .map(|(name, _)| name)
        .collect();
    assert!(long.is_empty(), "over 500 lines: {long:?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> = tracked(&["rs"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "without a first line: {silent:?}");
}

#[test]
fn modules_have_names_that_say_something() {
    let vague: Vec<_> = tracked(&["rs", "ts", "tsx"])
        .into_iter()
        .filter(|(name, _)| {
            let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
            stem.is_some_and(|stem| NO_NAMES.contains(&stem))
        })
        .map(|(name, _)| name)
        .collect();
    assert!(vague.is_empty(), "{vague:?}");
}

#[test]
fn arrows_point_one_way() {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&asked.stdout).expect("it is JSON");
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let packages = metadata["packages"].as_array().expect("there are packages");
    assert_eq!(packages.len(), ARROWS.len(), "a new package needs its arrows here");
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no arrows"));
        let depends = package["dependencies"].as_array().expect("a list");
        for dependency in depends.iter().filter_map(|one| one["name"].as_str()) {
            let ours = dependency.starts_with("studyhall");
            assert!(!ours || may.contains(&dependency), "{name} may not know {dependency}");
        }
    }
}

#[test]
fn the_document_core_neither_waits_nor_locks_nor_looks_at_a_clock() {
    let banned = [".await", "async fn", "Mutex", "RwLock", "Instant", "SystemTime", "tokio"];
    let core: Vec<_> = tracked(&["rs"])
        .into_iter()
        .filter(|(name, _)| name.starts_with("sync/src/document/"))
        .collect();
    assert!(core.len() >= 5, "the core is in sync/src/document");
    for (name, text) in core {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!banned.iter().any(|word| line.contains(word)), "{name}: {line}");
        }
    }
}
