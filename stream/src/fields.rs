//! The one table of field names: ECS 8.x names, and ours under `sekisho.*`.
//!
//! A field is known by a [`FieldId`], a small number. Names in the table below have fixed ids within one build (they
//! are never written to disk); a product's own names (`fortigate.sessionid`) get ids at run time through [`intern`],
//! at most [`DYNAMIC_MAX`] of them for the life of the process, after which [`intern`] gives `None` and the value stays
//! in `event.original` only. Adding a field means adding a line to the table. Source: ECS field reference.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{OnceLock, RwLock};

/// The most product-own field names that one process keeps.
pub const DYNAMIC_MAX: usize = 20_000;

/// The longest product-own field name in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// A field, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u16);

/// How a field's values are indexed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Exact text.
    Keyword,
    /// Free text, searched by word.
    Text,
    /// 64-bit signed integer.
    Int,
    /// 64-bit floating point.
    Float,
    /// True or false.
    Bool,
    /// IPv4 or IPv6 address.
    Ip,
    /// Instant.
    Time,
}

struct Spec {
    name: &'static str,
    kind: Kind,
    list: bool,
}

macro_rules! fields {
    ($($id:ident = $name:literal, $kind:ident $(, $list:ident)?;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Index { $($id),* }

        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: FieldId = FieldId(Index::$id as u16);
        )*

        static TABLE: &[Spec] = &[
            $(Spec { name: $name, kind: Kind::$kind, list: fields!(@list $($list)?) }),*
        ];
    };
    (@list list) => { true };
    (@list) => { false };
}

