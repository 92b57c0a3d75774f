//! Files from a collector's writer, through a folder that loses, repeats and delays them.

use std::sync::Mutex;

use ring::signature::KeyPair as _;
use stream::log::{Log, LogConfig};
use stream::{Record, RecordKind, Topic};
use tokio_util::task::TaskTracker;

use super::super::{declared::Declared, file};
use super::*;
use crate::forward::{self, ForwardConfig};

struct Place {
    dir: tempfile::TempDir,
    spool: Log,
    centre: Log,
    folder: Folder,
}

/// A collector that writes into `out`, and a centre that reads `in`; the test is the link.
fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(dir.path().join("c1.key"), key.serialize_pem()).unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    let public = forward::folder::signing_key(&dir.path().join("c1.key")).unwrap().public_key().as_ref().to_vec();
    let open =
        |name: &str| Log::open(LogConfig { fsync_ms_max: 0, ..LogConfig::in_dir(dir.path().join(name)) }).unwrap();
    let (spool, centre) = (open("spool"), open("centre"));
    let declared = Declared {
        id: "c1".into(),
        tenant: "town".into(),
        sources: Vec::new(),
        certificate: vec!["c1".into()],
        interrupted_after: Duration::from_secs(60),
        public_key: Some(public),
    };
    let sources = Sources::with_collectors(vec![declared]);
    let folder = Folder {
        path: dir.path().join("in"),
        gap_after: Duration::from_millis(50),
        sources: Arc::new(ArcSwap::from_pointee(sources)),
        collectors: Arc::new(Collectors::open(&dir.path().join("collectors.json"), &centre).unwrap()),
        sink: Arc::new(centre.clone()),
        waiting: BTreeMap::new(),
    };
    Place { dir, spool, centre, folder }
}

impl Place {
    /// Lets the collector write one file of these records; gives its path.
    async fn write(&self, numbers: std::ops::Range<u64>) -> PathBuf {
        let out = self.dir.path().join("out");
        let before = list(&out).unwrap_or_default();
        let records = numbers.map(|number| Record {
            kind: RecordKind::Data,
            tenant: "town".into(),
            source: "fw".into(),
            peer: None,
            received: now(),
            raw: number.to_string().into(),
        });
        let mut config: ForwardConfig = toml::from_str("to_folder='out'\nid='c1'\nkey='c1.key'").unwrap();
        config.resolve(self.dir.path());
        let (cancel, tasks, room) = (CancellationToken::new(), TaskTracker::new(), Arc::default());
        let dir = self.dir.path();
        let figures: Arc<Mutex<_>> =
            forward::start(&config, &Arc::default(), &self.spool, dir, room, cancel.clone(), &tasks).unwrap();
        // What is in a log before it is a spool is not the spool's.
        self.spool.append(Topic::Raw, 0, records.collect()).unwrap().wait().unwrap();
        let written = async {
            while figures.lock().unwrap().acknowledged < self.spool.end_offset(Topic::Raw, 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), written).await.unwrap();
        cancel.cancel();
        tasks.close();
        tasks.wait().await;
        let new = list(&out).unwrap().into_iter().find(|path| !before.contains(path) && !is_alive(path));
        new.unwrap()
    }

    fn deliver(&self, path: &Path) {
        std::fs::copy(path, self.dir.path().join("in").join(path.file_name().unwrap())).unwrap();
    }

    async fn look(&mut self) {
        for _ in 0..3 {
            self.folder.look(&CancellationToken::new()).await.unwrap();
        }
    }

    /// Numbers in the centre's log, and what was told.
    fn found(&self) -> (Vec<u64>, Vec<String>) {
        let mut reader = self.centre.reader(Topic::Raw, 0, 0).unwrap();
        let (mut numbers, mut told) = (Vec::new(), Vec::new());
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            for record in batch.iter().filter(|record| record.kind == RecordKind::Data) {
                let text = std::str::from_utf8(record.raw).unwrap();
                match record.source {
                    "fw" => numbers.push(text.parse().unwrap()),
                    _ => {
                        let line: serde_json::Value = serde_json::from_str(text).unwrap();
                        told.push(line["event.action"].as_str().unwrap().to_owned());
                    }
                }
            }
        }
        (numbers, told)
    }
}

fn is_alive(path: &Path) -> bool {
    path.to_str().unwrap().ends_with("-alive.sekisho")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_waited_for_told_and_filled_in() {
    let mut place = place();
    let files = [place.write(0..10).await, place.write(10..20).await, place.write(20..30).await];
    assert!(files[1].to_str().unwrap().ends_with("-00000000000000000010.sekisho"), "{files:?}");
    place.deliver(&files[0]);
    place.deliver(&files[0]);
    place.deliver(&files[2]);
    place.look().await;
    assert_eq!(place.found(), ((0..10).collect(), vec!["collector-started".to_owned()]), "what follows waits");
    tokio::time::sleep(Duration::from_millis(60)).await;
    place.look().await;
    assert_eq!(place.found().1, ["collector-started", "collector-gap"]);
    place.deliver(&files[0]);
    place.deliver(&files[1]);
    place.look().await;
    let (numbers, told) = place.found();
    assert_eq!(numbers, (0..10).chain(20..30).chain(10..20).collect::<Vec<_>>(), "each once");
    assert_eq!(told, ["collector-started", "collector-gap", "collector-gap-closed"]);
    assert!(list(&place.folder.path).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_collector_goes_aside() {
    let mut place = place();
    let file = place.write(0..10).await;
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(place.folder.path.join("c1-changed.sekisho"), &bytes).unwrap();
    std::fs::write(place.folder.path.join("x.sekisho"), "nothing").unwrap();
    let hello = super::super::wire::Hello { spool: Default::default(), base: 0, start: 0, end: 0 };
    let forged = file::seal("c1", hello, &[Frame::Status { end: 9, held_bytes: 0 }], &file::tests::key(3));
    std::fs::write(place.folder.path.join("forged.sekisho"), forged).unwrap();
    place.look().await;
    assert_eq!(place.found(), (vec![], vec![]));
    assert_eq!(std::fs::read_dir(place.folder.path.join("refused")).unwrap().count(), 3);
    place.deliver(&file);
    place.look().await;
    assert_eq!(place.found().0.len(), 10);
}
