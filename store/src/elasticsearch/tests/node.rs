//! One OpenSearch node for all tests of the process, started by the first that asks.
//!
//! Needs Java, and Maven once (`tests/opensearch/node.sh`). Skipped by name where they are missing, unless `SEKISHO_REQUIRE=all`.
//! `SEKISHO_TEST_ENGINE=http://127.0.0.1:9200` takes an engine that runs already: another version, or Elasticsearch.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::{ElasticsearchConfig, StoreConfig, StoreKind};

/// The address of a node that the parent process runs.
pub(crate) const URL: &str = "SEKISHO_STORE_TEST_URL";

struct Node {
    url: String,
    /// With the folder of its data. It ends when its standard input does: with this process.
    _process: Option<(Child, tempfile::TempDir)>,
}

static NODE: OnceLock<Option<Node>> = OnceLock::new();

/// A store on the node, under a prefix that no other test has; none where no node can run.
pub(crate) fn config() -> Option<StoreConfig> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = NODE.get_or_init(start).as_ref()?.url.clone();
    let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Some(config_at(url, prefix))
}

/// A store on a node.
pub(crate) fn config_at(url: String, index_prefix: String) -> StoreConfig {
    let elasticsearch = ElasticsearchConfig {
        urls: vec![url],
        index_prefix,
        index_days: 1,
        replicas: 0,
        ..ElasticsearchConfig::default()
    };
    StoreConfig { kind: StoreKind::Elasticsearch, elasticsearch, ..StoreConfig::default() }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/opensearch/node.sh")
}

fn start() -> Option<Node> {
    if let Ok(url) = std::env::var("SEKISHO_TEST_ENGINE") {
        return Some(Node { url, _process: None });
    }
    if !Command::new("bash").arg(script()).arg("jars").status().is_ok_and(|status| status.success()) {
        #[allow(clippy::print_stdout)]
        {
            println!("skipped: needs OpenSearch");
        }
        assert_ne!(std::env::var("SEKISHO_REQUIRE").as_deref(), Ok("all"), "java and maven are not installed");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = File::create(dir.path().join("node.log")).unwrap();
    let process = Command::new("bash")
        .arg(script())
        .arg("run")
        .arg(dir.path())
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let until = Instant::now() + Duration::from_secs(90);
    while ureq::get(&url).call().is_err() {
        let log = std::fs::read_to_string(dir.path().join("node.log")).unwrap_or_default();
        assert!(Instant::now() < until, "OpenSearch does not start:\n{log}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    Some(Node { url, _process: Some((process, dir)) })
}
