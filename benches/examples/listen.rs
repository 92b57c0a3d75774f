//! What the listeners take on loopback, into a log on disk: UDP at a steady rate, TCP as fast as it goes, and what idle
//! TLS connections cost.
//!
//! `cargo run --release -p benches --example listen -- udp [LINES_PER_SECOND] [SECONDS]`, `... -- tcp [LINES] [SENDERS]`,
//! `... -- tls [CONNECTIONS]`. Senders of UDP and TCP run in this process, and their processor time is in the figures;
//! those of TLS in one of their own, so that memory is the listener's alone.

#[path = "listen/tls.rs"]
mod tls;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingest::{ListenConfig, Listeners, Sources};
use stream::Topic;
use stream::log::{Log, LogConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| args.get(at).map_or(Ok(default), |text| text.parse());
    match args.first().map(String::as_str) {
        Some("tcp") => tcp(number(1, 10_000_000)?, number(2, 4)?),
        Some("tls") => tls::idle(number(1, 10_000)?),
        Some("tls-senders") => tls::senders(&args[1..]),
        _ => udp(number(1, 100_000)?, number(2, 30)?),
    }
}

/// Listeners on a log in a temporary folder.
struct Centre {
    runtime: tokio::runtime::Runtime,
    listeners: Listeners,
    log: Log,
    cancel: CancellationToken,
    tasks: TaskTracker,
    _dir: tempfile::TempDir,
}

impl Centre {
    fn start(kind: &str) -> Result<Centre, Box<dyn std::error::Error>> {
        Centre::start_with(&format!("kind = \"{kind}\"\n"), "")
    }

    /// A listener with these lines in its table, and more tables behind it.
    fn start_with(listener: &str, tables: &str) -> Result<Centre, Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".into()))?;
        let log = Log::open(LogConfig::in_dir(dir.path().join("log")))?;
        let sources = dir.path().join("sources.toml");
        std::fs::write(&sources, "[[source]]\ntenant = \"town\"\nid = \"fw\"\nproduct = \"fortigate\"\n")?;
        let sources = Arc::new(Sources::load(&sources)?);
        let listener =
            format!("[[listener]]\nbind = \"127.0.0.1:0\"\ntenant = \"town\"\nsource = \"fw\"\n{listener}{tables}");
        let config: ListenConfig = toml::from_str(&listener)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (registry, sink) = (prometheus::Registry::new(), Arc::new(log.clone()));
        let listening = ingest::listen(config, sources, sink, None, &registry, cancel.clone(), &tasks);
        let listeners = runtime.block_on(listening)?;
        Ok(Centre { runtime, listeners, log, cancel, tasks, _dir: dir })
    }

    fn address(&self) -> SocketAddr {
        self.listeners.bound[0].address
    }

    fn durable(&self) -> usize {
        self.log.end_offset(Topic::Raw, 0) as usize
    }

    /// Ends the listeners, drained; how many lines are durable.
    fn stop(&self) -> usize {
        self.cancel.cancel();
        self.tasks.close();
        self.runtime.block_on(self.tasks.wait());
        self.durable()
    }
}

/// A line of 300 bytes, as firewalls send them.
fn line(number: usize) -> String {
    let start = format!(
        "<189>date=2026-11-20 time=10:00:00 devname=\"fw01\" logid=\"0000000013\" eventtime={number} type=\"traffic\" "
    );
    let rest = "subtype=\"forward\" level=\"notice\" srcip=10.20.1.15 srcport=50000 dstip=198.51.100.7 dstport=443 action=\"accept\" policyid=12 service=\"HTTPS\" sentbyte=1200 rcvdbyte=8800 ";
    let mut line = start + rest;
    line.extend(std::iter::repeat_n('x', 299_usize.saturating_sub(line.len())));
    line
}

fn udp(lines_per_second: usize, seconds: usize) -> Outcome {
    let centre = Centre::start("syslog_udp")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(centre.address())?;
    let lines: Vec<String> = (0..1000).map(line).collect();
    let began = Instant::now();
    // A hundredth of a second at a time, as evenly as a sleeping thread can.
    let (step, mut sent, mut refused) = (lines_per_second / 100, 0, 0);
    for tick in 1..=seconds as u32 * 100 {
        for _ in 0..step {
            refused += usize::from(socket.send(lines[sent % lines.len()].as_bytes()).is_err());
            sent += 1;
        }
        // Nobody unparks it: a pause until the next hundredth.
        std::thread::park_timeout((Duration::from_millis(10) * tick).saturating_sub(began.elapsed()));
    }
    let took = began.elapsed();
    let durable = centre.stop();
    let drops = centre.listeners.bound[0].kernel_drops();
    say(&format!(
        "udp: {sent} lines of 300 bytes in {:.1} s ({:.0}/s), {durable} durable, {} lost ({drops} counted), {refused} not sent",
        took.as_secs_f64(),
        sent as f64 / took.as_secs_f64(),
        sent - refused - durable
    ));
    Ok(())
}

fn tcp(lines: usize, senders: usize) -> Outcome {
    let centre = Centre::start("syslog_tcp")?;
    let address = centre.address();
    let each = lines / senders;
    let text: String = (0..1000).map(|number| line(number) + "\n").collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..senders {
            scope.spawn(|| -> std::io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                for _ in 0..each / 1000 {
                    stream.write_all(text.as_bytes())?;
                }
                Ok(())
            });
        }
    });
    let sent = each / 1000 * 1000 * senders;
    while centre.durable() < sent && began.elapsed() < Duration::from_secs(600) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let took = began.elapsed().as_secs_f64();
    let durable = centre.stop();
    say(&format!(
        "tcp: {sent} lines of 300 bytes over {senders} connections, {durable} durable after {took:.2} s ({:.0}/s)",
        durable as f64 / took
    ));
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
