//! `POST /issue-credential-2.0/records/{cred_ex_id}/send-offer`

use std::borrow::Cow;

use chancery_agent::issue_credential_v2;
use serde_json::{Map, Value};

use super::{formats, input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::tree::repr;
use crate::schema::{Schema, object};
use crate::texts::invalid;

static BODY: Schema = Schema {
    name: "V20CredBoundOfferRequest",
    parts: &[&[
        object("filter", &formats::FILTER).about("What is offered instead of what was proposed"),
        object("counter_preview", &input::PREVIEW).about("What is offered instead of what was proposed"),
    ]],
    whole: Some(both_or_neither),
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/records/{cred_ex_id}/send-offer",
    super::TAG,
    command!(issue_credential_v2::bound_offer),
)
.summary("Offer the credential that was proposed, or another one")
.about("For a counter-offer both `filter` and `counter_preview` are needed.")
.path(&input::ID)
.body(&BODY)
.answers(Answer::One(&record::RECORD));

fn both_or_neither(body: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let filter = body.get("filter");
    let filtered = filter.is_some_and(|f| f.get("indy").is_some() || f.get("ld_proof").is_some());
    let preview = body.get("counter_preview");
    (filtered != preview.is_some()).then(|| invalid::half_a_counter_offer(&given(filter, preview)).into())
}

/// What was given, as ACA-Py's text shows it: Python's view of its model objects.
fn given(filter: Option<&Value>, preview: Option<&Value>) -> String {
    let mut members = Vec::new();
    if let Some(filter) = filter.and_then(Value::as_object) {
        let families = filter.iter().map(|(family, content)| {
            let content = if family == "ld_proof" { detail(content) } else { repr(content) };
            format!("'{family}': {content}")
        });
        members.push(format!("'filter_': {{{}}}", families.collect::<Vec<_>>().join(", ")));
    }
    if let Some(preview) = preview {
        let attributes = preview["attributes"].as_array().into_iter().flatten();
        let attributes = attributes.map(|attribute| {
            let members = [("name", "name"), ("value", "value"), ("mime_type", "mime-type")];
            model("V20CredAttrSpec", attribute, &members, &[])
        });
        let attributes = attributes.collect::<Vec<_>>().join(", ");
        members.push(format!("'counter_preview': <V20CredPreview(attributes=[{attributes}])>"));
    }
    format!("{{{}}}", members.join(", "))
}

fn detail(detail: &Value) -> String {
    let credential = [
        ("_context", "@context"),
        ("_id", "id"),
        ("_type", "type"),
        ("_issuer", "issuer"),
        ("_credential_subject", "credentialSubject"),
        ("_credential_status", "credentialStatus"),
        ("_issuance_date", "issuanceDate"),
        ("_expiration_date", "expirationDate"),
        ("_valid_from", "validFrom"),
        ("_valid_until", "validUntil"),
        ("_proof", "proof"),
    ];
    let options = [
        ("verification_method", "verificationMethod"),
        ("proof_type", "proofType"),
        ("proof_purpose", "proofPurpose"),
        ("created", "created"),
        ("domain", "domain"),
        ("challenge", "challenge"),
        ("credential_status", "credentialStatus"),
    ];
    let given = &detail["credential"];
    let known = |name: &String| credential.iter().any(|(_, member)| member == name);
    let extra: Map<_, _> = given
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(n, _)| !known(n))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let credential =
        model("VerifiableCredential", given, &credential, &[("extra", repr(&Value::Object(extra)))]);
    let options = model("LDProofVCOptions", &detail["options"], &options, &[]);
    format!("<LDProofVCDetail(credential={credential}, options={options})>")
}

fn model(name: &str, object: &Value, members: &[(&str, &str)], more: &[(&str, String)]) -> String {
    let members = members.iter().map(|(shown, member)| format!("{shown}={}", repr(&object[*member])));
    let more = more.iter().map(|(shown, text)| format!("{shown}={text}"));
    format!("<{name}({})>", members.chain(more).collect::<Vec<_>>().join(", "))
}
