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
    /// The stream.
    #[serde(default)]
    pub stream: stream::log::LogConfig,
    /// The index.
    #[serde(default)]
    pub store: store::StoreConfig,
    /// Listeners.
    #[serde(default)]
    pub listen: ingest::ListenConfig,
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
        Ok(config)
    }

    /// Makes every path absolute or relative to the working folder, given the folder of the file.
    fn resolve(&mut self, base: &Path) {
        for path in [&mut self.data, &mut self.tenants, &mut self.sources].into_iter().chain(&mut self.rules) {
            *path = base.join(&*path);
        }
        self.stream.dir = self.data.join("stream");
        self.store.dir = self.data.join("store");
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("sekisho.db")
    }

    /// Where the worker writes its accounting once a second.
    pub fn accounting(&self) -> PathBuf {
        self.data.join("accounting.json")
    }
}
