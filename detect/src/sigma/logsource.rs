//! Which logsource an event is of: what it says itself, and what its channel, provider and event id say.
//!
//! A Sysmon event belongs to several categories at once (id 13 is `registry_set` and `registry_event`), so each of
//! product, category and service is a set. What the event names (`sekisho.logsource.*`, `logsource.*`) is always kept; the
//! channel, provider and id of a Windows event add to it. An empty set means not known: rules that ask for it are then
//! tried, so that an event without a logsource is never passed over.
//!
//! Fields are read flat (`EventID`), nested as Windows writes XML (`Event.System.EventID`) and as Winlogbeat names them
//! (`winlog.event_id`).
//! Sources: SigmaHQ, `documentation/logsource-guides/windows`, and its taxonomy appendix; Sysmon's manifest, schema 4.90.

use std::collections::BTreeSet;

use stream::{FieldId, Value, fields};

use super::program::Logsource;

/// What a field tells of the logsource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Product,
    Category,
    Service,
    Channel,
    Provider,
    EventId,
}

impl Hint {
    /// What this field tells, if anything.
    pub(super) fn of(field: FieldId) -> Option<Hint> {
        Some(match field {
            fields::SEKISHO_LOGSOURCE_PRODUCT => Hint::Product,
            fields::SEKISHO_LOGSOURCE_CATEGORY => Hint::Category,
            fields::SEKISHO_LOGSOURCE_SERVICE => Hint::Service,
            fields::WINLOG_CHANNEL => Hint::Channel,
            fields::WINLOG_PROVIDER_NAME => Hint::Provider,
            fields::WINLOG_EVENT_ID => Hint::EventId,
            field if field.is_static() => return None,
            field => match field.name() {
                "logsource.product" => Hint::Product,
                "logsource.category" => Hint::Category,
                "logsource.service" => Hint::Service,
                "Channel" | "Event.System.Channel" | "System.Channel" => Hint::Channel,
                "Provider_Name"
                | "ProviderName"
                | "SourceName"
                | "winlog.source_name"
                | "Event.System.Provider_Name"
                | "Event.System.Provider.Name"
                | "Event.System.Provider.@Name"
                | "Event.System.Provider.#attributes.Name"
                | "System.Provider.Name" => Hint::Provider,
                "EventID" | "EventId" | "Event.System.EventID" | "Event.System.EventID.#text" | "System.EventID" => {
                    Hint::EventId
                }
                _ => return None,
            },
        })
    }
}

/// The logsource of one event, lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    product: BTreeSet<String>,
    category: BTreeSet<String>,
    service: BTreeSet<String>,
}

impl Sources {
    /// From the values of the fields that tell something.
    pub(super) fn new<'a>(hints: impl Iterator<Item = (Hint, Value<'a>)>) -> Sources {
        let mut sources = Sources::default();
        let (mut channel, mut provider, mut id) = (String::new(), String::new(), None);
        for (hint, value) in hints {
            let text = value.text().trim().to_lowercase();
            if text.is_empty() {
                continue;
            }
            match hint {
                Hint::Product => _ = sources.product.insert(text),
                Hint::Category => _ = sources.category.insert(text),
                Hint::Service => _ = sources.service.insert(text),
                Hint::Channel => channel = text,
                Hint::Provider => provider = text,
                Hint::EventId => id = id.or(text.parse::<u32>().ok()),
            }
        }
        sources.infer(&channel, &provider, id);
        sources
    }

    fn infer(&mut self, channel: &str, provider: &str, id: Option<u32>) {
        let linux = channel.starts_with("linux-sysmon") || provider == "linux-sysmon";
        let sysmon = linux || provider == "microsoft-windows-sysmon" || channel.contains("-sysmon/");
        let service = service_of_channel(channel).or_else(|| service_of_provider(provider));
        if self.product.is_empty() && (sysmon || service.is_some() || !channel.is_empty() && id.is_some()) {
            self.product.insert(if linux { "linux" } else { "windows" }.to_owned());
        }
        if !sysmon && !self.product.contains("windows") {
            return;
        }
        match service {
            _ if sysmon => _ = self.service.insert("sysmon".to_owned()),
            Some(service) => _ = self.service.insert(service.to_owned()),
            None => {}
        }
        let Some(id) = id else { return };
        let categories: &[&str] = match service {
            _ if sysmon => sysmon_categories(id),
            Some("security") if id == 4688 => &["process_creation"],
            Some("powershell") if id == 4103 => &["ps_module"],
            Some("powershell") if id == 4104 => &["ps_script"],
            Some("powershell-classic") => match id {
                400 => &["ps_classic_start"],
                600 => &["ps_classic_provider_start"],
                800 => &["ps_classic_script"],
                _ => &[],
            },
            _ => &[],
        };
        self.category.extend(categories.iter().map(|category| (*category).to_owned()));
    }

    /// Whether a rule of this logsource is to be tried.
    pub(super) fn agree(&self, rule: &Logsource) -> bool {
        let agrees = |wanted: &Option<String>, held: &BTreeSet<String>| {
            held.is_empty() || wanted.as_ref().is_none_or(|wanted| held.contains(wanted))
        };
        agrees(&rule.product, &self.product)
            && agrees(&rule.category, &self.category)
            && agrees(&rule.service, &self.service)
    }

    /// The same text for the same sets.
    pub(super) fn key(&self) -> String {
        let of = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join("\u{1}");
        format!("{}\u{2}{}\u{2}{}", of(&self.product), of(&self.category), of(&self.service))
    }
}

