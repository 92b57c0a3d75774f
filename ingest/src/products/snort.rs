//! Snort (2.9 and 3): alerts as fast text, syslog, CSV and JSON.
//!
//! | Form | Example |
//! |---|---|
//! | fast | `11/20-10:00:00.123456  [**] [1:2013504:5] text [**] [Classification: c] [Priority: 3] {TCP} 192.0.2.1:5 -> 198.51.100.1:80` |
//! | full | `[**] [1:2013504:5] text [**]`, `[Priority: 3]`, `11/20-10:00:00.123456 192.0.2.1:5 -> 198.51.100.1:80`, `TCP TTL:64 ...`: lines of one record |
//! | syslog | `<33>Nov 20 10:00:00 ids snort[123]: [1:2013504:5] text [Classification: c] [Priority: 3]: {TCP} ...` |
//! | CSV | `11/20/26-10:00:00.123456 ,1,2013504,5,"text",TCP,192.0.2.1,5,198.51.100.1,80,...` (`alert_csv`, pfSense) |
//! | JSON | Snort 3's `alert_json` |
//!
//! A fast time without a year takes the year that puts it nearest to its receipt. Source: Snort Users Manual, "Output
//! Modules"; Snort 3 Reference, `alert_fast`, `alert_csv`, `alert_json`.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, Timestamp, Value, fields as f};

use crate::device::{self, add};
use crate::json::Walker;
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, csv_cells, protocols, syslog, time};

/// Parser of Snort alerts.
pub struct Snort {
    keys: Keys,
    walker: Walker,
}

impl Default for Snort {
    fn default() -> Self {
        Snort { keys: Keys::new("snort.", &[KEYS]), walker: Walker::default() }
    }
}

/// Names of `alert_json`; the other forms are read into the same.
static KEYS: &[(&str, To)] = &[
    ("timestamp", To::Held),
    ("seconds", To::Held),
    ("gid", To::Both),
    ("sid", To::Text(f::RULE_ID)),
    ("rev", To::Text(f::RULE_VERSION)),
    ("msg", To::Held),
    ("class", To::Text(f::RULE_CATEGORY)),
    ("priority", To::Int(f::EVENT_SEVERITY)),
    ("proto", To::Held),
    ("src_addr", To::Ip(f::SOURCE_IP)),
    ("src_port", To::Int(f::SOURCE_PORT)),
    ("dst_addr", To::Ip(f::DESTINATION_IP)),
    ("dst_port", To::Int(f::DESTINATION_PORT)),
    ("eth_src", To::Mac(f::SOURCE_MAC)),
    ("eth_dst", To::Mac(f::DESTINATION_MAC)),
    ("iface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("vlan", To::Text(f::NETWORK_VLAN_ID)),
    ("service", To::Held),
    ("action", To::Held),
    ("rule", To::Held),
    ("src_ap", To::Held),
    ("dst_ap", To::Held),
    ("b64_data", To::Held),
];

impl Parser for Snort {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut pairs = Pairs::new_in(arena);
        let keys = &mut self.keys;
        let mut put = |key: &'static str, value: &'a str, event: &mut Event<'a>| {
            keys.put(key, Value::Str(value.trim()), &mut pairs, arena, event);
        };
        if let Some(at) = rule_start(line) {
            header(&line[..at], context, event);
            text(&line[at..], &mut |key, value| put(key, value, event));
            if let Some(stamp) = full(&line[at..], context, &mut |key, value| put(key, value, event)) {
                event.push(f::TIMESTAMP, Value::Time(stamp));
            }
        } else if let Some(body) = line.find('{').filter(|at| line[*at..].contains("\"msg\"")) {
            self.walker.walk(line[body..].trim_end(), arena, |path, scalar| {
                if let Some(value) = scalar.value() {
                    keys.put(arena.alloc_str(path), value, &mut pairs, arena, event);
                }
            })?;
            let stamp = pairs.int("seconds").map(Timestamp::from_seconds);
            let exact = slashed(pairs.get("timestamp"), context);
            // `timestamp` is in the sensor's zone, `seconds` needs none.
            device::push_time(f::TIMESTAMP, stamp.or(exact), event);
            device::header(&line[..body], context, event);
        } else {
            csv(line, context, arena, event, &mut put)?;
        }
        device::observer("snort", "ids", "ids", event);
        event.push(f::EVENT_MODULE, Value::Str("snort"));
        meaning(&pairs, arena, event);
        Ok(())
    }
}

