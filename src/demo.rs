//! `sekisho demo`: the whole pipeline on generated traffic, in a temporary folder that is removed at the end.
//!
//! Two days that end now are sent through real syslog listeners, with everything planted; then live traffic follows, with
//! another incident every now and then. A small receiver on loopback stands in for the people who are paged.

mod feed;
mod pager;
mod summary;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use store::{ALL_TENANTS, Role};
use stream::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use crate::apart::Roles;
use crate::cli::Demo;
use crate::commands::{DONE, user};
use crate::config::Config;
use crate::generate::{SOURCES, sources_toml};
use crate::pipeline::Pipeline;
use crate::revision::Loaded;
use crate::{builtin, generate, setup};

/// How long the demo waits, after the last line was sent, for everything to be indexed and delivered.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// Runs the demo.
pub fn run(args: &Demo) -> Result<u8> {
    let folder = tempfile::Builder::new().prefix("sekisho-demo-").tempdir().context("create a temporary folder")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(args, folder.path()))
}

async fn play(args: &Demo, folder: &Path) -> Result<u8> {
    let begun = Instant::now();
    let pager = pager::Pager::start().await?;
    let start = yesterday_midnight();
    let config = write_config(folder, args.port, pager.address, start)?;
    let loaded = Loaded::from(&config)?;
    setup::report(&loaded.problems);
    let pages = (!args.headless).then_some(config.dashboards.listen);
    let pipeline = Pipeline::start(config, loaded, &Roles::all(), pages).await?;
    let password = user::add(&pipeline.database, "admin", Role::SystemAdmin, &[ALL_TENANTS.to_owned()])?;
    if let Some(address) = pipeline.pages {
        eprintln!(
            "\n  関所 sekisho demo\n\n  URL       http://127.0.0.1:{}/\n  name      admin\n  password  {password}\n\n  \
             Two days of traffic of three bodies are being sent; live traffic follows. Ctrl-C stops the demo.\n",
            address.port()
        );
    }
    let ports = feed::ports(&pipeline.bound);
    let deadline = args.duration.map(|duration| begun + duration);
    let plan = feed::Plan { start, rate: args.rate, deadline, headless: args.headless };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut pipeline = pipeline;
    let sent = tokio::select! {
        sent = feed::send(plan, ports) => sent?,
        _ = tokio::signal::ctrl_c() => feed::Sent::default(),
        _ = terminate.recv() => feed::Sent::default(),
        error = pipeline.failed() => return Err(error),
    };
    settle(&pipeline, sent.lines).await;
    let summary = summary::Summary::of(&pipeline, &pager, sent)?;
    pipeline.stop().await?;
    summary.print()?;
    Ok(if summary.holds() { DONE } else { crate::commands::FAILED })
}

/// Waits until what was sent is indexed and what pages is delivered.
async fn settle(pipeline: &Pipeline, lines: u64) {
    let end = Instant::now() + SETTLE_MAX;
    loop {
        let book = pipeline.accounting.book(&pipeline.log, jiff::Timestamp::now().into());
        let indexed: u64 = book.sources.iter().map(|row| row.indexed).sum();
        let waiting = pipeline.database.outbox_stats().map_or(0, |stats| stats.pending);
        if Instant::now() >= end || (indexed >= lines && book.log_in_flight == 0 && waiting == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn write_config(folder: &Path, port: u16, pager: SocketAddr, start: Timestamp) -> Result<Config> {
    generate::write_tenants(&folder.join("tenants"), start)?;
    builtin::write_rules(&folder.join("rules"))?;
    std::fs::write(folder.join("sources.toml"), sources_toml(jiff::Timestamp::now().into()))?;
    let mut text = format!(
        "rules = [\"rules\"]\n[dashboards]\nlisten = \"127.0.0.1:{port}\"\nstale_seconds = 30\nrefresh_seconds = 5\n\
         [[oncall.channel]]\nname = \"duty\"\nkind = \"webhook\"\nurl = \"http://{pager}/page\"\n"
    );
    for source in SOURCES {
        text.push_str(&format!(
            "[[listen.listener]]\nkind = \"syslog_tcp\"\nbind = \"127.0.0.1:0\"\ntenant = \"{}\"\nsource = \"{}\"\n",
            source.tenant, source.id
        ));
    }
    let path = folder.join("sekisho.toml");
    std::fs::write(&path, text)?;
    Config::load(&path)
}

fn yesterday_midnight() -> Timestamp {
    const DAY: i64 = 24 * 3600;
    const JAPAN: i64 = 9 * 3600;
    let now = Timestamp::from(jiff::Timestamp::now()).seconds() + JAPAN;
    Timestamp::from_seconds(now.div_euclid(DAY) * DAY - DAY - JAPAN)
}