fields! {
    TIMESTAMP = "@timestamp", Time;
    MESSAGE = "message", Text;
    TAGS = "tags", Keyword, list;
    EVENT_KIND = "event.kind", Keyword;
    EVENT_ACTION = "event.action", Keyword;
    EVENT_CODE = "event.code", Keyword;
    EVENT_DATASET = "event.dataset", Keyword;
    EVENT_ID = "event.id", Keyword;
    EVENT_MODULE = "event.module", Keyword;
    EVENT_OUTCOME = "event.outcome", Keyword;
    EVENT_PROVIDER = "event.provider", Keyword;
    EVENT_REASON = "event.reason", Keyword;
    EVENT_TIMEZONE = "event.timezone", Keyword;
    EVENT_HASH = "event.hash", Keyword;
    EVENT_ORIGINAL = "event.original", Text;
    EVENT_CATEGORY = "event.category", Keyword, list;
    EVENT_TYPE = "event.type", Keyword, list;
    EVENT_CREATED = "event.created", Time;
    EVENT_START = "event.start", Time;
    EVENT_END = "event.end", Time;
    EVENT_INGESTED = "event.ingested", Time;
    EVENT_DURATION = "event.duration", Int;
    EVENT_SEVERITY = "event.severity", Int;
    EVENT_SEQUENCE = "event.sequence", Int;
    EVENT_RISK_SCORE = "event.risk_score", Int;
    ERROR_MESSAGE = "error.message", Text;
    ERROR_CODE = "error.code", Keyword;
    ERROR_TYPE = "error.type", Keyword;
    ECS_VERSION = "ecs.version", Keyword;
    SOURCE_IP = "source.ip", Ip;
    SOURCE_NAT_IP = "source.nat.ip", Ip;
    SOURCE_PORT = "source.port", Int;
    SOURCE_NAT_PORT = "source.nat.port", Int;
    SOURCE_BYTES = "source.bytes", Int;
    SOURCE_PACKETS = "source.packets", Int;
    SOURCE_ADDRESS = "source.address", Keyword;
    SOURCE_DOMAIN = "source.domain", Keyword;
    SOURCE_MAC = "source.mac", Keyword;
    SOURCE_REGISTERED_DOMAIN = "source.registered_domain", Keyword;
    SOURCE_USER_NAME = "source.user.name", Keyword;
    SOURCE_USER_DOMAIN = "source.user.domain", Keyword;
    SOURCE_USER_ID = "source.user.id", Keyword;
    SOURCE_USER_EMAIL = "source.user.email", Keyword;
    SOURCE_USER_GROUP_NAME = "source.user.group.name", Keyword;
    SOURCE_GEO_COUNTRY_NAME = "source.geo.country_name", Keyword;
    SOURCE_GEO_COUNTRY_ISO_CODE = "source.geo.country_iso_code", Keyword;
    SOURCE_GEO_CITY_NAME = "source.geo.city_name", Keyword;
    SOURCE_GEO_REGION_NAME = "source.geo.region_name", Keyword;
    SOURCE_AS_ORGANIZATION_NAME = "source.as.organization.name", Keyword;
    SOURCE_AS_NUMBER = "source.as.number", Int;
    DESTINATION_IP = "destination.ip", Ip;
    DESTINATION_NAT_IP = "destination.nat.ip", Ip;
    DESTINATION_PORT = "destination.port", Int;
    DESTINATION_NAT_PORT = "destination.nat.port", Int;
    DESTINATION_BYTES = "destination.bytes", Int;
    DESTINATION_PACKETS = "destination.packets", Int;
    DESTINATION_ADDRESS = "destination.address", Keyword;
    DESTINATION_DOMAIN = "destination.domain", Keyword;
    DESTINATION_MAC = "destination.mac", Keyword;
    DESTINATION_REGISTERED_DOMAIN = "destination.registered_domain", Keyword;
    DESTINATION_USER_NAME = "destination.user.name", Keyword;
    DESTINATION_USER_DOMAIN = "destination.user.domain", Keyword;
    DESTINATION_USER_ID = "destination.user.id", Keyword;
    DESTINATION_USER_EMAIL = "destination.user.email", Keyword;
    DESTINATION_USER_GROUP_NAME = "destination.user.group.name", Keyword;
    DESTINATION_GEO_COUNTRY_NAME = "destination.geo.country_name", Keyword;
    DESTINATION_GEO_COUNTRY_ISO_CODE = "destination.geo.country_iso_code", Keyword;
    DESTINATION_GEO_CITY_NAME = "destination.geo.city_name", Keyword;
    DESTINATION_GEO_REGION_NAME = "destination.geo.region_name", Keyword;
    DESTINATION_AS_ORGANIZATION_NAME = "destination.as.organization.name", Keyword;
    DESTINATION_AS_NUMBER = "destination.as.number", Int;
    CLIENT_IP = "client.ip", Ip;
    CLIENT_NAT_IP = "client.nat.ip", Ip;
    CLIENT_PORT = "client.port", Int;
    CLIENT_NAT_PORT = "client.nat.port", Int;
    CLIENT_BYTES = "client.bytes", Int;
    CLIENT_PACKETS = "client.packets", Int;
    CLIENT_ADDRESS = "client.address", Keyword;
    CLIENT_DOMAIN = "client.domain", Keyword;
    CLIENT_MAC = "client.mac", Keyword;
    CLIENT_REGISTERED_DOMAIN = "client.registered_domain", Keyword;
    CLIENT_USER_NAME = "client.user.name", Keyword;
    CLIENT_USER_DOMAIN = "client.user.domain", Keyword;
    CLIENT_USER_ID = "client.user.id", Keyword;
    CLIENT_USER_EMAIL = "client.user.email", Keyword;
    CLIENT_USER_GROUP_NAME = "client.user.group.name", Keyword;
    CLIENT_GEO_COUNTRY_NAME = "client.geo.country_name", Keyword;
    CLIENT_GEO_COUNTRY_ISO_CODE = "client.geo.country_iso_code", Keyword;
    CLIENT_GEO_CITY_NAME = "client.geo.city_name", Keyword;
    CLIENT_GEO_REGION_NAME = "client.geo.region_name", Keyword;
    CLIENT_AS_ORGANIZATION_NAME = "client.as.organization.name", Keyword;
    CLIENT_AS_NUMBER = "client.as.number", Int;
    SERVER_IP = "server.ip", Ip;
    SERVER_NAT_IP = "server.nat.ip", Ip;
    SERVER_PORT = "server.port", Int;
    SERVER_NAT_PORT = "server.nat.port", Int;
    SERVER_BYTES = "server.bytes", Int;
    SERVER_PACKETS = "server.packets", Int;
    SERVER_ADDRESS = "server.address", Keyword;
    SERVER_DOMAIN = "server.domain", Keyword;
    SERVER_MAC = "server.mac", Keyword;
    SERVER_REGISTERED_DOMAIN = "server.registered_domain", Keyword;
    SERVER_USER_NAME = "server.user.name", Keyword;
    SERVER_USER_DOMAIN = "server.user.domain", Keyword;
    SERVER_USER_ID = "server.user.id", Keyword;
    SERVER_USER_EMAIL = "server.user.email", Keyword;
    SERVER_USER_GROUP_NAME = "server.user.group.name", Keyword;
    SERVER_GEO_COUNTRY_NAME = "server.geo.country_name", Keyword;
    SERVER_GEO_COUNTRY_ISO_CODE = "server.geo.country_iso_code", Keyword;
    SERVER_GEO_CITY_NAME = "server.geo.city_name", Keyword;
    SERVER_GEO_REGION_NAME = "server.geo.region_name", Keyword;
    SERVER_AS_ORGANIZATION_NAME = "server.as.organization.name", Keyword;
    SERVER_AS_NUMBER = "server.as.number", Int;
    NETWORK_TRANSPORT = "network.transport", Keyword;
    NETWORK_PROTOCOL = "network.protocol", Keyword;
    NETWORK_APPLICATION = "network.application", Keyword;
    NETWORK_DIRECTION = "network.direction", Keyword;
    NETWORK_TYPE = "network.type", Keyword;
    NETWORK_NAME = "network.name", Keyword;
    NETWORK_IANA_NUMBER = "network.iana_number", Keyword;
    NETWORK_COMMUNITY_ID = "network.community_id", Keyword;
    NETWORK_VLAN_ID = "network.vlan.id", Keyword;
    NETWORK_VLAN_NAME = "network.vlan.name", Keyword;
    NETWORK_INNER_VLAN_ID = "network.inner.vlan.id", Keyword;
    NETWORK_FORWARDED_IP = "network.forwarded_ip", Keyword;
    NETWORK_BYTES = "network.bytes", Int;
    NETWORK_PACKETS = "network.packets", Int;
    USER_NAME = "user.name", Keyword;
    USER_DOMAIN = "user.domain", Keyword;
    USER_ID = "user.id", Keyword;
    USER_EMAIL = "user.email", Keyword;
    USER_FULL_NAME = "user.full_name", Keyword;
    USER_GROUP_NAME = "user.group.name", Keyword;
    USER_GROUP_ID = "user.group.id", Keyword;
    USER_GROUP_DOMAIN = "user.group.domain", Keyword;
    USER_TARGET_NAME = "user.target.name", Keyword;
    USER_TARGET_DOMAIN = "user.target.domain", Keyword;
    USER_TARGET_ID = "user.target.id", Keyword;
    USER_TARGET_EMAIL = "user.target.email", Keyword;
    USER_TARGET_FULL_NAME = "user.target.full_name", Keyword;
    USER_TARGET_GROUP_NAME = "user.target.group.name", Keyword;
    USER_TARGET_GROUP_ID = "user.target.group.id", Keyword;
    USER_TARGET_GROUP_DOMAIN = "user.target.group.domain", Keyword;
    USER_EFFECTIVE_NAME = "user.effective.name", Keyword;
    USER_EFFECTIVE_DOMAIN = "user.effective.domain", Keyword;
    USER_EFFECTIVE_ID = "user.effective.id", Keyword;
    USER_EFFECTIVE_EMAIL = "user.effective.email", Keyword;
    USER_EFFECTIVE_FULL_NAME = "user.effective.full_name", Keyword;
    USER_EFFECTIVE_GROUP_NAME = "user.effective.group.name", Keyword;
    USER_EFFECTIVE_GROUP_ID = "user.effective.group.id", Keyword;
    USER_EFFECTIVE_GROUP_DOMAIN = "user.effective.group.domain", Keyword;
    USER_CHANGES_NAME = "user.changes.name", Keyword;
    USER_CHANGES_DOMAIN = "user.changes.domain", Keyword;
    USER_CHANGES_ID = "user.changes.id", Keyword;
    USER_CHANGES_EMAIL = "user.changes.email", Keyword;
    USER_CHANGES_FULL_NAME = "user.changes.full_name", Keyword;
    USER_CHANGES_GROUP_NAME = "user.changes.group.name", Keyword;
    USER_CHANGES_GROUP_ID = "user.changes.group.id", Keyword;
    USER_CHANGES_GROUP_DOMAIN = "user.changes.group.domain", Keyword;
    USER_ROLES = "user.roles", Keyword, list;
    GROUP_NAME = "group.name", Keyword;
    GROUP_ID = "group.id", Keyword;
    GROUP_DOMAIN = "group.domain", Keyword;
    URL_ORIGINAL = "url.original", Keyword;
    URL_FULL = "url.full", Keyword;
    URL_DOMAIN = "url.domain", Keyword;
    URL_PATH = "url.path", Keyword;
    URL_QUERY = "url.query", Keyword;
    URL_SCHEME = "url.scheme", Keyword;
    URL_FRAGMENT = "url.fragment", Keyword;
    URL_EXTENSION = "url.extension", Keyword;
    URL_USERNAME = "url.username", Keyword;
    URL_REGISTERED_DOMAIN = "url.registered_domain", Keyword;
    URL_TOP_LEVEL_DOMAIN = "url.top_level_domain", Keyword;
    URL_SUBDOMAIN = "url.subdomain", Keyword;
    URL_PORT = "url.port", Int;
    HTTP_REQUEST_METHOD = "http.request.method", Keyword;
    HTTP_REQUEST_REFERRER = "http.request.referrer", Keyword;
    HTTP_REQUEST_ID = "http.request.id", Keyword;
    HTTP_REQUEST_MIME_TYPE = "http.request.mime_type", Keyword;
    HTTP_VERSION = "http.version", Keyword;
    HTTP_RESPONSE_MIME_TYPE = "http.response.mime_type", Keyword;
    HTTP_REQUEST_BYTES = "http.request.bytes", Int;
    HTTP_REQUEST_BODY_BYTES = "http.request.body.bytes", Int;
    HTTP_RESPONSE_STATUS_CODE = "http.response.status_code", Int;
    HTTP_RESPONSE_BYTES = "http.response.bytes", Int;
    HTTP_RESPONSE_BODY_BYTES = "http.response.body.bytes", Int;
    HTTP_RESPONSE_STATUS_PHRASE = "http.response.status_phrase", Keyword;
    USER_AGENT_ORIGINAL = "user_agent.original", Keyword;
    USER_AGENT_NAME = "user_agent.name", Keyword;
    USER_AGENT_VERSION = "user_agent.version", Keyword;
    USER_AGENT_DEVICE_NAME = "user_agent.device.name", Keyword;
    USER_AGENT_OS_NAME = "user_agent.os.name", Keyword;
    USER_AGENT_OS_FULL = "user_agent.os.full", Keyword;
    RULE_NAME = "rule.name", Keyword;
    RULE_ID = "rule.id", Keyword;
    RULE_UUID = "rule.uuid", Keyword;
    RULE_RULESET = "rule.ruleset", Keyword;
    RULE_CATEGORY = "rule.category", Keyword;
    RULE_DESCRIPTION = "rule.description", Keyword;
    RULE_REFERENCE = "rule.reference", Keyword;
    RULE_VERSION = "rule.version", Keyword;
    OBSERVER_NAME = "observer.name", Keyword;
    OBSERVER_HOSTNAME = "observer.hostname", Keyword;
    OBSERVER_VENDOR = "observer.vendor", Keyword;
    OBSERVER_PRODUCT = "observer.product", Keyword;
    OBSERVER_TYPE = "observer.type", Keyword;
    OBSERVER_VERSION = "observer.version", Keyword;
    OBSERVER_SERIAL_NUMBER = "observer.serial_number", Keyword;
    OBSERVER_MAC = "observer.mac", Keyword;
    OBSERVER_INGRESS_INTERFACE_NAME = "observer.ingress.interface.name", Keyword;
    OBSERVER_INGRESS_INTERFACE_ALIAS = "observer.ingress.interface.alias", Keyword;
    OBSERVER_INGRESS_INTERFACE_ID = "observer.ingress.interface.id", Keyword;
    OBSERVER_EGRESS_INTERFACE_NAME = "observer.egress.interface.name", Keyword;
    OBSERVER_EGRESS_INTERFACE_ALIAS = "observer.egress.interface.alias", Keyword;
    OBSERVER_EGRESS_INTERFACE_ID = "observer.egress.interface.id", Keyword;
    OBSERVER_INGRESS_ZONE = "observer.ingress.zone", Keyword;
    OBSERVER_EGRESS_ZONE = "observer.egress.zone", Keyword;
    OBSERVER_INGRESS_VLAN_ID = "observer.ingress.vlan.id", Keyword;
    OBSERVER_EGRESS_VLAN_ID = "observer.egress.vlan.id", Keyword;
    OBSERVER_OS_FULL = "observer.os.full", Keyword;
    OBSERVER_IP = "observer.ip", Ip, list;
    HOST_NAME = "host.name", Keyword;
    HOST_HOSTNAME = "host.hostname", Keyword;
    HOST_ID = "host.id", Keyword;
    HOST_DOMAIN = "host.domain", Keyword;
    HOST_OS_TYPE = "host.os.type", Keyword;
    HOST_OS_NAME = "host.os.name", Keyword;
    HOST_OS_FULL = "host.os.full", Keyword;
    HOST_OS_VERSION = "host.os.version", Keyword;
    HOST_OS_FAMILY = "host.os.family", Keyword;
    HOST_OS_PLATFORM = "host.os.platform", Keyword;
    HOST_OS_KERNEL = "host.os.kernel", Keyword;
    HOST_ARCHITECTURE = "host.architecture", Keyword;
    HOST_TYPE = "host.type", Keyword;
    HOST_IP = "host.ip", Ip, list;
    HOST_MAC = "host.mac", Keyword, list;
    PROCESS_NAME = "process.name", Keyword;
    PROCESS_EXECUTABLE = "process.executable", Keyword;
    PROCESS_COMMAND_LINE = "process.command_line", Keyword;
    PROCESS_WORKING_DIRECTORY = "process.working_directory", Keyword;
    PROCESS_TITLE = "process.title", Keyword;
    PROCESS_ENTITY_ID = "process.entity_id", Keyword;
    PROCESS_HASH_MD5 = "process.hash.md5", Keyword;
    PROCESS_HASH_SHA1 = "process.hash.sha1", Keyword;
    PROCESS_HASH_SHA256 = "process.hash.sha256", Keyword;
    PROCESS_PE_ORIGINAL_FILE_NAME = "process.pe.original_file_name", Keyword;
    PROCESS_PE_COMPANY = "process.pe.company", Keyword;
    PROCESS_PE_DESCRIPTION = "process.pe.description", Keyword;
    PROCESS_PE_PRODUCT = "process.pe.product", Keyword;
    PROCESS_PE_FILE_VERSION = "process.pe.file_version", Keyword;
    PROCESS_PE_IMPHASH = "process.pe.imphash", Keyword;
    PROCESS_USER_NAME = "process.user.name", Keyword;
    PROCESS_USER_ID = "process.user.id", Keyword;
    PROCESS_PID = "process.pid", Int;
    PROCESS_EXIT_CODE = "process.exit_code", Int;
    PROCESS_THREAD_ID = "process.thread.id", Int;
    PROCESS_ARGS = "process.args", Keyword, list;
    PROCESS_ARGS_COUNT = "process.args_count", Int;
    PROCESS_PARENT_NAME = "process.parent.name", Keyword;
    PROCESS_PARENT_EXECUTABLE = "process.parent.executable", Keyword;
    PROCESS_PARENT_COMMAND_LINE = "process.parent.command_line", Keyword;
    PROCESS_PARENT_WORKING_DIRECTORY = "process.parent.working_directory", Keyword;
    PROCESS_PARENT_TITLE = "process.parent.title", Keyword;
    PROCESS_PARENT_ENTITY_ID = "process.parent.entity_id", Keyword;
    PROCESS_PARENT_HASH_MD5 = "process.parent.hash.md5", Keyword;
    PROCESS_PARENT_HASH_SHA1 = "process.parent.hash.sha1", Keyword;
    PROCESS_PARENT_HASH_SHA256 = "process.parent.hash.sha256", Keyword;
    PROCESS_PARENT_PE_ORIGINAL_FILE_NAME = "process.parent.pe.original_file_name", Keyword;
    PROCESS_PARENT_PE_COMPANY = "process.parent.pe.company", Keyword;
    PROCESS_PARENT_PE_DESCRIPTION = "process.parent.pe.description", Keyword;
    PROCESS_PARENT_PE_PRODUCT = "process.parent.pe.product", Keyword;
    PROCESS_PARENT_PE_FILE_VERSION = "process.parent.pe.file_version", Keyword;
    PROCESS_PARENT_PE_IMPHASH = "process.parent.pe.imphash", Keyword;
    PROCESS_PARENT_USER_NAME = "process.parent.user.name", Keyword;
    PROCESS_PARENT_USER_ID = "process.parent.user.id", Keyword;
    PROCESS_PARENT_PID = "process.parent.pid", Int;
    PROCESS_PARENT_EXIT_CODE = "process.parent.exit_code", Int;
    PROCESS_PARENT_THREAD_ID = "process.parent.thread.id", Int;
    PROCESS_PARENT_ARGS = "process.parent.args", Keyword, list;
    PROCESS_PARENT_ARGS_COUNT = "process.parent.args_count", Int;
    FILE_NAME = "file.name", Keyword;
    FILE_PATH = "file.path", Keyword;
    FILE_DIRECTORY = "file.directory", Keyword;
    FILE_EXTENSION = "file.extension", Keyword;
    FILE_TYPE = "file.type", Keyword;
    FILE_MIME_TYPE = "file.mime_type", Keyword;
    FILE_OWNER = "file.owner", Keyword;
    FILE_UID = "file.uid", Keyword;
    FILE_HASH_MD5 = "file.hash.md5", Keyword;
    FILE_HASH_SHA1 = "file.hash.sha1", Keyword;
    FILE_HASH_SHA256 = "file.hash.sha256", Keyword;
    FILE_CODE_SIGNATURE_STATUS = "file.code_signature.status", Keyword;
    FILE_CODE_SIGNATURE_SUBJECT_NAME = "file.code_signature.subject_name", Keyword;
    FILE_PE_ORIGINAL_FILE_NAME = "file.pe.original_file_name", Keyword;
    FILE_PE_IMPHASH = "file.pe.imphash", Keyword;
    FILE_TARGET_PATH = "file.target_path", Keyword;
    FILE_SIZE = "file.size", Int;
    FILE_CREATED = "file.created", Time;
    FILE_MTIME = "file.mtime", Time;
    FILE_CODE_SIGNATURE_SIGNED = "file.code_signature.signed", Bool;
    FILE_CODE_SIGNATURE_VALID = "file.code_signature.valid", Bool;
    REGISTRY_PATH = "registry.path", Keyword;
    REGISTRY_KEY = "registry.key", Keyword;
    REGISTRY_VALUE = "registry.value", Keyword;
    REGISTRY_HIVE = "registry.hive", Keyword;
    REGISTRY_DATA_TYPE = "registry.data.type", Keyword;
    REGISTRY_DATA_STRINGS = "registry.data.strings", Keyword, list;
    DNS_ID = "dns.id", Keyword;
    DNS_TYPE = "dns.type", Keyword;
    DNS_OP_CODE = "dns.op_code", Keyword;
    DNS_RESPONSE_CODE = "dns.response_code", Keyword;
    DNS_QUESTION_NAME = "dns.question.name", Keyword;
    DNS_QUESTION_TYPE = "dns.question.type", Keyword;
    DNS_QUESTION_CLASS = "dns.question.class", Keyword;
    DNS_QUESTION_REGISTERED_DOMAIN = "dns.question.registered_domain", Keyword;
    DNS_QUESTION_TOP_LEVEL_DOMAIN = "dns.question.top_level_domain", Keyword;
    DNS_QUESTION_SUBDOMAIN = "dns.question.subdomain", Keyword;
    DNS_ANSWERS_DATA = "dns.answers.data", Keyword, list;
    DNS_ANSWERS_NAME = "dns.answers.name", Keyword, list;
    DNS_ANSWERS_TYPE = "dns.answers.type", Keyword, list;
    DNS_RESOLVED_IP = "dns.resolved_ip", Ip, list;
    DNS_HEADER_FLAGS = "dns.header_flags", Keyword, list;
    TLS_VERSION = "tls.version", Keyword;
    TLS_VERSION_PROTOCOL = "tls.version_protocol", Keyword;
    TLS_CIPHER = "tls.cipher", Keyword;
    TLS_CLIENT_SERVER_NAME = "tls.client.server_name", Keyword;
    TLS_CLIENT_SUBJECT = "tls.client.subject", Keyword;
    TLS_CLIENT_ISSUER = "tls.client.issuer", Keyword;
    TLS_CLIENT_JA3 = "tls.client.ja3", Keyword;
    TLS_SERVER_SUBJECT = "tls.server.subject", Keyword;
    TLS_SERVER_ISSUER = "tls.server.issuer", Keyword;
    TLS_SERVER_JA3S = "tls.server.ja3s", Keyword;
    TLS_NEXT_PROTOCOL = "tls.next_protocol", Keyword;
    TLS_SERVER_HASH_SHA1 = "tls.server.hash.sha1", Keyword;
    TLS_SERVER_X509_SUBJECT_COMMON_NAME = "tls.server.x509.subject.common_name", Keyword;
    TLS_SERVER_X509_ISSUER_COMMON_NAME = "tls.server.x509.issuer.common_name", Keyword;
    TLS_SERVER_X509_SERIAL_NUMBER = "tls.server.x509.serial_number", Keyword;
    TLS_ESTABLISHED = "tls.established", Bool;
    TLS_RESUMED = "tls.resumed", Bool;
    TLS_SERVER_NOT_AFTER = "tls.server.not_after", Time;
    TLS_SERVER_NOT_BEFORE = "tls.server.not_before", Time;
    EMAIL_SUBJECT = "email.subject", Keyword;
    EMAIL_MESSAGE_ID = "email.message_id", Keyword;
    EMAIL_DIRECTION = "email.direction", Keyword;
    EMAIL_FROM_ADDRESS = "email.from.address", Keyword, list;
    EMAIL_TO_ADDRESS = "email.to.address", Keyword, list;
    EMAIL_CC_ADDRESS = "email.cc.address", Keyword, list;
    EMAIL_SENDER_ADDRESS = "email.sender.address", Keyword;
    LOG_LEVEL = "log.level", Keyword;
    LOG_LOGGER = "log.logger", Keyword;
    LOG_FILE_PATH = "log.file.path", Keyword;
    LOG_SYSLOG_FACILITY_NAME = "log.syslog.facility.name", Keyword;
    LOG_SYSLOG_SEVERITY_NAME = "log.syslog.severity.name", Keyword;
    LOG_SYSLOG_HOSTNAME = "log.syslog.hostname", Keyword;
    LOG_SYSLOG_APPNAME = "log.syslog.appname", Keyword;
    LOG_SYSLOG_PROCID = "log.syslog.procid", Keyword;
    LOG_SYSLOG_MSGID = "log.syslog.msgid", Keyword;
    LOG_SYSLOG_VERSION = "log.syslog.version", Keyword;
    LOG_SYSLOG_STRUCTURED_DATA = "log.syslog.structured_data", Keyword;
    LOG_SYSLOG_PRIORITY = "log.syslog.priority", Int;
    LOG_SYSLOG_FACILITY_CODE = "log.syslog.facility.code", Int;
    LOG_SYSLOG_SEVERITY_CODE = "log.syslog.severity.code", Int;
    LOG_OFFSET = "log.offset", Int;
    TRACE_ID = "trace.id", Keyword;
    SPAN_ID = "span.id", Keyword;
    SERVICE_NAME = "service.name", Keyword;
    SERVICE_TYPE = "service.type", Keyword;
    SERVICE_ID = "service.id", Keyword;
    AGENT_TYPE = "agent.type", Keyword;
    AGENT_VERSION = "agent.version", Keyword;
    AGENT_NAME = "agent.name", Keyword;
    AGENT_ID = "agent.id", Keyword;
    CLOUD_ACCOUNT_ID = "cloud.account.id", Keyword;
    CLOUD_REGION = "cloud.region", Keyword;
    CLOUD_PROVIDER = "cloud.provider", Keyword;
    ORGANIZATION_ID = "organization.id", Keyword;
    ORGANIZATION_NAME = "organization.name", Keyword;
    DEVICE_ID = "device.id", Keyword;
    PACKAGE_NAME = "package.name", Keyword;
    PACKAGE_VERSION = "package.version", Keyword;
    RELATED_USER = "related.user", Keyword, list;
    RELATED_HOSTS = "related.hosts", Keyword, list;
    RELATED_HASH = "related.hash", Keyword, list;
    RELATED_IP = "related.ip", Ip, list;
    THREAT_FRAMEWORK = "threat.framework", Keyword;
    THREAT_INDICATOR_TYPE = "threat.indicator.type", Keyword;
    THREAT_INDICATOR_DESCRIPTION = "threat.indicator.description", Keyword;
    THREAT_INDICATOR_NAME = "threat.indicator.name", Keyword;
    THREAT_INDICATOR_CONFIDENCE = "threat.indicator.confidence", Keyword;
    THREAT_INDICATOR_PROVIDER = "threat.indicator.provider", Keyword;
    THREAT_TACTIC_ID = "threat.tactic.id", Keyword, list;
    THREAT_TACTIC_NAME = "threat.tactic.name", Keyword, list;
    THREAT_TECHNIQUE_ID = "threat.technique.id", Keyword, list;
    THREAT_TECHNIQUE_NAME = "threat.technique.name", Keyword, list;
    VULNERABILITY_ID = "vulnerability.id", Keyword, list;
    VULNERABILITY_SEVERITY = "vulnerability.severity", Keyword;
    VULNERABILITY_CATEGORY = "vulnerability.category", Keyword;
    WINLOG_EVENT_ID = "winlog.event_id", Keyword;
    WINLOG_CHANNEL = "winlog.channel", Keyword;
    WINLOG_PROVIDER_NAME = "winlog.provider_name", Keyword;
    WINLOG_PROVIDER_GUID = "winlog.provider_guid", Keyword;
    WINLOG_COMPUTER_NAME = "winlog.computer_name", Keyword;
    WINLOG_RECORD_ID = "winlog.record_id", Keyword;
    WINLOG_OPCODE = "winlog.opcode", Keyword;
    WINLOG_TASK = "winlog.task", Keyword;
    WINLOG_LEVEL = "winlog.level", Keyword;
    WINLOG_API = "winlog.api", Keyword;
    WINLOG_ACTIVITY_ID = "winlog.activity_id", Keyword;
    WINLOG_RELATED_ACTIVITY_ID = "winlog.related_activity_id", Keyword;
    WINLOG_LOGON_TYPE = "winlog.logon.type", Keyword;
    WINLOG_LOGON_ID = "winlog.logon.id", Keyword;
    WINLOG_LOGON_FAILURE_REASON = "winlog.logon.failure.reason", Keyword;
    WINLOG_LOGON_FAILURE_STATUS = "winlog.logon.failure.status", Keyword;
    WINLOG_LOGON_FAILURE_SUB_STATUS = "winlog.logon.failure.sub_status", Keyword;
    WINLOG_USER_IDENTIFIER = "winlog.user.identifier", Keyword;
    WINLOG_USER_NAME = "winlog.user.name", Keyword;
    WINLOG_USER_DOMAIN = "winlog.user.domain", Keyword;
    WINLOG_USER_TYPE = "winlog.user.type", Keyword;
    WINLOG_OUTCOME = "winlog.outcome", Keyword;
    WINLOG_TIME_CREATED = "winlog.time_created", Keyword;
    WINLOG_KEYWORDS = "winlog.keywords", Keyword, list;
    WINLOG_PROCESS_PID = "winlog.process.pid", Int;
    WINLOG_PROCESS_THREAD_ID = "winlog.process.thread.id", Int;
    WINLOG_VERSION = "winlog.version", Int;
    SQUID_CODE = "squid.code", Keyword;
    SQUID_HIERARCHY_CODE = "squid.hierarchy_code", Keyword;
    SQUID_PEER = "squid.peer", Keyword;
    SQUID_REQUEST_HEADERS = "squid.request_headers", Keyword;
    SQUID_RESPONSE_HEADERS = "squid.response_headers", Keyword;
    SEKISHO_TENANT = "sekisho.tenant", Keyword;
    SEKISHO_SOURCE_ID = "sekisho.source.id", Keyword;
    SEKISHO_SOURCE_ZONE = "sekisho.source.zone", Keyword;
    SEKISHO_DESTINATION_ZONE = "sekisho.destination.zone", Keyword;
    SEKISHO_SOURCE_SITE = "sekisho.source.site", Keyword;
    SEKISHO_SOURCE_OWNER = "sekisho.source.owner", Keyword;
    SEKISHO_DESTINATION_SITE = "sekisho.destination.site", Keyword;
    SEKISHO_DESTINATION_OWNER = "sekisho.destination.owner", Keyword;
    SEKISHO_FLOW_VERDICT = "sekisho.flow.verdict", Keyword;
    SEKISHO_FLOW_RULE = "sekisho.flow.rule", Keyword;
    SEKISHO_FLOW_SEVERITY = "sekisho.flow.severity", Keyword;
    SEKISHO_LOGSOURCE_PRODUCT = "sekisho.logsource.product", Keyword;
    SEKISHO_LOGSOURCE_CATEGORY = "sekisho.logsource.category", Keyword;
    SEKISHO_LOGSOURCE_SERVICE = "sekisho.logsource.service", Keyword;
    SEKISHO_PARSE_REASON = "sekisho.parse.reason", Keyword;
    SEKISHO_PARSE_FORM = "sekisho.parse.form", Keyword;
    SEKISHO_PEER = "sekisho.peer", Ip;
    SEKISHO_CHARSET = "sekisho.charset", Keyword;
    SEKISHO_EVENT_ID = "sekisho.event.id", Keyword;
    SEKISHO_RULE_IDS = "sekisho.rule.ids", Keyword, list;
    SEKISHO_RULE_NAMES = "sekisho.rule.names", Keyword, list;
    SEKISHO_LATE = "sekisho.late", Bool;
}

