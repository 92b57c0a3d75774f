//! What Windows writes as numbers: logon types, levels, NTSTATUS of failed logons, Kerberos results, `%%` texts.
//!
//! Sources: Microsoft's descriptions of events 4624, 4625, 4768 and 4776; MS-ERREF (NTSTATUS); RFC 4120 §7.5.9.

/// `winlog.logon.type` of a logon type's number.
pub(super) fn logon_type(number: &str) -> Option<&'static str> {
    Some(match number {
        "0" => "System",
        "2" => "Interactive",
        "3" => "Network",
        "4" => "Batch",
        "5" => "Service",
        "7" => "Unlock",
        "8" => "NetworkCleartext",
        "9" => "NewCredentials",
        "10" => "RemoteInteractive",
        "11" => "CachedInteractive",
        "12" => "CachedRemoteInteractive",
        "13" => "CachedUnlock",
        _ => return None,
    })
}

/// `log.level` of an event's level, a number or a word; 0 is "log always", which audit events carry.
pub(super) fn level(level: &str) -> Option<&'static str> {
    Some(match level {
        "1" | "CRITICAL" | "Critical" | "重大" => "critical",
        "2" | "ERROR" | "Error" | "エラー" => "error",
        "3" | "WARNING" | "Warning" | "警告" => "warning",
        "0" | "4" | "INFO" | "Information" | "情報" => "information",
        "5" | "VERBOSE" | "DEBUG" | "Verbose" | "詳細" => "verbose",
        _ => return None,
    })
}

/// A hexadecimal (`0x1fc`) or decimal number.
pub(super) fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Text of a failed logon's status or sub-status.
pub(super) fn logon_status(code: &str) -> Option<&'static str> {
    let number = u32::try_from(number(code)?).ok()?;
    Some(match number {
        0xC000_005E => "There are currently no logon servers available to service the logon request.",
        0xC000_0064 => "User logon with misspelled or bad user account",
        0xC000_006A => "User logon with misspelled or bad password",
        0xC000_006D => "This is either due to a bad username or authentication information",
        0xC000_006E => "Unknown user name or bad password.",
        0xC000_006F => "User logon outside authorized hours",
        0xC000_0070 => "User logon from unauthorized workstation",
        0xC000_0071 => "User logon with expired password",
        0xC000_0072 => "User logon to account disabled by administrator",
        0xC000_00DC => "Indicates the Sam Server was in the wrong state to perform the desired operation.",
        0xC000_0133 => "Clocks between DC and other computer too far out of sync",
        0xC000_015B => "The user has not been granted the requested logon type (aka logon right) at this machine",
        0xC000_018C => {
            "The logon request failed because the trust relationship between the primary domain and the trusted domain failed."
        }
        0xC000_0192 => "An attempt was made to logon, but the Netlogon service was not started.",
        0xC000_0193 => "User logon with expired account",
        0xC000_0224 => "User is required to change password at next logon",
        0xC000_0225 => "Evidently a bug in Windows and not a risk",
        0xC000_0234 => "User logon with account locked",
        0xC000_02EE => "Failure Reason: An Error occurred during Logon",
        0xC000_0413 => {
            "Logon Failure: The machine you are logging onto is protected by an authentication firewall. The specified account is not allowed to authenticate to the machine."
        }
        0 => "Status OK.",
        _ => return None,
    })
}

/// Text of a `%%` reference in a failed logon's reason.
pub(super) fn failure_reason(reference: &str) -> Option<&'static str> {
    Some(match reference.trim_start_matches('%') {
        "2304" => "An Error occured during Logon.",
        "2305" => "The specified user account has expired.",
        "2306" => "The NetLogon component is not active.",
        "2307" => "Account locked out.",
        "2308" => "The user has not been granted the requested logon type at this machine.",
        "2309" => "The specified account's password has expired.",
        "2310" => "Account currently disabled.",
        "2311" => "Account logon time restriction violation.",
        "2312" => "User not allowed to logon at this computer.",
        "2313" => "Unknown user name or bad password.",
        "2314" => "Domain sid inconsistent.",
        "2315" => "Smartcard logon is required and was not used.",
        _ => return None,
    })
}

