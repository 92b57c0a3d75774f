//! The registry of products: which names `--source` and sources.toml know, and the parser behind each.
//!
//! A parser is a value of its own per source and thread; making one is cheap. Adding a product means adding a module
//! below, a line to [`PRODUCTS`], and sample lines in `tests/samples/<name>.log`. Formats that a source itself describes
//! (columns, patterns) take a [`Layout`].

pub mod alaxala;
pub mod allied_telesis;
pub mod apache;
pub mod auditd;
pub mod azure_signin;
pub mod bind;
pub mod bluecoat;
pub mod checkpoint;
pub mod cisco_asa;
pub mod cisco_ftd;
pub mod cisco_ios;
pub mod cisco_ise;
pub mod cisco_umbrella;
pub mod csv;
pub mod dhcpd;
pub mod duo;
pub mod eset;
mod exported;
pub mod fitelnet;
pub mod fortinet_fortigate;
pub mod freeradius;
pub mod gelf;
pub mod generic;
pub mod grok;
pub mod haproxy;
pub mod ifilter;
pub mod iis;
pub mod intersafe;
pub mod iptables;
pub mod journald;
pub mod juniper_srx;
pub mod leef;
pub mod nec_ix;
pub mod netflow;
pub mod nginx;
pub mod okta;
pub mod openldap;
pub mod otlp;
pub mod panw;
pub mod pfsense;
pub mod postfix;
mod router;
pub mod seil;
pub mod snmp_trap;
pub mod snort;
pub mod sonicwall;
pub mod sophos;
pub mod squid;
pub mod stormshield;
pub mod suricata;
pub mod system;
pub mod unbound;
pub mod watchguard;
pub mod windows;
pub mod windows_dhcp;
pub mod windows_dns;
pub mod windows_nps;
pub mod yamaha_rtx;
pub mod zeek;
pub mod zscaler_zia;

use crate::auto::Auto;
use crate::parser::Parser;

/// One product that sekisho reads.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// The name, as written in sources.toml.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    make: fn() -> Box<dyn Parser>,
}

fn make<P: Parser + Default + 'static>() -> Box<dyn Parser> {
    Box::<P>::default()
}

/// For devices, which may have been set to write CEF or LEEF instead of their own format.
fn make_device<P: Parser + Default + 'static>() -> Box<dyn Parser> {
    Box::<exported::Exported<P>>::default()
}

