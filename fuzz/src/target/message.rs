//! Messages: the plaintexts of envelopes, from anybody.

use chancery_didcomm::message::{
    Attachment, L10n, Message, MessageType, ReturnRoute, Service, SignatureDecorator, Thread, Timing,
};
use chancery_didcomm::{Inbound, classify, time, to_python_json};
use serde_json::Value;

/// Members and values of messages.
pub const WORDS: &[&str] = &[
    "@type",
    "@id",
    "~thread",
    "thid",
    "pthid",
    "sender_order",
    "received_orders",
    "goal_code",
    "~transport",
    "return_route",
    "all",
    "thread",
    "none",
    "~service",
    "recipientKeys",
    "routingKeys",
    "serviceEndpoint",
    "~l10n",
    "locale",
    "localizable",
    "catalogs",
    "~timing",
    "in_time",
    "out_time",
    "stale_time",
    "expires_time",
    "delay_milli",
    "wait_until_time",
    "~attach",
    "offers~attach",
    "requests~attach",
    "did_doc~attach",
    "did_rotate~attach",
    "connection~sig",
    "data",
    "base64",
    "json",
    "links",
    "sha256",
    "jws",
    "header",
    "kid",
    "protected",
    "signature",
    "signatures",
    "sig_data",
    "signer",
    "mime-type",
    "byte_count",
    "lastmod_time",
    "2026-01-02T03:04:05.678901Z",
    "2026-01-02 03:04+0230",
    "https://didcomm.org/didexchange/1.1/request",
    "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/signature/1.0/ed25519Sha512_single",
    "did:key:z6MkonVVgtVbNHnAjMyGu7k1uHfPLp6Qvfs51u9cZHPiXT9A",
    "eyJhIjogMX0",
    "=",
    "/",
    ".",
];

const NAMES: [&str; 7] = ["", "offers", "requests", "credentials", "did_doc", "did_rotate", "formats"];

/// One plaintext.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        text_forms(text);
    }
    let plaintext = matches!(classify(data), Ok(Inbound::Plaintext(_)));
    let Ok(mut message) = Message::parse(data) else { return };
    assert!(plaintext, "a message is a plaintext");
    accessors(&message);
    let written = message.to_json();
    let read = Message::parse(written.as_bytes()).expect("what is written is read");
    assert_eq!(read, message);
    assert_eq!(written, read.to_json());

    let id = message.ensure_id(|| "generated".into());
    assert_eq!(message.id(), Some(id.as_str()));
    let thread = Thread::new("thid").with_parent("pthid");
    message.set_thread(&thread);
    assert_eq!(message.thread_id(), Some("thid"));
    assert_eq!(message.parent_thread_id(), Some("pthid"));
    assert_eq!(message.thread(), Ok(thread));
    message.set_return_route(ReturnRoute::All);
    assert_eq!(message.transport(), Ok(ReturnRoute::All));
}

fn accessors(message: &Message) {
    let _ = format!("{message:?}");
    let kind = message.message_type();
    assert_eq!(MessageType::parse(&kind.to_string()).as_ref(), Ok(kind));
    if let (Ok(thread), Some(id)) = (message.thread(), message.thread_id()) {
        assert!(!id.is_empty());
        assert!(thread.thid.is_none_or(|thid| thid.is_empty() || thid == id));
    }
    let _ = message.transport();
    let _: Result<Option<L10n>, _> = message.l10n();
    let _: Result<Option<Timing>, _> = message.timing();
    let service: Option<Service> = message.service().unwrap_or_default();
    if let Some(service) = service {
        let mut other = message.clone();
        other.set_service(&service);
        assert_eq!(other.service(), Ok(Some(service)));
    }
    for name in NAMES {
        for attachment in message.attachments(name).unwrap_or_default() {
            read_attachment(&attachment);
        }
        if let Ok(Some(attachment)) = message.attachment(name) {
            read_attachment(&attachment);
        }
        signed(message.signed(name).unwrap_or_default());
    }
    signed(message.signed("connection").unwrap_or_default());
}

fn read_attachment(attachment: &Attachment) {
    assert_eq!(Attachment::from_json(&attachment.to_json()).as_ref(), Ok(attachment));
    let content = attachment.content();
    let text = attachment.content_text();
    if let (Ok(text), Ok(bytes)) = (&text, attachment.bytes()) {
        assert_eq!(text.as_bytes(), bytes);
    }
    if let Ok(content) = content {
        let again: Value = serde_json::from_str(&to_python_json(&content)).expect("JSON stays JSON");
        assert_eq!(again, content);
    }
    if let Ok(keys) = attachment.verify() {
        assert!(!keys.is_empty(), "verified by nobody");
    }
    if attachment.bytes().is_ok() {
        let mut own = attachment.clone();
        own.sign(&super::envelope::SENDER).expect("base64 can be signed");
        assert_eq!(own.verify(), Ok(vec![super::envelope::SENDER.public()]));
    }
}

fn signed(signature: Option<SignatureDecorator>) {
    let Some(signature) = signature else { return };
    if let Ok(said) = signature.verify() {
        assert_eq!(said.signer.as_base58(), signature.signer);
    }
}

fn text_forms(text: &str) {
    if let Some(micros) = time::parse(text) {
        assert!(time::is_iso8601(text));
        // Zones may push a time of year 1 or 9999 out of what is written.
        if (-62_135_596_800_000_000..253_402_300_800_000_000).contains(&micros) {
            assert_eq!(time::parse(&time::format_micros(micros)), Some(micros));
        }
    }
    if let Ok(kind) = MessageType::parse(text) {
        assert_eq!(MessageType::parse(&kind.to_string()), Ok(kind));
    }
}