/// Name of a Kerberos result.
pub(super) fn kerberos_status(code: &str) -> Option<&'static str> {
    Some(match number(code)? {
        0x0 => "KDC_ERR_NONE",
        0x1 => "KDC_ERR_NAME_EXP",
        0x2 => "KDC_ERR_SERVICE_EXP",
        0x6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        0x7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        0x8 => "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
        0x9 => "KDC_ERR_NULL_KEY",
        0xB => "KDC_ERR_NEVER_VALID",
        0xC => "KDC_ERR_POLICY",
        0xD => "KDC_ERR_BADOPTION",
        0xE => "KDC_ERR_ETYPE_NOTSUPP",
        0x10 => "KDC_ERR_PADATA_TYPE_NOSUPP",
        0x12 => "KDC_ERR_CLIENT_REVOKED",
        0x13 => "KDC_ERR_SERVICE_REVOKED",
        0x14 => "KDC_ERR_TGT_REVOKED",
        0x17 => "KDC_ERR_KEY_EXPIRED",
        0x18 => "KDC_ERR_PREAUTH_FAILED",
        0x19 => "KDC_ERR_PREAUTH_REQUIRED",
        0x1A => "KDC_ERR_SERVER_NOMATCH",
        0x1B => "KDC_ERR_MUST_USE_USER2USER",
        0x1F => "KRB_AP_ERR_BAD_INTEGRITY",
        0x20 => "KRB_AP_ERR_TKT_EXPIRED",
        0x21 => "KRB_AP_ERR_TKT_NYV",
        0x22 => "KRB_AP_ERR_REPEAT",
        0x23 => "KRB_AP_ERR_NOT_US",
        0x24 => "KRB_AP_ERR_BADMATCH",
        0x25 => "KRB_AP_ERR_SKEW",
        0x29 => "KRB_AP_ERR_MODIFIED",
        0x3C => "KRB_ERR_GENERIC",
        0x3E => "KDC_ERR_CLIENT_NOT_TRUSTED",
        0x44 => "KDC_ERR_WRONG_REALM",
        _ => return None,
    })
}

/// The outcome of an audit event that is only ever written for one, for records that lost their keywords.
pub(super) fn only_outcome(id: i64) -> Option<&'static str> {
    match id {
        4625 | 4771..=4773 | 4777 => Some("failure"),
        4624 | 4634 | 4647 | 4648 | 4672 | 4688 | 4689 | 4697..=4702 | 4719 => Some("success"),
        // Accounts and groups made, changed and deleted; a password's change or reset (4723, 4724) may fail.
        4720 | 4722 | 4725..=4735 | 4737..=4767 | 4781 => Some("success"),
        _ => None,
    }
}

/// Outcome of an event, from its keywords: a mask (hexadecimal, or decimal with or without sign) or their text.
pub(super) fn outcome(keywords: &str) -> Option<&'static str> {
    const SUCCESS: u64 = 0x0020_0000_0000_0000;
    const FAILURE: u64 = 0x0010_0000_0000_0000;
    let mask = match keywords.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => keywords.parse::<u64>().ok().or_else(|| keywords.parse::<i64>().ok().map(i64::cast_unsigned)),
    };
    if let Some(mask) = mask {
        return if mask & SUCCESS != 0 {
            Some("success")
        } else if mask & FAILURE != 0 {
            Some("failure")
        } else {
            None
        };
    }
    match keywords {
        "Audit Success" | "AUDIT_SUCCESS" | "Success Audit" | "成功の監査" | "監査の成功" | "監査成功" => {
            Some("success")
        }
        "Audit Failure" | "AUDIT_FAILURE" | "Failure Audit" | "失敗の監査" | "監査の失敗" | "監査失敗" => {
            Some("failure")
        }
        _ => None,
    }
}

/// The transport of an IANA protocol number, for those that firewalls log.
pub(super) fn transport(number: &str) -> Option<&'static str> {
    Some(match number {
        "1" => "icmp",
        "2" => "igmp",
        "6" => "tcp",
        "17" => "udp",
        "47" => "gre",
        "50" => "esp",
        "58" => "ipv6-icmp",
        "132" => "sctp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_in_every_form() {
        for (keywords, expected) in [
            ("0x8020000000000000", Some("success")),
            ("0x8010000000000000", Some("failure")),
            ("-9214364837600034816", Some("success")),
            ("-9218868437227405312", Some("failure")),
            ("9232379236109516800", Some("success")),
            ("監査の失敗", Some("failure")),
            ("0x8000000000000000", None),
            ("Classic", None),
        ] {
            assert_eq!(outcome(keywords), expected, "{keywords}");
        }
    }

    #[test]
    fn numbers_and_codes() {
        assert_eq!(number("0x1fc"), Some(508));
        assert_eq!(number("7112"), Some(7112));
        assert_eq!(number("-"), None);
        assert_eq!(logon_status("0XC0000064"), logon_status("0xc0000064"));
        assert!(logon_status("0xc000006a").is_some_and(|text| text.contains("password")));
        assert_eq!(kerberos_status("0x18"), Some("KDC_ERR_PREAUTH_FAILED"));
        assert_eq!(failure_reason("%%2307"), Some("Account locked out."));
    }
}
