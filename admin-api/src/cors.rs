//! Cross-origin calls: with a key any origin may, as with ACA-Py; without one, those that `doors` lets in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderMap,
    HeaderValue, LAST_MODIFIED, ORIGIN, PRAGMA,
};

use crate::failure::Failure;
use crate::texts;

/// Answers a preflight: what is asked for is allowed.
pub(crate) fn preflight(asked: &HeaderMap) -> Result<HttpResponse, Failure> {
    let refused = |text| Failure::new(StatusCode::FORBIDDEN, "bad-preflight", text).bare();
    asked.get(ORIGIN).ok_or_else(|| refused(texts::PREFLIGHT_WITHOUT_ORIGIN))?;
    let method =
        asked.get(ACCESS_CONTROL_REQUEST_METHOD).ok_or_else(|| refused(texts::PREFLIGHT_WITHOUT_METHOD))?;
    let mut answer = HttpResponse::Ok().finish();
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|n| n.to_str().ok()) {
        let names: Vec<_> = names.split(',').map(|n| n.trim().to_ascii_uppercase()).collect();
        if let Ok(names) = HeaderValue::from_str(&names.join(",")) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
    }
    Ok(answer)
}

/// Marks an answer to a request that came with an origin.
pub(crate) fn mark(headers: &mut HeaderMap, origin: HeaderValue) {
    let is_preflight = headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS);
    if !is_preflight {
        // Browsers show these without being told to; all others are named. The first two are written by the server.
        let always_shown = [CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, LAST_MODIFIED, PRAGMA];
        let own = headers.keys().filter(|name| !always_shown.contains(name)).map(|name| name.as_str());
        let names: Vec<_> = ["date", "content-length"].into_iter().chain(own).collect();
        if let Ok(names) = HeaderValue::from_str(&names.join(",")) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}
