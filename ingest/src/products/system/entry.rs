//! One message being read: where the readers of this folder put what they found, and the small scans they share.
//!
//! Everything after the syslog header may have been chosen by an attacker (user names of failed logins, reverse names,
//! protocol banners). So an address is taken from the end that the daemon writes, never from the first match.

use std::net::IpAddr;

use stream::{Event, FieldId, Value, fields};

/// Fields without an ECS name, under the names that elastic's system integration gives them; asked for once.
pub(super) struct Own {
    pub(super) ssh_event: Option<FieldId>,
    pub(super) ssh_method: Option<FieldId>,
    pub(super) ssh_signature: Option<FieldId>,
    pub(super) sudo_tty: Option<FieldId>,
    pub(super) sudo_pwd: Option<FieldId>,
    pub(super) sudo_user: Option<FieldId>,
    pub(super) sudo_command: Option<FieldId>,
    pub(super) sudo_error: Option<FieldId>,
    pub(super) home: Option<FieldId>,
    pub(super) shell: Option<FieldId>,
    pub(super) pam_module: Option<FieldId>,
    pub(super) pam_service: Option<FieldId>,
    pub(super) session_id: Option<FieldId>,
    pub(super) killed_pid: Option<FieldId>,
    pub(super) killed_name: Option<FieldId>,
    pub(super) usb_vendor: Option<FieldId>,
    pub(super) usb_product: Option<FieldId>,
    pub(super) usb_port: Option<FieldId>,
}

impl Default for Own {
    fn default() -> Self {
        Own {
            ssh_event: stream::intern("system.auth.ssh.event"),
            ssh_method: stream::intern("system.auth.ssh.method"),
            ssh_signature: stream::intern("system.auth.ssh.signature"),
            sudo_tty: stream::intern("system.auth.sudo.tty"),
            sudo_pwd: stream::intern("system.auth.sudo.pwd"),
            sudo_user: stream::intern("system.auth.sudo.user"),
            sudo_command: stream::intern("system.auth.sudo.command"),
            sudo_error: stream::intern("system.auth.sudo.error"),
            home: stream::intern("system.auth.useradd.home"),
            shell: stream::intern("system.auth.useradd.shell"),
            pam_module: stream::intern("system.auth.pam.module"),
            pam_service: stream::intern("system.auth.pam.service"),
            session_id: stream::intern("system.auth.session.id"),
            killed_pid: stream::intern("system.kernel.process.pid"),
            killed_name: stream::intern("system.kernel.process.name"),
            usb_vendor: stream::intern("system.usb.vendor_id"),
            usb_product: stream::intern("system.usb.product_id"),
            usb_port: stream::intern("system.usb.port"),
        }
    }
}

/// What kind of event a message tells of, in ECS words.
pub(super) struct Class {
    pub(super) category: &'static [&'static str],
    pub(super) kind: &'static [&'static str],
    pub(super) action: &'static str,
    pub(super) outcome: &'static str,
}

/// A message and the event it becomes.
pub(super) struct Entry<'e, 'a> {
    pub(super) message: &'a str,
    pub(super) event: &'e mut Event<'a>,
    pub(super) own: &'e Own,
}

