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
    if let Some(most) = query.among {
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
    for line in lines() {
        let (numbers, tags): (Vec<&str>, Vec<&str>) =
            line.split(' ').skip(1).partition(|word| word.parse::<usize>().is_ok());
        // Of one tag that many share any few rows are found at once; for a second one, all rows of the first may be read in vain.
        let limited = numbers.len() >= tags.len().min(2);
        let selective = tags.iter().any(|tag| {
            !shared.contains(tag)
                && *tag != "invitation_msg_id"
                && !(*tag == "thread_id" && line.starts_with("cred_ex"))
        });
        assert!(limited || selective, "{line}");
    }
}
