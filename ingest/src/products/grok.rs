//! Text by patterns that the source declares: `patterns = ["%{IP:source.ip} %{WORD:event.action} %{GREEDYDATA:message}"]`.
//!
//! `%{NAME}` stands for a known pattern, `%{NAME:field}` keeps what it takes, `%{NAME:field:int}` as a number (the kind of
//! an ECS field is known without it); what stands between is a regular expression of Rust's `regex`. The first pattern of
//! a source that matches counts. A field is an ECS name, `@timestamp` (a time in any form that sekisho reads), or any other name, kept
//! as `grok.<name>`. Logstash's `[source][ip]` is `source.ip`. A syslog header before the text is read first, unless a
//! pattern takes it. Matching is linear in the length of the line: patterns with look-around or back references are refused
//! when the source is loaded, because logs are written by attackers. At most [`PATTERNS_MAX`] patterns of
//! [`PATTERN_BYTES_MAX`] bytes, together [`COMPILED_BYTES_MAX`] compiled, 64 nested names.

mod library;

use bumpalo::Bump;
use regex::{CaptureLocations, Regex, RegexBuilder};
use stream::{Event, FieldId, Kind, Value, fields};

use crate::parser::{Context, Parser, Reason};
use crate::{device, put, syslog};

/// The most patterns of a source.
pub const PATTERNS_MAX: usize = 64;
/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// The most memory that one compiled pattern takes, in bytes.
pub const COMPILED_BYTES_MAX: usize = 4 << 20;

/// What is tried where a source declares no patterns: web servers, syslog, a time with a level.
const COMMON: [&str; 3] = [
    "^%{COMBINEDAPACHELOG}",
    "^%{SYSLOGBASE} %{GREEDYDATA:message}",
    "^%{TIMESTAMP_ISO8601:@timestamp} (?:%{LOGLEVEL:log.level} )?%{GREEDYDATA:message}",
];

/// Parser by patterns.
pub struct Grok {
    patterns: Vec<Pattern>,
}

impl Default for Grok {
    fn default() -> Self {
        let patterns = COMMON.iter().filter_map(|pattern| Pattern::compile(pattern).ok()).collect();
        Grok { patterns }
    }
}

struct Pattern {
    regex: Regex,
    places: CaptureLocations,
    /// By number of the capture.
    takes: Vec<Option<To>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Time,
    Field(FieldId),
    User,
    Source,
    Destination,
}

impl Grok {
    /// Compiles a source's patterns; without any, those that are common.
    ///
    /// # Errors
    /// Names the pattern, and what is wrong with it.
    pub fn compile(patterns: &[String]) -> Result<Grok, String> {
        if patterns.is_empty() {
            return Ok(Grok::default());
        }
        if patterns.len() > PATTERNS_MAX {
            return Err(format!("{} patterns; at most {PATTERNS_MAX} are read", patterns.len()));
        }
        let compiled = patterns
            .iter()
            .enumerate()
            .map(|(number, text)| Pattern::compile(text).map_err(|what| format!("pattern {}: {what}", number + 1)));
        Ok(Grok { patterns: compiled.collect::<Result<_, _>>()? })
    }
}

impl Pattern {
    fn compile(text: &str) -> Result<Pattern, String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("{} bytes; at most {PATTERN_BYTES_MAX} are read", text.len()));
        }
        let mut named = Vec::new();
        let expanded = library::expand(text, &mut named)?;
        let regex = RegexBuilder::new(&expanded)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| format!("not a regular expression without look-around: {error}"))?;
        let mut takes = vec![None; regex.captures_len()];
        for (number, name) in regex.capture_names().enumerate() {
            let Some(name) = name else { continue };
            // Names of fields hold dots, names of captures do not: ours are numbered, others are the pattern's own.
            let field = match name.strip_prefix(library::CAPTURE).and_then(|number| number.parse::<usize>().ok()) {
                Some(number) => named.get(number).map_or(name, String::as_str),
                None => name,
            };
            takes[number] = to(field);
        }
        Ok(Pattern { places: regex.capture_locations(), regex, takes })
    }
}

/// The field of a name; the decoder's own are not for patterns to set.
fn to(name: &str) -> Option<To> {
    if matches!(name, "@timestamp" | "timestamp") {
        return Some(To::Time);
    }
    let own = name.starts_with("sekisho.")
        || [fields::EVENT_ORIGINAL, fields::EVENT_CREATED, fields::EVENT_INGESTED].iter().any(|f| f.name() == name);
    let field = fields::lookup(name).filter(|field| field.is_static() && !own);
    match field {
        Some(field) if field == fields::USER_NAME => Some(To::User),
        Some(field) if field == fields::SOURCE_ADDRESS => Some(To::Source),
        Some(field) if field == fields::DESTINATION_ADDRESS => Some(To::Destination),
        Some(field) => Some(To::Field(field)),
        None => stream::intern(&format!("grok.{name}")).map(To::Field),
    }
}

