use chancery_did::json::from_slice_strict;
use chancery_did::key::{KeyError, PublicKey, SecretKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::jws::Jws;
use crate::encoding::{base64, decode_base64};
use crate::{time, to_python_json};

/// Why an attachment was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// `data` is absent or no object.
    #[error("an attachment has no data")]
    NoData,
    /// Not exactly one of `base64`, `json`, `links`.
    #[error("choose exactly one of base64, json, or links")]
    Choice,
    /// A member has the wrong form.
    #[error("`{0}` of an attachment is malformed")]
    Member(&'static str),
    /// The content is no JSON, or names a member twice.
    #[error("the content of an attachment is not JSON")]
    NotJson,
    /// The content is no UTF-8 text.
    #[error("the content of an attachment is not text")]
    NotText,
    /// Content behind links is never fetched.
    #[error("the content of an attachment is only linked to; send it inline")]
    Linked,
    /// Signed data must be base64.
    #[error("only base64 data can be signed")]
    NotBase64,
    /// A signature was asked for, there is none.
    #[error("the attachment is not signed")]
    NotSigned,
    /// `jws` has the wrong form.
    #[error("jws of an attachment: {0}")]
    Jws(&'static str),
    /// A key in `jws` is malformed or can't sign.
    #[error("jws of an attachment: {0}")]
    Key(#[from] KeyError),
    /// A signature does not fit the data, or its two keys differ.
    #[error("the signature of an attachment does not verify")]
    Signature,
}

/// An attachment (RFC 0017).
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// `@id`.
    pub id: Option<String>,
    /// `mime-type`.
    pub mime_type: Option<String>,
    /// `filename`.
    pub filename: Option<String>,
    /// `byte_count`.
    pub byte_count: Option<u64>,
    /// `lastmod_time`, ISO 8601.
    pub lastmod_time: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `data`.
    pub data: AttachmentData,
}

/// `data` of an attachment.
#[derive(Debug, Clone, PartialEq)]
pub struct AttachmentData {
    /// The content, in one of three forms.
    pub content: AttachmentContent,
    /// Hex SHA-256 of linked content.
    pub sha256: Option<String>,
    /// Signatures over the base64.
    pub jws: Option<Jws>,
}

/// The content of an attachment.
#[derive(Debug, Clone, PartialEq)]
pub enum AttachmentContent {
    /// Standard base64 as received, padded or not: signatures are over this very text.
    Base64(String),
    /// An object, or a list of objects.
    Json(Value),
    /// URLs; never fetched.
    Links(Vec<String>),
}

impl Attachment {
    fn with(id: Option<String>, mime_type: &str, content: AttachmentContent) -> Self {
        Self {
            id,
            mime_type: Some(mime_type.into()),
            filename: None,
            byte_count: None,
            lastmod_time: None,
            description: None,
            data: AttachmentData { content, sha256: None, jws: None },
        }
    }

    /// JSON as base64, `application/json`.
    pub fn json_base64(id: impl Into<String>, json: &Value) -> Self {
        let content = AttachmentContent::Base64(base64(to_python_json(json).as_bytes()));
        Self::with(Some(id.into()), "application/json", content)
    }

    /// JSON inline, `application/json`. An object or a list of objects.
    pub fn json_inline(id: impl Into<String>, json: Value) -> Self {
        Self::with(Some(id.into()), "application/json", AttachmentContent::Json(json))
    }

    /// Text as base64, `text/string`; for `did_rotate~attach`.
    pub fn text(id: impl Into<String>, text: &str) -> Self {
        Self::with(Some(id.into()), "text/string", AttachmentContent::Base64(base64(text.as_bytes())))
    }

    /// The content as JSON, decoded where it is base64.
    pub fn content(&self) -> Result<Value, AttachmentError> {
        match &self.data.content {
            AttachmentContent::Json(json) => Ok(json.clone()),
            _ => from_slice_strict(&self.bytes()?).map_err(|_| AttachmentError::NotJson),
        }
    }

    /// The bytes behind `base64`.
    pub fn bytes(&self) -> Result<Vec<u8>, AttachmentError> {
        match &self.data.content {
            AttachmentContent::Base64(text) => decode_base64(text).ok_or(AttachmentError::Member("base64")),
            AttachmentContent::Json(_) => Err(AttachmentError::NotBase64),
            AttachmentContent::Links(_) => Err(AttachmentError::Linked),
        }
    }

    /// The bytes behind `base64` as text.
    pub fn content_text(&self) -> Result<String, AttachmentError> {
        String::from_utf8(self.bytes()?).map_err(|_| AttachmentError::NotText)
    }

    /// Sign the base64 data with an Ed25519 key; replaces signatures that are there.
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), AttachmentError> {
        let payload = self.signed_payload()?;
        self.data.jws = Some(Jws::sign(&payload, key)?);
        Ok(())
    }

    /// The keys named by `header.kid` of each signature, all of which fit the data. The caller must compare them with
    /// the signer it expects.
    pub fn verify(&self) -> Result<Vec<PublicKey>, AttachmentError> {
        self.data.jws.as_ref().ok_or(AttachmentError::NotSigned)?.verify(&self.signed_payload()?)
    }

    /// The data in the URL-safe alphabet without padding.
    fn signed_payload(&self) -> Result<String, AttachmentError> {
        match &self.data.content {
            AttachmentContent::Base64(text) => {
                Ok(text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
            }
            _ => Err(AttachmentError::NotBase64),
        }
    }

    /// Parse one attachment. Unknown members are ignored.
    pub fn from_json(json: &Value) -> Result<Self, AttachmentError> {
        let object = json.as_object().ok_or(AttachmentError::NoData)?;
        let lastmod_time = text(object, "lastmod_time")?;
        if lastmod_time.as_deref().is_some_and(|text| !time::is_iso8601(text)) {
            return Err(AttachmentError::Member("lastmod_time"));
        }
        let byte_count = match object.get("byte_count") {
            None | Some(Value::Null) => None,
            Some(count) => Some(count.as_u64().ok_or(AttachmentError::Member("byte_count"))?),
        };
        let data = object.get("data").and_then(Value::as_object).ok_or(AttachmentError::NoData)?;
        Ok(Self {
            id: text(object, "@id")?,
            mime_type: text(object, "mime-type")?,
            filename: text(object, "filename")?,
            byte_count,
            lastmod_time,
            description: text(object, "description")?,
            data: AttachmentData::from_json(data)?,
        })
    }

    /// The attachment as JSON, members in the order of ACA-Py's schema.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                json.insert(name.into(), text.as_str().into());
            }
        };
        put("@id", &self.id);
        put("mime-type", &self.mime_type);
        put("filename", &self.filename);
        if let Some(count) = self.byte_count {
            json.insert("byte_count".into(), count.into());
        }
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                json.insert(name.into(), text.as_str().into());
            }
        };
        put("lastmod_time", &self.lastmod_time);
        put("description", &self.description);
        json.insert("data".into(), self.data.to_json());
        Value::Object(json)
    }
}

