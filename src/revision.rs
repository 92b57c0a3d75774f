//! Revisions: which rules, ledgers and sources judged which part of the stream.
//!
//! What detection depends on beside the log is a revision: the rule files, the tenants' folders, the sources, the
//! databases of addresses, and the use cases that do not apply. Its id is the hash of all of it. A control record names the revision that judges the
//! records after it, so a replay judges each record by the one that judged it first. Every revision that was ever in
//! use is one file below `data/revisions`; [`KEPT`] of them are kept, the newest.

mod geoip;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use detect::{Engine, Problem, RuleSet, Tenants};
use ingest::Sources;
use serde::{Deserialize, Serialize};
use stream::log::Log;
use stream::{Record, RecordKind, Timestamp, Topic};

use crate::config::Config;
use crate::{builtin, setup};

/// Revisions whose files are kept.
const KEPT: usize = 200;
/// The most bytes that one revision may hold.
const BYTES_MAX: u64 = 1 << 30;
/// How long a file that another process has written may take to be seen.
const SHARED_MAX: Duration = Duration::from_secs(20);
/// Folders deeper than this hold no ledger and no rule.
const DEPTH_MAX: usize = 16;

/// What detection judges by, read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// Id of the revision.
    pub revision: String,
    /// Zones, flows, ledgers.
    pub tenants: Arc<Tenants>,
    /// Rules.
    pub rules: Arc<RuleSet>,
    /// Source declarations.
    pub sources: Arc<Sources>,
    /// Rules that could not be used.
    pub problems: Vec<Problem>,
    not_applicable: Vec<String>,
    on_extra: Vec<String>,
}

impl Loaded {
    /// Reads everything that the configuration names.
    ///
    /// # Errors
    /// Anything in the ledgers or sources is wrong, or a file changed meanwhile. Bad rules are in
    /// [`Loaded::problems`] and left out.
    pub fn from(config: &Config) -> Result<Loaded> {
        let files = Files::of(config)?;
        let (rules, problems) = setup::load_rules(&config.rules)?;
        let loaded = Loaded {
            revision: files.id(),
            tenants: Arc::new(setup::tenants_of(config)?),
            rules,
            sources: Arc::new(Sources::load(&config.sources)?),
            problems,
            not_applicable: config.rules_not_applicable.clone(),
            on_extra: config.rules_on_extra.clone(),
        };
        ensure!(Files::of(config)?.id() == loaded.revision, "a file changed while it was being read; try again");
        Ok(loaded)
    }

    /// An engine without history that judges by this.
    pub fn engine(&self) -> Engine {
        let mut engine = Engine::new(Arc::clone(&self.rules), Arc::clone(&self.tenants));
        for source in self.sources.iter() {
            if let Some(limit) = source.silence_after {
                engine.set_silence(&source.tenant, &source.id, limit);
            }
        }
        engine.set_not_applicable(&self.not_applicable);
        engine.set_on_extra(&self.on_extra);
        engine
    }
}

/// The revisions of one data folder.
#[derive(Debug)]
pub struct Revisions {
    dir: PathBuf,
    /// Whether other processes write there.
    shared: bool,
    loaded: Mutex<BTreeMap<String, Arc<Loaded>>>,
}

impl Revisions {
    /// The revisions in the folder of this configuration.
    pub fn open(config: &Config) -> Revisions {
        Revisions { dir: config.revisions(), shared: config.revisions.is_some(), loaded: Mutex::default() }
    }

    /// Remembers what was loaded, without writing it: another process does.
    pub fn hold(&self, loaded: Arc<Loaded>) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(loaded.revision.clone(), loaded);
    }

    /// Keeps the files of what was loaded by this configuration, durably.
    ///
    /// # Errors
    /// The disk refused, or a file changed after it was loaded.
    pub fn keep(&self, config: &Config, loaded: Arc<Loaded>) -> Result<()> {
        let path = self.path(&loaded.revision);
        if !path.exists() {
            let files = Files::of(config)?;
            ensure!(files.id() == loaded.revision, "a file changed while it was being read; try again");
            fs::create_dir_all(&self.dir).with_context(|| format!("create {}", self.dir.display()))?;
            geoip::keep(&self.dir, &config.geoip)?;
            files.write(&self.dir, &path).with_context(|| format!("write {}", path.display()))?;
            self.prune(&path)?;
        }
        self.hold(loaded);
        Ok(())
    }

    /// The revision of this id, read back from its file when this process has not loaded it.
    ///
    /// # Errors
    /// Its file is missing or damaged.
    pub fn get(&self, id: &str) -> Result<Arc<Loaded>> {
        if let Some(loaded) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(loaded));
        }
        ensure!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "`{}` is no revision", id.escape_debug());
        let path = self.path(id);
        let until = Instant::now() + SHARED_MAX;
        while self.shared && !path.exists() && Instant::now() < until {
            tracing::warn!(path = %path.display(), "waiting for a revision that the stream names");
            std::thread::park_timeout(SHARED_MAX / 10);
        }
        let loaded = Files::read(&path).and_then(|files| files.load(id, &self.dir));
        let loaded = Arc::new(loaded.with_context(|| format!("revision {}", path.display()))?);
        self.hold(Arc::clone(&loaded));
        Ok(loaded)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.zst"))
    }

    /// Removes the oldest beyond [`KEPT`].
    fn prune(&self, current: &Path) -> Result<()> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                all.push((metadata.modified()?, entry.path()));
            }
        }
        all.sort();
        let surplus = all.len().saturating_sub(KEPT);
        for (_, path) in all.into_iter().take(surplus).filter(|(_, path)| path != current) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        Ok(())
    }
}

