//! Rows as an agent wrote them, written many times under other ids and keys.

use std::collections::HashMap;

use chancery_agent::ports::store::{KeyRow, NewRow, Op, Row, RowKey, Tag};
use chancery_did::{KeyType, SecretKey};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Rows that belong together. What looks like an id in them is another one in each copy, the same wherever it stands.
pub(super) struct Copies {
    rows: Vec<(RowKey, Text, Vec<Tag>, Vec<Text>)>,
    ids: Ids,
}

#[derive(Default)]
struct Ids {
    known: HashMap<String, usize>,
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// This many hexadecimal digits, or a UUID.
    Hex(String),
    /// The beginning is kept: it tells what the rest is.
    Base58(String),
    /// A key of the wallet.
    Key,
}

/// A text with places for ids.
struct Text(Vec<Part>);

enum Part {
    Same(String),
    Id(usize),
}

impl Copies {
    /// Learns the ids of these rows. `keys` are the public keys, in base58, that the wallet has the secrets of.
    pub(super) fn of(rows: &[Row], keys: &[String]) -> Self {
        let mut ids = Ids::default();
        for key in keys {
            ids.number(key, Kind::Key);
        }
        let rows = rows.iter().map(|row| {
            let name = ids.text(&row.key.name);
            let value = ids.text(&String::from_utf8_lossy(&row.value));
            let tags = row.tags.iter().map(|tag| ids.text(&tag.value)).collect::<Vec<_>>();
            (row.key.clone(), name, value, row.tags.clone(), tags)
        });
        let rows: Vec<_> = rows.collect();
        let rows = rows.into_iter().map(|(key, name, value, tags, values)| {
            let mut texts = vec![name];
            texts.extend(values);
            (key, value, tags, texts)
        });
        Self { rows: rows.collect(), ids }
    }

    /// One copy as changes to a wallet. `given` says what becomes of some ids; all others are new.
    pub(super) fn make(&self, given: &[(&str, &str)], rng: &mut ChaCha20Rng) -> Copy {
        let mut ops = Vec::new();
        let mut texts: Vec<String> = Vec::with_capacity(self.ids.kinds.len());
        for kind in &self.ids.kinds {
            texts.push(match kind {
                Kind::Hex(old) => random_hex(old, rng),
                Kind::Base58(old) => random_base58(old, rng),
                Kind::Key => {
                    let secret = SecretKey::generate(KeyType::Ed25519, rng);
                    let (name, multikey) = (secret.public().base58(), secret.public().multikey());
                    let tags = vec![Tag::new("multikey", multikey)];
                    let metadata = Some("{}".to_owned());
                    ops.push(Op::InsertKey(KeyRow { name: name.clone(), secret, metadata, tags }));
                    name
                }
            });
        }
        for (old, new) in given {
            if let Some(text) = self.ids.known.get(*old).and_then(|number| texts.get_mut(*number)) {
                (*new).clone_into(text);
            }
        }
        for (key, value, tags, others) in &self.rows {
            let mut others = others.iter().map(|text| text.with(&texts));
            let name = others.next().unwrap_or_default();
            let tags = tags.iter().zip(others).map(|(tag, value)| Tag { value, ..tag.clone() });
            ops.push(Op::Put(NewRow {
                key: RowKey { category: key.category.clone(), name },
                value: value.with(&texts).into_bytes(),
                tags: tags.collect(),
            }));
        }
        Copy { ops, texts }
    }

    /// What an id of the original is in a copy.
    pub(super) fn became<'c>(&self, copy: &'c Copy, id: &str) -> Option<&'c str> {
        copy.texts.get(*self.ids.known.get(id)?).map(String::as_str)
    }
}

/// Changes that write one copy.
pub(super) struct Copy {
    pub(super) ops: Vec<Op>,
    texts: Vec<String>,
}

impl Ids {
    fn number(&mut self, text: &str, kind: Kind) -> usize {
        let next = self.kinds.len();
        let number = *self.known.entry(text.to_owned()).or_insert(next);
        if number == next {
            self.kinds.push(kind);
        }
        number
    }

