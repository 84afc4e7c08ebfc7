//! What is looked up on the way of a message: each look-up has to cost the same however many rows there are.

use crate::ports::store::Query;

const KNOWN: &str = include_str!("look_ups.txt");

fn lines() -> impl Iterator<Item = &'static str> {
    KNOWN.lines().filter(|line| !line.starts_with('#'))
}

/// Fails for a look-up that the list does not have.
pub(super) fn check(query: &Query) {
    let mut form = query.category.to_string();
    for (tag, _) in &query.tags {
        form.push_str(&format!(" {tag}"));
    }
    if let Some(most) = query.limit {
        form.push_str(&format!(" {most}"));
    }
    let by_tags_alone = query.facets.is_empty() && query.offset == 0;
    assert!(
        by_tags_alone && (query.limit.is_none() || query.unordered) && lines().any(|line| line == form),
        "a message on its way looks up `{form}`, which testing/look_ups.txt does not have: {query:?}"
    );
}

#[test]
fn a_look_up_by_what_many_rows_share_takes_a_few_of_them() {
    let shared = ["state", "their_role", "my_did", "their_did", "their_public_did", "invitation_key", "key"];
    for line in lines().filter(|line| *line != "connection invitation_msg_id state") {
        let mut words = line.split(' ').skip(1).peekable();
        let limited = line.split(' ').any(|word| word.parse::<usize>().is_ok());
        let selective = words.any(|tag| {
            !shared.contains(&tag)
                && tag != "invitation_msg_id"
                && !(tag == "thread_id" && line.starts_with("cred_ex"))
        });
        assert!(limited || selective, "{line}");
    }
}
