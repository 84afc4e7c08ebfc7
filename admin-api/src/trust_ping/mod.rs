//! Tag `trustping`.

mod send_ping;

use crate::groups::Group;

const TAG: &str = "trustping";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Find out whether the other side answers",
    module: "acapy_agent.protocols.trustping",
    operations: &[&send_ping::OPERATION],
};
