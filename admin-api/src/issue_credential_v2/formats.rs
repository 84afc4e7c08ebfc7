//! What each format takes in a filter, and what it shows of what it keeps. A format that is new gets a line in both lists.

use super::input::LD_PROOF_DETAIL;
use crate::schema::rule::{INDY_CRED_DEF, INDY_DID, INDY_SCHEMA, VERSION};
use crate::schema::{Field, Schema, map, matching, object, of, text};
use crate::texts::invalid;

const CONTENTS: &[Field] = &[
    object("anoncreds", &ANONCREDS).about("An AnonCreds credential"),
    object("indy", &INDY).about("An AnonCreds credential with Indy's identifiers"),
    of("ld_proof", LD_PROOF_DETAIL).about("A W3C credential with a linked data proof"),
    object("vc_di", &VC_DI).about("A W3C credential with an AnonCreds proof"),
];

/// What a record is shown with, by format.
pub(super) const KEPT: &[Field] = &[
    map("anoncreds").nullable().about("What the format keeps"),
    map("indy").nullable().about("What the format keeps"),
    object("ld_proof", &LD_PROOF_KEPT).nullable().about("What the format keeps"),
    map("vc_di").nullable().about("What the format keeps"),
];

/// Content by format.
pub(super) static FILTER: Schema = Schema {
    name: "V20CredFilter",
    parts: &[CONTENTS],
    whole: Some(|filter| {
        let known = CONTENTS.iter().any(|format| filter.contains_key(format.name));
        (!known).then_some(invalid::NO_FORMAT.into())
    }),
};

/// Content of a request without an offer.
pub(super) static LD_PROOF_FILTER: Schema = Schema {
    name: "V20CredFilterLDProof",
    parts: &[&[of("ld_proof", LD_PROOF_DETAIL)
        .required()
        .about("A W3C credential with a linked data proof")]],
    whole: None,
};

static ANONCREDS: Schema = Schema {
    name: "V20CredFilterAnonCreds",
    parts: &[&[
        text("schema_issuer_id").about("Who published the schema").example("did:cheqd:testnet:1686a962"),
        text("schema_name").about("Name of the schema").example("preferences"),
        text("schema_version").about("Version of the schema").example("1.0"),
        text("schema_id").about("Id of the schema"),
        text("issuer_id").about("Who published the credential definition"),
        text("cred_def_id").about("Id of the credential definition"),
    ]],
    whole: None,
};

static INDY_MEMBERS: [Field; 6] = [
    matching("cred_def_id", &INDY_CRED_DEF)
        .about("Id of the credential definition")
        .example("WgWxqztrNooG92RXvxSTWv:3:CL:20:tag"),
    matching("schema_id", &INDY_SCHEMA)
        .about("Id of the schema")
        .example("WgWxqztrNooG92RXvxSTWv:2:schema_name:1.0"),
    matching("schema_issuer_did", &INDY_DID)
        .about("Who published the schema")
        .example("WgWxqztrNooG92RXvxSTWv"),
    text("schema_name").about("Name of the schema").example("preferences"),
    matching("schema_version", &VERSION).about("Version of the schema").example("1.0"),
    matching("issuer_did", &INDY_DID)
        .about("Who published the credential definition")
        .example("WgWxqztrNooG92RXvxSTWv"),
];

static INDY: Schema = Schema { name: "V20CredFilterIndy", parts: &[&INDY_MEMBERS], whole: None };

static VC_DI: Schema = Schema { name: "V20CredFilterVCDI", parts: &[&INDY_MEMBERS], whole: None };

static LD_PROOF_KEPT: Schema = Schema {
    name: "V20CredExRecordLDProof",
    parts: &[&[
        text("cred_ex_ld_proof_id"),
        text("cred_ex_id").about("Id of the exchange"),
        text("cred_id_stored").about("Id of the stored credential"),
        text("created_at"),
        text("updated_at"),
    ]],
    whole: None,
};
