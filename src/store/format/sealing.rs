use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::digest::FixedOutput as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::FormatError;

const NONCE: usize = 24;
const MAC: usize = 16;

/// A row that gets its number when it is written, after it was sealed.
#[derive(Clone, Copy)]
pub struct NumberedRow {
    /// Table, with its version, as [`Sealing::seal`] binds it.
    pub place: &'static str,
    /// What rows of the first version of the table were sealed with. They are bound to no number.
    pub unnumbered: &'static str,
    /// The profile's id.
    pub profile: i64,
    /// The row's number.
    pub number: i64,
}

/// Seals the rows of our own tables, and makes the keyed hashes by which they are found.
///
/// The keys are derived with HKDF from all six keys of the profile, so rekeying the store leaves them alone. XChaCha20
/// because one key seals every queue row ever written: a random 12-byte nonce would not do for that many.
pub struct Sealing {
    cipher: XChaCha20Poly1305,
    hash: Hmac<Sha256>,
}

impl Sealing {
    pub(super) fn from_profile(keys: &[[u8; 32]; 6]) -> Result<Self, FormatError> {
        const WHAT: &str = "the profile key";
        let hkdf = Hkdf::<Sha256>::new(Some(b"chancery side tables"), keys.as_flattened());
        let mut key = Zeroizing::new([0; 32]);
        hkdf.expand(b"seal 1", key.as_mut_slice()).map_err(|_| FormatError::Malformed(WHAT))?;
        let cipher = XChaCha20Poly1305::new(key.as_slice().into());
        hkdf.expand(b"hash 1", key.as_mut_slice()).map_err(|_| FormatError::Malformed(WHAT))?;
        let hash = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key.as_slice())
            .map_err(|_| FormatError::Malformed(WHAT))?;
        Ok(Self { cipher, hash })
    }

    /// Seals the parts as one: each with its length before it. `place` (table and row id) is bound, not stored.
    pub fn seal(&self, place: &[u8], nonce: [u8; 24], parts: &[&[u8]]) -> Vec<u8> {
        let length: usize = parts.iter().map(|part| part.len() + 4).sum();
        let mut stored = Vec::with_capacity(NONCE + length + MAC);
        stored.extend_from_slice(&nonce);
        for part in parts {
            stored.extend_from_slice(&(part.len() as u32).to_be_bytes());
            stored.extend_from_slice(part);
        }
        // Fails only beyond 256 GiB, which no caller can hold in memory; an empty tag would then not open again.
        let tag = self
            .cipher
            .encrypt_in_place_detached(XNonce::from_slice(&nonce), place, &mut stored[NONCE..])
            .unwrap_or_default();
        stored.extend_from_slice(&tag);
        stored
    }

    /// Opens what [`seal`](Self::seal) made, into as many parts as were given.
    pub fn open<const N: usize>(&self, place: &[u8], stored: &[u8]) -> Result<[Vec<u8>; N], FormatError> {
        const WHAT: &str = "a row of the side tables";
        let end =
            stored.len().checked_sub(MAC).filter(|end| *end >= NONCE).ok_or(FormatError::Malformed(WHAT))?;
        let mut plain = Zeroizing::new(stored[NONCE..end].to_vec());
        self.cipher
            .decrypt_in_place_detached(
                XNonce::from_slice(&stored[..NONCE]),
                place,
                &mut plain,
                Tag::from_slice(&stored[end..]),
            )
            .map_err(|_| FormatError::Sealed(WHAT))?;
        let mut rest = plain.as_slice();
        let mut parts = [const { Vec::new() }; N];
        for part in &mut parts {
            let (length, after) = rest.split_first_chunk::<4>().ok_or(FormatError::Malformed(WHAT))?;
            let length = u32::from_be_bytes(*length) as usize;
            let (content, after) = after.split_at_checked(length).ok_or(FormatError::Malformed(WHAT))?;
            *part = content.to_vec();
            rest = after;
        }
        Ok(parts)
    }

    /// Ties a sealed row to its profile and number. The hash is over nonce and tag, which stand for the content: as much
    /// work for a long row as for a short one, in the writer.
    pub fn bind(&self, row: NumberedRow, sealed: &[u8]) -> Vec<u8> {
        let mac = self.row_mac(row, sealed).finalize_fixed();
        [sealed, &mac[..MAC]].concat()
    }

    /// Opens what [`seal`](Self::seal) and [`bind`](Self::bind) made for this row, or `seal` for the first version of its
    /// table. A row of today never opens as an older one: the place that it was sealed with is another.
    pub fn open_bound<const N: usize>(
        &self,
        row: NumberedRow,
        stored: &[u8],
    ) -> Result<[Vec<u8>; N], FormatError> {
        if let Some((sealed, mac)) = stored.split_last_chunk::<MAC>()
            && self.row_mac(row, sealed).verify_truncated_left(mac).is_ok()
        {
            return self.open(row.place.as_bytes(), sealed);
        }
        self.open(row.unnumbered.as_bytes(), stored)
    }

    fn row_mac(&self, row: NumberedRow, sealed: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac(row.place);
        mac.update(&row.profile.to_be_bytes());
        mac.update(&row.number.to_be_bytes());
        mac.update(sealed.first_chunk::<NONCE>().map_or(&[], |nonce| nonce.as_slice()));
        mac.update(sealed.last_chunk::<MAC>().map_or(&[], |tag| tag.as_slice()));
        mac
    }

    fn mac(&self, domain: &str) -> Hmac<Sha256> {
        let mut mac = self.hash.clone();
        mac.update(&(domain.len() as u32).to_be_bytes());
        mac.update(domain.as_bytes());
        mac
    }

    /// A keyed hash of a text in its domain: what is looked up is found, what is stored cannot be read.
    pub fn hash(&self, domain: &str, text: &str) -> [u8; 16] {
        let mut mac = self.mac(domain);
        mac.update(text.as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&mac.finalize_fixed()[..16]);
        short
    }

    /// The first eight bytes of [`hash`](Self::hash) as a number: small and fast in an index. Two texts meet with a chance of
    /// 2^-64, so whoever reads by it must compare the content itself where it matters.
    pub fn short_hash(&self, domain: &str, text: &str) -> i64 {
        let hash = self.hash(domain, text);
        i64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_row_opens_at_its_number_in_its_profile_only_and_never_as_an_older_one() {
        let sealing = Sealing::from_profile(&[[3; 32]; 6]).unwrap();
        let row = NumberedRow { place: "queue row 2", unnumbered: "queue", profile: 1, number: 5 };
        let sealed = sealing.seal(row.place.as_bytes(), [1; 24], &[b"content"]);
        let stored = sealing.bind(row, &sealed);
        assert_eq!(sealing.open_bound(row, &stored), Ok([b"content".to_vec()]));
        for other in [
            NumberedRow { number: 6, ..row },
            NumberedRow { profile: 2, ..row },
            NumberedRow { place: "event row 2", ..row },
        ] {
            assert!(sealing.open_bound::<1>(other, &stored).is_err());
            assert!(sealing.open_bound::<1>(other, &sealed).is_err(), "without its hash");
        }
        let older = sealing.seal(b"queue", [2; 24], &[b"older"]);
        assert_eq!(sealing.open_bound(row, &older), Ok([b"older".to_vec()]));
    }
}
