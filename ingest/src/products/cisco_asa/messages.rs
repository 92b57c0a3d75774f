//! The messages that are read: number, templates in the order in which they are tried, and what they tell of.

/// What a message tells of, in ECS's vocabulary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) action: &'static str,
    pub(super) outcome: &'static str,
    pub(super) category: &'static [&'static str],
    pub(super) types: &'static [&'static str],
}

const fn class(
    action: &'static str,
    outcome: &'static str,
    category: &'static [&'static str],
    types: &'static [&'static str],
) -> Class {
    Class { action, outcome, category, types }
}

impl Class {
    pub(super) const INFO: Class = class("firewall-rule", "", &["network"], &["info"]);
    pub(super) const ALLOWED: Class = class("firewall-rule", "success", &["network"], &["connection", "allowed"]);
    pub(super) const DENIED: Class = class("firewall-rule", "success", &["network"], &["connection", "denied"]);
}

const INFO: Class = Class::INFO;
const ALLOWED: Class = Class::ALLOWED;
const DENIED: Class = Class::DENIED;
const DROPPED: Class = class("firewall-rule", "failure", &["network"], &["connection", "denied"]);
const BUILT: Class = class("firewall-rule", "", &["network"], &["info", "connection", "start"]);
const START: Class = class("flow-creation", "", &["network"], &["connection", "start"]);
const END: Class = class("flow-expiration", "", &["network"], &["connection", "end"]);
const LOGIN: Class = class("logged-in", "success", &["authentication", "network"], &["allowed", "info", "connection"]);
const LOGIN_FAILED: Class = class("logon-failed", "failure", &["authentication", "network"], &["denied", "info"]);
const LOGOUT: Class = class("logged-out", "success", &["authentication", "network"], &["end", "info"]);
const VPN_UP: Class = class("client-vpn-connected", "", &["network", "session"], &["connection", "start"]);
const VPN_DOWN: Class = class("client-vpn-disconnected", "", &["network", "session"], &["connection", "end"]);
const VPN_ERROR: Class = class("client-vpn-error", "", &["network"], &["connection", "error", "denied"]);
const ERROR: Class = class("error", "failure", &["network"], &["error"]);
const INTRUSION: Class = class("intrusion-detected", "", &["network", "intrusion_detection"], &["info"]);
const COMMAND: Class = class("command-executed", "", &["network", "configuration"], &["info"]);
const CHANGED: Class = class("configuration-changed", "success", &["network", "configuration"], &["info", "change"]);
const ACCOUNT_ADDED: Class = class("account-added", "success", &["network", "iam"], &["info", "user", "creation"]);
const ACCOUNT_REMOVED: Class = class("account-removed", "success", &["network", "iam"], &["info", "user", "deletion"]);
const LOCKED: Class = class("account-locked", "failure", &["authentication", "network"], &["denied", "info"]);
const CREATED: Class = class("created", "success", &["network"], &["info", "creation", "user"]);
const DELETED: Class = class("deleted", "success", &["network"], &["info", "deletion", "user"]);
const DROP: Class = class("drop", "unknown", &["network"], &["connection", "denied"]);

/// One message.
pub(super) struct Message {
    number: &'static str,
    pub(super) class: Class,
    pub(super) templates: &'static [&'static str],
}

const fn m(number: &'static str, class: Class, templates: &'static [&'static str]) -> Message {
    Message { number, class, templates }
}

/// The message of this number.
pub(super) fn find(number: &str) -> Option<&'static Message> {
    MESSAGES.binary_search_by(|message| message.number.cmp(number)).ok().map(|at| &MESSAGES[at])
}