impl AttachmentData {
    fn from_json(data: &Map<String, Value>) -> Result<Self, AttachmentError> {
        let mut forms = ["base64", "json", "links"].into_iter().filter(|name| data.contains_key(*name));
        let (Some(form), None) = (forms.next(), forms.next()) else { return Err(AttachmentError::Choice) };
        let content = match (form, &data[form]) {
            ("base64", Value::String(text)) if is_base64(text) => AttachmentContent::Base64(text.clone()),
            ("json", json @ Value::Object(_)) => AttachmentContent::Json(json.clone()),
            ("json", json @ Value::Array(list)) if list.iter().all(Value::is_object) => {
                AttachmentContent::Json(json.clone())
            }
            ("links", Value::Array(list)) => AttachmentContent::Links(
                list.iter()
                    .map(|link| link.as_str().map(str::to_owned).ok_or(AttachmentError::Member("links")))
                    .collect::<Result<_, _>>()?,
            ),
            ("base64", _) => return Err(AttachmentError::Member("base64")),
            ("json", _) => return Err(AttachmentError::Member("json")),
            _ => return Err(AttachmentError::Member("links")),
        };
        let sha256 = text(data, "sha256")?;
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
        if sha256.as_deref().is_some_and(|text| !is_hash(text)) {
            return Err(AttachmentError::Member("sha256"));
        }
        let jws = match data.get("jws") {
            None | Some(Value::Null) => None,
            Some(jws) => Some(Jws::from_json(jws)?),
        };
        Ok(Self { content, sha256, jws })
    }

    fn to_json(&self) -> Value {
        let mut json = Map::new();
        if let AttachmentContent::Base64(text) = &self.content {
            json.insert("base64".into(), text.as_str().into());
        }
        if let Some(jws) = &self.jws {
            json.insert("jws".into(), jws.to_json());
        }
        match &self.content {
            AttachmentContent::Base64(_) => None,
            AttachmentContent::Json(content) => json.insert("json".into(), content.clone()),
            AttachmentContent::Links(links) => json.insert("links".into(), links.clone().into()),
        };
        if let Some(hash) = &self.sha256 {
            json.insert("sha256".into(), hash.as_str().into());
        }
        Value::Object(json)
    }
}

fn text(object: &Map<String, Value>, name: &'static str) -> Result<Option<String>, AttachmentError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(AttachmentError::Member(name)),
    }
}

/// `[a-zA-Z0-9+/]*={0,2}`
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && body.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'))
}

impl Serialize for Attachment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Attachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
