//! Context Processing (JSON-LD-API section 4.1.2). Step numbers are the specification's.

use std::cell::Cell;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::cache::Tree;
use super::expand_iri::{As, Defined};
use super::{Context, Direction, Mapping, Term, next_number};
use crate::documents::Documents;
use crate::error::{Error, ErrorCode, fail};
use crate::iri;
use crate::keyword::Keyword;

/// Remote contexts that may include one another, in one chain (step 5.2.3).
const MAX_REMOTE_CONTEXTS: usize = 16;
/// Nesting of scoped contexts while they are validated.
const MAX_NESTING: usize = 64;
/// Definitions that depend on one another in one chain: each takes stack. Contexts in use have chains of two or three.
pub(super) const MAX_CHAIN: usize = 64;
/// Bytes of text that are written for one step.
const BYTES_PER_STEP: usize = 16;

/// Work allowed to one call for contexts and expansion: terms copied or defined, and IRIs written. The bundled contexts
/// take some thousands of steps each; hostile ones would take exponentially many, and could have a long IRI written in
/// place of each of many short terms.
pub(crate) struct Steps(Cell<usize>);

impl Steps {
    pub(crate) fn new() -> Self {
        Self(Cell::new(4_000_000))
    }

    /// An IRI is written, or a name.
    pub(crate) fn written(&self, text: &str) -> Result<(), Error> {
        self.spend(text.len() / BYTES_PER_STEP)
    }

    fn spend(&self, amount: usize) -> Result<(), Error> {
        match self.0.get().checked_sub(amount) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(Error::WorkLimit("contexts")),
        }
    }
}

/// Compiles contexts for one call, through the cache of one tree.
pub(crate) struct Compiler<'p> {
    pub(crate) documents: &'p Documents,
    pub(crate) tree: &'p Tree,
    pub(crate) steps: Steps,
}

/// Where a local context stands, and how it may act: what the algorithm passes along.
pub(crate) struct Site<'p, 's> {
    pub(super) compiler: &'p Compiler<'p>,
    pub(crate) base_url: Option<Arc<str>>,
    remote: &'s [String],
    pub(crate) override_protected: bool,
    validate_scoped: bool,
    pub(crate) protected: bool,
    nesting: usize,
    /// Definitions under way, one for the sake of another.
    pub(super) chain: usize,
    /// Scoped contexts met in this context definition, to be validated when it is complete.
    pub(crate) scoped: Vec<Arc<Value>>,
}

impl<'p> Compiler<'p> {
    /// A context written in the document, at the top or in any node: `active` extended by `local`.
    pub(crate) fn embedded(&self, active: &Arc<Context>, local: &Value) -> Result<Arc<Context>, Error> {
        let key = Tree::text_key(active.number, local);
        if let Some(known) = self.tree.embedded(&key) {
            return Ok(known);
        }
        let base_url = active.original_base.clone();
        // An array that does not start with @propagate is a chain of contexts, each of which may be known already:
        // so an unseen inline context behind known ones costs its own terms only.
        let result = match local {
            Value::Array(items) if !propagation(local).1 && items.len() > 1 => {
                let mut result = Arc::clone(active);
                for item in items {
                    let key = Tree::item_key(result.number, item);
                    result = match self.tree.embedded(&key) {
                        Some(known) => known,
                        None => {
                            // One item of an array cannot ask for non-propagation (step 2 looks at maps only).
                            let next = self
                                .site(base_url.clone(), false, true)
                                .item(&result, &result, item, true)?;
                            self.tree.keep_embedded(key, &next);
                            next
                        }
                    };
                }
                result
            }
            _ => self.site(base_url, false, true).process(active, local, true)?,
        };
        self.tree.keep_embedded(key, &result);
        Ok(result)
    }

    /// The context scoped to `term`, applied to `active`. Type-scoped: `propagate` false. Property-scoped:
    /// `override_protected` true.
    pub(crate) fn scoped(
        &self,
        active: &Arc<Context>,
        term: &Term,
        override_protected: bool,
        propagate: bool,
    ) -> Result<Arc<Context>, Error> {
        let Some(local) = &term.context else { return Ok(Arc::clone(active)) };
        let key = (active.number, term.number, override_protected, propagate);
        if let Some(known) = self.tree.scoped(key) {
            return Ok(known);
        }
        let site = self.site(term.base_url.clone(), override_protected, true);
        let result = site.process(active, local, propagate)?;
        self.tree.keep_scoped(key, &result);
        Ok(result)
    }

    fn site(
        &self,
        base_url: Option<Arc<str>>,
        override_protected: bool,
        validate_scoped: bool,
    ) -> Site<'_, '_> {
        Site {
            compiler: self,
            base_url,
            remote: &[],
            override_protected,
            validate_scoped,
            protected: false,
            nesting: 0,
            chain: 0,
            scoped: Vec::new(),
        }
    }
}

/// Step 2: what `local` says about propagation, and whether it says anything. Like both reference implementations,
/// an array speaks through its first item.
fn propagation(local: &Value) -> (bool, bool) {
    let first = match local {
        Value::Array(items) => items.first().unwrap_or(&Value::Null),
        other => other,
    };
    match first.get("@propagate") {
        Some(Value::Bool(value)) => (*value, true),
        _ => (true, false),
    }
}

