//! The state of a page as its URL writes it: parameters, time range, query and filters.
//!
//! `range=1h` or `from=2026-11-20T14:00:00&to=...` (JST, or RFC 3339); `q` is the query; each `f` is a filter
//! `field:value`, or `-field:value` to leave a value out. At most [`FILTERS_MAX`] filters count.

use axum::extract::Query;
use axum::http::Uri;
use stream::{NANOS_PER_SECOND, Timestamp};

use crate::format::{encode, local_input, parse_time};

/// The most filters one query takes.
pub(crate) const FILTERS_MAX: usize = 32;

/// Parameters in the order of the URL.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn from_uri(uri: &Uri) -> Params {
        Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| Params(pairs)).unwrap_or_default()
    }

    /// The first value of a key, if it is not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every non-empty value of a key.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// With the key set to one value; an empty value removes it.
    #[must_use]
    pub(crate) fn with(&self, key: &str, value: &str) -> Params {
        let mut params = self.without(key);
        if !value.is_empty() {
            params.0.push((key.into(), value.into()));
        }
        params
    }

    /// With one more value of the key, unless it is there.
    #[must_use]
    pub(crate) fn adding(&self, key: &str, value: &str) -> Params {
        let mut params = self.clone();
        if !params.0.iter().any(|(k, v)| k == key && v == value) {
            params.0.push((key.into(), value.into()));
        }
        params
    }

    /// Without one value of the key.
    #[must_use]
    pub(crate) fn removing(&self, key: &str, value: &str) -> Params {
        Params(self.0.iter().filter(|(k, v)| k != key || v != value).cloned().collect())
    }

    /// Without the key.
    #[must_use]
    pub(crate) fn without(&self, key: &str) -> Params {
        Params(self.0.iter().filter(|(k, _)| k != key).cloned().collect())
    }

    /// `path?a=b&c=d`
    pub(crate) fn href(&self, path: &str) -> String {
        let mut out = path.to_owned();
        let pairs = self.0.iter().filter(|(_, value)| !value.is_empty());
        for (index, (key, value)) in pairs.enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(&encode(key));
            out.push('=');
            out.push_str(&encode(value));
        }
        out
    }

    /// Pairs for hidden form fields, without the named keys.
    pub(crate) fn others<'a>(&'a self, not: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).filter(|(key, _)| !not.contains(key))
    }

    /// Filters, first [`FILTERS_MAX`].
    pub(crate) fn filters(&self) -> Vec<Filter> {
        self.all("f").filter_map(Filter::parse).take(FILTERS_MAX).collect()
    }

    /// `q` and the filters as one query of the search language. `q` stands first, so that columns of its errors stay
    /// right (shifted by one parenthesis where filters follow; [`Params::column_shift`]).
    pub(crate) fn query(&self) -> String {
        let q = self.get("q").unwrap_or("").trim();
        let filters: Vec<String> = self.filters().iter().map(Filter::expression).collect();
        match (q.is_empty(), filters.is_empty()) {
            (_, true) => q.to_owned(),
            (true, false) => filters.join(" AND "),
            (false, false) => format!("({q}) AND {}", filters.join(" AND ")),
        }
    }

    /// By how many columns [`Params::query`] moves `q`.
    pub(crate) fn column_shift(&self) -> usize {
        let q = self.get("q").is_some_and(|q| !q.trim().is_empty());
        usize::from(q && !self.filters().is_empty())
    }
}

/// One chosen or excluded value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) not: bool,
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Option<Filter> {
        let (not, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (field, value) = rest.split_once(':')?;
        let plain = |c: char| c.is_alphanumeric() || "._@-".contains(c);
        if field.is_empty() || field.len() > 128 || !field.chars().all(plain) || value.len() > 2048 {
            return None;
        }
        Some(Filter { field: field.into(), value: value.into(), not })
    }

    /// The form in the URL.
    pub(crate) fn text(field: &str, value: &str, not: bool) -> String {
        format!("{}{field}:{value}", if not { "-" } else { "" })
    }

    fn expression(&self) -> String {
        let not = if self.not { "NOT " } else { "" };
        format!("{not}{}:{}", self.field, quote(&self.value))
    }
}

/// A value as a phrase of the search language: in quotes, `"` and `\` escaped.
pub(crate) fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Presets of the range: value, seconds, Japanese, English.
pub(crate) const PRESETS: &[(&str, i64, &str, &str)] = &[
    ("15m", 900, "15分", "15 min"),
    ("1h", 3600, "1時間", "1 h"),
    ("6h", 21_600, "6時間", "6 h"),
    ("24h", 86_400, "24時間", "24 h"),
    ("7d", 604_800, "7日", "7 d"),
    ("30d", 2_592_000, "30日", "30 d"),
];

/// Seconds of a range that is no preset: a number and m, h or d (`3d`), up to ten years.
fn span(text: &str) -> Option<i64> {
    let unit = match text.bytes().last()? {
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).filter(|seconds| (1..=3_660 * 86_400).contains(seconds))
}

