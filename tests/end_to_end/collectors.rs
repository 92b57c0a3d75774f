//! A collector and its centre as two processes, with a link between them that is cut, and both killed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::service::{BINARY, Service, certificates, free_port, needs, sekisho};

/// `sekisho run --role collect` in a folder of its own, following one file. Killed when dropped.
struct Collector {
    dir: tempfile::TempDir,
    namespace: Option<String>,
    process: Child,
}

impl Collector {
    /// Pushes to this address, from within this network namespace if one is given.
    fn start(certificates: &Path, to: SocketAddr, namespace: Option<&str>) -> Collector {
        let at = |name: &str| certificates.join(name).display().to_string();
        let forward = format!(
            "[forward]\nto = \"{to}\"\nserver_name = \"localhost\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\n",
            at("ca.pem"),
            at("c1.pem"),
            at("c1.key")
        );
        Collector::start_with(&forward, namespace)
    }

    fn start_with(forward: &str, namespace: Option<&str>) -> Collector {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "{forward}bytes_max = 16777216\n[[listen.file]]\npaths = [\"app.log\"]\ntenant = \"town\"\nsource = \"app01\"\n"
        );
        std::fs::write(dir.path().join("sekisho.toml"), config).unwrap();
        let sources = "[[source]]\ntenant = \"town\"\nid = \"app01\"\nproduct = \"system\"\ntz = \"UTC\"\n";
        std::fs::write(dir.path().join("sources.toml"), sources).unwrap();
        let namespace = namespace.map(str::to_owned);
        let process = run(dir.path(), namespace.as_deref());
        Collector { dir, namespace, process }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn restart(&mut self) {
        self.process = run(self.dir.path(), self.namespace.as_deref());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Appends lines of these users to the file.
    fn write(&self, users: Range<u32>) {
        let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S").to_string();
        let text: String = users
            .map(|n| format!("{now} web sshd[1]: Failed password for user{n} from 203.0.113.9 port 4 ssh2\n"))
            .collect();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.path("app.log")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A figure that it wrote down last; 0 while there is none.
    fn figure(&self, name: &str) -> u64 {
        let text = std::fs::read(self.path("data/forward.json")).unwrap_or_default();
        let figures: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        figures[name].as_u64().unwrap_or(0)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Already gone is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn run(dir: &Path, namespace: Option<&str>) -> Child {
    let arguments = ["run", "--role", "collect", "--config"];
    let mut command = match namespace {
        // `exec` puts the command in its own place, so that it is what is killed.
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace, BINARY]);
            command
        }
        None => Command::new(BINARY),
    };
    command.args(arguments).arg(dir.join("sekisho.toml")).env("NO_COLOR", "1").spawn().unwrap()
}

/// A link that can be cut: what comes in on one port goes to another.
struct Link {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Link {
    fn to(port: u16) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Link { address: listener.local_addr().unwrap(), cut: Arc::default(), open: Arc::default() };
        let (cut, open) = (Arc::clone(&link.cut), Arc::clone(&link.open));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                if cut.load(Ordering::Acquire) {
                    continue;
                }
                for (mut from, mut to) in [(&near, &far), (&far, &near)].map(|(a, b)| (clone(a), clone(b))) {
                    std::thread::spawn(move || {
                        // A part of a frame gets through when the link is cut: that is what links do.
                        let mut buffer = [0; 1_000];
                        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..bytes]).is_err() {
                                break;
                            }
                        }
                        to.shutdown(Shutdown::Both).ok();
                    });
                }
                open.lock().unwrap().extend([near, far]);
            }
        });
        link
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.open.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::Release);
    }
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().unwrap()
}

fn received(centre: &Service) -> u64 {
    centre.received_by_source().get("town/app01").copied().unwrap_or(0)
}

