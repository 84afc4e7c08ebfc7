//! Tag `introduction`.

mod start_introduction;

use crate::groups::Group;

const TAG: &str = "introduction";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Bring two connections together",
    module: "acapy_agent.protocols.introduction",
    operations: &[&start_introduction::OPERATION],
};
