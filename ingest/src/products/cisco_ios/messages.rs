//! The messages that are read beyond their tag: facility, mnemonic, templates, and what they tell of.

/// What a message tells of.
pub(super) struct Class {
    pub(super) action: &'static str,
    pub(super) outcome: &'static str,
    pub(super) category: &'static [&'static str],
    pub(super) types: &'static [&'static str],
    /// Category and service of the logsource.
    pub(super) logsource: &'static str,
    pub(super) service: &'static str,
}

const fn class(
    action: &'static str,
    outcome: &'static str,
    category: &'static [&'static str],
    types: &'static [&'static str],
) -> Class {
    Class { action, outcome, category, types, logsource: "", service: "" }
}

const fn sign_in(action: &'static str, outcome: &'static str, types: &'static [&'static str]) -> Class {
    Class { action, outcome, category: &["authentication"], types, logsource: "", service: "aaa" }
}

impl Class {
    pub(super) const INFO: Class = class("", "", &["network"], &["info"]);
}

const ACL: Class = Class { logsource: "firewall", ..class("", "", &["network"], &["connection", "info"]) };
const DROPPED: Class = Class { logsource: "firewall", ..class("deny", "", &["network"], &["connection", "denied"]) };
const LOGIN: Class = sign_in("login", "success", &["start"]);
const LOGIN_FAILED: Class = sign_in("login", "failure", &["start"]);
const LOGIN_RESULT: Class = sign_in("login", "", &["start"]);
const LOGOUT: Class = Class { service: "aaa", ..class("logout", "success", &["authentication", "session"], &["end"]) };
const CHANGED: Class = Class { service: "aaa", ..class("configuration-changed", "", &["configuration"], &["change"]) };
const COMMAND: Class = Class { service: "aaa", ..class("command-executed", "", &["configuration"], &["change"]) };
const LINK: Class = class("link-changed", "", &["network"], &["info", "change"]);
const NEIGHBOR: Class = class("neighbor-changed", "", &["network"], &["info", "change"]);
const RESTART: Class = class("restart", "", &["host"], &["start"]);
const TRANSLATED: Class = class("nat-created", "", &["network"], &["connection", "start"]);
const TRANSLATED_END: Class = class("nat-deleted", "", &["network"], &["connection", "end"]);
const VIOLATION: Class = class("port-security-violation", "", &["network", "intrusion_detection"], &["denied"]);
const SPOOF: Class = class("spoofing-detected", "", &["network", "intrusion_detection"], &["denied"]);

/// One message.
pub(super) struct Message {
    facility: &'static str,
    mnemonic: &'static str,
    pub(super) class: Class,
    pub(super) templates: &'static [&'static str],
}

const fn m(
    facility: &'static str,
    mnemonic: &'static str,
    class: Class,
    templates: &'static [&'static str],
) -> Message {
    Message { facility, mnemonic, class, templates }
}

/// The message of this tag; a facility of the table may be the end of a longer one (`MGBL-SYS`).
pub(super) fn find(facility: &str, mnemonic: &str) -> Option<&'static Message> {
    let found = MESSAGES.iter().find(|message| {
        message.mnemonic == mnemonic && (message.facility == facility || facility.ends_with(message.facility))
    });
    // NX-OS has a message for every reason why an interface changes.
    found.or_else(|| (facility == "ETHPORT" && mnemonic.starts_with("IF_")).then_some(&INTERFACE))
}

static INTERFACE: Message = m(
    "ETHPORT",
    "IF_",
    LINK,
    &[
        "Interface {interface} is {state} (",
        "Interface {interface} is {state} in",
        "Interface {interface} is {state}",
        "Interface {interface}, {state}",
    ],
);

