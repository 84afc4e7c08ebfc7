//! Reads a few members of a JSON object without building it: a webhook costs a microsecond, not ten.

/// Calls `found` with each member of the outermost object: its name, and its value's text if that is a string.
/// Escapes are left as they are: identifiers and states have none. Stops at what is not JSON.
pub(super) fn members<'j>(json: &'j [u8], mut found: impl FnMut(&'j [u8], Option<&'j [u8]>)) {
    let mut scanner = Scanner { rest: json };
    if scanner.next_token() != Some(b'{') {
        return;
    }
    while scanner.next_token() == Some(b'"') {
        let Some(name) = scanner.string() else { return };
        if scanner.next_token() != Some(b':') {
            return;
        }
        match scanner.next_token() {
            Some(b'"') => match scanner.string() {
                Some(value) => found(name, Some(value)),
                None => return,
            },
            Some(first) => {
                found(name, None);
                if !scanner.skip_value(first) {
                    return;
                }
            }
            None => return,
        }
        if scanner.next_token() != Some(b',') {
            return;
        }
    }
}

struct Scanner<'j> {
    rest: &'j [u8],
}

impl<'j> Scanner<'j> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn next_token(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.next()
    }

    /// The rest of a string whose opening quote is read.
    fn string(&mut self) -> Option<&'j [u8]> {
        let all = self.rest;
        let mut length = 0;
        loop {
            match self.next()? {
                b'"' => return all.get(..length),
                b'\\' => {
                    self.next()?;
                    length += 2;
                }
                _ => length += 1,
            }
        }
    }

    /// Passes over a number, word, array or object whose first byte is read.
    fn skip_value(&mut self, first: u8) -> bool {
        let mut depth = i32::from(matches!(first, b'{' | b'['));
        loop {
            match self.rest.first() {
                None => return depth == 0,
                Some(b',' | b'}' | b']') if depth == 0 => return true,
                Some(_) => {}
            }
            match self.next() {
                Some(b'"') if self.string().is_none() => return false,
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Vec<(&str, Option<&str>)> {
        let mut all = Vec::new();
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        members(json.as_bytes(), |name, value| all.push((text(name), value.map(text))));
        all
    }

    #[test]
    fn members_of_the_outermost_object_only() {
        let json = r#" {"a": {"state": "no", "l": ["}", "\"]"]}, "n":-1.5e3, "state" : "done","x":[1,[2]],"t":true} "#;
        let expected = [("a", None), ("n", None), ("state", Some("done")), ("x", None), ("t", None)];
        assert_eq!(texts(json), expected);
        assert_eq!(texts("{}"), []);
        assert_eq!(texts(r#"{"quote\"d":"\\"}"#), [("quote\\\"d", Some("\\\\"))]);
    }

    #[test]
    fn what_is_not_json_ends_the_scan() {
        for broken in
            ["", "[1]", "{", r#"{"a""#, r#"{"a":"b"#, r#"{"a":[1"#, r#"{"a":{"b":"c"#, "{\"a\"\\", "{1:2}"]
        {
            assert!(texts(broken).iter().all(|(_, value)| value.is_none()), "{broken}");
        }
    }
}
