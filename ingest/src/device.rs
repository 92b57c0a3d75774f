//! What the logs of network devices have in common: a header before the body, endpoints, counters, users, verdicts.

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use crate::parser::Context;
use crate::products::fortinet_fortigate::values;
use crate::syslog;

/// Words of the syslog severities, 0 to 7, as Cisco and others write them.
pub(crate) const LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notification", "informational", "debug"];

/// Names the device: vendor, product, kind of device, and our name of its parser.
pub(crate) fn observer(vendor: &'static str, product: &'static str, kind: &'static str, event: &mut Event<'_>) {
    for (field, value) in [(f::OBSERVER_VENDOR, vendor), (f::OBSERVER_PRODUCT, product), (f::OBSERVER_TYPE, kind)] {
        if !value.is_empty() && !event.has(field) {
            event.push(field, Value::Str(value));
        }
    }
}

/// Sets `sekisho.logsource.*`, where the names are not empty.
pub(crate) fn logsource<'a>(product: &'a str, category: &'a str, service: &'a str, event: &mut Event<'a>) {
    event.push_str(f::SEKISHO_LOGSOURCE_PRODUCT, product);
    event.push_str(f::SEKISHO_LOGSOURCE_CATEGORY, category);
    event.push_str(f::SEKISHO_LOGSOURCE_SERVICE, service);
}

/// Adds words to a list field.
pub(crate) fn add(field: FieldId, words: &[&'static str], event: &mut Event<'_>) {
    for word in words {
        event.push_unique(field, Value::Str(word));
    }
}

/// Reads the header in the text before the body and sets what it says: the codes of its priority, the time where the
/// event has none, and the name of the device.
pub(crate) fn header<'a>(text: &'a str, context: &Context, event: &mut Event<'a>) -> syslog::Header<'a> {
    let header = syslog::parse(text, context);
    apply(&header, event);
    header
}

/// Sets what a header says.
pub(crate) fn apply<'a>(header: &syslog::Header<'a>, event: &mut Event<'a>) {
    if let Some(priority) = header.priority {
        crate::products::fortinet_fortigate::push_priority(priority, event);
    }
    if let Some(time) = header.timestamp {
        push_time(f::TIMESTAMP, Some(time), event);
    }
    // `Nov 20 10:00:00 fw01: body`: what reads as a tag is the device.
    let name = header.hostname.or(header.appname).unwrap_or("").trim_end_matches(':');
    event.push_str(f::LOG_SYSLOG_HOSTNAME, name);
    if !event.has(f::OBSERVER_NAME) {
        event.push_str(f::OBSERVER_NAME, name);
    }
}

/// A device whose header has its address in place of a name is known by that address.
pub(crate) fn observer_address(event: &mut Event<'_>) {
    let name = event.get_str(f::OBSERVER_NAME).unwrap_or("");
    if let Some(ip) = address(name).filter(|_| !event.has(f::OBSERVER_IP)) {
        event.push(f::OBSERVER_IP, Value::Ip(ip));
    }
}

/// Sets a time unless the field has one.
pub(crate) fn push_time(field: FieldId, time: Option<Timestamp>, event: &mut Event<'_>) {
    if let Some(time) = time.filter(|_| !event.has(field)) {
        event.push(field, Value::Time(time));
    }
}

/// Sets a number that is not negative; other text is not kept.
pub(crate) fn push_int(field: FieldId, text: &str, event: &mut Event<'_>) {
    if let Some(number) = values::integer(text.trim()) {
        event.push(field, Value::Int(number));
    }
}

/// Sets an address, perhaps with a zone index or in brackets; whether it is one.
pub(crate) fn push_ip(field: FieldId, text: &str, event: &mut Event<'_>) -> bool {
    match address(text) {
        Some(ip) => event.push(field, Value::Ip(ip)),
        None => return false,
    }
    true
}

/// Reads an address, perhaps with a zone index or in brackets.
pub(crate) fn address(text: &str) -> Option<std::net::IpAddr> {
    let text = text.trim();
    values::address(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text))
}

