//! Tag `resolver`.

mod resolve;

use crate::groups::Group;

const TAG: &str = "resolver";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "DID documents",
    module: "acapy_agent.resolver",
    operations: &[&resolve::OPERATION],
};
