//! `sekisho accounting`

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::accounting::Book;
use crate::cli::DataDir;
use crate::commands::{DONE, FAILED, output};
use crate::config::Config;

/// The data folder that the arguments name.
///
/// # Errors
/// Neither a configuration nor a folder was named, or the configuration cannot be read.
pub fn data_dir(place: &DataDir) -> Result<PathBuf> {
    match (&place.config, &place.data) {
        (Some(config), _) => Ok(Config::load(config)?.data),
        (None, Some(data)) => Ok(data.clone()),
        (None, None) if std::path::Path::new("data/sekisho.db").exists() => Ok("data".into()),
        (None, None) => bail!("say where the data is: --config FILE or --data DIR"),
    }
}

/// Prints the figures of every source; fails when they do not balance.
pub fn run(place: &DataDir) -> Result<u8> {
    let book = Book::read(&data_dir(place)?.join("accounting.json"))?;
    let mut out = output(None)?;
    writeln!(
        out,
        "{:<12} {:<16} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
        "tenant", "source", "received", "indexed", "filtered", "in flight", "unparsed", "retired"
    )?;
    let mut total = 0;
    for row in &book.sources {
        total += row.received;
        writeln!(
            out,
            "{:<12} {:<16} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
            row.tenant,
            row.source,
            row.received,
            row.indexed,
            row.filtered,
            row.in_flight,
            row.parse_failures,
            row.retired
        )?;
    }
    writeln!(
        out,
        "{total} received as of {}; {}",
        book.as_of,
        if book.balanced { "balanced" } else { "NOT BALANCED" }
    )?;
    out.flush()?;
    Ok(if book.balanced { DONE } else { FAILED })
}
