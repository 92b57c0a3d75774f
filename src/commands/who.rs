//! `sekisho who`: the terminal and the person that held an address at an instant, by what DHCP servers, RADIUS servers and
//! sign-ins logged. See `store::Binding` for how long each is believed.

use std::io::Write;

use anyhow::Result;
use store::{Store, StoreConfig};
use stream::Timestamp;

use crate::cli::Who;
use crate::commands::accounting::data_dir;
use crate::commands::search::{escaped, instant, note_holder};
use crate::commands::{DONE, FAILED, output};

/// Prints one line for each lease, session and sign-in; exit 1 when nothing says who it was.
pub fn run(args: &Who) -> Result<u8> {
    let data = data_dir(&args.place)?;
    note_holder(&data);
    let config = StoreConfig { dir: data.join("store"), ..StoreConfig::default() };
    let searcher = Store::open_read_only(config)?.searcher();
    let now = Timestamp::from(jiff::Timestamp::now());
    let at = args.at.as_deref().map_or(Ok(now), |text| instant(text, now))?;
    let bindings = searcher.bindings(&args.tenant, args.address, at)?;
    let mut out = output(None)?;
    for binding in &bindings {
        let row = serde_json::json!({
            "kind": binding.kind.as_str(),
            "host": binding.host,
            "user": binding.user,
            "mac": binding.mac,
            "since": binding.since.to_string(),
            "until": binding.until.to_string(),
            "event": binding.event.to_string(),
        });
        writeln!(out, "{}", escaped(&row.to_string()))?;
    }
    out.flush()?;
    if bindings.is_empty() {
        eprintln!("no DHCP, RADIUS or sign-in record says who held {} at {at}", args.address);
        return Ok(FAILED);
    }
    Ok(DONE)
}