/// What a control record says, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Control {
    revision: String,
}

/// Puts the revision into every partition of the stream: it judges the records after this one.
///
/// # Errors
/// The log refused.
pub fn announce(log: &Log, id: &str, now: Timestamp) -> Result<()> {
    let raw = serde_json::to_vec(&Control { revision: id.to_owned() })?;
    for partition in 0..log.partitions(Topic::Raw) {
        let record = Record {
            kind: RecordKind::Control,
            tenant: "".into(),
            source: "control".into(),
            peer: None,
            received: now,
            raw: raw.clone().into(),
        };
        log.append(Topic::Raw, partition, vec![record])?.wait()?;
    }
    Ok(())
}

/// The revision that a control record names.
///
/// # Errors
/// It is no control record of this version.
pub fn announced(raw: &[u8]) -> Result<String> {
    Ok(serde_json::from_slice::<Control>(raw).context("read a control record")?.revision)
}

/// State of detection together with the revision it belongs to, for the database.
pub fn seal(id: &str, state: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(id.len() + 1 + state.len());
    sealed.push(id.len() as u8);
    sealed.extend_from_slice(id.as_bytes());
    sealed.extend_from_slice(state);
    sealed
}

/// What [`seal`] put together; none when it was something else.
pub fn unseal(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = sealed.split_first()?;
    let (id, state) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(id).ok()?, state))
}

