//! What can go wrong, and what to do about it.

use std::fmt;

/// Why a document could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Contexts that the document needs and [`crate::Documents`] does not hold. All that can be known from the
    /// document and from the contexts already present, sorted, each once. An entry may turn out not to be needed (a
    /// `@context` inside a JSON literal): fetch what can be fetched, insert it, call again; give up when a call
    /// reports nothing new.
    #[error("context documents are missing: fetch them, insert them into Documents, call again: {}", .0.join(", "))]
    MissingDocuments(Vec<String>),
    /// The document or one of its contexts breaks a rule of JSON-LD 1.1.
    #[error("{code}: {detail}")]
    JsonLd {
        /// The specification's error code.
        code: ErrorCode,
        /// Which term, value or context is at fault.
        detail: String,
    },
    /// Safe mode: the document holds something that would be left out of the data set without a word.
    #[error("{what} at {pointer}: correct the document, or define the term in its context")]
    Unsafe {
        /// What would be left out.
        what: Dropped,
        /// JSON pointer (RFC 6901) into the document; empty for the top.
        pointer: String,
    },
    /// The document would take more work than allowed: a graph built to be costly to canonicalize, or contexts
    /// built to be costly to compile. Refuse it; a larger limit only buys the sender more of our time.
    #[error("processing this document takes more work than allowed ({0}): refuse it")]
    WorkLimit(&'static str),
    /// Nested deeper than [`crate::MAX_DEPTH`].
    #[error("the document is nested too deeply: flatten it")]
    TooDeep,
}

impl Error {
    pub(crate) fn at(self, segment: impl fmt::Display) -> Self {
        match self {
            Self::Unsafe { what, pointer } => {
                let segment = segment.to_string().replace('~', "~0").replace('/', "~1");
                Self::Unsafe { what, pointer: format!("/{segment}{pointer}") }
            }
            other => other,
        }
    }
}

pub(crate) fn fail<T>(code: ErrorCode, detail: impl fmt::Display) -> Result<T, Error> {
    Err(Error::JsonLd { code, detail: detail.to_string() })
}

/// What safe mode refuses to leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// A property that no context defines.
    UndefinedProperty(String),
    /// A key in the form of a keyword that is none (`@foo`).
    ReservedKey(String),
    /// An `@id`, or a value typed `@id`, that is not an absolute IRI.
    RelativeIri(String),
    /// An `@type` that is not an absolute IRI: usually a type that no context defines.
    UndefinedType(String),
    /// A scalar, list or reference that no property holds.
    FreeFloating,
    /// A value object or map entry without a usable value.
    EmptyValue,
    /// `@direction` where no `rdf_direction` is chosen.
    Direction,
    /// A blank node as a property.
    BlankProperty(String),
    /// An IRI that RFC 3987 does not allow.
    IllFormedIri(String),
    /// A language tag that BCP 47 does not allow.
    IllFormedLanguage(String),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndefinedProperty(name) => write!(f, "property {name:?}, which no context defines,"),
            Self::ReservedKey(name) => write!(f, "key {name:?}, which has the form of a keyword,"),
            Self::RelativeIri(iri) => write!(f, "{iri:?}, which is not an absolute IRI,"),
            Self::UndefinedType(name) => write!(f, "type {name:?}, which no context defines,"),
            Self::FreeFloating => f.write_str("a value that no property holds"),
            Self::EmptyValue => f.write_str("a value object without a value"),
            Self::Direction => f.write_str("a base direction, which RDF has no place for,"),
            Self::BlankProperty(name) => write!(f, "blank node {name:?} as a property"),
            Self::IllFormedIri(iri) => write!(f, "ill-formed IRI {iri:?}"),
            Self::IllFormedLanguage(tag) => write!(f, "ill-formed language tag {tag:?}"),
        }
    }
}

macro_rules! codes {
    ($($name:ident $text:literal,)*) => {
        /// Error codes of JSON-LD 1.1 Processing Algorithms and API, section 9.6 (`JsonLdErrorCode`); `invalid @graph value`
        /// is one that the reference implementations have besides.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is described by its text in the specification")]
        pub enum ErrorCode { $($name,)* }
        impl ErrorCode {
            /// The code exactly as the specification writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    CollidingKeywords "colliding keywords",
    ContextOverflow "context overflow",
    CyclicIriMapping "cyclic IRI mapping",
    InvalidBaseDirection "invalid base direction",
    InvalidBaseIri "invalid base IRI",
    InvalidContainerMapping "invalid container mapping",
    InvalidContextEntry "invalid context entry",
    InvalidContextNullification "invalid context nullification",
    InvalidDefaultLanguage "invalid default language",
    InvalidGraphValue "invalid @graph value",
    InvalidIdValue "invalid @id value",
    InvalidImportValue "invalid @import value",
    InvalidIncludedValue "invalid @included value",
    InvalidIndexValue "invalid @index value",
    InvalidIriMapping "invalid IRI mapping",
    InvalidKeywordAlias "invalid keyword alias",
    InvalidLanguageMapValue "invalid language map value",
    InvalidLanguageMapping "invalid language mapping",
    InvalidLanguageTaggedString "invalid language-tagged string",
    InvalidLanguageTaggedValue "invalid language-tagged value",
    InvalidLocalContext "invalid local context",
    InvalidNestValue "invalid @nest value",
    InvalidPrefixValue "invalid @prefix value",
    InvalidPropagateValue "invalid @propagate value",
    InvalidProtectedValue "invalid @protected value",
    InvalidRemoteContext "invalid remote context",
    InvalidReverseProperty "invalid reverse property",
    InvalidReversePropertyMap "invalid reverse property map",
    InvalidReversePropertyValue "invalid reverse property value",
    InvalidReverseValue "invalid @reverse value",
    InvalidScopedContext "invalid scoped context",
    InvalidSetOrListObject "invalid set or list object",
    InvalidTermDefinition "invalid term definition",
    InvalidTypeMapping "invalid type mapping",
    InvalidTypeValue "invalid type value",
    InvalidTypedValue "invalid typed value",
    InvalidValueObject "invalid value object",
    InvalidValueObjectValue "invalid value object value",
    InvalidVersionValue "invalid @version value",
    InvalidVocabMapping "invalid vocab mapping",
    KeywordRedefinition "keyword redefinition",
    LoadingDocumentFailed "loading document failed",
    ProtectedTermRedefinition "protected term redefinition",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
