//! By what a line's product is told.
//!
//! Only the first [`HEAD_BYTES`] are looked at, but for Winlogbeat's mark. Marks that one vendor alone writes come first,
//! then programs of syslog headers, then shapes; the first that fits counts.

use memchr::memmem;

use super::shapes::{
    is_access, is_alaxala, is_apache_error, is_day, is_haproxy, is_ifilter, is_ios, is_key_value, is_nec, is_nec_code,
    is_panos, is_short_date, is_snort_csv, is_squid_epoch, is_squid_native, is_unbound, is_yamaha, starts_with_date,
};
use crate::parser::Context;
use crate::products::journald;
use crate::{syslog, time};

/// How far into a line literals are looked for.
const HEAD_BYTES: usize = 1024;

/// What a line seems to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The product's name.
    pub product: &'static str,
    /// How sure that is, in percent: 95 for a mark of this vendor alone, 80 for a shape, 60 for what several share, 20 for none.
    pub confidence: u8,
}

const MARK: u8 = 95;
const SHAPE: u8 = 80;
const SHARED: u8 = 60;
const NONE: u8 = 20;

/// Tells the product of a line.
pub fn guess(line: &str, context: &Context) -> Guess {
    let line = line.trim_matches(['\u{feff}', ' ', '\r', '\n', '\0', '\t']);
    let view = View::of(line, context);
    let of = |product, confidence| Guess { product, confidence };
    if let Some(product) = view.document() {
        return of(product, if product == "json" { SHARED } else { MARK });
    }
    if let Some(product) = view.marked() {
        return of(product, MARK);
    }
    if let Some(product) = view.program() {
        return of(product, MARK);
    }
    if let Some(product) = view.shaped(context) {
        return of(product, SHAPE);
    }
    if is_key_value(view.body) {
        return of("key_value", SHARED);
    }
    of("system", if view.program.is_empty() { NONE } else { SHARED })
}

/// The parts of a line that marks are looked for in.
pub(super) struct View<'a> {
    /// Behind the priority.
    pub(super) body: &'a str,
    /// Behind the syslog header.
    pub(super) message: &'a str,
    program: &'a str,
    pub(super) head: &'a [u8],
}

