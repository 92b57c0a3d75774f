//! Senders that no source claims, and how they become sources: for `sekisho source` and for the page 送信元.
//!
//! What such a sender sent is in the stream all the while, under source `unknown`. Adopting it writes a `[[source]]` into
//! sources.toml, checked as a whole before it takes the file's place.

use std::fmt;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use ingest::senders::{UnknownSender, read};
use ingest::{Sources, UNKNOWN};

use crate::config::Config;

/// From this confidence on, in percent, a guessed product is written down unasked.
pub const SURE: u8 = 60;

/// What somebody wants a sender to become.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its address.
    pub address: IpAddr,
    /// The id it gets.
    pub id: String,
    /// Whose it is; the listener's tenant unless given.
    pub tenant: Option<String>,
    /// What it is; what its lines look like unless given.
    pub product: Option<String>,
    /// Known by these host names instead of by its address.
    pub hosts: Vec<String>,
    /// Time zone of times that name none.
    pub tz: Option<String>,
    /// Charset.
    pub charset: Option<String>,
    /// Network zone it stands in.
    pub zone: Option<String>,
}

/// A sender that became a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Tenant id.
    pub tenant: String,
    /// Source id.
    pub id: String,
}

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

/// Senders that sources.toml does not claim, the busiest first.
///
/// # Errors
/// sources.toml or the list of senders cannot be read.
pub fn unclaimed(config: &Config) -> Result<Vec<UnknownSender>> {
    let sources = Sources::load(&config.sources)?;
    let mut senders = read(&config.senders())?;
    senders.retain(|sender| sender.peer.is_none_or(|peer| sources.by_peer(peer).is_none()));
    Ok(senders)
}

/// Declares a sender in sources.toml.
///
/// # Errors
/// Says what is to be added to the wish, or what is wrong with it; sources.toml is as it was.
pub fn adopt(wish: &Wish, config: &Config) -> Result<Adopted> {
    let peer: IpAddr = wish.address.to_canonical();
    let mut seen = read(&config.senders())?.into_iter().filter(|sender| sender.peer == Some(peer));
    let sender = match &wish.tenant {
        Some(tenant) => seen.find(|sender| sender.tenant == *tenant || sender.tenant == UNKNOWN),
        None => seen.next(),
    };
    let of_listener = sender.as_ref().map(|sender| sender.tenant.as_str()).filter(|tenant| *tenant != UNKNOWN);
    let Some(tenant) = wish.tenant.as_deref().or(of_listener) else {
        bail!("the listener does not tell whose {peer} is; say --tenant ID");
    };
    let guess = sender.as_ref().and_then(UnknownSender::guess).filter(|guess| guess.confidence >= SURE);
    let Some(product) = wish.product.as_deref().or(guess.map(|guess| guess.product)) else {
        bail!(
            "what {peer} sends looks like nothing that is known for sure; say --product NAME (docs/sources.md lists them)"
        );
    };
    let mut entry = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| drop(entry.insert(key.to_owned(), value));
    let list = |values: Vec<String>| toml::Value::Array(values.into_iter().map(toml::Value::String).collect());
    set("tenant", tenant.into());
    set("id", wish.id.as_str().into());
    set("product", product.into());
    match wish.hosts.is_empty() {
        true => set("from", list(vec![peer.to_string()])),
        false => set("hosts", list(wish.hosts.clone())),
    }
    for (key, value) in [("tz", &wish.tz), ("charset", &wish.charset), ("zone", &wish.zone)] {
        if let Some(value) = value {
            set(key, value.as_str().into());
        }
    }
    let tenants = crate::setup::tenants(&config.tenants)?;
    ensure!(tenants.get(tenant).is_some(), "{} has no tenant {tenant}", config.tenants.display());
    append(&config.sources, "source", &entry)?;
    Ok(Adopted { tenant: tenant.to_owned(), id: wish.id.clone() })
}

/// Adds the entry to the array of this name, once the file with it is as it should be.
///
/// # Errors
/// The file with the entry would be wrong, or the disk refused; the file is as it was.
pub fn append(sources: &Path, array: &str, entry: &toml::Table) -> Result<()> {
    // Two clicks at once: the second reads what the first wrote.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = fs::canonicalize(sources).with_context(|| format!("read {}", sources.display()))?;
    let mut text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("\n[[{array}]]\n{entry}"));
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".sources").suffix(".toml").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    // The message names the temporary file, whose entries are numbered as they will be.
    let refused = || format!("the {array} cannot be declared like this; sources.toml is as it was");
    Sources::load(file.path()).with_context(refused)?;
    file.persist(&path).with_context(|| format!("write {}", path.display()))?;
    Ok(())
}