/// Every product, in the order in which documentation lists them.
pub static PRODUCTS: &[Product] = &[
    Product {
        name: "fortinet_fortigate",
        aliases: &["fortigate", "fortinet", "fortios"],
        make: make_device::<fortinet_fortigate::FortinetFortigate>,
    },
    Product { name: "panw", aliases: &["paloalto", "palo_alto", "panos", "pan_os"], make: make_device::<panw::Panw> },
    Product {
        name: "cisco_asa",
        aliases: &["asa", "cisco_pix", "cisco_fwsm"],
        make: make_device::<cisco_asa::CiscoAsa>,
    },
    Product { name: "cisco_ftd", aliases: &["ftd", "firepower"], make: make_device::<cisco_ftd::CiscoFtd> },
    Product {
        name: "cisco_ios",
        aliases: &["ios", "cisco_nxos", "nxos", "cisco"],
        make: make_device::<cisco_ios::CiscoIos>,
    },
    Product { name: "checkpoint", aliases: &["check_point"], make: make_device::<checkpoint::Checkpoint> },
    Product {
        name: "juniper_srx",
        aliases: &["srx", "juniper", "junos"],
        make: make_device::<juniper_srx::JuniperSrx>,
    },
    Product {
        name: "iptables",
        aliases: &["netfilter", "nftables", "ufw", "unifi"],
        make: make_device::<iptables::Iptables>,
    },
    Product { name: "pfsense", aliases: &["opnsense", "filterlog"], make: make_device::<pfsense::Pfsense> },
    Product { name: "sophos", aliases: &["sophos_xg", "sophos_firewall", "sfos"], make: make_device::<sophos::Sophos> },
    Product { name: "sonicwall", aliases: &["sonicos"], make: make_device::<sonicwall::Sonicwall> },
    Product { name: "suricata", aliases: &["eve"], make: make_device::<suricata::Suricata> },
    Product { name: "zeek", aliases: &["bro"], make: make_device::<zeek::Zeek> },
    Product { name: "watchguard", aliases: &["firebox", "fireware"], make: make_device::<watchguard::Watchguard> },
    Product { name: "stormshield", aliases: &["sns"], make: make_device::<stormshield::Stormshield> },
    Product { name: "snort", aliases: &[], make: make_device::<snort::Snort> },
    Product { name: "squid", aliases: &["squid_proxy"], make: make_device::<squid::Squid> },
    Product {
        name: "system",
        aliases: &["linux", "syslog", "sshd", "sudo", "su", "cron", "pam", "auth"],
        make: make::<system::System>,
    },
    Product {
        name: "windows_security",
        aliases: &["windows", "winlog", "winlogbeat", "nxlog", "evtx"],
        make: make::<windows::Windows>,
    },
    Product { name: "apache", aliases: &["httpd", "apache2"], make: make_device::<apache::Apache> },
    Product { name: "nginx", aliases: &["ingress_nginx"], make: make_device::<nginx::Nginx> },
    Product { name: "auditd", aliases: &["audit", "linux_audit"], make: make::<auditd::Auditd> },
    Product { name: "okta", aliases: &["okta_system"], make: make_device::<okta::Okta> },
    Product { name: "zscaler_zia", aliases: &["zscaler", "zia"], make: make_device::<zscaler_zia::ZscalerZia> },
    Product { name: "haproxy", aliases: &["ha_proxy"], make: make_device::<haproxy::Haproxy> },
    Product { name: "iis", aliases: &["w3c", "microsoft_iis"], make: make_device::<iis::Iis> },
    Product { name: "postfix", aliases: &["mail", "maillog"], make: make_device::<postfix::Postfix> },
    Product { name: "bind", aliases: &["named", "bind9"], make: make_device::<bind::Bind> },
    Product { name: "dhcpd", aliases: &["dhcp", "isc_dhcp", "kea"], make: make_device::<dhcpd::Dhcpd> },
    Product {
        name: "azure_signin",
        aliases: &["entra_id", "azure_ad"],
        make: make_device::<azure_signin::AzureSignin>,
    },
    Product { name: "cisco_umbrella", aliases: &["umbrella"], make: make_device::<cisco_umbrella::CiscoUmbrella> },
    Product { name: "bluecoat", aliases: &["proxysg", "edge_swg", "elff"], make: make_device::<bluecoat::Bluecoat> },
    Product { name: "freeradius", aliases: &["radius", "netattest_eps"], make: make_device::<freeradius::Freeradius> },
    Product { name: "openldap", aliases: &["slapd", "ldap"], make: make_device::<openldap::Openldap> },
    Product { name: "cisco_ise", aliases: &["ise"], make: make_device::<cisco_ise::CiscoIse> },
    Product { name: "unbound", aliases: &[], make: make_device::<unbound::Unbound> },
    Product { name: "duo", aliases: &["cisco_duo", "duo_security"], make: make_device::<duo::Duo> },
    Product {
        name: "yamaha_rtx",
        aliases: &["yamaha", "rtx", "nvr", "fwx"],
        make: make_device::<yamaha_rtx::YamahaRtx>,
    },
    Product { name: "nec_ix", aliases: &["univerge_ix", "ix"], make: make_device::<nec_ix::NecIx> },
    Product { name: "seil", aliases: &["iij_seil"], make: make_device::<seil::Seil> },
    Product {
        name: "allied_telesis",
        aliases: &["alliedware_plus"],
        make: make_device::<allied_telesis::AlliedTelesis>,
    },
    Product { name: "alaxala", aliases: &["ax"], make: make_device::<alaxala::Alaxala> },
    Product { name: "fitelnet", aliases: &["furukawa"], make: make_device::<fitelnet::Fitelnet> },
    Product { name: "ifilter", aliases: &["i_filter", "d_spa", "digital_arts"], make: make_device::<ifilter::Ifilter> },
    Product { name: "intersafe", aliases: &["intersafe_webfilter", "alsi"], make: make_device::<intersafe::Intersafe> },
    Product { name: "skysea", aliases: &["skysea_client_view"], make: make::<csv::Skysea> },
    Product { name: "lanscope", aliases: &["lanscope_cat", "motex"], make: make::<csv::Lanscope> },
    Product { name: "eset", aliases: &["eset_protect"], make: make_device::<eset::Eset> },
    Product { name: "windows_dns", aliases: &["dns_server"], make: make_device::<windows_dns::WindowsDns> },
    Product { name: "windows_dhcp", aliases: &["dhcp_server"], make: make_device::<windows_dhcp::WindowsDhcp> },
    Product { name: "windows_nps", aliases: &["nps", "ias"], make: make_device::<windows_nps::WindowsNps> },
    Product { name: "leef", aliases: &["qradar"], make: make::<leef::Leef> },
    Product { name: "gelf", aliases: &["graylog"], make: make::<gelf::Gelf> },
    Product { name: "netflow", aliases: &["ipfix", "nsel"], make: make::<netflow::Netflow> },
    Product { name: "snmp_trap", aliases: &["snmp", "snmptrap"], make: make::<snmp_trap::SnmpTrap> },
    Product { name: "journald", aliases: &["journal", "journalctl"], make: make::<journald::Journald> },
    Product { name: "otlp", aliases: &["opentelemetry", "otel"], make: make::<otlp::Otlp> },
    Product { name: "cef", aliases: &["arcsight", "trend_micro", "trendmicro"], make: make::<generic::Cef> },
    Product { name: "json", aliases: &["ndjson"], make: make::<generic::Json> },
    Product { name: "key_value", aliases: &["kv", "keyvalue", "logfmt"], make: make::<generic::KeyValue> },
    Product { name: "csv", aliases: &["tsv", "delimited", "sanitiser"], make: make::<csv::Csv> },
    Product { name: "grok", aliases: &["pattern", "patterns"], make: make::<grok::Grok> },
    Product { name: "auto", aliases: &["detect"], make: make::<Auto> },
];

