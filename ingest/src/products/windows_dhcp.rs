//! Windows DHCP Server: the audit log (`DhcpSrvLog-*.log`, `DhcpV6SrvLog-*.log`), CSV with the same ids in every language.
//!
//! `ID,Date,Time,Description,IP Address,Host Name,MAC Address,User Name,TransactionID,QResult,...`, for DHCPv6 (ids of five
//! digits) `...,Host Name,Error Code,Duid Length,Duid Bytes(Hex),User Name,...`; the date is
//! `month/day/year` in two digits, and local. The lines of the file's head and its header are kept as text. Source:
//! Microsoft, "Analyze DHCP Server Log Files", event codes.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::{Context, Parser, Reason};
use crate::put::{self, Class};
use crate::{csv_cells, syslog, time};

/// Parser of the DHCP audit log.
#[derive(Default)]
pub struct WindowsDhcp {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "windows_dhcp"),
    (fields::OBSERVER_VENDOR, "Microsoft"),
    (fields::OBSERVER_PRODUCT, "Windows DHCP Server"),
    (fields::NETWORK_PROTOCOL, "dhcp"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "windows"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "dhcp"),
];

impl Parser for WindowsDhcp {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut text = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}', '\t']);
        let stamped = time::rfc3164_prefix(text, context).is_some() || time::iso_prefix(text, &context.zone).is_some();
        if text.starts_with('<') || stamped {
            let head = syslog::parse(text, context);
            put::observer(&head, event);
            text = head.message;
        }
        if text.is_empty() {
            return Err(Reason("empty line"));
        }
        let cells = BumpVec::from_iter_in(csv_cells::cells(text, ',', arena).take(64), arena);
        let at = |index: usize| cells.get(index).copied().unwrap_or("");
        event.push_str(fields::MESSAGE, at(3));
        put::constants(CONSTANT, event);
        let Some(stamp) = stamp(at(1), at(2), context) else {
            // The head of the file explains the codes; it holds no date in the second cell.
            if at(0).starts_with("ID") || !at(0).bytes().all(|byte| byte.is_ascii_digit()) || at(0).is_empty() {
                event.set(fields::MESSAGE, Value::Str(text));
                put::words(fields::EVENT_TYPE, &["info"], event);
                return Ok(());
            }
            return Err(Reason("no id, date and time of a DHCP audit log"));
        };
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        let code = at(0).trim_start_matches('0');
        event.push_str(fields::EVENT_CODE, at(0));
        // A request for a DNS update names the address backwards.
        if let Some(ip) = put::ip(at(4)).filter(|_| code != "30") {
            put::end(&put::SOURCE, at(4), event);
            event.push(fields::HOST_IP, Value::Ip(ip));
        }
        // Who may serve is said of a domain; an address in conflict has no name.
        let rogue = matches!(code.parse::<u32>(), Ok(50..=64));
        if rogue {
            event.push_str(fields::HOST_DOMAIN, at(5));
        } else if at(5) != "BAD_ADDRESS" {
            event.push_str(fields::HOST_NAME, at(5));
            event.push_str(fields::HOST_HOSTNAME, at(5));
            event.push_str(fields::SOURCE_DOMAIN, at(5));
        }
        // DHCPv6: error code, length and bytes of the client's identifier, user name.
        let v6 = code.len() == 5;
        if let Some(mac) = hardware(at(6), arena).filter(|_| !v6) {
            event.push(fields::SOURCE_MAC, Value::Str(mac));
            event.push(fields::HOST_MAC, Value::Str(mac));
        }
        put::user(at(if v6 { 9 } else { 7 }), event);
        if !v6 && at(8) != "0" {
            event.push_str(fields::EVENT_ID, at(8));
        }
        put::class(&class(code), event);
        Ok(())
    }
}

/// `11/20/26`, `10:00:00`.
fn stamp(date: &str, clock: &str, context: &Context) -> Option<stream::Timestamp> {
    let mut parts = date.split('/').map(str::parse::<u16>);
    let (month, day, year) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    // `2026/11/20`, as a server with Japanese settings writes it.
    let (month, day, year) = if month > 999 { (day, year, month) } else { (month, day, year) };
    let year = if year < 100 { 2000 + year } else { year };
    let (of_day, _) = time::civil_time(clock.as_bytes())?;
    let civil = time::Civil::new((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?), of_day)?;
    Some(context.zone.instant(&civil))
}

/// Twelve digits without marks; longer ones are identifiers, not addresses.
fn hardware<'a>(text: &str, arena: &'a Bump) -> Option<&'a str> {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return mac(text, arena);
    }
    let mut marked = bumpalo::collections::String::with_capacity_in(17, arena);
    for at in (0..12).step_by(2) {
        if at > 0 {
            marked.push('-');
        }
        marked.push_str(&text[at..at + 2]);
    }
    mac(&marked, arena)
}

fn class(code: &str) -> Class {
    let of = |kind: &'static [&'static str], action: &'static str, outcome: &'static str| Class {
        category: &["network"],
        kind,
        action,
        outcome,
    };
    match code {
        "0" | "" => Class { category: &["process"], kind: &["start"], action: "log-start", outcome: "success" },
        "1" => Class { category: &["process"], kind: &["end"], action: "log-end", outcome: "success" },
        "2" => of(&["info"], "log-pause", ""),
        "10" | "11000" | "11004" => of(&["allowed", "start"], "dhcp-new", "success"),
        "11" | "11001" | "11002" => of(&["allowed", "connection"], "dhcp-renew", "success"),
        "12" | "11003" | "11006" => of(&["connection", "end"], "dhcp-release", "success"),
        "13" => of(&["connection"], "dhcp-conflict", "failure"),
        "14" => of(&["denied"], "dhcp-scope-full", "failure"),
        "15" => of(&["denied"], "dhcp-deny", "failure"),
        "16" => of(&["deletion"], "dhcp-delete", "success"),
        "17" => of(&["end"], "dhcp-expire", "success"),
        "18" => of(&["end", "deletion"], "dhcp-expire", "success"),
        "20" | "21" | "22" | "23" => of(&["connection"], "bootp", ""),
        "24" | "25" => of(&["info"], "ip-cleanup", ""),
        "30" => of(&["connection", "info"], "dhcp-dns-update", ""),
        "31" | "34" | "35" => of(&["connection", "denied"], "dhcp-dns-update", "failure"),
        "32" => of(&["connection", "allowed"], "dhcp-dns-update", "success"),
        "33" | "36" => of(&["connection", "denied"], "dhcp-drop", "failure"),
        "50" | "52" | "54" | "56" | "58" | "60" | "61" | "62" => of(&["info"], "rogue-server-detection", "failure"),
        "51" | "53" | "55" | "57" | "59" | "63" | "64" => of(&["info"], "rogue-server-detection", "success"),
        _ => of(&["info"], "", ""),
    }
}
