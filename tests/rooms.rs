//! The walls between the rooms: who may import whom. Reads every `use`, every path and every text of the sources, without their tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "rooms/reader.rs"]
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reader::{Room, read, sources};

/// Crates: root file, and the names of their packages in paths. Folders of each are free of circles.
const CRATES: [&str; 8] = [
    "protocols/jsonld/src/lib.rs",
    "protocols/did/src/lib.rs",
    "protocols/didcomm/src/lib.rs",
    "protocols/credentials/src/lib.rs",
    AGENT,
    ADMIN_API,
    BINARY,
    "src/main.rs",
];
const AGENT: &str = "protocols/agent/src/lib.rs";
const ADMIN_API: &str = "admin-api/src/lib.rs";
const BINARY: &str = "src/lib.rs";
const CREDENTIALS: &str = "protocols/credentials/src";

/// Layers of the agent, lowest first: a folder sees its own layer and those below. What isn't here is a feature: it sees all of
/// these, and no other feature.
const LAYERS: [(&str, &[&str]); 5] = [
    ("ports", &["ports", "edge", "quoted"]),
    ("unit", &["unit"]),
    ("peers", &["peers"]),
    ("engine", &["engine"]),
    ("exchange", &["exchange", "credential"]),
];
/// Features whose names are words that everybody uses: categories of records, members of JSON.
const WORDS: [&str; 4] = ["connection", "credential", "delivery", "wallet"];
/// Where a crate's folders are listed: each sees all that it lists.
const LISTS: [(&str, &str); 2] = [(AGENT, "facets"), (ADMIN_API, "groups")];
/// Folders of the formats' crate that are no formats.
const NO_FORMATS: [&str; 3] = ["securing", "status", "w3c"];
/// Who knows databases.
const STORE: &str = "src/store/";
const DATABASES: [&str; 5] = ["askar_storage", "rusqlite", "tokio_postgres", "tokio_postgres_rustls", "sqlx"];
/// Crates of ours that faces know.
const KNOWN_TO_FACES: [&str; 2] = ["chancery_agent", "chancery_schema"];
const MOST_LINES: usize = 600;

/// What isn't as it should be: a line of `rooms.allow` and what to do about it.
type Sins = BTreeMap<String, String>;

fn sin(sins: &mut Sins, line: String, advice: impl Into<String>) {
    sins.entry(line).or_insert_with(|| advice.into());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of crates below a folder, without those of tests.
fn rooms(root: &Path, crates: &[&'static str]) -> Vec<Room> {
    std::thread::scope(|scope| {
        let reading: Vec<_> = crates.iter().map(|file| scope.spawn(|| read(root, file))).collect();
        reading.into_iter().flat_map(|room| room.join().unwrap()).collect()
    })
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').unwrap().0
}

/// The place of a folder of the agent among the layers; `None`: a feature.
fn layer(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, folders)| folders.contains(&folder))
}

fn layers(rooms: &[Room], sins: &mut Sins) {
    for room in rooms.iter().filter(|room| room.root == AGENT && !LISTS.contains(&(AGENT, &room.folder))) {
        for to in room.neighbours() {
            let line = format!("layer {} -> {to}", room.file);
            let (from_layer, to_layer) = (layer(&room.folder), layer(to));
            match (from_layer, to_layer) {
                (None, None) => sin(
                    sins,
                    line,
                    "a feature imports no other feature: ask for a capability, or move what both need down",
                ),
                (Some(from), None) => sin(
                    sins,
                    line,
                    format!(
                        "`{}` is below the features: let the feature register what is needed",
                        LAYERS[from].0
                    ),
                ),
                (Some(from), Some(at)) if at > from => {
                    sin(
                        sins,
                        line,
                        format!(
                            "`{}` is below `{}`: move what is needed down, or turn the call round",
                            LAYERS[from].0, LAYERS[at].0
                        ),
                    );
                }
                _ => {}
            }
        }
    }
}