/// Sets an address unless it is the unspecified one, which devices write for "none"; whether it is one at all.
pub(crate) fn push_real_ip(field: FieldId, text: &str, event: &mut Event<'_>) -> bool {
    match address(text) {
        Some(ip) if !ip.is_unspecified() && !event.has(field) => event.push(field, Value::Ip(ip)),
        Some(_) => {}
        None => return false,
    }
    true
}

/// Sets a MAC address in ECS's form.
pub(crate) fn push_mac<'a>(field: FieldId, text: &str, arena: &'a Bump, event: &mut Event<'a>) {
    if let Some(mac) = values::mac(text, arena).filter(|mac| *mac != "00-00-00-00-00-00") {
        event.push(field, Value::Str(mac));
    }
}

/// The text in lower case; borrows when it is so already.
pub(crate) fn lower<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    values::lower(text, arena)
}

/// Splits `DOMAIN\user` and `user@domain`; the domain may be empty.
pub(crate) fn user_parts(text: &str) -> (&str, &str) {
    if let Some((domain, name)) = text.rsplit_once('\\') {
        return (name, domain.trim_end_matches('\\'));
    }
    match text.rsplit_once('@') {
        Some((name, domain)) if !name.is_empty() => (name, domain),
        _ => (text, ""),
    }
}

/// Sets the source's user, who is the event's user too, unless there is one.
pub(crate) fn push_user<'a>(text: &'a str, event: &mut Event<'a>) {
    let (name, domain) = user_parts(text.trim());
    if event.has(f::SOURCE_USER_NAME) || name.is_empty() || name == "-" {
        return;
    }
    for (name_field, domain_field) in [(f::SOURCE_USER_NAME, f::SOURCE_USER_DOMAIN), (f::USER_NAME, f::USER_DOMAIN)] {
        if !event.has(name_field) {
            event.push_str(name_field, name);
            event.push_str(domain_field, domain);
        }
    }
}

/// Sets the destination's user.
pub(crate) fn push_destination_user<'a>(text: &'a str, event: &mut Event<'a>) {
    let (name, domain) = user_parts(text.trim());
    if !event.has(f::DESTINATION_USER_NAME) {
        event.push_str(f::DESTINATION_USER_NAME, name);
        event.push_str(f::DESTINATION_USER_DOMAIN, domain);
    }
}

/// Sets `network.bytes` and `network.packets` to what both ends sent, where both are known.
pub(crate) fn push_totals(event: &mut Event<'_>) {
    for (total, source, destination) in [
        (f::NETWORK_BYTES, f::SOURCE_BYTES, f::DESTINATION_BYTES),
        (f::NETWORK_PACKETS, f::SOURCE_PACKETS, f::DESTINATION_PACKETS),
    ] {
        if let (Some(source), Some(destination)) = (event.get_int(source), event.get_int(destination))
            && !event.has(total)
        {
            event.push(total, Value::Int(source.saturating_add(destination)));
        }
    }
}

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// Sets `event.duration` of whole seconds, and start and end around `event.end` or `event.start`, whichever is known.
pub(crate) fn push_duration(seconds: i64, event: &mut Event<'_>) {
    let nanos = seconds.max(0).saturating_mul(SECOND);
    if !event.has(f::EVENT_DURATION) {
        event.push(f::EVENT_DURATION, Value::Int(nanos));
    }
    match (event.get(f::EVENT_START), event.get(f::EVENT_END)) {
        (Some(Value::Time(start)), None) => push_time(f::EVENT_END, Some(start.plus_nanos(nanos)), event),
        (None, Some(Value::Time(end))) => push_time(f::EVENT_START, Some(end.plus_nanos(-nanos)), event),
        _ => {}
    }
}

