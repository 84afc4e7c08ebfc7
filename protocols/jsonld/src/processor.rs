//! The processor: documents in, expanded form, data set or canonical N-Quads out.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::canon::{self, WorkLimit};
use crate::context::cache::{Tree, Trees};
use crate::context::{Compiler, Context, Expanded, Steps};
use crate::documents::Documents;
use crate::error::Error;
use crate::expand::{Expander, Policy, output};
use crate::iri;
use crate::rdf::{Converter, Dataset};

/// How `@direction` becomes RDF (JSON-LD-API, `rdfDirection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RdfDirection {
    /// A datatype below `https://www.w3.org/ns/i18n#`.
    I18nDatatype,
    /// A blank node with `rdf:value`, `rdf:language` and `rdf:direction`.
    CompoundLiteral,
}

/// How to read a document. The default is for credentials: safe, without a base. Processing mode is JSON-LD 1.1.
#[derive(Clone, Debug)]
pub struct ExpandOptions {
    /// Base IRI: the address of the document. Relative IRIs, also of contexts, are resolved against it. Credentials
    /// have none.
    pub base: Option<String>,
    /// Refuse ([`Error::Unsafe`]) whatever would be dropped without a word. What says nothing may be dropped, as in the
    /// safe mode of jsonld.js: empty arrays, nulls, and the keys of index maps. They are not signed: whoever holds a
    /// credential can add `"convictions": []` to it, or take it away.
    pub safe: bool,
    /// A context to start from, or a map with an `@context` entry.
    pub expand_context: Option<Value>,
    /// How `@direction` becomes RDF; `None` drops it (safe mode: refuses).
    pub rdf_direction: Option<RdfDirection>,
    /// How much work canonicalization may take.
    pub work_limit: WorkLimit,
}

impl Default for ExpandOptions {
    fn default() -> Self {
        Self {
            base: None,
            safe: true,
            expand_context: None,
            rdf_direction: None,
            work_limit: WorkLimit::default(),
        }
    }
}

impl ExpandOptions {
    /// As the specification has it: what cannot be expressed is dropped without a word. Never for signing.
    #[must_use]
    pub fn lax() -> Self {
        Self { safe: false, ..Self::default() }
    }
}

/// With so few blank nodes no graph takes much work to canonicalize: they have six orders.
const FEW_BLANK_NODES: usize = 3;

/// A JSON-LD 1.1 processor. `Send + Sync`; share it by `Arc`: compiled contexts are cached inside, within bounds.
#[derive(Debug)]
pub struct Processor {
    documents: Arc<Documents>,
    trees: Trees,
}

impl Processor {
    /// A processor that takes context documents from `documents`, and from nowhere else.
    #[must_use]
    pub fn new(documents: Arc<Documents>) -> Self {
        Self { documents, trees: Trees::default() }
    }

