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
const DETAILED: &[&str] = &["connection", "protocol", "info"];
const AUTHENTICATION: &[&str] = &["network", "authentication"];

/// The log of any other name.
static OTHER: Log = log("", &[], NETWORK, &["info"], "", "");

/// In the order in which keys are held against a line.
#[rustfmt::skip]
static LOGS: &[Log] = &[
    log("conn", &["conn_state"], NETWORK, &["connection"], "", ""),
    log("dns", &["query", "trans_id"], NETWORK, DETAILED, "dns", ""),
    log("dns", &["query", "AA"], NETWORK, DETAILED, "dns", ""),
    log("http", &["trans_depth", "method"], &["network", "web"], DETAILED, "http", "tcp"),
    log("http", &["trans_depth", "request_body_len"], &["network", "web"], DETAILED, "http", "tcp"),
    log("ssl", &["established", "resumed"], NETWORK, PROTOCOL, "tls", "tcp"),
    log("ssl", &["cipher", "server_name"], NETWORK, PROTOCOL, "tls", "tcp"),
    log("x509", &["certificate.serial"], NETWORK, &["info"], "tls", ""),
    log("ssh", &["auth_attempts"], AUTHENTICATION, PROTOCOL, "ssh", "tcp"),
    log("ssh", &["kex_alg", "host_key_alg"], AUTHENTICATION, PROTOCOL, "ssh", "tcp"),
    Log { kind: "alert", ..log("notice", &["note", "actions"], &["network", "intrusion_detection"], &["info"], "", "") },
    Log { kind: "alert", ..log("notice", &["note", "suppress_for"], &["network", "intrusion_detection"], &["info"], "", "") },
    Log { kind: "alert", ..log("intel", &["seen.indicator"], &["network", "threat"], &["indicator"], "", "") },
    Log { kind: "alert", ..log("signatures", &["sig_id", "event_msg"], &["network", "intrusion_detection"], &["info"], "", "") },
    Log { kind: "alert", ..log("signature", &["sig_id"], &["network", "intrusion_detection"], &["info"], "", "") },
    log("weird", &["name", "notice"], NETWORK, &["info"], "", ""),
    log("files", &["fuid", "source", "seen_bytes"], &["network", "file"], &["info"], "", ""),
    log("files", &["fuid", "tx_hosts"], &["network", "file"], &["info"], "", ""),
    log("smtp", &["helo"], &["network", "email"], PROTOCOL, "smtp", "tcp"),
    log("smtp", &["mailfrom"], &["network", "email"], PROTOCOL, "smtp", "tcp"),
    log("kerberos", &["request_type"], AUTHENTICATION, &["connection", "protocol", "access"], "kerberos", "tcp"),
    log("ntlm", &["domainname"], AUTHENTICATION, DETAILED, "ntlm", "tcp"),
    log("ntlm", &["server_nb_computer_name"], AUTHENTICATION, DETAILED, "ntlm", "tcp"),
    log("dce_rpc", &["endpoint", "operation"], NETWORK, DETAILED, "dce_rpc", "tcp"),
    log("smb_mapping", &["share_type"], NETWORK, PROTOCOL, "smb", "tcp"),
    log("smb_files", &["action", "name"], &["network", "file"], DETAILED, "smb", "tcp"),
    log("smb_files", &["action", "times.modified"], &["network", "file"], DETAILED, "smb", "tcp"),
    log("smb_cmd", &["command", "tree"], NETWORK, PROTOCOL, "smb", "tcp"),
    log("smb_cmd", &["command", "tree_service"], NETWORK, PROTOCOL, "smb", "tcp"),
    log("dpd", &["analyzer", "failure_reason"], NETWORK, &["connection", "info"], "", ""),
    log("analyzer", &["analyzer_kind", "failure_reason"], NETWORK, &["connection", "info"], "", ""),
    log("rdp", &["security_protocol"], NETWORK, DETAILED, "rdp", "tcp"),
    log("rdp", &["keyboard_layout"], NETWORK, DETAILED, "rdp", "tcp"),
    log("dhcp", &["msg_types"], NETWORK, DETAILED, "dhcp", "udp"),
    log("ftp", &["command", "reply_code"], NETWORK, DETAILED, "ftp", "tcp"),
    log("radius", &["result", "username"], AUTHENTICATION, DETAILED, "radius", "udp"),
    log("snmp", &["get_requests"], NETWORK, PROTOCOL, "snmp", "udp"),
    log("sip", &["call_id"], NETWORK, DETAILED, "sip", "udp"),
    log("tunnel", &["tunnel_type"], NETWORK, &["connection"], "", ""),
    log("software", &["software_type"], NETWORK, &["info"], "", ""),
    log("known_certs", &["port_num", "issuer_subject"], NETWORK, &["info"], "", ""),
    log("known_services", &["port_num"], NETWORK, &["info"], "", ""),
    log("ntp", &["ref_id", "stratum"], NETWORK, PROTOCOL, "ntp", "udp"),
    log("mysql", &["cmd", "arg"], &["network", "database"], DETAILED, "mysql", "tcp"),
    log("modbus", &["func"], NETWORK, DETAILED, "modbus", "tcp"),
    log("dnp3", &["fc_request"], NETWORK, DETAILED, "dnp3", "tcp"),
    log("rfb", &["client_major_version"], NETWORK, DETAILED, "rfb", "tcp"),
    log("ocsp", &["certStatus"], NETWORK, DETAILED, "ocsp", "tcp"),
    log("mqtt_connect", &["proto_name", "client_id"], NETWORK, DETAILED, "mqtt", "tcp"),
    log("mqtt_publish", &["payload_len", "topic"], NETWORK, DETAILED, "mqtt", "tcp"),
    log("mqtt_subscribe", &["topics", "ack"], NETWORK, DETAILED, "mqtt", "tcp"),
    log("irc", &["nick"], NETWORK, DETAILED, "irc", "tcp"),
    log("irc", &["command", "addl"], NETWORK, DETAILED, "irc", "tcp"),
    log("syslog", &["facility", "severity"], NETWORK, PROTOCOL, "syslog", "udp"),
    log("socks", &["request.host"], NETWORK, PROTOCOL, "socks", "tcp"),
    log("socks", &["request_p", "bound_p"], NETWORK, PROTOCOL, "socks", "tcp"),
    log("pe", &["machine", "is_exe"], &["file"], &["info"], "", ""),
    log("traceroute", &["src", "dst"], NETWORK, &["info"], "", ""),
    Log { kind: "metric", ..log("capture_loss", &["percent_lost"], &["host"], &["info"], "", "") },
    Log { kind: "metric", ..log("stats", &["pkts_proc"], &["host"], &["info"], "", "") },
    log("known_hosts", &["ts", "host"], &["network", "host"], &["info"], "", ""),
];

