//! Writes seed inputs into `corpus/`: see the README.
#![allow(missing_docs)]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chancery_didcomm::{SharedSecrets, pack_anoncrypt, pack_authcrypt};
use chancery_fuzz::cases::{self, TARGETS};
use chancery_fuzz::mutate::Choice;
use chancery_fuzz::target::credential::P256;
use chancery_fuzz::target::envelope::{RECIPIENT, SENDER};
use serde_json::{Value, json};

type Problem = Box<dyn std::error::Error>;

fn main() -> Result<(), Problem> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Seeds::default();
    for vectors in ["credentials/tests", "did/tests", "didcomm/tests", "jsonld/tests"] {
        seeds.folder(&here.join("../protocols").join(vectors))?;
    }
    seeds.folder(&here.join("../interop/golden"))?;
    for name in ["CHANCERY_GOLDEN", "CHANCERY_SUITES"] {
        match std::env::var_os(name) {
            Some(folder) => seeds.folder(&PathBuf::from(folder))?,
            None => eprintln!("{name} is unset: fewer seeds"),
        }
    }
    seeds.by_hand();
    for (target, inputs) in &seeds.inputs {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:04}")), input)?;
        }
        println!("{target}: {} seeds", inputs.len());
    }
    for (target, _) in TARGETS {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (number, input) in cases::read(target)?.iter().enumerate() {
            fs::write(folder.join(format!("case-{number:04}")), input)?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Seeds {
    inputs: BTreeMap<&'static str, Vec<Vec<u8>>>,
    /// Members and types of what is there: of records of the same form one is enough.
    forms: HashSet<(&'static str, String)>,
    packed: u32,
}

impl Seeds {
    fn folder(&mut self, folder: &Path) -> Result<(), Problem> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.folder(&path)?;
                continue;
            }
            let name = path.to_string_lossy().into_owned();
            let mut text = Vec::new();
            if name.ends_with(".gz") {
                flate2::read::GzDecoder::new(fs::File::open(&path)?).read_to_end(&mut text)?;
            } else if name.ends_with(".json") || name.ends_with(".jsonl") || name.ends_with(".jsonld") {
                text = fs::read(&path)?;
            }
            match serde_json::from_slice::<Value>(&text) {
                Ok(value) => {
                    if name.ends_with("-in.jsonld") || name.contains("-in-") {
                        self.json("jsonld", &value);
                    }
                    self.collect(&value);
                }
                Err(_) => text
                    .split(|byte| *byte == b'\n')
                    .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
                    .for_each(|line| self.collect(&line)),
            }
        }
        Ok(())
    }

    /// Whatever a target reads, wherever it stands in a recording.
    fn collect(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(members) => {
                self.object(value);
                members.values().for_each(|member| self.collect(member));
            }
            Value::String(text) => self.text(text),
            _ => {}
        }
    }

    fn object(&mut self, value: &Value) {
        let has = |name: &str| value.get(name).is_some();
        if has("method") && has("path") && has("request") {
            self.request(value);
        }
        if has("@type") && has("@id") && value["@type"].as_str().is_some_and(|kind| kind.contains('/')) {
            self.message(value);
        }
        if has("@context") {
            self.json("jsonld", value);
        }
        if has("credential") && has("options") || has("credentialSubject") {
            self.json("credential", value);
        }
        if has("credential") && has("options") {
            for (issuer, suite) in [
                (&*SENDER, "Ed25519Signature2018"),
                (&*SENDER, "Ed25519Signature2020"),
                (&*P256, "EcdsaSecp256r1Signature2019"),
            ] {
                for did in [issuer.as_public().did_key(), "did:web:example.com".to_owned()] {
                    let mut ours = value.clone();
                    ours["credential"]["issuer"] = did.into();
                    ours["options"] = json!({"proofType": suite});
                    self.json("credential", &ours);
                }
            }
        }
        if has("verificationMethod") || has("publicKey") || has("kty") || has("recipientKeys") {
            self.json("did", value);
        }
        if has("protected") && has("ciphertext") {
            self.json("envelope", value);
        }
    }

    /// A recorded call of an admin API: request line and body.
    fn request(&mut self, call: &Value) {
        let (Some(method), Some(path)) = (call["method"].as_str(), call["path"].as_str()) else { return };
        let query: Vec<String> = call["query"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let body = match &call["request"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        if self.forms.insert(("admin_body", format!("{method} {path} {}", form(&call["request"])))) {
            self.add("admin_body", format!("{method} {path}{query}\n{body}").as_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        if text.starts_with("did:") {
            let form = text.split(['#', '?']).next().unwrap_or_default();
            let form = format!("{} {}", form.get(..10).unwrap_or(form), form.len() / 200);
            if self.forms.insert(("did", form)) {
                self.add("did", text.as_bytes());
            }
            return;
        }
        let json = serde_json::from_str(text).ok().or_else(|| {
            let bare = text.trim_end_matches('=');
            let bytes = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        });
        if let Some(json @ (Value::Object(_) | Value::Array(_))) = json {
            self.collect(&json);
        }
    }

    fn message(&mut self, message: &Value) {
        if !self.json("message", message) {
            return;
        }
        self.packed += 1;
        let text = message.to_string();
        let mut choice = Choice::new(self.packed);
        let to = [RECIPIENT.public(), SENDER.public()];
        let to = &to[..1 + self.packed as usize % 2];
        let packed = match self.packed % 3 {
            0 => pack_anoncrypt(text.as_bytes(), to, &mut choice.0),
            _ => pack_authcrypt(text.as_bytes(), to, &SENDER, &mut choice.0, &SharedSecrets::new(0)),
        };
        if let Ok(packed) = packed {
            self.add("envelope", &packed);
        }
    }

    /// Whether it is of a new form.
    fn json(&mut self, target: &'static str, value: &Value) -> bool {
        let text = value.to_string();
        let fresh = text.len() < 16_384 && self.forms.insert((target, form(value)));
        if fresh {
            self.add(target, text.as_bytes());
        }
        fresh
    }

    fn add(&mut self, target: &'static str, input: &[u8]) {
        self.inputs.entry(target).or_default().push(input.to_vec());
    }

    fn by_hand(&mut self) {
        for kind in chancery_did::KeyType::ALL {
            if let Ok(secret) = chancery_did::SecretKey::from_seed(kind, &[1; 32]) {
                let key = secret.public();
                for text in [key.did_key(), key.did_key_url(), key.multikey(), key.base58()] {
                    self.add("did", text.as_bytes());
                }
                self.add("did", chancery_did::methods::jwk::build(&key).as_bytes());
                self.add("did", &secret.to_jwk_secret());
            }
        }
        for (method, path) in chancery_admin_api::fuzzing::all() {
            self.add("admin_body", format!("{method} {path}\n{{}}").as_bytes());
        }
        for text in ["2026-01-02T03:04:05.678901Z", "2026-01-02 03:04+0230", "https://didcomm.org/x/1.0/y"] {
            self.add("message", text.as_bytes());
        }
        self.add("did", b"did:web:example.com%3A8443:a:b?c=d#e");
    }
}

/// Names, and types of values; texts that select behaviour as they are.
fn form(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let inner: Vec<String> = members
                .iter()
                .map(|(name, member)| match (name.as_str(), member) {
                    ("@type" | "type" | "alg" | "crv" | "proofType" | "@container", Value::String(text)) => {
                        format!("{name}={text}")
                    }
                    _ => format!("{name}:{}", form(member)),
                })
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(form).collect::<Vec<_>>().join(",")),
        Value::String(_) => "s".into(),
        Value::Number(_) => "n".into(),
        Value::Bool(_) => "b".into(),
        Value::Null => "0".into(),
    }
}
