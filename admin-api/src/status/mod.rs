//! Tag `server`: the process.

mod config;
mod get;
mod live;
mod metrics;
mod plugins;
mod ready;
mod reset;
mod shutdown;

use crate::groups::Group;

const TAG: &str = "server";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "The process: probes, counters, settings",
    module: "acapy_agent.admin",
    operations: &[
        &get::OPERATION,
        &reset::OPERATION,
        &live::OPERATION,
        &ready::OPERATION,
        &config::OPERATION,
        &plugins::OPERATION,
        &shutdown::OPERATION,
        &metrics::OPERATION,
    ],
};
