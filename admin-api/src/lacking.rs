//! Operations of ACA-Py that this agent doesn't have: they answer 501 with what to use instead.
//!
//! They are not in the API description. An operation that gets here moves to the folder of its tag.

use actix_web::http::{Method, StatusCode};

use crate::failure::Failure;

/// One method of one path.
pub(crate) struct Lack {
    method: Method,
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    instead: &'static str,
}

impl Lack {
    /// HTTP method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The 501.
    pub(crate) fn failure(&self) -> Failure {
        let reason = format!("{} {} is not supported: {}.", self.method, self.path, self.instead);
        Failure::new(StatusCode::NOT_IMPLEMENTED, "not-supported", reason)
    }
}

const fn lack(method: Method, path: &'static str, instead: &'static str) -> Lack {
    Lack { method, path, instead }
}

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
    lack(Method::GET, "/credential-definitions/created", NO_LEDGER),
    lack(Method::GET, "/credential-definitions/{cred_def_id}", NO_LEDGER),
    lack(Method::POST, "/credential-definitions/{cred_def_id}/write_record", NO_LEDGER),
    lack(Method::GET, "/credential/mime-types/{credential_id}", NO_ANONCREDS),
    lack(Method::GET, "/credential/revoked/{credential_id}", NO_ANONCREDS),
    lack(Method::DELETE, "/credential/{credential_id}", ANONCREDS_WALLET),
    lack(Method::GET, "/credential/{credential_id}", ANONCREDS_WALLET),
    lack(Method::GET, "/credentials", ANONCREDS_WALLET),
    lack(Method::POST, "/did-rotate/{conn_id}/hangup", NO_ROTATION),
    lack(Method::POST, "/did-rotate/{conn_id}/rotate", NO_ROTATION),
    lack(Method::POST, "/did/indy/create", NO_LEDGER),
    lack(Method::GET, "/discover-features-2.0/queries", NO_DISCOVERY),
    lack(Method::GET, "/discover-features-2.0/records", NO_DISCOVERY),
    lack(Method::GET, "/discover-features/query", NO_DISCOVERY),
    lack(Method::GET, "/discover-features/records", NO_DISCOVERY),
    lack(Method::POST, "/jsonld/sign", USE_EXCHANGE),
    lack(Method::POST, "/jsonld/verify", USE_EXCHANGE),
    lack(Method::GET, "/ledger/config", NO_LEDGER),
    lack(Method::GET, "/ledger/did-endpoint", NO_LEDGER),
    lack(Method::GET, "/ledger/did-verkey", NO_LEDGER),
    lack(Method::GET, "/ledger/get-nym-role", NO_LEDGER),
    lack(Method::GET, "/ledger/get-write-ledger", NO_LEDGER),
    lack(Method::GET, "/ledger/get-write-ledgers", NO_LEDGER),
    lack(Method::POST, "/ledger/register-nym", NO_LEDGER),
    lack(Method::PATCH, "/ledger/rotate-public-did-keypair", NO_LEDGER),
    lack(Method::GET, "/ledger/taa", NO_LEDGER),
    lack(Method::POST, "/ledger/taa/accept", NO_LEDGER),
    lack(Method::PUT, "/ledger/{ledger_id}/set-write-ledger", NO_LEDGER),
    lack(Method::DELETE, "/mediation/default-mediator", NO_MEDIATION),
    lack(Method::GET, "/mediation/default-mediator", NO_MEDIATION),
    lack(Method::GET, "/mediation/keylists", NO_MEDIATION),
    lack(Method::POST, "/mediation/keylists/{mediation_id}/send-keylist-query", NO_MEDIATION),
    lack(Method::POST, "/mediation/keylists/{mediation_id}/send-keylist-update", NO_MEDIATION),
    lack(Method::POST, "/mediation/request/{conn_id}", NO_MEDIATION),
    lack(Method::GET, "/mediation/requests", NO_MEDIATION),
    lack(Method::DELETE, "/mediation/requests/{mediation_id}", NO_MEDIATION),
    lack(Method::GET, "/mediation/requests/{mediation_id}", NO_MEDIATION),
    lack(Method::POST, "/mediation/requests/{mediation_id}/deny", NO_MEDIATION),
    lack(Method::POST, "/mediation/requests/{mediation_id}/grant", NO_MEDIATION),
    lack(Method::POST, "/mediation/update-keylist/{conn_id}", NO_MEDIATION),
    lack(Method::PUT, "/mediation/{mediation_id}/default-mediator", NO_MEDIATION),
    lack(Method::POST, "/present-proof-2.0/create-request", NO_PRESENTATIONS),
    lack(Method::GET, "/present-proof-2.0/records", NO_PRESENTATIONS),
    lack(Method::DELETE, "/present-proof-2.0/records/{pres_ex_id}", NO_PRESENTATIONS),
    lack(Method::GET, "/present-proof-2.0/records/{pres_ex_id}", NO_PRESENTATIONS),
    lack(Method::GET, "/present-proof-2.0/records/{pres_ex_id}/credentials", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/problem-report", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/send-presentation", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/send-request", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/records/{pres_ex_id}/verify-presentation", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/send-proposal", NO_PRESENTATIONS),
    lack(Method::POST, "/present-proof-2.0/send-request", NO_PRESENTATIONS),
    lack(Method::GET, "/revocation/active-registry/{cred_def_id}", NO_ANONCREDS),
    lack(Method::POST, "/revocation/active-registry/{cred_def_id}/rotate", NO_ANONCREDS),
    lack(Method::POST, "/revocation/clear-pending-revocations", NO_ANONCREDS),
    lack(Method::POST, "/revocation/create-registry", NO_ANONCREDS),
    lack(Method::GET, "/revocation/credential-record", NO_ANONCREDS),
    lack(Method::POST, "/revocation/publish-revocations", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registries/created", NO_ANONCREDS),
    lack(Method::DELETE, "/revocation/registry/delete-tails-file", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}", NO_ANONCREDS),
    lack(Method::PATCH, "/revocation/registry/{rev_reg_id}", NO_ANONCREDS),
    lack(Method::POST, "/revocation/registry/{rev_reg_id}/definition", NO_ANONCREDS),
    lack(Method::POST, "/revocation/registry/{rev_reg_id}/entry", NO_ANONCREDS),
    lack(Method::PUT, "/revocation/registry/{rev_reg_id}/fix-revocation-entry-state", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}/issued", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}/issued/details", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}/issued/indy_recs", NO_ANONCREDS),
    lack(Method::PATCH, "/revocation/registry/{rev_reg_id}/set-state", NO_ANONCREDS),
    lack(Method::GET, "/revocation/registry/{rev_reg_id}/tails-file", NO_ANONCREDS),
    lack(Method::PUT, "/revocation/registry/{rev_reg_id}/tails-file", NO_ANONCREDS),
    lack(Method::POST, "/revocation/revoke", NO_ANONCREDS),
    lack(Method::POST, "/schemas", NO_LEDGER),
    lack(Method::GET, "/schemas/created", NO_LEDGER),
    lack(Method::GET, "/schemas/{schema_id}", NO_LEDGER),
    lack(Method::POST, "/schemas/{schema_id}/write_record", NO_LEDGER),
    lack(Method::POST, "/transaction/{tran_id}/resend", NO_LEDGER),
    lack(Method::GET, "/transactions", NO_LEDGER),
    lack(Method::POST, "/transactions/create-request", NO_LEDGER),
    lack(Method::POST, "/transactions/{conn_id}/set-endorser-info", NO_LEDGER),
    lack(Method::POST, "/transactions/{conn_id}/set-endorser-role", NO_LEDGER),
    lack(Method::GET, "/transactions/{tran_id}", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/cancel", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/endorse", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/refuse", NO_LEDGER),
    lack(Method::POST, "/transactions/{tran_id}/write", NO_LEDGER),
    lack(Method::GET, "/vc/credentials", USE_STORE),
    lack(Method::POST, "/vc/credentials/issue", USE_EXCHANGE),
    lack(Method::POST, "/vc/credentials/store", USE_STORE),
    lack(Method::GET, "/vc/credentials/{credential_id}", USE_STORE),
    lack(Method::POST, "/vc/di/add-proof", USE_EXCHANGE),
    lack(Method::POST, "/vc/di/verify", USE_EXCHANGE),
    lack(Method::POST, "/vc/presentations/prove", NO_PRESENTATIONS),
    lack(Method::POST, "/vc/presentations/verify", NO_PRESENTATIONS),
    lack(Method::POST, "/wallet/jwt/sign", NO_JWT),
    lack(Method::POST, "/wallet/jwt/verify", NO_JWT),
    lack(Method::POST, "/wallet/sd-jwt/sign", NO_JWT),
    lack(Method::POST, "/wallet/sd-jwt/verify", NO_JWT),
    lack(Method::POST, "/multitenancy/wallet", NO_TENANTS),
    lack(Method::GET, "/multitenancy/wallets", NO_TENANTS),
    lack(Method::GET, "/multitenancy/wallet/{wallet_id}", NO_TENANTS),
    lack(Method::PUT, "/multitenancy/wallet/{wallet_id}", NO_TENANTS),
    lack(Method::DELETE, "/multitenancy/wallet/{wallet_id}", NO_TENANTS),
    lack(Method::POST, "/multitenancy/wallet/{wallet_id}/token", NO_TENANTS),
    lack(Method::POST, "/multitenancy/wallet/{wallet_id}/remove", NO_TENANTS),
    lack(Method::POST, "/anoncreds/schema", NO_ANONCREDS),
    lack(Method::GET, "/anoncreds/schemas", NO_ANONCREDS),
    lack(Method::GET, "/anoncreds/schema/{schema_id}", NO_ANONCREDS),
    lack(Method::POST, "/anoncreds/credential-definition", NO_ANONCREDS),
    lack(Method::GET, "/anoncreds/credential-definitions", NO_ANONCREDS),
    lack(Method::GET, "/anoncreds/credential-definition/{cred_def_id}", NO_ANONCREDS),
    lack(Method::POST, "/anoncreds/revocation/revoke", NO_ANONCREDS),
    lack(Method::POST, "/anoncreds/revocation/publish-revocations", NO_ANONCREDS),
    lack(Method::GET, "/anoncreds/revocation/credential-record", NO_ANONCREDS),
];