/// Sigma's categories of a Sysmon event.
fn sysmon_categories(id: u32) -> &'static [&'static str] {
    match id {
        1 => &["process_creation"],
        2 => &["file_change"],
        3 => &["network_connection"],
        4 | 16 => &["sysmon_status"],
        5 => &["process_termination"],
        6 => &["driver_load"],
        7 => &["image_load"],
        8 => &["create_remote_thread"],
        9 => &["raw_access_thread"],
        10 => &["process_access"],
        11 => &["file_event"],
        12 => &["registry_event", "registry_add", "registry_delete"],
        13 => &["registry_event", "registry_set"],
        14 => &["registry_event", "registry_rename"],
        15 => &["create_stream_hash"],
        17 | 18 => &["pipe_created"],
        19..=21 => &["wmi_event"],
        22 => &["dns_query"],
        23 => &["file_delete"],
        24 => &["clipboard_capture"],
        25 => &["process_tampering"],
        26 => &["file_delete", "file_delete_detected"],
        27 => &["file_block_executable"],
        28 => &["file_block_shredding"],
        29 => &["file_executable_detected"],
        255 => &["sysmon_error"],
        _ => &[],
    }
}

/// Sigma's service of a Windows channel, given in lower case.
fn service_of_channel(channel: &str) -> Option<&'static str> {
    match channel {
        "" => None,
        "windows powershell" => Some("powershell-classic"),
        "system" => Some("system"),
        "application" => Some("application"),
        "security" => Some("security"),
        "dns server" => Some("dns-server"),
        "msexchange management" => Some("msexchange-management"),
        _ => {
            let rest = channel.strip_prefix("microsoft-windows-").unwrap_or(channel);
            let (log, stream) = rest.split_once('/').unwrap_or((rest, ""));
            service_of_log(log, stream)
        }
    }
}

/// Sigma's service of a Windows provider, given in lower case, for events without a channel that is known.
fn service_of_provider(provider: &str) -> Option<&'static str> {
    match provider {
        "" => None,
        "microsoft-windows-security-auditing" | "security" => Some("security"),
        "service control manager" => Some("system"),
        "powershell" => Some("powershell-classic"),
        _ => service_of_log(provider.strip_prefix("microsoft-windows-").unwrap_or(provider), ""),
    }
}

