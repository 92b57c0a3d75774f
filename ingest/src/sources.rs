//! Sources: who sends what, declared in `sources.toml`.
//!
//! ```toml
//! [[source]]
//! tenant = "town"
//! id = "fw-core"
//! product = "fortinet_fortigate"      # a name that `sekisho parse --source` knows
//! file = "logs/town/fw-core.log"      # for detect and import
//! tz = "Asia/Tokyo"                   # of times that name no zone
//! charset = "auto"                    # auto, utf-8, cp932, euc-jp, iso-2022-jp
//! from = ["192.0.2.1"]                # peer addresses, for listeners shared by several sources
//! certificate = ["fw01.town.example"] # names in the sender's certificate, for listeners with client certificates
//! hosts = ["fw01"]                    # syslog host names, where addresses do not tell (one relay for many devices)
//! token_sha256 = ["9f86d0..."]        # for POST /ingest/v1/fw-core: hex SHA-256 of the bearer token
//! silence_after = "15m"               # quiet for longer is reported
//! last_received = "2026-11-03T14:59:59Z"
//! columns = ["日時", "端末名", "-", "source.ip"]  # of product csv; separator = "\t"
//! patterns = ["%{IP:source.ip} %{GREEDYDATA:message}"]  # of product grok
//! ```
//!
//! `[[collector]]` declares who may push records of sources here ([`crate::collect`]). Keys beside these are allowed:
//! other tools may keep theirs here.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use stream::Timestamp;

use crate::charset::Charset;
use crate::collect::declared::{self, Declared};
use crate::products;
use crate::time::Zone;
use crate::{Error, Result};

/// One declared source.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Tenant id.
    pub tenant: String,
    /// Source id, unique within the tenant.
    pub id: String,
    /// Product name as the registry knows it.
    pub product: String,
    /// What the source says of its own format: columns, patterns.
    pub layout: products::Layout,
    /// Log file, relative to the folder of sources.toml.
    pub file: Option<PathBuf>,
    /// The zone of times that name none.
    pub zone_of_time: Zone,
    /// Charset.
    pub charset: Charset,
    /// For an imported file: when its last line was received; settles the year of lines without one.
    pub last_received: Option<Timestamp>,
    /// Network zone the device stands in.
    pub zone: Option<String>,
    /// How long it may be quiet.
    pub silence_after: Option<Duration>,
    /// Peer addresses it sends from.
    pub from: Vec<IpAddr>,
    /// Names in the certificate that it shows: of its alternative names, else its common name; in lower case.
    pub certificate: Vec<String>,
    /// Host names that its syslog headers carry; they choose a source only within a listener's own tenant.
    pub hosts: Vec<String>,
    /// Hex SHA-256 of the bearer tokens it may use.
    pub token_sha256: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    source: Vec<Entry>,
    #[serde(default)]
    collector: Vec<declared::Entry>,
}

#[derive(Deserialize)]
struct Entry {
    tenant: String,
    id: String,
    product: String,
    file: Option<PathBuf>,
    #[serde(default)]
    tz: String,
    #[serde(default)]
    charset: String,
    last_received: Option<String>,
    zone: Option<String>,
    silence_after: Option<String>,
    #[serde(default)]
    from: Vec<IpAddr>,
    #[serde(default)]
    certificate: Names,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    token_sha256: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
    separator: Option<char>,
    #[serde(default)]
    patterns: Vec<String>,
}

/// One name or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Names::Several(Vec::new())
    }
}

impl Names {
    pub(crate) fn in_lower_case(self) -> Vec<String> {
        let names = match self {
            Names::One(name) => vec![name],
            Names::Several(names) => names,
        };
        names.into_iter().map(|name| name.to_ascii_lowercase()).collect()
    }
}

impl SourceConfig {
    /// A nameless source of one product, for `parse` and `detect`.
    ///
    /// # Errors
    /// The product, zone or charset does not exist.
    pub fn of_product(product: &str, tz: &str, charset: &str) -> Result<SourceConfig> {
        let entry = Entry {
            tenant: String::new(),
            id: product.to_owned(),
            product: product.to_owned(),
            file: None,
            tz: tz.to_owned(),
            charset: charset.to_owned(),
            last_received: None,
            zone: None,
            silence_after: None,
            from: Vec::new(),
            certificate: Names::default(),
            hosts: Vec::new(),
            token_sha256: Vec::new(),
            columns: Vec::new(),
            separator: None,
            patterns: Vec::new(),
        };
        SourceConfig::try_from(entry).map_err(Error::Config)
    }
}

impl TryFrom<Entry> for SourceConfig {
    type Error = String;

