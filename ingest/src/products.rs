//! The registry of products: which names `--source` and sources.toml know, and the parser behind each.
//!
//! A parser is a value of its own per source and thread; making one is cheap. Adding a product means adding a module
//! below, a line to [`PRODUCTS`], and sample lines in `tests/samples/<name>.log`.

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
pub mod dhcpd;
pub mod duo;
pub mod fitelnet;
pub mod fortinet_fortigate;
pub mod freeradius;
pub mod gelf;
pub mod generic;
pub mod haproxy;
pub mod ifilter;
pub mod iis;
pub mod intersafe;
pub mod iptables;
pub mod juniper_srx;
pub mod leef;
pub mod nec_ix;
pub mod nginx;
pub mod okta;
pub mod openldap;
pub mod panw;
pub mod pfsense;
pub mod postfix;
mod router;
pub mod seil;
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

/// Every product, in the order in which documentation lists them.
pub static PRODUCTS: &[Product] = &[
    Product {
        name: "fortinet_fortigate",
        aliases: &["fortigate", "fortinet", "fortios"],
        make: make::<fortinet_fortigate::FortinetFortigate>,
    },
    Product { name: "panw", aliases: &["paloalto", "palo_alto", "panos", "pan_os"], make: make::<panw::Panw> },
    Product { name: "cisco_asa", aliases: &["asa", "cisco_pix", "cisco_fwsm"], make: make::<cisco_asa::CiscoAsa> },
    Product { name: "cisco_ftd", aliases: &["ftd", "firepower"], make: make::<cisco_ftd::CiscoFtd> },
    Product { name: "cisco_ios", aliases: &["ios", "cisco_nxos", "nxos", "cisco"], make: make::<cisco_ios::CiscoIos> },
    Product { name: "checkpoint", aliases: &["check_point"], make: make::<checkpoint::Checkpoint> },
    Product { name: "juniper_srx", aliases: &["srx", "juniper", "junos"], make: make::<juniper_srx::JuniperSrx> },
    Product { name: "iptables", aliases: &["netfilter", "nftables", "ufw", "unifi"], make: make::<iptables::Iptables> },
    Product { name: "pfsense", aliases: &["opnsense", "filterlog"], make: make::<pfsense::Pfsense> },
    Product { name: "sophos", aliases: &["sophos_xg", "sophos_firewall", "sfos"], make: make::<sophos::Sophos> },
    Product { name: "sonicwall", aliases: &["sonicos"], make: make::<sonicwall::Sonicwall> },
    Product { name: "suricata", aliases: &["eve"], make: make::<suricata::Suricata> },
    Product { name: "zeek", aliases: &["bro"], make: make::<zeek::Zeek> },
    Product { name: "watchguard", aliases: &["firebox", "fireware"], make: make::<watchguard::Watchguard> },
    Product { name: "stormshield", aliases: &["sns"], make: make::<stormshield::Stormshield> },
    Product { name: "snort", aliases: &[], make: make::<snort::Snort> },
    Product { name: "squid", aliases: &["squid_proxy"], make: make::<squid::Squid> },
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
    Product { name: "apache", aliases: &["httpd", "apache2"], make: make::<apache::Apache> },
    Product { name: "nginx", aliases: &["ingress_nginx"], make: make::<nginx::Nginx> },
    Product { name: "auditd", aliases: &["audit", "linux_audit"], make: make::<auditd::Auditd> },
    Product { name: "okta", aliases: &["okta_system"], make: make::<okta::Okta> },
    Product { name: "zscaler_zia", aliases: &["zscaler", "zia"], make: make::<zscaler_zia::ZscalerZia> },
    Product { name: "haproxy", aliases: &["ha_proxy"], make: make::<haproxy::Haproxy> },
    Product { name: "iis", aliases: &["w3c", "microsoft_iis"], make: make::<iis::Iis> },
    Product { name: "postfix", aliases: &["mail", "maillog"], make: make::<postfix::Postfix> },
    Product { name: "bind", aliases: &["named", "bind9"], make: make::<bind::Bind> },
    Product { name: "dhcpd", aliases: &["dhcp", "isc_dhcp", "kea"], make: make::<dhcpd::Dhcpd> },
    Product { name: "azure_signin", aliases: &["entra_id", "azure_ad"], make: make::<azure_signin::AzureSignin> },
    Product { name: "cisco_umbrella", aliases: &["umbrella"], make: make::<cisco_umbrella::CiscoUmbrella> },
    Product { name: "bluecoat", aliases: &["proxysg", "edge_swg", "elff"], make: make::<bluecoat::Bluecoat> },
    Product { name: "freeradius", aliases: &["radius", "netattest_eps"], make: make::<freeradius::Freeradius> },
    Product { name: "openldap", aliases: &["slapd", "ldap"], make: make::<openldap::Openldap> },
    Product { name: "cisco_ise", aliases: &["ise"], make: make::<cisco_ise::CiscoIse> },
    Product { name: "unbound", aliases: &[], make: make::<unbound::Unbound> },
    Product { name: "duo", aliases: &["cisco_duo", "duo_security"], make: make::<duo::Duo> },
    Product { name: "yamaha_rtx", aliases: &["yamaha", "rtx", "nvr", "fwx"], make: make::<yamaha_rtx::YamahaRtx> },
    Product { name: "nec_ix", aliases: &["univerge_ix", "ix"], make: make::<nec_ix::NecIx> },
    Product { name: "seil", aliases: &["iij_seil"], make: make::<seil::Seil> },
    Product { name: "allied_telesis", aliases: &["alliedware_plus"], make: make::<allied_telesis::AlliedTelesis> },
    Product { name: "alaxala", aliases: &["ax"], make: make::<alaxala::Alaxala> },
    Product { name: "fitelnet", aliases: &["furukawa"], make: make::<fitelnet::Fitelnet> },
    Product { name: "ifilter", aliases: &["i_filter", "d_spa", "digital_arts"], make: make::<ifilter::Ifilter> },
    Product { name: "intersafe", aliases: &["intersafe_webfilter", "alsi"], make: make::<intersafe::Intersafe> },
    Product { name: "leef", aliases: &["qradar"], make: make::<leef::Leef> },
    Product { name: "gelf", aliases: &["graylog"], make: make::<gelf::Gelf> },
    Product { name: "cef", aliases: &["arcsight"], make: make::<generic::Cef> },
    Product { name: "json", aliases: &["ndjson"], make: make::<generic::Json> },
    Product { name: "key_value", aliases: &["kv", "keyvalue", "logfmt"], make: make::<generic::KeyValue> },
    Product { name: "auto", aliases: &["detect"], make: make::<Auto> },
];

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
    fn names_are_forgiving() {
        assert_eq!(product("FortiGate").unwrap().name, "fortinet_fortigate");
        assert_eq!(product("key-value").unwrap().name, "key_value");
        assert_eq!(product("windows").unwrap().name, "windows_security");
        assert!(product("").is_none());
        assert!(parser("squid").is_some());
    }
}