fn service_of_log(log: &str, stream: &str) -> Option<&'static str> {
    Some(match log {
        "sysmon" => "sysmon",
        "powershell" | "powershellcore" => "powershell",
        "taskscheduler" => "taskscheduler",
        "wmi-activity" => "wmi",
        "dns-server" | "dnsserver" if stream == "analytical" => "dns-server-analytic",
        "dns-server" | "dnsserver" if stream == "audit" => "dns-server-audit",
        "dns client events" | "dns-client" => "dns-client",
        "driverframeworks-usermode" => "driver-framework",
        "dhcp-server" => "dhcp",
        "ntlm" => "ntlm",
        "windows defender" => "windefend",
        "printservice" if stream == "admin" => "printservice-admin",
        "printservice" => "printservice-operational",
        "terminalservices-localsessionmanager" => "terminalservices-localsessionmanager",
        "smbclient" if stream == "security" => "smbclient-security",
        "smbclient" => "smbclient-connectivity",
        "smbserver" => "smbserver-connectivity",
        "applocker" => "applocker",
        "windows firewall with advanced security" => "firewall-as",
        "bits-client" => "bits-client",
        "codeintegrity" => "codeintegrity-operational",
        "appxdeploymentserver" | "appxdeployment-server" => "appxdeployment-server",
        "appxpackaging" | "appxpackagingom" => "appxpackaging-om",
        "appmodel-runtime" => "appmodel-runtime",
        "lsa" => "lsa-server",
        "ldap-client" => "ldap",
        "openssh" => "openssh",
        "shell-core" => "shell-core",
        "security-mitigations" => "security-mitigations",
        "diagnosis-scripted" => "diagnosis-scripted",
        "microsoft-iis-configuration" | "iis-configuration" => "iis-configuration",
        "capi2" => "capi2",
        "certificateservicesclient-lifecycle-system" => "certificateservicesclient-lifecycle-system",
        "microsoft-servicebus-client" => "microsoft-servicebus-client",
        "sense" => "sense",
        "vhdmp" => "vhdmp",
        "kernel-eventtracing" => "kernel-event-tracing",
        "kernel-shimengine" => "kernel-shimengine",
        "hyper-v-worker" => "hyper-v-worker",
        "ntfs" => "ntfs",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hints: &[(Hint, Value<'_>)]) -> String {
        Sources::new(hints.iter().copied()).key().replace('\u{1}', "+").replace('\u{2}', " ")
    }

    #[test]
    fn a_sysmon_event_is_of_several_categories() {
        let sysmon = (Hint::Channel, Value::Str("Microsoft-Windows-Sysmon/Operational"));
        assert_eq!(of(&[sysmon, (Hint::EventId, Value::Int(13))]), "windows registry_event+registry_set sysmon");
        let said = (Hint::Category, Value::Str("registry_event"));
        assert_eq!(
            of(&[said, sysmon, (Hint::EventId, Value::Str("12"))]),
            "windows registry_add+registry_delete+registry_event sysmon"
        );
        assert_eq!(
            of(&[(Hint::Provider, Value::Str("Linux-Sysmon")), (Hint::EventId, Value::Int(1))]),
            "linux process_creation sysmon"
        );
    }

    #[test]
    fn channels_and_providers_have_services() {
        for (hint, text, id, expected) in [
            (Hint::Channel, "Security", 4688, "windows process_creation security"),
            (Hint::Channel, "Security", 4624, "windows  security"),
            (Hint::Provider, "Microsoft-Windows-Security-Auditing", 4624, "windows  security"),
            (Hint::Channel, "Microsoft-Windows-PowerShell/Operational", 4104, "windows ps_script powershell"),
            (Hint::Channel, "PowerShellCore/Operational", 4103, "windows ps_module powershell"),
            (Hint::Channel, "Windows PowerShell", 400, "windows ps_classic_start powershell-classic"),
            (Hint::Channel, "Windows PowerShell", 600, "windows ps_classic_provider_start powershell-classic"),
            (Hint::Channel, "Microsoft-Windows-AppLocker/EXE and DLL", 8004, "windows  applocker"),
            (Hint::Channel, "Some-Product/Admin", 1, "windows  "),
            (Hint::Provider, "squid", 1, "  "),
        ] {
            assert_eq!(of(&[(hint, Value::Str(text)), (Hint::EventId, Value::Int(id))]), expected, "{text} {id}");
        }
    }

    #[test]
    fn an_unknown_part_agrees_with_every_rule() {
        let rule = Logsource { product: Some("windows".into()), category: Some("image_load".into()), service: None };
        assert!(Sources::default().agree(&rule));
        let of = |id| {
            Sources::new(
                [(Hint::Provider, Value::Str("Microsoft-Windows-Sysmon")), (Hint::EventId, Value::Int(id))].into_iter(),
            )
        };
        assert!(of(7).agree(&rule));
        assert!(!of(1).agree(&rule));
    }
}