/// What a source says about its own format; empty for products whose format is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// What stands between the columns.
    pub separator: Option<char>,
    /// Patterns, tried in order.
    pub patterns: Vec<String>,
}

impl Layout {
    /// Splits what may follow a product's name: `csv:日時,端末名,操作`, `grok:%{IP:source.ip} ...`.
    pub fn split(product: &str) -> (&str, Layout) {
        let mut layout = Layout::default();
        let Some((name, rest)) = product.split_once(':') else { return (product, layout) };
        if name.trim().eq_ignore_ascii_case("grok") {
            layout.patterns.push(rest.to_owned());
        } else {
            layout.columns = rest.split(',').map(|name| name.trim().to_owned()).collect();
        }
        (name, layout)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Layout::default()
    }
}

/// The product of this name or alias; letter case and `-` for `_` do not matter.
pub fn product(name: &str) -> Option<&'static Product> {
    let name = name.trim().to_ascii_lowercase().replace('-', "_");
    PRODUCTS.iter().find(|product| product.name == name || product.aliases.contains(&name.as_str()))
}

/// A new parser for the product of this name or alias.
pub fn parser(name: &str) -> Option<Box<dyn Parser>> {
    product(name).map(Product::parser)
}

impl Product {
    /// A new parser for this product.
    pub fn parser(&self) -> Box<dyn Parser> {
        (self.make)()
    }

    /// A new parser for this product, by what the source says of its format.
    ///
    /// # Errors
    /// The layout is wrong, or the product takes none.
    pub fn parser_with(&self, layout: &Layout) -> Result<Box<dyn Parser>, String> {
        if self.name == "grok" {
            return grok::Grok::compile(&layout.patterns).map(|grok| Box::new(grok) as Box<dyn Parser>);
        }
        if !layout.patterns.is_empty() {
            return Err(format!("patterns are for product grok, not for {}", self.name));
        }
        match csv::Csv::declared(self.name, &layout.columns, layout.separator) {
            Some(parser) => parser,
            None if layout.is_empty() => Ok(self.parser()),
            None => Err(format!(
                "columns and separator are for csv, skysea, lanscope, squid, ifilter and intersafe, not for {}",
                self.name
            )),
        }
    }
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut seen = std::collections::HashSet::new();
        for product in PRODUCTS {
            assert!(seen.insert(product.name), "{}", product.name);
            for alias in product.aliases {
                assert!(seen.insert(alias), "{alias}");
            }
        }
    }

    #[test]
    fn every_product_has_its_row_in_the_documentation() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sources.md");
        let text = std::fs::read_to_string(path).unwrap();
        for product in PRODUCTS {
            let row = format!("| `{}` | {} |", product.name, product.aliases.join(", "));
            let found = text.lines().any(|line| line.replace("|  |", "| |").starts_with(&row.replace("|  |", "| |")));
            assert!(found || product.name == "otlp", "docs/sources.md lacks the row {row}");
        }
    }

    #[test]
    fn names_are_forgiving() {
        assert_eq!(product("FortiGate").unwrap().name, "fortinet_fortigate");
        assert_eq!(product("key-value").unwrap().name, "key_value");
        assert_eq!(product("windows").unwrap().name, "windows_security");
        assert!(product("").is_none());
        assert!(parser("squid").is_some());
    }
}
