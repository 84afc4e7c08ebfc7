//! Ways of securing claims: signing and verifying, without knowing of any exchange. One folder per way.

pub mod ld;

use serde_json::{Map, Value, json};

use crate::need::{Facts, FormatError, Need};
use crate::w3c::issuer_of;

/// Claims to be secured.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// A credential without proof. A refusal calls its members `credential.…`.
    pub credential: Map<String, Value>,
    /// How it is to be secured. A refusal calls its members `options.…`.
    pub options: Map<String, Value>,
}

/// A way of securing claims.
pub trait Securing: Send + Sync {
    /// The claims, secured with a key of ours.
    fn sign(&self, facts: &Facts<'_>, claims: Claims) -> Result<Value, FormatError>;
    /// Everything that signing does, short of the signature.
    fn can_sign(&self, facts: &Facts<'_>, claims: Claims) -> Result<(), FormatError>;
    /// Answers every question about secured claims. `Err`: what is needed first.
    fn verify(&self, facts: &Facts<'_>, secured: &Value) -> Result<Verification, Vec<Need>>;
}

/// What is asked of secured claims.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Whether they are a credential.
    Structure,
    /// Whether there is a proof to look at, and not too many.
    Proofs,
    /// Whether a key of the issuer's for assertions made this proof.
    Proof {
        /// As received.
        proof: Value,
        /// The verification method that it verified with.
        method: Option<String>,
    },
    /// Whether they are valid now, by the date of this name. A signature doesn't say that.
    Date(&'static str),
    /// Whether their words mean what they say. A signature doesn't say that either.
    Words,
}

/// One question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was asked.
    pub question: Question,
    /// `Err`: no, and why.
    pub outcome: Result<(), String>,
}

/// The answers to all questions that came up, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// One per question.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Adds an answer.
    pub fn add(&mut self, question: Question, outcome: Result<(), String>) {
        self.checks.push(Check { question, outcome });
    }

    /// Any one valid proof suffices.
    pub fn verified(&self) -> bool {
        self.proofs().any(|(_, _, outcome)| outcome.is_ok())
    }

    /// Every proof that was looked at: as received, the method that it verified with, why it didn't.
    pub fn proofs(&self) -> impl Iterator<Item = (&Value, Option<&str>, &Result<(), String>)> {
        self.checks.iter().filter_map(|check| match &check.question {
            Question::Proof { proof, method } => Some((proof, method.as_deref(), &check.outcome)),
            _ => None,
        })
    }

    /// Why it isn't verified; empty: it is.
    pub fn errors(&self) -> Vec<&str> {
        if self.verified() {
            return Vec::new();
        }
        self.failed(|question| {
            matches!(question, Question::Structure | Question::Proofs | Question::Proof { .. })
        })
    }

    /// Why it isn't verified, in one sentence.
    pub fn reason(&self) -> String {
        self.errors().join("; ")
    }

    /// What a valid signature doesn't say. Whether that matters is for the reader to decide.
    pub fn warnings(&self) -> Vec<&str> {
        self.failed(|question| matches!(question, Question::Date(_) | Question::Words))
    }

    fn failed(&self, of: impl Fn(&Question) -> bool) -> Vec<&str> {
        let failed = self.checks.iter().filter(|check| of(&check.question));
        failed.filter_map(|check| check.outcome.as_ref().err().map(String::as_str)).collect()
    }

    /// The answer of `POST /vc/credentials/verify` for this document.
    pub fn to_json(&self, document: &Value) -> Value {
        let issuer = issuer_of(document).unwrap_or_default();
        let results = self.proofs().map(|(received, method, outcome)| {
            let mut proof = Map::new();
            if let Some(context) = document.get("@context") {
                proof.insert("@context".into(), context.clone());
            }
            proof.extend(received.as_object().cloned().unwrap_or_default());
            let mut out = Map::new();
            out.insert("verified".into(), outcome.is_ok().into());
            out.insert("proof".into(), proof.into());
            match outcome {
                Err(error) => drop(out.insert("error".into(), error.clone().into())),
                Ok(()) => {
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
            out.insert("errors".into(), self.errors().into());
        }
        let warnings = self.warnings();
        if !warnings.is_empty() {
            out.insert("warnings".into(), warnings.into());
        }
        Value::Object(out)
    }
}
