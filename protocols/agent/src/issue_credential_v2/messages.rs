//! The messages, exactly as on the wire.

use chancery_credentials::{Family, Formats, Step};
use chancery_didcomm::message::{Attachment, Message, MessageType, Thread, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Protocol name in message types.
pub const PROTOCOL: &str = "issue-credential";
/// What is sent. Any 2.x is understood.
pub const VERSION: Version = Version::new(2, 0);

const PREVIEW_TYPE: &str = "https://didcomm.org/issue-credential/2.0/credential-preview";

/// The messages that carry attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `propose-credential`
    Proposal,
    /// `offer-credential`
    Offer,
    /// `request-credential`
    Request,
    /// `issue-credential`
    Issue,
}

impl Kind {
    /// All, in the order of an exchange.
    pub const ALL: [Self; 4] = [Self::Proposal, Self::Offer, Self::Request, Self::Issue];

    /// The one of this name in the message type.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name, its member of the record, what stands before `~attach`, and which step of a format its attachments are.
    fn words(self) -> (&'static str, &'static str, &'static str, Step) {
        match self {
            Self::Proposal => ("propose-credential", "cred_proposal", "filters", Step::Propose),
            Self::Offer => ("offer-credential", "cred_offer", "offers", Step::Offer),
            Self::Request => ("request-credential", "cred_request", "requests", Step::Request),
            Self::Issue => ("issue-credential", "cred_issue", "credentials", Step::Issue),
        }
    }

    /// Name in the message type.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// The member of the record that holds it.
    pub fn record_member(self) -> &'static str {
        self.words().1
    }

    fn attached(self) -> &'static str {
        self.words().2
    }

    /// The one whose attachments are this step of a format.
    pub fn of_step(step: Step) -> Self {
        match step {
            Step::Propose => Self::Proposal,
            Step::Offer => Self::Offer,
            Step::Request => Self::Request,
            Step::Issue => Self::Issue,
        }
    }

    /// Which step of a format its attachments are.
    pub fn step(self) -> Step {
        self.words().3
    }
}

/// One entry of `formats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatEntry {
    /// `@id` of its attachment.
    pub attach_id: String,
    /// E.g. `aries/ld-proof-vc-detail@v1.0`.
    pub format: String,
}

/// One claim of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewAttribute {
    /// Its name.
    pub name: String,
    /// With a MIME type the value is base64. Lower case.
    #[serde(rename = "mime-type", default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its value, always text.
    pub value: String,
}

#[derive(Deserialize)]
struct PreviewBody {
    attributes: Vec<PreviewAttribute>,
}

/// A `credential_preview` as it is emitted, `@type` first. The text says what is wrong.
pub fn preview(value: &Value) -> Result<Value, String> {
    let mut body = PreviewBody::deserialize(value).map_err(|e| format!("credential_preview: {e}"))?;
    for attribute in &mut body.attributes {
        attribute.mime_type = attribute.mime_type.take().map(|mime| mime.to_lowercase());
    }
    Ok(json!({"@type": PREVIEW_TYPE, "attributes": body.attributes}))
}

