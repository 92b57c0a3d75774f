//! What each FortiGate key stands for, and the table that finds a key without allocating.
//!
//! Keys are those of the FortiOS Log Message Reference, 5.0 to 7.6 (all log types), and the names of FortiOS 4.x that
//! older boxes still send (`src`, `dst_port`, `device_id`...). What stands in no line of [`KNOWN`] is kept as text under
//! `fortigate.<key>`; at most [`OWN_MAX`] such keys per parser, later ones stay in `event.original` only.

use stream::{FieldId, fields as f};

use super::scan::hash;

/// What is done with a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Text of this field.
    Text(FieldId),
    /// Whole number of this field.
    Int(FieldId),
    /// Address of this field; other text goes to the second field, if that is another.
    Ip(FieldId, FieldId),
    /// MAC address of this field.
    Mac(FieldId),
    /// Kept aside; the fields are set at the end of the line.
    Slot(Slot),
    /// Not kept: said by another key already.
    Nothing,
}

macro_rules! slots {
    ($($name:ident),* $(,)?) => {
        /// Values that mean something only together with others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Slot { $($name),* }

        impl Slot {
            /// How many there are.
            pub(super) const COUNT: usize = [$(Slot::$name),*].len();
        }
    };
}

slots! {
    Date, Time, Zone, EventTime, Type, Subtype, EventType, Action, UtmAction, Status, Result, Level, Proto, Service,
    Duration, SentBytes, ReceivedBytes, SentPackets, ReceivedPackets, AppCategory, Category, Profile, AppList, Direction,
    Hostname, Url, User, UnauthUser, XauthUser, RemoteIp, RemotePort, LocalIp, LocalPort, Ui, Attack, Virus, PolicyName,
    PolicyId, From, To, SourceIp, SourceCountry, DestinationCountry, ConfigPath, ConfigObject, QueryAddress, TlsVersion,
    Checksum, PolicyType, Ip, DhcpMessage,
}