impl Parser for Grok {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_end_matches(['\r', '\n', '\0']);
        event.push(fields::EVENT_KIND, Value::Str("event"));
        if self.one(line, context, arena, event) {
            return Ok(());
        }
        let head = syslog::parse(line, context);
        if head.message.len() < line.len() && self.one(head.message, context, arena, event) {
            device::apply(&head, event);
            event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
            return Ok(());
        }
        Err(Reason("no pattern of the source matches"))
    }
}

impl Grok {
    fn one<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        for pattern in &mut self.patterns {
            if pattern.regex.captures_read(&mut pattern.places, text).is_none() {
                continue;
            }
            for (number, to) in pattern.takes.iter().enumerate() {
                if let (Some(to), Some((from, until))) = (to, pattern.places.get(number)) {
                    set(*to, &text[from..until], context, arena, event);
                }
            }
            return true;
        }
        false
    }
}

fn set<'a>(to: To, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let instant = |text| super::csv::instant(text, context);
    match to {
        _ if matches!(text, "" | "-") => {}
        To::Time => device::push_time(fields::TIMESTAMP, instant(text), event),
        To::User => put::user(text, event),
        To::Source => put::end_with_port(&put::SOURCE, text, event),
        To::Destination => put::end_with_port(&put::DESTINATION, text, event),
        To::Field(field) if event.has(field) && !field.is_list() => {}
        To::Field(field) if field.kind() == Kind::Time => device::push_time(field, instant(text), event),
        To::Field(field) if field == fields::HTTP_RESPONSE_STATUS_CODE => put::status(text, event),
        To::Field(field) if field == fields::URL_ORIGINAL => put::target_of(text, arena, event),
        To::Field(field) => _ = put::fit(field, text, event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::Timestamp;

    fn read(patterns: &[&str], line: &str) -> Vec<String> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let mut grok = Grok::compile(&patterns).unwrap();
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        let context = Context::tokyo(Timestamp::from_seconds(1_795_000_000));
        let result = grok.parse(line, &context, &arena, &mut event);
        let mut found: Vec<String> =
            event.iter().map(|(field, value)| format!("{}={}", field.name(), value.text())).collect();
        found.extend(result.err().map(|reason| format!("error={reason}")));
        found
    }

    #[test]
    fn fields_by_pattern() {
        let found = read(
            &[
                "nothing",
                "^%{TIMESTAMP_ISO8601:@timestamp} %{IPORHOST:source.address}:%{POSINT:[source][port]} %{WORD:event.action} user=%{USER:user.name} %{NUMBER:took:int}ms$",
            ],
            "2026/11/20 10:00:00 192.0.2.1:5000 login user=EX\\sato 12ms",
        );
        for expected in [
            "@timestamp=2026-11-20T01:00:00Z",
            "source.ip=192.0.2.1",
            "source.port=5000",
            "event.action=login",
            "user.name=sato",
            "user.domain=EX",
            "grok.took=12",
        ] {
            assert!(found.iter().any(|field| field == expected), "{expected} in {found:#?}");
        }
    }

    #[test]
    fn a_header_is_read_where_no_pattern_takes_it() {
        let found =
            read(&["^ACCESS (?<who>\\S+) %{IP:source.ip}$"], "<134>Nov 20 10:00:00 gw01 app: ACCESS sato 192.0.2.1");
        for expected in ["observer.name=gw01", "grok.who=sato", "source.ip=192.0.2.1", "process.name=app"] {
            assert!(found.iter().any(|field| field == expected), "{expected} in {found:#?}");
        }
        assert!(read(&["^x$"], "y").contains(&"error=no pattern of the source matches".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |pattern: &str| Grok::compile(&[pattern.to_owned()]).err().unwrap();
        assert!(wrong("%{NOSUCH:x}").contains("NOSUCH"), "{}", wrong("%{NOSUCH:x}"));
        assert!(wrong("(?=x)y").contains("look-around"));
        assert!(wrong("%{IP:a").contains("not closed"));
        assert_eq!(Grok::default().patterns.len(), COMMON.len());
    }

    #[test]
    fn every_pattern_of_the_library_compiles() {
        for (name, _) in library::PATTERNS {
            Pattern::compile(&format!("%{{{name}:x}}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
