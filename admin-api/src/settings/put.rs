//! `PUT /settings`

use serde_json::Value;

use super::table::{Switch, shown};
use crate::failure::Failure;
use crate::operation::{Answer, Call, Operation};
use crate::schema::tree::Tree;
use crate::schema::{Kind, Schema, map};

static BODY: Schema = Schema {
    name: "UpdateProfileSettings",
    parts: &[&[map("extra_settings")
        .about("Settings by their names in the environment or on the command line; names that are not known are ignored")
        .example(r#"{"ACAPY_AUTO_ACCEPT_REQUESTS": true, "public-invites": false}"#)]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::put("/settings", super::TAG, |call| Box::pin(async move { change(call) }))
        .summary("Change settings")
        .about("Holds until the agent stops.")
        .needed_body(&BODY)
        .answers(Answer::Free);

fn change(mut call: Call) -> Result<Value, Failure> {
    let mut changes = Vec::new();
    if let Some(Value::Object(wanted)) = call.input.remove("extra_settings") {
        for (name, mut value) in wanted {
            let Some(switch) = Switch::named(&name) else { continue };
            Kind::Boolean
                .check(&mut value)
                .map_err(|tree: Tree| Failure::invalid("json", tree.under(name).under("extra_settings")))?;
            changes.push((switch, value == Value::Bool(true)));
        }
    }
    call.agent().change_settings(&call.tenant, |settings| {
        for (switch, on) in &changes {
            switch.set(settings, *on);
        }
    });
    let mut answer = shown(&call);
    for (switch, on) in changes {
        answer[switch.shown] = Value::Bool(on);
    }
    Ok(answer)
}