    /// Cuts a text at its ids: UUIDs, names of 32 hexadecimal digits, keys and hashes in base58.
    fn text(&mut self, text: &str) -> Text {
        let mut parts = Vec::new();
        let mut same = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let word_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let uuid = rest.get(..36).filter(|text| is_uuid(text) && !continues(rest, 36));
            let id = uuid.map(|text| (text, Kind::Hex(text.to_owned()))).or_else(|| {
                let word = rest.get(..word_end)?;
                let known = self.known.get(word).and_then(|number| self.kinds.get(*number)).cloned();
                Some((word, known.or_else(|| kind_of(word))?))
            });
            match id {
                Some((id, kind)) => {
                    if !same.is_empty() {
                        parts.push(Part::Same(std::mem::take(&mut same)));
                    }
                    parts.push(Part::Id(self.number(id, kind)));
                    rest = rest.get(id.len()..).unwrap_or_default();
                }
                None => {
                    // The word, or the one character that is none.
                    let next = rest.chars().next().map_or(1, char::len_utf8);
                    let (passed, after) = rest.split_at(word_end.max(next));
                    same.push_str(passed);
                    rest = after;
                }
            }
        }
        parts.push(Part::Same(same));
        Text(parts)
    }
}

impl Text {
    fn with(&self, ids: &[String]) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Same(text) => text.as_str(),
                Part::Id(number) => ids.get(*number).map(String::as_str).unwrap_or_default(),
            })
            .collect()
    }
}

fn continues(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric)
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn kind_of(word: &str) -> Option<Kind> {
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match word.len() {
        32 if word.bytes().all(lower_hex) => Some(Kind::Hex(word.to_owned())),
        43..=50 if word.bytes().all(|byte| BASE58.contains(&byte)) => Some(Kind::Base58(word.to_owned())),
        _ => None,
    }
}

fn random_hex(old: &str, rng: &mut ChaCha20Rng) -> String {
    let digit = |rng: &mut ChaCha20Rng| char::from_digit(rng.next_u32() % 16, 16).unwrap_or('0');
    old.chars().map(|c| if c == '-' { '-' } else { digit(rng) }).collect()
}

fn random_base58(old: &str, rng: &mut ChaCha20Rng) -> String {
    let character = |rng: &mut ChaCha20Rng| {
        BASE58.get(rng.next_u32() as usize % BASE58.len()).map_or('1', |byte| char::from(*byte))
    };
    old.chars().enumerate().map(|(at, c)| if at < 4 { c } else { character(rng) }).collect()
}

#[cfg(test)]
mod tests {
    use chancery_agent::ports::store::Version;
    use rand_core::SeedableRng;

    use super::*;

    const ID: &str = "0b6c2a4e-7d5f-4c1b-9a3e-112233445566";
    const HASH: &str = "4zQmPcXqm4yvtFcCPUyhkZVBbZWhq5MBnWCsJqQcd4WcPDzw";

    fn row(name: &str, value: &str, tag: &str) -> Row {
        Row {
            key: RowKey::new("connection", name),
            value: value.as_bytes().to_vec(),
            tags: vec![Tag::new("my_did", tag)],
            version: Version([0; 12]),
        }
    }

    #[test]
    fn each_id_is_another_in_each_copy_and_the_same_within_it() {
        let did = format!("did:peer:{HASH}");
        let secret = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
        let key = secret.public().base58();
        let value =
            format!(r#"{{"id": "{ID}", "my_did": "{did}", "verkey": "{key}", "label": "Zoë {ID}x"}}"#);
        let copies = Copies::of(&[row(ID, &value, &did)], std::slice::from_ref(&key));
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let copy = copies.make(&[], &mut rng);
            let [Op::InsertKey(new_key), Op::Put(new)] = &copy.ops[..] else { panic!("{:?}", copy.ops) };
            let (id, hash) = (copies.became(&copy, ID).unwrap(), copies.became(&copy, HASH).unwrap());
            let did = format!("did:peer:{hash}");
            let expected = format!(
                r#"{{"id": "{id}", "my_did": "{did}", "verkey": "{}", "label": "Zoë {ID}x"}}"#,
                new_key.name
            );
            assert_eq!(String::from_utf8_lossy(&new.value), expected);
            assert_eq!((new.key.name.as_str(), new.tags[0].value.as_str()), (id, did.as_str()));
            assert!(is_uuid(id) && hash.starts_with("4zQm") && hash.len() == HASH.len());
            assert_eq!(new_key.secret.public().base58(), new_key.name);
            seen.extend([id.to_owned(), hash.to_owned(), new_key.name.clone()]);
        }
        seen.extend([ID.to_owned(), HASH.to_owned(), key]);
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "all differ");
    }

    #[test]
    fn a_given_id_is_taken_over() {
        let copies = Copies::of(&[row(ID, ID, "x")], &[]);
        let copy = copies.make(&[(ID, "mine"), ("unknown", "other")], &mut ChaCha20Rng::from_seed([1; 32]));
        let [Op::Put(new)] = &copy.ops[..] else { panic!("{:?}", copy.ops) };
        assert_eq!((new.key.name.as_str(), &new.value[..]), ("mine", &b"mine"[..]));
    }
}
