//! Tag `vc-api`: W3C VC API (https://w3c-ccg.github.io/vc-api/).

mod verify;

use crate::groups::Group;

const TAG: &str = "vc-api";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Credentials without an exchange",
    module: "acapy_agent.vc",
    operations: &[&verify::OPERATION],
};
