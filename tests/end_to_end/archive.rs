//! The archive on a real S3 server (moto, which `.ci/run` puts into `target/moto`), and on a folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::service::{BINARY, Service, free_port, needs_file, sekisho};

const MINUTE: &str = "object_seconds_max = 60\nobject_bytes_max = 65536\n";

/// A server with bucket `sekisho`; its keys are `access` and `secret` in the folder. Killed when dropped.
struct Bucket {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Bucket {
    fn start(python: &Path) -> Bucket {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/archive/bucket.py");
        let mut command = Command::new(python);
        command.arg(script).arg(port.to_string()).arg(dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the server did not start");
        Bucket { process, port, dir }
    }

    fn table(&self, access: &Path) -> String {
        format!(
            "[archive]\nurl = \"s3://sekisho/town\"\nendpoint = \"http://127.0.0.1:{}\"\nallow_http = true\n\
             access_key_file = {access:?}\nsecret_key_file = {:?}\n{MINUTE}",
            self.port,
            self.dir.path().join("secret"),
        )
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin/python3")
}

fn archive(service: &Service, args: &[&str]) -> Output {
    let config = service.path("sekisho.toml");
    Command::new(BINARY).arg("archive").args(args).arg("--config").arg(config).output().unwrap()
}

fn objects(service: &Service) -> usize {
    let out = archive(service, &["list"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().skip(1).count()
}

/// Lines that do not compress, so that objects end by their size.
fn send(service: &Service, first: u32, count: u32) {
    let now = jiff::Timestamp::now().strftime("%b %e %H:%M:%S").to_string();
    let line = |n: u32| {
        let noise: String = (0..40u32).map(|at| format!("{:08x}", blake(n, at))).collect();
        format!("<38>{now} web sshd[{n}]: Failed password for user{n} from 203.0.113.9 port 4 ssh2 {noise}\n")
    };
    let lines: String = (first..first + count).map(line).collect();
    service.send(lines.trim_end());
}

fn blake(n: u32, at: u32) -> u32 {
    let mut x = u64::from(n) << 32 | u64::from(at) | 1;
    for _ in 0..4 {
        x = (x ^ x >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (x >> 32) as u32
}

fn ready(service: &Service) -> String {
    ureq::get(format!("{}ready", service.url)).call().unwrap().body_mut().read_to_string().unwrap()
}

/// What was archived is verified, and detection on what was fetched of it finds what the stream's own records give.
fn is_whole(service: &Service) {
    let out = archive(service, &["verify"]);
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let fetched = service.path("fetched");
    let to = fetched.display().to_string();
    let out = archive(service, &["fetch", "--out", &to]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!archive(service, &["fetch", "--out", &to]).status.success(), "a folder that is not empty is refused");
    let config = service.path("sekisho.toml").display().to_string();
    let matches = |data: &Path| {
        let data = data.display().to_string();
        let rules = service.path("rules").display().to_string();
        let args = ["detect", "--config", &config, "--rules", &rules, "--data", &data, "--emit", "matches"];
        String::from_utf8(sekisho(&args)).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (archived, all) = (matches(&fetched), matches(&service.data()));
    assert!(archived.len() > 500, "{} matches in the archive", archived.len());
    assert_eq!(archived[..], all[..archived.len()], "the same records in the same order");
}

fn write_rule(service: &Service) {
    std::fs::create_dir_all(service.path("rules")).unwrap();
    std::fs::write(
        service.path("rules/any.yml"),
        "title: Any logon\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b19\nlogsource:\n    product: linux\n\
         detection:\n    selection:\n        source.ip: 203.0.113.9\n    condition: selection\nlevel: low\n",
    )
    .unwrap();
}

#[test]
fn a_bucket_holds_each_record_once_through_kills_and_tells_wrong_keys() {
    if !needs_file(&python()) {
        return;
    }
    let bucket = Bucket::start(&python());
    let access = bucket.dir.path().join("used");
    let (right, secret) = (bucket.dir.path().join("access"), bucket.dir.path().join("secret"));
    std::fs::write(&access, "nobody-by-this-name\n").unwrap();
    let mut service = Service::start_with(&bucket.table(&access));
    write_rule(&service);
    send(&service, 0, 1_000);
    service.wait_for("a word about the keys", || ready(&service).contains("is not archived"));
    let told = ready(&service);
    let out = archive(&service, &["list"]);
    let said = format!("{told}{}{}", String::from_utf8_lossy(&out.stderr), service.log());
    assert!(!out.status.success() && said.contains("access_key_file"), "{said}");
    for hidden in ["nobody-by-this-name", std::fs::read_to_string(&secret).unwrap().trim()] {
        assert!(!said.contains(hidden), "{said}");
    }

    // The keys are read anew with each try.
    std::fs::copy(&right, &access).unwrap();
    service.wait_for("objects", || objects(&service) > 1);
    service.wait_for("no trouble", || !ready(&service).contains("is not archived"));
    for round in 1..4 {
        let before = objects(&service);
        send(&service, round * 1_000, 1_000);
        service.wait_for("one more object", || objects(&service) > before);
        service.kill_and_restart();
    }
    let before = objects(&service);
    send(&service, 4_000, 1_000);
    service.wait_for("more objects", || objects(&service) > before);
    service.stop();
    is_whole(&service);
}

#[test]
fn a_folder_holds_each_record_once_and_harm_is_named() {
    let nas = tempfile::tempdir().unwrap();
    let table = format!("[archive]\nurl = \"file://{}\"\n{MINUTE}", nas.path().display());
    let mut service = Service::start_with(&table);
    write_rule(&service);
    for round in 0..3 {
        let before = objects(&service);
        send(&service, round * 1_000, 1_000);
        service.wait_for("an object", || objects(&service) > before);
        service.kill_and_restart();
    }
    service.stop();
    is_whole(&service);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(nas.path().join("raw/0")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    std::fs::remove_file(&files[1]).unwrap();
    let out = archive(&service, &["verify"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1));
    let next = files[2].file_name().unwrap().to_str().unwrap();
    assert!(said.contains(next) && said.contains("objects are missing"), "{said}");
}
