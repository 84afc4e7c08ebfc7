//! `bench lists`: pages of a long list of exchange records.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::figures::{Gauge, millis, rounded};
use super::filled::{Amount, Contents, fill};
use super::pair::{self, Home, PairOptions, RAW, start_one};
use super::process::{Whose, rss_mb};
use super::report::{JSON, tell};
use crate::cli::admin_api::{AdminApi, CallError};
use crate::cli::agent_process::AgentProcess;
use crate::cli::http::Client;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench lists [OPTIONS]

GET /issue-credential-2.0/records with limit=100 at a holder with many exchange records: all, and by each filter; the first page and
page 1,000. More than half of the records match each of the filters but thread_id, which one matches.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--records", "R", "Exchange records in the wallet").default_value("200000"),
    OptionSpec::value("--times", "N", "How often each page is asked for").short("-n").default_value("40"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

const PAGE: usize = 100;
const PAGES: [usize; 2] = [0, 1000];
const READY: Duration = Duration::from_secs(120);

/// Runs `chancery bench lists …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let records: usize = usage.parsed("--records")?.unwrap_or(200_000).max(1);
    let times: usize = usage.parsed("--times")?.unwrap_or(40).max(1);
    let figures = block_on_one_thread(alone(&options, records, times))?.map_err(failed)?;
    tell(&usage, "lists", figures)
}

async fn alone(options: &PairOptions, records: usize, times: usize) -> Result<Value, BenchError> {
    let home = Home::make(options)?;
    let amount = Amount { connections: records.div_ceil(100), records };
    let filled = fill(options, &home, &["holder"], amount).await?;
    let contents = filled.into_iter().next().unwrap_or_default();
    let begun = Instant::now();
    let agent = start_one(options, &home, "holder", 9, RAW)?;
    let mut api = AdminApi::new(agent.name, &agent.admin_url(), None)?;
    let ready = api.wait_ready_every(Duration::from_millis(1), READY).await;
    let started = begun.elapsed();
    let outcome = match ready {
        Ok(()) => pages(&agent, &contents, times).await,
        Err(error) => Err(error.into()),
    };
    let memory = rss_mb(&agent.process().to_string());
    agent.stop().await;
    let (lists, slowest) = outcome?;
    Ok(json!({
        "records": records,
        "times": times,
        "wallet_mb": contents.bytes / 1_000_000,
        "filling_s": rounded(contents.took.as_secs_f64()),
        "ready_ms": millis(&[started], 50),
        "rss_mb": memory.map_or(Value::Null, rounded),
        "slowest_p50_ms": slowest,
        "lists": lists,
    }))
}

/// All pages, and the largest of their medians.
async fn pages(
    agent: &AgentProcess,
    contents: &Contents,
    times: usize,
) -> Result<(Vec<Value>, Value), BenchError> {
    let filters = [
        ("none", String::new()),
        ("connection_id", format!("&connection_id={}", contents.busy_connection)),
        ("state", "&state=done".to_owned()),
        ("role", format!("&role={}", contents.usual_role)),
        ("thread_id", format!("&thread_id={}", contents.thread)),
    ];
    let mut client = Client::new(&agent.admin_url(), None).map_err(CallError)?;
    let (mut lists, mut slowest) = (Vec::new(), Duration::ZERO);
    for (filter, query) in filters {
        for page in PAGES {
            let path = format!("/issue-credential-2.0/records?limit={PAGE}&offset={}{query}", page * PAGE);
            let gauge = Gauge::start(Some(Whose::Process(agent.process().to_string())));
            let (mut taken, mut bytes, mut rows) = (Vec::new(), 0, 0);
            for _ in 0..times {
                let begun = Instant::now();
                let reply = client.call("GET", &path, None).await;
                taken.push(begun.elapsed());
                let reply = reply.map_err(|e| CallError(format!("GET {path}: {e}")))?;
                let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
                let results = answer.as_ref().and_then(|answer| answer["results"].as_array());
                let (200, Some(results)) = (reply.status, results) else {
                    return Err(CallError(format!("GET {path}: {}", reply.status)).into());
                };
                (bytes, rows) = (reply.body.len(), results.len());
            }
            taken.sort_unstable();
            slowest = slowest.max(taken.get(taken.len() / 2).copied().unwrap_or_default());
            lists.push(json!({
                "filter": filter,
                "page": page,
                "rows": rows,
                "kilobytes": bytes / 1000,
                "p50_ms": millis(&taken, 50),
                "max_ms": millis(&taken, 100),
                "cpu_ms": gauge.cpu_ms_per(times),
            }));
        }
    }
    Ok((lists, millis(&[slowest], 50)))
}
