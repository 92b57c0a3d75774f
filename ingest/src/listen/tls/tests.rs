//! TLS listeners against real connections, with certificates made for the test.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::*;
use crate::listen::tests::{Running, sources_of, start};

/// An authority, and the files of a server and of senders that it signed.
struct Authority {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Authority { dir: tempfile::tempdir().unwrap(), issuer };
        authority.write("ca.pem", &authority.issuer.pem());
        authority.serve("localhost");
        authority
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn sign(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>, String, String) {
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (signed.der().clone(), der, signed.pem(), key.serialize_pem())
    }

    /// Makes the server's files, for this name.
    fn serve(&self, name: &str) {
        let (_, _, certificate, key) = self.sign(name);
        self.write("server.pem", &certificate);
        self.write("server.key", &key);
    }

    async fn listener(&self, kind: &str, more: &str) -> Running {
        let dir = self.dir.path().display();
        let config = format!(
            "[[listener]]\nkind='{kind}'\nbind='127.0.0.1:0'\ntenant='t'\n\
             tls={{certificate='{dir}/server.pem', key='{dir}/server.key' {more}}}\n[limits]\nhandshake_seconds_max=1\n"
        );
        start(&config.replace("'CA'", &format!("'{dir}/ca.pem'"))).await
    }

    /// A sender that shows a certificate of this name, or none.
    fn sender(&self, certificate: Option<&str>) -> TlsConnector {
        self.sender_for(certificate, None)
    }

