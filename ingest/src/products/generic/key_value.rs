//! Lines of `key=value` pairs of no known product, also logfmt.
//!
//! A key that is an ECS name sets that field; common synonyms do too; the rest is kept as `kv.<key>`. When two keys
//! name the same field the first counts, the other stays under `kv.`.

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use super::{Lookup, To};
use crate::parser::{Context, Parser, Reason};
use crate::{kv, syslog, time};

/// Parser of `key=value` lines.
#[derive(Default)]
pub struct KeyValue {
    pub(super) lookup: Lookup,
}

/// Synonyms, lower case.
static TABLE: &[(&str, To)] = &[
    ("date", To::Date),
    ("time", To::Time),
    ("timestamp", To::Time),
    ("@timestamp", To::Time),
    ("datetime", To::Time),
    ("ts", To::Time),
    ("rt", To::Time),
    ("tz", To::Zone),
    ("src", To::Field(f::SOURCE_IP)),
    ("srcip", To::Field(f::SOURCE_IP)),
    ("src_ip", To::Field(f::SOURCE_IP)),
    ("source_ip", To::Field(f::SOURCE_IP)),
    ("sourceip", To::Field(f::SOURCE_IP)),
    ("sip", To::Field(f::SOURCE_IP)),
    ("saddr", To::Field(f::SOURCE_IP)),
    ("client_ip", To::Field(f::SOURCE_IP)),
    ("clientip", To::Field(f::SOURCE_IP)),
    ("remote_addr", To::Field(f::SOURCE_IP)),
    ("remote_ip", To::Field(f::SOURCE_IP)),
    ("ip", To::Field(f::SOURCE_IP)),
    ("ip_address", To::Field(f::SOURCE_IP)),
    ("client", To::Field(f::SOURCE_IP)),
    ("remote", To::Field(f::SOURCE_IP)),
    ("rhost", To::Field(f::SOURCE_IP)),
    ("dst", To::Field(f::DESTINATION_IP)),
    ("server_ip", To::Field(f::DESTINATION_IP)),
    ("dstip", To::Field(f::DESTINATION_IP)),
    ("dst_ip", To::Field(f::DESTINATION_IP)),
    ("dest_ip", To::Field(f::DESTINATION_IP)),
    ("destination_ip", To::Field(f::DESTINATION_IP)),
    ("dip", To::Field(f::DESTINATION_IP)),
    ("daddr", To::Field(f::DESTINATION_IP)),
    ("spt", To::Field(f::SOURCE_PORT)),
    ("sport", To::Field(f::SOURCE_PORT)),
    ("srcport", To::Field(f::SOURCE_PORT)),
    ("src_port", To::Field(f::SOURCE_PORT)),
    ("source_port", To::Field(f::SOURCE_PORT)),
    ("dpt", To::Field(f::DESTINATION_PORT)),
    ("dport", To::Field(f::DESTINATION_PORT)),
    ("dstport", To::Field(f::DESTINATION_PORT)),
    ("dst_port", To::Field(f::DESTINATION_PORT)),
    ("dest_port", To::Field(f::DESTINATION_PORT)),
    ("destination_port", To::Field(f::DESTINATION_PORT)),
    ("smac", To::Field(f::SOURCE_MAC)),
    ("srcmac", To::Field(f::SOURCE_MAC)),
    ("src_mac", To::Field(f::SOURCE_MAC)),
    ("dmac", To::Field(f::DESTINATION_MAC)),
    ("dstmac", To::Field(f::DESTINATION_MAC)),
    ("dst_mac", To::Field(f::DESTINATION_MAC)),
    ("shost", To::Field(f::SOURCE_DOMAIN)),
    ("dhost", To::Field(f::DESTINATION_DOMAIN)),
    ("srcintf", To::Field(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("dstintf", To::Field(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("proto", To::Transport),
    ("protocol", To::Transport),
    ("transport", To::Transport),
    ("app", To::Field(f::NETWORK_APPLICATION)),
    ("application", To::Field(f::NETWORK_APPLICATION)),
    ("service", To::Field(f::NETWORK_PROTOCOL)),
    ("direction", To::Direction),
    ("sentbyte", To::Field(f::SOURCE_BYTES)),
    ("bytes_out", To::Field(f::SOURCE_BYTES)),
    ("bytes_sent", To::Field(f::SOURCE_BYTES)),
    ("rcvdbyte", To::Field(f::DESTINATION_BYTES)),
    ("bytes_in", To::Field(f::DESTINATION_BYTES)),
    ("bytes_received", To::Field(f::DESTINATION_BYTES)),
    ("bytes", To::Field(f::NETWORK_BYTES)),
    ("packets", To::Field(f::NETWORK_PACKETS)),
    ("action", To::Field(f::EVENT_ACTION)),
    ("act", To::Field(f::EVENT_ACTION)),
    ("event", To::Field(f::EVENT_ACTION)),
    ("outcome", To::Field(f::EVENT_OUTCOME)),
    ("result", To::Outcome),
    ("reason", To::Field(f::EVENT_REASON)),
    ("event_id", To::Field(f::EVENT_CODE)),
    ("eventid", To::Field(f::EVENT_CODE)),
    ("user", To::User),
    ("usr", To::User),
    ("username", To::User),
    ("login", To::User),
    ("email", To::Field(f::USER_EMAIL)),
    ("user_name", To::User),
    ("account", To::User),
    ("uid", To::Field(f::USER_ID)),
    ("user_id", To::Field(f::USER_ID)),
    ("suser", To::Field(f::SOURCE_USER_NAME)),
    ("srcuser", To::Field(f::SOURCE_USER_NAME)),
    ("duser", To::Field(f::DESTINATION_USER_NAME)),
    ("dstuser", To::Field(f::DESTINATION_USER_NAME)),
    ("group", To::Field(f::GROUP_NAME)),
    ("msg", To::Field(f::MESSAGE)),
    ("message", To::Field(f::MESSAGE)),
    ("err", To::Field(f::ERROR_MESSAGE)),
    ("error", To::Field(f::ERROR_MESSAGE)),
    ("level", To::Field(f::LOG_LEVEL)),
    ("lvl", To::Field(f::LOG_LEVEL)),
    ("severity", To::Field(f::LOG_LEVEL)),
    ("logger", To::Field(f::LOG_LOGGER)),
    ("component", To::Field(f::LOG_LOGGER)),
    ("host", To::Field(f::HOST_NAME)),
    ("hostname", To::Field(f::HOST_NAME)),
    ("devname", To::Field(f::OBSERVER_NAME)),
    ("dvchost", To::Field(f::OBSERVER_NAME)),
    ("dvc", To::Field(f::OBSERVER_IP)),
    ("devid", To::Field(f::OBSERVER_SERIAL_NUMBER)),
    ("serial", To::Field(f::OBSERVER_SERIAL_NUMBER)),
    ("vendor", To::Field(f::OBSERVER_VENDOR)),
    ("product", To::Field(f::OBSERVER_PRODUCT)),
    ("rule", To::Field(f::RULE_NAME)),
    ("rulename", To::Field(f::RULE_NAME)),
    ("rule_name", To::Field(f::RULE_NAME)),
    ("policy", To::Field(f::RULE_NAME)),
    ("policyname", To::Field(f::RULE_NAME)),
    ("ruleid", To::Field(f::RULE_ID)),
    ("rule_id", To::Field(f::RULE_ID)),
    ("policyid", To::Field(f::RULE_ID)),
    ("url", To::Field(f::URL_ORIGINAL)),
    ("uri", To::Field(f::URL_ORIGINAL)),
    ("request", To::Field(f::URL_ORIGINAL)),
    ("path", To::Field(f::URL_PATH)),
    ("domain", To::Field(f::URL_DOMAIN)),
    ("method", To::Field(f::HTTP_REQUEST_METHOD)),
    ("status", To::Status),
    ("status_code", To::Status),
    ("code", To::Status),
    ("referer", To::Field(f::HTTP_REQUEST_REFERRER)),
    ("referrer", To::Field(f::HTTP_REQUEST_REFERRER)),
    ("agent", To::Field(f::USER_AGENT_ORIGINAL)),
    ("useragent", To::Field(f::USER_AGENT_ORIGINAL)),
    ("user_agent", To::Field(f::USER_AGENT_ORIGINAL)),
    ("ua", To::Field(f::USER_AGENT_ORIGINAL)),
    ("query", To::Field(f::DNS_QUESTION_NAME)),
    ("qname", To::Field(f::DNS_QUESTION_NAME)),
    ("qtype", To::Field(f::DNS_QUESTION_TYPE)),
    ("pid", To::Field(f::PROCESS_PID)),
    ("process", To::Field(f::PROCESS_NAME)),
    ("program", To::Field(f::PROCESS_NAME)),
    ("exe", To::Field(f::PROCESS_EXECUTABLE)),
    ("cmd", To::Field(f::PROCESS_COMMAND_LINE)),
    ("file", To::Field(f::FILE_NAME)),
    ("filename", To::Field(f::FILE_NAME)),
    ("filepath", To::Field(f::FILE_PATH)),
    ("md5", To::Field(f::FILE_HASH_MD5)),
    ("sha1", To::Field(f::FILE_HASH_SHA1)),
    ("sha256", To::Field(f::FILE_HASH_SHA256)),
];

/// The parts of a time stamp that several keys make up.
#[derive(Default)]
struct Stamp<'a> {
    date: &'a str,
    time: &'a str,
    zone: &'a str,
}

impl Parser for KeyValue {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let header = syslog::parse(line.trim_end(), context);
        let mut stamp = Stamp::default();
        let mut count = 0;
        let separator = separator(header.message);
        if matches!(separator, b';' | b'|') && !header.message.contains('"') {
            // A value may then hold blanks; words before the first key do not belong to it.
            for part in header.message.split(char::from(separator)) {
                let Some((key, value)) = part.split_once('=') else { continue };
                count += 1;
                let key = key.trim().rsplit([' ', '\t']).next().unwrap_or("");
                self.push(key, value.trim().trim_matches('\''), &mut stamp, context, event);
            }
        } else {
            for pair in kv::pairs_separated(header.message, separator) {
                count += 1;
                let value = if pair.escaped { kv::unescape(pair.value, arena) } else { pair.value };
                self.push(pair.key, value, &mut stamp, context, event);
            }
        }
        set_time(&stamp, context, event);
        super::push_header(&header, event);
        super::push_sender(&header, event);
        if count == 0 {
            return Err(Reason("no key=value pair"));
        }
        super::push_kind(event);
        super::tidy_outcome(event);
        super::push_verdict(event);
        Ok(())
    }
}

impl KeyValue {
    fn push<'a>(&mut self, key: &str, value: &'a str, stamp: &mut Stamp<'a>, context: &Context, event: &mut Event<'a>) {
        let done = match self.lookup.to(key, TABLE) {
            To::Field(field) => {
                !event.has(field)
                    && (super::push_fitting(field, value, context, event)
                        || super::push_end_with_port(field, value, event))
            }
            To::Date => take(&mut stamp.date, value),
            To::Time => take(&mut stamp.time, value),
            To::Zone => take(&mut stamp.zone, value),
            To::Transport => !event.has(f::NETWORK_TRANSPORT) && super::push_transport(value, event),
            To::Status => match value.parse::<i64>() {
                Ok(status @ 100..=599) if !event.has(f::HTTP_RESPONSE_STATUS_CODE) => {
                    event.push(f::HTTP_RESPONSE_STATUS_CODE, Value::Int(status));
                    true
                }
                _ => outcome(value, event),
            },
            // The word stays under the format's own name too.
            To::Outcome => {
                outcome(value, event);
                false
            }
            To::User if !event.has(f::USER_NAME) => {
                super::push_user(value, event);
                true
            }
            To::Direction => {
                event.push_str(f::NETWORK_DIRECTION, value);
                true
            }
            To::User | To::Own => false,
        };
        if !done {
            self.lookup.own("kv.", key, Value::Str(value), event);
        }
    }
}

/// What a key stands for, by name.
pub(super) fn of(name: &str) -> Option<To> {
    TABLE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, to)| *to)
}