    fn try_from(entry: Entry) -> Result<SourceConfig, String> {
        let (name, mut layout) = products::Layout::split(&entry.product);
        let Some(product) = products::product(name) else {
            return Err(format!("no product `{}`; known are {}", entry.product, known_products()));
        };
        if !entry.columns.is_empty() {
            layout.columns = entry.columns;
        }
        layout.separator = entry.separator;
        layout.patterns.extend(entry.patterns);
        product.parser_with(&layout)?;
        let tz = if entry.tz.is_empty() { "Asia/Tokyo" } else { &entry.tz };
        let Some(charset) = Charset::from_name(&entry.charset) else {
            return Err(format!("no charset `{}`; write auto, utf-8, cp932, euc-jp or iso-2022-jp", entry.charset));
        };
        if let Some(wrong) =
            entry.token_sha256.iter().find(|hash| hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(format!("token_sha256 holds {} characters; write the 64 hex digits of SHA-256", wrong.len()));
        }
        Ok(SourceConfig {
            zone_of_time: time_zone(tz)?,
            charset,
            last_received: entry.last_received.as_deref().map(instant).transpose()?,
            silence_after: entry.silence_after.as_deref().map(|text| duration("silence_after", text)).transpose()?,
            product: product.name.to_owned(),
            layout,
            tenant: entry.tenant,
            id: entry.id,
            file: entry.file,
            zone: entry.zone,
            from: entry.from,
            certificate: entry.certificate.in_lower_case(),
            hosts: entry.hosts,
            token_sha256: entry.token_sha256,
        })
    }
}

/// All declared sources.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<SourceConfig>,
    by_name: HashMap<String, HashMap<String, usize>>,
    by_peer: HashMap<IpAddr, usize>,
    collectors: Vec<Declared>,
}

impl Sources {
    /// The most sources one file declares.
    pub const MAX: usize = 100_000;

    /// Reads `sources.toml`.
    ///
    /// # Errors
    /// Names the file and the entry, and what to write instead.
    pub fn load(path: &Path) -> Result<Sources> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Sources::parse(&text).map_err(|what| Error::Config(format!("{}: {what}", path.display())))
    }

    fn parse(text: &str) -> Result<Sources, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.source.len() > Self::MAX {
            return Err(format!("{} sources; at most {} are read", file.source.len(), Self::MAX));
        }
        let mut list = Vec::new();
        for (index, entry) in file.source.into_iter().enumerate() {
            let place = format!("source {} ({}/{})", index + 1, entry.tenant, entry.id);
            list.push(SourceConfig::try_from(entry).map_err(|what| format!("{place}: {what}"))?);
        }
        let mut collectors: Vec<Declared> = Vec::new();
        for entry in file.collector {
            let place = format!("collector {}", entry.id);
            let (collector, source) = entry.declare().map_err(|what| format!("{place}: {what}"))?;
            let same = |other: &Declared| {
                other.id == collector.id || other.certificate.iter().any(|name| collector.certificate.contains(name))
            };
            if collectors.iter().any(same) {
                return Err(format!("{place}: another collector has this id or certificate name; each has its own"));
            }
            collectors.push(collector);
            list.push(source);
        }
        Ok(Sources { collectors, ..Sources::from_list(list)? })
    }

    /// Puts sources together.
    ///
    /// # Errors
    /// Two have the same name or the same address.
    pub fn from_list(list: Vec<SourceConfig>) -> Result<Sources, String> {
        let mut sources = Sources { list, ..Sources::default() };
        let mut certificates = HashSet::new();
        for (index, source) in sources.list.iter().enumerate() {
            let of_tenant = sources.by_name.entry(source.tenant.clone()).or_default();
            if of_tenant.insert(source.id.clone(), index).is_some() {
                return Err(format!("{}/{} is declared twice; give each source its own id", source.tenant, source.id));
            }
            for address in &source.from {
                if sources.by_peer.insert(*address, index).is_some() {
                    return Err(format!("{address} is the address of two sources; each address belongs to one"));
                }
            }
            for name in &source.certificate {
                if name.is_empty() || !certificates.insert(name) {
                    return Err(format!("certificate name `{name}` is empty or of two sources; each belongs to one"));
                }
            }
        }
        Ok(sources)
    }

    /// These collectors and no source, for tests.
    #[cfg(test)]
    pub(crate) fn with_collectors(collectors: Vec<Declared>) -> Sources {
        Sources { collectors, ..Sources::default() }
    }

    /// The source of this tenant and id.
    pub fn get(&self, tenant: &str, id: &str) -> Option<&SourceConfig> {
        self.position(tenant, id).map(|index| &self.list[index])
    }

    /// Every declared collector.
    pub fn collectors(&self) -> &[Declared] {
        &self.collectors
    }

    /// The collector whose certificate has one of these names.
    pub fn collector_of(&self, names: &[String]) -> Option<&Declared> {
        self.collectors.iter().find(|collector| collector.certificate.iter().any(|name| names.contains(name)))
    }

    /// The source that sends from this address.
    pub fn by_peer(&self, peer: IpAddr) -> Option<&SourceConfig> {
        self.by_peer.get(&peer).map(|index| &self.list[*index])
    }

    /// The sources of this id, whatever their tenant.
    pub(crate) fn of_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a SourceConfig> {
        self.by_name.values().filter_map(move |of_tenant| of_tenant.get(id)).map(|index| &self.list[*index])
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &SourceConfig> {
        self.list.iter()
    }

    pub(crate) fn position(&self, tenant: &str, id: &str) -> Option<usize> {
        self.by_name.get(tenant)?.get(id).copied()
    }
}