impl<'a> View<'a> {
    fn of(line: &'a str, context: &Context) -> View<'a> {
        let (_, body) = syslog::without_priority(line);
        let body = body.trim_start();
        let header = syslog::parse(line, context);
        View {
            body,
            message: header.message,
            program: header.appname.unwrap_or(""),
            head: &line.as_bytes()[..line.len().min(HEAD_BYTES)],
        }
    }

    pub(super) fn has(&self, literal: &str) -> bool {
        memmem::find(self.head, literal.as_bytes()).is_some()
    }

    fn all(&self, literals: &[&str]) -> bool {
        literals.iter().all(|literal| self.has(literal))
    }

    pub(super) fn any(&self, literals: &[&str]) -> bool {
        literals.iter().any(|literal| self.has(literal))
    }

    /// A JSON object or XML, alone or behind a header.
    fn document(&self) -> Option<&'static str> {
        if self.body.starts_with("<Event><Timestamp") {
            return Some("windows_nps");
        }
        if self.body.starts_with("<Event") || self.body.starts_with("<?xml") || self.has("<Event xmlns") {
            return Some("windows_security");
        }
        if !self.body.starts_with('{') && !self.message.starts_with('{') {
            return None;
        }
        Some(match () {
            () if self.any(&["\"winlog\"", "\"EventID\"", "\"Event\":", "\"event_data\""]) => "windows_security",
            // Beats write their keys in no order, and a long message may come before.
            () if memmem::find(self.body.as_bytes(), b"\"winlog\":{").is_some() => "windows_security",
            () if self.has("zscalernss") => "zscaler_zia",
            () if self.has("\"logid\"") && self.has("\"subtype\"") => "fortinet_fortigate",
            () if self.has("\"product\":\"VPN-1") || self.has("\"loguid\"") => "checkpoint",
            () if self.has("\"dst_ap\"") => "snort",
            () if self.has("\"event_type\"") && self.any(&["\"flow_id\"", "\"src_ip\"", "\"stats\""]) => "suricata",
            () if self.has("\"event_type\"") && self.any(&["\"occured\"", "\"source_uuid\""]) => "eset",
            () if self.any(&["\"id.orig_h\"", "\"_path\""]) => "zeek",
            () if self.has("{\"ts\":")
                && self.any(&["uid\":", "\"id\":", "\"certificate.", "\"peer\":", "\"note\":", "\"host\":"]) =>
            {
                "zeek"
            }
            () if self.has("\"eventType\"") && self.any(&["\"displayMessage\"", "\"actor\""]) => "okta",
            () if self.any(&["SignInLogs", "\"AuditLogs\"", "\"riskDetail\"", "\"conditionalAccessStatus\""]) => {
                "azure_signin"
            }
            () if self.any(&["\"isotimestamp\"", "\"auth_device\"", "\"access_device\""])
                || self.all(&["\"action\"", "\"description\"", "\"object\"", "\"username\""]) =>
            {
                "duo"
            }
            () if self.all(&["\"c-ip\"", "\"cs("]) => "bluecoat",
            () if self.any(&["HIER_DIRECT", "HIER_NONE", "\"TCP_"]) => "squid",
            () if self.all(&["\"frontend\"", "\"client_ip\"", "\"status\""]) => "haproxy",
            () if self.all(&["\"remote_addr\"", "\"status\""])
                && self.any(&["\"request\"", "\"request_uri\"", "\"body_bytes_sent\""]) =>
            {
                "nginx"
            }
            () if self.all(&["\"remoteIP\"", "\"request\"", "\"status\""]) => "apache",
            () if self.has("\"short_message\"") => "gelf",
            () if self.has("\"resourceLogs\"") => "otlp",
            () if self.body.starts_with("{\"netflow\":{") => "netflow",
            () if self.body.starts_with("{\"snmp\":{") => "snmp_trap",
            () if journald::is(self.body) => "journald",
            () => "json",
        })
    }

