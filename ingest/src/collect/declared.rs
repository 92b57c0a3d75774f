//! `[[collector]]` in `sources.toml`: who may push records here, and whose.
//!
//! ```toml
//! [[collector]]
//! id = "lgwan-1"                      # the name in its certificate, unless `certificate` says others
//! tenant = "town"                     # whose it is: what it brings of anybody else is `unknown` of this tenant
//! sources = ["fw-lgwan", "village/*"] # whose records it may bring; every source of its tenant unless given
//! interrupted_after = "60s"           # silent for longer is told
//! ```
//!
//! A collector is also a source, `collector-<id>` of its tenant: the events about it come under that name.

use std::time::Duration;

use serde::Deserialize;

use super::notes::SOURCE_PREFIX;
use crate::UNKNOWN;
use crate::sources::SourceConfig;

/// The longest id.
const ID_CHARACTERS_MAX: usize = 48;

/// One declared collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its id.
    pub id: String,
    /// Its tenant.
    pub tenant: String,
    /// Sources it may speak for, as tenant and source; `*` is every source. Empty: every source of its tenant.
    pub sources: Vec<(String, String)>,
    /// Names in its certificate, in lower case.
    pub certificate: Vec<String>,
    /// Silent for longer is told.
    pub interrupted_after: Duration,
    /// What its files are signed with, of the one-way mode: an Ed25519 public key.
    pub public_key: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: String,
    tenant: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    certificate: crate::sources::Names,
    interrupted_after: Option<String>,
    silence_after: Option<String>,
    public_key: Option<String>,
}

impl Entry {
    /// The collector, and the source that it is itself.
    pub(crate) fn declare(self) -> Result<(Declared, SourceConfig), String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if self.id.is_empty() || self.id.len() > ID_CHARACTERS_MAX || !self.id.chars().all(allowed) {
            return Err(format!("the id is not 1 to {ID_CHARACTERS_MAX} of a-z 0-9 . _ -"));
        }
        if self.tenant.is_empty() {
            return Err("`tenant` is empty; write whose it is".into());
        }
        let mut sources = Vec::new();
        for name in &self.sources {
            let (tenant, source) = name.split_once('/').unwrap_or((&self.tenant, name));
            if tenant.is_empty() || source.is_empty() {
                return Err(format!("`{name}` is no source; write ID, TENANT/ID or TENANT/*"));
            }
            sources.push((tenant.to_owned(), source.to_owned()));
        }
        let mut certificate = self.certificate.in_lower_case();
        if certificate.is_empty() {
            certificate.push(self.id.clone());
        }
        let interrupted_after = match &self.interrupted_after {
            Some(text) => crate::sources::duration("interrupted_after", text)?,
            None => Duration::from_secs(60),
        };
        let public_key = self.public_key.as_deref().map(key).transpose()?;
        let mut source = SourceConfig::of_product("json", "UTC", "utf-8").map_err(|error| error.to_string())?;
        source.tenant.clone_from(&self.tenant);
        source.id = format!("{SOURCE_PREFIX}{}", self.id);
        source.silence_after =
            self.silence_after.as_deref().map(|text| crate::sources::duration("silence_after", text)).transpose()?;
        let declared =
            Declared { id: self.id, tenant: self.tenant, sources, certificate, interrupted_after, public_key };
        Ok((declared, source))
    }
}

fn key(text: &str) -> Result<Vec<u8>, String> {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|key| key.len() == 32);
    key.ok_or_else(|| "public_key is not 32 bytes of base64; write what `sekisho collector` printed".into())
}

impl Declared {
    /// Whether records of this source may come from it.
    pub fn may_bring(&self, tenant: &str, source: &str) -> bool {
        if source.starts_with(SOURCE_PREFIX) {
            return false;
        }
        if tenant == self.tenant && (source == UNKNOWN || self.sources.is_empty()) {
            return true;
        }
        self.sources.iter().any(|(of, id)| of == tenant && (id == "*" || id == source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare(text: &str) -> Result<Declared, String> {
        toml::from_str::<Entry>(text).map_err(|error| error.to_string())?.declare().map(|(declared, _)| declared)
    }

    #[test]
    fn a_collector_brings_what_is_declared_and_nothing_of_others() {
        let all = declare("id='c1'\ntenant='town'").unwrap();
        assert!(all.may_bring("town", "fw") && all.may_bring("town", "unknown"));
        assert!(!all.may_bring("village", "fw") && !all.may_bring("unknown", "unknown"));
        assert!(!all.may_bring("town", "collector-c2"), "nobody speaks for the notes about collectors");
        let some = declare("id='c1'\ntenant='town'\nsources=['fw','village/*','city/proxy']").unwrap();
        for (tenant, source, may) in [
            ("town", "fw", true),
            ("town", "proxy", false),
            ("town", "unknown", true),
            ("village", "any", true),
            ("city", "proxy", true),
            ("city", "fw", false),
        ] {
            assert_eq!(some.may_bring(tenant, source), may, "{tenant}/{source}");
        }
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, expected) in [
            ("id='C 1'\ntenant='t'", "a-z"),
            ("id='c'\ntenant=''", "tenant"),
            ("id='c'\ntenant='t'\nsources=['/x']", "TENANT/ID"),
            ("id='c'\ntenant='t'\ninterrupted_after='1 week'", "interrupted_after"),
            ("id='c'\ntenant='t'\npublic_key='AAAA'", "32 bytes"),
            ("id='c'\ntenant='t'\nsource='x'", "source"),
        ] {
            let wrong = declare(text).unwrap_err();
            assert!(wrong.contains(expected), "{wrong}");
        }
    }
}
