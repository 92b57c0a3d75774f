//! Takes over changed rules, ledgers and sources while running: all of them or, when anything is wrong, none.
//!
//! The change is a record in the stream, so it happens between two records and a replay repeats it there. Listeners
//! read their certificates again and go by the sources as they are declared now; they keep the addresses they listen on
//! and, for HTTP, the tokens they started with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Result, bail};
use dashboards::AppState;
use stream::log::Log;

use crate::config::Config;
use crate::revision::{self, Loaded, Revisions};
use crate::views;

/// Reloads one running pipeline.
pub struct Reloader {
    log: Log,
    revisions: Arc<Revisions>,
    /// The configuration's file.
    file: PathBuf,
    /// What judges the newest record. Held while reloading: one at a time.
    current: Mutex<Arc<Loaded>>,
    listeners: ingest::Listeners,
    pages: OnceLock<AppState>,
}

/// What a reload did.
#[derive(Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Nothing differs from what is in use.
    Same,
    /// This revision judges from now on.
    Changed(String),
}

impl Reloader {
    /// For a pipeline that was started with this.
    pub fn new(
        log: Log,
        revisions: Arc<Revisions>,
        config: &Config,
        loaded: Arc<Loaded>,
        listeners: ingest::Listeners,
    ) -> Reloader {
        let (file, current) = (config.file.clone(), Mutex::new(loaded));
        Reloader { log, revisions, file, current, listeners, pages: OnceLock::new() }
    }

    /// Shows what is in use on these pages, now and after every reload, and lets them ask for one.
    pub fn show_on(self: &Arc<Self>, pages: &mut AppState) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        show(pages, &current);
        drop(self.pages.set(pages.clone()));
        let weak = Arc::downgrade(self);
        pages.reload = Some(Arc::new(move || {
            let reloader = weak.upgrade().ok_or("the pipeline is stopping")?;
            match reloader.reload() {
                Ok(Reloaded::Same) => Ok("unchanged".into()),
                Ok(Reloaded::Changed(revision)) => Ok(revision),
                Err(error) => Err(format!("{error:#}")),
            }
        }));
    }

    /// Reads the configuration's files again and lets them judge what is received from now on.
    ///
    /// # Errors
    /// Anything is wrong in any of them: then nothing changes.
    pub fn reload(&self) -> Result<Reloaded> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.load(&current);
        match &outcome {
            Ok(None) => tracing::info!(revision = current.revision, "reload: nothing has changed"),
            Ok(Some(loaded)) => {
                tracing::info!(revision = loaded.revision, before = current.revision, "reload: in use from here on");
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "reload refused; what was in use stays in use"),
        }
        let Some(loaded) = outcome? else { return Ok(Reloaded::Same) };
        if let Some(pages) = self.pages.get() {
            show(pages, &loaded);
        }
        *current = Arc::clone(&loaded);
        Ok(Reloaded::Changed(loaded.revision.clone()))
    }

    fn load(&self, current: &Loaded) -> Result<Option<Arc<Loaded>>> {
        let config = Config::load(&self.file)?;
        let loaded = Loaded::from(&config)?;
        if !loaded.problems.is_empty() {
            let listed: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
            bail!("{} rules are wrong:\n{}", listed.len(), listed.join("\n"));
        }
        let same = loaded.revision == current.revision;
        let loaded = Arc::new(loaded);
        if !same {
            self.revisions.keep(&config, Arc::clone(&loaded))?;
        }
        // The last step that can refuse; certificates are renewed even where nothing else has changed.
        self.listeners.renew(&loaded.sources)?;
        if same {
            return Ok(None);
        }
        revision::announce(&self.log, &loaded.revision, jiff::Timestamp::now().into())?;
        Ok(Some(loaded))
    }
}

fn show(pages: &AppState, loaded: &Loaded) {
    pages.rules.store(Arc::new(views::rules(&loaded.rules, &loaded.sources)));
    pages.tenants.store(Arc::new(views::tenants(&loaded.tenants)));
}
