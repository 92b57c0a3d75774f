//! Indicators of compromise (`ioc.csv`), looked up by address, domain suffix, URL and file hash.
//!
//! Defanged spellings (`hxxp://`, `example[.]com`) are read as what they stand for. A domain matches itself and
//! everything below it; a URL matches exactly, scheme and host in any case; a hash is MD5, SHA-1 or SHA-256 in hex.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use stream::Timestamp;

use super::{Ledger, LedgerRow, plain};
use crate::hash::Map;
use crate::zones::prefix::{self, PrefixTable};

/// The indicators of one tenant.
#[derive(Debug, Default)]
pub struct Indicators {
    rows: Vec<LedgerRow>,
    addresses: PrefixTable<u32>,
    domains: Map<Box<str>, Vec<u32>>,
    /// Of the domains, so that most names need no look-up.
    traits: Traits,
    urls: Map<Box<str>, Vec<u32>>,
    hashes: Map<Box<str>, Vec<u32>>,
}

impl Indicators {
    pub(super) fn build(ledger: &Ledger) -> Indicators {
        let mut addresses: Vec<(IpNet, u32)> = Vec::new();
        let mut all = Indicators { rows: ledger.rows().to_vec(), ..Indicators::default() };
        for (index, row) in ledger.rows().iter().enumerate() {
            let (index, value) = (index as u32, refang(ledger.cell(row, "value")));
            match &*plain(ledger.cell(row, "type")) {
                "ip" | "cidr" => {
                    addresses.extend(prefix::parse(&value).into_iter().flatten().map(|net| (net, index)));
                }
                "domain" => {
                    let domain = plain_domain(&value);
                    all.traits.note(&domain);
                    all.domains.entry((&*domain).into()).or_default().push(index);
                }
                "url" => all.urls.entry((&*plain_url(&value)).into()).or_default().push(index),
                _ => all.hashes.entry((&*plain(&value)).into()).or_default().push(index),
            }
        }
        all.addresses = PrefixTable::build(addresses);
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The indicator for an address, the longest prefix first.
    pub fn ip(&self, ip: IpAddr, at: Timestamp) -> Option<&LedgerRow> {
        self.addresses.covering(ip).find_map(|indexes| self.holding(indexes, at))
    }

    /// The indicator for a domain or one that encloses it, the longest first.
    pub fn domain(&self, domain: &str, at: Timestamp) -> Option<&LedgerRow> {
        if self.domains.is_empty() {
            return None;
        }
        let domain = plain_domain(domain);
        let may_be = |suffix: &&str| self.traits.fit(suffix);
        suffixes(&domain).filter(may_be).find_map(|suffix| self.holding(self.domains.get(suffix)?, at))
    }

    /// The indicator for a URL.
    pub fn url(&self, url: &str, at: Timestamp) -> Option<&LedgerRow> {
        if self.urls.is_empty() {
            return None;
        }
        self.holding(self.urls.get(&*plain_url(url))?, at)
    }

    /// The indicator for a file hash in hex.
    pub fn hash(&self, hash: &str, at: Timestamp) -> Option<&LedgerRow> {
        if self.hashes.is_empty() {
            return None;
        }
        self.holding(self.hashes.get(&*plain(hash))?, at)
    }

    fn holding(&self, indexes: &[u32], at: Timestamp) -> Option<&LedgerRow> {
        indexes.iter().map(|index| &self.rows[*index as usize]).find(|row| row.holds(at))
    }
}

/// Which lengths texts have together with which first and last bytes, 1024 ways: what none of a few thousand texts looks
/// like is none of them.
#[derive(Debug, Default)]
struct Traits([u64; 16]);

impl Traits {
    fn of(text: &str) -> usize {
        let bytes = text.as_bytes();
        let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
        (text.len() * 37 + usize::from(first) * 5 + usize::from(last)) % 1024
    }

    fn note(&mut self, text: &str) {
        let at = Self::of(text);
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn fit(&self, text: &str) -> bool {
        let at = Self::of(text);
        self.0[at / 64] >> (at % 64) & 1 == 1
    }
}

/// A domain and everything that encloses it, longest first: `a.example.jp`, `example.jp`, `jp`.
pub(super) fn suffixes(domain: &str) -> impl Iterator<Item = &str> {
    let dot = |domain: &str| domain.bytes().position(|byte| byte == b'.');
    std::iter::successors(Some(domain), move |domain| dot(domain).map(|at| &domain[at + 1..]))
        .filter(|suffix| !suffix.is_empty())
}

/// A domain as it is compared: refanged, lower case, without `*.` before and a dot behind.
pub(super) fn plain_domain(text: &str) -> Cow<'_, str> {
    let trimmed = |text: &str| {
        let start = text.trim_start_matches("*.").trim_start_matches('.');
        let from = text.len() - start.len();
        from..from + start.trim_end_matches('.').len()
    };
    let (first, last) = (text.as_bytes().first(), text.as_bytes().last());
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'_'))
        && first != Some(&b'.')
        && last != Some(&b'.')
        && !text.starts_with("hxxp")
    {
        // Most of them: as it is compared already.
        return Cow::Borrowed(text);
    }
    match plain(text) {
        Cow::Borrowed(text) if !is_defanged(text) => Cow::Borrowed(&text[trimmed(text)]),
        text => {
            let text = refang(&text);
            Cow::Owned(text[trimmed(&text)].to_owned())
        }
    }
}

/// Whether the text is a domain of at least two labels (RFC 1123 section 2.1; underscores are seen in practice).
pub(super) fn is_domain(text: &str) -> bool {
    let domain = plain_domain(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label) && domain.parse::<IpAddr>().is_err()
}

/// Checks the value of an indicator of a type.
pub(super) fn check(kind: &str, value: &str) -> Result<(), (String, String)> {
    let refanged = refang(value);
    let wrong = |what: &str| format!("`{value}` is not {what}");
    match &*plain(kind) {
        "ip" | "cidr" => match prefix::parse(&refanged) {
            Ok(_) => Ok(()),
            Err(message) => Err((message, prefix::PREFIX_ADVICE.into())),
        },
        "domain" if !is_domain(value) => Err((wrong("a domain"), "write it like bad.example".into())),
        "url" if !refanged.contains("://") => Err((wrong("a URL"), "write it with its scheme, http://...".into())),
        "hash" => {
            let hex = plain(value);
            let good = matches!(hex.len(), 32 | 40 | 64) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            if good { Ok(()) } else { Err((wrong("a hash"), "write MD5, SHA-1 or SHA-256 in hex".into())) }
        }
        _ => Ok(()),
    }
}

/// Whether [`refang`] may change it.
fn is_defanged(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'[' | b'(')) || text.get(..4).is_some_and(is_hxxp)
}

fn is_hxxp(head: &str) -> bool {
    head.eq_ignore_ascii_case("hxxp")
}

fn refang(text: &str) -> String {
    let text = text.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":");
    match text.get(..4) {
        Some(head) if is_hxxp(head) => format!("http{}", &text[4..]),
        _ => text,
    }
}

/// A URL as it is compared: scheme and host in lower case.
fn plain_url(text: &str) -> Cow<'_, str> {
    let text = match text.trim() {
        text if is_defanged(text) => Cow::Owned(refang(text)),
        text => Cow::Borrowed(text),
    };
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let head = &text[..scheme.len() + 3 + host.len()];
    if !path.is_empty() && !head.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return text;
    }
    Cow::Owned(format!(
        "{}://{}{}",
        scheme.to_ascii_lowercase(),
        host.to_ascii_lowercase(),
        if path.is_empty() { "/" } else { path }
    ))
}
