//! `sekisho.toml`: every part's own configuration put together, and checked whole before anything is opened.
//!
//! Paths in the file are relative to the file. A key that no part knows is refused by name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file it was read from.
    #[serde(skip)]
    pub file: PathBuf,
    /// Where everything is kept. Default `data`.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// Folder with one folder per tenant. Default `tenants`.
    #[serde(default = "default_tenants")]
    pub tenants: PathBuf,
    /// The sources. Default `sources.toml`.
    #[serde(default = "default_sources")]
    pub sources: PathBuf,
    /// Folders of Sigma rules; the built-in rules when empty.
    #[serde(default)]
    pub rules: Vec<PathBuf>,
    /// Use cases that apply to no tenant here.
    #[serde(default)]
    pub rules_not_applicable: Vec<String>,
    /// Use cases whose rules judge every tenant here, though they are off by default.
    #[serde(default)]
    pub rules_on_extra: Vec<String>,
    /// MMDB files that tell countries and networks of public addresses; none unless given.
    #[serde(default)]
    pub geoip: Vec<PathBuf>,
    /// Where revisions of rules and ledgers are kept; `revisions` below `data` unless given. Processes whose roles are apart
    /// need one folder that all of them see.
    pub revisions: Option<PathBuf>,
    /// Threads of role `process` where roles are apart, 1 to 1,024; one for each core unless given.
    pub workers: Option<u32>,
    /// The stream.
    #[serde(default)]
    pub stream: stream::log::LogConfig,
    /// The index.
    #[serde(default)]
    pub store: store::StoreConfig,
    /// Where what was received is kept for years; nowhere else than in the stream unless given.
    pub archive: Option<store::archive::ArchiveConfig>,
    /// Listeners.
    #[serde(default)]
    pub listen: ingest::ListenConfig,
    /// Where a collector pushes to.
    pub forward: Option<ingest::forward::ForwardConfig>,
    /// Pages.
    #[serde(default)]
    pub dashboards: dashboards::Config,
    /// Delivery.
    #[serde(default)]
    pub oncall: oncall::Config,
}

fn default_data() -> PathBuf {
    "data".into()
}

fn default_tenants() -> PathBuf {
    "tenants".into()
}

fn default_sources() -> PathBuf {
    "sources.toml".into()
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Names the file, the line and the key.
    pub fn load(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read {}; `sekisho init DIR --model alpha` writes one", path.display()))?;
        let mut config: Config =
            toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.resolve(base);
        config.file = path.to_path_buf();
        let problems = config.problems();
        anyhow::ensure!(problems.is_empty(), "{}: {}", path.display(), problems.join("; "));
        Ok(config)
    }

    /// Makes every path absolute or relative to the working folder, given the folder of the file.
    fn resolve(&mut self, base: &Path) {
        let lists = self.rules.iter_mut().chain(&mut self.geoip).chain(&mut self.revisions);
        for path in [&mut self.data, &mut self.tenants, &mut self.sources].into_iter().chain(lists) {
            *path = base.join(&*path);
        }
        self.listen.resolve(base);
        if let Some(forward) = &mut self.forward {
            forward.resolve(base);
        }
        self.stream.kafka.resolve(base);
        self.store.resolve(base);
        if let Some(archive) = &mut self.archive {
            archive.resolve(base);
        }
        self.keep_in(self.data.clone());
    }

    /// Keeps everything in this folder.
    pub fn keep_in(&mut self, data: PathBuf) {
        self.stream.dir = data.join("stream");
        self.store.dir = data.join("store");
        self.data = data;
    }

    /// The folder with the revisions.
    pub fn revisions(&self) -> PathBuf {
        self.revisions.clone().unwrap_or_else(|| self.data.join("revisions"))
    }

    /// What is out of range in the parts' own configurations.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = Vec::new();
        let wrong = self.workers.filter(|workers| !(1..=1_024).contains(workers));
        problems.extend(wrong.map(|workers| format!("workers = {workers} is not in 1..=1024")));
        problems.extend(self.stream.validate().err().map(|error| format!("[stream] {error}")));
        problems.extend(self.store.validate().err().map(|error| format!("[store] {error}")));
        problems.extend(self.archive.as_ref().and_then(|archive| archive.validate().err()).map(|e| e.to_string()));
        problems.extend(self.dashboards.validate().err().map(|error| format!("[dashboards] {error}")));
        problems.extend(self.oncall.validate().err().map(|error| format!("[oncall] {error}")));
        problems.extend(self.forward.as_ref().and_then(|forward| forward.validate().err()).map(|e| e.to_string()));
        problems
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("sekisho.db")
    }

    /// Where it is noted how far the archive is.
    pub fn archived(&self) -> PathBuf {
        self.data.join("archive.json")
    }

    /// Where the worker writes its accounting once a second.
    pub fn accounting(&self) -> PathBuf {
        self.data.join("accounting.json")
    }

    /// Where it stands how far each collector has come.
    pub fn collectors(&self) -> PathBuf {
        self.data.join("collectors.json")
    }

    /// Where a collector writes how far it has pushed.
    pub fn forwarding(&self) -> PathBuf {
        self.data.join("forward.json")
    }

    /// Where senders that no source claims are written down.
    pub fn senders(&self) -> PathBuf {
        self.data.join("senders.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn every_example_loads_whole() {
        for name in ["alpha-town", "internet-only", "kafka", "prefecture"] {
            let config = Config::load(&root().join("config").join(name).join("sekisho.toml")).unwrap();
            let sources = ingest::Sources::load(&config.sources).unwrap();
            config.listen.validate(&sources).unwrap();
            let tenants = detect::Tenants::load(&config.tenants).unwrap();
            for source in sources.iter() {
                assert!(tenants.get(&source.tenant).is_some(), "{name}: {} is no tenant", source.tenant);
            }
        }
    }

    #[test]
    fn every_toml_in_the_documents_loads() {
        let mut blocks = 0;
        for entry in std::fs::read_dir(root().join("docs")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
                let place = format!("{}:\n{block}", path.display());
                if block.starts_with("# sekisho.toml") {
                    toml::from_str::<Config>(block).unwrap_or_else(|error| panic!("{place}\n{error}"));
                    blocks += 1;
                } else if block.starts_with("# sources.toml") {
                    let dir = tempfile::tempdir().unwrap();
                    let file = dir.path().join("sources.toml");
                    std::fs::write(&file, block).unwrap();
                    ingest::Sources::load(&file).unwrap_or_else(|error| panic!("{place}\n{error}"));
                    blocks += 1;
                }
            }
        }
        assert!(blocks > 0, "the documents show no configuration");
    }

    #[test]
    fn a_wrong_key_is_named() {
        let wrong = toml::from_str::<Config>("[store]\nretention = 3\n").unwrap_err().to_string();
        assert!(wrong.contains("retention"), "{wrong}");
    }
}
