//! A `sekisho run` in a folder of its own, and what tests ask of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The command under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_sekisho");
/// Bearer token of source `http01`.
pub const TOKEN: &str = "token-of-the-tests";
/// Its SHA-256.
const TOKEN_SHA256: &str = "7b1b98835d2b9475bb5c2f28a0a212b839d44a6fcb28ecfcb46d9c63ab76d6f2";
const READY_MAX: Duration = Duration::from_secs(60);

/// Runs the command to its end and gives its output; fails the test when it fails.
pub fn sekisho(args: &[&str]) -> Vec<u8> {
    let out = Command::new(BINARY).args(args).output().unwrap();
    assert!(out.status.success(), "sekisho {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Whether all programs are installed. Says so and gives false otherwise; with `SEKISHO_REQUIRE=all` that fails.
pub fn needs(programs: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = |program: &&str| path.split(':').chain(["/usr/sbin"]).any(|dir| Path::new(dir).join(program).is_file());
    let Some(missing) = programs.iter().find(|program| !found(program)) else { return true };
    assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "{missing} is not installed");
    println!("skipped: needs {missing}");
    false
}

/// As [`needs`], for modules of rsyslog.
pub fn needs_rsyslog_with(modules: &[&str]) -> bool {
    let dirs = ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog", "/usr/lib64/rsyslog"];
    let found = |module: &&str| dirs.iter().any(|dir| Path::new(dir).join(module).is_file());
    let Some(missing) = modules.iter().find(|module| !found(module)) else { return needs(&["rsyslogd", "logger"]) };
    assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "rsyslog's {missing} is not installed");
    println!("skipped: needs rsyslog's {missing}");
    false
}

/// As [`needs`], for a file that `.ci/run` makes.
pub fn needs_file(path: &Path) -> bool {
    let found = path.exists();
    assert!(found || std::env::var("SEKISHO_REQUIRE").as_deref() != Ok("all"), "{} is missing", path.display());
    if !found {
        println!("skipped: needs {}", path.display());
    }
    found
}

/// A running service. Killed when dropped.
pub struct Service {
    dir: tempfile::TempDir,
    process: Child,
    /// Where the pages are.
    pub url: String,
    ports: BTreeMap<String, u16>,
    password: String,
    cookie: String,
    files: Vec<(String, PathBuf)>,
    log: Arc<Mutex<String>>,
}

impl Service {
    /// One listener per generated source.
    pub fn start(generated: &Path) -> Service {
        let sources: toml::Table = std::fs::read_to_string(generated.join("sources.toml")).unwrap().parse().unwrap();
        let (mut listeners, mut files) = (String::new(), Vec::new());
        for source in sources["source"].as_array().unwrap() {
            let text = |key: &str| source[key].as_str().unwrap().to_owned();
            listeners.push_str(&format!(
                "[[listen.listener]]\nkind = \"syslog_tcp\"\nbind = \"127.0.0.1:0\"\ntenant = \"{}\"\nsource = \"{}\"\n",
                text("tenant"),
                text("id")
            ));
            files.push((format!("{}/{}", text("tenant"), text("id")), generated.join(text("file"))));
        }
        let config =
            format!("tenants = {:?}\nsources = {:?}\n", generated.join("tenants"), generated.join("sources.toml"));
        Service::launch(&format!("{config}[dashboards]\nlisten = \"127.0.0.1:0\"\n{listeners}"), "", files)
    }

    /// A town with one Linux server, over every kind of listener.
    pub fn start_plain() -> Service {
        Service::start_with("")
    }

    /// As [`Service::start_plain`], with more keys at the top of the configuration.
    pub fn start_with(keys: &str) -> Service {
        let sources = format!(
            "[[source]]\ntenant = \"town\"\nid = \"linux01\"\nproduct = \"system\"\ntz = \"UTC\"\n\
             [[source]]\ntenant = \"town\"\nid = \"http01\"\nproduct = \"system\"\ntz = \"UTC\"\ntoken_sha256 = [\"{TOKEN_SHA256}\"]\n"
        );
        let mut config = format!("{keys}[dashboards]\nlisten = \"127.0.0.1:0\"\n");
        for kind in ["syslog_udp", "syslog_tcp"] {
            config.push_str(&format!(
                "[[listen.listener]]\nkind = \"{kind}\"\nbind = \"127.0.0.1:0\"\ntenant = \"town\"\nsource = \"linux01\"\n"
            ));
        }
        config.push_str("[[listen.listener]]\nkind = \"http\"\nbind = \"127.0.0.1:0\"\n");
        Service::launch(&config, &sources, Vec::new())
    }