impl FieldId {
    /// The field's name.
    pub fn name(self) -> &'static str {
        match TABLE.get(usize::from(self.0)) {
            Some(spec) => spec.name,
            None => dynamic_name(self),
        }
    }

    /// How its values are indexed; a product's own fields are keywords.
    pub fn kind(self) -> Kind {
        TABLE.get(usize::from(self.0)).map_or(Kind::Keyword, |spec| spec.kind)
    }

    /// Whether it is always written as a list.
    pub fn is_list(self) -> bool {
        TABLE.get(usize::from(self.0)).is_some_and(|spec| spec.list)
    }

    /// Whether the name stands in the table, as opposed to a product's own.
    pub fn is_static(self) -> bool {
        usize::from(self.0) < TABLE.len()
    }

    /// The number itself, below [`FieldId::bound`]: for tables indexed by field.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The field with this number, if this process gave it to one.
    pub fn at(index: usize) -> Option<FieldId> {
        (index < TABLE.len() || dynamic_at(index).is_some()).then_some(FieldId(u16::try_from(index).ok()?))
    }

    /// One more than the largest index that [`FieldId::index`] can give.
    pub fn bound() -> usize {
        TABLE.len() + DYNAMIC_MAX
    }

    /// All fields of the table, in its order.
    pub fn all_static() -> impl Iterator<Item = FieldId> {
        (0..TABLE.len()).map(|index| FieldId(index as u16))
    }
}

