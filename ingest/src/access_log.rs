//! The access log formats that web servers share: NCSA common and combined, with or without a virtual host before them.
//!
//! `[vhost[:port] ]address ident user [time] "request" status bytes ["referrer" "agent" ...]`. The address may be a list
//! of forwarded addresses (`192.0.2.1, 10.0.0.1`), of which the first public one is the source.
//! Source: NCSA httpd; Apache mod_log_config; nginx ngx_http_log_module.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::parser::Context;
use crate::{put, time};

/// Reads such a line; whether it is one. What follows the user agent is left to [`tail`].
pub(crate) fn parse<'a>(text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    read(text, context, arena, event).is_some()
}

/// As [`parse`]: gives what follows the user agent.
pub(crate) fn read<'a>(text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Option<&'a str> {
    let (stamp, after) = bracketed_time(text, context)?;
    let head = text.get(..stamp.1)?.trim_end();
    let (request, rest) = put::quoted(after.trim_start())?;
    let (status, rest) = put::word(rest);
    if status.len() != 3 || status.parse::<u16>().is_err() {
        return None;
    }
    let (before, user) = who(head);
    if !is_client(before) {
        return None;
    }
    event.set(fields::TIMESTAMP, Value::Time(stamp.0));
    event.push_str(fields::USER_NAME, user.trim().trim_matches('"'));
    client(before, event);
    put::request(request, arena, event);
    put::status(status, event);
    let (bytes, rest) = put::word(rest);
    put::count(fields::HTTP_RESPONSE_BODY_BYTES, bytes, event);
    let Some((referrer, after)) = put::quoted(rest) else { return Some(rest) };
    event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
    let Some((agent, after)) = put::quoted(after.trim_start()) else { return Some(after) };
    event.push_str(fields::USER_AGENT_ORIGINAL, agent);
    Some(after.trim_start())
}

/// The first `[...]` that is a time: with where it starts, and what follows.
fn bracketed_time<'a>(text: &'a str, context: &Context) -> Option<((stream::Timestamp, usize), &'a str)> {
    // A user name may hold a bracket, hardly four.
    text.match_indices(" [").take(4).find_map(|(at, _)| {
        let (inner, after) = text[at + 2..].split_once(']')?;
        let stamp = time::common_log(inner, &context.zone).or_else(|| time::iso(inner, &context.zone))?;
        Some(((stamp, at), after))
    })
}

/// The host and addresses, and the user: the user is all that stands behind the second word after the addresses.
fn who(head: &str) -> (&str, &str) {
    match head.split_once(" - ") {
        Some((before, user)) => (before, without_real_ip(user)),
        None => {
            let (address, rest) = put::word(head);
            let (_ident, user) = put::word(rest);
            (address, user)
        }
    }
}

/// The ingress controller of old writes `[address] - user` where the user stands.
fn without_real_ip(user: &str) -> &str {
    match user.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if put::ip(address).is_some() => {
            rest.trim_start_matches([' ', '-']).trim_end_matches([' ', '-'])
        }
        _ => user,
    }
}

/// A host and an address, or addresses alone: what is longer is a header.
fn is_client(before: &str) -> bool {
    let mut words = before.split([' ', ',']).filter(|word| !word.is_empty()).skip(1);
    !before.starts_with(['<', '['])
        && words.next().is_none_or(|_| words.all(|word| put::ip(word.trim_matches('"')).is_some()))
}

/// Virtual host, address or addresses.
fn client<'a>(before: &'a str, event: &mut Event<'a>) {
    let before = before.trim_matches('"');
    let first = before.split([',', ' ']).next().unwrap_or("");
    let addresses = match before.split_once(' ') {
        Some((host, rest)) if put::ip(first.trim_end_matches(',')).is_none() && !host.ends_with(',') => {
            put::end_with_port(&put::DESTINATION, host, event);
            if let Some(name) = event.get_str(fields::DESTINATION_DOMAIN) {
                event.push(fields::URL_DOMAIN, Value::Str(name));
            }
            rest
        }
        _ => before,
    };
    let listed = || addresses.split([',', ' ']).map(|one| one.trim_matches('"')).filter(|one| !one.is_empty());
    let chosen = listed().find(|one| put::ip(one).is_some_and(is_public)).or_else(|| listed().next());
    if let Some(address) = chosen {
        put::end(&put::SOURCE, address, event);
    }
}

/// Whether an address is one of the internet's.
fn is_public(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(ip) => !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        std::net::IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}
