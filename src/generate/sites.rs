//! Who and what there is: sources, staff, terminals and servers of the generated bodies.

/// One log source.
#[derive(Debug)]
pub struct Source {
    /// Tenant id.
    pub tenant: &'static str,
    /// Source id within the tenant.
    pub id: &'static str,
    /// Product name as `parse --source` knows it.
    pub product: &'static str,
    /// Silence longer than this is reported.
    pub silence_after: Option<&'static str>,
    /// How much of the traffic it sees, relative to the others.
    pub weight: u64,
}

impl Source {
    /// The log file below the output folder.
    pub fn file(&self) -> String {
        format!("logs/{}/{}.log", self.tenant, self.id)
    }
}

/// Index in [`SOURCES`] of the town's zone firewall.
pub const TOWN_CORE: usize = 0;
/// Index of the town's internet firewall, the one that falls silent.
pub const TOWN_EDGE: usize = 1;
/// Index of the town's proxy.
pub const TOWN_PROXY: usize = 2;
/// Index of the town's domain controller.
pub const TOWN_DC: usize = 3;
/// Index of the town's public web server.
pub const TOWN_WEB: usize = 4;
/// Index of the association's firewall.
pub const KUMIAI_FW: usize = 5;
/// Index of the association's proxy.
pub const KUMIAI_PROXY: usize = 6;
/// Index of the association's Linux server.
pub const KUMIAI_SERVER: usize = 7;
/// Index of the prefecture's firewall.
pub const KEN_FW: usize = 8;
/// Index of the prefecture's Linux relay.
pub const KEN_RELAY: usize = 9;

const FORTIGATE: &str = "fortinet_fortigate";

/// Every source, in the order of the constants above.
pub const SOURCES: &[Source] = &[
    Source { tenant: "town", id: "fw-core", product: FORTIGATE, silence_after: Some("15m"), weight: 26 },
    Source { tenant: "town", id: "fw-edge", product: FORTIGATE, silence_after: Some("15m"), weight: 18 },
    Source { tenant: "town", id: "proxy01", product: "squid", silence_after: None, weight: 18 },
    Source { tenant: "town", id: "dc01", product: "windows_security", silence_after: None, weight: 10 },
    Source { tenant: "town", id: "web01", product: "system", silence_after: None, weight: 3 },
    Source { tenant: "kumiai", id: "fw01", product: FORTIGATE, silence_after: Some("15m"), weight: 7 },
    Source { tenant: "kumiai", id: "proxy01", product: "squid", silence_after: None, weight: 5 },
    Source { tenant: "kumiai", id: "srv01", product: "system", silence_after: None, weight: 2 },
    Source { tenant: "ken", id: "fw-sc", product: FORTIGATE, silence_after: Some("15m"), weight: 9 },
    Source { tenant: "ken", id: "relay01", product: "system", silence_after: None, weight: 2 },
];

/// Family names that make account names; each belongs to one person with one terminal per zone.
pub const STAFF: &[&str] = &[
    "sato",
    "suzuki",
    "takahashi",
    "tanaka",
    "ito",
    "watanabe",
    "yamamoto",
    "nakamura",
    "kobayashi",
    "kato",
    "yoshida",
    "yamada",
    "sasaki",
    "yamaguchi",
    "matsumoto",
    "inoue",
    "kimura",
    "hayashi",
    "shimizu",
    "yamazaki",
    "mori",
    "abe",
    "ikeda",
    "hashimoto",
    "yamashita",
    "ishikawa",
    "nakajima",
    "maeda",
    "fujita",
    "ogawa",
    "goto",
    "okada",
    "hasegawa",
    "murakami",
    "kondo",
    "ishii",
    "saito",
    "sakamoto",
    "endo",
    "aoki",
    "fujii",
    "nishimura",
    "fukuda",
    "ota",
    "miura",
    "okamoto",
    "matsuda",
    "nakagawa",
];

/// Sites that staff look at: domain and address.
pub const WEB_SITES: &[(&str, &str)] = &[
    ("www.example.jp", "198.51.100.20"),
    ("news.example.com", "198.51.100.21"),
    ("maps.example.net", "198.51.100.22"),
    ("weather.example.org", "198.51.100.30"),
    ("kanpou.example.jp", "198.51.100.31"),
    ("update.example.com", "198.51.100.40"),
    ("cdn.example.net", "198.51.100.41"),
    ("mail.example.jp", "198.51.100.50"),
];

/// A terminal's address in a zone's third octets, one per member of staff.
pub fn terminal(second_octet: u8, person: usize) -> String {
    format!("10.{second_octet}.{}.{}", 1 + person / 24, 10 + person % 24)
}
