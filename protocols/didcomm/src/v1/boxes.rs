//! NaCl's `crypto_box` and sealed box over keys whose shared secret is already there.

use blake2::digest::consts::U24;
use blake2::{Blake2b, Digest};
use chancery_did::key::{KeyError, KeyType, PublicKey, SecretKey};
use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use crypto_secretbox::{Nonce, Tag, XSalsa20Poly1305};
use rand_core::CryptoRngCore;
use zeroize::{Zeroize as _, Zeroizing};

const TAG: usize = 16;

/// The key that `crypto_box_beforenm` computes: HSalsa20 of the X25519 secret.
pub(super) type BoxKey = Zeroizing<[u8; 32]>;

pub(super) fn box_key(mine: &SecretKey, their: &PublicKey) -> Result<BoxKey, KeyError> {
    let shared = mine.diffie_hellman(their)?;
    let mut key = salsa20::hsalsa::<salsa20::cipher::consts::U10>((&*shared).into(), &Default::default());
    let kept = Zeroizing::new(key.into());
    key.as_mut_slice().zeroize();
    Ok(kept)
}

/// `crypto_box`: tag, then ciphertext.
pub(super) fn seal_with(key: &BoxKey, nonce: &[u8; 24], plaintext: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(&[0; TAG]);
    out.extend_from_slice(plaintext);
    let tag = XSalsa20Poly1305::new((&**key).into())
        .encrypt_in_place_detached(Nonce::from_slice(nonce), b"", out.get_mut(start + TAG..)?)
        .ok()?;
    out.get_mut(start..start + TAG)?.copy_from_slice(&tag);
    Some(())
}

/// `crypto_box_open`; `None` when the tag does not fit.
pub(super) fn open_with(key: &BoxKey, nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, ciphertext) = sealed.split_at_checked(TAG)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    XSalsa20Poly1305::new((&**key).into())
        .decrypt_in_place_detached(Nonce::from_slice(nonce), b"", &mut plaintext, Tag::from_slice(tag))
        .ok()?;
    Some(plaintext)
}

/// `crypto_box_seal`: an ephemeral public key, then the box. `their` may be an Ed25519 key.
pub(super) fn seal_anonymously(
    their: &PublicKey,
    plaintext: &[u8],
    rng: &mut dyn CryptoRngCore,
) -> Result<Option<Vec<u8>>, KeyError> {
    let ephemeral = SecretKey::generate(KeyType::X25519, rng);
    let key = box_key(&ephemeral, their)?;
    let mut sealed = Vec::with_capacity(32 + TAG + plaintext.len());
    sealed.extend_from_slice(ephemeral.as_public().bytes());
    let nonce = anonymous_nonce(ephemeral.as_public().bytes(), &their.to_x25519()?);
    Ok(seal_with(&key, &nonce, plaintext, &mut sealed).map(|()| sealed))
}

/// `crypto_box_seal_open`; `None` when it was not sealed for `mine`, an X25519 key.
pub(super) fn open_anonymous(mine: &SecretKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (ephemeral, sealed) = sealed.split_at_checked(32)?;
    let key = box_key(mine, &PublicKey::new(KeyType::X25519, ephemeral).ok()?).ok()?;
    open_with(&key, &anonymous_nonce(ephemeral, mine.as_public()), sealed)
}

pub(super) fn anonymous_nonce(ephemeral: &[u8], recipient: &PublicKey) -> [u8; 24] {
    Blake2b::<U24>::new().chain_update(ephemeral).chain_update(recipient.bytes()).finalize().into()
}
