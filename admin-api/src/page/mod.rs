//! What is for people and tools: the page to try the API, and the API description.

pub(crate) mod errors;

use std::sync::Arc;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};

use crate::failure::Failure;
use crate::openapi::description;
use crate::server::{closed, refuse};
use crate::state::State;
use crate::texts;

/// Nothing is loaded from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is served as it is.
#[derive(Clone)]
pub(crate) struct Assets {
    description: Bytes,
}

impl Assets {
    /// With the API description of this version.
    pub(crate) fn new(version: &str) -> Self {
        Self { description: description(version).to_string().into() }
    }
}

/// Registers the paths.
pub(crate) fn routes(state: &Arc<State>, config: &mut ServiceConfig) {
    let files = [
        ("/api/doc", "text/html; charset=utf-8", include_str!("index.html")),
        ("/api/doc/page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
        ("/api/doc/page.css", "text/css; charset=utf-8", include_str!("page.css")),
        ("/api/doc/steps.json", "application/json; charset=utf-8", include_str!("steps.json")),
    ];
    for (path, kind, text) in files {
        serve(config, path, kind, Bytes::from_static(text.as_bytes()));
    }
    for path in ["/api/docs/swagger.json", "/api/docs/openapi.json"] {
        serve(config, path, "application/json; charset=utf-8", state.assets.description.clone());
    }
    let home = || async { HttpResponse::Found().insert_header((header::LOCATION, "/api/doc")).finish() };
    let both = guard::Any(guard::Get()).or(guard::Head());
    let home = web::resource("/").route(web::route().guard(both).to(home));
    config.service(closed(home, vec![&Method::GET, &Method::HEAD, &Method::OPTIONS]));
    let error = web::resource("/api/doc/errors/{code}").route(web::get().to(error));
    config.service(closed(error, vec![&Method::GET, &Method::OPTIONS]));
}

fn serve(config: &mut ServiceConfig, path: &str, kind: &'static str, content: Bytes) {
    let route = web::get().to(move || {
        let answer = HttpResponse::Ok()
            .content_type(kind)
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(content.clone());
        std::future::ready(answer)
    });
    config.service(closed(web::resource(path).route(route), vec![&Method::GET, &Method::OPTIONS]));
}

/// Where the `type` of problem details leads.
async fn error(request: HttpRequest) -> HttpResponse {
    let code = request.match_info().get("code").unwrap_or_default();
    let Some(page) = errors::page(code) else {
        return refuse(&request, &Failure::new(StatusCode::NOT_FOUND, "no-such-path", texts::NOT_FOUND));
    };
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page)
}