/// The table, from the log message reference.
pub(super) static KNOWN: &[(&str, To)] = &[
    // Header of every log.
    ("date", To::Slot(Slot::Date)),
    ("time", To::Slot(Slot::Time)),
    ("tz", To::Slot(Slot::Zone)),
    ("timezone", To::Slot(Slot::Zone)),
    ("eventtime", To::Slot(Slot::EventTime)),
    ("type", To::Slot(Slot::Type)),
    ("subtype", To::Slot(Slot::Subtype)),
    ("eventtype", To::Slot(Slot::EventType)),
    ("level", To::Slot(Slot::Level)),
    ("pri", To::Slot(Slot::Level)),
    ("logid", To::Text(f::EVENT_CODE)),
    ("log_id", To::Text(f::EVENT_CODE)),
    ("devname", To::Text(f::OBSERVER_NAME)),
    ("devid", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("device_id", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("msg", To::Text(f::MESSAGE)),
    ("logdesc", To::Text(f::RULE_DESCRIPTION)),
    // Endpoints.
    ("srcip", To::Slot(Slot::SourceIp)),
    ("src", To::Slot(Slot::SourceIp)),
    ("srcport", To::Int(f::SOURCE_PORT)),
    ("src_port", To::Int(f::SOURCE_PORT)),
    ("srcintf", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("src_int", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("srcmac", To::Mac(f::SOURCE_MAC)),
    ("srcname", To::Text(f::SOURCE_DOMAIN)),
    ("srccountry", To::Slot(Slot::SourceCountry)),
    ("src_country", To::Slot(Slot::SourceCountry)),
    ("srcregion", To::Text(f::SOURCE_GEO_REGION_NAME)),
    ("srccity", To::Text(f::SOURCE_GEO_CITY_NAME)),
    ("saddr", To::Text(f::SOURCE_ADDRESS)),
    ("dstip", To::Ip(f::DESTINATION_IP, f::DESTINATION_DOMAIN)),
    ("dst", To::Ip(f::DESTINATION_IP, f::DESTINATION_DOMAIN)),
    ("dstport", To::Int(f::DESTINATION_PORT)),
    ("dst_port", To::Int(f::DESTINATION_PORT)),
    ("dstintf", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("dst_int", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("dstmac", To::Mac(f::DESTINATION_MAC)),
    ("dstname", To::Text(f::DESTINATION_DOMAIN)),
    ("dst_host", To::Text(f::DESTINATION_DOMAIN)),
    ("dstcountry", To::Slot(Slot::DestinationCountry)),
    ("dst_country", To::Slot(Slot::DestinationCountry)),
    ("dstregion", To::Text(f::DESTINATION_GEO_REGION_NAME)),
    ("dstcity", To::Text(f::DESTINATION_GEO_CITY_NAME)),
    ("daddr", To::Text(f::DESTINATION_ADDRESS)),
    ("dstuser", To::Text(f::DESTINATION_USER_NAME)),
    ("transip", To::Ip(f::SOURCE_NAT_IP, f::SOURCE_NAT_IP)),
    ("transport", To::Int(f::SOURCE_NAT_PORT)),
    ("tranip", To::Ip(f::DESTINATION_NAT_IP, f::DESTINATION_NAT_IP)),
    ("tranport", To::Int(f::DESTINATION_NAT_PORT)),
    ("tran_ip", To::Ip(f::SOURCE_NAT_IP, f::SOURCE_NAT_IP)),
    ("tran_port", To::Int(f::SOURCE_NAT_PORT)),
    ("locip", To::Slot(Slot::LocalIp)),
    ("loc_ip", To::Slot(Slot::LocalIp)),
    ("locport", To::Slot(Slot::LocalPort)),
    ("loc_port", To::Slot(Slot::LocalPort)),
    ("remip", To::Slot(Slot::RemoteIp)),
    ("rem_ip", To::Slot(Slot::RemoteIp)),
    ("remport", To::Slot(Slot::RemotePort)),
    ("rem_port", To::Slot(Slot::RemotePort)),
    ("stamac", To::Mac(f::SOURCE_MAC)),
    ("mac", To::Mac(f::SOURCE_MAC)),
    ("ip", To::Slot(Slot::Ip)),
    ("dhcp_msg", To::Slot(Slot::DhcpMessage)),
    ("vlanid", To::Text(f::NETWORK_VLAN_ID)),
    // Session.
    ("action", To::Slot(Slot::Action)),
    ("utmaction", To::Slot(Slot::UtmAction)),
    ("status", To::Slot(Slot::Status)),
    ("result", To::Slot(Slot::Result)),
    ("proto", To::Slot(Slot::Proto)),
    ("service", To::Slot(Slot::Service)),
    ("duration", To::Slot(Slot::Duration)),
    ("sentbyte", To::Slot(Slot::SentBytes)),
    ("sent", To::Slot(Slot::SentBytes)),
    ("rcvdbyte", To::Slot(Slot::ReceivedBytes)),
    ("rcvd", To::Slot(Slot::ReceivedBytes)),
    ("sentpkt", To::Slot(Slot::SentPackets)),
    ("sent_pkt", To::Slot(Slot::SentPackets)),
    ("rcvdpkt", To::Slot(Slot::ReceivedPackets)),
    ("rcvd_pkt", To::Slot(Slot::ReceivedPackets)),
    ("direction", To::Slot(Slot::Direction)),
    ("dir", To::Slot(Slot::Direction)),
    ("app", To::Text(f::NETWORK_APPLICATION)),
    ("appcat", To::Slot(Slot::AppCategory)),
    ("app_type", To::Slot(Slot::AppCategory)),
    ("policyid", To::Slot(Slot::PolicyId)),
    ("policy_id", To::Slot(Slot::PolicyId)),
    ("poluuid", To::Text(f::RULE_UUID)),
    ("policyname", To::Slot(Slot::PolicyName)),
    ("policytype", To::Slot(Slot::PolicyType)),
    ("crscore", To::Int(f::EVENT_RISK_SCORE)),
    // People.
    ("user", To::Slot(Slot::User)),
    ("unauthuser", To::Slot(Slot::UnauthUser)),
    ("group", To::Text(f::SOURCE_USER_GROUP_NAME)),
    ("xauthuser", To::Slot(Slot::XauthUser)),
    ("ui", To::Slot(Slot::Ui)),
    ("reason", To::Text(f::EVENT_REASON)),
    ("cfgpath", To::Slot(Slot::ConfigPath)),
    ("cfgobj", To::Slot(Slot::ConfigObject)),
    // UTM.
    ("profile", To::Slot(Slot::Profile)),
    ("applist", To::Slot(Slot::AppList)),
    ("catdesc", To::Slot(Slot::Category)),
    ("cat_desc", To::Slot(Slot::Category)),
    ("hostname", To::Slot(Slot::Hostname)),
    ("url", To::Slot(Slot::Url)),
    ("agent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("httpmethod", To::Text(f::HTTP_REQUEST_METHOD)),
    ("referralurl", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("httpcode", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("contenttype", To::Text(f::HTTP_RESPONSE_MIME_TYPE)),
    ("attack", To::Slot(Slot::Attack)),
    ("ref", To::Text(f::RULE_REFERENCE)),
    ("virus", To::Slot(Slot::Virus)),
    ("cve", To::Text(f::VULNERABILITY_ID)),
    ("filename", To::Text(f::FILE_NAME)),
    ("file", To::Text(f::FILE_NAME)),
    ("filesize", To::Int(f::FILE_SIZE)),
    ("filetype", To::Text(f::FILE_TYPE)),
    ("filehash", To::Slot(Slot::Checksum)),
    ("analyticscksum", To::Slot(Slot::Checksum)),
    ("qname", To::Text(f::DNS_QUESTION_NAME)),
    ("qtype", To::Text(f::DNS_QUESTION_TYPE)),
    ("qclass", To::Text(f::DNS_QUESTION_CLASS)),
    ("xid", To::Text(f::DNS_ID)),
    ("ipaddr", To::Slot(Slot::QueryAddress)),
    ("from", To::Slot(Slot::From)),
    ("to", To::Slot(Slot::To)),
    ("sender", To::Text(f::EMAIL_SENDER_ADDRESS)),
    ("recipient", To::Text(f::EMAIL_TO_ADDRESS)),
    ("cc", To::Text(f::EMAIL_CC_ADDRESS)),
    ("subject", To::Text(f::EMAIL_SUBJECT)),
    ("sni", To::Text(f::TLS_CLIENT_SERVER_NAME)),
    ("cipher", To::Text(f::TLS_CIPHER)),
    ("tlsver", To::Slot(Slot::TlsVersion)),
    ("scertcname", To::Text(f::TLS_SERVER_X509_SUBJECT_COMMON_NAME)),
    ("scertissuer", To::Text(f::TLS_SERVER_X509_ISSUER_COMMON_NAME)),
    ("certhash", To::Text(f::TLS_SERVER_HASH_SHA1)),
    // Written by FortiAnalyzer and the logging daemon around the log itself.
    ("itime", To::Nothing),
    ("logver", To::Nothing),
    ("timestamp", To::Nothing),
];

/// The most keys outside [`KNOWN`] that one parser keeps as fields.
pub(super) const OWN_MAX: usize = 1024;

/// Slots of the table; a power of two, more than twice as many as there can be entries.
const TABLE_SLOTS: usize = 4096;

/// A key's number (for [`Seen`]) and meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) number: u16,
    pub(super) to: To,
}

/// Finds a key's meaning by its hash and name; learns the keys it did not know.
pub(super) struct Keys {
    /// Index + 1 into `entries`; 0 is free.
    table: Vec<u16>,
    entries: Vec<(Box<str>, To)>,
}

impl Default for Keys {
    fn default() -> Self {
        let mut keys = Keys { table: vec![0; TABLE_SLOTS], entries: Vec::with_capacity(KNOWN.len() + 256) };
        for (key, to) in KNOWN {
            keys.insert(key, hash(key.as_bytes()), *to);
        }
        keys
    }
}

impl Keys {
    /// The most entries: what [`Seen`] has room for.
    pub(super) const MAX: usize = KNOWN.len() + OWN_MAX;

    /// The meaning of `key`, whose hash is `hash`; `None` when it cannot be kept.
    #[inline]
    pub(super) fn meaning(&mut self, key: &str, hash: u32) -> Option<Meaning> {
        let mut place = hash as usize % TABLE_SLOTS;
        loop {
            let entry = usize::from(self.table[place]);
            if entry == 0 {
                return self.learn(key, hash);
            }
            let (name, to) = &self.entries[entry - 1];
            if **name == *key {
                return Some(Meaning { number: (entry - 1) as u16, to: *to });
            }
            place = (place + 1) % TABLE_SLOTS;
        }
    }

    /// Whether `key` stands in the table of the reference.
    pub(super) fn is_known(&self, key: &str) -> bool {
        KNOWN.iter().any(|(known, _)| *known == key)
    }

    #[cold]
    fn learn(&mut self, key: &str, hash: u32) -> Option<Meaning> {
        if self.entries.len() >= Self::MAX {
            return None;
        }
        let field = stream::intern(&format!("fortigate.{key}"))?;
        self.insert(key, hash, To::Text(field));
        Some(Meaning { number: (self.entries.len() - 1) as u16, to: To::Text(field) })
    }

    fn insert(&mut self, key: &str, hash: u32, to: To) {
        let mut place = hash as usize % TABLE_SLOTS;
        while self.table[place] != 0 {
            place = (place + 1) % TABLE_SLOTS;
        }
        self.entries.push((key.into(), to));
        self.table[place] = self.entries.len() as u16;
    }
}

/// Which keys a line has had: a key counts once, the first time, so that text an attacker chose cannot add to it.
pub(super) struct Seen([u64; Keys::MAX.div_ceil(64)]);

impl Seen {
    /// None yet.
    pub(super) fn new() -> Self {
        Seen([0; Keys::MAX.div_ceil(64)])
    }

    /// Notes the key; whether it is the first time.
    #[inline]
    pub(super) fn first(&mut self, number: u16) -> bool {
        let (word, bit) = (usize::from(number) / 64, 1u64 << (number % 64));
        let first = self.0[word] & bit == 0;
        self.0[word] |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_learnt() {
        let mut keys = Keys::default();
        for (key, to) in KNOWN {
            assert_eq!(keys.meaning(key, hash(key.as_bytes())).unwrap().to, *to, "{key}");
        }
        let own = keys.meaning("sessionid", hash(b"sessionid")).unwrap();
        assert_eq!(own.to, To::Text(stream::intern("fortigate.sessionid").unwrap()));
        assert_eq!(keys.meaning("sessionid", hash(b"sessionid")).unwrap().number, own.number);
        for index in 0..OWN_MAX * 2 {
            let key = format!("k{index}");
            let found = keys.meaning(&key, hash(key.as_bytes()));
            assert_eq!(found.is_some(), index + 1 < OWN_MAX, "{index}");
        }
    }

    #[test]
    fn a_key_counts_once() {
        let mut seen = Seen::new();
        assert!(seen.first(3) && !seen.first(3) && seen.first((Keys::MAX - 1) as u16));
    }
}
