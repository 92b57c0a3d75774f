//! Many TLS connections of syslog that send one line and then nothing.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::{Centre, Outcome, line, say};

/// Connections that are opened at once.
const OPENING: usize = 64;

/// Opens `connections`, and tells what they cost in memory and how long they took.
pub(super) fn idle(connections: usize) -> Outcome {
    let dir = tempfile::tempdir()?;
    let (certificate, key) = (dir.path().join("server.pem"), dir.path().join("server.key"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let listener = format!("kind = \"syslog_tls\"\ntls = {{ certificate = {certificate:?}, key = {key:?} }}\n");
    let most = connections + 100;
    let limits = format!("[limits]\nconnections_max = {most}\npeer_connections_max = {most}\n");
    let centre = Centre::start_with(&listener, &limits)?;
    let before = resident_mib()?;
    let began = Instant::now();
    let mut senders = Command::new(std::env::current_exe()?)
        .arg("tls-senders")
        .arg(centre.address().to_string())
        .arg(connections.to_string())
        .arg(&certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = String::new();
    BufReader::new(senders.stdout.take().ok_or("no stdout")?).read_line(&mut told)?;
    let took = began.elapsed().as_secs_f64();
    while centre.durable() < connections && began.elapsed() < Duration::from_secs(300) {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let held = resident_mib()?;
    drop(senders.stdin.take());
    senders.wait()?;
    let durable = centre.stop();
    say(&format!(
        "tls: {} connections opened in {took:.1} s, {durable} lines durable, {held} MiB resident ({before} MiB before)",
        told.trim()
    ));
    Ok(())
}

/// The process of the senders: ADDRESS CONNECTIONS CERTIFICATE. Prints how many are open, and ends with its input.
pub(super) fn senders(args: &[String]) -> Outcome {
    let [address, connections, certificate] = args else { return Err("ADDRESS CONNECTIONS CERTIFICATE".into()) };
    let (address, connections): (SocketAddr, usize) = (address.parse()?, connections.parse()?);
    let connector = connector(Path::new(certificate))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let held = runtime.block_on(async {
        let mut held = Vec::with_capacity(connections);
        let mut opening = tokio::task::JoinSet::new();
        for number in 0..connections {
            if opening.len() == OPENING {
                held.extend(opening.join_next().await);
            }
            opening.spawn(open(connector.clone(), address, number));
        }
        held.extend(opening.join_all().await.into_iter().map(Ok));
        held
    });
    let open: Vec<TlsStream<TcpStream>> = held.into_iter().filter_map(|one| one.ok()?.ok()).collect();
    say(&open.len().to_string());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn open(connector: TlsConnector, address: SocketAddr, number: usize) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a host name");
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    stream.write_all((line(number) + "\n").as_bytes()).await?;
    stream.flush().await?;
    Ok(stream)
}

fn connector(certificate: &Path) -> Result<TlsConnector, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn resident_mib() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
