//! The columns by which records can be listed without decrypting all of them.

use serde::Deserialize;

use crate::issue_credential_v2::{self, Role};
use crate::peers;
use crate::ports::store::{Facets, Kinds};

#[derive(Deserialize)]
struct ExchangeColumns {
    state: Option<String>,
    role: Option<String>,
    connection_id: Option<String>,
    thread_id: Option<String>,
}

#[derive(Deserialize)]
struct ConnectionColumns {
    state: Option<String>,
    their_role: Option<String>,
}

/// The columns of a row with this category and value; `None`: rows of this category are not listed by columns. The
/// store keeps them beside the row and finds by them what [`crate::ports::store::Query::facets`] names.
pub fn facets(category: &str, value: &[u8]) -> Option<Facets> {
    match category {
        "cred_ex_v20" => {
            let columns: ExchangeColumns = serde_json::from_slice(value).ok()?;
            Some(Facets {
                state: columns.state,
                role: columns.role,
                connection: columns.connection_id,
                thread: columns.thread_id,
            })
        }
        "connection" => {
            let columns: ConnectionColumns = serde_json::from_slice(value).ok()?;
            Some(Facets { state: columns.state, role: columns.their_role, ..Facets::default() })
        }
        _ => None,
    }
}

/// The records that are counted by state and role, with the topic of their webhooks: exchanges of the protocols.
pub fn counted() -> [(&'static str, Kinds); 2] {
    let exchanges = Kinds {
        category: "cred_ex_v20",
        states: issue_credential_v2::State::STORED.map(issue_credential_v2::State::as_str).to_vec(),
        roles: [Role::Issuer, Role::Holder].map(Role::as_str).to_vec(),
    };
    let connections = Kinds {
        category: "connection",
        states: peers::STATES.to_vec(),
        roles: vec![peers::INVITER, peers::INVITEE],
    };
    [(issue_credential_v2::TOPIC, exchanges), (peers::TOPIC, connections)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_and_connections_have_columns() {
        let exchange = br#"{"state": "done", "role": "issuer", "connection_id": null, "thread_id": "t", "cred_offer": {}}"#;
        let found = facets("cred_ex_v20", exchange).unwrap();
        assert_eq!(found.state.as_deref(), Some("done"));
        assert_eq!(found.role.as_deref(), Some("issuer"));
        assert_eq!((found.connection, found.thread.as_deref()), (None, Some("t")));
        let connection = facets("connection", br#"{"state": "active", "their_role": "inviter"}"#).unwrap();
        assert_eq!(
            (connection.state.as_deref(), connection.role.as_deref()),
            (Some("active"), Some("inviter"))
        );
        assert_eq!(facets("did", b"{}"), None);
        assert_eq!(facets("connection", b"no json"), None);
    }
}
