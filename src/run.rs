//! `sekisho run`: until SIGTERM, Ctrl-C, or a failure. SIGHUP takes over changed rules and ledgers.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::apart::Roles;
use crate::cli::{Configured, Role};
use crate::collect;
use crate::commands::DONE;
use crate::config::Config;
use crate::pipeline::Pipeline;
use crate::revision::Loaded;
use crate::setup;

/// Runs the pipeline of a configuration.
pub fn run(args: &Configured) -> Result<u8> {
    let mut config = Config::load(&args.config)?;
    if let Some(data) = &args.data {
        config.keep_in(data.clone());
    }
    if collect::is_wanted(args, &config) {
        return collect::run(config);
    }
    let roles = Roles::of(&args.role, &config)?;
    ensure!(config.forward.is_none(), "[forward] is for a collector; say --role collect, or leave [forward] out");
    let pages = if roles.has(Role::Serve) { Some(config.dashboards.listen) } else { args.metrics };
    let loaded = Loaded::from(&config)?;
    setup::report(&loaded.problems);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut pipeline = Pipeline::start(config, loaded, &roles, pages).await?;
        for bound in &pipeline.bound {
            tracing::info!(listener = %bound, "listening");
        }
        if let Some(address) = pipeline.pages {
            tracing::info!(url = format!("http://{address}/"), "pages");
        }
        let failure = loop {
            tokio::select! {
                _ = terminate.recv() => break None,
                _ = tokio::signal::ctrl_c() => break None,
                error = pipeline.failed() => break Some(error),
                _ = hangup.recv() => {
                    let reloader = Arc::clone(&pipeline.reloader);
                    // The outcome is told in the log and on the pages.
                    tokio::task::spawn_blocking(move || reloader.reload().ok());
                }
            }
        };
        tracing::info!("stopping: what was received is finished first");
        let stopped = pipeline.stop().await;
        match failure {
            Some(error) => Err(error),
            None => stopped.map(|()| DONE),
        }
    })
}
