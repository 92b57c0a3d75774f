//! One module per subcommand; each is a function from its arguments to an exit status.

pub mod accounting;
pub mod archive;
pub mod check;
pub mod collector;
pub mod detect;
pub mod generate;
pub mod hunt;
pub mod import;
pub mod init;
pub mod parse;
pub mod reparse;
pub mod rules;
pub mod search;
pub mod source;
pub mod token;
pub mod user;
pub mod who;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Done.
pub const DONE: u8 = 0;
/// A check failed.
pub const FAILED: u8 = 1;

/// What a pipe on stdout is asked to hold: four times what it usually does, so that it is waited for less often. A process
/// may ask for 1 MiB; where this is refused, or stdout is no pipe, all stays as it is.
const PIPE_BYTES: usize = 1 << 18;

/// Buffered stdout, or a file.
pub fn output(path: Option<&Path>) -> Result<Box<dyn Write>> {
    Ok(match path {
        None => {
            rustix::pipe::fcntl_setpipe_size(io::stdout(), PIPE_BYTES).ok();
            Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
        }
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| format!("create {}", path.display()))?;
            Box::new(BufWriter::with_capacity(1 << 16, file))
        }
    })
}

/// A progress bar on stderr when it is a terminal, else nothing.
pub fn progress(total: u64, unit: &str) -> indicatif::ProgressBar {
    styled(total, &format!("{{bar:30}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} {{eta}}"))
}

/// A progress bar in bytes on stderr, with the rate and the time that is left, when stderr is a terminal; else nothing.
pub fn progress_bytes(total: u64) -> indicatif::ProgressBar {
    styled(total, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

fn styled(total: u64, template: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(total);
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
