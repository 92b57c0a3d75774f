//! Zeek's logs: what each is about, the keys that tell it, and the default columns of the main ones.

use crate::device;
use crate::keyed::Pairs;

/// One log.
pub(super) struct Log {
    pub(super) name: &'static str,
    /// Keys that only this log has together.
    keys: &'static [&'static str],
    pub(super) kind: &'static str,
    pub(super) category: &'static [&'static str],
    pub(super) types: &'static [&'static str],
    /// Application protocol and transport, where the log is about one.
    pub(super) protocol: &'static str,
    pub(super) transport: &'static str,
}

const fn log(
    name: &'static str,
    keys: &'static [&'static str],
    category: &'static [&'static str],
    types: &'static [&'static str],
    protocol: &'static str,
    transport: &'static str,
) -> Log {
    Log { name, keys, kind: "event", category, types, protocol, transport }
}

const NETWORK: &[&str] = &["network"];
const PROTOCOL: &[&str] = &["connection", "protocol"];

/// The log of any other name.
static OTHER: Log = log("", &[], NETWORK, &["info"], "", "");

/// In the order in which keys are held against a line.
#[rustfmt::skip]
static LOGS: &[Log] = &[
    log("conn", &["conn_state"], NETWORK, &["connection"], "", ""),
    log("dns", &["query", "trans_id"], NETWORK, &["connection", "protocol", "info"], "dns", ""),
    log("dns", &["query", "AA"], NETWORK, &["connection", "protocol", "info"], "dns", ""),
    log("http", &["trans_depth", "method"], &["network", "web"], &["connection", "protocol", "info"], "http", "tcp"),
    log("http", &["trans_depth", "request_body_len"], &["network", "web"], &["connection", "protocol", "info"], "http", "tcp"),
    log("ssl", &["established", "resumed"], NETWORK, PROTOCOL, "tls", "tcp"),
    log("ssl", &["cipher", "server_name"], NETWORK, PROTOCOL, "tls", "tcp"),
    log("x509", &["certificate.serial"], NETWORK, &["info"], "tls", ""),
    log("ssh", &["auth_attempts"], &["network", "authentication"], PROTOCOL, "ssh", "tcp"),
    log("ssh", &["kex_alg", "host_key_alg"], &["network", "authentication"], PROTOCOL, "ssh", "tcp"),
    Log { kind: "alert", ..log("notice", &["note", "actions"], &["network", "intrusion_detection"], &["info"], "", "") },
    Log { kind: "alert", ..log("notice", &["note", "suppress_for"], &["network", "intrusion_detection"], &["info"], "", "") },
    Log { kind: "alert", ..log("intel", &["seen.indicator"], &["network", "threat"], &["indicator"], "", "") },
    Log { kind: "alert", ..log("signatures", &["sig_id", "event_msg"], &["network", "intrusion_detection"], &["info"], "", "") },
    log("weird", &["name", "notice"], NETWORK, &["info"], "", ""),
    log("files", &["fuid", "source", "seen_bytes"], &["network", "file"], &["info"], "", ""),
    log("files", &["fuid", "tx_hosts"], &["network", "file"], &["info"], "", ""),
    log("smtp", &["helo"], &["network", "email"], PROTOCOL, "smtp", "tcp"),
    log("smtp", &["mailfrom"], &["network", "email"], PROTOCOL, "smtp", "tcp"),
    log("kerberos", &["request_type"], &["network", "authentication"], PROTOCOL, "kerberos", ""),
    log("ntlm", &["domainname"], &["network", "authentication"], PROTOCOL, "ntlm", "tcp"),
    log("ntlm", &["server_nb_computer_name"], &["network", "authentication"], PROTOCOL, "ntlm", "tcp"),
    log("dce_rpc", &["endpoint", "operation"], NETWORK, PROTOCOL, "dce_rpc", "tcp"),
    log("smb_mapping", &["share_type"], NETWORK, PROTOCOL, "smb", "tcp"),
    log("smb_files", &["action", "name"], &["network", "file"], PROTOCOL, "smb", "tcp"),
    log("smb_files", &["action", "times.modified"], &["network", "file"], PROTOCOL, "smb", "tcp"),
    log("rdp", &["security_protocol"], NETWORK, PROTOCOL, "rdp", ""),
    log("rdp", &["keyboard_layout"], NETWORK, PROTOCOL, "rdp", ""),
    log("dhcp", &["msg_types"], NETWORK, PROTOCOL, "dhcp", "udp"),
    log("ftp", &["command", "reply_code"], NETWORK, PROTOCOL, "ftp", "tcp"),
    log("radius", &["result", "username"], &["network", "authentication"], PROTOCOL, "radius", "udp"),
    log("snmp", &["get_requests"], NETWORK, PROTOCOL, "snmp", "udp"),
    log("sip", &["call_id"], NETWORK, PROTOCOL, "sip", ""),
    log("tunnel", &["tunnel_type"], NETWORK, &["connection"], "", ""),
    log("software", &["software_type"], NETWORK, &["info"], "", ""),
    log("known_services", &["port_num"], NETWORK, &["info"], "", ""),
    log("ntp", &["ref_id", "stratum"], NETWORK, PROTOCOL, "ntp", "udp"),
    log("mysql", &["cmd", "arg"], &["network", "database"], PROTOCOL, "mysql", "tcp"),
    log("irc", &["nick"], NETWORK, PROTOCOL, "irc", "tcp"),
    log("syslog", &["facility", "severity"], NETWORK, PROTOCOL, "syslog", "udp"),
    log("socks", &["request.host"], NETWORK, PROTOCOL, "socks", "tcp"),
    log("pe", &["machine", "is_exe"], &["file"], &["info"], "", ""),
    log("traceroute", &["src", "dst"], NETWORK, &["info"], "", ""),
    log("capture_loss", &["percent_lost"], &["host"], &["info"], "", ""),
    log("stats", &["pkts_proc"], &["host"], &["info"], "", ""),
];

