//! The `sekisho` command: wiring only.
//!
//! Exit status: 0 done, 1 a check failed, 2 usage or configuration, 70 internal error.

// Nothing outside a binary can reach its items; `pub` here means "for the other modules".
#![allow(unreachable_pub)]

mod accounting;
mod adopt;
mod apart;
mod authority;
mod builtin;
mod cli;
mod collect;
mod commands;
mod config;
mod correlate;
mod coverage;
mod demo;
mod generate;
mod health;
mod judge;
mod lag;
mod matches;
mod matching;
mod pipeline;
mod raised;
mod reload;
mod revision;
mod run;
mod setup;
mod sink;
mod tally;
mod views;
mod worker;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Usage or configuration is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = fail::FailScenario::setup();
    let cli = Cli::parse();
    start_logging(&cli.command);
    match dispatch(&cli.command) {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sekisho: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn dispatch(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Init(args) => commands::init::run(args),
        Command::Run(args) => run::run(args),
        Command::Check(args) => commands::check::run(args),
        Command::Parse(args) => commands::parse::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Reparse(args) => commands::reparse::run(args),
        Command::Archive(args) => commands::archive::run(args),
        Command::Detect(args) => commands::detect::run(args),
        Command::Search(args) => commands::search::run(args),
        Command::Hunt(args) => commands::hunt::run(args),
        Command::Who(args) => commands::who::run(args),
        Command::Rules(args) => commands::rules::run(args),
        Command::Generate(args) => commands::generate::run(args),
        Command::Accounting(args) => commands::accounting::run(args),
        Command::User(args) => commands::user::run(args),
        Command::Source(args) => commands::source::run(args),
        Command::Collector(args) => commands::collector::run(args),
        Command::Token(args) => commands::token::run(args),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "sekisho", &mut commands::output(None)?);
            Ok(commands::DONE)
        }
        Command::Man => {
            let mut out = commands::output(None)?;
            clap_mangen::Man::new(Cli::command()).render(&mut out)?;
            out.flush()?;
            Ok(commands::DONE)
        }
    }
}

/// Our own log goes to stderr, in colour when that is a terminal; `SEKISHO_LOG` sets the level (`info`, `store=debug`).
fn start_logging(command: &Command) {
    let quiet = !matches!(command, Command::Run(_));
    let default = if quiet { "warn" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEKISHO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    builder.with_target(false).init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