/// Sorted by number.
#[rustfmt::skip]
static MESSAGES: &[Message] = &[
    m("104001", INFO, &["(Primary) Switching to ACTIVE (cause: {reason}).", "({}) Switching to ACTIVE (cause: {reason})", "({}) Switching to ACTIVE - {reason}"]),
    m("104002", INFO, &["({}) Switching to STANDBY (cause: {reason})", "({}) Switching to STANDBY - {reason}", "({}) Switching to STNDBY (cause: {reason})"]),
    m("106001", DENIED, &["{direction} {protocol} connection denied from {source} to {destination} flags {} on interface {ingress}"]),
    m("106002", DENIED, &["{protocol} Connection denied by outbound list {rule} src {source} dest {destination}"]),
    m("106006", DENIED, &["Deny {direction} {protocol} from {source} to {destination} on interface {ingress}"]),
    m("106007", DENIED, &["Deny {direction} {protocol} from {source} to {destination} due to {application} {}"]),
    m("106010", DENIED, &["Deny {direction} protocol {protocol} src {source} dst {destination}", "Deny {direction} {protocol} src {source} dst {destination}"]),
    m("106011", DENIED, &["Deny {direction} (No xlate) {protocol} src {source} dst {destination}", "Deny {direction} (No xlate) {}"]),
    m("106012", DENIED, &["Deny IP from {source} to {destination}, IP options"]),
    m("106013", DENIED, &["Dropping echo request from {source} to PAT address {destination}"]),
    m("106014", DENIED, &["Deny {direction} {protocol} src {source} dst {destination} (type", "Deny {direction} {protocol} src {source} dst {destination}(type"]),
    m("106015", DENIED, &["Deny {protocol} (no connection) from {source} to {destination} flags {} on interface {ingress}"]),
    m("106016", DENIED, &["Deny IP spoof from ({source}) to {destination} on interface {ingress}"]),
    m("106017", DENIED, &["Deny IP due to Land Attack from {source} to {destination}"]),
    m("106018", DENIED, &["{protocol} packet type {} denied by outbound list {rule} src {source} dest {destination}"]),
    m("106020", DENIED, &["Deny IP teardrop fragment (size = {}, offset = {}) from {source} to {destination}"]),
    m("106021", DENIED, &["Deny {protocol} reverse path check from {source} to {destination} on interface {ingress}"]),
    m("106022", DENIED, &["Deny {protocol} connection spoof from {source} to {destination} on interface {ingress}"]),
    m("106023", DENIED, &["Deny protocol {protocol} src {source} dst {destination} by access-group {rule} [", "Deny {protocol} src {source} dst {destination} by access-group {rule} [", "Deny {protocol} src {source} dst {destination} by access-group {rule}"]),
    m("106025", DENIED, &["Failed to determine the security context for the packet:{ingress}:{source} {destination} {} {protocol}"]),
    m("106027", DENIED, &["Deny src {} dst {} by access-group {rule}", "{protocol}:Deny src {source} dst {destination} by access-group {rule}"]),
    m("106100", INFO, &["access-list {rule} {verdict} {protocol} {source} -> {destination} hit-cnt", "access-list {rule} {verdict} {protocol} for user '{user}' {source} -> {destination} hit-cnt"]),
    m("106102", INFO, &["access-list {rule} {verdict} {protocol} for user {user} {source} -> {destination} hit-cnt", "access-list {rule} {verdict} {protocol} for user {user} {source} {destination} hit-cnt"]),
    m("106103", INFO, &["access-list {rule} {verdict} {protocol} for user {user} {source} -> {destination} hit-cnt", "access-list {rule} {verdict} {protocol} for user {user} {source} {destination} hit-cnt"]),
    m("108003", DROPPED, &["Terminating {} connection; malicious pattern detected in the mail address from {source} to {destination}. Data: {reason}"]),
    m("109001", INFO, &["Auth start for user {user} from {source} to {destination} on interface {ingress}", "Auth start for user {user} from {source} to {destination}"]),
    m("109002", LOGIN_FAILED, &["Auth from {source} to {destination} failed (server {} failed) on interface {ingress}"]),
    m("109003", LOGIN_FAILED, &["Auth from {source} to {destination} failed (all servers failed) on interface {ingress}"]),
    m("109005", LOGIN, &["Authentication succeeded for user {user} from {source} to {destination} on interface {ingress}"]),
    m("109006", LOGIN_FAILED, &["Authentication failed for user {user} from {source} to {destination} on interface {ingress}"]),
    m("109007", ALLOWED, &["Authorization permitted for user {user} from {source} to {destination} on interface {ingress}"]),
    m("109008", DENIED, &["Authorization denied for user {user} from {source} to {destination} on interface {ingress}", "Authorization denied from {source} to {destination} (not authenticated) on interface {ingress}"]),
    m("109010", LOGIN_FAILED, &["Auth from {source} to {destination} failed (too many pending auths) on interface {ingress}"]),
    m("109017", DENIED, &["User at {source} exceeded auth proxy connection limit"]),
    m("109024", DENIED, &["Authorization denied from {source} to {destination} (not authenticated) on interface {ingress} using {protocol}"]),
    m("109025", DENIED, &["Authorization denied (acl={rule}) for user '{user}' from {source} to {destination} on interface {ingress} using {protocol}"]),
    m("109031", LOGIN_FAILED, &["NT Domain Authentication Failed: rejecting guest login for {user}"]),
    m("109033", LOGIN_FAILED, &["Authentication failed for admin user {user} from {source}. {reason}"]),
    m("109034", LOGIN_FAILED, &["Authentication failed for network user {user} from {source} to {destination}. {reason}"]),
    m("110002", DENIED, &["Failed to locate egress interface for {protocol} from {source} to {destination}"]),
    m("110003", INFO, &["Routing failed to locate next-hop for {protocol} from {source} to {destination}", "Routing failed to locate next hop for {protocol} from {source} to {destination}"]),
    m("111001", CHANGED, &["Begin configuration: {source} writing to {}"]),
    m("111002", CHANGED, &["Begin configuration: {source} reading from {}"]),
    m("111003", CHANGED, &["{source} Erase configuration"]),
    m("111004", class("firewall-rule", "success", &["network", "configuration"], &["info"]), &["{source} end configuration: "]),
    m("111005", CHANGED, &["{source} end configuration: "]),
    m("111007", CHANGED, &["Begin configuration: {source} reading from {}"]),
    m("111008", COMMAND, &["User '{user}' executed the '{command}' command.", "User '{user}' executed the '{command}'", "User {user} executed the command {command}"]),
    m("111009", COMMAND, &["User '{user}' executed cmd: {command}", "User {user} executed cmd:{command}"]),
    m("111010", COMMAND, &["User '{user}', running '{}' from IP {source}, executed '{command}'", "User '{user}', running '{}' from IP {source}, executed {command}"]),
    m("113003", INFO, &["AAA group policy for user {user} is being set to {group}"]),
    m("113004", LOGIN, &["AAA user {} Successful : server = {destination} : user = {user}", "AAA user {} Successful: server = {destination} , User = {user}", "AAA user {} Successful : server = {destination} : User = {user}", "AAA user {} Successful{}server = {destination},{}ser = {user}", "AAA user {} Successful{}server = {destination} {}ser = {user}"]),
    m("113005", LOGIN_FAILED, &["AAA user {} Rejected : reason = {reason} : server = {destination} : user = {user} : user IP = {source}", "AAA user {} Rejected: reason = {reason}: server = {destination} : user = {user}: user IP = {source}", "AAA user {} Rejected{}reason = {reason} : server = {destination} : user = {user} : user IP = {source}", "AAA user {} Rejected{}reason = {reason} : server = {destination} : user = {user}", "AAA user {} Rejected{}reason = {reason}: server = {destination}{}ser = {user}"]),
    m("113006", LOCKED, &["User {user} locked out on exceeding {} successive failed authentication attempts", "User {user} locked out on exceeding {}"]),
    m("113007", INFO, &["User {target} unlocked by {user}"]),
    m("113008", LOGIN, &["AAA transaction status ACCEPT : user = {user}", "AAA transaction status ACCEPT: user = {user}"]),
    m("113009", INFO, &["AAA retrieved default group policy ({group}) for user = {user}", "AAA retrieved default group policy {group} for user {user}"]),
    m("113010", INFO, &["AAA challenge received for user {user} from server {destination}"]),
    m("113011", INFO, &["AAA retrieved user specific group policy ({group}) for user = {user}", "AAA retrieved user specific group policy {group} for user {user}"]),
    m("113012", LOGIN, &["AAA user authentication Successful : local database : user = {user}", "AAA user authentication Successful: local database: user = {user}"]),
    m("113013", LOGIN_FAILED, &["AAA unable to complete the request Error : reason = {reason} : user = {user}", "AAA unable to complete the request Error: reason = {reason}: user = {user}"]),
    m("113014", LOGIN_FAILED, &["AAA authentication server not accessible : server = {destination} : user = {user}", "AAA authentication server not accessible: server = {destination}: user = {user}"]),
    m("113015", LOGIN_FAILED, &["AAA user authentication Rejected : reason = {reason} : local database : user = {user} : user IP = {source}", "AAA user authentication Rejected : reason = {reason} : local database : user = {user}: user IP = {source}", "AAA user authentication Rejected: reason = {reason}: local database: user = {user}: user IP = {source}", "AAA user authentication Rejected{}reason = {reason} : local database : user = {user}", "AAA user authentication Rejected{}reason = {reason}: local database: user = {user}"]),
    m("113016", LOGIN_FAILED, &["AAA credentials rejected : reason = {reason} : server = {destination} : user = {user} : user IP = {source}", "AAA credentials rejected: reason = {reason}: server = {destination}: user = {user}: user IP = {source}", "AAA credentials rejected{}reason = {reason} : server = {destination} : user = {user}"]),
    m("113017", LOGIN_FAILED, &["AAA credentials rejected : reason = {reason} : local database : user = {user} : user IP = {source}", "AAA credentials rejected: reason = {reason}: local database: user = {user}: user IP = {source}", "AAA credentials rejected{}reason = {reason} : local database : user = {user}"]),
    m("113019", VPN_DOWN, &["Group = {group}, Username = {user}, IP = {destination}, Session disconnected. Session Type: {}, Duration: {duration}, Bytes xmt: {sent}, Bytes rcv: {received}, Reason: {reason}"]),
    m("113021", LOGIN_FAILED, &["Attempted console login failed. User {user} did NOT have appropriate Admin Rights", "Attempted console login failed user '{user}' did NOT have appropriate Admin Rights"]),
    m("113022", INFO, &["AAA Marking {} server {destination} in aaa-server group {} as FAILED"]),
    m("113023", INFO, &["AAA Marking {} server {destination} in aaa-server group {} as ACTIVE"]),
    m("113029", VPN_ERROR, &["Group {group} User {user} IP {source} Session could not be established: {reason}"]),
    m("113030", VPN_ERROR, &["Group {group} User {user} IP {source} User ACL {rule} from AAA "]),
    m("113031", VPN_ERROR, &["Group {group} User {user} IP {source} AnyConnect vpn-filter {rule} is an IPv6 ACL"]),
    m("113032", VPN_ERROR, &["Group {group} User {user} IP {source} AnyConnect ipv6-vpn-filter {rule} is an IPv4 ACL"]),
    m("113033", VPN_ERROR, &["Group {group} User {user} IP {source} AnyConnect session not allowed. {reason}"]),
    m("113034", VPN_ERROR, &["Group {group} User {user} IP {source} User ACL {rule} from AAA "]),
    m("113035", VPN_ERROR, &["Group {group} User {user} IP {source} Session terminated: "]),
    m("113036", VPN_ERROR, &["Group {group} User {user} IP {source} AAA parameter {} value invalid"]),
    m("113038", VPN_ERROR, &["Group {group} User {user} IP {source} Unable to create AnyConnect parent session"]),
    m("113039", VPN_UP, &["Group {group} User {user} IP {source} AnyConnect parent session started"]),
    m("113040", VPN_ERROR, &["Terminating the VPN connection attempt from {user}. Reason: {reason}", "Terminating the VPN connection attempt from {group}. Reason: {reason}"]),
    m("113042", LOGIN_FAILED, &["CoA: Non-HTTP connection from {source} to {destination} for user {user} at {} denied by redirect filter"]),
    m("199017", INFO, &[]),
    m("201010", DENIED, &["Embryonic connection limit exceeded {} for {direction} packet from {source} to {destination} on interface {ingress}"]),
    m("201011", DENIED, &["Connection limit exceeded {} for {direction} packet from {source} to {destination} on interface {ingress}"]),
    m("209003", DENIED, &["Fragment database limit of {} exceeded: src = {source}, dest = {destination}, proto = {protocol}, id"]),
    m("209004", DENIED, &["Invalid IP fragment, size = {} exceeds maximum size = {}: src = {source}, dest = {destination}, proto = {protocol}, id"]),
    m("209005", DENIED, &["Discard IP fragment set with more than {} elements: src = {source}, dest = {destination}, proto = {protocol}, id"]),
    m("302003", BUILT, &["Built H245 connection for {} {source} {} {destination}"]),
    m("302010", INFO, &[]),
    m("302012", BUILT, &["Pre-allocate H225 Call Signalling Connection for faddr {destination} to laddr {source}"]),
    m("302013", BUILT, &["Built {direction} {protocol} connection {} for {one} to {two}"]),
    m("302014", END, &["Teardown {protocol} connection {} for {source} to {destination} duration {duration} bytes {tail}"]),
    m("302015", BUILT, &["Built {direction} {protocol} connection {} for {one} to {two}"]),
    m("302016", END, &["Teardown {protocol} connection {} for {source} to {destination} duration {duration} bytes {tail}"]),
    m("302017", BUILT, &["Built {direction} {protocol} connection {} from {one} to {two}"]),
    m("302018", END, &["Teardown {protocol} connection {} from {source} to {destination} duration {duration} bytes {tail}"]),
    m("302020", START, &["Built {direction} {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source} type", "Built {direction} {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source}", "Built {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source} type", "Built {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source}"]),
    m("302021", END, &["Teardown {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source} type", "Teardown {protocol} connection for faddr {destination} gaddr {gaddr} laddr {source}"]),
    m("302022", BUILT, &["Built {} stub {protocol} connection for {source} to {destination}"]),
    m("302023", class("firewall-rule", "", &["network"], &["info", "connection", "end"]), &["Teardown stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}", "Teardown {} stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}"]),
    m("302024", BUILT, &["Built {} stub {protocol} connection for {source} to {destination}"]),
    m("302025", class("firewall-rule", "", &["network"], &["info", "connection", "end"]), &["Teardown stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}", "Teardown {} stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}"]),
    m("302026", BUILT, &["Built {} stub {protocol} connection for {source} to {destination}"]),
    m("302027", class("firewall-rule", "", &["network"], &["info", "connection", "end"]), &["Teardown stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}", "Teardown {} stub {protocol} connection for {source} to {destination} duration {duration} forwarded bytes {tail}"]),
    m("302033", BUILT, &["Pre-allocated H323 GUP Connection for faddr {destination} to laddr {source}"]),
    m("302035", BUILT, &["Built {direction} {protocol} connection {} for {one} to {two}"]),
    m("302036", END, &["Teardown {protocol} connection {} for {source} to {destination} duration {duration} bytes {tail}"]),
    m("302302", INFO, &["ACL = deny; no sa created"]),
    m("302303", BUILT, &["Built {protocol} state-bypass connection {} from {source} to {destination}"]),
    m("302304", END, &["Teardown {protocol} state-bypass connection {} from {source} to {destination} duration {duration} bytes {tail}"]),
    m("302305", BUILT, &["Built {protocol} state-bypass connection {} for {source} to {destination}"]),
    m("302306", END, &["Teardown {protocol} state-bypass connection {} for {source} to {destination} duration {duration} bytes {tail}"]),
    m("303002", INFO, &["{application} connection from {source} to {destination}, user {user} {command} file {file}"]),
    m("304001", ALLOWED, &["{source} Accessed URL {destination_url}", "{source} accessed URL {destination_url}", "{source} Accessed JAVA URL {destination_url}", "{user}@{source} Accessed URL {destination_url}", "{} {source} Accessed URL {destination_url}"]),
    m("304002", DENIED, &["Access denied URL {url} SRC {source} DEST {destination} on interface {ingress}", "Access denied URL {url} SRC {source} DEST {destination}: {url}", "Access denied URL {url} SRC {source} DEST {destination}"]),
    m("305005", INFO, &["No translation group found for {protocol} src {source} dst {destination}"]),
    m("305006", INFO, &["{} translation creation failed for {protocol} src {source} dst {destination}", "{} translation creation failed for protocol src {source} dst {destination}"]),
    m("305009", INFO, &["Built {} translation from {source} to {destination}"]),
    m("305010", END, &["Teardown {} translation from {source} to {destination} duration {duration}"]),
    m("305011", INFO, &["Built {kind} {protocol} translation from {source} to {destination}"]),
    m("305012", END, &["Teardown {kind} {protocol} translation from {source} to {destination} duration {duration}"]),
    m("305013", DENIED, &["Asymmetric NAT rules matched for forward and reverse flows; Connection for {protocol} src {source} dst {destination} denied due to NAT reverse path failure", "Asymmetric NAT rules matched for forward and reverse flows; Connection {protocol} src {source} dst {destination} denied"]),
    m("308001", LOGIN_FAILED, &["{} console enable password incorrect for {} tries (from {source})", "console enable password incorrect for {} tries (from {source})"]),
    m("313001", DENIED, &["Denied {protocol} type={}, code={} from {source} on interface {ingress}"]),
    m("313004", DENIED, &["Denied {protocol} type={}, from laddr {source} on interface {ingress} to {destination}: no matching session", "Denied {protocol} type={}, from {source} on interface {ingress} to {destination}"]),
    m("313005", DENIED, &["No matching connection for {} error message: {protocol} src {source} dst {destination} (type {}) on {ingress} interface", "No matching connection for {} error message: {protocol} src {source} dst {destination}"]),
    m("313008", DENIED, &["Denied {protocol} type={}, code={} from {source} on interface {ingress}"]),
    m("313009", DENIED, &["Denied invalid {protocol} code {}, for {source} to {destination}"]),
    m("315011", INFO, &["SSH session from {source} on interface {ingress} for user {user} disconnected by SSH server, reason: {reason}", "SSH session from {source} on interface {ingress} for user {user} terminated normally"]),
    m("322001", DENIED, &["Deny MAC address {}, possible spoof attempt on interface {ingress}"]),
    m("322003", DENIED, &["ARP inspection check failed for arp {} received from host {} on interface {ingress}"]),
    m("338001", class("firewall-rule", "success", &["network", "intrusion_detection"], &["info", "connection", "allowed"]), &["Dynamic filter monitored blacklisted {protocol} traffic from {source} to {destination}, source {} resolved from {} list: {domain}, threat-level: {}, category: {reason}", "Dynamic Filter monitored blacklisted {protocol} traffic from {source} to {destination}, source"]),
    m("338002", class("firewall-rule", "success", &["network", "intrusion_detection"], &["info", "connection", "allowed"]), &["Dynamic filter monitored blacklisted {protocol} traffic from {source} to {destination}, destination {} resolved from {} list: {domain}, threat-level", "Dynamic Filter monitored blacklisted {protocol} traffic from {source} to {destination}, destination {} resolved from {} list: {domain}, threat-level", "Dynamic Filter permitted black listed {protocol} traffic from {source} to {destination}, destination {} resolved from {} list: {domain}"]),
    m("338003", class("firewall-rule", "success", &["network", "intrusion_detection"], &["info", "connection", "allowed"]), &["Dynamic filter monitored blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter monitored blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338004", class("firewall-rule", "success", &["network", "intrusion_detection"], &["info", "connection", "allowed"]), &["Dynamic filter monitored blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter monitored blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338005", DROPPED, &["Dynamic filter dropped blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter dropped blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338006", DROPPED, &["Dynamic filter dropped blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter dropped blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338007", DROPPED, &["Dynamic filter dropped blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter dropped blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338008", DROPPED, &["Dynamic filter dropped blacklisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter dropped blacklisted {protocol} traffic from {source} to {destination}, "]),
    m("338101", ALLOWED, &["Dynamic filter {} whitelisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter {} whitelisted {protocol} traffic from {source} to {destination}, "]),
    m("338102", ALLOWED, &["Dynamic filter {} whitelisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter {} whitelisted {protocol} traffic from {source} to {destination}, "]),
    m("338103", ALLOWED, &["Dynamic filter {} whitelisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter {} whitelisted {protocol} traffic from {source} to {destination}, "]),
    m("338104", ALLOWED, &["Dynamic filter {} whitelisted {protocol} traffic from {source} to {destination}, ", "Dynamic Filter {} whitelisted {protocol} traffic from {source} to {destination}, "]),
    m("338201", ALLOWED, &["Dynamic filter monitored greylisted {protocol} traffic from {source} to {destination}, "]),
    m("338202", ALLOWED, &["Dynamic filter monitored greylisted {protocol} traffic from {source} to {destination}, "]),
    m("338203", DROPPED, &["Dynamic filter dropped greylisted {protocol} traffic from {source} to {destination}, "]),
    m("338204", DROPPED, &["Dynamic filter dropped greylisted {protocol} traffic from {source} to {destination}, "]),
    m("400001", INTRUSION, &["IPS:{rule} from {source} to {destination} on interface {ingress}", "IDS:{rule} from {source} to {destination} on interface {ingress}"]),
    m("401002", INFO, &["Shun added: {source} {destination}"]),
    m("401003", INFO, &["Shun deleted: {source}"]),
    m("401004", DENIED, &["Shunned packet: {source} ==> {destination} on interface {ingress}", "Shunned packet: {source} = {destination} on interface {ingress}"]),
    m("402117", DENIED, &["IPSEC: Received a non-IPSec packet (protocol= {protocol}) from {source} to {destination}", "IPSEC: Received a non-IPSec packet (protocol={protocol}) from {source} to {destination}"]),
    m("402119", DENIED, &["IPSEC: Received an {} packet (SPI= {}, sequence number= {}) from {source} (user= {user}) to {destination} that failed anti-replay"]),
    m("405001", class("arp-collision", "", &["network"], &["info"]), &["Received ARP {} collision from {source} on interface {ingress}"]),
    m("406001", DENIED, &["FTP port command low port: {source} to {destination} on interface {ingress}"]),
    m("406002", DENIED, &["FTP port command different address: {source}({}) to {destination} on interface {ingress}"]),
    m("407001", DENIED, &["Deny traffic for local-host {source}, license limit of {} exceeded"]),
    m("409023", LOGIN_FAILED, &["Attempting AAA Fallback method {} for {} request for user {user}"]),
    m("410001", DENIED, &["Dropped UDP DNS {} from {source} to {destination}; {reason}"]),
    m("411001", INFO, &["Line protocol on interface {ingress}, changed state to up", "Line protocol on interface {ingress} changed state to up"]),
    m("411002", INFO, &["Line protocol on interface {ingress}, changed state to down", "Line protocol on interface {ingress} changed state to down"]),
    m("415001", INTRUSION, &["HTTP - matched {rule} in policy-map {}, {} from {source} to {destination}"]),
    m("419001", DENIED, &["Dropping {protocol} packet from {source} to {destination}, reason: {reason}"]),
    m("419002", DENIED, &["Duplicate {protocol} SYN from {source} to {destination} with different initial sequence number"]),
    m("419003", INFO, &["Cleared {} packet from {source} to {destination}"]),
    m("430001", INFO, &[]),
    m("434002", DROP, &["SFR requested to drop {protocol} packet from {source} to {destination}"]),
    m("434004", INFO, &["SFR requested device to bypass further packet redirection and process {protocol} flow from {source} to {destination} locally", "SFR requested ASA to bypass further packet redirection and process {protocol} flow from {source} to {destination} locally"]),
    m("450001", DENIED, &["Deny traffic for protocol {protocol} src {source} dst {destination}, licensed host limit"]),
    m("500004", DENIED, &["Invalid transport field for protocol={protocol}, from {source} to {destination}"]),
    m("502101", ACCOUNT_ADDED, &["New user added to local dbase: Uname: {target} Priv: {} Encpass", "New user added to local dbase: Uname: {target} Priv"]),
    m("502102", ACCOUNT_REMOVED, &["User deleted from local dbase: Uname: {target} Priv"]),
    m("502103", class("privilege-changed", "success", &["authentication", "network"], &["info", "change"]), &["User priv level changed: Uname: {user} From"]),
    m("506001", INFO, &["event_source_string event_string"]),
    m("507003", INFO, &["{protocol} flow from {source} to {destination} terminated by inspection engine, reason - {reason}", "{protocol} flow from {source} to {destination} terminated by inspection engine"]),
    m("602303", CREATED, &["IPSEC: An {direction} {} SA (SPI= {}) between {source} and {destination} (user= {user}) has been created", "IPSEC: An {direction} {} SA (SPI={}) between {source} and {destination} ({user}) has been created"]),
    m("602304", DELETED, &["IPSEC: An {direction} {} SA (SPI= {}) between {source} and {destination} (user= {user}) has been deleted", "IPSEC: An {direction} {} SA (SPI={}) between {source} and {destination} ({user}) has been deleted"]),
    m("605004", LOGIN_FAILED, &["Login denied from {source} to {destination} for user \"{user}\"", "Login denied from {source} to {destination} for user {user}"]),
    m("605005", LOGIN, &["Login permitted from {source} to {destination} for user \"{user}\"", "Login permitted from {source} to {destination} for user {user}"]),
    m("607001", INFO, &["Pre-allocate SIP {} {protocol} secondary channel for {destination} to {source} from {} message"]),
    m("609001", START, &["Built local-host {source}"]),
    m("609002", END, &["Teardown local-host {source} duration {duration}"]),
    m("611101", LOGIN, &["User authentication succeeded: IP address: {source}, Uname: {user}", "User authentication succeeded: Uname: {user}"]),
    m("611102", LOGIN_FAILED, &["User authentication failed: IP address: {source}, Uname: {user}", "User authentication failed: Uname: {user}"]),
    m("611103", LOGOUT, &["User logged out: Uname: {user}"]),
    m("710001", INFO, &["{protocol} access requested from {source} to {destination}"]),
    m("710002", ALLOWED, &["{protocol} access permitted from {source} to {destination}"]),
    m("710003", DENIED, &["{protocol} access denied by ACL from {source} to {destination}"]),
    m("710004", DENIED, &["{protocol} connection limit exceeded from {source} to {destination}"]),
    m("710005", DENIED, &["{protocol} request discarded from {source} to {destination}"]),
    m("710006", INFO, &["{protocol} request discarded from {source} to {destination}"]),
    m("713049", VPN_UP, &["Group = {group}, Username = {user}, IP = {source}, Security negotiation complete for", "Group = {group}, IP = {source}, Security negotiation complete for", "Security negotiation complete for"]),
    m("713119", VPN_UP, &["Group = {group}, Username = {user}, IP = {source}, PHASE 1 COMPLETED", "Group = {group}, IP = {source}, PHASE 1 COMPLETED"]),
    m("713120", VPN_UP, &["Group = {group}, Username = {user}, IP = {source}, PHASE 2 COMPLETED", "Group = {group}, IP = {source}, PHASE 2 COMPLETED"]),
    m("713167", LOGIN_FAILED, &["Group = {group}, Username = {user}, IP = {source}, Remote peer has failed user authentication"]),
    m("713198", LOGIN_FAILED, &["Group = {group}, Username = {user}, IP = {source}, User Authorization failed: {reason}", "User Authorization failed: {user}"]),
    m("713202", INFO, &["Group = {group}, IP = {source}, {reason}. Ignoring packet", "IP = {source}, {reason}. Ignoring packet"]),
    m("713228", VPN_UP, &["Group = {group}, Username = {user}, IP = {source}, Assigned private IP address {nat} to remote user"]),
    m("713259", VPN_DOWN, &["Group = {group}, Username = {user}, IP = {source}, Session is being torn down. Reason: {reason}", "Group = {group}, IP = {source}, Session is being torn down. Reason: {reason}"]),
    m("713903", INFO, &["Group = {group}, IP = {source}, {reason}", "IP = {source}, {reason}"]),
    m("713904", ERROR, &["Group = {group}, Username = {user}, IP = {source}, {reason}", "Group = {group}, IP = {source}, {reason}", "IP = {source}, {reason}", "{reason}"]),
    m("713905", INFO, &["Group = {group}, Username = {user}, IP = {source}, {reason}", "Group = {group}, IP = {source}, {reason}", "IP = {source}, {reason}"]),
    m("716001", VPN_UP, &["Group {group} User {user} IP {source} WebVPN session started", "Group {group} User {user} WebVPN session started"]),
    m("716002", VPN_DOWN, &["Group {group} User {user} IP {source} WebVPN session terminated: {reason}", "Group {group} User {user} WebVPN session terminated: {reason}"]),
    m("716003", ALLOWED, &["Group {group} User {user} IP {source} WebVPN access GRANTED: {url}"]),
    m("716004", DENIED, &["Group {group} User {user} IP {source} WebVPN access DENIED to specified location: {url}", "Group {group} User {user} WebVPN access DENIED to specified location: {url}"]),
    m("716023", VPN_ERROR, &["Group {group} User {user} Session could not be established: {reason}"]),
    m("716038", LOGIN, &["Group {group} User {user} IP {source} Authentication: successful", "Authentication: successful, group = {group} user = {user}, Session Type"]),
    m("716039", LOGIN_FAILED, &["Group {group} User {user} IP {source} Authentication: rejected", "Authentication: rejected, group = {group} user = {user}, Session Type"]),
    m("716058", INFO, &["Group {group} User {user} IP {source} AnyConnect session lost connection"]),
    m("716059", INFO, &["Group {group} User {user} IP {source} AnyConnect session resumed"]),
    m("721016", VPN_UP, &["({}) WebVPN session for client user {user}, IP {source} has been created"]),
    m("721018", VPN_DOWN, &["({}) WebVPN session for client user {user}, IP {source} has been deleted"]),
    m("722003", LOGIN_FAILED, &["IP {source} Error authenticating SVC connect request"]),
    m("722010", INFO, &["Group {group} User {user} IP {source} SVC Message: {reason}"]),
    m("722011", INFO, &["Group {group} User {user} IP {source} SVC Message: {reason}"]),
    m("722012", INFO, &["Group {group} User {user} IP {source} SVC Message: {reason}"]),
    m("722022", VPN_UP, &["Group {group} User {user} IP {source} {protocol} SVC connection established", "Group {group} User {user} IP {source} {protocol} connection established"]),
    m("722023", VPN_DOWN, &["Group {group} User {user} IP {source} {protocol} SVC connection terminated", "Group {group} User {user} IP {source} SVC connection terminated", "Group {group} User {user} IP {source} {protocol} connection terminated"]),
    m("722028", INFO, &["Group {group} User {user} IP {source} Stale SVC connection closed"]),
    m("722032", INFO, &["Group {group} User {user} IP {source} New {protocol} SVC connection replacing old connection", "Group {group} User {user} IP {source} New SVC connection replacing old connection"]),
    m("722033", VPN_UP, &["Group {group} User {user} IP {source} First {protocol} SVC connection established for SVC session", "Group {group} User {user} IP {source} First SVC connection established"]),
    m("722034", INFO, &["Group {group} User {user} IP {source} New {protocol} SVC connection, no existing connection", "Group {group} User {user} IP {source} New SVC connection, no existing connection"]),
    m("722036", INFO, &["Group {group} User {user} IP {source} Transmitting large packet"]),
    m("722037", INFO, &["Group {group} User {user} IP {source} SVC closing connection: {reason}"]),
    m("722041", INFO, &["TunnelGroup {} GroupPolicy {group} User {user} IP {source} No IPv6 address available"]),
    m("722051", INFO, &["Group {group} User {user} IP {source} IPv4 Address {nat} IPv6 address {} assigned to session", "Group {group} User {user} IP {source} Address {nat} assigned to session"]),
    m("722055", INFO, &["Group {group} User {user} IP {source} Client Type: {agent}"]),
    m("725001", INFO, &["Starting SSL handshake with {} {source} to {destination} for {} session", "Starting SSL handshake with client {source} for", "Starting SSL handshake with {} {source} for"]),
    m("725002", INFO, &["Device completed SSL handshake with {} {source} to {destination} for {} session", "Device completed SSL handshake with client {source}"]),
    m("725006", INFO, &["Device failed SSL handshake with {} {source} to {destination}", "Device failed SSL handshake with {} client {source}"]),
    m("725007", INFO, &["SSL session with {} {source} to {destination} terminated", "SSL session with client {source} terminated"]),
    m("725016", INFO, &["Device selects trust-point {} for client {source} to {destination}"]),
    m("733100", INTRUSION, &["[{rule}] drop rate-{} exceeded"]),
    m("733101", INTRUSION, &["Host {source} is attacking. Current burst rate", "Subnet {} is targeted.", "Host {destination} is targeted."]),
    m("733102", INTRUSION, &["Threat-detection adds host {source} to shun list"]),
    m("733103", INTRUSION, &["Threat-detection removes host {source} from shun list"]),
    m("734001", INFO, &["DAP: User {user}, Addr {source}, Connection {}: The following DAP records were selected for this connection: {rule}"]),
    m("746012", INFO, &["user-identity: Add IP-User mapping {source} - {user} Succeeded", "user-identity: Add IP-User mapping {source} - {user} {}"]),
    m("746013", INFO, &["user-identity: Delete IP-User mapping {source} - {user} Succeeded", "user-identity: Delete IP-User mapping {source} - {user} {}"]),
    m("750001", INFO, &["Local:{source} Remote:{destination} Username:{user} "]),
    m("750002", INFO, &["Local:{source} Remote:{destination} Username:{user} IKEv2 Received a IKE_INIT_SA request", "Local:{source} Remote:{destination} Username:{user} "]),
    m("750003", class("error", "failure", &["network"], &["error"]), &["Local: {source} Remote: {destination} Username: {user} {} ERROR: {reason}", "Local:{source} Remote:{destination} Username:{user} {} ERROR: {reason}"]),
    m("750006", INFO, &["Local:{source} Remote:{destination} Username:{user} IKEv2 SA UP. Reason: {reason}", "Local: {source} Remote: {destination} Username: {user} SA UP. Reason: {reason}"]),
    m("750007", INFO, &["Local:{source} Remote:{destination} Username:{user} IKEv2 SA DOWN. Reason: {reason}", "Local: {source} Remote: {destination} Username: {user} SA DOWN. Reason: {reason}"]),
    m("751025", INFO, &["Local:{source} Remote:{destination} Username:{user} Group:{group} "]),
    m("752012", INFO, &[]),
    m("768001", INFO, &[]),
    m("769007", INFO, &[]),
    m("771002", INFO, &["CLOCK: System clock set, source: {}, before: {}, after: {}"]),
    m("775002", DENIED, &["Reached maximum {} connections on {source} to {destination}"]),
    m("805001", INFO, &["{protocol} Flow is offloaded for connection {} from {source} to {destination}", "Offloaded {protocol} Flow for connection {} from {source} to {destination}"]),
    m("805002", INFO, &["{protocol} Flow is no longer offloaded for connection {} from {source} to {destination}"]),
    m("805003", INFO, &["{protocol} Flow could not be offloaded for connection {} from {source} to {destination} "]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_by_number() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(find("106023").is_some() && find("000000").is_none());
    }
}
