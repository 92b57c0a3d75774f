//! A real syslog-ng that sends on what is written to its socket, over TLS.
//!
//! Its package cannot be installed beside rsyslog's, so it may also lie unpacked in `target/syslog-ng`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::service::needs_file;

/// Where the program is installed or unpacked.
fn root() -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/syslog-ng");
    [unpacked, "/".into()].into_iter().find(|root| root.join("usr/sbin/syslog-ng").is_file())
}

/// Whether it is there. Says so and gives false otherwise; with `SEKISHO_REQUIRE=all` that fails.
pub fn needed() -> bool {
    if root().is_some() {
        return true;
    }
    assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "syslog-ng is not installed");
    println!("skipped: needs syslog-ng");
    false
}

/// Whether its HTTP module is there too.
pub fn needed_with_http() -> bool {
    needed() && needs_file(&modules(&root().unwrap()).join("libhttp.so"))
}

/// The folder of its modules.
fn modules(root: &Path) -> PathBuf {
    let folders = std::fs::read_dir(root.join("usr/lib/syslog-ng")).unwrap().map(|entry| entry.unwrap().path());
    folders.filter(|path| path.join("libafsocket.so").is_file()).last().unwrap()
}

/// syslog-ng in a folder of its own. Ended when dropped.
pub struct SyslogNg {
    dir: tempfile::TempDir,
    process: Child,
}

impl SyslogNg {
    /// With the driver `syslog` (RFC 5424, octet counting) or `network` (RFC 3164, lines), to this port over TLS.
    pub fn tls(driver: &str, port: u16, certificates: &Path, name: &str) -> SyslogNg {
        let file = |name: String| certificates.join(name).display().to_string();
        let (ca, certificate, key) = (file("ca.pem".into()), file(format!("{name}.pem")), file(format!("{name}.key")));
        SyslogNg::start(&format!(
            "{driver}(\"localhost\" port({port}) transport(\"tls\") tls(ca-file(\"{ca}\")\n\
             cert-file(\"{certificate}\") key-file(\"{key}\") peer-verify(required-trusted)));"
        ))
    }

    /// With the driver `http`, to Elasticsearch's `_bulk` at this port: twenty documents a request.
    pub fn bulk(port: u16, token: &str) -> SyslogNg {
        SyslogNg::start(&format!(
            "http(url(\"http://127.0.0.1:{port}/_bulk\") method(\"POST\") user(\"any\") password(\"{token}\")\n\
             headers(\"Content-Type: application/x-ndjson\") batch-lines(20) batch-timeout(500) batch-bytes(1Mb) workers(1)\n\
             body(\"{{\\\"index\\\":{{\\\"_index\\\":\\\"logs\\\"}}}}\\n$(format-json --leave-initial-dot message=\\\"${{DATE}} ${{HOST}} ${{MSGHDR}}${{MSG}}\\\")\\n\"));"
        ))
    }

    fn start(driver: &str) -> SyslogNg {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let more =
            if driver.starts_with("http") { "@module http\n@module json-plugin\n@module basicfuncs\n" } else { "" };
        let config = format!(
            "@version: 3.38\n@module afsocket\n@module syslogformat\n{more}options {{ stats-freq(0); }};\n\
             source s {{ unix-dgram(\"{}\"); }};\n\
             destination d {{ {driver} }};\n\
             log {{ source(s); destination(d); }};\n",
            at("log")
        );
        std::fs::write(at("syslog-ng.conf"), config).unwrap();
        let root = root().unwrap();
        let below = |path: &str| root.join(path).display().to_string();
        let modules = modules(&root);
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng"].map(below).join(":");
        let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
        command.env("TZ", "UTC").env("LD_LIBRARY_PATH", libraries).arg("--module-path").arg(modules);
        command.args([
            "-F",
            "--no-caps",
            "-f",
            &at("syslog-ng.conf"),
            "-R",
            &at("state"),
            "-p",
            &at("pid"),
            "-c",
            &at("control"),
        ]);
        let syslog_ng = SyslogNg { process: command.spawn().unwrap(), dir };
        let end = Instant::now() + Duration::from_secs(20);
        while !syslog_ng.dir.path().join("log").exists() {
            assert!(Instant::now() < end, "syslog-ng did not open its socket");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        syslog_ng
    }

    /// Hands it a line, through `logger`.
    pub fn write(&self, line: &str) {
        let socket = self.dir.path().join("log");
        let mut command = Command::new("logger");
        assert!(command.env("TZ", "UTC").arg("-u").arg(socket).args(["-t", "sshd", line]).status().unwrap().success());
    }
}

impl Drop for SyslogNg {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