/// Rules of the alerts about collectors, in order.
fn told(centre: &Service) -> Vec<String> {
    let mut alerts: Vec<(String, String)> = centre
        .alerts()
        .iter()
        .map(|alert| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (text(&alert["@timestamp"]), text(&alert["rule"]["name"]))
        })
        .filter(|(_, name)| name.contains("収集点"))
        .collect();
    alerts.sort();
    alerts.into_iter().map(|(_, name)| name).collect()
}

/// Every user exactly once, and a balance.
fn exactly(centre: &mut Service, users: u32) {
    centre.stop();
    let data = centre.data();
    let data = data.to_str().unwrap();
    let query = "sekisho.source.id:app01";
    let out = sekisho(&["search", query, "--data", data, "--format", "json", "--limit", "200000"]);
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for line in String::from_utf8(out).unwrap().lines() {
        let hit: serde_json::Value = serde_json::from_str(line).unwrap();
        let user = hit.pointer("/user/name").or(hit.get("user.name")).unwrap().as_str().unwrap().to_owned();
        *found.entry(user).or_default() += 1;
    }
    let lost = (0..users).filter(|n| !found.contains_key(&format!("user{n}"))).count();
    let twice = found.values().filter(|count| **count > 1).count();
    assert_eq!((lost, twice, found.len() as u32), (0, 0, users), "lost, twice, found");
    sekisho(&["accounting", "--data", data]);
}

fn wait(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "waited a minute for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_the_link_is_cut_and_both_ends_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "c1"]);
    let port = free_port();
    let mut centre = Service::start_centre(dir.path(), &format!("127.0.0.1:{port}"), "6s");
    let link = Link::to(port);
    let mut collector = Collector::start(dir.path(), link.address, None);
    collector.write(0..10_000);
    wait("some records at the centre", || received(&centre) > 0);
    link.cut();
    collector.write(10_000..30_000);
    wait("what waits in the spool", || collector.figure("end") == 30_000);
    wait("the interruption", || told(&centre) == ["収集点との接続の途絶"]);
    collector.kill();
    link.mend();
    let before = received(&centre);
    collector.restart();
    wait("more records at the centre", || received(&centre) > before);
    centre.kill_and_restart();
    collector.write(30_000..40_000);
    collector.kill();
    collector.restart();
    wait("every record", || received(&centre) >= 40_000);
    wait("the end of the interruption", || told(&centre).contains(&"収集点の復帰".to_owned()));
    assert_eq!(told(&centre), ["収集点との接続の途絶", "収集点の復帰"]);
    wait("everything is acknowledged", || collector.figure("acknowledged") == 40_000);
    let status = Command::new(BINARY).args(["accounting", "--data"]).arg(collector.path("data")).output().unwrap();
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("spool") && said.contains(" connected as of"), "{said}");
    exactly(&mut centre, 40_000);
}

#[test]
fn a_collector_enrols_with_a_token_once_and_pushes() {
    let port = free_port();
    let mut token = String::new();
    let centre = Service::start_authority(port, |config| {
        let config = config.to_str().unwrap();
        let add = ["collector", "add", "c1", "--tenant", "town", "--server-name", "localhost", "--config", config];
        let said = String::from_utf8(sekisho(&add)).unwrap();
        let (_, rest) = said.split_once("collector enrol ").unwrap();
        token = rest.split(' ').next().unwrap().to_owned();
    });
    let dir = tempfile::tempdir().unwrap();
    let (to, out) = (format!("127.0.0.1:{port}"), dir.path().join("tls"));
    let out = out.to_str().unwrap();
    let enrol = ["collector", "enrol", &token, "--to", &to, "--server-name", "localhost", "--out", out];
    let forward = String::from_utf8(sekisho(&enrol)).unwrap();
    let again = Command::new(BINARY).args(enrol).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("used"), "{said}");
    let collector = Collector::start_with(&forward, None);
    collector.write(0..100);
    wait("the records", || received(&centre) == 100);
}

