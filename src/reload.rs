//! Takes over changed rules, ledgers and sources while running: all of them or, when anything is wrong, none.
//!
//! The change is a record in the stream, so it happens between two records and a replay repeats it there. Listeners
//! read their certificates again and go by the sources as they are declared now; they keep the addresses they listen on
//! and, for HTTP, the tokens they started with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use dashboards::{Adoption, AdoptionWish, AppState, UnknownLive};
use ingest::Sources;
use stream::log::Log;

use crate::adopt::{self, Wish};
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
    /// Whether this process tells the stream; where roles are apart, one does.
    announces: bool,
    /// What the pages show as declared.
    sources: Arc<ArcSwap<Sources>>,
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
        announces: bool,
    ) -> Reloader {
        let sources = Arc::new(ArcSwap::from(Arc::clone(&loaded.sources)));
        let (file, current) = (config.file.clone(), Mutex::new(loaded));
        Reloader { log, revisions, file, current, listeners, announces, sources, pages: OnceLock::new() }
    }

    /// The sources as they are declared now.
    pub fn sources(&self) -> Arc<ArcSwap<Sources>> {
        Arc::clone(&self.sources)
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
        pages.adoption = Some(Arc::new(Unclaimed { file: self.file.clone(), reloader: Arc::downgrade(self) }));
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
        self.sources.store(Arc::clone(&loaded.sources));
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
        if !same && self.announces {
            self.revisions.keep(&config, Arc::clone(&loaded))?;
        }
        // The last step that can refuse; certificates are renewed even where nothing else has changed.
        self.listeners.renew(&loaded.sources)?;
        if same {
            return Ok(None);
        }
        if !self.announces {
            return Ok(Some(loaded));
        }
        revision::announce(&self.log, &loaded.revision, jiff::Timestamp::now().into())?;
        Ok(Some(loaded))
    }
}

/// Unknown senders for the pages, and how one becomes a source of the running process.
struct Unclaimed {
    file: PathBuf,
    reloader: Weak<Reloader>,
}

impl Adoption for Unclaimed {
    fn unknown(&self) -> Result<Vec<UnknownLive>, String> {
        let senders = Config::load(&self.file).and_then(|config| adopt::unclaimed(&config));
        Ok(senders.map_err(|error| format!("{error:#}"))?.iter().map(views::unknown).collect())
    }

    fn adopt(&self, wish: &AdoptionWish) -> Result<String, String> {
        let reloader = self.reloader.upgrade().ok_or("the pipeline is stopping")?;
        let wish = Wish {
            address: wish.address,
            id: wish.id.clone(),
            tenant: Some(wish.tenant.clone()),
            product: Some(wish.product.clone()),
            hosts: Vec::new(),
            tz: None,
            charset: None,
            zone: None,
        };
        let adopted = Config::load(&self.file).and_then(|config| {
            let adopted = adopt::adopt(&wish, &config)?;
            reloader.reload().context("it is declared in sources.toml, and not in use yet")?;
            Ok(adopted)
        });
        adopted.map(|adopted| adopted.to_string()).map_err(|error| format!("{error:#}"))
    }
}

fn show(pages: &AppState, loaded: &Loaded) {
    pages.rules.store(Arc::new(views::rules(&loaded.rules, &loaded.sources)));
    pages.tenants.store(Arc::new(views::tenants(&loaded.tenants)));
}
