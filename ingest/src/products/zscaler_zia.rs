//! Zscaler Internet Access: the NSS and Cloud NSS feeds for web, firewall, DNS and tunnels, and NSS's own alerts.
//!
//! | Form | Where it is met |
//! |---|---|
//! | `{"sourcetype":"zscalernss-web","event":{...}}`, or the inner object alone | Cloud NSS, HTTP feeds |
//! | `time<TAB>user=...<TAB>action=...` | NSS feed type Splunk, any `key=value` feed |
//! | `"time","login","proto",...` in the order of the field list below | NSS feed type CSV |
//! | `<PRI>Nov 20 10:00:00 [192.0.2.1] ZscalerNSS: text` | NSS alerts |
//!
//! Keys are NSS's own names (`login`, `cip`, `eurl`); the names of the Splunk feed (`ClientIP`, `serverip`) are known too.
//! Text is percent-decoded; `None`, `NA` and `N/A` are nothing. Keys without a field are kept as `zscaler.<key>`.
//! Source: Zscaler, NSS Feed Output Format (web, firewall, DNS, tunnel), NSS alerts.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::json::Walker;
use crate::json_keys;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{community_id, csv_cells};
use crate::{put, syslog, time};

/// Parser of Zscaler's feeds.
#[derive(Default)]
pub struct ZscalerZia {
    walker: Walker,
    names: Names,
}

const WEB: &[&str] = &[
    "time",
    "login",
    "proto",
    "eurl",
    "action",
    "appname",
    "appclass",
    "reqsize",
    "respsize",
    "stime",
    "ctime",
    "urlclass",
    "urlsupercat",
    "urlcat",
    "malwarecat",
    "threatname",
    "riskscore",
    "dlpeng",
    "dlpdict",
    "location",
    "dept",
    "cip",
    "sip",
    "reqmethod",
    "respcode",
    "eua",
    "ereferer",
    "ruletype",
    "rulelabel",
    "contenttype",
    "unscannabletype",
    "deviceowner",
    "devicehostname",
];
const FIREWALL: &[&str] = &[
    "datetime",
    "user",
    "department",
    "locationname",
    "cdport",
    "csport",
    "sdport",
    "ssport",
    "csip",
    "cdip",
    "ssip",
    "sdip",
    "tsip",
    "tunsport",
    "tuntype",
    "action",
    "dnat",
    "stateful",
    "aggregate",
    "nwsvc",
    "nwapp",
    "proto",
    "ipcat",
    "destcountry",
    "avgduration",
    "rulelabel",
    "inbytes",
    "outbytes",
    "duration",
    "durationms",
    "numsessions",
    "ipsrulelabel",
    "threatcat",
    "threatname",
    "deviceowner",
    "devicehostname",
];
const DNS: &[&str] = &[
    "datetime",
    "user",
    "department",
    "location",
    "reqaction",
    "resaction",
    "reqrulelabel",
    "resrulelabel",
    "dns_reqtype",
    "dns_req",
    "dns_resp",
    "srv_dport",
    "durationms",
    "clt_sip",
    "srv_dip",
    "category",
    "deviceowner",
    "devicehostname",
];