#[rustfmt::skip]
static MESSAGES: &[Message] = &[
    m("SEC", "IPACCESSLOGP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}", "list {access_list} {verdict} {protocol} {mac} {source} {interface}-> {destination}, {packets}"]),
    m("SEC", "IPACCESSLOGDP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination} ({icmp}), {packets}"]),
    m("SEC", "IPACCESSLOGNP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("SEC", "IPACCESSLOGRP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("SEC", "IPACCESSLOGSP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination} ({icmp}), {packets}"]),
    m("SEC", "IPACCESSLOGS", ACL, &["list {access_list} {verdict} {source} {packets}"]),
    m("IPV6_ACL", "ACCESSLOGP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("IPV6_ACL", "ACCESSLOGDP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination} ({icmp}), {packets}", "list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("IPV6_ACL", "ACCESSLOGNP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("IPV6_ACL", "ACCESSLOGSP", ACL, &["list {access_list} {verdict} {protocol} {source} -> {destination} ({icmp}), {packets}", "list {access_list} {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("ACLLOG", "ACLLOG_FLOW_INTERVAL", ACL, &["Src IP: {source}, Dst IP: {destination}, Src Port: {src_port}, Dst Port: {port}, Src Intf: {interface}, Protocol: \"{protocol}\""]),
    m("ACLLOG", "ACLLOG_NEW_FLOW", ACL, &["Src IP: {source}, Dst IP: {destination}, Src Port: {src_port}, Dst Port: {port}, Src Intf: {interface}, Protocol: \"{protocol}\""]),
    m("FW", "DROP_PKT", DROPPED, &["Dropping {protocol} pkt from {interface} {source} => {destination}(target:class)-({zone_pair}:{rule}) due to {reason} with", "Dropping {protocol} session {source} {destination} on zone-pair {zone_pair} class {rule} due to {reason} with", "Dropping {protocol} session {source} {destination} on zone-pair {zone_pair} class {rule} due to {reason}", "Dropping {protocol} session {source} {destination} due to {reason} with", "Dropping {protocol} session {source} {destination} due to {reason}"]),
    m("FW", "PASS_PKT", Class { logsource: "firewall", ..class("allow", "", &["network"], &["connection", "allowed"]) }, &["Passing {protocol} packet {source} => {destination} with", "({}) Passing {protocol} packet from {} {source} => {destination} "]),
    m("FW", "SESS_AUDIT_TRAIL_START", Class { logsource: "firewall", ..class("flow_started", "", &["network"], &["connection", "start", "allowed"]) }, &["{}Start {protocol} session: initiator ({source}) -- responder ({destination})"]),
    m("FW", "SESS_AUDIT_TRAIL", Class { logsource: "firewall", ..class("flow_close", "", &["network"], &["connection", "end", "allowed"]) }, &["{}Stop {protocol} session: initiator ({source}) sent {sent} bytes -- responder ({destination}) sent {received} bytes"]),
    m("SEC_LOGIN", "LOGIN_SUCCESS", LOGIN, &["Login Success [user: {user}] [Source: {source}] [localport: {port}]"]),
    m("SEC_LOGIN", "LOGIN_FAILED", LOGIN_FAILED, &["Login failed [user: {user}] [Source: {source}] [localport: {port}] [Reason: {reason}]"]),
    m("SEC_LOGIN", "QUIET_MODE_ON", sign_in("account-locked", "failure", &["denied"]), &["{}[user: {user}] [Source: {source}] [localport: {port}] [Reason: {reason}]"]),
    m("SYS", "CONFIG_I", CHANGED, &["Configured from {via} by {user} on {line} ({source})", "Configured from {via} by {user} on {source}@{line}", "Configured from {via} by {line} ({source})", "Configured from {via} by {user}"]),
    m("VSHD", "VSHD_SYSLOG_CONFIG_I", CHANGED, &["Configured from {via} by {user} on {source}@{line}", "Configured from {via} by {user} on {line}"]),
    m("SYS", "LOGIN", LOGIN, &[]),
    m("SYS", "LOGOUT", LOGOUT, &["User {user} has exited tty session {line}({source})"]),
    m("SYS", "PRIV_AUTH_PASS", sign_in("privilege-raised", "success", &["info"]), &["Authentication to Privilege level {level} passed by {user} on {line} ({source})", "Authentication to Privilege level {level} passed by {user} on {line}"]),
    m("SYS", "PRIV_AUTH_FAIL", sign_in("privilege-raised", "failure", &["info"]), &["Authentication to Privilege level {level} failed by {user} on {line} ({source})", "Authentication to Privilege level {level} failed by {user} on {line}"]),
    m("PARSER", "CFGLOG_LOGGEDCMD", COMMAND, &["User:{user} logged command:{command}", "User:{user}  logged command:{command}"]),
    m("HA_EM", "LOG", COMMAND, &["{applet}: {command}"]),
    m("SSH", "SSH2_SESSION", LOGIN_RESULT, &["SSH2 Session request from {source} (tty = {line}) using crypto cipher '{}', hmac '{}' {result}", "SSH2 Session request from {source} (tty = {line}) {} {result}"]),
    m("SSH", "SSH_SESSION", LOGIN_RESULT, &["SSH Session request from {source} (tty = {line}) using crypto cipher '{}' {result}", "SSH Session request from {source} (tty = {line}) {result}"]),
    m("SSH", "SSH2_USERAUTH", LOGIN_RESULT, &["User '{user}' authentication for SSH2 Session from {source} (tty = {line}) using crypto cipher '{}', hmac '{}' {result}"]),
    m("SSH", "SSH_USERAUTH", LOGIN_RESULT, &["User '{user}' authentication for SSH Session from {source} (tty = {line}) using crypto cipher '{}' {result}", "User '{user}' authentication for SSH Session from {source} (tty = {line}) {result}"]),
    m("SSH", "SSH2_CLOSE", LOGOUT, &["SSH2 Session from {source} (tty = {line}) for user '{user}' using"]),
    m("SSH", "SSH_CLOSE", LOGOUT, &["SSH Session from {source} (tty = {line}) for user '{user}' using"]),
    m("WEBSERVER", "LOGIN_PASSED", LOGIN, &["{}ogin Successful from host {source} by user '{user}'"]),
    m("WEBSERVER", "LOGIN_FAILED", LOGIN_FAILED, &["{}ogin Un-Successful from host {source} by user '{user}'"]),
    m("AUTHPRIV", "SYSTEM_MSG", LOGIN_RESULT, &["pam_aaa:Authentication {result} for user {user} from {source} -", "pam_aaa:Authentication {result} for user {user} from {source}", "{result} {method} for invalid user {user} from {source} port {src_port} ", "{result} {method} for {user} from {source} port {src_port} ", "pam_unix({}): session {} for user {user} by"]),
    m("DAEMON", "SYSTEM_MSG", LOGIN_RESULT, &["error: PAM: Authentication {result} for illegal user {user} from {source} -", "error: PAM: Authentication {result} for {user} from {source} -", "{result} {method} for invalid user {user} from {source} port {src_port} ", "{result} {method} for {user} from {source} port {src_port} "]),
    m("AAA", "AAA_AUTHEN_FAIL", LOGIN_FAILED, &[]),
    m("DMI", "AUTH_PASSED", LOGIN, &["User '{user}' authenticated successfully from {source} and was authorized for {protocol}. External groups:", "User '{user}' authenticated successfully from {source} "]),
    m("DMI", "AUTHENTICATION_FAILED", LOGIN_FAILED, &["Authentication failure from {source} for {protocol}."]),
    m("DMI", "AUTHORIZATION_FAILED", LOGIN_FAILED, &["User '{user}' from {source} was not authorized for {protocol}."]),
    m("SNMP", "AUTHFAIL", sign_in("snmp-access", "failure", &["denied"]), &["Authentication failure for SNMP req from host {source}"]),
    m("LINK", "UPDOWN", LINK, &["Interface {interface}, changed state to {state}"]),
    m("LINK", "CHANGED", LINK, &["Interface {interface}, changed state to {state}"]),
    m("LINEPROTO", "UPDOWN", LINK, &["Line protocol on Interface {interface}, changed state to {state}"]),
    m("ETHPORT", "IF_UP", LINK, &["Interface {interface} is {state} in", "Interface {interface} is {state}"]),
    m("ETHPORT", "IF_DOWN_LINK_FAILURE", LINK, &["Interface {interface} is {state} (", "Interface {interface} is {state}"]),
    m("ETHPORT", "IF_DOWN_ADMIN_DOWN", LINK, &["Interface {interface} is {state} (", "Interface {interface} is {state}"]),
    m("BGP", "ADJCHANGE", NEIGHBOR, &["neighbor {destination} {state}"]),
    m("BGP", "NOTIFICATION", NEIGHBOR, &["{direction} neighbor {destination} {reason}"]),
    m("OSPF", "ADJCHG", NEIGHBOR, &["Process {process}, Nbr {destination} on {interface} from {} to {state}, {reason}"]),
    m("DUAL", "NBRCHANGE", NEIGHBOR, &["{}: Neighbor {destination} ({interface}) is {state}: {reason}", "{} Neighbor {destination} ({interface}) is {state}: {reason}"]),
    m("TCP", "BADAUTH", class("md5-authentication-failed", "failure", &["network"], &["denied"]), &["{reason} from {source} to {destination} "  , "{reason} from {source} to {destination}"]),
    m("PORT_SECURITY", "PSECURE_VIOLATION_MAC_MOVE", VIOLATION, &["Security violation occurred, caused by MAC address {mac} on port {} attempting to access port {interface}", "Security violation occurred, caused by MAC address {mac} on port {interface}"]),
    m("PORT_SECURITY", "PSECURE_VIOLATION_VLAN", VIOLATION, &["Security violation on port {interface} due to MAC address {mac} on VLAN {vlan}"]),
    m("PORT_SECURITY", "PSECURE_VIOLATION", VIOLATION, &["Security violation occurred, caused by MAC address {mac} on port {interface}"]),
    m("PM", "ERR_DISABLE", class("port-disabled", "", &["network"], &["info"]), &["{reason} error detected on {interface}, putting"]),
    m("MATM", "MACFLAP_NOTIF", class("mac-flapping", "", &["network"], &["info"]), &["Host {mac} in vlan {vlan} is flapping between port {interface} and port {}"]),
    m("DHCP_SNOOPING", "DHCP_SNOOPING_UNTRUSTED_PORT", SPOOF, &["DHCP_SNOOPING drop message on untrusted port, message type: {message_type}, MAC sa: {mac}"]),
    m("DAI", "DHCP_SNOOPING_DENY", SPOOF, &["{} Invalid ARPs ({}) on {interface}, vlan {vlan}.([{mac}/{source}/"]),
    m("DOT1X", "SUCCESS", sign_in("802.1x", "success", &["start"]), &["Authentication successful for client ({mac}) on Interface {interface} AuditSessionID {audit_session} Username: {user}", "Authentication successful for client ({mac}) on Interface {interface} "]),
    m("DOT1X", "FAIL", sign_in("802.1x", "failure", &["start"]), &["Authentication failed for client ({mac}) on Interface {interface} AuditSessionID {audit_session} Username: {user}", "Authentication failed for client ({mac}) on Interface {interface} "]),
    m("MAB", "SUCCESS", sign_in("mac-authentication", "success", &["start"]), &["Authentication successful for client ({mac}) on Interface {interface} AuditSessionID {audit_session} Username: {user}", "Authentication successful for client ({mac}) on Interface {interface} "]),
    m("MAB", "FAIL", sign_in("mac-authentication", "failure", &["start"]), &["Authentication failed for client ({mac}) on Interface {interface} AuditSessionID {audit_session} Username: {user}", "Authentication failed for client ({mac}) on Interface {interface} "]),
    m("AUTHMGR", "SUCCESS", sign_in("port-authorized", "success", &["start"]), &["Authorization succeeded for client ({mac}) on Interface {interface} "]),
    m("AUTHMGR", "FAIL", sign_in("port-authorized", "failure", &["start"]), &["Authorization failed or unapplied for client ({mac}) on Interface {interface} ", "Authorization failed for client ({mac}) on Interface {interface} "]),
    m("CRYPTO", "IKMP_MODE_FAILURE", class("vpn-failed", "failure", &["network"], &["error"]), &["Processing of {} mode failed with peer at {source}"]),
    m("CRYPTO", "RECVD_PKT_INV_SPI", class("vpn-failed", "failure", &["network"], &["error"]), &["decaps: rec'd IPSEC packet has invalid spi for destaddr={destination}, prot={}, spi={}, srcaddr={source}, "]),
    m("SYS", "RESTART", RESTART, &[]),
    m("SYS", "RELOAD", RESTART, &["Reload requested by {user} on {line} ({source}).", "Reload requested by {user} on {line}.", "Reload requested by {user}."]),
    m("SYS", "TTY_EXPIRE_TIMER", LOGOUT, &["(exec timer expired, tty {line} ({source})), user {user}"]),
    m("SYS", "LOGGINGHOST_FAIL", class("logging-host-failed", "failure", &["network"], &["error"]), &["Logging to host {destination} port {port} failed", "Logging to host {destination} failed"]),
    m("SYS", "LOGGINGHOST_STARTSTOP", class("logging-host-changed", "", &["configuration"], &["change"]), &["Logging to host {destination} port {port} {state} - {reason}", "Logging to host {destination} {state} - {reason}"]),
    m("SYS", "PRIV_I", sign_in("privilege-raised", "success", &["info"]), &["Privilege level set to {level} by {user} on {line} ({source})", "Privilege level set to {level} by {user} on {line}"]),
    m("SYS", "CLOCKUPDATE", class("clock-changed", "", &["configuration"], &["change"]), &["{}, configured from {via} by {user} on {line} ({source}).", "{}, configured from {via} by {source}"]),
    m("AAA", "USER_LOCKED", sign_in("account-locked", "failure", &["denied"]), &["User {user} locked out on"]),
    m("AAA", "AAA_ACCOUNTING_MESSAGE", COMMAND, &["{record}:{source}@{line}:{user}:{command} ({result})", "{record}:{line}:{user}:{command} ({result})"]),
    m("SECURITY-LOGIN", "AUTHEN_SUCCESS", LOGIN, &["Successfully authenticated user '{user}' from '{source}' on '{line}'"]),
    m("SECURITY-LOGIN", "AUTHEN_FAILED", LOGIN_FAILED, &["Failed authentication attempt by user '{user}' from '{source}' on '{line}'"]),
    m("SECURITY-SSHD", "INFO_SUCCESS", LOGIN, &["Successfully authenticated user '{user}' from '{source}' on '{line}'"]),
    m("SECURITY-SSHD", "INFO_FAILURE", LOGIN_FAILED, &["Failed authentication attempt by user '{user}' from '{source}' on '{line}'"]),
    m("MGBL-CONFIG", "DB_COMMIT", CHANGED, &["Configuration committed by user '{user}'."]),
    m("IPV4_ACL", "IPACCESSLOGP", ACL, &["access-list {access_list} ({entry}) {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("IPV4_ACL", "IPACCESSLOGDP", ACL, &["access-list {access_list} ({entry}) {verdict} {protocol} {source} -> {destination} ({icmp}), {packets}"]),
    m("IPV4_ACL", "IPACCESSLOGNP", ACL, &["access-list {access_list} ({entry}) {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("IPV6_ACL", "IPV6ACCESSLOGP", ACL, &["access-list {access_list} ({entry}) {verdict} {protocol} {source} -> {destination}, {packets}"]),
    m("SSH", "SSH2_UNEXPECTED_MSG", sign_in("login", "failure", &["denied"]), &["{reason}. Terminating the connection from {source}"]),
    m("HSRP", "STATECHANGE", NEIGHBOR, &["{interface} Grp {group} state {} -> {state}"]),
    m("VRRP", "STATECHANGE", NEIGHBOR, &["{interface} Grp {group} state {} -> {state}"]),
    m("OSPFv3", "ADJCHG", NEIGHBOR, &["Process {process}, Nbr {destination} on {interface} from {} to {state}, {reason}"]),
    m("CRYPTO", "SESSION_STATUS", class("vpn-changed", "", &["network"], &["connection"]), &["Crypto tunnel is {state} . Peer {source} ", "Crypto tunnel is {state}  .  Peer {source} ", "Crypto tunnel is {state} Peer {source} "]),
    m("CRYPTO", "IKMP_NO_SA", class("vpn-failed", "failure", &["network"], &["error"]), &["IKE message from {source} has no SA"]),
    m("CRYPTO", "IKMP_BAD_MESSAGE", class("vpn-failed", "failure", &["network"], &["error"]), &["IKE message from {source} failed"]),
    m("CDP", "NATIVE_VLAN_MISMATCH", class("vlan-mismatch", "", &["network"], &["error"]), &["{}discovered on {interface} ({vlan}),"]),
    m("CDP", "DUPLEX_MISMATCH", class("duplex-mismatch", "", &["network"], &["error"]), &["{}discovered on {interface} ("]),
    m("SPANTREE", "BLOCK_BPDUGUARD", VIOLATION, &["Received BPDU on port {interface} with BPDU Guard"]),
    m("STORM_CONTROL", "FILTERED", class("storm-detected", "", &["network"], &["denied"]), &["A {reason} storm detected on {interface}. "]),
    m("SESSION_MGR", "SUCCESS", sign_in("port-authorized", "success", &["start"]), &["Authorization succeeded for client ({mac}) on Interface {interface} "]),
    m("SESSION_MGR", "FAIL", sign_in("port-authorized", "failure", &["start"]), &["Authorization failed or unapplied for client ({mac}) on Interface {interface} ", "Authorization failed for client ({mac}) on Interface {interface} "]),
    m("AUTHMGR", "START", sign_in("802.1x", "", &["info"]), &["Starting '{method}' for client ({mac}) on Interface {interface} "]),
    m("DHCP_SNOOPING", "DHCP_SNOOPING_MATCH_MAC_FAIL", SPOOF, &["{reason}, message type: {message_type}, chaddr: {}, MAC sa: {mac}"]),
    m("IP", "DUPADDR", class("duplicate-address", "", &["network"], &["error"]), &["Duplicate address {source} on {interface}, sourced by {mac}"]),
    m("DHCPD", "DECLINE_CONFLICT", class("address-conflict", "", &["network"], &["error"]), &["DHCP address conflict: client {client} declined {source}", "DHCP address conflict:  client {client} declined {source}"]),
    m("NAT", "CREATED", TRANSLATED, &["Created Translation {protocol} {source} {nat} {destination} ", "Created {protocol} {source} {nat} {destination} "]),
    m("NAT", "DELETED", TRANSLATED_END, &["Deleted Translation {protocol} {source} {nat} {destination} ", "Deleted {protocol} {source} {nat} {destination} "]),
    m("DOT11", "ASSOC", class("wireless-associated", "success", &["network"], &["connection", "start"]), &["Interface {interface}, Station {station} {mac} "]),
    m("DOT11", "DISASSOC", class("wireless-left", "", &["network"], &["connection", "end"]), &["Interface {interface}, Deauthenticating Station {mac} Reason: {reason}", "Interface {interface}, Deauthenticating Station {mac} "]),
    m("ETH_PORT_CHANNEL", "PORT_UP", LINK, &["{channel}: {interface} is {state}"]),
    m("ETH_PORT_CHANNEL", "PORT_DOWN", LINK, &["{channel}: {interface} is {state}"]),
    m("IPS", "SIGNATURE", class("intrusion-detected", "", &["network", "intrusion_detection"], &["info"]), &["Sig:{rule} Subsig:{} Sev:{} {reason} [{source} -> {destination}]"]),
];
