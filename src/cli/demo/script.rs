//! The calls of the story as a shell script: each is written once, with `$variables`, and is both made and shown.

use serde_json::Value;

use crate::cli::admin_api::{CallError, text};

/// Defined before the first wait.
pub(super) const WAIT_FOR: &str =
    "  wait_for() { until curl -s \"$1\" | jq -e \"$2\" > /dev/null; do sleep 0.1; done; }";

/// What the shell's variables stand for.
#[derive(Default)]
pub(super) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// Sets one, and shows how.
    pub(super) fn set(&mut self, name: &'static str, value: &str) -> String {
        self.put(name, value.to_owned());
        format!("  {name}={value}")
    }

    fn put(&mut self, name: &'static str, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    /// Takes one out of an answer, and shows how.
    pub(super) fn take(
        &mut self,
        name: &'static str,
        answer: &Value,
        pointer: &str,
    ) -> Result<String, CallError> {
        let value = match answer.pointer(pointer) {
            Some(object @ Value::Object(_)) => object.to_string(),
            _ => text(answer, pointer)?,
        };
        self.put(name, value);
        Ok(format!("  {name}=$(printf %s \"$answer\" | jq -rc '{}')", filter(pointer)))
    }

    /// The text that the shell would make of this one.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut longest_first: Vec<_> = self.0.iter().collect();
        longest_first.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        longest_first
            .into_iter()
            .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
    }
}

/// The `jq` filter of a JSON pointer.
fn filter(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{step}"),
    });
    steps.collect()
}

/// A call whose answer is wanted. `url` and `body` are templates.
pub(super) fn call(url: &str, body: &str) -> String {
    format!(
        "  answer=$(curl -s -X POST \"{url}\" \\\n    -H 'Content-Type: application/json' \\\n    -d {})",
        quoted(body)
    )
}

/// A look-up whose answer is wanted.
pub(super) fn look(url: &str) -> String {
    format!("  answer=$(curl -s \"{url}\")")
}

/// Waits until what is at the pointer is so.
pub(super) fn wait(url: &str, pointer: &str, value: &str) -> String {
    format!("  wait_for \"{url}\" '{} == \"{value}\"'", filter(pointer))
}

/// One word of the shell, in which the variables stand for their values.
fn quoted(template: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut word = String::from("'");
    let mut rest = template;
    while let Some((before, variable)) = rest.split_once('$') {
        let end = variable.find(|c| !is_name(c)).unwrap_or(variable.len());
        let (name, after) = variable.split_at(end);
        word.push_str(&before.replace('\'', r"'\''"));
        word.push_str(&format!("'\"${name}\"'"));
        rest = after;
    }
    word.push_str(&rest.replace('\'', r"'\''"));
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_one_word_with_variables() {
        assert_eq!(quoted(r#"{"name": "O'Hara"}"#), r#"'{"name": "O'\''Hara"}'"#);
        assert_eq!(quoted(r#"{"did": "$did_a", "x": 1}"#), r#"'{"did": "'"$did_a"'", "x": 1}'"#);
        assert_eq!(quoted("$invitation"), r#"''"$invitation"''"#);
    }

    #[test]
    fn what_is_shown_is_what_is_done() {
        let mut variables = Variables::default();
        assert_eq!(variables.set("ISSUER", "http://a:1"), "  ISSUER=http://a:1");
        let answer = serde_json::json!({"results": [{"id": "7"}]});
        let shown = variables.take("ISSUER_id", &answer, "/results/0/id").unwrap();
        assert_eq!(shown, r#"  ISSUER_id=$(printf %s "$answer" | jq -rc '.results[0].id')"#);
        assert_eq!(variables.fill("$ISSUER/$ISSUER_id"), "http://a:1/7");
    }
}
