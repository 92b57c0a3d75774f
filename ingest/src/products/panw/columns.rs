//! Which cell of which log type becomes which field. Cells are counted from 0, the type itself is cell 3.

use stream::{FieldId, fields as f};

/// A log type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Traffic,
    Threat,
    System,
    Config,
    GlobalProtect,
    UserId,
    HipMatch,
    Correlation,
    Authentication,
    Decryption,
    Sctp,
    Gtp,
    IpTag,
    Tunnel,
    Audit,
}

impl Type {
    /// The type by the name in the line.
    pub(super) fn named(name: &str) -> Option<Type> {
        const NAMES: &[(&str, Type)] = &[
            ("TRAFFIC", Type::Traffic),
            ("THREAT", Type::Threat),
            ("URL", Type::Threat),
            ("DATA", Type::Threat),
            ("FILE", Type::Threat),
            ("WILDFIRE", Type::Threat),
            ("SYSTEM", Type::System),
            ("CONFIG", Type::Config),
            ("GLOBALPROTECT", Type::GlobalProtect),
            ("USERID", Type::UserId),
            ("HIPMATCH", Type::HipMatch),
            ("HIP-MATCH", Type::HipMatch),
            ("HIP MATCH", Type::HipMatch),
            ("CORRELATION", Type::Correlation),
            ("AUTHENTICATION", Type::Authentication),
            ("AUTH", Type::Authentication),
            ("DECRYPTION", Type::Decryption),
            ("SCTP", Type::Sctp),
            ("GTP", Type::Gtp),
            ("IPTAG", Type::IpTag),
            ("TUNNEL", Type::Tunnel),
            ("TUNNEL_INSPECTION", Type::Tunnel),
            ("START", Type::Tunnel),
            ("END", Type::Tunnel),
            ("AUDIT", Type::Audit),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }

    /// The name of its logsource's service.
    pub(super) fn service(self) -> &'static str {
        match self {
            Type::Traffic => "traffic",
            Type::Threat => "threat",
            Type::System => "system",
            Type::Config => "config",
            Type::GlobalProtect => "globalprotect",
            Type::UserId => "userid",
            Type::HipMatch => "hipmatch",
            Type::Correlation => "correlation",
            Type::Authentication => "authentication",
            Type::Decryption => "decryption",
            Type::Sctp => "sctp",
            Type::Gtp => "gtp",
            Type::IpTag => "iptag",
            Type::Tunnel => "tunnel",
            Type::Audit => "audit",
        }
    }
}

/// What is done with a cell.
#[derive(Clone, Copy, Debug)]
pub(super) enum Set {
    Text(FieldId),
    Int(FieldId),
    /// An address.
    Ip(FieldId),
    /// An address that is not 0.0.0.0, which stands for "none".
    RealIp(FieldId),
    User,
    DestinationUser,
    Transport,
    Mac(FieldId),
    /// Text of a field of the product's own.
    Own(FieldId),
}

