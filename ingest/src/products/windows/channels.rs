//! Which service of Sigma's `windows` product a channel is (SigmaHQ, `documentation/logsource-guides/windows`).

/// The service, or nothing when Sigma has no name for the channel.
pub(super) fn service(channel: &str) -> Option<&'static str> {
    match channel {
        "Security" => return Some("security"),
        "System" => return Some("system"),
        "Application" => return Some("application"),
        "Windows PowerShell" => return Some("powershell-classic"),
        "DNS Server" => return Some("dns-server"),
        "MSExchange Management" => return Some("msexchange-management"),
        _ => {}
    }
    let rest = channel.strip_prefix("Microsoft-Windows-").unwrap_or(channel);
    let (log, stream) = rest.split_once('/').unwrap_or((rest, ""));
    Some(match log {
        "Sysmon" => "sysmon",
        "PowerShell" | "PowerShellCore" => "powershell",
        "TaskScheduler" => "taskscheduler",
        "WMI-Activity" => "wmi",
        "DNS-Server" if stream == "Analytical" => "dns-server-analytic",
        "DNS-Server" => "dns-server-audit",
        "DNS Client Events" => "dns-client",
        "DriverFrameworks-UserMode" => "driver-framework",
        "DHCP-Server" | "Dhcp-Server" => "dhcp",
        "NTLM" => "ntlm",
        "Windows Defender" => "windefend",
        "PrintService" if stream == "Admin" => "printservice-admin",
        "PrintService" => "printservice-operational",
        "TerminalServices-LocalSessionManager" => "terminalservices-localsessionmanager",
        "SmbClient" | "SMBClient" if stream == "Security" => "smbclient-security",
        "SmbClient" | "SMBClient" => "smbclient-connectivity",
        "SMBServer" => "smbserver-connectivity",
        "AppLocker" => "applocker",
        "Windows Firewall With Advanced Security" => "firewall-as",
        "Bits-Client" => "bits-client",
        "CodeIntegrity" => "codeintegrity-operational",
        "AppXDeploymentServer" | "AppXDeployment-Server" => "appxdeployment-server",
        "AppxPackaging" => "appxpackaging-om",
        "AppModel-Runtime" => "appmodel-runtime",
        "LSA" => "lsa-server",
        "LDAP-Client" => "ldap",
        "OpenSSH" => "openssh",
        "Shell-Core" => "shell-core",
        "Security-Mitigations" => "security-mitigations",
        "Diagnosis-Scripted" => "diagnosis-scripted",
        "Microsoft-IIS-Configuration" | "IIS-Configuration" => "iis-configuration",
        "CAPI2" => "capi2",
        "CertificateServicesClient-Lifecycle-System" => "certificateservicesclient-lifecycle-system",
        "Microsoft-ServiceBus-Client" => "microsoft-servicebus-client",
        "SENSE" => "sense",
        "VHDMP" => "vhdmp",
        "Kernel-EventTracing" => "kernel-event-tracing",
        "Kernel-ShimEngine" => "kernel-shimengine",
        "Hyper-V-Worker" => "hyper-v-worker",
        "Ntfs" => "ntfs",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_sigmas_names() {
        for (channel, name) in [
            ("Security", Some("security")),
            ("Microsoft-Windows-Sysmon/Operational", Some("sysmon")),
            ("Microsoft-Windows-PowerShell/Operational", Some("powershell")),
            ("PowerShellCore/Operational", Some("powershell")),
            ("Windows PowerShell", Some("powershell-classic")),
            ("Microsoft-Windows-AppLocker/EXE and DLL", Some("applocker")),
            ("Microsoft-Windows-SmbClient/Security", Some("smbclient-security")),
            ("OpenSSH/Operational", Some("openssh")),
            ("Some-Product/Admin", None),
            ("", None),
        ] {
            assert_eq!(service(channel), name, "{channel}");
        }
    }
}