    /// A processor that knows some documents more, for one piece of work. What it compiles it keeps to itself.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::new(Arc::new(Documents::above(Arc::clone(&self.documents))))
    }

    /// Where context documents come from.
    #[must_use]
    pub fn documents(&self) -> &Arc<Documents> {
        &self.documents
    }

    /// Compiled contexts held, and their estimated weight in bytes: for metrics.
    #[must_use]
    pub fn cache_size(&self) -> (usize, usize) {
        self.trees.size()
    }

    /// Expansion of a document (JSON-LD-API section 5.1): an array of node objects.
    ///
    /// # Errors
    /// [`Error::MissingDocuments`] with all contexts that are needed and absent as far as can be known;
    /// [`Error::JsonLd`] with the specification's code; [`Error::Unsafe`] in safe mode.
    pub fn expand(&self, document: &Value, options: &ExpandOptions) -> Result<Value, Error> {
        self.with(document, options, policy(options), |expander, start| {
            Ok(output::array(expander.document(start, document)?))
        })
    }

    /// Data set of a document, expanded or not (JSON-LD-API section 7).
    ///
    /// # Errors
    /// As [`Processor::expand`].
    pub fn to_rdf(&self, document: &Value, options: &ExpandOptions) -> Result<Dataset, Error> {
        self.with(document, options, policy(options), |expander, start| {
            let objects = expander.document(start, document)?;
            Converter::new(options.safe, options.rdf_direction).document(&objects)
        })
    }

    /// Canonical N-Quads of a document (RDFC-1.0, SHA-256): what Data Integrity and Linked Data proofs hash and sign.
    ///
    /// # Errors
    /// As [`Processor::expand`]; [`Error::WorkLimit`] for graphs built to be costly.
    pub fn canonicalize(&self, document: &Value, options: &ExpandOptions) -> Result<String, Error> {
        canon::nquads(&self.to_rdf(document, options)?, options.work_limit)
    }

    /// Whether a document can be canonicalized; what comes out costs more, and is not asked for.
    ///
    /// # Errors
    /// As [`Processor::canonicalize`].
    pub fn check(&self, document: &Value, options: &ExpandOptions) -> Result<(), Error> {
        let dataset = self.to_rdf(document, options)?;
        if dataset.blank_nodes() <= FEW_BLANK_NODES {
            return Ok(());
        }
        canon::nquads(&dataset, options.work_limit).map(|_| ())
    }

    /// Expanded `@type` of the top node, in the document's order, as ACA-Py keeps them in `expanded_types` of a stored
    /// credential. A type without definition stays as it is written.
    ///
    /// # Errors
    /// As [`Processor::expand`] without safe mode.
    pub fn expanded_types(&self, document: &Value) -> Result<Vec<String>, Error> {
        let options = ExpandOptions::lax();
        self.with(document, &options, Policy::Silent, |expander, start| {
            let objects = expander.document(start, document)?;
            let types = objects.into_iter().next().map(|object| object.types).unwrap_or_default();
            Ok(types
                .into_iter()
                .filter_map(|name| match name {
                    Expanded::Iri(iri) => Some(iri.into_string()),
                    _ => None,
                })
                .collect())
        })
    }

    /// Names of the properties that would be dropped, as ACA-Py lists them in `N attributes dropped. Provide
    /// definitions in context to correct. [...]`: `credentialSubject.address[0].street`, in the document's order. A
    /// property whose value is null counts, as it does there; what is below a dropped property is not listed. Like
    /// there, a document with a `verifiableCredential` (a presentation) yields none.
    ///
    /// # Errors
    /// As [`Processor::expand`] without safe mode.
    pub fn undefined_terms(&self, document: &Value) -> Result<Vec<String>, Error> {
        if document.get("verifiableCredential").is_some() {
            return Ok(Vec::new());
        }
        let options = ExpandOptions::lax();
        self.with(document, &options, Policy::List(Vec::new()), |expander, start| {
            expander.document(start, document)?;
            let Policy::List(names) = &mut expander.policy else { return Ok(Vec::new()) };
            Ok(names
                .drain(..)
                .map(|name| name.strip_prefix('.').map(str::to_owned).unwrap_or(name))
                .collect())
        })
    }

    fn with<T>(
        &self,
        document: &Value,
        options: &ExpandOptions,
        policy: Policy,
        run: impl FnOnce(&mut Expander<'_>, &Arc<Context>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let tree = self.trees.tree(options.base.as_deref(), self.documents.epoch());
        let result = self.with_tree(&tree, options, policy, run);
        match result {
            Err(Error::MissingDocuments(first)) => {
                Err(Error::MissingDocuments(self.missing(document, options, first)))
            }
            other => other,
        }
    }

    fn with_tree<T>(
        &self,
        tree: &Tree,
        options: &ExpandOptions,
        policy: Policy,
        run: impl FnOnce(&mut Expander<'_>, &Arc<Context>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let compiler = Compiler { documents: &self.documents, tree, steps: Steps::new() };
        let started;
        let start = match &options.expand_context {
            None => &tree.root,
            Some(context) => {
                started = compiler.embedded(&tree.root, context.get("@context").unwrap_or(context))?;
                &started
            }
        };
        run(&mut Expander::new(&compiler, policy), start)
    }

    /// Everything that is referred to, from the document or from contexts at hand, and is not at hand.
    fn missing(&self, document: &Value, options: &ExpandOptions, first: Vec<String>) -> Vec<String> {
        let mut search = Search {
            documents: &self.documents,
            seen: BTreeSet::new(),
            missing: first.into_iter().collect(),
        };
        let base = options.base.as_deref();
        if let Some(context) = &options.expand_context {
            search.context(context.get("@context").unwrap_or(context), base, 0);
        }
        search.document(document, base, 0);
        search.missing.into_iter().collect()
    }
}

fn policy(options: &ExpandOptions) -> Policy {
    if options.safe { Policy::Refuse } else { Policy::Silent }
}

/// Looks for references to contexts. Runs only when one is known to be missing.
struct Search<'p> {
    documents: &'p Documents,
    seen: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Search<'_> {
    fn document(&mut self, element: &Value, base: Option<&str>, depth: usize) {
        if depth > crate::MAX_DEPTH {
            return;
        }
        match element {
            Value::Array(items) => items.iter().for_each(|item| self.document(item, base, depth + 1)),
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "@context" {
                        self.context(value, base, depth + 1);
                    } else {
                        self.document(value, base, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn context(&mut self, context: &Value, base: Option<&str>, depth: usize) {
        if depth > crate::MAX_DEPTH {
            return;
        }
        match context {
            Value::String(reference) => self.reference(reference, base, depth),
            Value::Array(items) => items.iter().for_each(|item| self.context(item, base, depth + 1)),
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("@import") {
                    self.reference(reference, base, depth);
                }
                for definition in map.values() {
                    if let Some(scoped) = definition.get("@context") {
                        self.context(scoped, base, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn reference(&mut self, reference: &str, base: Option<&str>, depth: usize) {
        let url = match base {
            Some(base) => iri::resolve(base, reference),
            None if iri::has_scheme(reference) => reference.to_owned(),
            None => return,
        };
        if !self.seen.insert(url.clone()) {
            return;
        }
        match self.documents.get(&url) {
            None => drop(self.missing.insert(url)),
            Some(document) => {
                if let Some(context) = document.get("@context") {
                    self.context(context, Some(&url), depth + 1);
                }
            }
        }
    }
}