    /// As [`Authority::sender`], for what is spoken inside.
    fn sender_for(&self, certificate: Option<&str>, protocol: Option<&[u8]>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match certificate.map(|name| self.sign(name)) {
            Some((certificate, key, ..)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        TlsConnector::from(Arc::new(config))
    }
}

/// Sends lines over TLS; whether the server took the connection.
async fn send(running: &Running, sender: &TlsConnector, name: &'static str, lines: &str) -> bool {
    let stream = TcpStream::connect(running.bound[0].address).await.unwrap();
    let Ok(mut stream) = sender.connect(ServerName::try_from(name).unwrap(), stream).await else { return false };
    // A server that refuses the sender's certificate says so only after the handshake, as TLS 1.3 has it.
    stream.write_all(lines.as_bytes()).await.is_ok()
        && stream.shutdown().await.is_ok()
        && stream.read_to_end(&mut Vec::new()).await.is_ok()
}

#[tokio::test]
async fn the_certificate_names_the_source() {
    let authority = Authority::new();
    let running = authority.listener("syslog_tls", ", client_ca='CA'").await;
    let declared = "[[source]]\ntenant='t'\nid='fw'\nproduct='squid'\ncertificate='FW01.town.example'\n\
                    [[source]]\ntenant='u'\nid='theirs'\nproduct='squid'\ncertificate='fw02.town.example'\n";
    running.listeners.renew(&sources_of(declared)).unwrap();
    assert!(send(&running, &authority.sender(Some("fw01.town.example")), "localhost", "5 <13>a6 <13>\nb").await);
    assert!(send(&running, &authority.sender(Some("fw02.town.example")), "localhost", "<13>c\n<13>d").await);
    assert!(!send(&running, &authority.sender(None), "localhost", "<13>no certificate\n").await);
    assert!(!send(&running, &Authority::new().sender(Some("fw01.town.example")), "localhost", "<13>other\n").await);
    // Signed by another authority, to one who trusts ours.
    let other = Authority::new();
    std::fs::copy(other.dir.path().join("ca.pem"), authority.dir.path().join("ca.pem")).unwrap();
    running.listeners.renew(&sources_of(declared)).unwrap();
    assert!(!send(&running, &authority.sender(Some("fw01.town.example")), "localhost", "<13>old\n").await);
    let expected = [("t/fw", "<13>a"), ("t/fw", "<13>\nb"), ("t/unknown", "<13>c"), ("t/unknown", "<13>d")];
    assert_eq!(running.stop().await, expected.map(|(source, text)| (source.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_then_on_and_a_wrong_one_changes_nothing() {
    let authority = Authority::new();
    let running = authority.listener("syslog_tls", "").await;
    let sender = authority.sender(None);
    assert!(send(&running, &sender, "localhost", "<13>first\n").await);
    authority.serve("renewed.example");
    assert!(send(&running, &sender, "localhost", "<13>second\n").await, "files are read on request only");
    running.listeners.renew(&sources_of("")).unwrap();
    assert!(!send(&running, &sender, "localhost", "<13>no\n").await);
    assert!(send(&running, &sender, "renewed.example", "<13>third\n").await);
    authority.write("server.pem", "not PEM");
    let said = running.listeners.renew(&sources_of("")).unwrap_err().to_string();
    assert!(said.contains("server.pem") && said.contains("BEGIN CERTIFICATE"), "{said}");
    assert!(send(&running, &sender, "renewed.example", "<13>fourth\n").await);
    assert_eq!(running.stop().await.len(), 4);
}

#[tokio::test]
async fn who_never_shakes_hands_is_let_go() {
    let authority = Authority::new();
    let running = authority.listener("syslog_tls", "").await;
    let failed = || crate::metrics::HANDSHAKES_FAILED.with_label_values(&["syslog_tls"]).get();
    let before = failed();
    for bytes in [&b""[..], b"<13>plain syslog\n"] {
        let mut stream = TcpStream::connect(running.bound[0].address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "the connection is closed");
    }
    assert!(failed() >= before + 2);
    assert_eq!(running.stop().await, []);
}

#[test]
fn each_wrong_file_is_named() {
    let authority = Authority::new();
    let path = |name: &str| authority.dir.path().join(name);
    let (_, _, _, other_key) = authority.sign("other");
    authority.write("other.key", &other_key);
    authority.write("empty.pem", "");
    let good = TlsConfig {
        certificate: path("server.pem"),
        key: path("server.key"),
        client_ca: Some(path("ca.pem")),
        client_required: true,
    };
    good.load(&[]).unwrap();
    for (files, expected) in [
        (TlsConfig { certificate: path("none.pem"), ..good.clone() }, "none.pem"),
        (TlsConfig { certificate: path("server.key"), ..good.clone() }, "holds no certificate"),
        (TlsConfig { key: path("server.pem"), ..good.clone() }, "private key"),
        (TlsConfig { key: path("other.key"), ..good.clone() }, "must be the key of this certificate"),
        (TlsConfig { client_ca: Some(path("empty.pem")), ..good.clone() }, "empty.pem"),
    ] {
        let said = files.load(&[]).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn what_speaks_http_and_beats_speak_tls_too_and_go_by_the_certificate() {
    let declared = "[[source]]\ntenant='t'\nid='fw'\nproduct='squid'\ncertificate='fw01.town.example'\n";
    let bulk = b"POST /_bulk HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{\"index\":{}}\n{}".as_slice();
    let hec = b"POST /services/collector HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n{\"event\":1}";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let beats = b"2W\0\0\0\x012J\0\0\0\x01\0\0\0\x02{}";
    for (kind, protocol, said, answer, records) in [
        ("elasticsearch", Some(&b"http/1.1"[..]), bulk, &b"HTTP/1.1 200"[..], 1),
        ("splunk_hec", None, hec, b"HTTP/1.1 200", 1),
        ("otlp", Some(b"h2"), preface, b"\0\0", 0),
        ("beats", None, beats, b"2A\0\0\0\x01", 1),
    ] {
        let authority = Authority::new();
        let running = authority.listener(kind, ", client_ca='CA'").await;
        running.listeners.renew(&sources_of(declared)).unwrap();
        let sender = authority.sender_for(Some("fw01.town.example"), protocol);
        let stream = TcpStream::connect(running.bound[0].address).await.unwrap();
        let mut stream = sender.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), protocol, "{kind}");
        stream.write_all(said).await.unwrap();
        let mut found = vec![0; answer.len()];
        stream.read_exact(&mut found).await.unwrap();
        assert_eq!(found, answer, "{kind}");
        drop(stream);
        let owners: Vec<String> = running.stop().await.into_iter().map(|(owner, _)| owner).collect();
        assert_eq!(owners, vec!["t/fw"; records], "{kind}");
    }
}
