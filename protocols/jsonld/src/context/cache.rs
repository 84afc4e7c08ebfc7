//! Compiled contexts, kept by what made them.
//!
//! One tree grows from each initial context (one per base IRI). Entries are keyed by the *number* of the context
//! they extend and by the text of the local context, or by the number of the scoped term. A tree that grows too heavy
//! is dropped whole: senders choose inline contexts and combinations of types, and the few common ones are soon made
//! anew. Only successes are kept, so a context that failed to load leaves nothing behind.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::Context;

/// Bytes (estimated) that one tree may hold.
pub(crate) const TREE_LIMIT: usize = 24 << 20;
/// Trees, that is, distinct base IRIs, held at once.
const MAX_TREES: usize = 16;

/// (context, term, override protected, propagate)
type ScopedKey = (u64, u64, bool, bool);

/// All contexts that grow from one initial context.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Arc<Context>,
    epoch: u64,
    embedded: RwLock<HashMap<Box<str>, Arc<Context>>>,
    scoped: RwLock<HashMap<ScopedKey, Arc<Context>>>,
    weight: AtomicUsize,
}

impl Tree {
    fn new(base: Option<&str>, epoch: u64) -> Self {
        Self {
            root: Arc::new(Context::initial(base.map(Into::into))),
            epoch,
            embedded: RwLock::default(),
            scoped: RwLock::default(),
            weight: AtomicUsize::new(0),
        }
    }

    /// Key of one item of an array of contexts. Other than a context on its own it cannot ask for non-propagation, and
    /// it cannot be an array.
    pub(crate) fn item_key(parent: u64, item: &Value) -> String {
        match item {
            Value::String(_) => Self::text_key(parent, item),
            other => format!("{parent:x},{other}"),
        }
    }

    /// Key of a context written in a document.
    pub(crate) fn text_key(parent: u64, local: &Value) -> String {
        let mut key = String::with_capacity(128);
        let _ = match local {
            Value::String(text) => write!(key, "{parent:x}\"{text}"),
            other => write!(key, "{parent:x} {other}"),
        };
        key
    }

    pub(crate) fn embedded(&self, key: &str) -> Option<Arc<Context>> {
        self.embedded.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The terms a local context defines weigh a few times its text.
    pub(crate) fn keep_embedded(&self, key: String, context: &Arc<Context>) {
        if self.charge(context.weight() + 5 * key.len() + 64) {
            let mut held = self.embedded.write().unwrap_or_else(PoisonError::into_inner);
            held.insert(key.into_boxed_str(), Arc::clone(context));
        }
    }

    pub(crate) fn scoped(&self, key: ScopedKey) -> Option<Arc<Context>> {
        self.scoped.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    pub(crate) fn keep_scoped(&self, key: ScopedKey, context: &Arc<Context>) {
        if self.charge(context.weight() + 64) {
            let mut held = self.scoped.write().unwrap_or_else(PoisonError::into_inner);
            held.insert(key, Arc::clone(context));
        }
    }

    fn charge(&self, weight: usize) -> bool {
        self.weight.fetch_add(weight, Ordering::Relaxed).saturating_add(weight) <= TREE_LIMIT
    }

    fn usable(&self, epoch: u64) -> bool {
        self.epoch == epoch && self.weight.load(Ordering::Relaxed) <= TREE_LIMIT
    }
}

/// The trees, by base IRI.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    by_base: RwLock<HashMap<Box<str>, Arc<Tree>>>,
    without_base: RwLock<Option<Arc<Tree>>>,
}

impl Trees {
    /// The tree for `base`. `epoch` is that of the documents: older trees were made from other documents.
    pub(crate) fn tree(&self, base: Option<&str>, epoch: u64) -> Arc<Tree> {
        match base {
            None => {
                if let Some(tree) = &*self.without_base.read().unwrap_or_else(PoisonError::into_inner)
                    && tree.usable(epoch)
                {
                    return Arc::clone(tree);
                }
                let mut slot = self.without_base.write().unwrap_or_else(PoisonError::into_inner);
                match &*slot {
                    Some(tree) if tree.usable(epoch) => Arc::clone(tree),
                    _ => Arc::clone(slot.insert(Arc::new(Tree::new(None, epoch)))),
                }
            }
            Some(base) => {
                if let Some(tree) = self.by_base.read().unwrap_or_else(PoisonError::into_inner).get(base)
                    && tree.usable(epoch)
                {
                    return Arc::clone(tree);
                }
                let mut held = self.by_base.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(tree) = held.get(base)
                    && tree.usable(epoch)
                {
                    return Arc::clone(tree);
                }
                if held.len() >= MAX_TREES {
                    held.clear();
                }
                let tree = Arc::new(Tree::new(Some(base), epoch));
                held.insert(base.into(), Arc::clone(&tree));
                tree
            }
        }
    }

    /// Contexts held, and their estimated weight in bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut size = (0, 0);
        let mut add = |tree: &Arc<Tree>| {
            size.0 += tree.embedded.read().unwrap_or_else(PoisonError::into_inner).len();
            size.0 += tree.scoped.read().unwrap_or_else(PoisonError::into_inner).len();
            size.1 += tree.weight.load(Ordering::Relaxed).min(TREE_LIMIT);
        };
        if let Some(tree) = &*self.without_base.read().unwrap_or_else(PoisonError::into_inner) {
            add(tree);
        }
        for tree in self.by_base.read().unwrap_or_else(PoisonError::into_inner).values() {
            add(tree);
        }
        size
    }
}