    /// A town whose server `linux01` sends over connections: TLS with the certificates of this folder, RELP, and RELP
    /// over TLS. The source of TLS senders is known by their certificate's name.
    pub fn start_connected(certificates: &Path, relp_port: u16) -> Service {
        let at = |name: &str| certificates.join(name).display().to_string();
        let tls = format!(
            "tls = {{ certificate = {:?}, key = {:?}, client_ca = {:?} }}\n",
            at("localhost.pem"),
            at("localhost.key"),
            at("ca.pem")
        );
        let mut sources = String::new();
        for (id, name) in [("tls01", "tls01.town.example"), ("relp01", ""), ("relps01", "relps01.town.example")] {
            sources.push_str(&format!(
                "[[source]]\ntenant = \"town\"\nid = \"{id}\"\nproduct = \"system\"\ntz = \"UTC\"\n"
            ));
            if !name.is_empty() {
                sources.push_str(&format!("certificate = \"{name}\"\n"));
            }
        }
        let listener = |kind: &str, port: u16, more: &str| {
            format!("[[listen.listener]]\nkind = \"{kind}\"\nbind = \"127.0.0.1:{port}\"\ntenant = \"town\"\n{more}")
        };
        let config = [
            "[dashboards]\nlisten = \"127.0.0.1:0\"\n".to_owned(),
            listener("syslog_tls", 0, &tls),
            listener("relp", relp_port, "source = \"relp01\"\n"),
            listener("relp", 0, &format!("source = \"relps01\"\n{tls}")),
        ];
        Service::launch(&config.concat(), &sources, Vec::new())
    }

    /// A town whose one listener is shared by whoever sends; nobody is declared.
    pub fn start_shared() -> Service {
        let config = "[dashboards]\nlisten = \"127.0.0.1:0\"\n[[listen.listener]]\nkind = \"syslog_tcp\"\n\
                      bind = \"127.0.0.1:0\"\ntenant = \"town\"\n";
        Service::launch(config, "# nobody yet\n", Vec::new())
    }

    /// A town that follows files of this pattern beside its configuration.
    pub fn start_following(pattern: &str) -> Service {
        let sources = "[[source]]\ntenant = \"town\"\nid = \"app01\"\nproduct = \"system\"\ntz = \"UTC\"\n";
        let config = format!(
            "[dashboards]\nlisten = \"127.0.0.1:0\"\n[[listen.file]]\npaths = [{pattern:?}]\ntenant = \"town\"\nsource = \"app01\"\n"
        );
        Service::launch(&config, sources, Vec::new())
    }

    /// A centre that collector `c1` of the town pushes to, with the certificates of this folder.
    pub fn start_centre(certificates: &Path, bind: &str, interrupted_after: &str) -> Service {
        let at = |name: &str| certificates.join(name).display().to_string();
        let config = format!(
            "[dashboards]\nlisten = \"127.0.0.1:0\"\n[[listen.listener]]\nkind = \"collector\"\nbind = \"{bind}\"\n\
             tls = {{ certificate = {:?}, key = {:?}, client_ca = {:?} }}\n",
            at("localhost.pem"),
            at("localhost.key"),
            at("ca.pem")
        );
        let sources = format!(
            "[[source]]\ntenant = \"town\"\nid = \"app01\"\nproduct = \"system\"\ntz = \"UTC\"\n\
             [[collector]]\nid = \"c1\"\ntenant = \"town\"\ninterrupted_after = \"{interrupted_after}\"\n"
        );
        Service::launch(&config, &sources, Vec::new())
    }

