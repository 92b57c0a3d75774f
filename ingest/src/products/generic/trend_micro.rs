//! Trend Micro's products in CEF: what the class of an event says, in ECS words.
//!
//! Deep Security and Server & Workload Protection number their events by module; Apex Central, Deep Discovery and Apex One
//! write a word before the number or none. Source: Trend Micro, Deep Security "Syslog message formats"; Apex Central "CEF
//! ... Logs" mapping tables; Deep Discovery Inspector Syslog Content Mapping Guide.

use stream::{Event, Value, fields as f};

use crate::put::{self, Class};

/// Sets category and type, and the file's hash and the protected computer, which the dictionary has no keys for.
pub(super) fn settle<'a>(product: &str, code: &'a str, name: &'a str, event: &mut Event<'a>) {
    let manager = product.contains("Manager") || product.contains("Central") && code.parse::<u32>().is_ok();
    let class = match code.parse::<u32>() {
        Ok(number) if manager => administration(number, name),
        Ok(number)
            if product.contains("Agent") || product.contains("Deep Security") || product.contains("Workload") =>
        {
            module(number)
        }
        _ => prefix(code),
    };
    if let Some((class, alert)) = class {
        put::class(&class, event);
        if alert {
            event.set(f::EVENT_KIND, Value::Str("alert"));
            if name != code && name.parse::<u32>().is_err() {
                put::text(f::RULE_NAME, name, event);
            }
        }
    }
    // Apex Central numbers what its web and URL filters did.
    if code.starts_with("WB") {
        let word = match event.get_str(f::EVENT_ACTION) {
            Some("1") => "Pass",
            Some("2") => "Block",
            Some("3") => "Monitor",
            Some("4") => "Delete",
            Some("5") => "Quarantine",
            Some("6") => "Warn",
            Some("7") => "Warn and continue",
            Some("8") => "Override",
            _ => "",
        };
        if !word.is_empty() {
            event.set(f::EVENT_ACTION, Value::Str(word));
        }
    }
    let policy = f::lookup("cef.SLF_PolicyName").and_then(|field| event.get_str(field)).unwrap_or("");
    put::text(f::RULE_RULESET, policy, event);
    let action = event.get_str(f::EVENT_ACTION).unwrap_or("").to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| action.contains(word));
    if says(&["not blocked", "pass", "log only", "detect only"]) {
        put::words(f::EVENT_TYPE, &["allowed"], event);
    } else if says(&["block", "deny", "drop", "reset", "delete", "quarantine", "clean", "terminate"]) {
        put::words(f::EVENT_TYPE, &["denied"], event);
    }
    let hash = f::lookup("cef.fileHash").and_then(|field| event.get_str(field)).unwrap_or("");
    match hash.len() {
        32 => put::text(f::FILE_HASH_MD5, hash, event),
        40 => put::text(f::FILE_HASH_SHA1, hash, event),
        64 => put::text(f::FILE_HASH_SHA256, hash, event),
        _ => {}
    }
    if product.contains("Agent") {
        put::text(f::HOST_NAME, event.get_str(f::OBSERVER_NAME).unwrap_or(""), event);
    }
}

fn of(category: &'static [&'static str], kind: &'static [&'static str]) -> Class {
    Class { category, kind, action: "", outcome: "" }
}

/// The module that an agent's event number belongs to, and whether it is a detection.
fn module(number: u32) -> Option<(Class, bool)> {
    Some(match number {
        0..=999 => (of(&["network"], &["connection"]), false),
        1_000_000..=1_999_999 => (of(&["intrusion_detection", "network"], &["info"]), true),
        2_000_000..=2_999_999 => (of(&["file"], &["change"]), true),
        3_000_000..=3_999_999 => (of(&["intrusion_detection"], &["info"]), true),
        4_000_000..=4_999_999 => (of(&["malware"], &["info"]), true),
        5_000_000..=5_999_999 => (of(&["web", "network"], &["access"]), true),
        6_000_000..=6_999_999 => (of(&["process"], &["info"]), true),
        7_000_000..=7_999_999 => (of(&["host"], &["info"]), true),
        _ => return None,
    })
}

/// What administrators did.
fn administration(number: u32, name: &str) -> Option<(Class, bool)> {
    let lower = name.to_ascii_lowercase();
    let login = |outcome| Class { outcome, ..of(&["authentication"], &["start", "info"]) };
    Some(match number {
        _ if lower.contains("signed in") || lower.contains("sign in") && lower.contains("succe") => {
            (login("success"), false)
        }
        _ if lower.contains("sign in failed") || lower.contains("sign-in failed") => (login("failure"), false),
        _ if lower.contains("signed out") => (of(&["session"], &["end"]), false),
        _ if lower.contains("created") || lower.contains("added") => (of(&["configuration"], &["creation"]), false),
        _ if lower.contains("deleted") || lower.contains("removed") => (of(&["configuration"], &["deletion"]), false),
        _ if lower.contains("updated") || lower.contains("changed") => (of(&["configuration"], &["change"]), false),
        _ => return None,
    })
}

/// The word that Apex Central and others write: `AV:File cleaned`, `WB:7`, `CnC:Block`.
fn prefix(code: &str) -> Option<(Class, bool)> {
    Some(match code.split(':').next().unwrap_or("") {
        "AV" | "SPY" | "Spyware" | "NVW" => (of(&["malware"], &["info"]), true),
        "WB" => (of(&["web", "network"], &["access"]), true),
        "CnC" | "NCIE" => (of(&["intrusion_detection", "network"], &["connection"]), true),
        "BM" | "PML" | "VirtualAnalyzer" | "SO" => (of(&["malware", "process"], &["info"]), true),
        "DLP" | "DC" => (of(&["file"], &["access"]), true),
        _ => return None,
    })
}
