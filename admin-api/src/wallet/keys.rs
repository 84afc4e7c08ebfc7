//! `POST`, `PUT /wallet/keys` and `GET /wallet/keys/{multikey}`

use actix_web::http::StatusCode;
use chancery_agent::wallet;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, text};

static KEY: Schema = Schema {
    name: "MultikeyResponse",
    parts: &[&[
        text("kid").nullable().about("Its name"),
        text("multikey").about("The public key, multibase"),
    ]],
    whole: None,
};

static CREATE: Schema = Schema {
    name: "CreateKeyRequest",
    parts: &[&[
        text("alg").about("Type of the key").example("ed25519").default("ed25519"),
        text("seed").about("32 bytes, as text or base64; only with --wallet-allow-insecure-seed"),
        text("kid").about("Name to find it by").example("did:web:example.com#key-01"),
    ]],
    whole: None,
};

static UPDATE: Schema = Schema {
    name: "UpdateKeyRequest",
    parts: &[&[
        text("multikey").required().about("The public key, multibase"),
        text("kid").required().about("Name to find it by").example("did:web:example.com#key-02"),
    ]],
    whole: None,
};

static PATH: [Field; 1] = [text("multikey").about("The public key, multibase")];

pub(super) static CREATE_KEY: Operation =
    Operation::post("/wallet/keys", super::TAG, command!(wallet::key_create))
        .summary("Make a key")
        .body(&CREATE)
        .success(StatusCode::CREATED)
        .answers(Answer::One(&KEY))
        .json_errors();

pub(super) static UPDATE_KEY: Operation =
    Operation::put("/wallet/keys", super::TAG, command!(wallet::key_update))
        .summary("Name a key")
        .body(&UPDATE)
        .answers(Answer::One(&KEY))
        .json_errors();

pub(super) static GET_KEY: Operation =
    Operation::get("/wallet/keys/{multikey}", super::TAG, command!(wallet::key_get))
        .summary("Fetch a key")
        .path(&PATH)
        .answers(Answer::One(&KEY))
        .json_errors();
