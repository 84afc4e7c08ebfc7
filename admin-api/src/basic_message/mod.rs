//! Tag `basicmessage`.

mod send_message;

use crate::groups::Group;

const TAG: &str = "basicmessage";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Texts between controllers",
    module: "acapy_agent.protocols.basicmessage",
    operations: &[&send_message::OPERATION],
};
