//! `GET` and `DELETE /chancery/contexts`

use chancery_agent::credential;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, integer, text};

static PART: [Field; 2] = [
    integer("offset", Some((0, None))).about("Contexts to skip").default("0"),
    integer("limit", Some((1, Some(1000)))).about("Most results to return").default("100"),
];

static URL: [Field; 1] =
    [text("url").about("The context's URL").example("https://example.com/context.jsonld").required()];

static CONTEXT: [Field; 3] = [
    text("url").about("Where it was fetched"),
    integer("bytes", None).about("Its length"),
    text("sha256").about("Its SHA-256, hex"),
];

static ANSWER: Schema = Schema { name: "KeptContext", parts: &[&CONTEXT], whole: None };

pub(super) static LIST: Operation =
    Operation::get("/chancery/contexts", super::TAG, command!(credential::contexts))
        .summary("List the JSON-LD contexts that were fetched and are kept")
        .about("Those that come with the agent are not among them.")
        .query(&[&PART])
        .answers(Answer::Results(&ANSWER));

pub(super) static FORGET: Operation =
    Operation::delete("/chancery/contexts", super::TAG, command!(credential::forget_context))
        .summary("Remove a kept JSON-LD context")
        .about("What needs it next fetches it anew, and takes what its server says then.")
        .query(&[&URL]);
