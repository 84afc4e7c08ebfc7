//! The pages of the error codes, out of `docs/errors`.

/// Code and page, by code.
static PAGES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

/// The page of a code.
pub(crate) fn page(code: &str) -> Option<&'static str> {
    PAGES
        .binary_search_by_key(&code, |(code, _)| code)
        .ok()
        .and_then(|at| PAGES.get(at))
        .map(|(_, page)| *page)
}

/// What to do about any failure with this code: the first paragraph of that name on its page, as plain text.
pub(crate) fn hint(code: &str) -> Option<String> {
    let (_, rest) = page(code)?.split_once("\n## What to do\n")?;
    let paragraph = rest.trim_start().split("\n\n").next()?;
    Some(without_links(paragraph)).filter(|hint| !hint.is_empty())
}

/// Of `[text](target)` the text; a hint is no page, and its reader not where the targets are relative to.
fn without_links(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        match link.split_once("](").and_then(|(name, after)| Some((name, after.split_once(')')?.1))) {
            Some((name, after)) => {
                text.push_str(name);
                rest = after;
            }
            None => {
                text.push('[');
                rest = link;
            }
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_a_hint() {
        assert!(PAGES.len() > 60);
        for (code, text) in PAGES {
            assert_eq!(page(code), Some(*text));
            let hint = hint(code).unwrap_or_default();
            assert!(!hint.is_empty(), "docs/errors/{code}.md does not say what to do: {hint:?}");
            assert!(!hint.contains("]("), "{hint}");
        }
        assert_eq!(page("README"), None);
    }

    #[test]
    fn links_become_their_text() {
        assert_eq!(without_links("See [how\nto](a/b.md#c), `list[0]`."), "See how to, `list[0]`.");
    }
}