#[test]
fn a_spool_that_is_gone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "c1"]);
    let port = free_port();
    let centre = Service::start_centre(dir.path(), &format!("127.0.0.1:{port}"), "6s");
    let mut collector = Collector::start(dir.path(), SocketAddr::from(([127, 0, 0, 1], port)), None);
    collector.write(0..100);
    wait("the records", || received(&centre) == 100);
    collector.kill();
    std::fs::rename(collector.path("data"), collector.path("data.before")).unwrap();
    std::fs::rename(collector.path("app.log"), collector.path("app.before")).unwrap();
    collector.restart();
    wait("the alert", || told(&centre).contains(&"収集点の蓄積の入れ替わり".to_owned()));
    collector.write(100..200);
    wait("what the new one has", || received(&centre) == 200);
}

/// The network namespace `c1` of a test, joined to ours by a link. Removed when dropped.
struct Namespace {
    name: String,
    ours: String,
}

impl Namespace {
    /// Whether namespaces can be made. Says so and gives false otherwise; with `SEKISHO_REQUIRE=all` that fails.
    fn needed() -> bool {
        if !needs(&["ip"]) {
            return false;
        }
        let name = format!("sekisho-try-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|out| out.status.success());
        if made {
            ip(&["netns", "del", &name]);
            return true;
        }
        assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "no network namespace can be made");
        println!("skipped: needs the right to make network namespaces");
        false
    }

    fn start() -> Namespace {
        let id = std::process::id();
        let namespace = Namespace { name: format!("sekisho-{id}"), ours: format!("sk{id}") };
        let (name, ours, theirs) = (&*namespace.name, &*namespace.ours, &*format!("sp{id}"));
        ip(&["netns", "add", name]);
        ip(&["link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name]);
        ip(&["addr", "add", "192.0.2.253/30", "dev", ours]);
        ip(&["link", "set", ours, "up"]);
        ip(&["-n", name, "addr", "add", "192.0.2.254/30", "dev", theirs]);
        ip(&["-n", name, "link", "set", theirs, "up"]);
        namespace
    }

    fn link(&self, state: &str) {
        ip(&["link", "set", &self.ours, state]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for arguments in [["link", "del", &*self.ours], ["netns", "del", &*self.name]] {
            Command::new("ip").args(arguments).output().ok();
        }
    }
}

fn ip(arguments: &[&str]) {
    let out = Command::new("ip").args(arguments).output().unwrap();
    assert!(out.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// How long the link is down: 2 minutes unless `SEKISHO_LINK_DOWN_SECONDS` says otherwise.
fn down_for() -> Duration {
    let seconds = std::env::var("SEKISHO_LINK_DOWN_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(120))
}

#[test]
#[ignore = "takes three minutes and makes a network namespace; run it as root with --ignored"]
fn nothing_is_lost_or_doubled_between_two_network_namespaces() {
    if !Namespace::needed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "c1"]);
    let namespace = Namespace::start();
    let port = free_port();
    let mut centre = Service::start_centre(dir.path(), &format!("192.0.2.253:{port}"), "15s");
    let to = SocketAddr::from(([192, 0, 2, 253], port));
    let mut collector = Collector::start(dir.path(), to, Some(&namespace.name));
    collector.write(0..5_000);
    wait("some records at the centre", || received(&centre) > 0);
    namespace.link("down");
    let (mended, mut written) = (Instant::now() + down_for(), 5_000);
    while Instant::now() < mended {
        collector.write(written..written + 100);
        written += 100;
        std::thread::park_timeout(Duration::from_millis(500));
        if written == 6_000 {
            collector.kill();
            collector.restart();
        }
    }
    wait("the interruption", || told(&centre) == ["収集点との接続の途絶"]);
    wait("what waits in the spool", || collector.figure("end") == u64::from(written));
    namespace.link("up");
    let before = received(&centre);
    wait("more records at the centre", || received(&centre) > before);
    centre.kill_and_restart();
    collector.write(written..written + 1_000);
    written += 1_000;
    wait("every record", || received(&centre) >= u64::from(written));
    wait("the end of the interruption", || told(&centre).len() == 2);
    assert_eq!(told(&centre)[1], "収集点の復帰");
    exactly(&mut centre, written);
}
