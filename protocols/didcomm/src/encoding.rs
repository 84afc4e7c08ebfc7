//! Base64 with the tolerances of the agents we talk to.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);

const STRICT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Standard base64 with padding, as in `data.base64` of an attachment.
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Decode base64url as Python's `urlsafe_b64decode` does: padding is optional, `+` and `/` count as `-` and `_`, characters
/// outside the alphabet are skipped.
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok().or_else(|| {
        let cleaned: Vec<u8> = text
            .bytes()
            .take_while(|c| *c != b'=')
            .filter_map(|c| match c {
                b'+' => Some(b'-'),
                b'/' => Some(b'_'),
                c if c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_') => Some(c),
                _ => None,
            })
            .collect();
        URL_SAFE.decode(cleaned).ok()
    })
}

/// Decode base64url of a signature, strictly: nothing is skipped, the bits left over are zero. Padding is optional: ACA-Py
/// pads field signatures.
pub fn decode_base64url_strict(text: &str) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// Decode standard base64: padding is optional, nothing outside the standard alphabet is accepted.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_read_as_python_reads_it() {
        for text in ["-_8", "-_8=", "+/8=", "-_ 8\n", "-*_8"] {
            assert_eq!(decode_base64url(text).unwrap(), [0xfb, 0xff], "{text}");
        }
        assert_eq!(decode_base64url("A"), None);
        assert_eq!(decode_base64url("").unwrap(), [0u8; 0]);
    }

    #[test]
    fn base64url_of_signatures_is_written_in_one_way() {
        for text in ["-_8", "-_8="] {
            assert_eq!(decode_base64url_strict(text).unwrap(), [0xfb, 0xff], "{text}");
        }
        for text in ["+/8", "-_ 8", "-*_8", "-_8\n", "-_9", "A"] {
            assert_eq!(decode_base64url_strict(text), None, "{text}");
        }
    }

    #[test]
    fn standard_base64_is_strict_but_for_padding() {
        assert_eq!(decode_base64("+/8").unwrap(), [0xfb, 0xff]);
        assert_eq!(decode_base64("+/8=").unwrap(), [0xfb, 0xff]);
        for text in ["-_8", "+/ 8", "A"] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }
}
