//! `system`: any syslog line of a Linux (or BSD, macOS) host: sshd, sudo, su, PAM, cron, accounts, sessions, the rest.
//!
//! Headers: RFC 3164 with and without PRI, year or host, RFC 5424, and ISO time stamps (rsyslog's file format). A line
//! with a valid header but an unknown program is kept with its text as `message`; a line without a header too, as long
//! as it is not empty. Taxonomy as in elastic's system integration (`ssh_login`, `logged-on`...);
//! `sekisho.logsource.service` as in SigmaHQ (sshd, sudo, auth, cron, syslog), several where a line is in several logs.
//!
//! Sources: RFC 3164, RFC 5424; the programs' own sources, named in each file.

mod accounts;
mod cron;
mod entry;
mod header;
mod kernel;
mod others;
mod pam;
mod services;
mod sshd;
mod su;
mod sudo;
#[cfg(test)]
mod tests;
mod units;

use bumpalo::Bump;
use stream::{Event, Value, fields};

use self::entry::{Entry, Own};
use crate::parser::{Context, Parser, Reason};

/// Parser of this product.
#[derive(Default)]
pub struct System {
    own: Own,
    netfilter: super::iptables::Iptables,
}

impl Parser for System {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let head = header::read(line, context, event);
        if line.trim().is_empty() {
            return Err(Reason("empty line"));
        }
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("linux"));
        let program = head.program.rsplit('/').next().unwrap_or("");
        let program = program.split_once('(').map_or(program, |(name, _)| name);
        for service in services(program, head.facility) {
            event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str(service));
        }
        let mut entry = Entry { message: repeated(head.message), event, own: &self.own };
        dispatch(program, head.program, &mut entry);
        if head.program == "kernel" && head.message.contains(" PROTO=") {
            self.packet(line, context, arena, event);
        }
        related(event);
        Ok(())
    }
}

impl System {
    /// A packet that netfilter logged: it is read as `iptables` does, and what the header says stays.
    fn packet<'a>(&mut self, line: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        let mut packet = Event::new_in(arena);
        if self.netfilter.parse(line, context, arena, &mut packet).is_ok() {
            for (field, value) in packet.iter() {
                if !event.has(field) || field.is_list() || field == fields::SEKISHO_LOGSOURCE_SERVICE {
                    event.push_unique(field, value);
                }
            }
        }
    }
}

/// Hands the message to the reader of its program; PAM speaks in every program's name.
fn dispatch(program: &str, tag: &str, entry: &mut Entry<'_, '_>) {
    if pam::speaks(entry.message) {
        pam::read(entry);
        return;
    }
    if tag.ends_with("(pam_unix)") {
        pam::words(entry, entry.message);
        return;
    }
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => sshd::read(entry),
        "sudo" => sudo::read(entry),
        "su" => su::read(entry),
        "cron" | "CRON" | "crond" | "CROND" | "crontab" | "anacron" | "atd" => cron::read(entry),
        "systemd-logind" => others::logind(entry),
        "login" => others::login(entry),
        "unix_chkpwd" => pam::words(entry, entry.message),
        "polkitd" => others::polkit(entry),
        "dhclient" | "dhcpcd" => others::dhcp_client(entry),
        "systemd" => units::read(entry),
        "kernel" => kernel::read(entry),
        _ if accounts::speaks(program) => accounts::read(program, entry),
        _ => services::read(program, entry),
    }
}

/// The logs of SigmaHQ's `linux` product that a line stands in.
fn services(program: &str, facility: Option<u8>) -> &'static [&'static str] {
    const AUTH: u8 = 4;
    const CRON: u8 = 9;
    const AUTHPRIV: u8 = 10;
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => &["sshd", "auth"],
        "sudo" => &["sudo", "auth"],
        "cron" | "CRON" | "crond" | "CROND" | "crontab" | "anacron" | "atd" => &["cron"],
        "vsftpd" => &["vsftpd", "syslog"],
        "clamd" | "freshclam" | "clamav" => &["clamav", "syslog"],
        "guacd" => &["guacamole", "syslog"],
        "su" | "systemd-logind" | "login" | "unix_chkpwd" | "polkitd" | "pam" => &["auth"],
        _ if accounts::speaks(program) => &["auth"],
        _ => match facility {
            Some(AUTH | AUTHPRIV) => &["auth"],
            Some(CRON) => &["cron"],
            _ => &["syslog"],
        },
    }
}

/// What rsyslog wraps a repeated message in: `message repeated 3 times: [ Failed password ...]`.
fn repeated(message: &str) -> &str {
    let inner = message.strip_prefix("message repeated ").and_then(|rest| rest.split_once(" times: ["));
    inner.and_then(|(_, inner)| inner.strip_suffix(']')).map_or(message, str::trim_start)
}

fn related(event: &mut Event<'_>) {
    for field in [fields::USER_NAME, fields::USER_EFFECTIVE_NAME, fields::USER_TARGET_NAME] {
        if let Some(name) = event.get(field) {
            event.push_unique(fields::RELATED_USER, name);
        }
    }
    if let Some(ip) = event.get(fields::SOURCE_IP) {
        event.push_unique(fields::RELATED_IP, ip);
    }
}