/// The files of a revision by their place in it: `sources.toml`, `not_applicable.json`, `on_extra.json` where it says
/// something, `geoip.json` where there are databases of addresses, `tenants/...`, `rules/N/...`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of(config: &Config) -> Result<Files> {
        let mut files = Files(BTreeMap::new());
        let mut room = BYTES_MAX;
        files.take(&config.sources, "sources.toml".into(), &mut room)?;
        files.0.insert("not_applicable.json".into(), serde_json::to_vec(&config.rules_not_applicable)?);
        if !config.rules_on_extra.is_empty() {
            files.0.insert("on_extra.json".into(), serde_json::to_vec(&config.rules_on_extra)?);
        }
        if !config.geoip.is_empty() {
            files.0.insert(geoip::NAMES.into(), serde_json::to_vec(&geoip::digests(&config.geoip)?)?);
        }
        files.walk(&config.tenants, "tenants", &mut room, 0)?;
        if config.rules.is_empty() {
            let rules = builtin::rules_to_load().into_iter();
            files.0.extend(rules.map(|(path, bytes)| (format!("rules/0/{}", path.display()), bytes.to_vec())));
        }
        for (number, dir) in config.rules.iter().enumerate() {
            files.walk(dir, &format!("rules/{number}"), &mut room, 0)?;
        }
        Ok(files)
    }

    fn walk(&mut self, dir: &Path, place: &str, room: &mut u64, depth: usize) -> Result<()> {
        ensure!(depth < DEPTH_MAX, "{}: folders are nested too deep", dir.display());
        for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
            let path = entry.with_context(|| format!("read {}", dir.display()))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // What editors and Excel leave beside an open file is no part of the configuration.
            if name.starts_with(['.', '~']) || name == "samples" {
                continue;
            }
            let place = format!("{place}/{name}");
            if path.is_dir() {
                self.walk(&path, &place, room, depth + 1)?;
            } else {
                self.take(&path, place, room)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, place: String, room: &mut u64) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        *room = room.checked_sub(bytes.len() as u64).with_context(|| {
            format!("{}: rules and ledgers are larger than {} MiB together", path.display(), BYTES_MAX >> 20)
        })?;
        self.0.insert(place, bytes);
        Ok(())
    }

    fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in self.0.iter().flat_map(|(place, bytes)| [place.as_bytes(), bytes]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    fn write(&self, dir: &Path, path: &Path) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        let packed = zstd::encode_all(postcard::to_allocvec(self)?.as_slice(), 3)?;
        file.write_all(&packed)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(dir)?.sync_all()?;
        Ok(())
    }

    fn read(path: &Path) -> Result<Files> {
        let packed = fs::File::open(path)?;
        let mut plain = Vec::new();
        let mut limited = std::io::Read::take(zstd::Decoder::new(packed)?, 2 * BYTES_MAX);
        std::io::Read::read_to_end(&mut limited, &mut plain)?;
        Ok(postcard::from_bytes(&plain)?)
    }

    /// Reads what the files hold, by way of a temporary folder; databases of addresses from beside the revisions.
    fn load(&self, id: &str, revisions: &Path) -> Result<Loaded> {
        ensure!(self.id() == id, "the file does not hold what its name says");
        let dir = tempfile::tempdir().context("create a temporary folder")?;
        for (place, bytes) in &self.0 {
            let safe = Path::new(place).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            ensure!(safe, "`{}` is no place in a revision", place.escape_debug());
            let path = dir.path().join(place);
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, bytes)?;
        }
        let rules = fs::read_dir(dir.path().join("rules"))?.map(|entry| entry.map(|entry| entry.path()));
        let mut rules = rules.collect::<std::io::Result<Vec<PathBuf>>>()?;
        rules.sort();
        let (rules, problems) = setup::load_rules(&rules)?;
        let list = |name: &str| -> Result<Vec<String>> {
            let list = self.0.get(name).map(|bytes| serde_json::from_slice(bytes)).transpose()?;
            Ok(list.unwrap_or_default())
        };
        let geo = setup::geo(&geoip::kept(revisions, &list(geoip::NAMES)?))?;
        Ok(Loaded {
            revision: id.to_owned(),
            tenants: Arc::new(setup::tenants(&dir.path().join("tenants"))?.with_geo(geo)),
            rules,
            sources: Arc::new(Sources::load(&dir.path().join("sources.toml"))?),
            problems,
            not_applicable: list("not_applicable.json")?,
            on_extra: list("on_extra.json")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn town() -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        builtin::write_config("alpha-town", dir.path()).unwrap();
        builtin::write_rules(&dir.path().join("rules")).unwrap();
        let config = Config::load(&dir.path().join("sekisho.toml")).unwrap();
        (dir, config)
    }

    #[test]
    fn a_revision_is_read_back_as_it_was_when_the_files_have_changed() {
        let (dir, mut config) = town();
        config.rules_on_extra = vec!["X21".to_owned()];
        let revisions = Revisions::open(&config);
        let first = Arc::new(Loaded::from(&config).unwrap());
        revisions.keep(&config, Arc::clone(&first)).unwrap();
        let sources = fs::read_to_string(&config.sources).unwrap();
        fs::write(&config.sources, sources.replace("Asia/Tokyo", "UTC") + "\n# changed\n").unwrap();
        let second = Arc::new(Loaded::from(&config).unwrap());
        assert_ne!(first.revision, second.revision);
        revisions.keep(&config, second).unwrap();

        let later = Revisions::open(&config);
        let back = later.get(&first.revision).unwrap();
        assert_eq!(back.revision, first.revision);
        assert_eq!(back.rules.rules().len(), first.rules.rules().len());
        let ids = |loaded: &Loaded| loaded.tenants.ids().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(ids(&back), ids(&first));
        assert_eq!((back.on_extra.as_slice(), back.not_applicable.len()), (&["X21".to_owned()][..], 0));
        drop(dir);
    }

    #[test]
    fn a_damaged_or_missing_revision_is_an_error() {
        let (_dir, config) = town();
        let revisions = Revisions::open(&config);
        let loaded = Arc::new(Loaded::from(&config).unwrap());
        revisions.keep(&config, Arc::clone(&loaded)).unwrap();
        let path = revisions.path(&loaded.revision);
        fs::rename(&path, revisions.path("00ff")).unwrap();
        let fresh = Revisions::open(&config);
        assert!(fresh.get(&loaded.revision).is_err());
        assert!(fresh.get("00ff").is_err(), "the content must be what the name says");
        assert!(fresh.get("../../etc/passwd").is_err());
    }

    #[test]
    fn a_seal_holds_both_parts() {
        assert_eq!(unseal(&seal("00ff", b"state")), Some(("00ff", &b"state"[..])));
        assert_eq!(unseal(&[9, 1]), None);
        assert_eq!(unseal(&[]), None);
    }
}
