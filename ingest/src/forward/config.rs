//! `[forward]` of the configuration: where a collector pushes what it hears.
//!
//! ```toml
//! [forward]
//! to = "192.0.2.10:8687"            # the centre's listener of kind `collector`
//! server_name = "sekisho.example"   # the name in the centre's certificate
//! ca = "tls/ca.pem"                 # who signed that
//! certificate = "tls/lgwan-1.pem"   # ours: the name in it is who we are
//! key = "tls/lgwan-1.key"
//! bytes_max = 10737418240           # of the spool; senders wait while it is full
//! age_max = "30d"                   # older than that is given up, and told
//!
//! [forward]                         # one-way: a link takes the files from here, nothing comes back
//! to_folder = "out"
//! id = "lgwan-1"
//! key = "tls/lgwan-1.key"           # Ed25519; `public_key` of [[collector]] at the centre belongs to it
//!
//! [[forward.filter]]                # of these sources only fields leave, and not these
//! sources = ["town/ad01"]
//! drop = ["user.full_name"]
//! hash = ["user.name"]
//! hash_key = "tls/filter.key"
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::filter::FilterConfig;
use crate::{Error, Result};

/// Where and how a collector pushes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {
    /// Address and port of the centre.
    pub to: Option<SocketAddr>,
    /// Instead of `to`: a folder for signed files, which a one-way link takes from here.
    pub to_folder: Option<PathBuf>,
    /// Who we are, with `to_folder`; over a connection our certificate says it.
    pub id: Option<String>,
    /// The name in the centre's certificate.
    pub server_name: Option<String>,
    /// Authorities that may have signed the centre's certificate, PEM.
    pub ca: Option<PathBuf>,
    /// Our certificate and those between it and its authority, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM, not encrypted.
    pub key: Option<PathBuf>,
    /// Bytes that the spool may take on the disk; while it takes more, senders wait. Default 10 GiB, at least 16 MiB.
    #[serde(default = "bytes_max")]
    pub bytes_max: u64,
    /// Records that wait for longer are given up, which the centre tells as a gap. Default `30d`.
    #[serde(default = "age_max")]
    pub age_max: String,
    /// What may leave of the records of some sources; the others leave as they are.
    #[serde(default)]
    pub filter: Vec<FilterConfig>,
}

fn bytes_max() -> u64 {
    10 << 30
}

fn age_max() -> String {
    "30d".to_owned()
}

/// The least that a spool may take.
const BYTES_MAX_MIN: u64 = 16 << 20;

impl ForwardConfig {
    /// Takes relative paths as relative to this folder.
    pub fn resolve(&mut self, base: &Path) {
        let paths = [&mut self.ca, &mut self.certificate, &mut self.key, &mut self.to_folder];
        for path in paths.into_iter().flatten() {
            *path = base.join(&*path);
        }
        self.filter.iter_mut().for_each(|filter| filter.resolve(base));
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// Names the key, and what to write.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Config(format!("[forward] {what}")));
        if self.bytes_max < BYTES_MAX_MIN {
            return wrong(&format!("bytes_max is {}; write {BYTES_MAX_MIN} or more", self.bytes_max));
        }
        self.age()?;
        for (index, filter) in self.filter.iter().enumerate() {
            filter.validate().or_else(|what| wrong(&format!("filter {}: {what}", index + 1)))?;
        }
        if self.to.is_some() && self.to_folder.is_some() {
            return wrong("`to` and `to_folder`: write one of them");
        }
        let linked = self.to_folder.is_none();
        for (key, missing) in [
            ("to", linked && self.to.is_none()),
            ("server_name", linked && self.server_name.is_none()),
            ("ca", linked && self.ca.is_none()),
            ("certificate", linked && self.certificate.is_none()),
            ("id", !linked && self.id.is_none()),
            ("key", self.key.is_none()),
        ] {
            if missing {
                return wrong(&format!("`{key}` is missing; `sekisho collector add` at the centre says what to write"));
            }
        }
        Ok(())
    }

    /// How long a record may wait.
    ///
    /// # Errors
    /// It is no duration.
    pub fn age(&self) -> Result<Duration> {
        let age = crate::sources::duration("age_max", &self.age_max);
        age.map_err(|what| Error::Config(format!("[forward] {what}")))
    }

    /// Size of the spool's segments: what the centre has is removed in pieces of this.
    pub fn segment_bytes(&self) -> u64 {
        (self.bytes_max / 16).min(64 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let whole = "to='192.0.2.1:8687'\nserver_name='a'\nca='a'\ncertificate='b'\nkey='c'\n";
        let config: ForwardConfig = toml::from_str(whole).unwrap();
        config.validate().unwrap();
        assert_eq!((config.age().unwrap().as_secs(), config.segment_bytes()), (30 * 86_400, 64 << 20));
        for (text, expected) in [
            (whole.replace("ca='a'\n", ""), "`ca`"),
            (whole.replace("to='192.0.2.1:8687'\n", ""), "`to`"),
            (format!("{whole}bytes_max=1\n"), "bytes_max"),
            (format!("{whole}age_max='soon'\n"), "age_max"),
        ] {
            let wrong = toml::from_str::<ForwardConfig>(&text).unwrap().validate().unwrap_err().to_string();
            assert!(wrong.contains(expected), "{wrong}");
        }
        assert!(toml::from_str::<ForwardConfig>("tos='x'").unwrap_err().to_string().contains("tos"));
    }
}