/// The log of a JSON line: by its path, by the syslog tag before it, or by its keys.
pub(super) fn of_json(header: &str, pairs: &Pairs<'_>) -> Option<&'static Log> {
    let path = pairs.any(&["_path", "@path"]);
    let tag = header.trim_end().trim_end_matches(':').rsplit([' ', '_', '/']).next().unwrap_or("");
    of_path(path).or_else(|| LOGS.iter().find(|log| log.name == tag)).or_else(|| of_keys(pairs))
}

/// The log of a `_path` or `#path`; one that is not known is still a log.
fn of_path(path: &str) -> Option<&'static Log> {
    (!path.is_empty()).then(|| LOGS.iter().find(|log| log.name == path).unwrap_or(&OTHER))
}

fn of_keys(pairs: &Pairs<'_>) -> Option<&'static Log> {
    let has = |key: &str| pairs.value(key).is_some();
    let found = LOGS.iter().find(|log| log.keys.iter().all(|key| has(key)));
    // `known_hosts` has nothing but an address.
    let found = found.filter(|log| log.name != "known_hosts" || device::address(pairs.get("host")).is_some());
    found.or_else(|| (has("ts") && (has("uid") || has("id.orig_h"))).then_some(&OTHER))
}

/// What the `#` lines of a file say of the lines behind them.
#[derive(Default)]
pub(super) struct Header {
    names: Vec<String>,
    path: String,
}

/// The most columns a `#fields` line may name.
const COLUMNS_MAX: usize = 128;

impl Header {
    /// Takes a `#` line.
    pub(super) fn directive(&mut self, line: &str) {
        let mut words = line.split(['\t', ' ', '\r', '\n']).filter(|word| !word.is_empty());
        match words.next() {
            Some("#fields") => self.names = words.take(COLUMNS_MAX).map(str::to_owned).collect(),
            // What was named before belongs to another log.
            Some("#path") => {
                self.path = words.next().unwrap_or("").to_owned();
                self.names.clear();
            }
            Some("#close") => *self = Header::default(),
            _ => {}
        }
    }

    /// The names of a line's columns, where there are as many.
    pub(super) fn names(&self, text: &str) -> Option<&[String]> {
        (!self.names.is_empty() && self.names.len() == text.split('\t').count()).then_some(&self.names)
    }

    /// The log of a line whose columns are named.
    pub(super) fn log(&self, pairs: &Pairs<'_>) -> Option<&'static Log> {
        of_path(&self.path).or_else(|| of_keys(pairs))
    }
}

/// Where the columns of a tab-separated line start: behind a syslog header.
pub(super) fn columns_start(line: &str) -> Option<usize> {
    let tab = line.find('\t')?;
    Some(line[..tab].rfind(' ').map_or(0, |at| at + 1))
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
    ("files", &["ts", "fuid", "tx_hosts", "rx_hosts", "conn_uids", "source", "depth", "analyzers", "mime_type", "filename", "duration", "local_orig", "is_orig", "seen_bytes", "total_bytes", "missing_bytes", "overflow_bytes", "timedout", "parent_fuid", "md5", "sha1", "sha256", "extracted", "extracted_cutoff", "extracted_size"]),
    ("files", &["ts", "fuid", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "source", "depth", "analyzers", "mime_type", "filename", "duration", "local_orig", "is_orig", "seen_bytes", "total_bytes", "missing_bytes", "overflow_bytes", "timedout", "parent_fuid", "md5", "sha1", "sha256", "extracted", "extracted_cutoff", "extracted_size"]),
    ("x509", &["ts", "id", "certificate.version", "certificate.serial", "certificate.subject", "certificate.issuer", "certificate.not_valid_before", "certificate.not_valid_after", "certificate.key_alg", "certificate.sig_alg", "certificate.key_type", "certificate.key_length", "certificate.exponent", "certificate.curve", "san.dns", "san.uri", "san.email", "san.ip", "basic_constraints.ca", "basic_constraints.path_len"]),
    ("x509", &["ts", "fingerprint", "certificate.version", "certificate.serial", "certificate.subject", "certificate.issuer", "certificate.not_valid_before", "certificate.not_valid_after", "certificate.key_alg", "certificate.sig_alg", "certificate.key_type", "certificate.key_length", "certificate.exponent", "certificate.curve", "san.dns", "san.uri", "san.email", "san.ip", "basic_constraints.ca", "basic_constraints.path_len", "host_cert", "client_cert"]),
    ("smtp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_depth", "helo", "mailfrom", "rcptto", "date", "from", "to", "cc", "reply_to", "msg_id", "in_reply_to", "subject", "x_originating_ip", "first_received", "second_received", "last_reply", "path", "user_agent", "tls", "fuids"]),
    ("smtp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_depth", "helo", "mailfrom", "rcptto", "date", "from", "to", "cc", "reply_to", "msg_id", "in_reply_to", "subject", "x_originating_ip", "first_received", "second_received", "last_reply", "path", "user_agent", "tls", "fuids", "is_webmail"]),
    ("rdp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "cookie", "result", "security_protocol", "client_channels", "keyboard_layout", "client_build", "client_name", "client_dig_product_id", "desktop_width", "desktop_height", "requested_color_depth", "cert_type", "cert_count", "cert_permanent", "encryption_level", "encryption_method"]),
    ("smb_files", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "fuid", "action", "path", "name", "size", "prev_name", "times.modified", "times.accessed", "times.created", "times.changed"]),
    ("socks", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "user", "password", "status", "request.host", "request.name", "request_p", "bound.host", "bound.name", "bound_p"]),
    ("dce_rpc", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "rtt", "named_pipe", "endpoint", "operation"]),
    ("syslog", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "facility", "severity", "message"]),
    ("intel", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "seen.indicator", "seen.indicator_type", "seen.where", "seen.node", "matched", "sources", "fuid", "file_mime_type", "file_desc"]),
    ("dhcp", &["ts", "uids", "client_addr", "server_addr", "mac", "host_name", "client_fqdn", "domain", "requested_addr", "assigned_addr", "lease_time", "client_message", "server_message", "msg_types", "duration"]),
    ("snmp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "duration", "version", "community", "get_requests", "get_bulk_requests", "get_responses", "set_requests", "display_string", "up_since"]),
    ("irc", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "nick", "user", "command", "value", "addl", "dcc_file_name", "dcc_file_size", "dcc_mime_type", "fuid"]),
    ("ntp", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "mode", "stratum", "poll", "precision", "root_delay", "root_disp", "ref_id", "ref_time", "org_time", "rec_time", "xmt_time", "num_exts"]),
    ("sip", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "trans_depth", "method", "uri", "date", "request_from", "request_to", "response_from", "response_to", "reply_to", "call_id", "seq", "subject", "request_path", "response_path", "user_agent", "status_code", "status_msg", "warning", "request_body_len", "response_body_len", "content_type"]),
    ("radius", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "username", "mac", "framed_addr", "tunnel_client", "connect_info", "reply_msg", "result", "ttl"]),
    ("mysql", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "cmd", "arg", "success", "rows", "response"]),
    ("tunnel", &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "tunnel_type", "action"]),
    ("software", &["ts", "host", "host_p", "software_type", "name", "version.major", "version.minor", "version.minor2", "version.minor3", "version.addl", "unparsed_version"]),
    ("known_services", &["ts", "host", "port_num", "port_proto", "service"]),
    ("pe", &["ts", "id", "machine", "compile_ts", "os", "subsystem", "is_exe", "is_64bit", "uses_aslr", "uses_dep", "uses_code_integrity", "uses_seh", "has_import_table", "has_export_table", "has_cert_table", "has_debug_data", "section_names"]),
];

/// The log of tab-separated columns without names, and the default names.
pub(super) fn of_columns(text: &str) -> Option<(&'static Log, &'static [&'static str])> {
    let count = text.split('\t').count();
    let (name, columns) = COLUMNS.iter().find(|(_, columns)| columns.len() == count && fits(columns, text))?;
    let log = LOGS.iter().find(|log| log.name == *name)?;
    Some((log, columns))
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
        // What the first letters tell.
        "fuid" => cell == "-" || cell.starts_with('F'),
        "seen.indicator_type" => cell.starts_with("Intel::"),
        "tunnel_type" => cell.starts_with("Tunnel::"),
        "action" => cell.contains("::"),
        "software_type" => cell.contains("::"),
        "certificate.version" | "trans_depth" | "certificate.key_length" => cell == "-" || digits(cell),
        "port_num" | "lease_time" | "get_requests" | "stratum" => {
            cell.split('.').all(|part| part == "-" || digits(part))
        }
        "port_proto" => matches!(cell, "tcp" | "udp" | "icmp"),
        "mac" => cell == "-" || cell.contains([':', '-', '.']),
        "host" => cell == "-" || !cell.contains('/'),
        _ => true,
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
