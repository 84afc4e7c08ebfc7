//! The detail `{credential, options}` of proposals, offers and requests: the rules of its schema and the order in which
//! members are written.

use serde_json::{Map, Value};

use crate::securing::Claims;
use crate::w3c::{Members, any, credential, credential_in_order, in_order, iso8601, outcome};
use crate::{FormatError, Invalid};

const OPTION_MEMBERS: [&str; 7] =
    ["verificationMethod", "proofType", "proofPurpose", "created", "domain", "challenge", "credentialStatus"];

/// The rules of `filter.ld_proof` in the admin API. Unknown members beside `credential` and `options`, and in
/// `options`, are refused (ACA-Py fails on them with 500).
pub fn validate_detail(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(detail(value, true))
}

/// The rules for a detail from a peer: members that we don't know are kept.
pub(super) fn validate_received(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(detail(value, false))
}

fn detail(value: &Value, strict: bool) -> Vec<Invalid> {
    let mut members = match Members::of(value) {
        Ok(members) => members,
        Err(wrong) => return wrong,
    };
    members.nested("credential", true, credential);
    members.nested("options", true, if strict { known_options } else { options });
    if strict {
        members.nothing_but(&["credential", "options"]);
    }
    members.finish()
}

fn options(value: &Value) -> Vec<Invalid> {
    option_members(value, false)
}

fn known_options(value: &Value) -> Vec<Invalid> {
    option_members(value, true)
}

fn option_members(value: &Value, strict: bool) -> Vec<Invalid> {
    let mut members = match Members::of(value) {
        Ok(members) => members,
        Err(wrong) => return wrong,
    };
    members.text("verificationMethod", false, any);
    members.text("proofType", false, any);
    members.text("proofPurpose", false, any);
    members.text("created", false, iso8601);
    members.text("domain", false, any);
    members.text("challenge", false, any);
    members.nested("credentialStatus", false, status);
    if strict {
        members.nothing_but(&OPTION_MEMBERS);
    }
    members.finish()
}

fn status(value: &Value) -> Vec<Invalid> {
    match Members::of(value) {
        Err(wrong) => wrong,
        Ok(mut members) => {
            members.text("type", true, any);
            members.finish()
        }
    }
}

/// A parsed detail.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) credential: Map<String, Value>,
    pub(super) options: Map<String, Value>,
    other: Map<String, Value>,
}

impl Detail {
    /// Of a detail that obeys the rules for received ones.
    pub(super) fn parse(value: &Value) -> Result<Self, FormatError> {
        if let Err(wrong) = validate_received(value) {
            let field = wrong.first().map(|invalid| Invalid { message: String::new(), ..invalid.clone() });
            let field = field.map(|f| f.to_string().trim_end_matches(": ").to_owned()).unwrap_or_default();
            let list: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            return Err(FormatError::refused_at(field, list.join("; ")));
        }
        let mut other = value.as_object().cloned().unwrap_or_default();
        let mut take = |name: &str| match other.shift_remove(name) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let (credential, options) = (take("credential"), take("options"));
        Ok(Self { credential, options, other })
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(Value::as_str)
    }

    /// What is to be signed, and how.
    pub(super) fn into_claims(self) -> Claims {
        Claims { credential: self.credential, options: self.options }
    }

    /// Members in ACA-Py's order, those that we don't know last.
    pub(super) fn into_value(self) -> Value {
        let mut out = Map::new();
        out.insert("credential".into(), credential_in_order(self.credential));
        out.insert("options".into(), in_order(self.options, &OPTION_MEMBERS).into());
        out.extend(self.other);
        Value::Object(out)
    }
}
