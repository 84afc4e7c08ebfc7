//! Ids of records that a message creates, derived so that a message taken twice at once meets its own record.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{AgentError, Context, Unit};
use crate::ports::Tenant;
use crate::ports::store::{Guard, Space};

const SECRET: &str = "record-id-secret";

impl Context {
    /// The secret under which ids are derived, once it is in the wallet: it never changes then.
    async fn record_id_secret(&self, tenant: &Tenant) -> Result<Option<Arc<[u8]>>, AgentError> {
        let kept = self.id_secrets().get(tenant).cloned();
        if kept.is_some() {
            return Ok(kept);
        }
        let Some(secret) = self.store().recall(tenant, Space::Setting, SECRET).await? else {
            return Ok(None);
        };
        let secret: Arc<[u8]> = secret.into();
        self.id_secrets().insert(tenant.clone(), secret.clone());
        Ok(Some(secret))
    }
}

impl Unit<'_> {
    /// An id shaped as a uuid4, the same for the same protocol, role, connection and thread (DECISIONS 3): HMAC-SHA-256
    /// under a secret of the wallet, so that nobody else can foresee it.
    pub async fn derived_id(
        &mut self,
        protocol: &str,
        role: &str,
        connection_id: Option<&str>,
        thread_id: &str,
    ) -> Result<String, AgentError> {
        let secret = match self.context().record_id_secret(self.tenant()).await? {
            Some(secret) => secret,
            None => match self.recall(Space::Setting, SECRET).await? {
                Some(secret) => secret.into(),
                None => {
                    let mut secret = vec![0; 32];
                    self.context().entropy().fill(&mut secret);
                    self.guard(Guard::Unknown(Space::Setting, SECRET.to_owned()));
                    self.remember(Space::Setting, SECRET, secret.clone(), None);
                    secret.into()
                }
            },
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret)
            .map_err(|e| AgentError::internal("record-id-secret", e.to_string()))?;
        for part in [protocol, role, connection_id.unwrap_or_default(), thread_id] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}