impl std::fmt::Debug for FieldId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

struct Names {
    by_name: HashMap<&'static str, FieldId>,
    dynamic: Vec<&'static str>,
}

fn names() -> &'static RwLock<Names> {
    static NAMES: OnceLock<RwLock<Names>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let by_name = TABLE.iter().zip(FieldId::all_static()).map(|(spec, id)| (spec.name, id)).collect();
        RwLock::new(Names { by_name, dynamic: Vec::new() })
    })
}

/// The field of this name, if the table or a product has given it one.
pub fn lookup(name: &str) -> Option<FieldId> {
    names().read().unwrap_or_else(std::sync::PoisonError::into_inner).by_name.get(name).copied()
}

/// The field of this name, given a number now if it has none yet.
///
/// Takes a lock: parsers keep the answer in a map of their own and do not ask per event. The name is kept for the life
/// of the process. `None` when the name is longer than [`NAME_BYTES_MAX`] or [`DYNAMIC_MAX`] names are taken.
pub fn intern(name: &str) -> Option<FieldId> {
    if let Some(id) = lookup(name) {
        return Some(id);
    }
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut names = names().write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(id) = names.by_name.get(name) {
        return Some(*id);
    }
    if names.dynamic.len() >= DYNAMIC_MAX {
        return None;
    }
    let id = FieldId(u16::try_from(TABLE.len() + names.dynamic.len()).ok()?);
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.dynamic.push(kept);
    names.by_name.insert(kept, id);
    Some(id)
}

