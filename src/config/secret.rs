//! Text that must not be shown.

use std::fmt;

use zeroize::Zeroizing;

/// The text without the user names and passwords of URLs in it.
pub fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | ',' | ' ');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(at) => {
                shown.push_str("…@");
                &after[at + 1..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    shown
}

/// A secret from the configuration: wiped from memory when dropped, never shown by `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_passwords() {
        for (text, shown) in [
            ("https://user:pass@host/path?x=a@b", "https://…@host/path?x=a@b"),
            ("http://host/a@b", "http://host/a@b"),
            (
                "{\"url\":\"postgres://u:p@h:5432/db\",\"x\":\"http://t@k\"}",
                "{\"url\":\"postgres://…@h:5432/db\",\"x\":\"http://…@k\"}",
            ),
            ("http://u:p@x@host", "http://…@host"),
            ("no URL @ all", "no URL @ all"),
            ("://", "://"),
        ] {
            assert_eq!(without_passwords(text), shown, "{text}");
        }
        assert_eq!(format!("{:?}", Secret::new("hidden".into())), "<secret>");
    }
}
