//! Every start option as data: ACA-Py 1.7's 146 and ours. Parsing, `--help` and validation read this table.

mod admin;
mod agent;
mod networks;
mod own;
mod wallet;

/// How many values an option takes, in argparse's sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// No value; present means true.
    Flag,
    /// One value.
    One,
    /// Exactly so many values.
    Exactly(usize),
    /// One or more values, up to the next option.
    OneOrMore,
    /// A value or none.
    ZeroOrOne,
}

/// What naming an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It acts.
    Acts,
    /// It changes nothing, for this reason; the log says so.
    NoEffect(&'static str),
    /// What it asks for is missing, for this reason, which does no harm: the start warns, and `--strict-options` refuses it.
    Absent(&'static str),
    /// It ends the start with this advice: an option is never taken and then forgotten.
    NotYet(&'static str),
}

/// One start option.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Long name with its dashes: `--wallet-key`.
    pub name: &'static str,
    /// Short name with its dash: `-it`.
    pub short: Option<&'static str>,
    /// Environment variable that sets it.
    pub env: Option<&'static str>,
    /// How many values one occurrence takes.
    pub arity: Arity,
    /// Whether it may be given again.
    pub repeatable: bool,
    /// Value when it is given nowhere.
    pub default: Option<&'static str>,
    /// What `--help` shows for its values.
    pub placeholder: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Never shown, and also read from the file that the variable `<env>_FILE` names.
    pub secret: bool,
    /// What naming it does.
    pub status: Status,
    /// A value that asks for nothing, so that `NotYet` lets it pass; the default is another.
    pub harmless: Option<&'static str>,
    /// Values whose meaning is missing without harm, and why, where others end the start.
    pub absent_values: Option<(&'static [&'static str], &'static str)>,
    /// A flag that takes the meaning from this option, so that `NotYet` lets it pass.
    pub moot_with: Option<&'static str>,
}

/// Options under one heading of `--help`.
#[derive(Debug, Clone, Copy)]
pub struct OptionGroup {
    /// Heading.
    pub title: &'static str,
    /// Its options, in the order of `--help`.
    pub options: &'static [OptionSpec],
}

/// All groups, ACA-Py's in its own order, ours last.
pub static GROUPS: &[OptionGroup] = &[
    OptionGroup { title: "Admin", options: admin::ADMIN },
    OptionGroup { title: "Debugger", options: admin::DEBUGGER },
    OptionGroup { title: "Debug", options: admin::DEBUG },
    OptionGroup { title: "Discover features", options: agent::DISCOVER_FEATURES },
    OptionGroup { title: "General", options: agent::GENERAL },
    OptionGroup { title: "Revocation", options: networks::REVOCATION },
    OptionGroup { title: "Ledger", options: networks::LEDGER },
    OptionGroup { title: "Logging", options: agent::LOGGING },
    OptionGroup { title: "Protocol", options: agent::PROTOCOL },
    OptionGroup { title: "Start-up", options: agent::START_UP },
    OptionGroup { title: "Transport", options: agent::TRANSPORT },
    OptionGroup { title: "Mediation invitation", options: networks::MEDIATION_INVITATION },
    OptionGroup { title: "Mediation", options: networks::MEDIATION },
    OptionGroup { title: "Wallet", options: wallet::WALLET },
    OptionGroup { title: "Multitenant", options: networks::MULTITENANT },
    OptionGroup { title: "Endorsement", options: networks::ENDORSEMENT },
    OptionGroup { title: "Upgrade", options: networks::UPGRADE },
    OptionGroup { title: "Chancery", options: own::CHANCERY },
];

const fn option(
    name: &'static str,
    env: Option<&'static str>,
    placeholder: &'static str,
    about: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        short: None,
        env,
        arity: Arity::One,
        repeatable: false,
        default: None,
        placeholder,
        about,
        secret: false,
        status: Status::Acts,
        harmless: None,
        absent_values: None,
        moot_with: None,
    }
}

const fn flag(name: &'static str, env: Option<&'static str>, about: &'static str) -> OptionSpec {
    OptionSpec { arity: Arity::Flag, ..option(name, env, "", about) }
}

impl OptionSpec {
    /// An option of a table other than [`GROUPS`]: one value, no variable.
    pub const fn value(name: &'static str, placeholder: &'static str, about: &'static str) -> Self {
        option(name, None, placeholder, about)
    }

    /// A flag of a table other than [`GROUPS`]: no variable.
    pub const fn switch(name: &'static str, about: &'static str) -> Self {
        flag(name, None, about)
    }

    const fn exactly(self, count: usize) -> Self {
        Self { arity: Arity::Exactly(count), ..self }
    }

    const fn one_or_more(self) -> Self {
        Self { arity: Arity::OneOrMore, ..self }
    }

    const fn value_optional(self) -> Self {
        Self { arity: Arity::ZeroOrOne, ..self }
    }

    const fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// Adds a short name, `-n`.
    pub const fn short(self, name: &'static str) -> Self {
        Self { short: Some(name), ..self }
    }

    /// Sets the value that holds when the option is not given.
    pub const fn default_value(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn no_effect(self, because: &'static str) -> Self {
        Self { status: Status::NoEffect(because), ..self }
    }

    const fn absent(self, because: &'static str) -> Self {
        Self { status: Status::Absent(because), ..self }
    }

    const fn not_yet(self, advice: &'static str) -> Self {
        Self { status: Status::NotYet(advice), ..self }
    }

    const fn harmless(self, value: &'static str) -> Self {
        Self { harmless: Some(value), ..self }
    }

    const fn absent_values(self, values: &'static [&'static str], because: &'static str) -> Self {
        Self { absent_values: Some((values, because)), ..self }
    }

    const fn moot_with(self, flag: &'static str) -> Self {
        Self { moot_with: Some(flag), ..self }
    }

    /// The option's key in an `--arg-file`: its name without dashes in front.
    pub fn key(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }
}

/// All options of [`GROUPS`], in order.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> + Clone {
    GROUPS.iter().flat_map(|group| group.options)
}
