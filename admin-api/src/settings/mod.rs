//! Tag `settings`: what a tenant may change.

mod get;
mod put;
mod table;

use crate::groups::Group;

const TAG: &str = "settings";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "What can be changed while the agent runs",
    module: "acapy_agent.settings",
    operations: &[&get::OPERATION, &put::OPERATION],
};
