//! The documentation against the sources: each error code has its page and each page its code; links lead somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What makes a failure that a controller can see, with the code among its arguments.
const FAILURES: [&str; 8] = [
    "AgentError::bad_request(",
    "AgentError::forbidden(",
    "AgentError::internal(",
    "AgentError::third_party(",
    "Failure::new(",
    "Failure::internal(",
    "Self::new(",
    "Self::internal(",
];
/// What makes a reason that only the log shows.
const DROPS: [&str; 1] = ["HandlerError::dropped("];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder with an ending; what is built, fetched or written by runs is left out.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().unwrap().is_dir() {
            let ours =
                !name.starts_with('.') && !matches!(&*name, "target" | "out" | "corpus" | "node_modules");
            if ours {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The sources that make failures, without their tests.
fn sources() -> Vec<String> {
    let rooms = ["protocols/agent/src", "protocols/credentials/src", "admin-api/src", "src"];
    let all = rooms.iter().flat_map(|room| files(&root().join(room), ".rs"));
    let tested = |path: &Path| {
        let mut parts = path.strip_prefix(root()).unwrap().iter().map(|part| part.to_string_lossy());
        parts.any(|part| matches!(&*part, "tests" | "tests.rs" | "testing"))
    };
    all.filter(|path| !tested(path))
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
        })
        .collect()
}

/// The code that follows an opening: the first text argument, after at most one other simple one (a status or a kind).
fn code(arguments: &str) -> Option<&str> {
    let mut rest = arguments.trim_start();
    if !rest.starts_with('"') {
        let (first, after) = rest.split_once(',')?;
        let simple = first.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
        rest = after.trim_start();
        if !simple {
            return None;
        }
    }
    let (text, after) = rest.strip_prefix('"')?.split_once('"')?;
    let is_code = !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (is_code && after.trim_start().starts_with([',', ')'])).then_some(text)
}

/// All codes given to any of these functions.
fn codes(openings: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in sources() {
        for opening in openings {
            for (at, _) in text.match_indices(opening) {
                let arguments = &text[at + opening.len()..];
                // `Self` may be anything; the others must have a code that can be read here.
                match code(arguments) {
                    Some(code) => {
                        found.insert(code.to_owned());
                    }
                    None if opening.starts_with("Self") => {}
                    None => panic!("no literal code after {opening}{:.60}", arguments),
                }
            }
        }
    }
    found
}

fn index() -> String {
    fs::read_to_string(root().join("docs/errors/README.md")).unwrap()
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let used = codes(&FAILURES);
    // Made in three different ways: if one is no longer found, the search is wrong.
    for known in ["exchange-state", "did-unreachable", "invalid-input", "too-large"] {
        assert!(used.contains(known), "{known} is not found in the sources");
    }
    let pages: BTreeSet<String> = files(&root().join("docs/errors"), ".md")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    let without: Vec<_> = used.difference(&pages).collect();
    assert!(without.is_empty(), "no page in docs/errors for {without:?}");
    let unused: Vec<_> = pages.difference(&used).collect();
    assert!(unused.is_empty(), "pages in docs/errors for codes that are no longer used: {unused:?}");
}

#[test]
fn every_page_names_its_code_and_stands_in_the_index() {
    let index = index();
    for code in codes(&FAILURES) {
        let page = fs::read_to_string(root().join(format!("docs/errors/{code}.md"))).unwrap();
        assert!(page.starts_with(&format!("# `{code}`\n")), "{code}.md has another title");
        for part in ["HTTP status", "whose fault", "## What to do", "## Example"] {
            assert!(page.contains(part), "{code}.md lacks {part:?}");
        }
        let line = format!("| [`{code}`]({code}.md) |");
        assert_eq!(index.matches(&line).count(), 1, "{code} in docs/errors/README.md");
    }
}

#[test]
fn every_reason_of_a_dropped_message_is_explained() {
    let (index, used) = (index(), codes(&DROPS));
    assert!(used.contains("unknown-thread"), "the reasons are not found in the sources");
    let lacking: Vec<_> = used.iter().filter(|reason| !index.contains(&format!("| `{reason}` |"))).collect();
    assert!(lacking.is_empty(), "not under \"Reasons in the log\" in docs/errors/README.md: {lacking:?}");
}

#[test]
fn every_option_of_our_own_is_in_the_guide() {
    let options = fs::read_to_string(root().join("src/config/options/own.rs")).unwrap();
    let guide = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let names: Vec<&str> = options.split('"').filter(|text| text.starts_with("--")).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(guide.contains(&format!("| `{name}` |")), "{name} in docs/configuration.md");
    }
}

/// Targets of the links of a Markdown text, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            // Within `code` a link is none.
            if line[..at].matches('`').count() % 2 == 1 && !line[..at].ends_with('`') {
                continue;
            }
            found.extend(line[at + 2..].split_once(')').map(|(target, _)| target));
        }
    }
    found
}

/// The name by which GitHub lets a heading be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn relative_links_lead_to_files_and_headings_that_exist() {
    let mut count = 0;
    for path in files(root(), ".md") {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, fragment) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            if let Some(fragment) = fragment {
                let there = fs::read_to_string(&target).unwrap();
                let headings = there.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(anchors.any(|a| a == fragment), "{}: {link} names no heading", path.display());
            }
        }
    }
    assert!(count > 50, "only {count} links found");
}

/// docs/security.md says which test shows each rule: it is there.
#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let names: BTreeSet<&str> = quoted.filter(|name| name.contains("::") && !name.ends_with("::")).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names.into_iter().filter(|name| !name.starts_with("cargo ")) {
        let (module, test) = name.rsplit_once("::").unwrap();
        let module = module.replace("::", "/");
        // Tests may also stand in the file that they are about.
        let about = module.strip_suffix("/tests").unwrap_or(&module);
        let rooms = ["tests/black_box", "protocols/agent/src", "src"];
        let mut files = rooms.iter().flat_map(|room| [(room, module.as_str()), (room, about)]);
        let there = files.any(|(room, module)| {
            let text = fs::read_to_string(root().join(room).join(module).with_extension("rs"));
            text.is_ok_and(|text| text.contains(&format!("fn {test}()")))
        });
        assert!(there, "docs/security.md names {name}: there is no such test");
    }
}

/// What an operator needs to have been told: how Prometheus reads the figures, what a hang-up does, what a browser can't send.
#[test]
fn what_operators_and_controllers_asked_for_is_described() {
    let page = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let operations = page("operations.md");
    let blocks = operations.split("```yaml\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    let scrape = blocks.into_iter().find(|block| block.starts_with("scrape_configs:")).unwrap();
    for line in
        ["metrics_path: /metrics", "authorization:", "type: Bearer", "credentials_file: ", "targets: ["]
    {
        assert!(scrape.contains(line), "{line} is not in the scrape configuration:\n{scrape}");
    }
    assert!(operations.contains("SIGHUP"));
    let webhooks = page("webhooks.md").replace('\n', " ");
    assert!(webhooks.contains("`EventSource`, which sends no headers of the page's"), "{webhooks}");
}

/// What is stricter than ACA-Py with credentials is listed, and what is refused at the offer.
#[test]
fn the_differences_name_what_is_stricter_with_credentials() {
    let text = fs::read_to_string(root().join("interop/differences.md")).unwrap();
    let (_, stricter) = text.split_once("## Stricter than ACA-Py with credentials").unwrap();
    for what in ["`@direction`", "no absolute iris", "types that no context defines"] {
        assert!(stricter.to_lowercase().contains(what), "{what} is not named");
    }
}