/// A time range, start included, end excluded; never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Set when it moves with the clock.
    pub(crate) preset: Option<&'static str>,
}

impl Range {
    /// Reads it from the parameters; what cannot be read gives the default preset.
    pub(crate) fn read(params: &Params, now: Timestamp, default: &str) -> Range {
        let from = params.get("from").and_then(parse_time);
        let to = params.get("to").and_then(parse_time);
        match (from, to) {
            (Some(from), Some(to)) if from < to => return Range { from, to, preset: None },
            (Some(from), None) if from < now => return Range { from, to: now, preset: None },
            _ => {}
        }
        let wanted = params.get("range").unwrap_or(default);
        let preset = |wanted: &str| PRESETS.iter().find(|(name, ..)| *name == wanted);
        let (name, seconds) = match (preset(wanted), span(wanted)) {
            (Some((name, seconds, ..)), _) => (Some(*name), *seconds),
            (None, Some(seconds)) => (None, seconds),
            (None, None) => preset(default).map_or((None, 3600), |(name, seconds, ..)| (Some(*name), *seconds)),
        };
        // One second of the future: a device's clock may be slightly ahead.
        let to = Timestamp::from_seconds(now.seconds() + 1);
        Range { from: Timestamp::from_seconds(to.seconds() - seconds), to, preset: name }
    }

    /// Width in seconds, at least 1.
    pub(crate) fn seconds(self) -> i64 {
        (self.to.since(self.from) / NANOS_PER_SECOND).max(1)
    }

    /// This window moved by its own width, `times` = -1 or 1, as parameters.
    pub(crate) fn moved(self, params: &Params, times: i64) -> Params {
        let nanos = self.seconds().saturating_mul(NANOS_PER_SECOND).saturating_mul(times);
        absolute(params, self.from.plus_nanos(nanos), self.to.plus_nanos(nanos))
    }

    /// Seconds per bucket, so that there are about `buckets` of them; a divisor of what people read on a clock.
    pub(crate) fn interval(self, buckets: i64) -> u64 {
        const STEPS: &[i64] =
            &[1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];
        let wanted = self.seconds() / buckets.max(1);
        STEPS.iter().copied().find(|step| *step >= wanted).unwrap_or(2_592_000).unsigned_abs()
    }
}

/// Parameters with an absolute range.
pub(crate) fn absolute(params: &Params, from: Timestamp, to: Timestamp) -> Params {
    params.without("range").without("before").with("from", &local_input(from)).with("to", &local_input(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::from_uri(&format!("/search?{query}").parse().unwrap())
    }

    #[test]
    fn query_joins_filters_and_quotes_values() {
        let params = params("q=a%20OR%20b&f=source.ip%3A192.0.2.1&f=-user.name%3Ax%22y%5C&f=bad&f=a%20b%3Ac");
        assert_eq!(params.query(), r#"(a OR b) AND source.ip:"192.0.2.1" AND NOT user.name:"x\"y\\""#);
        assert_eq!(params.column_shift(), 1);
        let spaces = self::params("q=%20%20&f=source.ip%3A192.0.2.1");
        assert_eq!((spaces.query().as_str(), spaces.column_shift()), (r#"source.ip:"192.0.2.1""#, 0));
        assert_eq!(Params::from_uri(&"/search?q=abc".parse().unwrap()).query(), "abc");
    }

    #[test]
    fn links_keep_the_rest_of_the_state() {
        let params = params("q=a&f=x%3A1&range=6h");
        assert_eq!(params.adding("f", "-y:2").href("/search"), "/search?q=a&f=x%3A1&range=6h&f=-y%3A2");
        assert_eq!(params.removing("f", "x:1").href("/search"), "/search?q=a&range=6h");
        assert_eq!(params.with("q", "").href("/"), "/?f=x%3A1&range=6h");
    }

    #[test]
    fn ranges() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let range = Range::read(&params("range=15m"), now, "1h");
        assert_eq!((range.seconds(), range.preset), (900, Some("15m")));
        let range = Range::read(&params("from=2026-11-20T14:00:00&to=2026-11-20T15:00:00"), now, "1h");
        assert_eq!((range.seconds(), range.preset, range.interval(60)), (3600, None, 60));
        let backwards = Range::read(&params("from=2026-11-20T15:00:00&to=2026-11-20T14:00:00"), now, "1h");
        assert_eq!(backwards.preset, Some("1h"));
        let before = range.moved(&params("range=1h"), -1);
        assert_eq!(before.get("to"), Some("2026-11-20T14:00:00"));
        assert_eq!(before.get("range"), None);
        let range = Range::read(&params("range=3d"), now, "1h");
        assert_eq!((range.seconds(), range.preset), (3 * 86_400, None));
        for unread in ["range=99999d", "range=3", "range=-3d", "range=x"] {
            assert_eq!(Range::read(&params(unread), now, "24h").preset, Some("24h"), "{unread}");
        }
    }
}