impl<'a> Entry<'_, 'a> {
    /// Sets category, type, action and outcome; empty words are left out. Later calls replace earlier ones.
    pub(super) fn class(&mut self, class: &Class) {
        for (field, words) in [(fields::EVENT_CATEGORY, class.category), (fields::EVENT_TYPE, class.kind)] {
            self.event.remove(field);
            for word in words {
                self.event.push(field, Value::Str(word));
            }
        }
        if !class.action.is_empty() {
            self.event.set(fields::EVENT_ACTION, Value::Str(class.action));
        }
        if !class.outcome.is_empty() {
            self.event.set(fields::EVENT_OUTCOME, Value::Str(class.outcome));
        }
    }

    /// Sets a field that has no value yet.
    pub(super) fn text(&mut self, field: FieldId, text: &'a str) {
        let text = text.trim();
        if !self.event.has(field) {
            self.event.push_str(field, text);
        }
    }

    /// Sets a field of the product's own.
    pub(super) fn extra(&mut self, field: Option<FieldId>, text: &'a str) {
        if let Some(field) = field {
            self.text(field, text);
        }
    }

    /// The user the message is about.
    pub(super) fn user(&mut self, name: &'a str) {
        self.text(fields::USER_NAME, name);
    }

    /// Where a connection comes from: an address, with or without an interface (`fe80::1%eth0`), or a name.
    pub(super) fn source(&mut self, address: &'a str) {
        let address = address.trim();
        // `(null)`, `(unknown)` and terminals (`tty1`, `/dev/pts/0`) are no addresses.
        let terminal = ["tty", "pts/", "/dev/"].iter().any(|lead| address.starts_with(lead));
        if address.is_empty()
            || address == "UNKNOWN"
            || address.starts_with('(')
            || terminal
            || self.event.has(fields::SOURCE_ADDRESS)
        {
            return;
        }
        self.event.push(fields::SOURCE_ADDRESS, Value::Str(address));
        match ip(address) {
            Some(ip) => self.event.push(fields::SOURCE_IP, Value::Ip(ip)),
            None => self.event.push(fields::SOURCE_DOMAIN, Value::Str(address)),
        }
    }

    /// The port a connection comes from; anything but a port number is left out.
    pub(super) fn source_port(&mut self, text: &str) {
        if let Some(port) = port(text) {
            self.event.set(fields::SOURCE_PORT, Value::Int(port));
        }
    }
}

/// The address in `text`, without the interface it may name.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// A port number.
pub(super) fn port(text: &str) -> Option<i64> {
    text.parse::<u16>().ok().map(i64::from)
}

/// `text` up to the first blank, and what comes after it.
pub(super) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(' ').unwrap_or((text, ""))
}

/// Leading decimal digits of `text`.
pub(super) fn digits(text: &str) -> &str {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

/// The text between the first `open` and the next `close` after it.
pub(super) fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// Removes one pair of quotes (`'x'`, `"x"`, `` `x' ``).
pub(super) fn unquote(text: &str) -> &str {
    text.trim().trim_start_matches(['\'', '"', '`']).trim_end_matches(['\'', '"'])
}

/// Splits `... from ADDRESS [port N]...` at the last place where a real address follows, so that a user name that holds
/// the same words does not win. Gives what stands before, the address and the port.
pub(super) fn origin(text: &str) -> Option<(&str, &str, &str)> {
    let mut end = text.len();
    let mut fallback = None;
    while let Some(at) = text[..end].rfind(" from ") {
        let (address, rest) = word(&text[at + 6..]);
        let port = rest.strip_prefix("port ").map_or("", digits);
        let address = address.trim_end_matches([':', ',', '.']);
        if ip(address).is_some() {
            return Some((&text[..at], address, port));
        }
        fallback = fallback.or(Some((&text[..at], address, port)));
        end = at;
    }
    fallback
}

/// Splits `WHO ADDRESS port N...` at the last ` port `; gives who (may be empty), the address, the port and the rest.
pub(super) fn endpoint(text: &str) -> Option<(&str, &str, &str, &str)> {
    let at = text.rfind(" port ")?;
    let after = &text[at + 6..];
    let port = digits(after);
    let (who, address) = text[..at].rsplit_once(' ').unwrap_or(("", &text[..at]));
    Some((who, address, port, &after[port.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_takes_the_daemons_own_words() {
        assert_eq!(origin("for sato from 192.0.2.1 port 50022 ssh2"), Some(("for sato", "192.0.2.1", "50022")));
        assert_eq!(
            origin("for invalid user root from 198.51.100.9 port 22 from 192.0.2.1 port 50022 ssh2"),
            Some(("for invalid user root from 198.51.100.9 port 22", "192.0.2.1", "50022"))
        );
        assert_eq!(origin("for a from host.example.jp port 1"), Some(("for a", "host.example.jp", "1")));
        assert_eq!(origin("nothing here"), None);
    }

    #[test]
    fn endpoint_splits_at_the_last_port() {
        assert_eq!(endpoint("192.0.2.1 port 22 [preauth]"), Some(("", "192.0.2.1", "22", " [preauth]")));
        assert_eq!(
            endpoint("invalid user a port 9 2001:db8::1 port 22: Too many"),
            Some(("invalid user a port 9", "2001:db8::1", "22", ": Too many"))
        );
    }
}