/// Reads `H:MM:SS`, `2h:27m:34s`, `1d 02:03:04` or `0h:00m:12s` as seconds.
pub(crate) fn clock_seconds(text: &str) -> Option<i64> {
    let (days, clock) = text.trim().split_once("d ").or(text.trim().split_once("d:")).unwrap_or(("0", text.trim()));
    let mut seconds = days.trim().parse::<i64>().ok()?.checked_mul(24)?;
    let mut parts = 0;
    for part in clock.split(':') {
        let number: i64 = part.trim().trim_end_matches(['h', 'm', 's']).parse().ok()?;
        seconds = if parts == 0 { seconds } else { seconds.checked_mul(60)? }.checked_add(number)?;
        parts += 1;
    }
    (parts == 3).then_some(seconds)
}

/// What a firewall did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    Unsaid,
}

/// What the words that vendors share say; letter case does not matter.
pub(crate) fn verdict(word: &str) -> Verdict {
    const ALLOWED: &[&str] = &[
        "allow",
        "allowed",
        "accept",
        "accepted",
        "permit",
        "permitted",
        "pass",
        "passed",
        "forward",
        "forwarded",
        "alert",
        "continue",
        "detected",
        "detect",
        "monitor",
    ];
    const DENIED: &[&str] = &[
        "deny",
        "denied",
        "drop",
        "dropped",
        "block",
        "blocked",
        "reject",
        "rejected",
        "reset",
        "discard",
        "discarded",
        "prevent",
        "prevented",
        "sdrop",
        "wdrop",
    ];
    let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is(ALLOWED) {
        Verdict::Allowed
    } else if is(DENIED) {
        Verdict::Denied
    } else {
        Verdict::Unsaid
    }
}

/// Adds `allowed` or `denied` to `event.type`.
pub(crate) fn push_verdict(verdict: Verdict, event: &mut Event<'_>) {
    match verdict {
        Verdict::Allowed => add(f::EVENT_TYPE, &["allowed"], event),
        Verdict::Denied => add(f::EVENT_TYPE, &["denied"], event),
        Verdict::Unsaid => {}
    }
}

/// Holds a product's samples to whole field sets: used by the tests of the parsers.
#[cfg(test)]
pub(crate) mod test {
    use super::*;
    use crate::parser::Parser;

    /// The fields of a line as `name=value` in the event's order, times read as UTC.
    pub(crate) fn fields<P: Parser + Default>(line: &str) -> Vec<String> {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        let context = Context::utc(Timestamp::from_seconds(1_795_000_000));
        let result = P::default().parse(line, &context, &arena, &mut event);
        let mut found: Vec<String> =
            event.iter().map(|(field, value)| format!("{}={}", field.name(), value.text())).collect();
        if let Err(reason) = result {
            found.push(format!("error={reason}"));
        }
        found
    }

    /// Fails unless the line gives exactly these fields, in any order. `*` at the end of the list allows more.
    #[track_caller]
    pub(crate) fn check<P: Parser + Default>(line: &str, expected: &[&str]) {
        let found = fields::<P>(line);
        let (wanted, open) = match expected.split_last() {
            Some((&"*", rest)) => (rest, true),
            _ => (expected, false),
        };
        let missing: Vec<_> = wanted.iter().filter(|field| !found.iter().any(|have| have == *field)).collect();
        let extra: Vec<_> = found.iter().filter(|have| !open && !wanted.contains(&have.as_str())).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{line}\nmissing {missing:#?}\nextra {extra:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("0:01:07", Some(67)),
            ("2h:27m:34s", Some(8854)),
            ("1d 00:00:01", Some(86401)),
            ("x", None),
            ("1:2", None),
        ] {
            assert_eq!(clock_seconds(text), seconds, "{text}");
        }
    }

    #[test]
    fn users() {
        assert_eq!(user_parts("LOCAL\\sato"), ("sato", "LOCAL"));
        assert_eq!(user_parts("sato@example.jp"), ("sato", "example.jp"));
        assert_eq!(user_parts("sato"), ("sato", ""));
    }

    #[test]
    fn verdicts() {
        assert_eq!(verdict("Blocked"), Verdict::Denied);
        assert_eq!(verdict("PASS"), Verdict::Allowed);
        assert_eq!(verdict("what"), Verdict::Unsaid);
    }
}
