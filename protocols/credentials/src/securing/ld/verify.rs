//! Verification of a credential's Linked Data proofs.

use chancery_did::{KeyType, PublicKey, VerificationMethod};
use serde_json::{Map, Value};

use super::suites::{Suite, verify_data_with};
use crate::need::{Facts, FormatError, Need};
use crate::securing::{Question, Verification};
use crate::w3c::{issuer_of, moment, validate_credential};

/// Proofs of one credential that are looked at: each takes canonicalization, and a DID to resolve.
const MAX_PROOFS: usize = 16;

/// Verifies a credential: its structure, and each proof: the method belongs to the issuer and is authorised for
/// `assertionMethod` in the issuer's DID document, the signature is the method's. Only proofs for `assertionMethod` of known
/// suites are looked at. `Err`: what is needed first.
pub(super) fn verify(facts: &Facts<'_>, credential: &Value) -> Result<Verification, Vec<Need>> {
    let mut out = Verification::default();
    match proofs_of(credential) {
        Ok((document, proofs)) => verify_proofs(facts, &document, proofs, &mut out)?,
        Err((question, error)) => out.add(question, Err(error)),
    }
    dates_and_words(credential, facts.now, &mut out);
    Ok(out)
}

/// The credential without its proofs, and these.
fn proofs_of(credential: &Value) -> Result<(Value, Vec<Value>), (Question, String)> {
    validate_credential(credential).map_err(|invalid| {
        let list: Vec<String> = invalid.iter().map(ToString::to_string).collect();
        let text = format!("Unable to verify credential with invalid structure: {}", list.join(", "));
        (Question::Structure, text)
    })?;
    let mut document = credential.clone();
    let proofs = match document.as_object_mut().and_then(|members| members.shift_remove("proof")) {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if proofs.len() > MAX_PROOFS {
        let count = proofs.len();
        let text =
            format!("Unable to verify credential with {count} proofs: at most {MAX_PROOFS} are looked at");
        return Err((Question::Proofs, text));
    }
    Ok((document, proofs))
}

fn verify_proofs(
    facts: &Facts<'_>,
    document: &Value,
    proofs: Vec<Value>,
    out: &mut Verification,
) -> Result<(), Vec<Need>> {
    let issuer = issuer_of(document).unwrap_or_default();
    let mut hashed = None;
    for proof in proofs {
        let Some(members) = proof.as_object() else { continue };
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(suite) = Suite::from_name(text("type")) else { continue };
        if text("proofPurpose") != "assertionMethod" {
            continue;
        }
        let (method, outcome) = match verify_proof(facts, suite, document, &issuer, members, &mut hashed) {
            Ok(method) => (Some(method), Ok(())),
            Err(FormatError::Needs(needs)) => return Err(needs),
            Err(error) => (None, Err(error.to_string())),
        };
        out.add(Question::Proof { proof, method }, outcome);
    }
    if out.checks.is_empty() {
        let suites: Vec<&str> = Suite::ALL.iter().map(|s| s.name()).collect();
        let text = format!(
            "Could not verify any proofs; no proofs matched the required suites ({}) and purpose (assertionMethod)",
            suites.join(", ")
        );
        out.add(Question::Proofs, Err(text));
    }
    Ok(())
}

/// What a valid signature doesn't say of a credential: that it is valid now (microseconds since 1970), and that its words mean
/// what they say.
fn dates_and_words(credential: &Value, now: i64, out: &mut Verification) {
    let date = |name: &str| {
        let text = credential.get(name)?.as_str()?;
        Some((text, moment(text)?))
    };
    for name in ["expirationDate", "validUntil"] {
        if let Some((text, moment)) = date(name) {
            let error = || Err(format!("the credential has expired: {name} is {text}"));
            out.add(Question::Date(name), if moment <= now { error() } else { Ok(()) });
        }
    }
    for name in ["issuanceDate", "validFrom"] {
        if let Some((text, moment)) = date(name) {
            let error = || Err(format!("the credential is not valid yet: {name} is {text}"));
            out.add(Question::Date(name), if moment > now { error() } else { Ok(()) });
        }
    }
    let text = "the credential defines words by itself, in an inline context: they may mean anything, whatever they are \
                called";
    out.add(Question::Words, if has_inline_context(credential) { Err(text.to_owned()) } else { Ok(()) });
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
