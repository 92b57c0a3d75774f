//! A URL's parts as ECS fields, borrowed from the text; nothing is decoded (RFC 3986 §3 read leniently).

use stream::{Event, Value, fields};

/// The longest text after the last dot of a path that counts as an extension.
const EXTENSION_BYTES_MAX: usize = 10;

/// The host of a URL or of a `host:port`, and the port if it names one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// Name or address; an IPv6 address keeps its brackets. Empty when there is none.
    pub(crate) host: &'a str,
    /// The port, if it stands there.
    pub(crate) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]:port`, with or without `user:password@` before it.
    pub(crate) fn read(text: &'a str) -> Self {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let colon = match text.rfind(']') {
            Some(bracket) => text[bracket..].find(':').map(|at| bracket + at),
            // More than one colon without brackets is a bare IPv6 address.
            None => text.find(':').filter(|first| text.rfind(':') == Some(*first)),
        };
        match colon {
            Some(at) => Authority { host: &text[..at], port: text[at + 1..].parse().ok().filter(|port| *port != 0) },
            None => Authority { host: text, port: None },
        }
    }

    /// The host as an address.
    pub(crate) fn ip(&self) -> Option<std::net::IpAddr> {
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(self.host);
        bare.parse().ok()
    }
}

/// Sets `url.scheme`, `.username`, `.domain`, `.port`, `.path`, `.query`, `.fragment` and `.extension` of a URL with a
/// scheme and `//`; its authority. Other text sets nothing.
pub(crate) fn push<'a>(url: &'a str, event: &mut Event<'a>) -> Authority<'a> {
    let Some((scheme, rest)) = url.split_once("://") else { return Authority::default() };
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority_text, rest) = rest.split_at(end);
    let authority = Authority::read(authority_text);
    event.push_str(fields::URL_SCHEME, scheme);
    if let Some((user, _)) = authority_text.rsplit_once('@') {
        event.push_str(fields::URL_USERNAME, user.split(':').next().unwrap_or(""));
    }
    event.push_str(fields::URL_DOMAIN, authority.host);
    if let Some(port) = authority.port {
        event.push(fields::URL_PORT, Value::Int(i64::from(port)));
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    event.push_str(fields::URL_PATH, path);
    event.push_str(fields::URL_QUERY, query);
    event.push_str(fields::URL_FRAGMENT, fragment);
    event.push_str(fields::URL_EXTENSION, extension(path));
    authority
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or("");
    match name.rsplit_once('.') {
        Some((_, extension))
            if extension.len() <= EXTENSION_BYTES_MAX && extension.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            extension
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let read = |text| {
            let authority = Authority::read(text);
            (authority.host, authority.port)
        };
        assert_eq!(read("www.example.jp:443"), ("www.example.jp", Some(443)));
        assert_eq!(read("[2001:db8::1]:8443"), ("[2001:db8::1]", Some(8443)));
        assert_eq!(read("[2001:db8::1]"), ("[2001:db8::1]", None));
        assert_eq!(read("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(read("u:p@h:1"), ("h", Some(1)));
        assert_eq!(read("h:x"), ("h", None));
        assert_eq!(Authority::read("[2001:db8::1]:1").ip(), "2001:db8::1".parse().ok());
    }

    #[test]
    fn extensions() {
        assert_eq!(extension("/a.b/c.tar.gz"), "gz");
        assert_eq!(extension("/a.b/c"), "");
        assert_eq!(extension("/a.日本"), "");
    }
}