static TABLE: &Table = &[
    ("recordid", fields::EVENT_ID),
    ("event_id", fields::EVENT_ID),
    ("devicehostname", fields::HOST_HOSTNAME),
    ("devicehostname", fields::HOST_NAME),
    ("threatname", fields::RULE_CATEGORY),
    ("reason", fields::EVENT_REASON),
    ("eventreason", fields::EVENT_REASON),
    // Web.
    ("reqmethod", fields::HTTP_REQUEST_METHOD),
    ("requestmethod", fields::HTTP_REQUEST_METHOD),
    ("respcode", fields::HTTP_RESPONSE_STATUS_CODE),
    ("status", fields::HTTP_RESPONSE_STATUS_CODE),
    ("reqsize", fields::HTTP_REQUEST_BYTES),
    ("requestsize", fields::HTTP_REQUEST_BYTES),
    ("respsize", fields::HTTP_RESPONSE_BYTES),
    ("responsesize", fields::HTTP_RESPONSE_BYTES),
    ("eua", fields::USER_AGENT_ORIGINAL),
    ("ua", fields::USER_AGENT_ORIGINAL),
    ("useragent", fields::USER_AGENT_ORIGINAL),
    ("ereferer", fields::HTTP_REQUEST_REFERRER),
    ("refererURL", fields::HTTP_REQUEST_REFERRER),
    ("contenttype", fields::HTTP_RESPONSE_MIME_TYPE),
    ("ruletype", fields::RULE_RULESET),
    ("sip", fields::DESTINATION_IP),
    ("serverip", fields::DESTINATION_IP),
    ("cintip", fields::SOURCE_NAT_IP),
    ("clientpublicIP", fields::SOURCE_NAT_IP),
    ("cip", fields::SOURCE_IP),
    ("ClientIP", fields::SOURCE_IP),
    ("bamd5", fields::FILE_HASH_MD5),
    ("sha256", fields::FILE_HASH_SHA256),
    ("upload_filename", fields::FILE_NAME),
    // Firewall.
    ("csip", fields::SOURCE_IP),
    ("csport", fields::SOURCE_PORT),
    ("cdip", fields::DESTINATION_IP),
    ("cdport", fields::DESTINATION_PORT),
    ("cdfqdn", fields::DESTINATION_DOMAIN),
    ("nwapp", fields::NETWORK_APPLICATION),
    ("inbytes", fields::DESTINATION_BYTES),
    ("outbytes", fields::SOURCE_BYTES),
    // DNS.
    ("clt_sip", fields::SOURCE_IP),
    ("srv_dip", fields::DESTINATION_IP),
    ("srv_dport", fields::DESTINATION_PORT),
    ("dns_req", fields::DNS_QUESTION_NAME),
    ("dns_reqtype", fields::DNS_QUESTION_TYPE),
    // Tunnel.
    ("sourceip", fields::SOURCE_IP),
    ("sourceport", fields::SOURCE_PORT),
    ("destinationip", fields::DESTINATION_IP),
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "zscaler_zia"),
    (fields::OBSERVER_VENDOR, "Zscaler"),
    (fields::OBSERVER_PRODUCT, "ZIA"),
    (fields::OBSERVER_TYPE, "proxy"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "zscaler"),
];

impl Parser for ZscalerZia {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        // An alert as it is, or as the text of a record in JSON: `"event":"<114>Nov 20 ... ZscalerNSS: ..."}`.
        let bare = if line.starts_with('{') { line.trim_end_matches(['}', '"', ' ']) } else { line };
        if let Some((head, text)) = bare.split_once("ZscalerNSS: ") {
            let head = head.rfind('<').map_or(head, |at| &head[at..]);
            alert(head, text, context, event);
            put::constants(CONSTANT, event);
            return Ok(());
        }
        let raw = if line.contains('{') && !line.starts_with('"') {
            let object = json_keys::object(line, context, event)?;
            Row::of_json(object, &mut self.walker, arena)?
        } else {
            text_feed(line, context, arena, event)
        };
        let mut row = Row::new(arena);
        for (key, value) in raw.pairs() {
            let value = put::percent_decoded(value, arena);
            if !matches!(value, "None" | "NA" | "N/A" | "none") {
                row.push(key.strip_prefix("event.").unwrap_or(key), value);
            }
        }
        fill(&row, context, arena, event)?;
        put::constants(CONSTANT, event);
        let known: bumpalo::collections::Vec<'a, &str> = bumpalo::collections::Vec::from_iter_in(
            TABLE.iter().map(|(key, _)| *key).chain(["sourcetype", "time", "datetime"]),
            arena,
        );
        row.keep("zscaler.", &known, &mut self.names, event);
        Ok(())
    }
}

/// A feed in `key=value` or CSV form.
fn text_feed<'a>(line: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Row<'a> {
    if line.contains('\t') && line.contains('=') {
        let mut row = Row::new(arena);
        for part in line.split('\t') {
            if let Some((key, value)) = part.split_once('=') {
                row.push(key.trim(), value.trim_matches('"'));
            }
        }
        let (stamp, _) = line.split_once('\t').unwrap_or((line, ""));
        if !stamp.contains('=') {
            // Behind a header the record's own time is the last: `2026-11-20 10:00:04`.
            const LENGTH: usize = 19;
            let own = stamp.len().checked_sub(LENGTH).and_then(|at| stamp.get(at..));
            let own = own.filter(|own| time::iso_prefix(own, &context.zone).is_some());
            let at = stamp.find('>').filter(|_| stamp.starts_with('<')).map_or(0, |at| at + 1);
            row.push("time", own.unwrap_or(&stamp[at..]));
        }
        return row;
    }
    let start = line.find('"').unwrap_or(0);
    if start > 0 {
        put::observer(&syslog::parse(&line[..start], context), event);
    }
    let cells = bumpalo::collections::Vec::from_iter_in(csv_cells::cells(&line[start..], ',', arena), arena);
    let is_ip = |at: usize| cells.get(at).is_some_and(|cell| put::ip(cell).is_some());
    let names = if is_ip(21) && is_ip(22) {
        WEB
    } else if is_ip(8) && is_ip(9) {
        FIREWALL
    } else if is_ip(13) && is_ip(14) {
        DNS
    } else {
        &[]
    };
    Row::of_cells(names, cells.iter().copied(), arena)
}

