//! What ACA-Py has and this agent doesn't.

use std::sync::Arc;

use serde_json::json;

use super::ports::Process;
use super::{Asked, Auth, api, ask_all, get};
use crate::groups::operations;
use crate::lacking::LACKING;

const ID: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

async fn ask(process: &Arc<Process>, paths: &[&str]) -> Vec<Asked> {
    ask_all(api(process, Auth::Insecure), paths.iter().map(|path| get(path)).collect()).await
}

/// Recorded traces 20 to 22, 52, 56, 58, 59, 63 and 72.
#[actix_web::test]
async fn reads_of_what_is_not_there_answer_as_an_empty_acapy() {
    let no_presentation = format!("404: Record not found: pres_ex_v20/{ID}.");
    let no_mediation = format!("404: Record not found: mediation_requests/{ID}.");
    let no_revocation = format!("404: IssuerCredRevRecord record not found for {{'cred_ex_id': '{ID}'}}.");
    let at = |path: &str| path.replace("{}", ID);
    let cases = [
        (at("/credentials"), 200, r#"{"results": []}"#),
        (at("/credential/nope"), 404, "404: Credential nope not found in wallet holder."),
        (at("/credential/mime-types/nope"), 200, r#"{"results": null}"#),
        (at("/present-proof-2.0/records"), 200, r#"{"results": []}"#),
        (at("/present-proof-2.0/records/{}"), 404, &no_presentation),
        (at("/present-proof-2.0/records/{}/credentials"), 404, &no_presentation),
        (
            at("/present-proof-2.0/records/nope"),
            422,
            "422: {'match_info': {'pres_ex_id': ['Value nope is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)']}}",
        ),
        (at("/mediation/requests"), 200, r#"{"results": []}"#),
        (at("/mediation/requests/{}"), 404, &no_mediation),
        (at("/mediation/keylists"), 200, r#"{"results": []}"#),
        (at("/mediation/default-mediator"), 200, "{}"),
        (at("/schemas/created"), 200, r#"{"schema_ids": []}"#),
        (at("/schemas/WgWxqztrNooG92RXvxSTWv:2:schema_name:1.0"), 403, "403: No ledger available"),
        (at("/credential-definitions/created"), 200, r#"{"credential_definition_ids": []}"#),
        (at("/revocation/registries/created"), 200, r#"{"rev_reg_ids": []}"#),
        (
            at("/revocation/registry/x"),
            404,
            "404: IssuerRevRegRecord record not found for {'revoc_reg_id': 'x'}.",
        ),
        (at("/revocation/credential-record?cred_ex_id={}"), 404, &no_revocation),
        (
            at("/revocation/credential-record"),
            422,
            "422: {'querystring': {'_schema': ['Request must have either rev_reg_id and cred_rev_id or cred_ex_id']}}",
        ),
        (at("/ledger/taa"), 403, "403: No Indy ledger available"),
        (at("/transactions"), 200, r#"{"results": []}"#),
        (at("/discover-features/records"), 200, r#"{"results": []}"#),
        (at("/discover-features-2.0/records"), 200, r#"{"results": []}"#),
        (at("/vc/credentials"), 200, r#"{"results": []}"#),
        (at("/vc/credentials/nope"), 400, r#"{"message": "Record not found: vc_cred/nope."}"#),
        (at("/anoncreds/schemas"), 404, "404: Not Found"),
        (at("/multitenancy/wallets"), 404, "404: Not Found"),
    ];
    let paths: Vec<&str> = cases.iter().map(|(path, ..)| &**path).collect();
    for (answer, (path, status, body)) in ask(&Arc::new(Process::default()), &paths).await.iter().zip(&cases)
    {
        assert_eq!((answer.status, &*answer.body), (*status, *body), "{path}");
    }
}

#[actix_web::test]
async fn what_the_wallet_holds_of_a_kind_is_not_denied() {
    let process = Arc::new(Process::default());
    let held = [("pres_ex_v20", 3), ("mediation_requests", 1), ("credential", 100), ("schema", 5000)];
    *process.held.lock().unwrap() = held.map(|(name, number)| (name.to_owned(), number)).into();
    let one = format!("/present-proof-2.0/records/{ID}");
    let cases = [
        ("/present-proof-2.0/records", " The wallet holds 3 of these."),
        (&*one, " The wallet holds 3 of these."),
        ("/mediation/requests", " The wallet holds 1 of these."),
        ("/credentials", " The wallet holds 100 of these."),
        ("/schemas/created", " The wallet holds 1000 or more of these."),
        ("/anoncreds/schemas", " The wallet holds 1000 or more of these."),
    ];
    for (answer, (path, end)) in ask(&process, &cases.map(|(path, _)| path)).await.iter().zip(cases) {
        assert_eq!(answer.status, 501, "{path}: {}", answer.body);
        assert!(answer.body.ends_with(end), "{path}: {}", answer.body);
    }
    let others = ask(&process, &["/transactions", "/mediation/keylists"]).await;
    assert!(others.iter().all(|answer| answer.json() == json!({"results": []})), "other kinds are not there");
}

/// The operations that README's list names by the beginnings of their paths are those that aren't there.
#[test]
fn the_readme_says_what_is_not_there() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("## What isn't there yet\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut named = Vec::new();
    let mut before = "";
    for (at, part) in section.split('`').enumerate() {
        if at % 2 == 0 {
            before = part;
        } else if part.starts_with('/') {
            named.push((part, !before.trim_end().ends_with("not")));
        }
    }
    let below = |path: &str, name: &str| {
        path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The longest name counts: what is said of `/a/b` goes before what is said of `/a`.
    let lacks = |path: &str| {
        let names = named.iter().filter(|(name, _)| below(path, name));
        names.max_by_key(|(name, _)| name.len()).is_some_and(|(_, lacks)| *lacks)
    };
    for lack in &LACKING {
        assert!(lacks(lack.path), "README.md does not say that {} isn't there", lack.path);
    }
    for operation in operations() {
        assert!(!lacks(operation.path), "README.md says that {} isn't there", operation.path);
    }
    for (name, _) in named.iter().filter(|(_, lacks)| *lacks) {
        assert!(LACKING.iter().any(|lack| below(lack.path, name)), "README.md: nothing lacks below {name}");
    }
}
