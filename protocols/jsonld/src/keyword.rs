//! Keywords of JSON-LD 1.1 (section 1.7 of the syntax specification).

/// One keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Keyword {
    Base,
    Container,
    Context,
    Default,
    Direction,
    Embed,
    Explicit,
    Graph,
    Id,
    Import,
    Included,
    Index,
    Json,
    Language,
    List,
    Nest,
    None,
    OmitDefault,
    Prefix,
    Preserve,
    Propagate,
    Protected,
    RequireAll,
    Reverse,
    Set,
    Type,
    Value,
    Version,
    Vocab,
}

impl Keyword {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('@') {
            return None;
        }
        Some(match text {
            "@base" => Self::Base,
            "@container" => Self::Container,
            "@context" => Self::Context,
            "@default" => Self::Default,
            "@direction" => Self::Direction,
            "@embed" => Self::Embed,
            "@explicit" => Self::Explicit,
            "@graph" => Self::Graph,
            "@id" => Self::Id,
            "@import" => Self::Import,
            "@included" => Self::Included,
            "@index" => Self::Index,
            "@json" => Self::Json,
            "@language" => Self::Language,
            "@list" => Self::List,
            "@nest" => Self::Nest,
            "@none" => Self::None,
            "@omitDefault" => Self::OmitDefault,
            "@prefix" => Self::Prefix,
            "@preserve" => Self::Preserve,
            "@propagate" => Self::Propagate,
            "@protected" => Self::Protected,
            "@requireAll" => Self::RequireAll,
            "@reverse" => Self::Reverse,
            "@set" => Self::Set,
            "@type" => Self::Type,
            "@value" => Self::Value,
            "@version" => Self::Version,
            "@vocab" => Self::Vocab,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Base => "@base",
            Self::Container => "@container",
            Self::Context => "@context",
            Self::Default => "@default",
            Self::Direction => "@direction",
            Self::Embed => "@embed",
            Self::Explicit => "@explicit",
            Self::Graph => "@graph",
            Self::Id => "@id",
            Self::Import => "@import",
            Self::Included => "@included",
            Self::Index => "@index",
            Self::Json => "@json",
            Self::Language => "@language",
            Self::List => "@list",
            Self::Nest => "@nest",
            Self::None => "@none",
            Self::OmitDefault => "@omitDefault",
            Self::Prefix => "@prefix",
            Self::Preserve => "@preserve",
            Self::Propagate => "@propagate",
            Self::Protected => "@protected",
            Self::RequireAll => "@requireAll",
            Self::Reverse => "@reverse",
            Self::Set => "@set",
            Self::Type => "@type",
            Self::Value => "@value",
            Self::Version => "@version",
            Self::Vocab => "@vocab",
        }
    }
}

/// `"@" 1*ALPHA`: reserved for keywords to come, ignored wherever a term or an IRI is expected.
pub(crate) fn has_keyword_form(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphabetic()))
}