/// `<114>Nov 20 10:00:00 [192.0.2.1] ZscalerNSS: ... connection to 198.51.100.1:443 lost ...`.
fn alert<'a>(head: &'a str, text: &'a str, context: &Context, event: &mut Event<'a>) {
    put::observer(&syslog::parse(head, context), event);
    if let Some(ip) = put::between(head, "[", "]").and_then(put::ip) {
        event.push(fields::OBSERVER_IP, Value::Ip(ip));
    }
    event.push_str(fields::MESSAGE, text);
    if let Some((_, rest)) = text.split_once("connection to ") {
        put::end_with_port(&put::DESTINATION, put::word(rest).0, event);
    }
    put::words(fields::EVENT_TYPE, &["info"], event);
}

fn fill<'a>(row: &Row<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Result<(), Reason> {
    let stamp = row.get(&["time", "datetime"]);
    if let Some(time) = instant(stamp, context) {
        event.set(fields::TIMESTAMP, Value::Time(time));
    }
    row.put(TABLE, event);
    if let Some(millis) = row.get(&["durationms"]).parse::<i64>().ok().filter(|millis| *millis >= 0) {
        event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
    }
    for label in ["rulelabel", "reqrulelabel", "resrulelabel", "ipsrulelabel"] {
        let label = row.get(&[label]);
        if !label.is_empty() {
            event.push_unique(fields::RULE_NAME, Value::Str(label));
        }
    }
    let feed = if row.has("dns_req") || row.has("dns_reqtype") {
        dns(row, arena, event);
        "dns"
    } else if row.has("cdip") || row.has("csip") {
        firewall(row, arena, event);
        "firewall"
    } else if row.has("tunneltype") || row.has("tunnelactionname") {
        tunnel(row, arena, event);
        "tunnel"
    } else if row.has("adminid") || row.has("auditlogtype") {
        audit(row, arena, event);
        "audit"
    } else if row.find(&["eurl", "url", "ehost", "reqmethod", "requestmethod"]).is_some() {
        web(row, arena, event);
        "web"
    } else {
        return Err(Reason("neither web, firewall, DNS nor tunnel: not a feed of ZIA"));
    };
    put::words(fields::EVENT_TYPE, &["info"], event);
    event.push(
        fields::EVENT_DATASET,
        Value::Str(match feed {
            "dns" => "zscaler_zia.dns",
            "firewall" => "zscaler_zia.firewall",
            "tunnel" => "zscaler_zia.tunnel",
            "audit" => "zscaler_zia.audit",
            _ => "zscaler_zia.web",
        }),
    );
    let category = match feed {
        "dns" => "dns",
        "web" => "proxy",
        "audit" => "",
        _ => "firewall",
    };
    event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
    Ok(())
}

/// `Fri Nov 20 10:00:00 2026`, ISO, or a number of seconds.
fn instant(text: &str, context: &Context) -> Option<stream::Timestamp> {
    let bare = text.split_once(' ').filter(|(day, _)| day.len() == 3).map_or(text, |(_, rest)| rest.trim_start());
    time::rfc3164_prefix(bare, context)
        .map(|(time, _)| time)
        .or_else(|| time::iso_prefix(text, &context.zone).map(|(time, _)| time))
        .or_else(|| time::epoch(text).filter(|_| text.len() >= 9))
}

/// Says whether it was let through.
fn verdict<'a>(action: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    json_keys::lower(fields::EVENT_ACTION, action, arena, event);
    let Some(action) = event.get_str(fields::EVENT_ACTION) else { return };
    if action.starts_with("allow") || action.contains("_allow") {
        put::words(fields::EVENT_TYPE, &["allowed"], event);
    } else if ["block", "drop", "deny", "reset"].iter().any(|word| action.contains(word)) {
        put::words(fields::EVENT_TYPE, &["denied"], event);
    }
}

