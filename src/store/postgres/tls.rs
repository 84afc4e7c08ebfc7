//! How far a connection is protected: PostgreSQL's own `sslmode` and `sslrootcert`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config;

/// PostgreSQL's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can; whoever it is.
    #[default]
    Prefer,
    /// Encrypted; whoever it is, unless there is a root certificate.
    Require,
    /// The server's certificate comes from an authority that we trust.
    VerifyCa,
    /// And it is for the name under which we reach the server.
    VerifyFull,
}

impl SslMode {
    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// As PostgreSQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Reads PostgreSQL's word.
    ///
    /// # Errors
    /// A sentence that names the words there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("`sslmode` is one of {words}")
        })
    }
}

/// What protects connections to a server.
#[derive(Clone)]
pub struct Tls {
    mode: SslMode,
    root: Option<PathBuf>,
    client: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("mode", &self.mode).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Tls {
    /// With this `sslmode`, trusting the authorities in the PEM file `root` and nobody else, or without one those of the system.
    /// As in PostgreSQL's own clients, a root certificate turns `require` into `verify-ca`.
    ///
    /// # Errors
    /// A sentence on what is wrong with the file, or that the system's certificates cannot be read.
    pub fn new(mode: SslMode, root: Option<PathBuf>) -> Result<Self, String> {
        let mode = if mode == SslMode::Require && root.is_some() { SslMode::VerifyCa } else { mode };
        let client = match mode {
            SslMode::Disable => None,
            mode => Some(Arc::new(client(mode, root.as_deref())?)),
        };
        Ok(Self { mode, root, client })
    }

    /// None at all.
    pub fn off() -> Self {
        Self { mode: SslMode::Disable, root: None, client: None }
    }

    /// What shakes hands; `None`: nobody does.
    pub(super) fn client(&self) -> Option<ClientConfig> {
        self.client.as_deref().cloned()
    }

    pub(super) fn negotiation(&self) -> config::SslMode {
        match self.mode {
            SslMode::Disable => config::SslMode::Disable,
            SslMode::Prefer => config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => config::SslMode::Require,
        }
    }

    /// What to do about an error of a connection, as a clause to go behind it.
    pub(super) fn advice(&self, error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            for (part, advice) in ADVICE {
                if text.contains(part) {
                    return Some(advice);
                }
            }
            next = cause.source();
        }
        None
    }
}

/// Parts of what rustls and PostgreSQL say, and what to do.
const ADVICE: [(&str, &str); 6] = [
    (
        "server does not support TLS",
        "give it a certificate and `ssl = on`, or, in a network that you trust, set sslmode to disable",
    ),
    ("UnknownIssuer", "give the certificate of its authority as sslrootcert"),
    (
        "CaUsedAsEndEntity",
        "it uses the authority's certificate as its own: give it one that the authority has signed",
    ),
    ("not valid for name", "reach it by a name in its certificate, or set sslmode to verify-ca"),
    ("certificate expired", "renew its certificate"),
    ("no encryption", "it takes encrypted connections only: set sslmode to verify-full (or require)"),
];

fn client(mode: SslMode, root: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let authorities: Option<Arc<dyn ServerCertVerifier>> = match (mode, root) {
        (SslMode::Disable | SslMode::Prefer | SslMode::Require, _) => None,
        (_, Some(root)) => {
            let built =
                WebPkiServerVerifier::builder_with_provider(Arc::new(read(root)?), Arc::clone(&provider))
                    .build();
            Some(built.map_err(|error| unusable(root, &error.to_string()))?)
        }
        (_, None) => Some(Arc::new(
            rustls_platform_verifier::Verifier::new(Arc::clone(&provider))
                .map_err(|error| format!("the system's certificates cannot be read: {error}"))?,
        )),
    };
    let verifier = Arc::new(Trust { mode, authorities, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn unusable(root: &Path, reason: &str) -> String {
    format!("`sslrootcert` must be a file with certificates in PEM: {}: {reason}", root.display())
}

fn read(root: &Path) -> Result<RootCertStore, String> {
    let mut authorities = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(root).map_err(|error| unusable(root, &error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unusable(root, &error.to_string()))?;
        authorities.add(certificate).map_err(|error| unusable(root, &error.to_string()))?;
    }
    match authorities.is_empty() {
        true => Err(unusable(root, "there is none in it")),
        false => Ok(authorities),
    }
}

/// Checks as much as the mode asks for. That the server has the key of its certificate is always checked.
#[derive(Debug)]
struct Trust {
    mode: SslMode,
    authorities: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last: all else is well.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.mode == SslMode::VerifyCa => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