impl Site<'_, '_> {
    /// The algorithm, for one local context.
    pub(crate) fn process(
        &self,
        active: &Arc<Context>,
        local: &Value,
        propagate: bool,
    ) -> Result<Arc<Context>, Error> {
        if self.nesting > MAX_NESTING {
            return Err(Error::TooDeep);
        }
        // 1
        let mut result = Arc::clone(active);
        // 2
        let propagate = match propagation(local) {
            (value, true) => value,
            _ => propagate,
        };
        // 3
        if !propagate && result.previous.is_none() {
            let mut changed = self.copy(&result)?;
            changed.previous = Some(Arc::clone(active));
            result = Arc::new(changed);
        }
        // 4, 5
        match local {
            Value::Array(items) => {
                for item in items {
                    result = self.item(active, &result, item, propagate)?;
                }
            }
            single => result = self.item(active, &result, single, propagate)?,
        }
        // 6
        Ok(result)
    }

    fn copy(&self, context: &Context) -> Result<Context, Error> {
        self.compiler.steps.spend(context.terms.len() + 16)?;
        Ok(Context { number: next_number(), ..context.clone() })
    }

    /// Step 5, for one item.
    fn item(
        &self,
        active: &Arc<Context>,
        result: &Arc<Context>,
        item: &Value,
        propagate: bool,
    ) -> Result<Arc<Context>, Error> {
        match item {
            // 5.1
            Value::Null => {
                if !self.override_protected && result.has_protected_terms() {
                    return fail(
                        ErrorCode::InvalidContextNullification,
                        "null where protected terms are in force",
                    );
                }
                let mut fresh = Context::initial(active.original_base.clone());
                if !propagate {
                    fresh.previous = Some(result.previous.clone().unwrap_or_else(|| Arc::clone(result)));
                }
                Ok(Arc::new(fresh))
            }
            // 5.2
            Value::String(reference) => self.remote(result, reference),
            Value::Object(map) => self.definition(result, map),
            // 5.3
            other => fail(ErrorCode::InvalidLocalContext, other),
        }
    }

    /// Step 5.2: a reference to a remote context.
    fn remote(&self, result: &Arc<Context>, reference: &str) -> Result<Arc<Context>, Error> {
        // 5.2.1
        let url = self.resolve(reference)?;
        // 5.2.2
        if !self.validate_scoped && self.remote.contains(&url) {
            return Ok(Arc::clone(result));
        }
        // 5.2.3
        if self.remote.len() >= MAX_REMOTE_CONTEXTS {
            return fail(
                ErrorCode::ContextOverflow,
                format_args!("more than {MAX_REMOTE_CONTEXTS} contexts deep: {url}"),
            );
        }
        let mut remote = self.remote.to_vec();
        remote.push(url);
        let Some(url) = remote.last() else { return Ok(Arc::clone(result)) };
        // 5.2.4, 5.2.5
        let loaded = self.load(url)?;
        let Some(loaded) = loaded.get("@context") else {
            return fail(ErrorCode::InvalidRemoteContext, format_args!("{url} has no @context at the top"));
        };
        // 5.2.6
        let site = Site {
            compiler: self.compiler,
            base_url: Some(url.as_str().into()),
            remote: &remote,
            override_protected: self.override_protected,
            validate_scoped: self.validate_scoped,
            protected: false,
            nesting: self.nesting + 1,
            chain: 0,
            scoped: Vec::new(),
        };
        site.process(result, loaded, true)
    }

    fn resolve(&self, reference: &str) -> Result<String, Error> {
        match &self.base_url {
            Some(base) => Ok(iri::resolve(base, reference)),
            None if iri::has_scheme(reference) => Ok(reference.to_owned()),
            None => fail(
                ErrorCode::LoadingDocumentFailed,
                format_args!("{reference:?} is relative, and the document has no address"),
            ),
        }
    }

    fn load(&self, url: &str) -> Result<Arc<Value>, Error> {
        self.compiler.documents.get(url).ok_or_else(|| Error::MissingDocuments(vec![url.to_owned()]))
    }