/// Words that stand for a feature's folder, however it is written: `issue_credential_v2`, `issue-credential/2.0`.
fn word(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.to_ascii_lowercase().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}

fn quoted(rooms: &[Room], sins: &mut Sins) {
    let agent = || rooms.iter().filter(|room| room.root == AGENT);
    let features: BTreeSet<&str> = agent()
        .map(|room| &*room.folder)
        .filter(|folder| !folder.is_empty() && layer(folder).is_none() && !LISTS.contains(&(AGENT, folder)))
        .collect();
    let words: Vec<(&str, String)> = features
        .iter()
        .filter(|folder| !WORDS.contains(*folder))
        .map(|folder| (*folder, word(folder.split("_v").next().unwrap())))
        .collect();
    for room in agent().filter(|room| !room.folder.is_empty()) {
        for text in &room.texts {
            for (folder, named) in &words {
                if room.folder != *folder && text.split('/').any(|part| word(part) == *named) {
                    sin(
                        sins,
                        format!("quoted {} {text:?}", room.file),
                        format!(
                            "it names `{folder}`, a neighbour: let that register what it can, and ask for the capability"
                        ),
                    );
                }
            }
        }
    }
}

fn machines(rooms: &[Room], sins: &mut Sins) {
    for room in rooms.iter().filter(|room| room.root == AGENT && room.file.ends_with("/state.rs")) {
        let mut found = Vec::new();
        for word in ["async", "await", "Arc"] {
            if room.words.contains(word) {
                found.push(word);
            }
        }
        if room.neighbours().contains("ports") {
            found.push("ports");
        }
        for what in found {
            sin(
                sins,
                format!("machine {} {what}", room.file),
                "a state machine is pure: facts and times come in as arguments",
            );
        }
    }
}

fn foreign(rooms: &[Room], sins: &mut Sins) {
    let formats: BTreeSet<&str> = rooms
        .iter()
        .filter(|room| folder_of(room.root) == CREDENTIALS && room.file != room.root && room.is_in_folder())
        .map(|room| &*room.folder)
        .filter(|folder| !NO_FORMATS.contains(folder))
        .collect();
    for room in rooms {
        if formats.contains(&*room.folder) && folder_of(room.root) == CREDENTIALS {
            for to in room.neighbours().iter().filter(|to| formats.contains(**to)) {
                sin(
                    sins,
                    format!("format {} -> {to}", room.file),
                    "a format imports no other format: move what both need beside them",
                );
            }
        }
        for (first, second) in &room.foreign {
            if DATABASES.contains(&&**first) && !room.file.starts_with(STORE) {
                sin(
                    sins,
                    format!("database {} -> {first}", room.file),
                    "only src/store names Askar and SQL: give it a function there",
                );
            }
            let ours = first.starts_with("chancery_");
            if room.root == ADMIN_API && ours && !KNOWN_TO_FACES.contains(&&**first) {
                sin(
                    sins,
                    format!("face {} -> {first}", room.file),
                    "a face knows the agent only: answer it through a command",
                );
            }
            if room.root == AGENT && first == "chancery_credentials" && formats.contains(&**second) {
                sin(
                    sins,
                    format!("trait {} -> {first}::{second}", room.file),
                    "protocols see the traits of formats, no format",
                );
            }
        }
    }
}

/// A crate's top modules, whom each sees, and by which of its files.
type Graph<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a str>>;

fn graph<'a>(rooms: &'a [Room], root: &str) -> Graph<'a> {
    let mut graph = Graph::new();
    let is_list = |folder: &str| LISTS.contains(&(root, folder));
    for room in rooms.iter().filter(|room| room.root == root && !room.folder.is_empty()) {
        for to in room.neighbours().into_iter().filter(|to| !is_list(to) && !is_list(&room.folder)) {
            graph.entry((&*room.folder, to)).or_default().push(&room.file);
        }
    }
    graph
}

