//! From the configuration to the settings of the protocols.

use std::time::Duration;

use chancery_agent::Settings;
use chancery_agent::unit::Transports;

use crate::config::{Config, Scheme, WalletType};
use crate::webhooks;

pub(super) fn settings(config: &Config, targets: &[webhooks::Target]) -> Settings {
    let admin = config.admin.as_ref();
    Settings {
        label: config.agent.label.clone(),
        image_url: config.agent.image_url.clone(),
        endpoints: config.agent.endpoints.clone(),
        outbound: Transports {
            http: config.transport.outbound.contains(&Scheme::Http),
            ws: config.transport.outbound.contains(&Scheme::Ws),
        },
        invite_base_url: config.protocol.invite_base_url.clone(),
        help_link: admin.and_then(|a| a.help_link.clone()),
        no_receive_invites: admin.is_some_and(|a| a.no_receive_invites),
        auto_accept_invites: config.automation.accept_invites,
        auto_accept_requests: config.automation.accept_requests,
        auto_ping_connection: config.protocol.auto_ping_connection,
        monitor_ping: config.protocol.monitor_ping,
        public_invites: config.protocol.public_invites,
        requests_through_public_did: config.protocol.requests_through_public_did,
        auto_respond_messages: config.automation.respond_messages,
        echo_messages: config.automation.echo_messages,
        auto_accept_intro_invitation_requests: config.automation.accept_introductions,
        auto_respond_credential_proposal: config.automation.respond_credential_proposal,
        auto_respond_credential_offer: config.automation.respond_credential_offer,
        auto_respond_credential_request: config.automation.respond_credential_request,
        auto_store_credential: config.automation.store_credential,
        preserve_exchange_records: config.protocol.preserve_exchange_records,
        no_preserve_failed_exchange_records: config.protocol.remove_failed_exchange_records.then_some(true),
        debug_webhooks: config.webhooks.full_records,
        unencrypted_tags: config.protocol.unencrypted_exchange_tags,
        allow_insecure_seed: config.wallet.allow_insecure_seed,
        wallet_type: match config.wallet.wallet_type {
            WalletType::Askar => "askar".to_owned(),
            WalletType::AskarAnoncreds => "askar-anoncreds".to_owned(),
        },
        webhook_targets: targets.iter().map(|t| t.id.clone()).collect(),
        remote_contexts: config.contexts.fetch_remote,
        pinned_contexts: config.contexts.pinned,
        tombstone_seconds: seconds(config.retention.tombstones),
        replaced_key_seconds: seconds(config.retention.replaced_keys),
        parked_seconds: seconds(config.retention.parked_envelopes),
    }
}

/// Whole seconds, as protocols and stores count them.
pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
