//! Enrolment: a collector that has nothing but a token gets its certificate from the centre.
//!
//! A token is a secret of 16 bytes and the SHA-256 of the centre's authority, together 64 characters. The collector makes
//! its key itself, connects to the listener for collectors, and believes only a centre whose certificate that very
//! authority has signed. It shows the secret and its public key; the centre uses the token up and signs.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::wire::Frame;
use crate::{Error, Result};

/// Bytes of a token's secret.
pub const SECRET_BYTES: usize = 16;
/// How long all of it may take.
const ENROL_MAX: Duration = Duration::from_secs(20);

/// What a collector has before it has a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Known to the centre.
    pub secret: [u8; SECRET_BYTES],
    /// SHA-256 of the certificate of the centre's authority.
    pub authority: [u8; 32],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode([&self.secret[..], &self.authority].concat()))
    }
}

impl std::str::FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Token, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().filter(|bytes| bytes.len() == SECRET_BYTES + 32);
        let bytes = bytes.ok_or("that is no token; `sekisho collector add` prints one of 64 characters")?;
        let (mut secret, mut authority) = ([0; SECRET_BYTES], [0; 32]);
        secret.copy_from_slice(&bytes[..SECRET_BYTES]);
        authority.copy_from_slice(&bytes[SECRET_BYTES..]);
        Ok(Token { secret, authority })
    }
}

/// The SHA-256 of the first certificate in a PEM text.
pub fn hash_of_pem(pem: &str) -> Option<[u8; 32]> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|certificate| hash(&certificate))
}

fn hash(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// What the centre gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Our certificate, PEM.
    pub certificate: String,
    /// The authority's, PEM.
    pub authority: String,
    /// Who we are.
    pub id: String,
}

/// Asks the centre at this address, under this name, to sign our Ed25519 public key.
///
/// # Errors
/// The centre cannot be reached, is another one, or refuses.
pub async fn enrol(to: std::net::SocketAddr, name: &str, token: Token, public_key: [u8; 32]) -> Result<Enrolled> {
    let asked = tokio::time::timeout(ENROL_MAX, ask(to, name, token, public_key)).await;
    let failed = |why: String| Error::Config(format!("enrol at {to}: {why}"));
    asked.map_err(|_| failed("the centre does not answer".to_owned()))?.map_err(|error| failed(error.to_string()))
}

async fn ask(to: std::net::SocketAddr, name: &str, token: Token, public_key: [u8; 32]) -> std::io::Result<Enrolled> {
    let provider = Arc::new(ring::default_provider());
    let pinned = Arc::new(Pinned { authority: token.authority, provider: Arc::clone(&provider) });
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let stream = tokio::net::TcpStream::connect(to).await?;
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let mut bytes = Vec::new();
    Frame::Enrol { secret: token.secret, public_key }.write(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    let mut buffer = BytesMut::new();
    loop {
        match Frame::take(&mut buffer)? {
            Some(Frame::Enrolled { id, certificate, authority }) => return Ok(Enrolled { certificate, authority, id }),
            Some(Frame::Refused(reason)) => return Err(std::io::Error::other(format!("refused: {reason}"))),
            Some(_) => return Err(std::io::Error::other("it is no centre of this version")),
            None if stream.read_buf(&mut buffer).await? == 0 => {
                return Err(std::io::Error::other("the centre ended the connection"));
            }
            None => {}
        }
    }
}

/// Believes a certificate that the one authority signed which the token names; the server shows that one too.
#[derive(Debug)]
struct Pinned {
    authority: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let other = || rustls::Error::General("the centre is not the one that made the token".to_owned());
        let authority = intermediates.iter().find(|shown| hash(shown) == self.authority).ok_or_else(other)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Signs for whoever knows the secret: the id, the certificate and the authority's, or why not.
pub type Signer = dyn Fn(&[u8; SECRET_BYTES], &[u8; 32]) -> std::result::Result<Enrolled, String> + Send + Sync;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_characters_and_comes_back() {
        let token = Token { secret: [7; 16], authority: [9; 32] };
        let text = token.to_string();
        assert_eq!((text.len(), text.parse::<Token>()), (64, Ok(token)));
        for wrong in ["", "abc", &text[1..], &text.replace('B', "!")] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }
}
