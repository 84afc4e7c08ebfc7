//! Changes that leave JSON JSON: byte flips alone would hardly ever get past a parser.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use serde_json::{Map, Value};

/// libFuzzer's own mutation: buffer, size, most it may become; answers the new size.
pub type Bytes = fn(&mut [u8], usize, usize) -> usize;

/// A reproducible source of choices.
#[derive(Debug)]
pub struct Choice(pub ChaCha8Rng);

impl Choice {
    /// From libFuzzer's seed.
    pub fn new(seed: u32) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed.into()))
    }

    /// Less than `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.0.next_u64() % bound as u64) as usize }
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words.get(self.below(words.len())).copied().unwrap_or_default()
    }
}

/// Changes an input that is JSON as JSON; others, and one in eight, byte by byte.
pub fn json(data: &mut [u8], size: usize, max_size: usize, seed: u32, words: &[&str], bytes: Bytes) -> usize {
    let mut choice = Choice::new(seed);
    let parsed = data.get(..size).and_then(|text| serde_json::from_slice::<Value>(text).ok());
    let Some(mut value) = parsed.filter(|_| !choice.one_in(8)) else { return bytes(data, size, max_size) };
    change(&mut value, &mut choice, words, bytes);
    write(data, max_size, value.to_string().as_bytes()).unwrap_or_else(|| bytes(data, size, max_size))
}

/// Puts a new input in place, if there is room.
pub fn write(data: &mut [u8], max_size: usize, new: &[u8]) -> Option<usize> {
    let fits = new.len() <= max_size;
    let room = data.get_mut(..new.len()).filter(|_| fits)?;
    room.copy_from_slice(new);
    Some(new.len())
}

/// libFuzzer's mutation of something inside the input.
pub fn part(text: &[u8], bytes: Bytes) -> Vec<u8> {
    let most = text.len() * 2 + 16;
    let mut buffer = text.to_vec();
    buffer.resize(most, 0);
    let size = bytes(&mut buffer, text.len(), most);
    buffer.truncate(size);
    buffer
}

/// One to four changes at random places.
pub fn change(value: &mut Value, choice: &mut Choice, words: &[&str], bytes: Bytes) {
    for _ in 0..=choice.below(4) {
        let other = choice.below(count(value));
        let other = at(value, other).clone();
        let place = choice.below(count(value));
        one(at(value, place), other, choice, words, bytes);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn at(value: &mut Value, mut place: usize) -> &mut Value {
    if place == 0 {
        return value;
    }
    place -= 1;
    let children: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(members) => Box::new(members.values_mut()),
        _ => Box::new(std::iter::empty()),
    };
    for child in children {
        let size = count(child);
        if place < size {
            return at(child, place);
        }
        place -= size;
    }
    unreachable!("a place is less than the count")
}

/// One change. `other` is a value from elsewhere in the input.
fn one(value: &mut Value, other: Value, choice: &mut Choice, words: &[&str], bytes: Bytes) {
    match choice.below(10) {
        0 => *value = interesting(choice, words),
        1 => *value = other,
        2 => *value = Value::Array(vec![value.take()]),
        3 => *value = Value::Object(Map::from_iter([(choice.of(words).to_owned(), value.take())])),
        _ => match value {
            Value::String(text) => *text = string(text, choice, words, bytes),
            Value::Array(items) => array(items, other, choice, words),
            Value::Object(members) => object(members, other, choice, words, bytes),
            Value::Number(number) => {
                let float = number.as_f64().unwrap_or_default();
                *value = match choice.below(3) {
                    0 => serde_json::json!(-float),
                    1 => serde_json::json!(float * 1e10),
                    _ => number.to_string().into(),
                };
            }
            _ => *value = interesting(choice, words),
        },
    }
}

fn string(text: &str, choice: &mut Choice, words: &[&str], bytes: Bytes) -> String {
    match choice.below(6) {
        0 => choice.of(words).to_owned(),
        1 => format!("{text}{}", choice.of(words)),
        2 => format!("{}{text}", choice.of(words)),
        3 => {
            let cut = text.char_indices().map(|(at, _)| at).nth(choice.below(text.chars().count()));
            text.get(..cut.unwrap_or_default()).unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(&part(text.as_bytes(), bytes)).into_owned(),
    }
}

fn array(items: &mut Vec<Value>, other: Value, choice: &mut Choice, words: &[&str]) {
    let at = choice.below(items.len() + 1);
    match choice.below(5) {
        0 if at < items.len() => drop(items.remove(at)),
        1 => items.insert(at, interesting(choice, words)),
        2 => items.reverse(),
        3 if at < items.len() => {
            let twin = items[at].clone();
            items.extend(std::iter::repeat_n(twin, 1 + choice.below(8)));
        }
        _ => items.insert(at, other),
    }
}

fn object(members: &mut Map<String, Value>, other: Value, choice: &mut Choice, words: &[&str], bytes: Bytes) {
    let at = choice.below(members.len());
    let name = members.keys().nth(at).cloned().unwrap_or_default();
    match choice.below(6) {
        0 => drop(members.shift_remove(&name)),
        1 => drop(members.insert(choice.of(words).to_owned(), other)),
        2 => drop(members.insert(choice.of(words).to_owned(), interesting(choice, words))),
        3 => {
            if let Some(value) = members.shift_remove(&name) {
                members.insert(choice.of(words).to_owned(), value);
            }
        }
        4 => {
            if let Some(value) = members.shift_remove(&name) {
                members.insert(string(&name, choice, words, bytes), value);
            }
        }
        _ => drop(members.insert(name, other)),
    }
}

fn interesting(choice: &mut Choice, words: &[&str]) -> Value {
    match choice.below(14) {
        0 => Value::Null,
        1 => true.into(),
        2 => false.into(),
        3 => 0.into(),
        4 => (-1).into(),
        5 => u64::MAX.into(),
        6 => i64::MIN.into(),
        7 => serde_json::json!(1e21),
        8 => serde_json::json!(-0.0),
        9 => "".into(),
        10 => Value::Array(Vec::new()),
        11 => Value::Object(Map::new()),
        _ => choice.of(words).into(),
    }
}
