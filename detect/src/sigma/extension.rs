//! Our own keys of a rule, under `sekisho:`. An unknown key is refused, so that a typing mistake never turns a page off.
//!
//! ```yaml
//! sekisho:
//!   title: 日本語の表題
//!   usecase: [X01]            # use-case ids of the catalogue
//!   page: true                # whether its alerts page; default false
//!   what: 何が起きたか
//!   why: なぜ問題か
//!   first: まず何をするか
//!   clause: 規程の条項
//!   suppress:                 # detection rules: one alert per key until it was quiet for so long
//!     by: [source.ip, destination.ip]
//!     for: 10m
//!   absence:                  # detection rules: fire when matching events of a source stop
//!     silence: declared       # or a duration such as 15m for every source of the logsource
//! ```
//! Durations: a number and s, m, h, d or w (`10m`); at most 366 days.

use rsigma_parser::Timespan;
use serde::Deserialize;

/// What stands under `sekisho:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) usecase: Vec<String>,
    #[serde(default)]
    pub(crate) page: bool,
    #[serde(default)]
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) first: String,
    #[serde(default)]
    pub(crate) clause: String,
    pub(crate) suppress: Option<SuppressKey>,
    pub(crate) absence: Option<AbsenceKey>,
}

/// `sekisho.suppress`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuppressKey {
    #[serde(default)]
    pub(crate) by: Vec<String>,
    #[serde(rename = "for")]
    pub(crate) quiet: Span,
}

/// `sekisho.absence`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbsenceKey {
    pub(crate) silence: Silence,
}

/// How long a source may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Silence {
    /// As long as the source itself declares (`silence_after`); sources that declare nothing are not judged.
    Declared,
    /// So many nanoseconds, unless the source declares its own.
    Nanos(i64),
}

/// A duration in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) i64);

const SPAN_SECONDS_MAX: u64 = 366 * 86_400;

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        match Timespan::parse(&text) {
            Ok(span) if (1..=SPAN_SECONDS_MAX).contains(&span.seconds) => {
                Ok(Span(span.seconds as i64 * stream::NANOS_PER_SECOND))
            }
            _ => Err(format!("`{text}` is not a duration from 1s to 366d; write a number and s, m, h, d or w (10m)")),
        }
    }
}

impl TryFrom<String> for Silence {
    type Error = String;

    fn try_from(text: String) -> Result<Silence, String> {
        if text == "declared" { Ok(Silence::Declared) } else { Span::try_from(text).map(|span| Silence::Nanos(span.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_key() {
        let text = "title: t\nusecase: [X01]\npage: true\nwhat: a\nwhy: b\nfirst: c\nclause: d\nsuppress: {by: [source.ip], \
                    for: 10m}\nabsence: {silence: 15m}\n";
        let extension: Extension = yaml_serde::from_str(text).unwrap();
        assert_eq!(extension.suppress.unwrap().quiet, Span(600 * stream::NANOS_PER_SECOND));
        assert_eq!(extension.absence.unwrap().silence, Silence::Nanos(900 * stream::NANOS_PER_SECOND));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in
            ["pages: true", "suppress: {for: soon}", "suppress: {by: [a], for: 10m, x: 1}", "absence: {silence: 0s}"]
        {
            assert!(yaml_serde::from_str::<Extension>(text).is_err(), "{text}");
        }
    }
}
