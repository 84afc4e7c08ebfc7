//! Envelopes of RFC 0019 as ACA-Py packs and unpacks them.
//!
//! The content cipher is ChaCha20-Poly1305 (IETF, 12-byte nonce) under the historical label
//! `xchacha20poly1305_ietf`; its key travels per recipient in a NaCl `crypto_box` (Authcrypt) or sealed box (Anoncrypt). The
//! base64url text of `protected`, as transmitted, is the associated data.

mod boxes;
mod envelope;
mod forward;
mod open;
mod pack;
mod secrets;

pub use envelope::{Envelope, EnvelopeError, Part};
pub use forward::wrap_forward;
pub use open::Unpacked;
pub use pack::{PackError, pack_anoncrypt, pack_authcrypt};
pub use secrets::SharedSecrets;
