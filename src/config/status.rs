//! The dictionary of `GET /status/config`.

use serde_json::{Map, Value, json};

use super::admin::Webhooks;
use super::given::Given;
use super::secret::without_passwords;
use super::transport::Transport;

/// Collects ACA-Py 1.7's settings in its own order. Only what is listed here is ever shown, so that a new option
/// is secret until somebody decides otherwise.
pub(super) fn build(given: &Given, webhooks: &Webhooks, transport: &Transport) -> Map<String, Value> {
    let mut settings = Settings { map: Map::new(), given };
    settings.admin(webhooks);
    settings.debug();
    settings.general();
    settings.protocol();
    settings.transport(transport);
    settings.wallet();
    settings.fixed();
    settings.map
}

struct Settings<'g> {
    map: Map<String, Value>,
    given: &'g Given,
}

impl Settings<'_> {
    fn set(&mut self, name: &str, value: Value) {
        self.map.insert(name.to_owned(), value);
    }

    /// `true` under `name` when the flag is set, else nothing.
    fn flags(&mut self, pairs: &[(&str, &str)]) {
        for (name, flag) in pairs {
            if self.given.flag(flag) {
                self.set(name, Value::Bool(true));
            }
        }
    }

    /// The option's text or default under `name`, else nothing.
    fn texts(&mut self, pairs: &[(&str, &str)]) {
        for (name, option) in pairs {
            if let Some(text) = self.given.text(option) {
                let text = without_passwords(text);
                self.set(name, text.into());
            }
        }
    }

    fn numbers(&mut self, pairs: &[(&str, &str)]) {
        for (name, option) in pairs {
            if let Some(number) = self.given.text(option).and_then(|text| text.parse::<u64>().ok()) {
                self.set(name, number.into());
            }
        }
    }

    fn admin(&mut self, webhooks: &Webhooks) {
        let [host, port] = self.given.list("--admin") else { return };
        let (host, port) = (host.clone(), port.clone());
        self.set("admin.admin_insecure_mode", self.given.flag("--admin-insecure-mode").into());
        self.set("admin.enabled", true.into());
        self.set("admin.host", host.into());
        self.set("admin.port", port.into());
        self.texts(&[("admin.help_link", "--help-link")]);
        self.flags(&[("admin.no_receive_invites", "--no-receive-invites")]);
        let urls: Vec<_> = webhooks.targets.iter().map(super::admin::WebhookTarget::shown).collect();
        self.set("admin.webhook_urls", json!(urls));
        self.numbers(&[("admin.admin_client_max_request_size", "--admin-client-max-request-size")]);
    }

    fn debug(&mut self) {
        self.flags(&[
            ("debug.connections", "--debug-connections"),
            ("debug.credentials", "--debug-credentials"),
            ("debug.presentations", "--debug-presentations"),
            ("debug.webhooks", "--debug-webhooks"),
            ("debug.print_invitation", "--invite"),
        ]);
        self.texts(&[("debug.invite_label", "--invite-label")]);
        self.flags(&[
            ("debug.invite_multi_use", "--invite-multi-use"),
            ("debug.invite_public", "--invite-public"),
        ]);
        self.texts(&[("debug.invite_metadata_json", "--invite-metadata-json")]);
        self.flags(&[
            ("debug.auto_respond_credential_proposal", "--auto-respond-credential-proposal"),
            ("debug.auto_respond_credential_offer", "--auto-respond-credential-offer"),
            ("debug.auto_respond_credential_request", "--auto-respond-credential-request"),
            ("debug.auto_store_credential", "--auto-store-credential"),
            ("debug.auto_accept_invites", "--auto-accept-invites"),
            ("debug.auto_accept_requests", "--auto-accept-requests"),
            ("debug.auto_respond_messages", "--auto-respond-messages"),
        ]);
    }

    fn general(&mut self) {
        self.set("auto_install_plugins", false.into());
        self.set("plugin_install_version", Value::Null);
        self.texts(&[("storage_type", "--storage-type")]);
        if let Some((first, others)) = self.given.list("--endpoint").split_first() {
            let (first, others) = (first.clone(), others.to_vec());
            self.set("default_endpoint", first.into());
            self.set("additional_endpoints", json!(others));
        }
        self.texts(&[
            ("profile_endpoint", "--profile-endpoint"),
            ("revocation.anoncreds_legacy_support", "--anoncreds-legacy-revocation"),
        ]);
        self.set("ledger.disabled", true.into());
        self.texts(&[("log.file", "--log-file"), ("log.level", "--log-level")]);
    }

    fn protocol(&mut self) {
        self.flags(&[
            ("auto_ping_connection", "--auto-ping-connection"),
            ("auto_accept_intro_invitation_requests", "--auto-accept-intro-invitation-requests"),
        ]);
        self.texts(&[("invite_base_url", "--invite-base-url")]);
        self.flags(&[
            ("debug.monitor_ping", "--monitor-ping"),
            ("public_invites", "--public-invites"),
            ("requests_through_public_did", "--requests-through-public-did"),
        ]);
        self.set("trace.target", self.given.text("--trace-target").unwrap_or("log").into());
        self.set("trace.tag", self.given.text("--trace-tag").unwrap_or_default().into());
        let label = self.given.text("--trace-label").or_else(|| self.given.text("--label"));
        self.set("trace.label", label.unwrap_or("aca-py.agent").into());
        self.flags(&[("preserve_exchange_records", "--preserve-exchange-records")]);
        self.flags(&[("no_preserve_failed_exchange_records", "--no-preserve-failed-exchange-records")]);
        self.set("emit_new_didcomm_prefix", true.into());
        self.set("emit_new_didcomm_mime_type", true.into());
        self.flags(&[
            ("exch_use_unencrypted_tags", "--exch-use-unencrypted-tags"),
            ("auto_provision", "--auto-provision"),
        ]);
    }

    fn transport(&mut self, transport: &Transport) {
        if self.given.flag("--no-transport") {
            self.set("transport.disabled", true.into());
        } else {
            let inbound = json!(self.given.occurrences("--inbound-transport"));
            let outbound: Vec<_> = self.given.occurrences("--outbound-transport").iter().flatten().collect();
            let outbound = json!(outbound);
            self.set("transport.inbound_configs", inbound);
            self.set("transport.outbound_configs", outbound);
            self.set(
                "transport.enable_undelivered_queue",
                self.given.flag("--enable-undelivered-queue").into(),
            );
            self.set("transport.max_message_size", transport.max_message_bytes.into());
            self.numbers(&[
                ("transport.max_outbound_retry", "--max-outbound-retry"),
                ("transport.ws.heartbeat_interval", "--ws-heartbeat-interval"),
                ("transport.ws.timeout_interval", "--ws-timeout-interval"),
            ]);
        }
        self.texts(&[("default_label", "--label"), ("image_url", "--image-url")]);
    }

    fn wallet(&mut self) {
        self.flags(&[
            ("wallet.local_did", "--wallet-local-did"),
            ("wallet.allow_insecure_seed", "--wallet-allow-insecure-seed"),
        ]);
        self.texts(&[
            ("wallet.name", "--wallet-name"),
            ("wallet.storage_type", "--wallet-storage-type"),
            ("dbstore.storage_type", "--dbstore-storage-type"),
            ("wallet.type", "--wallet-type"),
        ]);
        self.flags(&[("wallet.test", "--wallet-test")]);
        self.texts(&[
            ("wallet.key_derivation_method", "--wallet-key-derivation-method"),
            ("wallet.rekey_derivation_method", "--wallet-rekey-derivation-method"),
            ("wallet.storage_config", "--wallet-storage-config"),
            ("dbstore.storage_config", "--dbstore-storage-config"),
            ("dbstore.schema_config", "--dbstore-schema-config"),
        ]);
        self.flags(&[
            ("wallet.replace_public_did", "--replace-public-did"),
            ("wallet.recreate", "--recreate-wallet"),
        ]);
    }

    /// What every ACA-Py 1.7 reports that has no endorser, no ledger and no upgrade behind it.
    fn fixed(&mut self) {
        for name in [
            "endorser.author",
            "endorser.endorser",
            "endorser.auto_endorse",
            "endorser.auto_write",
            "endorser.auto_create_rev_reg",
            "endorser.auto_promote_author_did",
            "ledger.read_only",
        ] {
            self.set(name, false.into());
        }
        self.set("upgrade.from_version", "v0.7.5".into());
    }
}
