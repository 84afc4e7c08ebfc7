//! Inputs that several operations share.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::formats::FILTER;
use crate::schema::rule::UUID4;
use crate::schema::tree::{Key, Tree};
use crate::schema::{Field, Kind, Schema, boolean, json, list, map, matching, object, objects, text};
use crate::texts::invalid;

/// The record's id in the path.
pub(super) static ID: [Field; 1] = [matching("cred_ex_id", &UUID4)
    .about("Id of the credential exchange record")
    .example("3fa85f64-5717-4562-b3fc-2c963f66afa6")];

/// What every operation that begins an exchange takes.
pub(super) static CORE: [Field; 7] = [
    object("filter", &FILTER).required().about("What the credential holds, by format; the order is kept"),
    auto_remove(),
    auto_remove_on_failure(),
    text("comment").nullable().about("For humans"),
    object("credential_preview", &PREVIEW),
    text("replacement_id")
        .nullable()
        .about("Names what this credential replaces")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    boolean("trace").about("Stored with the record"),
];

/// To whom.
pub(super) const CONNECTION_ID: Field = text("connection_id")
    .required()
    .about("Id of the connection")
    .example("3fa85f64-5717-4562-b3fc-2c963f66afa6");

/// Issue as soon as the request is there.
pub(super) const AUTO_ISSUE: Field = boolean("auto_issue")
    .about("Issue as soon as the request arrives (default: --auto-respond-credential-request)");

/// The subject's id.
pub(super) const HOLDER_DID: Field = text("holder_did")
    .nullable()
    .about("A did:key of the holder that becomes the subject's id when it has none")
    .example("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH");

pub(super) const fn auto_remove() -> Field {
    boolean("auto_remove").about(
        "Remove the record when the exchange is done (default: the opposite of --preserve-exchange-records)",
    )
}

pub(super) const fn auto_remove_on_failure() -> Field {
    boolean("auto_remove_on_failure").about("Remove the record when the exchange fails")
}

/// With a format by AnonCreds or data integrity the preview is needed.
pub(super) fn preview_where_needed(body: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let given = |value: &Value| value.as_object().is_some_and(|o| !o.is_empty());
    let filter = body.get("filter")?;
    let needs = ["indy", "vc_di"].iter().any(|family| filter.get(family).is_some_and(given));
    (needs && !body.get("credential_preview").is_some_and(given)).then_some(invalid::NO_PREVIEW.into())
}

/// What an AnonCreds credential will say.
pub(super) static PREVIEW: Schema = Schema {
    name: "V20CredPreview",
    parts: &[&[
        text("@type").about("Type of the preview").example("issue-credential/2.0/credential-preview"),
        objects("attributes", &ATTRIBUTE).required(),
    ]],
    whole: None,
};

static ATTRIBUTE: Schema = Schema {
    name: "V20CredAttrSpec",
    parts: &[&[
        text("name").required().about("Name of the attribute").example("favourite_drink"),
        text("mime-type")
            .nullable()
            .about("Media type; without it the value is plain text")
            .example("image/jpeg"),
        text("value").required().about("The value; base64 when there is a media type").example("martini"),
    ]],
    whole: None,
};

/// A W3C credential with proof options, checked by the format itself.
pub(crate) const LD_PROOF_DETAIL: Kind = Kind::Custom(check_detail, &DETAIL);

fn check_detail(detail: &Value) -> Option<Tree> {
    chancery_credentials::validate_detail(detail).err().and_then(tree_of)
}

/// The faults that a credential format found, as a tree.
pub(crate) fn tree_of(faults: Vec<chancery_credentials::Invalid>) -> Option<Tree> {
    use chancery_credentials::PathItem;

    let mut tree = None;
    for fault in faults {
        let path: Vec<_> = fault
            .path
            .into_iter()
            .map(|step| match step {
                PathItem::Member(name) => Key::Member(name.into()),
                PathItem::Entry(at) => Key::Index(at),
            })
            .collect();
        tree.get_or_insert_with(|| Tree::Texts(Vec::new())).insert(&path, fault.message.into());
    }
    tree
}

static DETAIL: Schema = Schema {
    name: "LDProofVCDetail",
    parts: &[&[
        object("credential", &CREDENTIAL).required().about("The credential to be issued, without proof"),
        object("options", &OPTIONS).required().about("How it is to be signed"),
    ]],
    whole: None,
};

/// Members of a W3C credential. Others are kept.
static CREDENTIAL: Schema = Schema { name: "Credential", parts: &[&CREDENTIAL_MEMBERS], whole: None };

pub(crate) static CREDENTIAL_MEMBERS: [Field; 10] = [
    list("@context", &Kind::Json)
        .required()
        .about("JSON-LD contexts, that of the data model first")
        .example(r#"["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"]"#),
    text("id").about("Id of the credential, a URI").example("urn:uuid:3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    list("type", &Kind::Text)
        .required()
        .about("Types, VerifiableCredential among them")
        .example(r#"["VerifiableCredential", "PermanentResidentCard"]"#),
    json("issuer")
        .required()
        .about("DID of the issuer, or an object with it as id")
        .example(r#""did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH""#),
    text("issuanceDate").about("When it becomes valid (default: now)").example("2024-01-01T00:00:00Z"),
    text("expirationDate").about("When it expires").example("2034-01-01T00:00:00Z"),
    text("validFrom").about("When it becomes valid, data model 2.0").example("2024-01-01T00:00:00Z"),
    text("validUntil").about("When it expires, data model 2.0").example("2034-01-01T00:00:00Z"),
    json("credentialSubject")
        .required()
        .about("Claims: an object or a list of objects")
        .example(r#"{"type": ["PermanentResident"], "givenName": "Alice", "familyName": "Smith"}"#),
    map("credentialStatus").about("How to find out whether it was revoked"),
];

/// How a credential is signed.
pub(crate) static OPTIONS: Schema = Schema {
    name: "LDProofVCOptions",
    parts: &[&[
        text("verificationMethod").about("Which key of the issuer signs (default: a suitable one)"),
        text("proofType").about("Proof suite").example("Ed25519Signature2020"),
        text("proofPurpose").about("What the proof is for").default("assertionMethod"),
        text("created").about("When it is signed (default: now)").example("2024-01-01T00:00:00Z"),
        text("domain").about("Where the proof is valid").example("example.com"),
        text("challenge").about("Given by whoever asks for the proof"),
        map("credentialStatus")
            .about("What kind of status the credential has")
            .example(r#"{"type": "StatusList2021Entry"}"#),
    ]],
    whole: None,
};