/// Slots of a thread's [`Known`] names.
const KNOWN_SLOTS: usize = 4096;

/// What a thread remembers of the names, so that it asks the lock once per name and not once per value.
struct Known {
    /// By hash; a slot holds the last name that fell into it.
    slots: Vec<Option<(&'static str, FieldId)>>,
    /// A copy of the products' own names, as many as there were when it was made.
    dynamic: Vec<&'static str>,
}

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known { slots: Vec::new(), dynamic: Vec::new() }) };
}

/// As [`intern`], but a name that this thread met before costs no lock: for readers of stored events.
pub(crate) fn intern_again(name: &str) -> Option<FieldId> {
    KNOWN.with_borrow_mut(|known| {
        if known.slots.is_empty() {
            known.slots.resize(KNOWN_SLOTS, None);
        }
        let slot = &mut known.slots[slot_of(name.as_bytes())];
        match slot {
            Some((held, id)) if *held == name => Some(*id),
            _ => {
                let id = intern(name)?;
                let names = names().read().unwrap_or_else(std::sync::PoisonError::into_inner);
                *slot = names.by_name.get_key_value(name).map(|(kept, id)| (*kept, *id));
                Some(id)
            }
        }
    })
}

/// Hashes length, head and tail of a name. Names that collide only displace each other.
fn slot_of(name: &[u8]) -> usize {
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (word(name), 0),
    };
    let mixed = (head.rotate_left(23) ^ tail ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let middle = name.get(name.len() / 2).copied().map_or(0, u64::from);
    ((mixed ^ middle << 52).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % KNOWN_SLOTS
}

fn dynamic_name(id: FieldId) -> &'static str {
    dynamic_at(usize::from(id.0)).unwrap_or("?")
}

