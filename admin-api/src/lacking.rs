//! Operations of ACA-Py that this agent doesn't have: they answer 501 with what to use instead. Reads answer as ACA-Py does
//! where there is nothing, so that clients that look there first go on; but not where the wallet does hold something of the
//! kind.
//!
//! They are not in the API description. An operation that gets here moves to the folder of its tag.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use chancery_agent::ports::store::Query;
use chancery_agent::{Agent, AgentError};
use percent_encoding::percent_decode_str;

use crate::auth::Access;
use crate::failure::Failure;
use crate::schema::rule::UUID4;
use crate::schema::tree::Tree;
use crate::state::State;
use crate::texts;

/// Rows of a kind that are counted; where there are more, the number says so.
const COUNTED: usize = 1000;
/// Rows that are in memory at once while they are counted.
const PAGE: usize = 100;

/// One method of one path.
pub(crate) struct Lack {
    method: Method,
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    instead: &'static str,
    /// Of reads: ACA-Py's categories of what they would show.
    held: &'static [&'static str],
    /// Of reads: what ACA-Py answers where there is nothing of the kind.
    nothing: Option<Nothing>,
}

/// What ACA-Py answers where there is nothing; `{parameters}` of the path stand for their values.
enum Nothing {
    /// 200 with this JSON.
    Json(&'static str),
    /// 404 with this text.
    NoRecord(&'static str),
    /// 403 with this text.
    NoLedger(&'static str),
    /// The 404 of a path that is not there, as of an ACA-Py that was started without what it belongs to.
    NoPath,
    /// 400 with `{"message": text}`.
    Message(&'static str),
    /// What depends on the query string.
    Asked(fn(&str) -> Failure),
}

impl Lack {
    /// HTTP method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The answer to a request for it.
    pub(crate) async fn answer(&self, state: &State, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        let _place = state.request_place().ok_or_else(|| Failure::busy("Too many requests at once"))?;
        state.api.auth.check(Access::Tenant, request.headers())?;
        let Some(nothing) = &self.nothing else { return Err(self.failure("")) };
        let parameters = request.match_info().iter().map(|(name, value)| {
            (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
        });
        let parameters: Vec<_> = parameters.collect();
        if let Some(fault) = not_uuids(&parameters) {
            return Err(Failure::invalid("match_info", fault));
        }
        match count(&state.api.agent, self.held).await? {
            0 => {}
            COUNTED.. => return Err(self.failure(&format!(" The wallet holds {COUNTED} or more of these."))),
            number => return Err(self.failure(&format!(" The wallet holds {number} of these."))),
        }
        let filled = |text: &str| {
            let fill =
                |text: String, (name, value): &(String, String)| text.replace(&format!("{{{name}}}"), value);
            parameters.iter().fold(text.to_owned(), fill)
        };
        let failure = match nothing {
            Nothing::Json(body) => {
                return Ok(HttpResponse::Ok().content_type("application/json; charset=utf-8").body(*body));
            }
            Nothing::NoRecord(text) => Failure::new(StatusCode::NOT_FOUND, "record-not-found", filled(text)),
            Nothing::NoLedger(text) => Failure::new(StatusCode::FORBIDDEN, "no-ledger", *text),
            Nothing::NoPath => Failure::new(StatusCode::NOT_FOUND, "not-supported", texts::NOT_FOUND),
            Nothing::Message(text) => {
                Failure::new(StatusCode::BAD_REQUEST, "record-not-found", filled(text)).into_message()
            }
            Nothing::Asked(answer) => answer(request.query_string()),
        };
        Err(failure.hint_if_none(self.instead))
    }

    /// The 501.
    fn failure(&self, holds: &str) -> Failure {
        let reason = format!("{} {} is not supported: {}.{holds}", self.method, self.path, self.instead);
        Failure::new(StatusCode::NOT_IMPLEMENTED, "not-supported", reason)
    }
}

/// The fault of ids that are no UUIDs.
fn not_uuids(parameters: &[(String, String)]) -> Option<Tree> {
    let (name, value) =
        parameters.iter().find(|(name, _)| matches!(&**name, "mediation_id" | "pres_ex_id" | "tran_id"))?;
    UUID4.check(value).err().map(|text| Tree::text(text).under(name.clone()))
}

/// How many rows the wallet has of these categories; [`COUNTED`] for more, too.
async fn count(agent: &Agent, categories: &[&'static str]) -> Result<usize, Failure> {
    let mut number = 0;
    for category in categories {
        let mut query = Query::all(category);
        query.limit = Some(PAGE);
        loop {
            let rows = agent.store().find(agent.default_tenant(), &query).await.map_err(AgentError::from)?;
            number += rows.len();
            if number >= COUNTED {
                return Ok(COUNTED);
            }
            if rows.len() < PAGE {
                break;
            }
            query.offset += rows.len();
        }
    }
    Ok(number)
}

/// The answer of `/revocation/credential-record`, by what was asked for.
fn no_credential_record(query: &str) -> Failure {
    let given = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    let named = |names: &[&str]| {
        let named: Option<Vec<String>> = names
            .iter()
            .map(|name| Some(format!("'{name}': {}", crate::schema::tree::repr(&given(name)?.into()))))
            .collect();
        named.map(|named| named.join(", "))
    };
    match named(&["cred_ex_id"]).or_else(|| named(&["rev_reg_id", "cred_rev_id"])) {
        Some(asked) => {
            let text = format!("IssuerCredRevRecord record not found for {{{asked}}}.");
            Failure::new(StatusCode::NOT_FOUND, "record-not-found", text)
        }
        None => Failure::invalid("querystring", Tree::whole(texts::invalid::NO_REVOCATION_ASKED)),
    }
}

const fn lack(method: Method, path: &'static str, instead: &'static str) -> Lack {
    Lack { method, path, instead, held: &[], nothing: None }
}

const fn read(
    path: &'static str,
    instead: &'static str,
    held: &'static [&'static str],
    nothing: Nothing,
) -> Lack {
    Lack { method: Method::GET, path, instead, held, nothing: Some(nothing) }
}

const NO_RESULTS: Nothing = Nothing::Json(r#"{"results": []}"#);
const NO_PRESENTATION: Nothing = Nothing::NoRecord("Record not found: pres_ex_v20/{pres_ex_id}.");
const NO_REGISTRY: Nothing =
    Nothing::NoRecord("IssuerRevRegRecord record not found for {'revoc_reg_id': '{rev_reg_id}'}.");
const INDY_LEDGER: Nothing = Nothing::NoLedger("No Indy ledger available");
const LEDGER: Nothing = Nothing::NoLedger("No ledger available");
/// Where an ACA-Py wallet keeps revocation registries, of Indy and of AnonCreds.
const REGISTRIES: &[&str] = &["issuer_rev_reg", "revocation_reg_def"];

const NO_SMALL_PROTOCOL: &str = "this protocol is not there; use the group out-of-band to make connections";
const NO_LEDGER: &str =
    "there is no Indy ledger; issue with ld_proof and a DID made by POST /wallet/did/create";
const NO_ANONCREDS: &str = "AnonCreds is not there yet; issue with ld_proof";
const ANONCREDS_WALLET: &str = "AnonCreds is not there yet; W3C credentials are under POST /credentials/w3c and /credential/w3c/{credential_id}";
const NO_MEDIATION: &str =
    "mediation is not there yet; give the agent an endpoint of its own with --endpoint";
const NO_TENANTS: &str = "there is one tenant; run one agent for each";
const NO_PRESENTATIONS: &str =
    "presentations are not there yet; single credentials are verified by POST /vc/credentials/verify";
const NO_ROTATION: &str = "rotating the DIDs of a connection is not there yet; make a new connection and remove the old one with DELETE /connections/{conn_id}";
const NO_DISCOVERY: &str =
    "asking others for their features is not there yet; GET /plugins lists what this agent does";
const USE_EXCHANGE: &str = "signing outside of an exchange is not there yet; issue with POST /issue-credential-2.0/send-offer and verify with POST /vc/credentials/verify";
const USE_STORE: &str =
    "the wallet is reached through POST /credentials/w3c and /credential/w3c/{credential_id}";
const NO_JWT: &str =
    "tokens signed by DIDs are not there yet; W3C credentials are signed by issuing with ld_proof";

/// All of them.
pub(crate) static LACKING: [Lack; 121] = [
    lack(Method::POST, "/action-menu/{conn_id}/close", NO_SMALL_PROTOCOL),
    lack(Method::POST, "/action-menu/{conn_id}/fetch", NO_SMALL_PROTOCOL),
    lack(Method::POST, "/action-menu/{conn_id}/perform", NO_SMALL_PROTOCOL),
    lack(Method::POST, "/action-menu/{conn_id}/request", NO_SMALL_PROTOCOL),
    lack(Method::POST, "/action-menu/{conn_id}/send-menu", NO_SMALL_PROTOCOL),
    lack(Method::POST, "/anoncreds/wallet/upgrade", NO_ANONCREDS),
    lack(Method::POST, "/credential-definitions", NO_LEDGER),
    read(
        "/credential-definitions/created",
        NO_LEDGER,
        &["cred_def_sent", "credential_def"],
        Nothing::Json(r#"{"credential_definition_ids": []}"#),
    ),
    read("/credential-definitions/{cred_def_id}", NO_LEDGER, &[], LEDGER),
    lack(Method::POST, "/credential-definitions/{cred_def_id}/write_record", NO_LEDGER),
    read(
        "/credential/mime-types/{credential_id}",
        NO_ANONCREDS,
        &["attribute-mime-types"],
        Nothing::Json(r#"{"results": null}"#),
    ),
    read("/credential/revoked/{credential_id}", NO_ANONCREDS, &["credential"], LEDGER),
    lack(Method::DELETE, "/credential/{credential_id}", ANONCREDS_WALLET),
    read(
        "/credential/{credential_id}",
        ANONCREDS_WALLET,
        &["credential"],
        Nothing::NoRecord("Credential {credential_id} not found in wallet holder."),
    ),
    read("/credentials", ANONCREDS_WALLET, &["credential"], NO_RESULTS),
    lack(Method::POST, "/did-rotate/{conn_id}/hangup", NO_ROTATION),
    lack(Method::POST, "/did-rotate/{conn_id}/rotate", NO_ROTATION),
    lack(Method::POST, "/did/indy/create", NO_LEDGER),
    lack(Method::GET, "/discover-features-2.0/queries", NO_DISCOVERY),
    read("/discover-features-2.0/records", NO_DISCOVERY, &["discovery_exchange_v20"], NO_RESULTS),
    lack(Method::GET, "/discover-features/query", NO_DISCOVERY),
    read("/discover-features/records", NO_DISCOVERY, &["discovery_exchange_v10"], NO_RESULTS),
    lack(Method::POST, "/jsonld/sign", USE_EXCHANGE),
    lack(Method::POST, "/jsonld/verify", USE_EXCHANGE),
    read("/ledger/config", NO_LEDGER, &[], Nothing::NoLedger("Multiple ledger support not enabled")),
    read("/ledger/did-endpoint", NO_LEDGER, &[], INDY_LEDGER),
    read("/ledger/did-verkey", NO_LEDGER, &[], LEDGER),
    read("/ledger/get-nym-role", NO_LEDGER, &[], INDY_LEDGER),
    lack(Method::GET, "/ledger/get-write-ledger", NO_LEDGER),
    read("/ledger/get-write-ledgers", NO_LEDGER, &[], Nothing::Json(r#"{"write_ledgers": ["default"]}"#)),
    lack(Method::POST, "/ledger/register-nym", NO_LEDGER),
    lack(Method::PATCH, "/ledger/rotate-public-did-keypair", NO_LEDGER),
    read("/ledger/taa", NO_LEDGER, &[], INDY_LEDGER),
    lack(Method::POST, "/ledger/taa/accept", NO_LEDGER),
    lack(Method::PUT, "/ledger/{ledger_id}/set-write-ledger", NO_LEDGER),
    lack(Method::DELETE, "/mediation/default-mediator", NO_MEDIATION),
    read("/mediation/default-mediator", NO_MEDIATION, &["default_mediator"], Nothing::Json("{}")),
    read("/mediation/keylists", NO_MEDIATION, &["forward_route", "route_record"], NO_RESULTS),
    lack(Method::POST, "/mediation/keylists/{mediation_id}/send-keylist-query", NO_MEDIATION),
    lack(Method::POST, "/mediation/keylists/{mediation_id}/send-keylist-update", NO_MEDIATION),
    lack(Method::POST, "/mediation/request/{conn_id}", NO_MEDIATION),
    read("/mediation/requests", NO_MEDIATION, &["mediation_requests"], NO_RESULTS),
    lack(Method::DELETE, "/mediation/requests/{mediation_id}", NO_MEDIATION),
    read(
        "/mediation/requests/{mediation_id}",
        NO_MEDIATION,
        &["mediation_requests"],
        Nothing::NoRecord("Record not found: mediation_requests/{mediation_id}."),
    ),
    lack(Method::POST, "/mediation/requests/{mediation_id}/deny", NO_MEDIATION),
    lack(Method::POST, "/mediation/requests/{mediation_id}/grant", NO_MEDIATION),
    lack(Method::POST, "/mediation/update-keylist/{conn_id}", NO_MEDIATION),
    lack(Method::PUT, "/mediation/{mediation_id}/default-mediator", NO_MEDIATION),
    lack(Method::POST, "/present-proof-2.0/create-request", NO_PRESENTATIONS),
    read("/present-proof-2.0/records", NO_PRESENTATIONS, &["pres_ex_v20"], NO_RESULTS),
    lack(Method::DELETE, "/present-proof-2.0/records/{pres_ex_id}", NO_PRESENTATIONS),
    read("/present-proof-2.0/records/{pres_ex_id}", NO_PRESENTATIONS, &["pres_ex_v20"], NO_PRESENTATION),
    read(
        "/present-proof-2.0/records/{pres_ex_id}/credentials",
        NO_PRESENTATIONS,
        &["pres_ex_v20"],
        NO_PRESENTATION,
    ),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/problem-report", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/send-presentation", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/send-request", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/verify-presentation", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/send-proposal", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/send-request", NO_PRESENTATIONS),
    read(
        "/revocation/active-registry/{cred_def_id}",
        NO_ANONCREDS,
        REGISTRIES,
        Nothing::NoRecord("No active issuer revocation record found for cred def id {cred_def_id}."),
    ),
    lack(Method::POST, "/revocation/active-registry/{cred_def_id}/rotate", NO_ANONCREDS),
    lack(Method::POST, "/revocation/clear-pending-revocations", NO_ANONCREDS),
    lack(Method::POST, "/revocation/create-registry", NO_ANONCREDS),
    read(
        "/revocation/credential-record",
        NO_ANONCREDS,
        &["issuer_cred_rev"],
        Nothing::Asked(no_credential_record),
    ),
    lack(Method::POST, "/revocation/publish-revocations", NO_ANONCREDS),
    read("/revocation/registries/created", NO_ANONCREDS, REGISTRIES, Nothing::Json(r#"{"rev_reg_ids": []}"#)),
    lack(Method::DELETE, "/revocation/registry/delete-tails-file", NO_ANONCREDS),
    read("/revocation/registry/{rev_reg_id}", NO_ANONCREDS, REGISTRIES, NO_REGISTRY),
    lack(Method::PATCH, "/revocation/registry/{rev_reg_id}", NO_ANONCREDS),
    lack(Method::POST, "/revocation/registry/{rev_reg_id}/definition", NO_ANONCREDS),
    lack(Method::POST, "/revocation/registry/{rev_reg_id}/entry", NO_ANONCREDS),
    lack(Method::PUT, "/revocation/registry/{rev_reg_id}/fix-revocation-entry-state", NO_ANONCREDS),
    read("/revocation/registry/{rev_reg_id}/issued", NO_ANONCREDS, REGISTRIES, NO_REGISTRY),
    read("/revocation/registry/{rev_reg_id}/issued/details", NO_ANONCREDS, REGISTRIES, NO_REGISTRY),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}/issued/indy_recs", NO_ANONCREDS),
    lack(Method::PATCH, "/revocation/registry/{rev_reg_id}/set-state", NO_ANONCREDS),
    read("/revocation/registry/{rev_reg_id}/tails-file", NO_ANONCREDS, REGISTRIES, NO_REGISTRY),
    lack(Method::PUT, "/revocation/registry/{rev_reg_id}/tails-file", NO_ANONCREDS),
    lack(Method::POST, "/revocation/revoke", NO_ANONCREDS),
    lack(Method::POST, "/schemas", NO_LEDGER),
    read("/schemas/created", NO_LEDGER, &["schema_sent", "schema"], Nothing::Json(r#"{"schema_ids": []}"#)),
    read("/schemas/{schema_id}", NO_LEDGER, &[], LEDGER),
    lack(Method::POST, "/schemas/{schema_id}/write_record", NO_LEDGER),
    lack(Method::POST, "/transaction/{tran_id}/resend", NO_LEDGER),
    read("/transactions", NO_LEDGER, &["transaction"], NO_RESULTS),
    lack(Method::POST, "/transactions/create-request", NO_LEDGER),
    lack(Method::POST, "/transactions/{conn_id}/set-endorser-info", NO_LEDGER),
    lack(Method::POST, "/transactions/{conn_id}/set-endorser-role", NO_LEDGER),
    read(
        "/transactions/{tran_id}",
        NO_LEDGER,
        &["transaction"],
        Nothing::NoRecord("Record not found: transaction/{tran_id}."),
    ),
    lack(Method::POST, "/transactions/{tran_id}/cancel", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/endorse", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/refuse", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/write", NO_LEDGER),
    read("/vc/credentials", USE_STORE, &["vc_cred"], NO_RESULTS),
    lack(Method::POST, "/vc/credentials/issue", USE_EXCHANGE),
    lack(Method::POST, "/vc/credentials/store", USE_STORE),
    read(
        "/vc/credentials/{credential_id}",
        USE_STORE,
        &["vc_cred"],
        Nothing::Message("Record not found: vc_cred/{credential_id}."),
    ),
    lack(Method::POST, "/vc/di/add-proof", USE_EXCHANGE),
    lack(Method::POST, "/vc/di/verify", USE_EXCHANGE),
    lack(Method::POST, "/vc/presentations/prove", NO_PRESENTATIONS),
    lack(Method::POST, "/vc/presentations/verify", NO_PRESENTATIONS),
    lack(Method::POST, "/wallet/jwt/sign", NO_JWT),
    lack(Method::POST, "/wallet/jwt/verify", NO_JWT),
    lack(Method::POST, "/wallet/sd-jwt/sign", NO_JWT),
    lack(Method::POST, "/wallet/sd-jwt/verify", NO_JWT),
    lack(Method::POST, "/multitenancy/wallet", NO_TENANTS),
    read("/multitenancy/wallets", NO_TENANTS, &["wallet_record"], Nothing::NoPath),
    read("/multitenancy/wallet/{wallet_id}", NO_TENANTS, &["wallet_record"], Nothing::NoPath),
    lack(Method::PUT, "/multitenancy/wallet/{wallet_id}", NO_TENANTS),
    lack(Method::DELETE, "/multitenancy/wallet/{wallet_id}", NO_TENANTS),
    lack(Method::POST, "/multitenancy/wallet/{wallet_id}/token", NO_TENANTS),
    lack(Method::POST, "/multitenancy/wallet/{wallet_id}/remove", NO_TENANTS),
    lack(Method::POST, "/anoncreds/schema", NO_ANONCREDS),
    read("/anoncreds/schemas", NO_ANONCREDS, &["schema"], Nothing::NoPath),
    read("/anoncreds/schema/{schema_id}", NO_ANONCREDS, &["schema"], Nothing::NoPath),
    lack(Method::POST, "/anoncreds/credential-definition", NO_ANONCREDS),
    read("/anoncreds/credential-definitions", NO_ANONCREDS, &["credential_def"], Nothing::NoPath),
    read(
        "/anoncreds/credential-definition/{cred_def_id}",
        NO_ANONCREDS,
        &["credential_def"],
        Nothing::NoPath,
    ),
    lack(Method::POST, "/anoncreds/revocation/revoke", NO_ANONCREDS),
    lack(Method::POST, "/anoncreds/revocation/publish-revocations", NO_ANONCREDS),
    read("/anoncreds/revocation/credential-record", NO_ANONCREDS, &["issuer_cred_rev"], Nothing::NoPath),
];
