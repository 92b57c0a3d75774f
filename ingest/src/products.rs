//! The registry of products: which names `--source` and sources.toml know, and the parser behind each.
//!
//! A parser is a value of its own per source and thread; making one is cheap. Adding a product means adding a module
//! below, a line to [`PRODUCTS`], and sample lines in `tests/samples/<name>.log`.

pub mod cisco_asa;
pub mod cisco_ftd;
pub mod fortinet_fortigate;
pub mod generic;
pub mod panw;
pub mod squid;
pub mod system;
pub mod windows;

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
