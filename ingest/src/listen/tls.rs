//! TLS for listeners: RFC 5425 with the versions and suites of RFC 9662 (TLS 1.2 and 1.3, forward secrecy, no early
//! data), and the same below RELP.
//!
//! The server's certificate and key, and the authorities that sign the senders' certificates, are PEM files. They are
//! read at the start and again on request ([`Acceptor::read`]); when one of them is wrong then, those in use stay. A
//! handshake has a time limit. A sender whose certificate an authority of ours has signed is known by the names in it:
//! the DNS names and addresses of the subject's alternative names, else its common name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Deserialize;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::limited::Held;
use crate::forward::ForwardConfig;
use crate::{Error, Result};

mod names;

/// The files of one listener's TLS; paths are relative to the configuration file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate and those between it and its authority, in this order.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// Authorities of the senders' certificates. Without it senders show none.
    pub client_ca: Option<PathBuf>,
    /// Whether a sender without a certificate is refused. Default true; means something with `client_ca` only.
    #[serde(default = "yes")]
    pub client_required: bool,
}

fn yes() -> bool {
    true
}

impl TlsConfig {
    pub(crate) fn resolve(&mut self, base: &Path) {
        let more = self.client_ca.as_mut();
        for path in [&mut self.certificate, &mut self.key].into_iter().chain(more) {
            *path = base.join(&*path);
        }
    }

    /// Reads all files.
    fn load(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            wrong("key", &self.key, &format!("{error}; it must hold one unencrypted PEM private key"))
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let refused = |error: rustls::Error| {
            let with = format!("{error}; {} must be the key of this certificate", self.key.display());
            wrong("certificate", &self.certificate, &with)
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|error| wrong("client_ca", path, &error.to_string()))?;
                }
                let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                if !self.client_required {
                    verifier = verifier.allow_unauthenticated();
                }
                let built = verifier.build().map_err(|error| wrong("client_ca", path, &error.to_string()))?;
                builder.with_client_cert_verifier(built)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong("certificate", path, "it holds no certificate; write PEM (-----BEGIN CERTIFICATE-----)")),
        Err(error) => Err(wrong("certificate", path, &error.to_string())),
    }
}

fn wrong(what: &str, path: &Path, why: &str) -> Error {
    Error::Config(format!("tls {what} {}: {why}", path.display()))
}

/// What makes a collector's connections: its own certificate, and who may have signed the centre's.
pub(crate) fn connector(config: &ForwardConfig) -> Result<tokio_rustls::TlsConnector> {
    let (Some(ca), Some(certificate), Some(key)) = (&config.ca, &config.certificate, &config.key) else {
        return Err(Error::Config("[forward] needs ca, certificate and key".to_owned()));
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(ca)? {
        roots.add(authority).map_err(|error| wrong("ca", ca, &error.to_string()))?;
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong("key", key, &format!("{error}; it must hold one unencrypted PEM private key")))?;
    let refused = |error: rustls::Error| {
        wrong("certificate", certificate, &format!("{error}; {} must be the key of this certificate", key.display()))
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(certificate)?, private)
        .map_err(refused)?;
    Ok(Arc::new(config).into())
}

/// Takes connections into TLS with the certificates of the moment.
pub(super) struct Acceptor {
    files: TlsConfig,
    protocols: &'static [&'static [u8]],
    config: ArcSwap<ServerConfig>,
}

impl Acceptor {
    /// For what is spoken inside, by the names of ALPN; without any the sender is not asked.
    pub(super) fn load(files: &TlsConfig, protocols: &'static [&'static [u8]]) -> Result<Acceptor> {
        Ok(Acceptor { files: files.clone(), protocols, config: ArcSwap::new(files.load(protocols)?) })
    }

    /// Reads the files again.
    pub(super) fn read(&self) -> Result<Arc<ServerConfig>> {
        self.files.load(self.protocols)
    }

    /// For connections from now on.
    pub(super) fn renew(&self, config: Arc<ServerConfig>) {
        self.config.store(config);
    }

    /// Shakes hands, and gives the names of the certificate that the sender showed.
    pub(super) async fn accept(&self, stream: Held, longest: Duration) -> io::Result<(TlsStream<Held>, Vec<String>)> {
        let acceptor = tokio_rustls::TlsAcceptor::from(self.config.load_full());
        let stream = tokio::time::timeout(longest, acceptor.accept(stream))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))??;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let names = shown.map(|certificate| names::of(certificate)).unwrap_or_default();
        Ok((stream, names))
    }
}

#[cfg(test)]
mod tests;