/// The log of a JSON line: by its path, by the syslog tag before it, or by its keys.
pub(super) fn of_json(header: &str, pairs: &Pairs<'_>) -> Option<&'static Log> {
    let path = pairs.any(&["_path", "@path"]);
    if !path.is_empty() {
        return Some(LOGS.iter().find(|log| log.name == path).unwrap_or(&OTHER));
    }
    let tag = header.trim_end().trim_end_matches(':').rsplit([' ', '_', '/']).next().unwrap_or("");
    if let Some(log) = LOGS.iter().find(|log| log.name == tag) {
        return Some(log);
    }
    let has = |key: &str| pairs.value(key).is_some();
    let found = LOGS.iter().find(|log| log.keys.iter().all(|key| has(key)));
    found.or_else(|| (has("ts") && (has("uid") || has("id.orig_h"))).then_some(&OTHER))
}

/// What the columns of a default tab-separated log are called.
#[rustfmt::skip]
static COLUMNS: &[(&str, &[&str])] = &[
    ("conn", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "tunnel_parents"]),
    ("dns", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "trans_id", "rtt", "query", "qclass", "qclass_name", "qtype", "qtype_name", "rcode", "rcode_name", "AA", "TC", "RD", "RA", "Z", "answers", "TTLs", "rejected"]),
    ("http", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_depth", "method", "host", "uri", "referrer", "version", "user_agent", "origin", "request_body_len", "response_body_len", "status_code", "status_msg", "info_code", "info_msg", "tags", "username", "password", "proxied", "orig_fuids", "orig_filenames", "orig_mime_types", "resp_fuids", "resp_filenames", "resp_mime_types"]),
    ("ssl", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "cipher", "curve", "server_name", "resumed", "last_alert", "next_protocol", "established", "ssl_history", "cert_chain_fps", "client_cert_chain_fps", "sni_matches_cert"]),
    ("ssl", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "cipher", "curve", "server_name", "resumed", "last_alert", "next_protocol", "established", "cert_chain_fuids", "client_cert_chain_fuids", "subject", "issuer", "client_subject", "client_issuer"]),
    ("ssh", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "auth_success", "auth_attempts", "direction", "client", "server", "cipher_alg", "mac_alg", "compression_alg", "kex_alg", "host_key_alg", "host_key"]),
    ("weird", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "name", "addl", "notice", "peer"]),
    ("weird", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "name", "addl", "notice", "peer", "source"]),
    ("ftp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "user", "password", "command", "arg", "mime_type", "file_size", "reply_code", "reply_msg", "data_channel.passive", "data_channel.orig_h", "data_channel.resp_h", "data_channel.resp_p", "fuid"]),
    ("kerberos", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "request_type", "client", "service", "success", "error_msg", "from", "till", "cipher", "forwardable", "renewable", "client_cert_subject", "client_cert_fuid", "server_cert_subject", "server_cert_fuid"]),
    ("ntlm", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "username", "hostname", "domainname", "server_nb_computer_name", "server_dns_computer_name", "server_tree_name", "success"]),
    ("smb_mapping", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "path", "service", "native_file_system", "share_type"]),
    ("notice", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "fuid", "file_mime_type", "file_desc", "proto", "note", "msg", "sub", "src", "dst", "p", "n", "peer_descr", "actions", "email_dest", "suppress_for", "remote_location.country_code", "remote_location.region", "remote_location.city", "remote_location.latitude", "remote_location.longitude"]),
];

/// The log of a tab-separated line, its columns, and the line without a syslog header.
pub(super) fn of_columns(line: &str) -> Option<(&'static Log, &'static [&'static str], &str)> {
    let tab = line.find('\t')?;
    let start = line[..tab].rfind(' ').map_or(0, |at| at + 1);
    let text = &line[start..];
    let count = text.split('\t').count();
    let (name, columns) = COLUMNS.iter().find(|(_, columns)| columns.len() == count && fits(columns, text))?;
    let log = LOGS.iter().find(|log| log.name == *name)?;
    Some((log, columns, text))
}

/// Whether the cells have the shape of the columns: a time, addresses, ports, and where it is telling a protocol,
/// a flag or a name in capitals.
fn fits(columns: &[&str], text: &str) -> bool {
    columns.iter().zip(text.split('\t')).all(|(name, cell)| match *name {
        "ts" => cell.split('.').next().is_some_and(|seconds| seconds.len() >= 9 && digits(seconds)),
        "id.orig_h" | "id.resp_h" => cell == "-" || device::address(cell).is_some(),
        "id.orig_p" | "id.resp_p" => cell == "-" || digits(cell),
        "proto" => matches!(cell, "tcp" | "udp" | "icmp" | "unknown_transport" | "sctp" | "-"),
        "established" | "resumed" | "auth_success" | "success" | "notice" | "rejected" => {
            matches!(cell, "T" | "F" | "-")
        }
        "conn_state" => {
            cell.len() <= 6
                && cell.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
        }
        _ => true,
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