    fn launch(config: &str, sources: &str, files: Vec<(String, PathBuf)>) -> Service {
        Service::launch_prepared(config, sources, files, |_| {})
    }

    /// A centre whose own authority made its certificate; `prepare` gets its configuration file before it starts.
    pub fn start_authority(port: u16, prepare: impl FnOnce(&Path)) -> Service {
        let config = format!(
            "[dashboards]\nlisten = \"127.0.0.1:0\"\n[[listen.listener]]\nkind = \"collector\"\nbind = \"127.0.0.1:{port}\"\n\
             tls = {{ certificate = \"data/authority/centre.pem\", key = \"data/authority/centre.key\", \
             client_ca = \"data/authority/ca.pem\" }}\n"
        );
        let source = "[[source]]\ntenant = \"town\"\nid = \"app01\"\nproduct = \"system\"\ntz = \"UTC\"\n";
        Service::launch_prepared(&config, source, Vec::new(), prepare)
    }

    fn launch_prepared(
        config: &str,
        sources: &str,
        files: Vec<(String, PathBuf)>,
        prepare: impl FnOnce(&Path),
    ) -> Service {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sekisho.toml");
        std::fs::write(&path, config).unwrap();
        if !sources.is_empty() {
            std::fs::write(dir.path().join("sources.toml"), sources).unwrap();
            let town = dir.path().join("tenants/town");
            std::fs::create_dir_all(&town).unwrap();
            std::fs::write(town.join("tenant.toml"), "name = \"見本町\"\nmodel = \"alpha\"\n").unwrap();
            let zones = "prefix,zone,site,owner,valid_from,valid_until,note\n10.20.0.0/16,lgwan,,,,,\n";
            std::fs::write(town.join("zones.csv"), zones).unwrap();
        }
        let out = sekisho(&["user", "add", "tester", "--role", "system_admin", "--config", path.to_str().unwrap()]);
        let password = String::from_utf8(out).unwrap().lines().last().unwrap().to_owned();
        prepare(&path);
        let log = Arc::default();
        let (process, url, ports) = run(&path, &log);
        let mut service = Service { dir, process, url, ports, password, cookie: String::new(), files, log };
        service.cookie = service.sign_in();
        service
    }

