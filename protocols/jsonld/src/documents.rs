//! Context documents by address: the bundled ones, and those the caller fetched.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::bundled;

/// At most so many documents inserted at run time are kept; the oldest goes first. One that is gone is reported by
/// [`crate::Error::MissingDocuments`] again.
const MAX_RUN_TIME_DOCUMENTS: usize = 4096;

/// Context documents by address. Shared by `Arc`; all methods take `&self`.
#[derive(Debug, Default)]
pub struct Documents {
    held: RwLock<Held>,
    /// Changes whenever an address starts to mean something else: compiled contexts are dropped then.
    epoch: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    by_url: HashMap<String, Document>,
    run_time: VecDeque<String>,
}

#[derive(Debug, Clone)]
struct Document {
    value: Arc<Value>,
    sha256: String,
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
                    let document = Document { value: Arc::new(value), sha256: hex_sha256(text.as_bytes()) };
                    held.by_url.insert((*url).to_owned(), document);
                }
            }
        }
        documents
    }

    /// Adds a document fetched from `url` (an absolute URL without fragment), or replaces it. The SHA-256 noted is
    /// that of the compact serialization of `document`.
    pub fn insert(&self, url: impl Into<String>, document: Value) {
        let url = url.into();
        let sha256 = hex_sha256(document.to_string().as_bytes());
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let changed = match held.by_url.get(&url) {
            Some(known) => *known.value != document,
            None => false,
        };
        if !held.by_url.contains_key(&url) {
            held.run_time.push_back(url.clone());
        }
        held.by_url.insert(url, Document { value: Arc::new(document), sha256 });
        if held.run_time.len() > MAX_RUN_TIME_DOCUMENTS
            && let Some(oldest) = held.run_time.pop_front()
        {
            held.by_url.remove(&oldest);
        }
        if changed {
            self.epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// Forgets a document, also a bundled one. Compiled contexts that were made from it are dropped.
    pub fn remove(&self, url: &str) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.run_time.retain(|known| known != url);
        let gone = held.by_url.remove(url).is_some();
        if gone {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        gone
    }

    /// Whether `url` is held.
    #[must_use]
    pub fn contains(&self, url: &str) -> bool {
        self.held.read().unwrap_or_else(PoisonError::into_inner).by_url.contains_key(url)
    }

    /// The document at `url`.
    #[must_use]
    pub fn get(&self, url: &str) -> Option<Arc<Value>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_url.get(url).map(|document| Arc::clone(&document.value))
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
