//! Configuration of the engine: the `[store.elasticsearch]` table of sekisho.toml.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Error, Result};

/// Which engine holds the events, and how they lie there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticsearchConfig {
    /// Base URLs of nodes, `https://search1.example.lg.jp:9200`; the next one is asked when one does not answer. 1 to 16.
    pub urls: Vec<String>,
    /// User for basic authentication; needs `password_file`.
    pub user: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// File whose first line is an API key as the engine shows it (`id:key` in base64). Not together with `user`.
    pub api_key_file: Option<PathBuf>,
    /// PEM file with the authorities that the nodes' certificates may be from; the public ones when none is given.
    pub ca: Option<PathBuf>,
    /// What all names begin with: indices, template. Lower-case letters, digits, `-` and `_`, at most 40. Default `sekisho`.
    pub index_prefix: String,
    /// Days of receipt that one index of a tenant holds, 1 to 366. Default 7.
    pub index_days: u32,
    /// Primary shards of each index, 1 to 64. Default 1.
    pub shards: u32,
    /// Copies of each shard, 0 to 5. Default 1.
    pub replicas: u32,
    /// What waits is sent when the oldest has waited this long. Default 10 s, 1 to 3,600.
    pub bulk_seconds_max: u64,
    /// Bytes of one `_bulk` request. Default 5 MiB, 64 KiB to 64 MiB.
    pub bulk_bytes_max: usize,
}

impl Default for ElasticsearchConfig {
    fn default() -> Self {
        ElasticsearchConfig {
            urls: Vec::new(),
            user: None,
            password_file: None,
            api_key_file: None,
            ca: None,
            index_prefix: "sekisho".into(),
            index_days: 7,
            shards: 1,
            replicas: 1,
            bulk_seconds_max: 10,
            bulk_bytes_max: 5 << 20,
        }
    }
}

impl ElasticsearchConfig {
    /// Takes relative paths as relative to a folder.
    pub fn resolve(&mut self, base: &Path) {
        for path in [&mut self.password_file, &mut self.api_key_file, &mut self.ca].into_iter().flatten() {
            *path = base.join(&*path);
        }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let invalid = |what, reason: &str| Err(Error::Invalid { what, reason: reason.into() });
        if self.urls.is_empty() || self.urls.len() > 16 {
            return invalid(
                "store.elasticsearch.urls",
                "must name 1 to 16 nodes, such as [\"https://127.0.0.1:9200\"]",
            );
        }
        for url in &self.urls {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#', ' '])) else {
                let reason =
                    "must begin with https:// or http:// and hold neither user nor query; the user is a key of its own";
                return invalid("store.elasticsearch.urls", reason);
            };
            if url.starts_with("http://") && (self.user.is_some() || self.api_key_file.is_some()) && !is_loopback(rest)
            {
                return invalid("store.elasticsearch.urls", "must be https:// where a password or an API key is sent");
            }
        }
        if self.user.is_some() != self.password_file.is_some() {
            return invalid("store.elasticsearch.user", "needs password_file, and the other way round");
        }
        if self.user.is_some() && self.api_key_file.is_some() {
            return invalid("store.elasticsearch.api_key_file", "cannot be given together with user");
        }
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let prefix = self.index_prefix.as_bytes();
        if !(1..=40).contains(&prefix.len())
            || !prefix.iter().all(|byte| good(*byte))
            || !prefix[0].is_ascii_lowercase()
        {
            let reason = "must be 1 to 40 of a-z, 0-9, - and _, and begin with a letter";
            return invalid("store.elasticsearch.index_prefix", reason);
        }
        if !(1..=366).contains(&self.index_days) {
            return invalid("store.elasticsearch.index_days", "must be 1 to 366");
        }
        if !(1..=64).contains(&self.shards) {
            return invalid("store.elasticsearch.shards", "must be 1 to 64");
        }
        if self.replicas > 5 {
            return invalid("store.elasticsearch.replicas", "must be 0 to 5");
        }
        if !(1..=3600).contains(&self.bulk_seconds_max) {
            return invalid("store.elasticsearch.bulk_seconds_max", "must be 1 to 3600");
        }
        if !(64 << 10..=64 << 20).contains(&self.bulk_bytes_max) {
            return invalid("store.elasticsearch.bulk_bytes_max", "must be 65536 to 67108864 (64 MiB)");
        }
        Ok(())
    }
}

fn is_loopback(rest: &str) -> bool {
    ["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .any(|host| rest.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with([':', '/'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named() {
        let good = ElasticsearchConfig { urls: vec!["http://127.0.0.1:9200".into()], ..Default::default() };
        good.validate().unwrap();
        let user = |url: &str| ElasticsearchConfig {
            urls: vec![url.into()],
            user: Some("sekisho".into()),
            password_file: Some("password".into()),
            ..Default::default()
        };
        user("https://search.example.lg.jp:9200").validate().unwrap();
        user("http://localhost:9200").validate().unwrap();
        let refused = |config: ElasticsearchConfig| config.validate().unwrap_err().to_string();
        assert!(refused(user("http://search.example.lg.jp:9200")).contains("https://"));
        assert!(refused(user("http://localhost.example.jp:9200")).contains("https://"));
        assert!(refused(user("https://a:b@search.example.lg.jp")).contains("user"));
        assert!(refused(ElasticsearchConfig::default()).contains("urls"));
        for prefix in ["", "Sekisho", "a/b", "a*", "-a", "_a", "a,b"] {
            let config = ElasticsearchConfig { index_prefix: prefix.into(), ..good.clone() };
            assert!(refused(config).contains("index_prefix"), "{prefix}");
        }
        assert!(refused(ElasticsearchConfig { user: Some("a".into()), ..good.clone() }).contains("password_file"));
        assert!(refused(ElasticsearchConfig { index_days: 0, ..good }).contains("index_days"));
    }
}
