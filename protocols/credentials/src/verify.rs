//! Verification of a credential's Linked Data proofs.

use chancery_did::{KeyType, PublicKey, VerificationMethod};
use serde_json::{Map, Value, json};

use crate::format::{Facts, FormatError, Needs};
use crate::ld_proof::{issuer_of, moment, validate_credential};
use crate::suites::{Suite, verify_data_with};

/// Proofs of one credential that are looked at: each takes canonicalization, and a DID to resolve.
const MAX_PROOFS: usize = 16;

/// What came out for one proof.
#[derive(Clone, Debug, PartialEq)]
pub struct ProofOutcome {
    /// The proof as received.
    pub proof: Value,
    /// Why it does not verify; `None`: it does.
    pub error: Option<String>,
    /// The verification method that it verified with.
    pub method: Option<String>,
}

/// What came out for a credential. Only proofs for `assertionMethod` of known suites are looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// One of each proof that was looked at.
    pub results: Vec<ProofOutcome>,
    /// Why nothing could be verified.
    pub errors: Vec<String>,
    /// What the caller has to say besides: [`warnings`], for one.
    pub warnings: Vec<String>,
}

impl Verification {
    /// Any one valid proof suffices.
    pub fn verified(&self) -> bool {
        self.results.iter().any(|result| result.error.is_none())
    }

    /// Why it isn't verified, in one sentence.
    pub fn reason(&self) -> String {
        self.errors.join("; ")
    }

    /// The answer of `POST /vc/credentials/verify` for this document.
    pub fn to_json(&self, document: &Value) -> Value {
        let issuer = issuer_of(document).unwrap_or_default();
        let results = self.results.iter().map(|result| {
            let mut proof = Map::new();
            if let Some(context) = document.get("@context") {
                proof.insert("@context".into(), context.clone());
            }
            proof.extend(result.proof.as_object().cloned().unwrap_or_default());
            let mut out = Map::new();
            out.insert("verified".into(), result.error.is_none().into());
            out.insert("proof".into(), proof.into());
            match (&result.error, &result.method) {
                (Some(error), _) => drop(out.insert("error".into(), error.clone().into())),
                (None, method) => {
                    let controller =
                        json!({"@context": "https://w3id.org/security/v2", "id": issuer, "assertionMethod": [method]});
                    out.insert("purpose_result".into(), json!({"valid": true, "controller": controller}));
                }
            }
            Value::Object(out)
        });
        let mut out = Map::new();
        out.insert("verified".into(), self.verified().into());
        out.insert("document".into(), document.clone());
        let results: Vec<Value> = results.collect();
        if !results.is_empty() {
            out.insert("results".into(), results.into());
        }
        if !self.verified() {
            out.insert("errors".into(), self.errors.clone().into());
        }
        if !self.warnings.is_empty() {
            out.insert("warnings".into(), self.warnings.clone().into());
        }
        Value::Object(out)
    }
}