/// Where `[1:2013504:5]` stands.
fn rule_start(line: &str) -> Option<usize> {
    line.match_indices('[').map(|(at, _)| at).take(16).find(|at| {
        let inner = line[at + 1..].split(']').next().unwrap_or("");
        let mut parts = inner.split(':');
        let numbers = parts
            .by_ref()
            .take(3)
            .filter(|part| !part.is_empty() && part.len() <= 10 && part.bytes().all(|byte| byte.is_ascii_digit()));
        numbers.count() == 3 && parts.next().is_none()
    })
}

/// A fast time stamp or a syslog header.
fn header<'a>(text: &'a str, context: &Context, event: &mut Event<'a>) {
    let plain = text.trim_end().trim_end_matches("[**]").trim_end();
    match fast(plain, context) {
        Some(time) => event.push(f::TIMESTAMP, Value::Time(time)),
        None => {
            let header = syslog::parse(plain, context);
            let program = header.appname.unwrap_or("").trim_end_matches(':');
            let is_program = header.hostname.is_some() || header.procid.is_some() || program.starts_with("snort");
            let appname = header.appname.filter(|_| !is_program);
            device::apply(&syslog::Header { appname, ..header }, event);
            if is_program {
                event.push_str(f::PROCESS_NAME, program);
                device::push_int(f::PROCESS_PID, header.procid.unwrap_or(""), event);
            }
        }
    }
}

/// Reads `11/20-10:00:00.123456`, `11/20/26-10:00:00.123456` and `26/11/20-10:00:00.123456`.
fn fast(text: &str, context: &Context) -> Option<Timestamp> {
    let (date, clock) = text.split_once('-')?;
    let (clock, _) = time::civil_time(clock.as_bytes())?;
    let mut parts = date.split('/').map(str::parse::<u16>);
    let (one, two, three) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next());
    let instant = |year: u16, month: u16, day: u16| {
        let date = (year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        Some(context.zone.instant(&time::Civil::new(date, clock)?))
    };
    match three {
        Some(year) => {
            let year = year.ok()?;
            // Month first, unless that is no month.
            if one > 12 {
                instant(one.saturating_add(2000), two, year)
            } else {
                instant(if year < 100 { 2000 + year } else { year }, one, two)
            }
        }
        None => {
            let years = context.received.seconds() / 31_556_952;
            let year = 1970 + u16::try_from(years).unwrap_or(0).min(300);
            let around = [year - 1, year, year + 1];
            let candidates = around.into_iter().filter_map(|year| instant(year, one, two));
            candidates.min_by_key(|time| time.since(context.received).unsigned_abs())
        }
    }
}

/// A time as [`fast`] reads it, or ISO.
fn slashed(text: &str, context: &Context) -> Option<Timestamp> {
    fast(text.trim(), context).or_else(|| time::iso(text.trim(), &context.zone))
}

/// `[1:2:3] text [Classification: c] [Priority: 3] {TCP} a:1 -> b:2`.
fn text<'a>(text: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let (ids, rest) = text.strip_prefix('[').and_then(|text| text.split_once(']')).unwrap_or(("", text));
    for (key, part) in ["gid", "sid", "rev"].into_iter().zip(ids.split(':')) {
        put(key, part);
    }
    let end = ["[**]", "[Classification:", "[Priority:", "{"].iter().filter_map(|mark| rest.find(mark)).min();
    put("msg", rest[..end.unwrap_or(rest.len())].trim().trim_matches('"').trim_end_matches(':'));
    if let Some((_, after)) = rest.split_once("[Classification: ") {
        put("class", after.split(']').next().unwrap_or(""));
    }
    if let Some((_, after)) = rest.split_once("[Priority: ") {
        put("priority", after.split(']').next().unwrap_or(""));
    }
    let Some((protocol, ends)) = rest.rsplit_once('{').and_then(|(_, after)| after.split_once('}')) else { return };
    put("proto", protocol);
    flow(ends, put);
}