    /// What only one vendor writes.
    fn marked(&self) -> Option<&'static str> {
        if self.has("devid=") && self.any(&["logid=", "type="])
            || self.all(&["logid=", "type=", "subtype="])
            || self.all(&["device_id=FG", "log_id="])
        {
            return Some("fortinet_fortigate");
        }
        if let Some(at) = memmem::find(self.head, b"%") {
            let tag = |name: &str| memmem::find(&self.head[at..], name.as_bytes()).is_some();
            if tag("%FTD-") || tag("%NGIPS-") {
                return Some("cisco_ftd");
            }
            if tag("%ASA-") || tag("%PIX-") || tag("%FWSM-") {
                return Some("cisco_asa");
            }
            if is_ios(self.head) {
                return Some("cisco_ios");
            }
        }
        Some(match () {
            () if self.has("CEF:") || self.has("LEEF:") => match () {
                () if self.has("|Fortinet|Fortigate|") => "fortinet_fortigate",
                () if self.has("|Check Point|") => "checkpoint",
                () if self.has("|SonicWall|") => "sonicwall",
                () if self.has("|WatchGuard|") => "watchguard",
                () if self.has("LEEF:") => "leef",
                () => "cef",
            },
            () if self.any(&["MSWinEventLog", "[NXLOG@", " Security-Auditing: "])
                || self.all(&["LogName=", "EventCode="]) =>
            {
                "windows_security"
            }
            () if self.has("ProxySG: ") => "bluecoat",
            () if self.any(&[" HIER_DIRECT/", " HIER_NONE/", " kid1| ", "=HIER_"]) => "squid",
            () if self.any(&["unbound[", "unbound: ["]) => "unbound",
            () if self.has(" audit[") && self.any(&["]: USER_", "]: CRED_", "]: SYSCALL "]) => "auditd",
            () if self.any(&["ZscalerNSS", "zscalernss"]) => "zscaler_zia",
            () if self.any(&["[kea-dhcp4", "[kea-dhcp6", "reuse_lease: "]) => "dhcpd",
            () if self.all(&[": to=<", ", relay=", " status="])
                || self.all(&["disconnect from ", " commands="])
                || self.has("statistics: max connection ") =>
            {
                "postfix"
            }
            () if self.any(&["CISE_", "ConfigVersionId="]) => "cisco_ise",
            () if self.has(" sn=") && self.any(&["id=firewall", " fw="]) => "sonicwall",
            () if self.has("id=firewall") && self.has(" fw=") => "stormshield",
            () if self.has("log_type=\"") && self.any(&["device_name=\"", "device=\"SFW\""]) => "sophos",
            () if self.all(&["sys=\"Secure", " sub=\""]) => "sophos",
            () if self.all(&["logtype=\"", " fw=\"", "time=\""]) => "stormshield",
            () if self.any(&["msg_id=\"", "|WatchGuard|", " firewall: Allow ", " firewall: Deny "]) => "watchguard",
            () if self.any(&["RT_FLOW", "RT_UTM", "RT_IDP", "RT_IDS", "RT_AAMW", "junos@2636"]) => "juniper_srx",
            () if self.any(&["PFE_FW_SYSLOG", "KMD_PM_", "DOT1XD_", "ip_mon_reth_scan"]) => "juniper_srx",
            () if self.any(&["SSHD_LOGIN_FAILED:", "LOGIN_FAILED: ", "LOGIN_INFORMATION: ", "SNMP_TRAP_LINK_"]) => {
                "juniper_srx"
            }
            () if self.any(&["CheckPoint ", "loguid:", "1.3.6.1.4.1.2620"]) || self.has("|loguid=") => "checkpoint",
            () if self.has("filterlog") => "pfsense",
            () if self.has("type=") && self.any(&["msg=audit(", "audit("]) => "auditd",
            () if self.body.starts_with("#Software: SGOS") || self.body.starts_with("#Software: Broadcom") => {
                "bluecoat"
            }
            () if self.body.starts_with("#separator")
                || self.body.starts_with("#path")
                || self.body.starts_with("#fields\t")
                || self.body.starts_with("#close\t") =>
            {
                "zeek"
            }
            () if self.any(&["#Software: Microsoft", "#Fields: date time s-", "#Fields: date time c-ip"]) => "iis",
            () if self.body.starts_with('#') && self.has("#Fields:") => "bluecoat",
            () if self.has("[**] [") || is_snort_csv(self.body) => "snort",
            () if self.has("CPU0:") && self.has(": %") => "cisco_ios",
            () if self.any(&[" 01S E3 ", " 01S E4 ", " 01S R"]) => "alaxala",
            () if self.has("relaydid=") => "seil",
            () if self.any(&[" @0:", " @1:"]) && self.has(" PR ") | self.has(" AP ") => "seil",
            () if self.all(&["orig_src=", "orig_dst="]) || self.has("IPS[") && self.has("URL:") => "allied_telesis",
            () if self.all(&["IN=", "OUT=", "SRC=", "DST="]) => {
                if self.any(&["awplus", "Firewall rule ", "Firewall: "]) { "allied_telesis" } else { "iptables" }
            }
            () if self.any(&[" Rejected at ", " Passed at "]) && self.has(" filter: ") => "yamaha_rtx",
            // The name that AlliedWare Plus gives itself, and the words of CentreCOM.
            () if self.any(&[" awplus ", "CentreCOM", " FIRE: Deny", " FIRE-6 FIRE", "LOOPPROT["]) => "allied_telesis",
            () if self.any(&[
                " ewan",
                "PPPoE1 IPCP",
                ": discard ",
                "filter: discard ",
                "vpnclient",
                "url-filter: ",
                " acl: deny ",
                " acl: permit ",
                ": configuration saved by ",
                "NAT table full",
                " filter: list ",
                ": access-list ",
            ]) =>
            {
                "fitelnet"
            }
            () if self.has(" pppac: ")
                || self.all(&[" nat: ", " <- -> "])
                || self.all(&[" command: ", " from ", " \""]) =>
            {
                "seil"
            }
            () if self.all(&[" ike: ", "-SA established"]) || self.has(" ppp: pppoe") => "seil",
            () if self.any(&["php-fpm[", "webConfigurator", "pool returned IPv4=", "sshguard["]) => "pfsense",
            () if is_alaxala(self) => "alaxala",
            () if is_nec(self.message) || is_nec(self.body) || is_nec_code(self.program) => "nec_ix",
            () if is_panos(self.message) || is_panos(self.body) => "panw",
            () if is_ifilter(self) => "ifilter",
            () => return None,
        })
    }

    /// What the program of a header says.
    fn program(&self) -> Option<&'static str> {
        let name = self.program.split(['[', '(']).next().unwrap_or("");
        let name = name.rsplit('/').next_back().unwrap_or(name);
        Some(match name {
            "sshd" | "sshd-session" | "sudo" | "su" | "cron" | "CRON" | "CROND" | "systemd" | "systemd-logind"
            | "login" => "system",
            "dhclient" | "dhcpcd" | "kernel" | "passwd" | "useradd" | "userdel" | "groupadd" => "system",
            "rpd" | "mgd" | "kmd" | "chassisd" | "pfed" | "utmd" => "juniper_srx",
            "haproxy" => "haproxy",
            "postfix" => "postfix",
            "named" => "bind",
            "unbound" => "unbound",
            "dhcpd" | "kea-dhcp4" | "kea-dhcp6" => "dhcpd",
            "slapd" => "openldap",
            "radiusd" | "freeradius" => "freeradius",
            "suricata" => "suricata",
            "dhcp6c" | "filterlog" => "pfsense",
            "snort" => "snort",
            "squid" => "squid",
            "httpd" | "apache2" | "apache" => "apache",
            "nginx" | "ingress-nginx" => "nginx",
            "audispd" | "auditd" => "auditd",
            "intersafe" => "intersafe",
            "ifilter" => "ifilter",
            "IPS" if self.any(&["[Drop]", "[Alert]", "[Http]"]) => "allied_telesis",
            "IMISH" | "NSM" | "HSL" | "EXFX" => "allied_telesis",
            "ACLLOG" => "alaxala",
            _ => return None,
        })
    }

    /// What the beginning of the text looks like.
    fn shaped(&self, context: &Context) -> Option<&'static str> {
        let (body, message) = (self.body, self.message);
        let first = body.as_bytes().first().copied().unwrap_or(b' ');
        if is_yamaha(body) || is_yamaha(message) {
            return Some("yamaha_rtx");
        }
        if is_squid_native(body) || is_squid_native(message) || self.has("TCP_") && is_access(self) {
            return Some("squid");
        }
        if self.any(&[" haproxy[", "haproxy["]) || is_haproxy(body) {
            return Some("haproxy");
        }
        if let Some(product) = self.dated(context) {
            return Some(product);
        }
        if first == b'[' {
            if self.has("] unbound[") || is_unbound(body) {
                return Some("unbound");
            }
            if is_apache_error(body) {
                return Some("apache");
            }
        }
        if self.has("\treq:") && self.has("\tstatus:") {
            return Some("apache");
        }
        if is_apache_error(message) {
            return Some("apache");
        }
        // Before the user the ingress controller of old repeats the address in brackets.
        if self.all(&[" - [", "] - ", "] \"", "] ["]) {
            return Some("nginx");
        }
        if is_access(self) {
            // The ingress controller names the service behind the agent.
            return Some(if self.any(&["] [", "\" \"-\" ["]) { "nginx" } else { "apache" });
        }
        let quoted =
            |text: &str| text.strip_prefix('"').is_some_and(|inner| starts_with_date(inner) && inner.contains("\",\""));
        if quoted(body) || quoted(message) {
            let filter = self.any(&["\"Proxied\"", "\"Blocked\",\"", "\"Release\"", "\"BlkPost\""])
                && self.any(&["\"HTTP\"", "\"HTTPS\""]);
            return Some(if filter { "intersafe" } else { "cisco_umbrella" });
        }
        let second = body.strip_prefix('"').and_then(|inner| inner.split("\",\"").nth(1));
        if second.is_some_and(starts_with_date) {
            return Some("cisco_umbrella");
        }
        if body.starts_with('"') && is_day(&body[1..]) && body.contains("\",\"") || self.has("\turlcategory=") {
            return Some("zscaler_zia");
        }
        if body.starts_with("ID,Date,Time,Description") {
            return Some("windows_dhcp");
        }
        if body.len() > 18 && is_squid_epoch(body) && body.as_bytes().get(17) == Some(&b'\t') {
            return Some("zeek");
        }
        if self.any(&[", W3SVC"]) {
            return Some("iis");
        }
        if body.starts_with('"') && self.has("\"IAS\"") || self.has(",IAS,") {
            return Some("windows_nps");
        }
        self.worded()
    }

    /// What words in the text say, where its beginning says nothing.
    fn worded(&self) -> Option<&'static str> {
        let body = self.body;
        let digits = body.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=5).contains(&digits) && body.as_bytes().get(digits) == Some(&b',') {
            let rest = &body[digits + 1..];
            if is_short_date(rest) || starts_with_date(rest) && rest.as_bytes().get(10) == Some(&b',') {
                return Some("windows_dhcp");
            }
        }
        if digits >= 3 && self.has("/") && self.any(&[" block ", " pass "]) && self.has("://") {
            return Some("ifilter");
        }
        if self.any(&[" : Auth: ", " : Info: ", " : Error: ", " : Warning: ", " : Proxy: "]) && is_day(body) {
            return Some("freeradius");
        }
        if self.has("Auth: ") && self.any(&["Login OK", "Login incorrect", "Invalid user"]) || self.has("User-Name = ")
        {
            return Some("freeradius");
        }
        if memmem::find(self.head, b"conn=").is_some() && self.any(&[" op=", " fd="]) {
            return Some("openldap");
        }
        if self.any(&["queries: ", "client @0x", "client "])
            && self.any(&["): query: ", ": query: ", ": query ", "denied"])
            && self.has("#")
        {
            return Some("bind");
        }
        if self.any(&[
            "DHCPACK",
            "DHCPREQUEST",
            "DHCPDISCOVER",
            "DHCPOFFER",
            "DHCPNAK",
            "DHCP4_",
            "DHCP6_",
            "DHCPINFORM",
            "DHCPRELEASE",
        ]) {
            return Some("dhcpd");
        }
        None
    }

    /// Lines that begin with a date.
    fn dated(&self, context: &Context) -> Option<&'static str> {
        let body = if starts_with_date(self.body) { self.body } else { self.message };
        if !starts_with_date(body) {
            return None;
        }
        let length = time::iso_prefix(body, &context.zone).map_or(0, |(_, length)| length);
        let rest = body.get(length..).unwrap_or("");
        Some(match () {
            () if self.any(&[" PACKET  ", " PACKET ", " EVENT   "]) && self.any(&[" UDP ", " TCP ", " EVENT "]) => {
                "windows_dns"
            }
            () if rest.starts_with(" [")
                && self
                    .any(&["[error]", "[warn]", "[crit]", "[notice]", "[info]", "[alert]", "[emerg]", "[debug]"]) =>
            {
                "nginx"
            }
            () if rest.starts_with(": ") && self.any(&["[", "LAN", "PP["]) => "yamaha_rtx",
            () if self.any(&["\tHTTP", ",HTTP", " HTTP "])
                && self.any(&["Proxied", "Blocked", "Allowed", "BlkPost", "Release"]) =>
            {
                "intersafe"
            }
            () if self.any(&[" OBSERVED ", " DENIED ", " PROXIED ", " TCP_", "\"none\""]) => "bluecoat",
            () if self.any(&[" GET ", " POST ", " HEAD ", " PUT ", " OPTIONS ", " CONNECT ", " DELETE "])
                && self.has(" - ") =>
            {
                "iis"
            }
            () if self.any(&[" Timer_", " Connection_Dropped", " AppOffline ", " BadRequest ", " QueueFull "]) => "iis",
            () if body.contains(" client ") && self.has("#") => "bind",
            () if self.any(&[
                "xfer-in: ",
                "xfer-out: ",
                "notify: ",
                "zone ",
                "resolver: ",
                "lame-servers: ",
                "rpz: ",
            ]) && self.has(": ") =>
            {
                "bind"
            }
            () if body.matches(',').count() >= 4 => "csv",
            () => return None,
        })
    }
}