    /// Steps 5.4 to 5.13: a context definition.
    fn definition(&self, result: &Arc<Context>, written: &Map<String, Value>) -> Result<Arc<Context>, Error> {
        // 5.5
        if let Some(version) = written.get("@version")
            && version.as_f64() != Some(1.1)
        {
            return fail(ErrorCode::InvalidVersionValue, version);
        }
        // 5.6
        let imported;
        let map = match written.get("@import") {
            None => written,
            Some(reference) => {
                imported = self.import(written, reference)?;
                &imported
            }
        };
        self.compiler.steps.spend(map.len())?;
        let mut context = self.copy(result)?;
        // 5.7
        if let Some(value) = map.get("@base")
            && self.remote.is_empty()
        {
            context.base = self.base(&context, value)?;
        }
        // 5.8
        if let Some(value) = map.get("@vocab") {
            context.vocab = match value {
                Value::Null => None,
                Value::String(text) => match context.expand_iri(text, As::BOTH) {
                    super::expand_iri::Expanded::Iri(iri) => {
                        self.compiler.steps.written(&iri)?;
                        Some(iri.into_shared())
                    }
                    _ => return fail(ErrorCode::InvalidVocabMapping, value),
                },
                other => return fail(ErrorCode::InvalidVocabMapping, other),
            };
        }
        // 5.9
        if let Some(value) = map.get("@language") {
            context.language = match value {
                Value::Null => None,
                Value::String(text) => Some(text.as_str().into()),
                other => return fail(ErrorCode::InvalidDefaultLanguage, other),
            };
        }
        // 5.10
        if let Some(value) = map.get("@direction") {
            context.direction = match value {
                Value::Null => None,
                other => match other.as_str().and_then(Direction::parse) {
                    Some(direction) => Some(direction),
                    None => return fail(ErrorCode::InvalidBaseDirection, other),
                },
            };
        }
        // 5.11
        if let Some(value) = map.get("@propagate")
            && !value.is_boolean()
        {
            return fail(ErrorCode::InvalidPropagateValue, value);
        }
        let protected = match map.get("@protected") {
            None => false,
            Some(Value::Bool(value)) => *value,
            Some(other) => return fail(ErrorCode::InvalidProtectedValue, other),
        };
        // 5.12, 5.13
        let mut site = Site {
            compiler: self.compiler,
            base_url: self.base_url.clone(),
            remote: self.remote,
            override_protected: self.override_protected,
            validate_scoped: self.validate_scoped,
            protected,
            nesting: self.nesting,
            chain: 0,
            scoped: Vec::new(),
        };
        let mut defined = Defined::new();
        for key in map.keys() {
            match Keyword::parse(key) {
                Some(
                    Keyword::Base
                    | Keyword::Direction
                    | Keyword::Import
                    | Keyword::Language
                    | Keyword::Propagate
                    | Keyword::Protected
                    | Keyword::Version
                    | Keyword::Vocab,
                ) => {}
                _ => site.define(&mut context, map, key, &mut defined)?,
            }
        }
        let context = Arc::new(context);
        for scoped in std::mem::take(&mut site.scoped) {
            site.validate_scoped(&context, &scoped)?;
        }
        Ok(context)
    }

    /// Step 5.6.
    fn import(&self, written: &Map<String, Value>, reference: &Value) -> Result<Map<String, Value>, Error> {
        // 5.6.2
        let Value::String(reference) = reference else {
            return fail(ErrorCode::InvalidImportValue, reference);
        };
        // 5.6.3 to 5.6.5
        let url = self.resolve(reference)?;
        let document = self.load(&url)?;
        // 5.6.6
        let Some(Value::Object(import)) = document.get("@context") else {
            return fail(
                ErrorCode::InvalidRemoteContext,
                format_args!("{url} has no single @context to import"),
            );
        };
        // 5.6.7
        if import.contains_key("@import") {
            return fail(ErrorCode::InvalidContextEntry, format_args!("{url} imports in turn"));
        }
        // 5.6.8
        let mut merged = import.clone();
        for (key, value) in written {
            if key != "@import" {
                merged.insert(key.clone(), value.clone());
            }
        }
        Ok(merged)
    }

    /// Step 5.7.
    fn base(&self, context: &Context, value: &Value) -> Result<Option<Arc<str>>, Error> {
        match value {
            // 5.7.2
            Value::Null => Ok(None),
            // 5.7.3
            Value::String(text) if iri::has_scheme(text) => Ok(Some(text.as_str().into())),
            // 5.7.4
            Value::String(text) => match &context.base {
                Some(base) => Ok(Some(iri::resolve(base, text).into())),
                None => fail(ErrorCode::InvalidBaseIri, format_args!("{text:?} is relative to nothing")),
            },
            // 5.7.5
            other => fail(ErrorCode::InvalidBaseIri, other),
        }
    }

    /// Create Term Definition, step 21.3: finds errors in a scoped context where its term is defined, but, unlike the
    /// text and like both references, only once all terms are: the order of entries must not matter. The result is
    /// thrown away, for the context acts on whatever is active where the term is used.
    fn validate_scoped(&self, context: &Arc<Context>, local: &Value) -> Result<(), Error> {
        let site = Site {
            compiler: self.compiler,
            base_url: self.base_url.clone(),
            remote: self.remote,
            override_protected: true,
            validate_scoped: false,
            protected: false,
            nesting: self.nesting + 1,
            chain: 0,
            scoped: Vec::new(),
        };
        match site.process(context, local, true) {
            Ok(_) => Ok(()),
            Err(Error::JsonLd { code, detail }) => {
                fail(ErrorCode::InvalidScopedContext, format_args!("{code}: {detail}"))
            }
            Err(other) => Err(other),
        }
    }

    pub(crate) fn is_iri(mapping: Option<&Mapping>) -> bool {
        matches!(mapping, Some(Mapping::Iri(iri)) if iri::has_scheme(iri))
    }
}