/// The lines behind the first of `alert_full`, joined by line breaks or by the `\n` that a relay wrote for them: the packet's
/// time and ends, and its protocol.
fn full<'a>(text: &'a str, context: &Context, put: &mut impl FnMut(&'static str, &'a str)) -> Option<Timestamp> {
    let mut lines = text.split('\n').flat_map(|line| line.split("\\n")).map(str::trim).skip(1);
    let (stamp, ends) = lines.by_ref().find_map(|line| {
        let (word, ends) = line.split_once(' ')?;
        Some((fast(word, context)?, ends))
    })?;
    put("proto", lines.next().map_or("", |line| line.split(' ').next().unwrap_or("")));
    flow(ends, put);
    Some(stamp)
}

/// `a:1 -> b:2`.
fn flow<'a>(ends: &'a str, put: &mut impl FnMut(&'static str, &'a str)) {
    let Some((source, destination)) = ends.split_once(" -> ") else { return };
    let word = |end: &'a str| end.trim().split(' ').next().unwrap_or("");
    // `2001:db8::7:40000`: whether the last group is a port, the other end may tell.
    let ported = [source, destination].map(word).iter().any(|end| {
        end.rsplit_once(':')
            .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']') || device::address(end).is_none())
    });
    for (end, address, port) in [(source, "src_addr", "src_port"), (destination, "dst_addr", "dst_port")] {
        let end = word(end);
        match end.rsplit_once(':') {
            // A bare IPv6 address has no port.
            Some((host, number))
                if ported
                    && (device::address(host).is_some() || host.ends_with(']'))
                    && number.parse::<u16>().is_ok() =>
            {
                put(address, host);
                put(port, number);
            }
            _ => put(address, end),
        }
    }
}

/// `time,gid,sid,rev,msg,proto,src,srcport,dst,dstport,...`; pfSense adds id, class, priority, action behind them.
fn csv<'a>(
    line: &'a str,
    context: &Context,
    arena: &'a Bump,
    event: &mut Event<'a>,
    put: &mut impl FnMut(&'static str, &'a str, &mut Event<'a>),
) -> Result<(), Reason> {
    const NOT: Reason = Reason("neither a Snort alert in text, CSV nor JSON");
    let start = line.find(',').map_or(0, |comma| line[..comma].trim_end().rfind(' ').map_or(0, |at| at + 1));
    let mut cells = BumpVec::with_capacity_in(32, arena);
    cells.extend(csv_cells::cells(line[start..].trim_end(), ',', arena).take(64));
    let time = cells.first().and_then(|text| slashed(text, context)).ok_or(NOT)?;
    if cells.len() < 10 {
        return Err(NOT);
    }
    let names = ["gid", "sid", "rev", "msg", "proto", "src_addr", "src_port", "dst_addr", "dst_port"];
    for (name, cell) in names.into_iter().zip(cells.iter().skip(1)) {
        put(name, cell, event);
    }
    if let 13..=15 = cells.len() {
        for (name, at) in [("class", 11), ("priority", 12), ("action", 13)] {
            put(name, cells.get(at).copied().unwrap_or(""), event);
        }
    } else {
        put("eth_src", cells.get(10).copied().unwrap_or(""), event);
        put("eth_dst", cells.get(11).copied().unwrap_or(""), event);
    }
    event.push(f::TIMESTAMP, Value::Time(time));
    device::header(&line[..start], context, event);
    Ok(())
}

fn meaning<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    event.push(f::EVENT_KIND, Value::Str("alert"));
    add(f::EVENT_CATEGORY, &["network", "intrusion_detection"], event);
    device::logsource("snort", "firewall", "", event);
    let message = pairs.get("msg");
    event.push_str(f::RULE_NAME, message);
    event.push_str(f::RULE_DESCRIPTION, message);
    event.push_str(f::MESSAGE, message);
    if !event.has(f::RULE_ID) {
        event.push_str(f::RULE_ID, pairs.get("rule"));
    }
    let protocol = pairs.get("proto");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    if pairs.get("service") != "unknown" {
        event.push_str(f::NETWORK_PROTOCOL, device::lower(pairs.get("service"), arena));
    }
    let action = pairs.get("action");
    event.push_str(f::EVENT_ACTION, device::lower(action, arena));
    add(f::EVENT_TYPE, &["info"], event);
    match action {
        "drop" | "block" | "reset" => add(f::EVENT_TYPE, &["denied"], event),
        "allow" | "alert" | "pass" => add(f::EVENT_TYPE, &["allowed"], event),
        _ => {}
    }
    community_id::push(arena, event);
}