/// Sets whether it worked, if the word says so; whether it does.
fn outcome(text: &str, event: &mut Event<'_>) -> bool {
    match super::outcome_of(text).filter(|_| !event.has(f::EVENT_OUTCOME)) {
        Some(word) => event.push(f::EVENT_OUTCOME, Value::Str(word)),
        None => return false,
    }
    true
}

fn take<'a>(slot: &mut &'a str, value: &'a str) -> bool {
    let free = slot.is_empty();
    if free {
        *slot = value;
    }
    free
}

fn set_time(stamp: &Stamp<'_>, context: &Context, event: &mut Event<'_>) {
    if event.has(f::TIMESTAMP) {
        return;
    }
    let civil = || {
        let (date, _) = time::civil_date(stamp.date.as_bytes())?;
        let (of_day, _) = time::civil_time(stamp.time.as_bytes())?;
        time::Civil::new(date, of_day)
    };
    let instant = match civil() {
        Some(civil) => Some(match time::offset(stamp.zone) {
            Some(seconds) => civil.at_offset(seconds),
            None => context.zone.instant(&civil),
        }),
        None => super::instant(stamp.time, context).or_else(|| super::instant(stamp.date, context)),
    };
    if let Some(instant) = instant {
        event.push(f::TIMESTAMP, Value::Time(instant));
    }
}

/// What stands between pairs beside blanks: the first of `,`, `|`, `;` and tab that is followed by another key.
fn separator(body: &str) -> u8 {
    let bytes = body.as_bytes();
    let follows = |at: usize| {
        let rest = body.get(at + 1..).unwrap_or("").trim_start();
        let word = rest.split([' ', ',', '|', ';', '"']).next().unwrap_or("");
        word.find('=').is_some_and(|equals| equals > 0)
    };
    memchr::memchr3_iter(b',', b'|', b';', bytes).take(8).find(|at| follows(*at)).map_or(b' ', |at| bytes[at])
}
