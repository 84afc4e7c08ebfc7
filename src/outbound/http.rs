//! One message, one POST.

use reqwest::StatusCode;

use crate::delivery::{Fields, Outcome, PostError, Poster};

/// The content type that ACA-Py sends (`spec/didcomm-v1.md` section 5).
pub const ENVELOPE_TYPE: &str = "application/didcomm-envelope-enc";

/// Posts an envelope. Any 2xx is success; 408, 425, 429 and 5xx may go away; other answers won't (DECISIONS 6), a second 307 or 308 among them.
/// `trace`: the `traceparent` to send along.
pub async fn post(poster: &Poster, endpoint: &str, envelope: Vec<u8>, trace: Option<String>) -> Outcome {
    let mut fields = Fields::default();
    let named = fields.add("content-type", ENVELOPE_TYPE);
    if let Err(error) = named.and_then(|()| trace.map_or(Ok(()), |trace| fields.add("traceparent", &trace))) {
        return Outcome::Hopeless(error.to_string());
    }
    match poster.post(endpoint, &fields, &envelope).await {
        Err(PostError::Hopeless(reason)) => Outcome::Hopeless(reason),
        Err(PostError::Down(reason)) => Outcome::EndpointDown(reason),
        Err(PostError::NoPlace(reason)) => Outcome::NoPlace(reason),
        Ok(status) if status.is_success() => Outcome::Delivered,
        Ok(
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS),
        ) => Outcome::EndpointDown(format!("answered {status}")),
        Ok(status) if status.is_server_error() => Outcome::EndpointDown(format!("answered {status}")),
        Ok(status) => Outcome::Hopeless(format!("answered {status}")),
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
