//! How fields are declared.

use super::rule::Rule;
use super::{Field, Kind, Schema};

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false, nullable: false, about: "", example: None, default: None }
}

/// Any text.
pub(crate) const fn text(name: &'static str) -> Field {
    field(name, Kind::Text)
}

/// A text that follows a rule.
pub(crate) const fn matching(name: &'static str, rule: &'static Rule) -> Field {
    field(name, Kind::Matching(rule))
}

/// One of these texts.
pub(crate) const fn one_of(name: &'static str, choices: &'static [&'static str]) -> Field {
    field(name, Kind::OneOf(choices))
}

/// A boolean.
pub(crate) const fn boolean(name: &'static str) -> Field {
    field(name, Kind::Boolean)
}

/// An integer, from the first to the second number.
pub(crate) const fn integer(name: &'static str, range: Option<(i64, Option<i64>)>) -> Field {
    field(name, Kind::Integer(range))
}

/// A list.
pub(crate) const fn list(name: &'static str, of: &'static Kind) -> Field {
    field(name, Kind::List(of))
}

/// An object.
pub(crate) const fn object(name: &'static str, schema: &'static Schema) -> Field {
    field(name, Kind::Object(schema))
}

/// A list of objects.
pub(crate) const fn objects(name: &'static str, schema: &'static Schema) -> Field {
    field(name, Kind::Objects(schema))
}

/// An object with free members.
pub(crate) const fn map(name: &'static str) -> Field {
    field(name, Kind::Map)
}

/// An object with free members that are texts.
pub(crate) const fn text_map(name: &'static str) -> Field {
    field(name, Kind::TextMap)
}

/// Anything.
pub(crate) const fn json(name: &'static str) -> Field {
    field(name, Kind::Json)
}

/// A value of any kind.
pub(crate) const fn of(name: &'static str, kind: Kind) -> Field {
    field(name, kind)
}

impl Field {
    /// Must be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// May be `null`.
    pub(crate) const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// What it is for.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// An example: JSON, or a text.
    pub(crate) const fn example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    /// What counts when it is absent (JSON).
    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}
