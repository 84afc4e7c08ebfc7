//! One message, one POST.

use reqwest::StatusCode;

use crate::delivery::Outcome;
use crate::resolve::Reach;

/// The content type that ACA-Py sends (`spec/didcomm-v1.md` section 5).
pub const ENVELOPE_TYPE: &str = "application/didcomm-envelope-enc";

/// Posts an envelope. Any 2xx is success; 408, 425, 429 and 5xx may go away; other answers won't (DECISIONS 6).
pub async fn post(client: &reqwest::Client, reach: Reach, endpoint: &str, envelope: Vec<u8>) -> Outcome {
    let url = match reqwest::Url::parse(endpoint) {
        Ok(url) => url,
        Err(error) => return Outcome::Hopeless(format!("{endpoint} is no URL: {error}")),
    };
    if let Err(refusal) = reach.check_address(&url) {
        return Outcome::Hopeless(refusal);
    }
    let request = client.post(url).header(reqwest::header::CONTENT_TYPE, ENVELOPE_TYPE).body(envelope);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => {
            return Outcome::Hopeless(format!("not a usable endpoint: {error}"));
        }
        Err(error) => return Outcome::EndpointDown(root_cause(&error)),
    };
    let status = response.status();
    // Read to the end, so that the connection can be used again.
    let drained = response.bytes().await;
    match status {
        status if status.is_success() => match drained {
            Ok(_) => Outcome::Delivered,
            Err(error) => Outcome::EndpointDown(root_cause(&error)),
        },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::EndpointDown(format!("answered {status}"))
        }
        status if status.is_server_error() => Outcome::EndpointDown(format!("answered {status}")),
        status => Outcome::Hopeless(format!("answered {status}")),
    }
}

/// The innermost cause: the outer ones repeat the URL.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
