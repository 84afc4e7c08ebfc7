//! Context documents by address: the bundled ones, and those the caller fetched.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::bundled;

/// Bytes (estimated) of memory that documents inserted at run time take; those that were not used for longest go first, but
/// none that somebody holds. One that is gone is reported by [`crate::Error::MissingDocuments`] again.
const MAX_RUN_TIME_WEIGHT: usize = 64 << 20;

/// Context documents by address. Shared by `Arc`; all methods take `&self`.
#[derive(Debug, Default)]
pub struct Documents {
    held: RwLock<Held>,
    /// Where documents come from that are not here.
    below: Option<Arc<Documents>>,
    /// Counts uses.
    clock: AtomicU64,
    /// Changes whenever an address starts to mean something else: compiled contexts are dropped then.
    epoch: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    by_url: HashMap<String, Document>,
    /// Of the documents inserted at run time.
    weight: usize,
}

#[derive(Debug)]
struct Document {
    value: Arc<Value>,
    sha256: String,
    /// Estimated bytes of memory; `None`: bundled, and kept for ever.
    weight: Option<usize>,
    /// When it was used last.
    used: AtomicU64,
}

impl Held {
    fn remove(&mut self, url: &str) -> bool {
        let gone = self.by_url.remove(url);
        self.weight -= gone.as_ref().and_then(|document| document.weight).unwrap_or(0);
        gone.is_some()
    }

    /// Makes room. What somebody holds stays: dropping it would free nothing.
    fn shrink(&mut self) {
        while self.weight > MAX_RUN_TIME_WEIGHT {
            let idle =
                |document: &Document| document.weight.is_some() && Arc::strong_count(&document.value) == 1;
            let idle = self.by_url.iter().filter(|(_, document)| idle(document));
            let oldest = idle.min_by_key(|(_, document)| document.used.load(Ordering::Relaxed));
            let Some(url) = oldest.map(|(url, _)| url.clone()) else { return };
            self.remove(&url);
        }
    }
}

/// An estimate of the memory that a value takes.
fn weight(value: &Value) -> usize {
    const VALUE: usize = size_of::<Value>();
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE,
        Value::String(text) => VALUE + text.len() + 16,
        Value::Array(items) => VALUE + 16 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            VALUE + 64 + map.iter().map(|(key, value)| 64 + key.len() + weight(value)).sum::<usize>()
        }
    }
}

impl Documents {
    /// No document at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The documents in `contexts/`, each pinned by the SHA-256 of its file (`contexts/manifest.json`).
    #[must_use]
    pub fn bundled() -> Self {
        let documents = Self::default();
        {
            let mut held = documents.held.write().unwrap_or_else(PoisonError::into_inner);
            for (url, text) in bundled::CONTEXTS {
                // A bundled file that is not JSON is caught by the test that reads them all.
                if let Ok(value) = serde_json::from_str(text) {
                    let document = Document {
                        value: Arc::new(value),
                        sha256: hex_sha256(text.as_bytes()),
                        weight: None,
                        used: AtomicU64::new(0),
                    };
                    held.by_url.insert((*url).to_owned(), document);
                }
            }
        }
        documents
    }

    /// No document of its own: what is not inserted here comes from `below`.
    #[must_use]
    pub fn above(below: Arc<Self>) -> Self {
        Self { below: Some(below), ..Self::default() }
    }

    /// Adds a document fetched from `url` (an absolute URL without fragment), or replaces it. The SHA-256 noted is
    /// that of the compact serialization of `document`. The document stays at least as long as what is returned is held;
    /// then it may have to make room for others.
    pub fn insert(&self, url: impl Into<String>, document: Value) -> Arc<Value> {
        let url = url.into();
        let sha256 = hex_sha256(document.to_string().as_bytes());
        let weight = weight(&document) + url.len() + 256;
        let value = Arc::new(document);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.by_url.get(&url) {
            if known.value == value {
                known.used.store(self.now(), Ordering::Relaxed);
                return Arc::clone(&known.value);
            }
            self.epoch.fetch_add(1, Ordering::Release);
        }
        held.remove(&url);
        held.weight += weight;
        let document = Document {
            value: Arc::clone(&value),
            sha256,
            weight: Some(weight),
            used: AtomicU64::new(self.now()),
        };
        held.by_url.insert(url, document);
        held.shrink();
        value
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Estimated bytes of memory that documents inserted at run time take.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).weight
    }

    /// Forgets a document, also a bundled one. Compiled contexts that were made from it are dropped.
    pub fn remove(&self, url: &str) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let gone = held.remove(url);
        if gone {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        gone
    }

    /// Whether `url` is held.
    #[must_use]
    pub fn contains(&self, url: &str) -> bool {
        self.held.read().unwrap_or_else(PoisonError::into_inner).by_url.contains_key(url)
            || self.below.as_ref().is_some_and(|below| below.contains(url))
    }

    /// The document at `url`.
    #[must_use]
    pub fn get(&self, url: &str) -> Option<Arc<Value>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        match held.by_url.get(url) {
            Some(document) => {
                document.used.store(self.now(), Ordering::Relaxed);
                Some(Arc::clone(&document.value))
            }
            None => self.below.as_ref()?.get(url),
        }
    }

    /// Lower-case hexadecimal SHA-256 of the document at `url`: of the file for bundled ones.
    #[must_use]
    pub fn sha256(&self, url: &str) -> Option<String> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_url.get(url).map(|document| document.sha256.clone())
    }

    /// All addresses with their SHA-256, sorted by address.
    #[must_use]
    pub fn list(&self) -> Vec<(String, String)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            held.by_url.iter().map(|(url, document)| (url.clone(), document.sha256.clone())).collect();
        all.sort();
        all
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