fn email<'a>(login: &'a str, event: &mut Event<'a>) {
    if login.contains('@') {
        event.push_str(fields::USER_EMAIL, login);
    }
}

fn web<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["web"], event);
    let login = row.get(&["login", "user"]);
    email(login, event);
    match login.split_once('@') {
        Some((name, domain)) => {
            event.push_str(fields::USER_NAME, name);
            event.push_str(fields::USER_DOMAIN, domain);
        }
        None => event.push_str(fields::USER_NAME, login),
    }
    event.push_str(fields::SOURCE_USER_NAME, row.get(&["deviceowner"]));
    verdict(row.get(&["action"]), arena, event);
    let protocol = row.get(&["proto", "protocol"]);
    json_keys::lower(fields::NETWORK_PROTOCOL, protocol, arena, event);
    event.push_str(fields::NETWORK_APPLICATION, row.get(&["appname"]));
    if !event.has(fields::SOURCE_NAT_IP)
        && let Some(ip) = event.get(fields::SOURCE_IP)
    {
        event.push(fields::SOURCE_NAT_IP, ip);
    }
    let url = row.get(&["eurl", "url"]);
    if url.is_empty() {
        event.push_str(fields::URL_DOMAIN, row.get(&["ehost", "host", "hostname"]));
        return;
    }
    let scheme = event.get_str(fields::NETWORK_PROTOCOL).filter(|name| matches!(*name, "http" | "https" | "ftp"));
    let full = match scheme {
        Some(scheme) if !url.contains("://") => arena.alloc_str(&format!("{scheme}://{url}")),
        _ => url,
    };
    event.push(fields::URL_ORIGINAL, Value::Str(full));
    if full.contains("://") {
        event.push(fields::URL_FULL, Value::Str(full));
        super::squid::url::push(full, event);
    }
}

fn firewall<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    email(row.get(&["user", "login"]), event);
    event.push_str(fields::USER_NAME, row.get(&["deviceowner"]));
    verdict(row.get(&["action"]), arena, event);
    json_keys::lower(fields::NETWORK_TRANSPORT, row.get(&["proto"]), arena, event);
    json_keys::lower(fields::NETWORK_PROTOCOL, row.get(&["nwsvc"]), arena, event);
    community_id::push(arena, event);
}

fn dns<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    event.push(fields::NETWORK_PROTOCOL, Value::Str("dns"));
    email(row.get(&["user", "login"]), event);
    event.push_str(fields::USER_NAME, row.get(&["deviceowner"]));
    verdict(row.get(&["reqaction"]), arena, event);
}

/// What administrators did.
fn audit<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let admin = row.get(&["adminid"]);
    email(admin, event);
    event.push_str(fields::USER_NAME, admin.split('@').next().unwrap_or(""));
    put::end(&put::SOURCE, row.get(&["clientip"]), event);
    let action = row.get(&["action"]);
    json_keys::lower(fields::EVENT_ACTION, action, arena, event);
    match row.get(&["result"]) {
        "SUCCESS" => event.set(fields::EVENT_OUTCOME, Value::Str("success")),
        "FAILURE" => event.set(fields::EVENT_OUTCOME, Value::Str("failure")),
        _ => {}
    }
    event.push_str(fields::EVENT_REASON, row.get(&["errorcode"]));
    let (category, kind): (&'static str, &'static [&'static str]) = match action {
        "SIGN_IN" => ("authentication", &["start"]),
        "SIGN_OUT" => ("authentication", &["end"]),
        "CREATE" => ("configuration", &["creation", "change"]),
        "DELETE" => ("configuration", &["deletion", "change"]),
        _ => ("configuration", &["change"]),
    };
    put::words(fields::EVENT_CATEGORY, &[category], event);
    put::words(fields::EVENT_TYPE, kind, event);
}

fn tunnel<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    event.push_str(fields::USER_NAME, row.get(&["user"]));
    event.push_str(fields::EVENT_ACTION, row.get(&["event", "tunnelactionname"]));
    json_keys::lower(fields::NETWORK_TRANSPORT, row.get(&["tunneltype"]), arena, event);
}
