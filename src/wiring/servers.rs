//! The servers, from listening until the stop.

use std::net::{TcpListener, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use chancery_admin_api::{AdminApi, ApiKey, Auth};
use chancery_agent::Agent;

use super::{DRAIN, StartError};
use crate::config::{AdminAccess, Config, Scheme};
use crate::door::{self, Door};
use crate::inbound::{self, Endpoint};
use crate::limits;
use crate::operations::Process;

pub(super) fn start_servers(
    config: &Config,
    agent: &Arc<Agent>,
    endpoint: &Arc<Endpoint>,
    process: &Arc<Process>,
) -> Result<(Vec<actix_web::dev::Server>, Vec<Door>), StartError> {
    let io = |error| StartError::Io { what: "a server can't start", error };
    let workers = limits::server_threads();
    let (mut servers, mut doors) = (Vec::new(), Vec::new());
    for transport in &config.transport.inbound {
        let listener = listen(&transport.host, transport.port)?;
        doors.push(Door::of(&listener));
        let kind = match transport.scheme {
            Scheme::Http => inbound::Kind::Http,
            Scheme::Ws => inbound::Kind::Ws,
        };
        tracing::info!(?kind, host = %transport.host, port = transport.port, "DIDComm");
        servers.push(
            inbound::serve(kind, endpoint.clone(), listener, limits::didcomm(config, workers)).map_err(io)?,
        );
    }
    if let Some(admin) = &config.admin {
        let listener = listen(&admin.host, admin.port)?;
        doors.push(Door::of(&listener));
        let auth = match &admin.access {
            AdminAccess::Key(key) => Auth::Key(ApiKey::new(key.expose().to_owned())),
            AdminAccess::Insecure => Auth::Insecure,
        };
        let api = AdminApi {
            agent: agent.clone(),
            operations: process.clone(),
            auth,
            hosts: admin.hosts.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            limits: limits::admin(config),
        };
        tracing::info!(host = %admin.host, port = admin.port, "admin API");
        servers.push(chancery_admin_api::serve(api, listener, workers).map_err(io)?);
    }
    Ok((servers, doors))
}

/// Serves until a signal, `GET /shutdown`, or the end of something that must not end.
pub(super) async fn run(
    servers: Vec<actix_web::dev::Server>,
    doors: Vec<Door>,
    process: &Process,
    died: Pin<Box<dyn Future<Output = String> + Send>>,
) -> Result<(), StartError> {
    let handles: Vec<_> = servers.iter().map(actix_web::dev::Server::handle).collect();
    let serving = futures_util::future::join_all(servers);
    tokio::pin!(serving);
    let outcome = tokio::select! {
        ended = &mut serving => {
            let failed = ended.into_iter().find_map(Result::err);
            return failed.map_or(Ok(()), |error| Err(StartError::Io { what: "a server stopped", error }));
        }
        () = signalled() => Ok(()),
        () = process.asked_to_stop() => Ok(()),
        reason = died => Err(StartError::WriterDied(reason)),
    };
    tracing::info!("stopping");
    process.stop_accepting();
    if outcome.is_ok() {
        door::last_calls(doors).await;
    }
    let stops = futures_util::future::join_all(handles.iter().map(|h| h.stop(outcome.is_ok())));
    let _ = tokio::time::timeout(DRAIN, futures_util::future::join(stops, serving)).await;
    outcome
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn listen(host: &str, port: u16) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen { address: format!("{host}:{port}"), error };
    let addresses: Vec<_> = (host, port).to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(&addresses[..]).map_err(failed)
}
