//! The kernel's own lines: processes it killed, crashes, USB devices, promiscuous interfaces, AppArmor, SYN floods.
//!
//! Packet lines (`IN= OUT= SRC= ...`) are for `iptables`. Source: Linux, mm/oom_kill.c, arch/x86/mm/fault.c,
//! drivers/usb/core/hub.c, net/core/dev.c, security/apparmor/audit.c.

use stream::fields;

use super::entry::{Class, Entry, between, word};

const KILLED: Class = Class { category: &["process"], kind: &["end"], action: "oom-killed", outcome: "" };
const CRASHED: Class =
    Class { category: &["process"], kind: &["error", "end"], action: "segfault", outcome: "failure" };
const USB: Class =
    Class { category: &["host"], kind: &["info", "creation"], action: "usb-device-connected", outcome: "" };
const USB_GONE: Class =
    Class { category: &["host"], kind: &["info", "deletion"], action: "usb-device-disconnected", outcome: "" };
const PROMISCUOUS: Class =
    Class { category: &["network"], kind: &["info"], action: "changed-promiscuous-mode-on-device", outcome: "" };
const FLOOD: Class =
    Class { category: &["network", "intrusion_detection"], kind: &["info"], action: "syn-flood", outcome: "" };
const CONFINED: Class =
    Class { category: &["process"], kind: &["denied"], action: "apparmor-denied", outcome: "failure" };
const CONFINEMENT_ALLOWED: Class =
    Class { category: &["process"], kind: &["info"], action: "apparmor-allowed", outcome: "" };

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = without_clock(entry.message);
    if let Some((_, rest)) = text.split_once("Killed process ").or_else(|| text.split_once("Kill process ")) {
        entry.class(&KILLED);
        entry.text(fields::EVENT_REASON, text.split([':', ',']).next().unwrap_or(""));
        entry.extra(entry.own.killed_pid, word(rest).0.trim_end_matches(','));
        entry.extra(entry.own.killed_name, between(rest, "(", ")").unwrap_or(""));
    } else if text.contains("]: segfault at ") || text.contains("] general protection") {
        entry.class(&CRASHED);
        let (name, rest) = text.split_once('[').unwrap_or((text, ""));
        entry.extra(entry.own.killed_name, name);
        entry.extra(entry.own.killed_pid, rest.split(']').next().unwrap_or(""));
    } else if let Some(rest) = text.strip_prefix("usb ") {
        usb(entry, rest);
    } else if text.contains("entered promiscuous mode") || text.contains("left promiscuous mode") {
        entry.class(&PROMISCUOUS);
        let words = text.strip_prefix("device ").unwrap_or(text);
        entry.text(fields::OBSERVER_INGRESS_INTERFACE_NAME, word(words).0.trim_end_matches(':'));
    } else if text.contains("possible SYN flooding") || text.contains("Possible SYN flooding") {
        entry.class(&FLOOD);
    } else if let Some((_, verdict)) = text.split_once("apparmor=\"") {
        let denied = verdict.starts_with("DENIED");
        entry.class(if denied { &CONFINED } else { &CONFINEMENT_ALLOWED });
        entry.text(fields::RULE_NAME, between(verdict, "profile=\"", "\"").unwrap_or(""));
        entry.text(fields::FILE_PATH, between(verdict, " name=\"", "\"").unwrap_or(""));
        entry.text(fields::EVENT_REASON, between(verdict, "operation=\"", "\"").unwrap_or(""));
    }
}

/// A message without the kernel's own clock: `[12345.678901] `.
fn without_clock(text: &str) -> &str {
    let text = text.trim_start();
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((clock, rest)) if clock.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b' ')) => {
            rest.trim_start()
        }
        _ => text,
    }
}

/// `1-1: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00`, `1-1: SerialNumber: 4C530001`,
/// `1-1: USB disconnect, device number 5`
fn usb<'a>(entry: &mut Entry<'_, 'a>, rest: &'a str) {
    let Some((port, what)) = rest.split_once(": ") else { return };
    if what.starts_with("New USB device found") {
        entry.class(&USB);
        entry.extra(entry.own.usb_vendor, between(what, "idVendor=", ",").unwrap_or(""));
        entry.extra(entry.own.usb_product, between(what, "idProduct=", ",").unwrap_or(""));
    } else if let Some(serial) = what.strip_prefix("SerialNumber: ") {
        entry.class(&USB);
        entry.text(fields::DEVICE_ID, serial);
    } else if what.starts_with("USB disconnect") {
        entry.class(&USB_GONE);
    } else {
        return;
    }
    entry.extra(entry.own.usb_port, port);
}
