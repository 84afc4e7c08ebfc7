//! Base58 in Bitcoin's alphabet. A `did:peer:4` is one number of several thousand digits, and the conversion takes
//! quadratic time: working on five digits and four bytes at once makes it twenty times faster than one by one.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// 58^5, the largest power that fits 32 bits.
const LIMB: u64 = 656_356_768;

/// Value of each character, 255 for those outside the alphabet.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Whether all characters are of the alphabet.
pub fn is_base58(text: &str) -> bool {
    text.bytes().all(|c| VALUES[usize::from(c)] != 255)
}

/// Encode; each leading zero byte becomes a leading `1`.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = bytes.get(zeros..).unwrap_or_default();
    // Digits of base 58^5, least significant first.
    let mut limbs: Vec<u32> = Vec::with_capacity(number.len() * 2 / 7 + 1);
    let first = number.len() % 4;
    let (head, tail) = number.split_at_checked(first).unwrap_or_default();
    let words = Some(head).filter(|head| !head.is_empty()).into_iter().chain(tail.chunks_exact(4));
    for word in words {
        let shift = 8 * word.len();
        let mut carry = word.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        for limb in &mut limbs {
            carry += u64::from(*limb) << shift;
            *limb = (carry % LIMB) as u32;
            carry /= LIMB;
        }
        while carry > 0 {
            limbs.push((carry % LIMB) as u32);
            carry /= LIMB;
        }
    }
    let mut digits = Vec::with_capacity(zeros + limbs.len() * 5);
    for limb in &limbs {
        let mut rest = *limb;
        for _ in 0..5 {
            digits.push(ALPHABET[(rest % 58) as usize]);
            rest /= 58;
        }
    }
    while digits.last() == Some(&b'1') {
        digits.pop();
    }
    digits.resize(digits.len() + zeros, b'1');
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Decode; `None` when a character is outside the alphabet.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let zeros = text.iter().take_while(|c| **c == b'1').count();
    let number = text.get(zeros..)?;
    // Words of 32 bits, least significant first.
    let mut words: Vec<u32> = Vec::with_capacity(number.len() * 3 / 16 + 1);
    let (head, tail) = number.split_at_checked(number.len() % 5)?;
    for chunk in Some(head).filter(|head| !head.is_empty()).into_iter().chain(tail.chunks_exact(5)) {
        let (mut value, mut factor) = (0u64, 1u64);
        for c in chunk {
            let digit = VALUES[usize::from(*c)];
            if digit == 255 {
                return None;
            }
            value = value * 58 + u64::from(digit);
            factor *= 58;
        }
        for word in &mut words {
            value += u64::from(*word) * factor;
            *word = value as u32;
            value >>= 32;
        }
        if value > 0 {
            words.push(value as u32);
        }
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes.resize(bytes.len() + zeros, 0);
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::{OsRng, RngCore as _};

    #[test]
    fn it_agrees_with_another_implementation() {
        for length in (0..70).chain([439, 440, 441, 442, 1000]) {
            for zeros in [0, 1, 2, length] {
                let mut bytes = vec![0; length];
                OsRng.fill_bytes(&mut bytes);
                bytes.iter_mut().take(zeros).for_each(|byte| *byte = 0);
                let text = encode(&bytes);
                assert_eq!(text, bs58::encode(&bytes).into_string());
                assert_eq!(decode(&text).unwrap(), bytes);
            }
            let full = vec![255; length];
            assert_eq!(encode(&full), bs58::encode(&full).into_string());
            assert_eq!(decode(&encode(&full)).unwrap(), full);
            let text = "z".repeat(length);
            assert_eq!(decode(&text).unwrap(), bs58::decode(&text).into_vec().unwrap());
        }
    }

    #[test]
    fn characters_outside_the_alphabet_are_refused() {
        for text in ["0", "O", "I", "l", "abc+", " ", "é", "111l"] {
            assert_eq!(decode(text), None, "{text}");
            assert!(!is_base58(text));
        }
    }
}
