//! Configuration of the archive: the `[archive]` table of sekisho.toml.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use stream::log::CutLimits;

use crate::{Error, Result};

/// Where what was received is kept for years, beside the stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// `s3://bucket/prefix`, or `file:///folder` (absolute) for a folder that exists, on a NAS for instance.
    pub url: String,
    /// Base URL of an S3-compatible store, `https://s3.example.lg.jp:9000`; AWS's own unless given.
    pub endpoint: Option<String>,
    /// Region. Default `us-east-1`, which stores other than AWS take.
    #[serde(default = "region")]
    pub region: String,
    /// Lets `endpoint` be `http://`: whoever is on the way reads and changes what is archived. Default false.
    #[serde(default)]
    pub allow_http: bool,
    /// The bucket stands in the path and not in the host name. Default true where `endpoint` is given.
    pub path_style: Option<bool>,
    /// File whose first line is the access key; needs `secret_key_file`. Without both, what the environment or the machine's
    /// role gives (`AWS_*`).
    pub access_key_file: Option<PathBuf>,
    /// File whose first line is the secret key.
    pub secret_key_file: Option<PathBuf>,
    /// PEM file with the authorities that the endpoint's certificate may be from; the system's when none is given.
    pub ca: Option<PathBuf>,
    /// Bytes of one object, 64 KiB to 512 MiB, default 64 MiB. Memory: as many per raw partition.
    #[serde(default = "object_bytes_max")]
    pub object_bytes_max: usize,
    /// Seconds of receipt in one object, 60 to 86,400, default 3,600.
    #[serde(default = "object_seconds_max")]
    pub object_seconds_max: u64,
    /// Days after which an object is removed; 0, the default, never does.
    #[serde(default)]
    pub retention_days: u32,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn object_bytes_max() -> usize {
    64 << 20
}

fn object_seconds_max() -> u64 {
    3_600
}

/// What `url` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A bucket and what its names begin with: empty, or without `/` at either end.
    Bucket(String, String),
    /// A folder.
    Folder(PathBuf),
}

impl ArchiveConfig {
    /// An archive at `url` with everything else as it is by default.
    pub fn at(url: impl Into<String>) -> ArchiveConfig {
        ArchiveConfig {
            url: url.into(),
            endpoint: None,
            region: region(),
            allow_http: false,
            path_style: None,
            access_key_file: None,
            secret_key_file: None,
            ca: None,
            object_bytes_max: object_bytes_max(),
            object_seconds_max: object_seconds_max(),
            retention_days: 0,
        }
    }

    /// Takes relative paths of secrets as relative to a folder.
    pub fn resolve(&mut self, base: &Path) {
        for path in [&mut self.access_key_file, &mut self.secret_key_file, &mut self.ca].into_iter().flatten() {
            *path = base.join(&*path);
        }
    }

    /// When an object ends.
    pub fn limits(&self) -> CutLimits {
        CutLimits { bytes_max: self.object_bytes_max, seconds_max: self.object_seconds_max }
    }

    pub(super) fn place(&self) -> Result<Place> {
        let invalid = |reason: &str| Error::Invalid { what: "archive.url", reason: reason.into() };
        if let Some(folder) = self.url.strip_prefix("file://") {
            let folder = PathBuf::from(folder);
            return if folder.is_absolute() {
                Ok(Place::Folder(folder))
            } else {
                Err(invalid("must name the folder from the root: file:///mnt/nas/sekisho"))
            };
        }
        let Some(rest) = self.url.strip_prefix("s3://") else {
            return Err(invalid(
                "must begin with s3:// or file://, such as s3://sekisho/town or file:///mnt/nas/sekisho",
            ));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(good) {
            return Err(invalid("must name a bucket of a-z, 0-9, - and ."));
        }
        if prefix.len() > 512 || !prefix.bytes().all(|byte| good(byte) || byte == b'/') || prefix.contains("//") {
            return Err(invalid("the prefix must be at most 512 of a-z, A-Z, 0-9, -, _, . and /"));
        }
        Ok(Place::Bucket(bucket.to_owned(), prefix.to_owned()))
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the key and its range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what, reason: &str| Err(Error::Invalid { what, reason: reason.into() });
        let place = self.place()?;
        if let Some(endpoint) = &self.endpoint {
            let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['@', '?', '#', ' '])) {
                return invalid(
                    "archive.endpoint",
                    "must begin with https:// or http:// and hold neither user nor query",
                );
            }
            if endpoint.starts_with("http://") && !self.allow_http {
                return invalid("archive.endpoint", "must be https://, or say allow_http = true");
            }
        }
        if self.access_key_file.is_some() != self.secret_key_file.is_some() {
            return invalid("archive.access_key_file", "needs secret_key_file, and the other way round");
        }
        let of_bucket = [&self.access_key_file, &self.ca].into_iter().any(Option::is_some) || self.endpoint.is_some();
        if of_bucket && matches!(place, Place::Folder(_)) {
            return invalid("archive.url", "a folder needs neither endpoint nor keys nor ca");
        }
        if !(64 << 10..=512 << 20).contains(&self.object_bytes_max) {
            return invalid("archive.object_bytes_max", "must be 65536 to 536870912 (512 MiB)");
        }
        if !(60..=86_400).contains(&self.object_seconds_max) {
            return invalid("archive.object_seconds_max", "must be 60 to 86400");
        }
        if self.retention_days > 36_525 {
            return invalid("archive.retention_days", "must be 0 to 36525");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named() {
        let of = |text: &str| toml::from_str::<ArchiveConfig>(text).unwrap();
        let keys = "access_key_file = \"a\"\nsecret_key_file = \"b\"\n";
        of("url = \"file:///mnt/nas/sekisho\"").validate().unwrap();
        let s3 = of(&format!("url = \"s3://sekisho/town/raw/\"\nendpoint = \"https://s3.example.lg.jp\"\n{keys}"));
        s3.validate().unwrap();
        assert_eq!(s3.place().unwrap(), Place::Bucket("sekisho".into(), "town/raw".into()));
        assert_eq!(of("url = \"s3://sekisho\"").place().unwrap(), Place::Bucket("sekisho".into(), String::new()));
        for (text, named) in [
            ("url = \"mnt/nas\"", "archive.url"),
            ("url = \"file://mnt/nas\"", "archive.url"),
            ("url = \"s3:///prefix\"", "archive.url"),
            ("url = \"s3://a/b?c\"", "archive.url"),
            ("url = \"file:///mnt/nas\"\nendpoint = \"https://s3.example.lg.jp\"", "archive.url"),
            ("url = \"s3://a\"\nendpoint = \"http://192.0.2.1:9000\"", "allow_http"),
            ("url = \"s3://a\"\nendpoint = \"https://user@192.0.2.1\"", "archive.endpoint"),
            ("url = \"s3://a\"\naccess_key_file = \"a\"", "secret_key_file"),
            ("url = \"s3://a\"\nobject_bytes_max = 1000", "object_bytes_max"),
            ("url = \"s3://a\"\nobject_seconds_max = 1", "object_seconds_max"),
        ] {
            let refused = of(text).validate().unwrap_err().to_string();
            assert!(refused.contains(named), "{text}: {refused}");
        }
        assert!(toml::from_str::<ArchiveConfig>("url = \"s3://a\"\nsecret_key = \"b\"").is_err());
    }
}