fn reaches(graph: &Graph<'_>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        for (_, beside) in graph.keys().filter(|(from, _)| *from == at) {
            if *beside == to {
                return true;
            }
            if seen.insert(*beside) {
                next.push(beside);
            }
        }
    }
    false
}

/// What is listed is taken out first: those that see against the direction. Whatever still closes a circle is a sin, and so is what is
/// listed, as long as it would close one.
fn circles(rooms: &[Room], allowed: &BTreeMap<String, String>, sins: &mut Sins) {
    for root in CRATES {
        let line = |(from, to): &(&str, &str)| format!("circle {} {from} -> {to}", folder_of(root));
        let advice = |files: &[&str]| {
            format!(
                "folders see each other in one direction only; this closes a circle: {}",
                files.join(", ")
            )
        };
        let all = graph(rooms, root);
        let (listed, rest): (Graph<'_>, Graph<'_>) =
            all.into_iter().partition(|(edge, _)| allowed.contains_key(&line(edge)));
        for (edge, files) in &listed {
            if reaches(&rest, edge.1, edge.0) {
                sin(sins, line(edge), advice(files));
            }
        }
        for (edge, files) in &rest {
            if reaches(&rest, edge.1, edge.0) {
                sin(sins, line(edge), advice(files));
            }
        }
    }
}

fn lengths(sins: &mut Sins) {
    for file in sources(root(), &["src", "protocols", "admin-api", "tests", "benches", "fuzz", "interop"]) {
        let lines = fs::read_to_string(root().join(&file)).unwrap().lines().count();
        if lines > MOST_LINES {
            sin(
                sins,
                format!("long {file}"),
                format!("{lines} lines: it has begun to do a second thing, which gets a file of its own"),
            );
        }
    }
}

/// The lines of `rooms.allow`: what, and why it is still so.
fn allowed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/rooms.allow")).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (what, why) =
                line.split_once(" # ").unwrap_or_else(|| panic!("tests/rooms.allow: no reason: {line}"));
            (what.trim().to_owned(), why.to_owned())
        })
        .collect()
}

/// What passes the walls. Of folders that see each other in a circle, `allowed` says who sees against the direction.
fn passed(rooms: &[Room], allowed: &BTreeMap<String, String>) -> Sins {
    let mut sins = Sins::new();
    layers(rooms, &mut sins);
    quoted(rooms, &mut sins);
    machines(rooms, &mut sins);
    foreign(rooms, &mut sins);
    circles(rooms, allowed, &mut sins);
    sins
}

#[test]
fn rooms_have_the_walls_of_the_design_but_for_the_listed_ones() {
    let allowed = allowed();
    let mut sins = passed(&rooms(root(), &CRATES), &allowed);
    lengths(&mut sins);
    let fresh: Vec<String> = sins
        .iter()
        .filter(|(line, _)| !allowed.contains_key(*line))
        .map(|(line, advice)| format!("{line}\n    {advice}"))
        .collect();
    let gone: Vec<&str> =
        allowed.keys().filter(|line| !sins.contains_key(*line)).map(String::as_str).collect();
    assert!(
        fresh.is_empty(),
        "walls that are passed (tests/rooms.allow lists those of old, and gets no new ones):\n{}",
        fresh.join("\n")
    );
    assert!(
        gone.is_empty(),
        "these walls hold now: remove their lines from tests/rooms.allow, which only shrinks:\n{}",
        gone.join("\n")
    );
}

