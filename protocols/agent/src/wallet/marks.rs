//! The rows by which ACA-Py knows what kind of wallet it opens.

use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::{NewRow, Query, RowKey};
use crate::transact;
use crate::unit::AgentError;

/// The version of ACA-Py whose records the wallet holds. Without the row, an ACA-Py takes the wallet for one of its 0.7.5 and
/// rewrites every connection.
const VERSION: &str = "v1.7.0";

/// Writes the rows `acapy_version` and `acapy_storage_type` where they are missing; at every start.
pub async fn ensure_marks(agent: &Agent, tenant: &Tenant) -> Result<(), AgentError> {
    let storage_type = agent.settings(tenant).wallet_type.clone();
    for (category, value) in [("acapy_version", VERSION), ("acapy_storage_type", &*storage_type)] {
        transact!(agent, tenant, |unit| async {
            if unit.find_rows(&Query::all(category), false).await?.is_empty() {
                let name = unit.new_id().replace('-', "");
                unit.insert_row(NewRow {
                    key: RowKey::new(category, name),
                    value: value.as_bytes().to_vec(),
                    tags: Vec::new(),
                });
            }
            Ok::<_, AgentError>(())
        }
        .await)?;
    }
    Ok(())
}
