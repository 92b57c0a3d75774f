//! The named patterns, written for an engine without look-around, and their expansion.

/// How our captures are called; the number is the place in the list of names.
pub(super) const CAPTURE: &str = "sekisho_capture_";

/// The deepest nesting of names, and the most bytes of an expanded pattern.
const DEPTH_MAX: usize = 64;
const EXPANDED_BYTES_MAX: usize = 1 << 20;

/// Names as in Logstash's core patterns.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    ("QUOTEDSTRING", r#"(?:"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*')"#),
    ("QS", "%{QUOTEDSTRING}"),
    ("UUID", r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
    ("INT", r"[+-]?[0-9]+"),
    ("POSINT", r"\b[1-9][0-9]*\b"),
    ("NONNEGINT", r"\b[0-9]+\b"),
    ("BASE10NUM", r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("NUMBER", "%{BASE10NUM}"),
    ("BASE16NUM", r"[+-]?(?:0x)?[0-9A-Fa-f]+"),
    ("USERNAME", r"[a-zA-Z0-9._-]+"),
    ("USER", r"[^\s:;,()\[\]]+"),
    ("EMAILLOCALPART", r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+"),
    ("EMAILADDRESS", "%{EMAILLOCALPART}@%{HOSTNAME}"),
    ("MAC", r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"),
    ("IPV4", r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"),
    ("IPV6", r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{0,4})(?:%\w+)?"),
    ("IP", "(?:%{IPV6}|%{IPV4})"),
    ("HOSTNAME", r"\b[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62})*\.?"),
    ("IPORHOST", "(?:%{IP}|%{HOSTNAME})"),
    ("HOSTPORT", "%{IPORHOST}:%{POSINT}"),
    ("UNIXPATH", r"(?:/[^\s]*)+"),
    ("WINPATH", r"(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+"),
    ("PATH", "(?:%{UNIXPATH}|%{WINPATH})"),
    ("URIPROTO", r"[A-Za-z][A-Za-z0-9+.-]*"),
    ("URIHOST", r"%{IPORHOST}(?::[0-9]+)?"),
    ("URIPATH", r"(?:/[^\s?#]*)+"),
    ("URIPARAM", r"\?\S*"),
    ("URIPATHPARAM", "%{URIPATH}(?:%{URIPARAM})?"),
    ("URI", "%{URIPROTO}://(?:[^\\s/@]+@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"),
    (
        "MONTH",
        r"\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\b",
    ),
    ("MONTHNUM", r"(?:0?[1-9]|1[0-2])"),
    ("MONTHDAY", r"(?:0?[1-9]|[12][0-9]|3[01])"),
    ("DAY", r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"),
    ("YEAR", r"[0-9]{4}"),
    ("HOUR", r"(?:2[0123]|[01]?[0-9])"),
    ("MINUTE", r"[0-5][0-9]"),
    ("SECOND", r"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"),
    ("TIME", "%{HOUR}:%{MINUTE}:%{SECOND}"),
    ("DATE_US", "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DATE_EU", "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("DATE", "(?:%{DATE_US}|%{DATE_EU})"),
    ("ISO8601_TIMEZONE", r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE})?)"),
    (
        "TIMESTAMP_ISO8601",
        r"%{YEAR}[-/]%{MONTHNUM}[-/]%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?",
    ),
    ("SYSLOGTIMESTAMP", "%{MONTH} +%{MONTHDAY} %{TIME}"),
    ("HTTPDATE", "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}"),
    ("PROG", r"[\x21-\x5a\x5c\x5e-\x7e]+"),
    ("SYSLOGPROG", r"%{PROG:process.name}(?:\[%{POSINT:process.pid}\])?"),
    ("SYSLOGHOST", "%{IPORHOST}"),
    ("SYSLOGBASE", "%{SYSLOGTIMESTAMP:@timestamp} (?:%{SYSLOGHOST:host.hostname} )?%{SYSLOGPROG}:"),
    (
        "LOGLEVEL",
        r"(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?)",
    ),
    ("HTTPDUSER", r"\S+"),
    (
        "COMMONAPACHELOG",
        r#"%{IPORHOST:source.address} %{HTTPDUSER} %{HTTPDUSER:user.name} \[%{HTTPDATE:@timestamp}\] "(?:%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?|%{DATA})" (?:-|%{INT:http.response.status_code}) (?:-|%{INT:http.response.body.bytes})"#,
    ),
    (
        "COMBINEDAPACHELOG",
        r#"%{COMMONAPACHELOG} "(?:-|%{DATA:http.request.referrer})" "(?:-|%{DATA:user_agent.original})""#,
    ),
];

/// Writes every `%{NAME}` out; `named` takes the fields of `%{NAME:field}` in order.
///
/// # Errors
/// A name is not known, or a `%{` is not closed.
pub(super) fn expand(text: &str, named: &mut Vec<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() * 4);
    into(text, 0, named, &mut out)?;
    Ok(out)
}

fn into(text: &str, depth: usize, named: &mut Vec<String>, out: &mut String) -> Result<(), String> {
    if depth > DEPTH_MAX || out.len() > EXPANDED_BYTES_MAX {
        return Err("too much once its names are written out".to_owned());
    }
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%{") {
        let (inner, next) = after.split_once('}').ok_or_else(|| format!("`%{{{after}` is not closed"))?;
        out.push_str(before);
        let mut parts = inner.splitn(3, ':');
        let (name, field) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let Some((_, pattern)) = PATTERNS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = PATTERNS.iter().map(|(known, _)| *known).collect();
            return Err(format!("no pattern `{name}`; known are {}", known.join(", ")));
        };
        if field.is_empty() {
            out.push_str("(?:");
        } else {
            out.push_str(&format!("(?P<{CAPTURE}{}>", named.len()));
            named.push(dotted(field));
        }
        into(pattern, depth + 1, named, out)?;
        out.push(')');
        rest = next;
    }
    out.push_str(rest);
    Ok(())
}

/// `[source][ip]` as `source.ip`.
fn dotted(field: &str) -> String {
    match field.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.replace("][", "."),
        None => field.to_owned(),
    }
}