fn known_products() -> String {
    let names: Vec<&str> = products::PRODUCTS.iter().map(|product| product.name).collect();
    names.join(", ")
}

fn time_zone(name: &str) -> Result<Zone, String> {
    Zone::named(name).ok_or_else(|| format!("no time zone `{name}`; write Asia/Tokyo or UTC"))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| {
        format!("last_received `{text}` is not a time; write RFC 3339, for example 2026-11-03T14:59:59Z")
    })
}

pub(crate) fn duration(key: &str, text: &str) -> Result<Duration, String> {
    let wrong = || format!("{key} `{text}` is not a duration; write 90s, 15m or 2h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        "d" => number.saturating_mul(86_400),
        _ => return Err(wrong()),
    };
    if (1..=366 * 86_400).contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_are_sources_of_their_own() {
        let text = "[[source]]\ntenant='t'\nid='fw'\nproduct='squid'\n\
                    [[collector]]\nid='c1'\ntenant='t'\ncertificate=['C1.zone.example']\nsilence_after='5m'\n";
        let sources = Sources::parse(text).unwrap();
        assert_eq!(sources.collector_of(&["c1.zone.example".into()]).unwrap().id, "c1");
        assert!(sources.collector_of(&["c1".into()]).is_none());
        assert_eq!(sources.get("t", "collector-c1").unwrap().silence_after, Some(Duration::from_secs(300)));
        let again = format!("{text}[[collector]]\nid='c2'\ntenant='t'\ncertificate='c1.zone.example'\n");
        assert!(Sources::parse(&again).unwrap_err().contains("collector c2"));
        let taken = "[[source]]\ntenant='t'\nid='collector-c1'\nproduct='squid'\n[[collector]]\nid='c1'\ntenant='t'\n";
        assert!(Sources::parse(taken).unwrap_err().contains("declared twice"));
    }

    #[test]
    fn a_file_is_read_and_faults_name_their_place() {
        let good = "[[source]]\ntenant=\"t\"\nid=\"fw\"\nproduct=\"fortigate\"\nsilence_after=\"15m\"\ncertificate=\"FW.town.example\"\nfrom=[\"192.0.2.1\"]\nmore=1\n";
        let sources = Sources::parse(good).unwrap();
        let source = sources.get("t", "fw").unwrap();
        assert_eq!(source.product, "fortinet_fortigate");
        assert_eq!(source.silence_after, Some(Duration::from_secs(900)));
        assert_eq!(source.certificate, ["fw.town.example"]);
        assert_eq!(sources.by_peer("192.0.2.1".parse().unwrap()).unwrap().id, "fw");
        for (text, expected) in [
            ("[[source]]\ntenant=\"t\"\nid=\"a\"\nproduct=\"nothing\"\n", "source 1 (t/a): no product `nothing`"),
            ("[[source]]\ntenant=\"t\"\nid=\"a\"\nproduct=\"squid\"\ntz=\"Mars\"\n", "no time zone `Mars`"),
            ("[[source]]\ntenant=\"t\"\nid=\"a\"\nproduct=\"squid\"\ncertificate=[\"a\",\"A\"]\n", "`a`"),
            ("[[source]]\ntenant=\"t\"\nid=\"a\"\nproduct=\"squid\"\nsilence_after=\"1 week\"\n", "silence_after"),
        ] {
            let wrong = Sources::parse(text).unwrap_err();
            assert!(wrong.contains(expected), "{wrong}");
        }
        assert!(Sources::parse(&format!("{good}{good}")).unwrap_err().contains("declared twice"));
    }
}
