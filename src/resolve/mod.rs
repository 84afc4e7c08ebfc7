//! Documents from the network: JSON-LD contexts and did:web documents, guarded (DECISIONS 16, 20).

mod guard;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::fetch::{Budget, Fetch, FetchError, Purpose};
use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, HeaderValue};

pub use guard::Reach;
pub use sockets::{Idle, NO_PLACE, Seat, Sockets};

use guard::{guarded_client, guarded_redirects};

/// Fetches over HTTPS.
pub struct Fetcher {
    client: reqwest::Client,
    sockets: Arc<Sockets>,
    reach: Reach,
    contexts: bool,
}

impl Fetcher {
    /// A fetcher, whose connections take places of `sockets`. `contexts`: `--jsonld-remote-contexts on`.
    ///
    /// Errors: the TLS set-up fails.
    pub fn new(reach: Reach, contexts: bool, sockets: Arc<Sockets>) -> Result<Self, reqwest::Error> {
        let client = guarded_client(reach, &sockets).redirect(guarded_redirects(reach)).build()?;
        Ok(Self { client, sockets, reach, contexts })
    }

    async fn seat(&self, url: &reqwest::Url) -> std::io::Result<Seat> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        self.sockets.visit(self.reach, host, url.port_or_known_default().unwrap_or_default()).await
    }
}

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch(
        &self,
        url: &str,
        purpose: Purpose,
        budget: &Budget,
        time: Duration,
    ) -> Result<Vec<u8>, FetchError> {
        if purpose == Purpose::Context && !self.contexts {
            return Err(FetchError::Refused(format!(
                "the context {url} isn't bundled, and --jsonld-remote-contexts is off"
            )));
        }
        let url =
            reqwest::Url::parse(url).map_err(|e| FetchError::Refused(format!("{url} is no URL: {e}")))?;
        self.reach.check(&url).map_err(FetchError::Refused)?;
        // Redirects are followed one after the other: one place is enough.
        let seat = tokio::time::timeout(time, self.seat(&url))
            .await
            .map_err(|_| FetchError::Failed(format!("{url}: no connection in time")))?
            .map_err(|error| FetchError::Failed(error.to_string()))?;
        let accept = match purpose {
            Purpose::Context => HeaderValue::from_static("application/ld+json, application/json;q=0.9"),
            Purpose::DidDocument => {
                HeaderValue::from_static("application/did+ld+json, application/did+json, application/json")
            }
        };
        let failed = |e: reqwest::Error| FetchError::Failed(crate::outbound::root_cause(&e));
        let response =
            self.client.get(url.clone()).header(ACCEPT, accept).timeout(time).send().await.map_err(failed)?;
        seat.answered();
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::NotFound(url.to_string())),
            status if !status.is_success() => {
                return Err(FetchError::Failed(format!("{url} answered {status}")));
            }
            _ => {}
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(failed)?;
            budget.spend(url.as_str(), chunk.len(), body.len() + chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