/// A cell, or its name under `panw.`.
enum Cell {
    Is(Set),
    Own(&'static str),
}

use Cell::{Is, Own};

/// Cells 7 to 30, the same in TRAFFIC, THREAT, TUNNEL and DECRYPTION; GTP and SCTP leave some empty.
static SESSION: &[(usize, Cell)] = &[
    (7, Is(Set::Ip(f::SOURCE_IP))),
    (8, Is(Set::Ip(f::DESTINATION_IP))),
    (9, Is(Set::RealIp(f::SOURCE_NAT_IP))),
    (10, Is(Set::RealIp(f::DESTINATION_NAT_IP))),
    (11, Is(Set::Text(f::RULE_NAME))),
    (12, Is(Set::User)),
    (13, Is(Set::DestinationUser)),
    (14, Is(Set::Text(f::NETWORK_APPLICATION))),
    (15, Own("virtual_sys")),
    (16, Is(Set::Text(f::OBSERVER_INGRESS_ZONE))),
    (17, Is(Set::Text(f::OBSERVER_EGRESS_ZONE))),
    (18, Is(Set::Text(f::OBSERVER_INGRESS_INTERFACE_NAME))),
    (19, Is(Set::Text(f::OBSERVER_EGRESS_INTERFACE_NAME))),
    (20, Own("log_profile")),
    (22, Own("flow_id")),
    (24, Is(Set::Int(f::SOURCE_PORT))),
    (25, Is(Set::Int(f::DESTINATION_PORT))),
    (29, Is(Set::Transport)),
    (30, Own("action")),
];

static TRAFFIC: &[(usize, Cell)] = &[
    (31, Is(Set::Int(f::NETWORK_BYTES))),
    (32, Is(Set::Int(f::SOURCE_BYTES))),
    (33, Is(Set::Int(f::DESTINATION_BYTES))),
    (34, Is(Set::Int(f::NETWORK_PACKETS))),
    (37, Own("url_category")),
    (39, Own("sequence_number")),
    (44, Is(Set::Int(f::SOURCE_PACKETS))),
    (45, Is(Set::Int(f::DESTINATION_PACKETS))),
    (46, Own("endreason")),
    (52, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (53, Own("action_source")),
    (60, Own("tunnel_type")),
    (65, Is(Set::Text(f::RULE_UUID))),
    (75, Is(Set::RealIp(f::NETWORK_FORWARDED_IP))),
    (82, Is(Set::Text(f::SOURCE_DOMAIN))),
    (83, Is(Set::Mac(f::SOURCE_MAC))),
    (90, Is(Set::Text(f::DESTINATION_DOMAIN))),
    (91, Is(Set::Mac(f::DESTINATION_MAC))),
    (105, Own("application.sub_category")),
    (106, Own("application.category")),
    (107, Own("application.technology")),
    (108, Own("application.risk_level")),
];

static THREAT: &[(usize, Cell)] = &[
    (32, Own("threat.id")),
    (33, Own("url_category")),
    (36, Own("sequence_number")),
    (41, Is(Set::Text(f::HTTP_RESPONSE_MIME_TYPE))),
    (46, Is(Set::Text(f::USER_AGENT_ORIGINAL))),
    (47, Is(Set::Text(f::FILE_TYPE))),
    (48, Own("xff.ip")),
    (49, Is(Set::Text(f::HTTP_REQUEST_REFERRER))),
    (50, Is(Set::Text(f::EMAIL_FROM_ADDRESS))),
    (51, Is(Set::Text(f::EMAIL_SUBJECT))),
    (52, Is(Set::Text(f::EMAIL_TO_ADDRESS))),
    (59, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (63, Is(Set::Text(f::HTTP_REQUEST_METHOD))),
    (69, Own("threat.category")),
    (75, Own("url_category_list")),
    (76, Is(Set::Text(f::RULE_UUID))),
    (86, Is(Set::Text(f::SOURCE_DOMAIN))),
    (87, Is(Set::Mac(f::SOURCE_MAC))),
    (95, Is(Set::Mac(f::DESTINATION_MAC))),
    (108, Is(Set::Text(f::EVENT_REASON))),
    (111, Own("application.sub_category")),
    (112, Own("application.category")),
    (113, Own("application.technology")),
    (114, Own("application.risk_level")),
];

static SYSTEM: &[(usize, Cell)] = &[
    (4, Own("sub_type")),
    (7, Own("virtual_sys")),
    (8, Is(Set::Text(f::EVENT_CODE))),
    (9, Own("object.name")),
    (12, Own("module")),
    (14, Is(Set::Text(f::MESSAGE))),
    (15, Own("sequence_number")),
    (22, Is(Set::Text(f::OBSERVER_HOSTNAME))),
];

static CONFIG: &[(usize, Cell)] = &[
    (7, Is(Set::Ip(f::SOURCE_IP))),
    (7, Is(Set::Ip(f::HOST_IP))),
    (8, Own("virtual_sys")),
    (9, Own("cmd")),
    (10, Is(Set::User)),
    (11, Own("client")),
    (12, Own("result")),
    (13, Own("config.path")),
    (23, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (25, Is(Set::Text(f::MESSAGE))),
];

static GLOBAL_PROTECT: &[(usize, Cell)] = &[
    (7, Own("virtual_sys")),
    (8, Is(Set::Text(f::EVENT_CODE))),
    (9, Own("stage")),
    (10, Own("auth_method")),
    (11, Own("tunnel_type")),
    (12, Is(Set::User)),
    (13, Own("source.region")),
    (19, Is(Set::Text(f::HOST_ID))),
    (20, Own("endpoint_serial_number")),
    (21, Own("client_ver")),
    (22, Is(Set::Text(f::HOST_OS_NAME))),
    (23, Is(Set::Text(f::HOST_OS_FULL))),
    (25, Is(Set::Text(f::EVENT_REASON))),
    (26, Is(Set::Text(f::ERROR_MESSAGE))),
    (27, Is(Set::Text(f::MESSAGE))),
    (28, Own("status")),
    (29, Own("location")),
    (31, Own("connect_method")),
    (32, Is(Set::Text(f::ERROR_CODE))),
    (33, Own("portal")),
    (34, Own("sequence_number")),
    (41, Own("gateway")),
    (47, Is(Set::Text(f::OBSERVER_HOSTNAME))),
];

static USER_ID: &[(usize, Cell)] = &[
    (7, Own("virtual_sys")),
    (8, Is(Set::Ip(f::SOURCE_IP))),
    (9, Is(Set::User)),
    (10, Own("datasource.name")),
    (11, Is(Set::Text(f::EVENT_CODE))),
    (13, Own("timeout")),
    (14, Is(Set::Int(f::SOURCE_PORT))),
    (15, Is(Set::Int(f::DESTINATION_PORT))),
    (16, Own("datasource.id")),
    (17, Own("datasource.type")),
    (18, Own("sequence_number")),
    (25, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (27, Own("factor.type")),
    (31, Own("user_by_source")),
];

static HIP_MATCH: &[(usize, Cell)] = &[
    (7, Is(Set::User)),
    (8, Own("virtual_sys")),
    (9, Is(Set::Text(f::HOST_NAME))),
    (10, Is(Set::Text(f::HOST_OS_NAME))),
    (11, Is(Set::Ip(f::SOURCE_IP))),
    (12, Is(Set::Text(f::RULE_NAME))),
    (14, Own("matchtype")),
    (17, Own("sequence_number")),
    (24, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (26, Is(Set::RealIp(f::SOURCE_IP))),
    (27, Is(Set::Text(f::HOST_ID))),
    (29, Is(Set::Mac(f::SOURCE_MAC))),
];

static CORRELATION: &[(usize, Cell)] = &[
    (7, Is(Set::Ip(f::SOURCE_IP))),
    (8, Is(Set::User)),
    (9, Own("virtual_sys")),
    (10, Own("category")),
    (11, Is(Set::Text(f::LOG_LEVEL))),
    (17, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (19, Is(Set::Text(f::RULE_NAME))),
    (20, Is(Set::Text(f::RULE_ID))),
    (21, Is(Set::Text(f::MESSAGE))),
];

static AUTHENTICATION: &[(usize, Cell)] = &[
    (7, Own("virtual_sys")),
    (8, Is(Set::Ip(f::SOURCE_IP))),
    (9, Is(Set::User)),
    (10, Own("normalize_user")),
    (11, Own("object.name")),
    (12, Is(Set::Text(f::RULE_NAME))),
    (14, Is(Set::Text(f::EVENT_ID))),
    (15, Own("vendor")),
    (17, Own("server_profile")),
    (18, Is(Set::Text(f::MESSAGE))),
    (19, Own("client_type")),
    (22, Own("sequence_number")),
    (29, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (31, Own("auth_protocol")),
    (32, Is(Set::Text(f::RULE_UUID))),
];

static DECRYPTION: &[(usize, Cell)] = &[
    (26, Is(Set::Int(f::SOURCE_NAT_PORT))),
    (27, Is(Set::Int(f::DESTINATION_NAT_PORT))),
    (36, Is(Set::Text(f::RULE_UUID))),
    (39, Is(Set::Text(f::TLS_VERSION))),
    (41, Is(Set::Text(f::TLS_CIPHER))),
    (43, Own("decrypt_policy")),
    (48, Own("proxy_type")),
    (49, Is(Set::Text(f::TLS_SERVER_X509_SERIAL_NUMBER))),
    (60, Is(Set::Text(f::TLS_SERVER_X509_SUBJECT_COMMON_NAME))),
    (61, Is(Set::Text(f::TLS_SERVER_X509_ISSUER_COMMON_NAME))),
    (63, Is(Set::Text(f::TLS_CLIENT_SERVER_NAME))),
    (64, Is(Set::Text(f::ERROR_MESSAGE))),
];

static SCTP: &[(usize, Cell)] = &[
    (36, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (37, Own("sequence_number")),
    (39, Own("sctp.assoc_id")),
    (40, Own("sctp.payload_protocol")),
    (41, Is(Set::Text(f::LOG_LEVEL))),
    (46, Is(Set::Text(f::EVENT_REASON))),
    (59, Is(Set::Int(f::NETWORK_PACKETS))),
    (60, Is(Set::Int(f::SOURCE_PACKETS))),
    (61, Is(Set::Int(f::DESTINATION_PACKETS))),
    (62, Is(Set::Text(f::RULE_UUID))),
];

static GTP: &[(usize, Cell)] = &[
    (78, Is(Set::Text(f::RULE_NAME))),
    (31, Own("gtp.event_type")),
    (32, Own("gtp.msisdn")),
    (33, Own("gtp.apn")),
    (34, Own("gtp.rat")),
    (35, Own("gtp.msg_type")),
    (36, Own("gtp.end_user.ip")),
    (37, Own("gtp.teid1")),
    (38, Own("gtp.teid2")),
    (40, Own("gtp.cause")),
    (41, Is(Set::Text(f::LOG_LEVEL))),
    (46, Own("gtp.event_code")),
    (58, Own("gtp.imsi")),
    (59, Own("gtp.imei")),
    (81, Is(Set::Text(f::RULE_UUID))),
];

static TUNNEL: &[(usize, Cell)] = &[
    (31, Is(Set::Text(f::LOG_LEVEL))),
    (32, Own("sequence_number")),
    (41, Is(Set::Text(f::OBSERVER_HOSTNAME))),
    (46, Own("tunnel_type")),
    (47, Is(Set::Int(f::NETWORK_BYTES))),
    (48, Is(Set::Int(f::SOURCE_BYTES))),
    (49, Is(Set::Int(f::DESTINATION_BYTES))),
    (50, Is(Set::Int(f::NETWORK_PACKETS))),
    (51, Is(Set::Int(f::SOURCE_PACKETS))),
    (52, Is(Set::Int(f::DESTINATION_PACKETS))),
    (59, Own("endreason")),
    (60, Own("action_source")),
    (63, Own("tunnel_inspection_rule")),
    (66, Is(Set::Text(f::RULE_UUID))),
];

static IP_TAG: &[(usize, Cell)] = &[
    (7, Own("virtual_sys")),
    (8, Is(Set::Ip(f::SOURCE_IP))),
    (9, Own("tag_name")),
    (10, Is(Set::Text(f::EVENT_CODE))),
    (12, Own("timeout")),
    (13, Own("datasource.name")),
    (14, Own("datasource.type")),
    (16, Own("sequence_number")),
    (23, Is(Set::Text(f::OBSERVER_HOSTNAME))),
];

static AUDIT: &[(usize, Cell)] =
    &[(7, Is(Set::Text(f::EVENT_CODE))), (8, Is(Set::User)), (9, Is(Set::Text(f::PROCESS_COMMAND_LINE)))];

/// The tables of all types, with the product's own names looked up.
pub(super) fn all() -> Vec<(Type, Vec<(usize, Set)>)> {
    let table = |kind: Type, parts: &[&'static [(usize, Cell)]]| {
        let resolved = parts.iter().copied().flatten().filter_map(|(at, cell)| match cell {
            Is(set) => Some((*at, *set)),
            Own(name) => Some((*at, Set::Own(stream::intern(&format!("panw.{name}"))?))),
        });
        (kind, resolved.collect())
    };
    vec![
        table(Type::Traffic, &[SESSION, TRAFFIC]),
        table(Type::Threat, &[SESSION, THREAT]),
        table(Type::System, &[SYSTEM]),
        table(Type::Config, &[CONFIG]),
        table(Type::GlobalProtect, &[GLOBAL_PROTECT]),
        table(Type::UserId, &[USER_ID]),
        table(Type::HipMatch, &[HIP_MATCH]),
        table(Type::Correlation, &[CORRELATION]),
        table(Type::Authentication, &[AUTHENTICATION]),
        table(Type::Decryption, &[SESSION, DECRYPTION]),
        table(Type::Sctp, &[SESSION, SCTP]),
        // The rule of the tunnel's inspection comes before that of the session.
        table(Type::Gtp, &[GTP, SESSION]),
        table(Type::IpTag, &[IP_TAG]),
        table(Type::Tunnel, &[SESSION, TUNNEL]),
        table(Type::Audit, &[AUDIT]),
    ]
}

/// The cell of the time stamp that names its zone.
pub(super) fn high_resolution(kind: Type) -> Option<usize> {
    Some(match kind {
        Type::Traffic => 102,
        Type::Threat => 107,
        Type::System => 25,
        Type::Config => 27,
        Type::GlobalProtect => 36,
        Type::UserId => 33,
        Type::HipMatch => 30,
        Type::Authentication => 33,
        Type::IpTag => 25,
        Type::Gtp => 83,
        _ => return None,
    })
}