/// A repository with one of each.
const HOUSE: [(&str, &str); 17] = [
    (
        "protocols/agent/src/lib.rs",
        "pub mod engine; mod facets; mod one; mod peers; mod ports; mod two; #[cfg(test)] mod testing; pub use engine::Agent;",
    ),
    (
        "protocols/agent/src/engine.rs",
        "pub struct Agent; #[macro_export] macro_rules! transact { () => {} } fn f() { crate::peers::f(); }",
    ),
    ("protocols/agent/src/facets.rs", "use crate::{one, two};"),
    (
        "protocols/agent/src/peers/mod.rs",
        "use crate::{Agent, transact}; pub fn f() { g!(\"https://didcomm.org/two/1.0/x\", [crate::two::T]) }",
    ),
    ("protocols/agent/src/ports.rs", "pub struct Port;"),
    (
        "protocols/agent/src/one/mod.rs",
        "mod state; use super::two as other; use chancery_credentials::{Invalid, paper::Paper}; use askar_storage::Store;",
    ),
    (
        "protocols/agent/src/one/state.rs",
        "use std::sync::Arc; use crate::ports::Port; async fn step() { super::super::engine::f() }",
    ),
    (
        "protocols/agent/src/two/mod.rs",
        "mod state; #[cfg(test)] mod tests; #[cfg(test)] mod inner { use crate::one; } #[test] fn t() { \"one\" } /// The one.\nfn one() { \"one more\" }",
    ),
    ("protocols/agent/src/two/state.rs", "fn step() -> u8 { 1 }"),
    ("protocols/credentials/src/lib.rs", "mod paper; mod stone; mod w3c; mod format;"),
    ("protocols/credentials/src/format.rs", "use crate::w3c;"),
    ("protocols/credentials/src/paper/mod.rs", "use crate::{w3c::Suite, format};"),
    ("protocols/credentials/src/stone/mod.rs", "fn f() { crate::paper::f() }"),
    ("protocols/credentials/src/w3c/mod.rs", "pub struct Suite;"),
    (
        "admin-api/src/lib.rs",
        "use chancery_agent::Agent; use chancery_schema::Field; fn f() { chancery_did::parse() }",
    ),
    ("src/lib.rs", "mod store;"),
    ("src/store/mod.rs", "use rusqlite::Connection; use chancery_did::parse;"),
];

#[test]
fn what_passes_a_wall_is_found_and_what_is_there_for_tests_is_not_looked_at() {
    let house = std::env::temp_dir().join(format!("chancery-test-{}-rooms", std::process::id()));
    for (file, text) in HOUSE {
        fs::create_dir_all(house.join(folder_of(file))).unwrap();
        fs::write(house.join(file), text).unwrap();
    }
    let rooms = rooms(&house, &["protocols/credentials/src/lib.rs", AGENT, ADMIN_API, BINARY]);
    fs::remove_dir_all(&house).unwrap();
    let sins = |allowed: &[&str]| -> Vec<String> {
        let allowed = allowed.iter().map(|line| ((*line).to_owned(), String::new())).collect();
        passed(&rooms, &allowed).into_keys().collect()
    };
    let apart = [
        "database protocols/agent/src/one/mod.rs -> askar_storage",
        "face admin-api/src/lib.rs -> chancery_did",
        "format protocols/credentials/src/stone/mod.rs -> paper",
        "layer protocols/agent/src/one/mod.rs -> two",
        "layer protocols/agent/src/peers/mod.rs -> engine",
        "layer protocols/agent/src/peers/mod.rs -> two",
        "machine protocols/agent/src/one/state.rs Arc",
        "machine protocols/agent/src/one/state.rs async",
        "machine protocols/agent/src/one/state.rs ports",
        "quoted protocols/agent/src/peers/mod.rs \"https://didcomm.org/two/1.0/x\"",
        "trait protocols/agent/src/one/mod.rs -> chancery_credentials::paper",
    ];
    let [up, down] =
        ["peers -> engine", "engine -> peers"].map(|edge| format!("circle protocols/agent/src {edge}"));
    assert_eq!(sins(&[]), [&[&*down, &*up], &apart[..]].concat());
    // Listed, the one that closes the circle is the only one; and one that closes none is none.
    assert_eq!(sins(&[&up, "circle protocols/agent/src one -> two"]), [&[&*up], &apart[..]].concat());
}