/// The name of a product's own field by its number.
fn dynamic_at(index: usize) -> Option<&'static str> {
    KNOWN.with_borrow_mut(|known| {
        let index = index.checked_sub(TABLE.len())?;
        if index >= known.dynamic.len() {
            let names = names().read().unwrap_or_else(std::sync::PoisonError::into_inner);
            known.dynamic.extend_from_slice(names.dynamic.get(known.dynamic.len()..).unwrap_or(&[]));
        }
        known.dynamic.get(index).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for id in FieldId::all_static() {
            assert_eq!(lookup(id.name()), Some(id), "{}", id.name());
        }
        assert!(FieldId::bound() <= usize::from(u16::MAX) + 1);
    }

    #[test]
    fn a_products_own_name_keeps_its_number() {
        let id = intern("fortigate.sessionid").unwrap();
        assert_eq!(intern("fortigate.sessionid"), Some(id));
        assert_eq!(id.name(), "fortigate.sessionid");
        assert!(!id.is_static());
        assert_eq!(intern(&"x".repeat(NAME_BYTES_MAX + 1)), None);
        assert_eq!(intern_again(&"x".repeat(NAME_BYTES_MAX + 1)), None);
        for name in ["fortigate.sessionid", "source.ip", "a", "", "fortigate.other", "fortigate.sessionid"] {
            assert_eq!(intern_again(name), intern(name), "{name}");
            assert_eq!(intern_again(name).unwrap().name(), name);
        }
    }
}
