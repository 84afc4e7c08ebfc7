//! The tree of what is wrong with an input, printed as Python prints it: ACA-Py's 422 bodies are the `repr` of a dict.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Value, json};

/// What is wrong at one place of an input, or below it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// Texts about the value itself.
    Texts(Vec<Cow<'static, str>>),
    /// Members or elements with faults, in the order in which the schema declares them.
    Below(Vec<(Key, Tree)>),
}

/// A step into an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A member; `_schema` for the object as a whole.
    Member(Cow<'static, str>),
    /// An element of a list.
    Index(usize),
}

/// The pseudo-member for faults of a whole object.
pub(crate) const WHOLE: &str = "_schema";

impl Tree {
    /// One text.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Texts(vec![text.into()])
    }

    /// One fault of an object as a whole.
    pub(crate) fn whole(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Below(vec![(Key::Member(WHOLE.into()), Self::text(text))])
    }

    /// The same under a member.
    pub(crate) fn under(self, member: impl Into<Cow<'static, str>>) -> Self {
        Self::Below(vec![(Key::Member(member.into()), self)])
    }

    /// Adds a text at a path, making the members on the way.
    pub(crate) fn insert(&mut self, path: &[Key], text: Cow<'static, str>) {
        let Some((first, rest)) = path.split_first() else {
            match self {
                Self::Texts(texts) => texts.push(text),
                Self::Below(below) => below.push((Key::Member(WHOLE.into()), Self::text(text))),
            }
            return;
        };
        if let Self::Texts(_) = self {
            *self = Self::Below(Vec::new());
        }
        let Self::Below(below) = self else { return };
        let at = below.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            below.push((first.clone(), Self::Texts(Vec::new())));
            below.len() - 1
        });
        if let Some((_, tree)) = below.get_mut(at) {
            tree.insert(rest, text);
        }
    }

    /// Dotted path of the first fault and its text, for problem details and logs.
    pub(crate) fn first(&self) -> (String, &str) {
        let (mut path, mut here) = (String::new(), self);
        loop {
            match here {
                Self::Texts(texts) => return (path, texts.first().map_or("", AsRef::as_ref)),
                Self::Below(below) => {
                    let Some((key, tree)) = below.first() else { return (path, "") };
                    let step = match key {
                        Key::Member(name) if name == WHOLE => None,
                        Key::Member(name) => Some(name.to_string()),
                        Key::Index(at) => Some(at.to_string()),
                    };
                    if let Some(step) = step {
                        if !path.is_empty() {
                            path.push('.');
                        }
                        path.push_str(&step);
                    }
                    here = tree;
                }
            }
        }
    }

    /// The tree as JSON.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Texts(texts) => json!(texts),
            Self::Below(below) => {
                let members = below.iter().map(|(key, tree)| {
                    let name = match key {
                        Key::Member(name) => name.to_string(),
                        Key::Index(at) => at.to_string(),
                    };
                    (name, tree.to_json())
                });
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The tree as Python prints it.
    pub(crate) fn repr(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Texts(texts) => {
                out.push('[');
                for (at, text) in texts.iter().enumerate() {
                    separate(out, at);
                    write_text(out, text);
                }
                out.push(']');
            }
            Self::Below(below) => {
                out.push('{');
                for (at, (key, tree)) in below.iter().enumerate() {
                    separate(out, at);
                    match key {
                        Key::Member(name) => write_text(out, name),
                        Key::Index(index) => {
                            let _ = write!(out, "{index}");
                        }
                    }
                    out.push_str(": ");
                    tree.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn separate(out: &mut String, at: usize) {
    if at > 0 {
        out.push_str(", ");
    }
}

/// A JSON value as Python prints it.
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at);
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                separate(out, at);
                write_text(out, name);
                out.push_str(": ");
                write_value(out, member);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable` for one character, without the unassigned code points.
fn is_printable(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
        | '\u{fff9}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_python_does() {
        let cases = [
            (json!("plain"), "'plain'"),
            (json!("it's"), "\"it's\""),
            (json!("\"it's\""), "'\"it\\'s\"'"),
            (json!("say \"x\""), "'say \"x\"'"),
            (json!("a\nb\tc\\d"), r"'a\nb\tc\\d'"),
            (json!("\u{7}\u{a0}é\u{200b}\u{e000}"), r"'\x07\xa0é\u200b\ue000'"),
            (
                json!({"a": [null, true, false, 1, 1.5], "b'": {}}),
                "{'a': [None, True, False, 1, 1.5], \"b'\": {}}",
            ),
        ];
        for (value, text) in cases {
            assert_eq!(repr(&value), text);
        }
    }

    #[test]
    fn prints_trees() {
        let mut tree = Tree::text("No.").under("x");
        tree.insert(&[Key::Member("list".into()), Key::Index(2)], "Bad.".into());
        tree.insert(&[Key::Member("x".into())], "Never.".into());
        assert_eq!(tree.repr(), "{'x': ['No.', 'Never.'], 'list': {2: ['Bad.']}}");
        assert_eq!(tree.to_json(), json!({"x": ["No.", "Never."], "list": {"2": ["Bad."]}}));
        assert_eq!(Tree::whole("W").under("filter").under("json").first(), ("json.filter".to_owned(), "W"));
    }
}