/// Verifies a credential: its structure, and each proof: the method belongs to the issuer and is authorised for
/// `assertionMethod` in the issuer's DID document, the signature is the method's. `Err`: what is needed first.
pub fn verify(facts: &Facts<'_>, credential: &Value) -> Result<Verification, Needs> {
    let mut out = Verification::default();
    if let Err(invalid) = validate_credential(credential) {
        let list: Vec<String> = invalid.iter().map(ToString::to_string).collect();
        out.errors.push(format!("Unable to verify credential with invalid structure: {}", list.join(", ")));
        return Ok(out);
    }
    let mut document = credential.clone();
    let proofs = match document.as_object_mut().and_then(|members| members.shift_remove("proof")) {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if proofs.len() > MAX_PROOFS {
        out.errors.push(format!(
            "Unable to verify credential with {} proofs: at most {MAX_PROOFS} are looked at",
            proofs.len()
        ));
        return Ok(out);
    }
    let issuer = issuer_of(&document).unwrap_or_default();
    let mut hashed = None;
    for proof in proofs {
        let Some(members) = proof.as_object() else { continue };
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(suite) = Suite::from_name(text("type")) else { continue };
        if text("proofPurpose") != "assertionMethod" {
            continue;
        }
        let outcome = verify_proof(facts, suite, &document, &issuer, members, &mut hashed);
        let (error, method) = match outcome {
            Ok(method) => (None, Some(method)),
            Err(FormatError::Needs(needs)) => return Err(needs),
            Err(error) => (Some(error.to_string()), None),
        };
        out.results.push(ProofOutcome { proof, error, method });
    }
    if out.results.is_empty() {
        let suites: Vec<&str> = Suite::ALL.iter().map(|s| s.name()).collect();
        out.errors.push(format!(
            "Could not verify any proofs; no proofs matched the required suites ({}) and purpose (assertionMethod)",
            suites.join(", ")
        ));
    } else if !out.verified() {
        out.errors.extend(out.results.iter().filter_map(|r| r.error.clone()));
    }
    Ok(out)
}

/// What a valid signature doesn't say of a credential: that it is valid now (microseconds since 1970), and that its words mean
/// what they say. Whether that matters is for the reader to decide.
pub fn warnings(credential: &Value, now: i64) -> Vec<String> {
    let mut out = Vec::new();
    let date = |name: &str| {
        let text = credential.get(name)?.as_str()?;
        Some((text.to_owned(), moment(text)?))
    };
    for name in ["expirationDate", "validUntil"] {
        if let Some((text, moment)) = date(name)
            && moment <= now
        {
            out.push(format!("the credential has expired: {name} is {text}"));
        }
    }
    for name in ["issuanceDate", "validFrom"] {
        if let Some((text, moment)) = date(name)
            && moment > now
        {
            out.push(format!("the credential is not valid yet: {name} is {text}"));
        }
    }
    if has_inline_context(credential) {
        out.push(
            "the credential defines words by itself, in an inline context: they may mean anything, whatever they are \
             called"
                .to_owned(),
        );
    }
    out
}

/// Whether a context is written in the document, at the top or in any node.
fn has_inline_context(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_inline_context),
        Value::Object(members) => members.iter().any(|(name, member)| match (name.as_str(), member) {
            ("@context", Value::Array(contexts)) => contexts.iter().any(Value::is_object),
            ("@context", context) => context.is_object(),
            _ => has_inline_context(member),
        }),
        _ => false,
    }
}

/// The id of the method that verified.
fn verify_proof(
    facts: &Facts<'_>,
    suite: Suite,
    document: &Value,
    issuer: &str,
    proof: &Map<String, Value>,
    hashed: &mut Option<[u8; 32]>,
) -> Result<String, FormatError> {
    let named = match proof.get("verificationMethod") {
        Some(Value::String(id)) => id.as_str(),
        Some(Value::Object(method)) => method.get("id").and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    if named.is_empty() {
        return Err(FormatError::refused("No \"verificationMethod\" found in proof"));
    }
    let method = match own_key(issuer, named) {
        Some(method) => method,
        None => authorised(facts, issuer, named)?,
    };
    let data = verify_data_with(facts.jsonld, document, proof, hashed)?;
    suite.verify(&data, proof, &method).map_err(FormatError::refused)?;
    Ok(method.id)
}

/// The method of a did:key issuer, which says by itself what its document would: one key, its own, for every purpose.
fn own_key(issuer: &str, named: &str) -> Option<VerificationMethod> {
    let fragment = named.strip_prefix(issuer)?.strip_prefix('#')?;
    if issuer.strip_prefix("did:key:")? != fragment {
        return None;
    }
    let key = PublicKey::from_multikey(fragment).ok()?;
    let kind = match key.kind() {
        KeyType::Ed25519 => "Ed25519VerificationKey2018",
        KeyType::P256 => "EcdsaSecp256r1VerificationKey2019",
        KeyType::X25519 | KeyType::Bls12381G2 => return None,
    };
    Some(VerificationMethod {
        id: named.to_owned(),
        kind: kind.to_owned(),
        controller: issuer.to_owned(),
        key: Ok(key),
    })
}

/// The named method, if the issuer controls it and its document authorises it for assertions.
fn authorised(facts: &Facts<'_>, issuer: &str, named: &str) -> Result<VerificationMethod, FormatError> {
    let controller = facts.document(issuer.split_once('#').map_or(issuer, |(did, _)| did))?;
    let owner = named.split_once('#').map_or(named, |(did, _)| did);
    let method = match controller.verification_method(named) {
        Some(method) => method.clone(),
        None if owner.is_empty() || owner == controller.id() => return Err(not_found(named)),
        None => facts.document(owner)?.verification_method(named).cloned().ok_or_else(|| not_found(named))?,
    };
    if method.controller != issuer {
        return Err(FormatError::refused("Credential issuer must match the verification method controller."));
    }
    if !controller.assertion_method().iter().any(|authorised| authorised.id == method.id) {
        return Err(FormatError::refused(format!(
            "Verification method {named} not authorized by controller for proof purpose assertionMethod"
        )));
    }
    Ok(method)
}

fn not_found(named: &str) -> FormatError {
    FormatError::refused(format!("Verification method {named} not found"))
}
