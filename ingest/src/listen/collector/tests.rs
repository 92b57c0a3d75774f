//! A collector and a centre in one process, over real TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stream::log::{Log, LogConfig};
use stream::{Record, RecordKind, Topic};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::tests::sources_of;
use super::super::{ListenConfig, Listeners, listen};
use crate::Sink;
use crate::collect::Collectors;
use crate::forward::{self, ForwardConfig};

fn certificates(dir: &Path, names: &[&str]) {
    let write = |name: String, text: String| std::fs::write(dir.join(name), text).unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    write("ca.pem".into(), issuer.pem());
    for name in names {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![(*name).to_owned()]).unwrap();
        write(format!("{name}.pem"), params.signed_by(&key, &issuer).unwrap().pem());
        write(format!("{name}.key"), key.serialize_pem());
    }
}

struct Centre {
    log: Log,
    listeners: Listeners,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Centre {
    async fn start(dir: &Path, bind: SocketAddr) -> Centre {
        let log = Log::open(LogConfig::in_dir(dir.join("centre"))).unwrap();
        let at = |name: &str| dir.join(name).display().to_string();
        let config: ListenConfig = toml::from_str(&format!(
            "[[listener]]\nkind='collector'\nbind='{bind}'\ntls={{certificate={:?}, key={:?}, client_ca={:?}}}\n",
            at("localhost.pem"),
            at("localhost.key"),
            at("ca.pem")
        ))
        .unwrap();
        let sources = sources_of("[[collector]]\nid='c1'\ntenant='town'\n");
        let collectors = Arc::new(Collectors::open(&dir.join("collectors.json"), &log).unwrap());
        let (cancel, tasks, registry) = (CancellationToken::new(), TaskTracker::new(), prometheus::Registry::new());
        let sink: Arc<dyn Sink> = Arc::new(log.clone());
        let listeners =
            listen(config, sources, sink, Some(collectors), &registry, cancel.clone(), &tasks).await.unwrap();
        Centre { log, listeners, cancel, tasks }
    }

    fn lines(&self) -> Vec<String> {
        let mut reader = self.log.reader(Topic::Raw, 0, 0).unwrap();
        let mut lines = Vec::new();
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            let own = batch.iter().filter(|record| record.source == "fw");
            lines.extend(own.map(|record| String::from_utf8(record.raw.to_vec()).unwrap()));
        }
        lines
    }

    async fn has(&self, count: usize) {
        let enough = async {
            while self.lines().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), enough).await.unwrap();
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.unwrap();
        self.log.close();
    }
}

fn forward_config(dir: &Path, to: SocketAddr, name: &str) -> ForwardConfig {
    let text = format!(
        "to='{to}'\nserver_name='localhost'\nca='ca.pem'\ncertificate='{name}.pem'\nkey='{name}.key'\nbytes_max=16777216\n"
    );
    let mut config: ForwardConfig = toml::from_str(&text).unwrap();
    config.resolve(dir);
    config
}

fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers
        .map(|number| Record {
            kind: RecordKind::Data,
            tenant: "town".into(),
            source: "fw".into(),
            peer: None,
            received: jiff::Timestamp::now().into(),
            raw: number.to_string().into(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_spools_is_at_the_centre_once_however_often_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), &["localhost", "c1", "c2"]);
    let centre = Centre::start(dir.path(), "127.0.0.1:0".parse().unwrap()).await;
    let to = centre.listeners.bound[0].address;
    let spool =
        Log::open(LogConfig { segment_bytes: 64 << 10, ..LogConfig::in_dir(dir.path().join("spool")) }).unwrap();
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    let config = forward_config(dir.path(), to, "c1");
    let begin = |cancel: &CancellationToken| {
        forward::start(&config, &Arc::default(), &spool, dir.path(), Arc::new(Notify::new()), cancel.clone(), &tasks)
            .unwrap()
    };
    let figures = begin(&cancel);
    let append = |numbers| spool.append(Topic::Raw, 0, records(numbers)).unwrap().wait().unwrap();
    append(0..20_000);
    centre.has(20_000).await;
    centre.stop().await;
    append(20_000..20_010);
    let centre = Centre::start(dir.path(), to).await;
    centre.has(20_010).await;
    cancel.cancel();
    append(20_010..20_020);
    let cancel = CancellationToken::new();
    begin(&cancel);
    centre.has(20_020).await;
    assert!(centre.lines().iter().enumerate().all(|(n, line)| *line == n.to_string()), "in order, each once");
    assert!(figures.lock().unwrap().acknowledged >= 20_000);
    // Somebody else's certificate, though the same authority signed it, brings nothing.
    let other = forward_config(dir.path(), to, "c2");
    let dir2 = tempfile::tempdir().unwrap();
    let other =
        forward::start(&other, &Arc::default(), &spool, dir2.path(), Arc::new(Notify::new()), cancel.clone(), &tasks)
            .unwrap();
    let refused = async {
        while !other.lock().unwrap().last_error.as_deref().is_some_and(|error| error.contains("refused")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.unwrap();
    assert_eq!(centre.lines().len(), 20_020);
    cancel.cancel();
    centre.stop().await;
}
