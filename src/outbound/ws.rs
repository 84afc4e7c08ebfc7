//! One message, one WebSocket: delivered when the frame is flushed and the close handshake is seen (DECISIONS 11).

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

use super::http::root_cause;
use crate::delivery::Outcome;
use crate::resolve::{NO_PLACE, Reach, Sockets};

const TIME_OUT: Duration = Duration::from_secs(20);

/// Opens a socket, sends the envelope as one binary frame, closes. `trace`: the `traceparent` of the request that opens it.
pub async fn send(
    tls: &Arc<rustls::ClientConfig>,
    sockets: &Sockets,
    reach: Reach,
    endpoint: &str,
    envelope: Vec<u8>,
    trace: Option<String>,
) -> Outcome {
    match tokio::time::timeout(TIME_OUT, exchange(tls, sockets, reach, endpoint, envelope, trace)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::EndpointDown(format!("no close handshake within {} s", TIME_OUT.as_secs())),
    }
}

async fn exchange(
    tls: &Arc<rustls::ClientConfig>,
    sockets: &Sockets,
    reach: Reach,
    endpoint: &str,
    envelope: Vec<u8>,
    trace: Option<String>,
) -> Outcome {
    let url = match reqwest::Url::parse(endpoint) {
        Ok(url) => url,
        Err(error) => return Outcome::Hopeless(format!("{endpoint} is no URL: {error}")),
    };
    if let Err(reason) = reach.check_address(&url) {
        return Outcome::Hopeless(reason);
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Outcome::Hopeless(format!("{endpoint} names no host"));
    };
    // As parsed: the scheme in lower case.
    let mut request = match url.as_str().into_client_request() {
        Ok(request) => request,
        Err(error) => return Outcome::Hopeless(format!("{endpoint}: {error}")),
    };
    if let Some(trace) = trace.and_then(|trace| HeaderValue::from_str(&trace).ok()) {
        request.headers_mut().insert("traceparent", trace);
    }
    let (stream, seat) = match sockets.connect(Some(reach), host.trim_matches(['[', ']']), port).await {
        Ok(connected) => connected,
        Err(error) if error.kind() == NO_PLACE => return Outcome::NoPlace(error.to_string()),
        Err(error) => return Outcome::EndpointDown(error.to_string()),
    };
    let connector = Connector::Rustls(tls.clone());
    let mut socket = match client_async_tls_with_config(request, stream, None, Some(connector)).await {
        Ok((socket, _)) => socket,
        Err(error) => return Outcome::EndpointDown(root_cause(&error)),
    };
    let sent = async {
        socket.send(Message::Binary(envelope.into())).await?;
        // ACA-Py logs an error for a close without a code.
        socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await
    };
    if let Err(error) = sent.await {
        return Outcome::EndpointDown(root_cause(&error));
    }
    while let Some(frame) = socket.next().await {
        if frame.is_ok() {
            seat.answered();
        }
        match frame {
            Ok(Message::Close(Some(close))) if close.code == CloseCode::Again => {
                return Outcome::EndpointDown("the other side asked to try again later".into());
            }
            Ok(Message::Close(_)) => return Outcome::Delivered,
            Ok(_) => {}
            Err(error) => return Outcome::EndpointDown(root_cause(&error)),
        }
    }
    // The stream ends once the close handshake is complete.
    Outcome::Delivered
}