    /// Kills the process with SIGKILL and starts another on the same folder.
    pub fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.url, self.ports) = run(&self.path("sekisho.toml"), &self.log);
    }

    /// A file or folder beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Sends SIGHUP, and waits until the service's log says this.
    pub fn reload(&self, says: &str) {
        self.log.lock().unwrap().clear();
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), rustix::process::Signal::HUP)
            .unwrap();
        self.wait_for(says, || self.log.lock().unwrap().contains(says));
    }

    /// Sends a line over syslog TCP.
    pub fn send(&self, line: &str) {
        let mut wire = TcpStream::connect(("127.0.0.1", self.port("syslog_tcp"))).unwrap();
        wire.write_all(format!("{line}\n").as_bytes()).unwrap();
        wire.shutdown(std::net::Shutdown::Write).unwrap();
        wire.read_to_end(&mut Vec::new()).ok();
    }

    fn sign_in(&self) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
        let form = [("name", "tester"), ("password", self.password.as_str()), ("next", "/")];
        let answer = agent.post(format!("{}sign-in", self.url)).send_form(form).unwrap();
        let cookie = answer.headers().get("set-cookie").expect("a session cookie").to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Name and password of the account.
    pub fn account(&self) -> (&str, &str) {
        ("tester", &self.password)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The port of a listener kind, or of `tenant/source`.
    pub fn port(&self, name: &str) -> u16 {
        self.ports[name]
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let answer = ureq::get(format!("{}{path}", self.url)).header("cookie", &self.cookie).call();
        serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Sends every generated file to its listener, side by side.
    pub fn send_all(&self) {
        std::thread::scope(|scope| {
            for (name, file) in &self.files {
                let port = self.ports[name];
                scope.spawn(move || {
                    let mut wire = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    wire.write_all(&std::fs::read(file).unwrap()).unwrap();
                    wire.shutdown(std::net::Shutdown::Write).unwrap();
                    wire.read_to_end(&mut Vec::new()).ok();
                });
            }
        });
    }

    /// Alerts so far.
    pub fn alerts(&self) -> Vec<serde_json::Value> {
        let rows = self.get("api/v1/alerts?limit=1000");
        rows["alerts"].as_array().unwrap().iter().map(|row| row["alert"].clone()).collect()
    }

    /// Events that a search finds, 1,000 at most.
    pub fn count(&self, query: &str) -> usize {
        let found = self.get(&format!("api/v1/search?q={}&range=1h&limit=1000", query.replace(' ', "%20")));
        found["hits"].as_array().unwrap().len()
    }

    /// Records received, all sources.
    pub fn received(&self) -> u64 {
        self.received_by_source().values().sum()
    }

    /// Records received, by `tenant/source`.
    pub fn received_by_source(&self) -> BTreeMap<String, u64> {
        let book = self.get("api/v1/accounting");
        let rows = book["sources"].as_array().unwrap().iter();
        let name = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.map(|row| (name(row, "tenant") + "/" + &name(row, "source"), row["received"].as_u64().unwrap())).collect()
    }

    /// Ends the process as an operator does, so that everything is committed.
    pub fn stop(&mut self) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), rustix::process::Signal::TERM)
            .unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// What the service logged since it was up, or was told to reload.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until something holds.
    pub fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < end, "waited a minute for {what}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Holds when a search for the word has a hit within the time.
    pub fn found_within(&self, word: &str, limit: Duration) {
        let began = Instant::now();
        loop {
            let found = self.get(&format!("api/v1/search?q={word}&range=1h"));
            if !found["hits"].as_array().unwrap().is_empty() {
                let took = began.elapsed();
                assert!(took <= limit, "{word} was found only after {took:?}");
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{word} was never found");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Already gone is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn run(config: &Path, log: &Arc<Mutex<String>>) -> (Child, String, BTreeMap<String, u16>) {
    let mut command = Command::new(BINARY);
    command.args(["run", "--config"]).arg(config).env("NO_COLOR", "1").stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let (url, ports) = read_addresses(&mut process, Arc::clone(log));
    (process, url, ports)
}

/// Reads the log until the pages are up; the rest of it is kept and goes to the test's own output.
fn read_addresses(process: &mut Child, kept: Arc<Mutex<String>>) -> (String, BTreeMap<String, u16>) {
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let (began, mut ports, mut seen) = (Instant::now(), BTreeMap::new(), String::new());
    loop {
        let Some(Ok(line)) = log.next() else { panic!("sekisho ended:\n{seen}") };
        assert!(began.elapsed() < READY_MAX, "sekisho was not ready:\n{seen}");
        if let Some(rest) = line.split("listener=").nth(1) {
            let (kind, rest) = rest.split_once(" on ").unwrap();
            let (address, name) = rest.split_once(" for ").unwrap_or((rest, kind));
            let port = address.trim().rsplit(':').next().unwrap().parse().unwrap();
            ports.insert(name.trim().to_owned(), port);
            ports.entry(kind.to_owned()).or_insert(port);
        }
        if let Some(url) = line.split("url=\"").nth(1) {
            std::thread::spawn(move || {
                for line in log.map_while(Result::ok) {
                    println!("{line}");
                    kept.lock().unwrap().push_str(&line);
                }
            });
            return (url.split('"').next().unwrap().to_owned(), ports);
        }
        seen.push_str(&line);
        seen.push('\n');
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Makes an authority, and certificates and keys of these names that it signed, as `NAME.pem` and `NAME.key`.
pub fn certificates(dir: &Path, names: &[&str]) {
    let write = |name: String, text: String| std::fs::write(dir.join(name), text).unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let issuer = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    write("ca.pem".into(), issuer.pem());
    for name in names {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![(*name).to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, *name);
        write(format!("{name}.pem"), params.signed_by(&key, &issuer).unwrap().pem());
        write(format!("{name}.key"), key.serialize_pem());
    }
}

/// rsyslogd in a folder of its own, which sends on what is written to its socket. Ended when dropped.
pub struct Rsyslog {
    dir: tempfile::TempDir,
    process: Child,
}

impl Rsyslog {
    /// With these modules and global settings, and `action` without its template.
    pub fn start(settings: &str, action: &str) -> Rsyslog {
        let action = format!(
            "action({action} target=\"127.0.0.1\" template=\"RSYSLOG_TraditionalForwardFormat\" \
             action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\")\n"
        );
        Rsyslog::acting(settings, &action)
    }

    /// With these settings and whole actions.
    pub fn acting(settings: &str, actions: &str) -> Rsyslog {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{0}\")\n{settings}\nmodule(load=\"imuxsock\" SysSock.Use=\"off\" SysSock.RateLimit.Interval=\"0\")\n\
             input(type=\"imuxsock\" Socket=\"{1}\" CreatePath=\"on\" UseSysTimeStamp=\"off\" RateLimit.Interval=\"0\")\n\
             {actions}",
            dir.path().display(),
            at("log"),
        );
        std::fs::write(at("rsyslog.conf"), config).unwrap();
        let program = if Path::new("/usr/sbin/rsyslogd").is_file() { "/usr/sbin/rsyslogd" } else { "rsyslogd" };
        let process = Command::new(program)
            .env("TZ", "UTC")
            .args(["-n", "-f", &at("rsyslog.conf"), "-i", &at("pid")])
            .spawn()
            .unwrap();
        let rsyslog = Rsyslog { process, dir };
        let end = Instant::now() + Duration::from_secs(20);
        while !rsyslog.dir.path().join("log").exists() {
            assert!(Instant::now() < end, "rsyslog did not open its socket");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        rsyslog
    }

    /// Over syslog TCP in this framing.
    pub fn tcp(port: u16, framing: &str) -> Rsyslog {
        Rsyslog::start("", &format!("type=\"omfwd\" port=\"{port}\" protocol=\"tcp\" TCP_Framing=\"{framing}\""))
    }

    /// Over TLS with the driver `gtls` (GnuTLS) or `ossl` (OpenSSL) and the certificate of this name.
    pub fn tls(driver: &str, port: u16, certificates: &Path, name: &str) -> Rsyslog {
        let at = |name: &str| certificates.join(name).display().to_string();
        let settings = format!(
            "global(DefaultNetstreamDriver=\"{driver}\" DefaultNetstreamDriverCAFile=\"{}\" \
             DefaultNetstreamDriverCertFile=\"{}\" DefaultNetstreamDriverKeyFile=\"{}\")",
            at("ca.pem"),
            at(&format!("{name}.pem")),
            at(&format!("{name}.key"))
        );
        let action = format!(
            "type=\"omfwd\" port=\"{port}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" StreamDriver=\"{driver}\" \
             StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"localhost\""
        );
        Rsyslog::start(&settings, &action)
    }

    /// Over RELP; with certificates, over TLS.
    pub fn relp(port: u16, certificates: Option<(&Path, &str)>) -> Rsyslog {
        let tls = certificates.map(|(dir, name)| {
            let at = |name: String| dir.join(name).display().to_string();
            format!(
                "tls=\"on\" tls.caCert=\"{}\" tls.myCert=\"{}\" tls.myPrivKey=\"{}\" tls.authMode=\"name\" \
                 tls.permittedPeer=[\"localhost\"]",
                at("ca.pem".into()),
                at(format!("{name}.pem")),
                at(format!("{name}.key"))
            )
        });
        let action = format!("type=\"omrelp\" port=\"{port}\" {}", tls.unwrap_or_default());
        Rsyslog::start("module(load=\"omrelp\")", &action)
    }

    /// Hands it a line, through `logger`.
    pub fn write(&self, line: &str) {
        let socket = self.dir.path().join("log");
        let status =
            Command::new("logger").env("TZ", "UTC").arg("-u").arg(socket).args(["-t", "sshd", line]).status().unwrap();
        assert!(status.success());
    }

    /// Hands it every line of a file.
    pub fn write_file(&self, file: &Path) {
        let socket = self.dir.path().join("log");
        let mut command = Command::new("logger");
        let status =
            command.env("TZ", "UTC").arg("-u").arg(socket).args(["-t", "sshd", "-f"]).arg(file).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