/// The part of a message with attachments that every format shares.
#[derive(Clone, Debug)]
pub struct Body {
    /// Of which message.
    pub kind: Kind,
    /// For humans.
    pub comment: Option<String>,
    /// Identifies the credential that is replaced.
    pub replacement_id: Option<String>,
    /// As received.
    pub credential_preview: Option<Value>,
    /// Formats with the contents of their attachments, in message order. Contents of formats that we don't know are not
    /// decoded: `None`.
    pub contents: Vec<(FormatEntry, Option<&'static Family>, Option<Value>)>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    comment: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    replacement_id: Option<String>,
    #[serde(default)]
    credential_preview: Option<Value>,
    formats: Vec<FormatEntry>,
}

fn not_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl Body {
    /// Reads and validates a message (spec: as many formats as attachments, each names one; contents obey the rules of
    /// their family). The text says what is wrong.
    pub fn read(formats: &Formats, kind: Kind, members: &Map<String, Value>) -> Result<Self, String> {
        let body = Self::unchecked(kind, members)?;
        if let Some(value) = &body.credential_preview {
            preview(value)?;
        }
        for (entry, family, content) in &body.contents {
            let (Some(format), Some(content)) = (family.and_then(|family| formats.get(family)), content)
            else {
                continue;
            };
            if let Err(invalid) = format.validate(kind.step(), content) {
                let list: Vec<String> = invalid.iter().map(ToString::to_string).collect();
                return Err(format!("{}: {}", entry.format, list.join("; ")));
            }
        }
        Ok(body)
    }

    /// [`Body::read`] without the rules of the families: for messages that were checked when they came.
    pub fn unchecked(kind: Kind, members: &Map<String, Value>) -> Result<Self, String> {
        let raw: Raw = Raw::deserialize(serde::de::value::MapDeserializer::new(
            members.iter().map(|(name, value)| (name.as_str(), value)),
        ))
        .map_err(|e: serde_json::Error| e.to_string())?;
        let attached = format!("{}~attach", kind.attached());
        let attachments = match members.get(&attached) {
            Some(Value::Array(list)) => list.iter().map(Attachment::from_json).collect::<Result<Vec<_>, _>>(),
            _ => return Err(format!("{attached} is missing or no list")),
        }
        .map_err(|e| format!("{attached}: {e}"))?;
        if raw.formats.len() != attachments.len() {
            return Err("Formats/attachments length mismatch".into());
        }
        let mut contents = Vec::with_capacity(raw.formats.len());
        for entry in raw.formats {
            let attachment = attachments
                .iter()
                .find(|a| a.id.as_deref() == Some(&entry.attach_id))
                .ok_or_else(|| format!("no attachment with @id {}", entry.attach_id))?;
            let family = Family::of_format(&entry.format);
            let content = match family {
                Some(_) => Some(attachment.content().map_err(|e| format!("{}: {e}", entry.attach_id))?),
                None => None,
            };
            contents.push((entry, family, content));
        }
        Ok(Self {
            kind,
            comment: raw.comment,
            replacement_id: raw.replacement_id,
            credential_preview: raw.credential_preview.filter(|preview| !preview.is_null()),
            contents,
        })
    }

    /// The content of a family; of several only the first counts.
    pub fn content(&self, family: &Family) -> Option<&Value> {
        self.contents.iter().find(|(_, f, _)| *f == Some(family)).and_then(|(_, _, content)| content.as_ref())
    }

    /// The known families, in message order, each once, with their contents.
    pub fn known(&self) -> Vec<(&'static Family, &Value)> {
        let mut known: Vec<(&'static Family, &Value)> = Vec::new();
        for (_, family, content) in &self.contents {
            if let (Some(family), Some(content)) = (family, content)
                && !known.iter().any(|(f, _)| f == family)
            {
                known.push((family, content));
            }
        }
        known
    }

    /// Whether every format is known: only then a record shows `by_format`.
    pub fn all_known(&self) -> bool {
        self.contents.iter().all(|(_, family, _)| family.is_some())
    }
}

/// Whether two messages of a kind offer, propose, … the same: formats with what is attached in them, preview and
/// `replacement_id`. Ids and the comment for humans don't count.
pub fn same_content(kind: Kind, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    if one == other {
        return true;
    }
    match (substance(kind, one), substance(kind, other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

type Substance = (Vec<(String, Value)>, Option<Value>, Option<String>);

fn substance(kind: Kind, members: &Map<String, Value>) -> Result<Substance, String> {
    let body = Body::unchecked(kind, members)?;
    let attached = members.get(&format!("{}~attach", kind.attached())).and_then(Value::as_array);
    let mut contents = Vec::with_capacity(body.contents.len());
    for (entry, _, content) in body.contents {
        // Of a format that we don't know the attachment's data counts as it stands.
        let content = content.or_else(|| {
            let mut list = attached?.iter();
            let attachment = list.find(|a| a.get("@id").and_then(Value::as_str) == Some(&entry.attach_id))?;
            attachment.get("data").cloned()
        });
        contents.push((entry.format, content.unwrap_or(Value::Null)));
    }
    let shown = body.credential_preview.map(|value| preview(&value)).transpose()?;
    Ok((contents, shown, body.replacement_id))
}

/// What a message says besides its attachments.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// For humans.
    pub comment: Option<String>,
    /// Identifies the credential that is replaced.
    pub replacement_id: Option<String>,
    /// A preview as [`preview`] makes it.
    pub preview: Option<Value>,
}

/// A message with attachments, members in ACA-Py's order.
pub fn build(
    kind: Kind,
    id: &str,
    thread: Option<&Thread>,
    words: Words,
    contents: &[(&'static Family, Value)],
) -> Message {
    let formats: Vec<FormatEntry> = contents
        .iter()
        .map(|(family, _)| FormatEntry {
            attach_id: family.api.to_owned(),
            format: family.format(kind.step()).to_owned(),
        })
        .collect();
    let attachments: Vec<Attachment> =
        contents.iter().map(|(family, content)| Attachment::json_base64(family.api, content)).collect();
    let mut message = Message::build(MessageType::new(PROTOCOL, VERSION, kind.name()), id);
    if let Some(thread) = thread {
        message = message.thread(thread);
    }
    message
        .optional("replacement_id", words.replacement_id)
        .optional("comment", words.comment)
        .optional("credential_preview", words.preview)
        .field("formats", json!(formats))
        .attachments(kind.attached(), &attachments)
        .finish()
}

/// `ack` with `status: OK`.
pub fn ack(id: &str, thread_id: &str) -> Message {
    Message::build(MessageType::new(PROTOCOL, VERSION, "ack"), id)
        .thread(&Thread::new(thread_id))
        .field("status", "OK")
        .finish()
}

/// What the other side is told when an exchange fails.
pub const ABANDONED: &str = "issuance-abandoned";

/// A problem report. What we say has always the code `issuance-abandoned`.
pub fn report(id: &str, thread_id: &str, text: &str, code: &str) -> Message {
    let kind = MessageType::new(PROTOCOL, VERSION, "problem-report");
    crate::exchange::report(kind, id, thread_id, text, code)
}
