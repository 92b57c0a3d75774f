//! What a record's type and keys mean in ECS words.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::json_keys;
use crate::put::{self, Class};
use crate::row::{Row, Table};

/// The name of a type; the kernel writes numbers when no daemon names them. Unknown ones stay as they are.
pub(super) fn name(kind: &str) -> &str {
    match kind {
        "1300" => "SYSCALL",
        "1302" => "PATH",
        "1305" => "CONFIG_CHANGE",
        "1306" => "SOCKADDR",
        "1307" => "CWD",
        "1309" => "EXECVE",
        "1325" => "NETFILTER_CFG",
        "1326" => "SECCOMP",
        "1327" => "PROCTITLE",
        "1400" => "AVC",
        "1130" => "SERVICE_START",
        "1131" => "SERVICE_STOP",
        _ => kind,
    }
}

static TABLE: &Table = &[
    ("pid", fields::PROCESS_PID),
    ("ppid", fields::PROCESS_PARENT_PID),
    ("comm", fields::PROCESS_NAME),
    ("exe", fields::PROCESS_EXECUTABLE),
    ("cwd", fields::PROCESS_WORKING_DIRECTORY),
    ("gid", fields::USER_GROUP_ID),
    ("euid", fields::USER_EFFECTIVE_ID),
    ("egid", fields::USER_EFFECTIVE_GROUP_ID),
    ("op", fields::EVENT_REASON),
];

/// Nobody's login uid.
const UNSET: [&str; 3] = ["4294967295", "-1", "unset"];

/// Sets the fields of a record.
pub(super) fn fill<'a>(kind: &'a str, row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    row.put(TABLE, event);
    users(row, event);
    put::end(&put::SOURCE, row.get(&["addr"]), event);
    if kind == "MAC_IPSEC_EVENT" {
        put::end(&put::SOURCE, row.get(&["src"]), event);
        put::end(&put::DESTINATION, row.get(&["dst"]), event);
    }
    if let Some(grown) = class_of(kind, row) {
        put::class(&grown, event);
    } else {
        json_keys::lower(fields::EVENT_ACTION, kind, arena, event);
    }
    match row.get(&["res", "success"]) {
        "success" | "yes" | "1" => event.set(fields::EVENT_OUTCOME, Value::Str("success")),
        "failed" | "no" | "0" => event.set(fields::EVENT_OUTCOME, Value::Str("failure")),
        _ => {}
    }
    match kind {
        "SYSCALL" => syscall(row, event),
        "EXECVE" => execve(row, arena, event),
        "PROCTITLE" => event.push_str(fields::PROCESS_TITLE, row.get(&["proctitle"])),
        "USER_CMD" => event.push_str(fields::PROCESS_COMMAND_LINE, row.get(&["cmd"])),
        "PATH" => event.push_str(fields::FILE_PATH, row.get(&["name"])),
        "SOCKADDR" => sockaddr(row, event),
        _ => {}
    }
}

/// The user who logged in (`auid`) acts, and `acct` is who they act as; without a login the `uid` is who acts.
fn users<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    let login = row.get(&["auid"]);
    let login = if UNSET.contains(&login) { "" } else { login };
    let account = row.get(&["acct"]);
    let uid = row.get(&["uid"]);
    // A command's own user is its uid: the record names no account.
    let id = if login.is_empty() || row.has("cmd") || row.has("syscall") { uid } else { login };
    event.push_str(fields::USER_ID, id);
    if !account.is_empty() {
        event.push_str(fields::USER_NAME, account);
        if !login.is_empty() {
            event.push_str(fields::USER_EFFECTIVE_NAME, account);
        }
    } else {
        event.push_str(fields::USER_NAME, row.get(&["AUID", "UID"]));
    }
}

/// A system call: what it does to the process, when its name or number (x86-64) is known to say so.
fn syscall<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    let key = row.get(&["key"]);
    event.push_str(fields::RULE_NAME, key.trim_matches('"'));
    let x86_64 = matches!(row.get(&["arch"]), "c000003e" | "x86_64");
    let call = row.get(&["SYSCALL", "syscall"]);
    if matches!(call, "execve" | "execveat") {
        event.set(fields::EVENT_ACTION, Value::Str("executed"));
    }
    if matches!(call, "execve" | "execveat") || (x86_64 && matches!(call, "59" | "322")) {
        put::words(fields::EVENT_TYPE, &["start"], event);
    }
}

/// The command line of `a0 a1 ...`.
fn execve<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    /// The longest command line put together.
    const BYTES_MAX: usize = 8192;
    event.push_str(fields::PROCESS_EXECUTABLE, row.get(&["a0"]));
    put::count(fields::PROCESS_ARGS_COUNT, row.get(&["argc"]), event);
    let mut line = bumpalo::collections::String::new_in(arena);
    let arguments = row.pairs().filter(|(key, _)| {
        key.strip_prefix('a')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    });
    for (_, value) in arguments.take(256) {
        event.push_str(fields::PROCESS_ARGS, value);
        if line.len() + value.len() < BYTES_MAX {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(value);
        }
    }
    event.push_str(fields::PROCESS_COMMAND_LINE, line.into_bump_str());
}

/// `saddr=02000050C0000201...`: family, port, address; or the enriched `SADDR={ saddr_fam=inet laddr=... lport=80 }`.
fn sockaddr<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    if let Some(address) = row.find(&["laddr"]) {
        put::end(&put::DESTINATION, address, event);
        put::port(fields::DESTINATION_PORT, row.get(&["lport"]), event);
        return;
    }
    let text = row.get(&["saddr"]);
    let byte = |at: usize| text.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let port = || Some(u16::from_be_bytes([byte(2)?, byte(3)?]));
    let ip: Option<std::net::IpAddr> = match text.get(..4) {
        Some("0200") => (|| Some([byte(4)?, byte(5)?, byte(6)?, byte(7)?].into()))(),
        Some("0A00" | "0a00") => {
            let mut bytes = [0; 16];
            for (at, held) in bytes.iter_mut().enumerate() {
                match byte(8 + at) {
                    Some(found) => *held = found,
                    None => return,
                }
            }
            Some(bytes.into())
        }
        _ => None,
    };
    if let (Some(ip), Some(port)) = (ip, port()) {
        event.push(fields::DESTINATION_IP, Value::Ip(ip));
        event.push(fields::DESTINATION_PORT, Value::Int(i64::from(port)));
    }
}

/// Category, type and action of a record type, in the words of auditbeat's normalisation.
fn class_of(kind: &str, row: &Row<'_>) -> Option<Class> {
    match kind {
        "AVC" if row.get(&["apparmor"]) == "DENIED" => of(&["file"], &["denied"], "violated-apparmor-policy"),
        "AVC" if row.has("apparmor") => of(&["file"], &["access"], "apparmor"),
        "SYSCALL" => of(&["process"], &["info"], "syscall"),
        "EXECVE" => of(&["process"], &["start"], "execve"),
        "PROCTITLE" => of(&["process"], &["info"], "proctitle"),
        "PATH" | "CWD" => of(&["file"], &["info"], if kind == "PATH" { "path" } else { "cwd" }),
        "SOCKADDR" => of(&["network"], &["connection"], "sockaddr"),
        "CONFIG_CHANGE" => of(&["process", "configuration"], &["change"], "changed-audit-configuration"),
        "DAEMON_START" => of(&["process"], &["start"], "started-audit"),
        "DAEMON_END" => of(&["process"], &["stop"], "shutdown-audit"),
        "DAEMON_ABORT" => of(&["process"], &["stop"], "aborted-auditd-startup"),
        "DAEMON_CONFIG" => of(&["process", "configuration"], &["change"], "changed-auditd-configuration"),
        "DAEMON_ROTATE" => of(&["process"], &["info"], "rotated-audit-logs"),
        "SERVICE_START" => of(&["process"], &["start"], "started-service"),
        "SERVICE_STOP" => of(&["process"], &["stop"], "stopped-service"),
        "SYSTEM_BOOT" => of(&["host"], &["info"], "booted-system"),
        "SYSTEM_RUNLEVEL" => of(&["host"], &["info"], "changed-to-runlevel"),
        "SYSTEM_SHUTDOWN" => of(&["host"], &["info"], "shutdown-system"),
        "USER_CMD" => of(&["process"], &["start"], "ran-command"),
        "CHGRP_ID" => of(&["process"], &["change"], "changed-group"),
        "CHUSER_ID" => of(&["process"], &["change"], "changed-user-id"),
        "NETFILTER_CFG" => of(&["configuration"], &["change"], "loaded-firewall-rule-to"),
        "AVC" => of(&["process"], &["access"], "violated-selinux-policy"),
        "USER_AVC" => of(&["process"], &["access"], "access-permission"),
        "MAC_STATUS" => of(&["configuration"], &["change"], "changed-selinux-enforcement"),
        "MAC_POLICY_LOAD" | "USER_MAC_POLICY_LOAD" => of(&["configuration"], &["access"], "loaded-selinux-policy"),
        "SECCOMP" => of(&["process"], &["info"], "violated-seccomp-policy"),
        "ANOM_ABEND" => of(&["process"], &["end"], "crashed-program"),
        "ANOM_PROMISCUOUS" => of(&["process"], &["info"], "changed-promiscuous-mode-on-device"),
        "ANOM_LOGIN_FAILURES" => of(&["authentication"], &["info"], "failed-log-in-too-many-times-to"),
        "ANOM_LOGIN_LOCATION" => of(&["authentication"], &["info"], "attempted-log-in-from-unusual-place-to"),
        "ANOM_LOGIN_SESSIONS" => of(&["authentication"], &["info"], "opened-too-many-sessions-to"),
        "ANOM_LOGIN_TIME" => of(&["authentication"], &["info"], "attempted-log-in-during-unusual-hour-to"),
        "ANOM_ROOT_TRANS" => of(&["session"], &["info"], "became-root"),
        "VIRT_CONTROL" => of(&["host"], &["info"], "issued-vm-control"),
        "VIRT_CREATE" => of(&["host"], &["info"], "created-vm-image"),
        "VIRT_DESTROY" => of(&["host"], &["info"], "deleted-vm-image"),
        "VIRT_MACHINE_ID" => of(&["host"], &["creation"], "assigned-vm-id"),
        "VIRT_RESOURCE" => of(&["host"], &["change"], "assigned-vm-resource"),
        "CRYPTO_KEY_USER" => of(&["process"], &["info"], "negotiated-crypto-key"),
        "CRYPTO_SESSION" => of(&["process"], &["info"], "started-crypto-session"),
        "CRYPTO_LOGIN" => of(&["process"], &["info"], "crypto-officer-logged-in"),
        "CRYPTO_LOGOUT" => of(&["process"], &["info"], "crypto-officer-logged-out"),
        "KERNEL_MODULE" | "KERN_MODULE" => of(&["driver"], &["start"], "loaded-kernel-module"),
        "BPF" => of(&["process"], &["info"], "bpf"),
        "TTY" | "USER_TTY" => of(&["process"], &["info"], "typed"),
        "TEST" | "TRUSTED_APP" => of(&["process"], &["info"], "unknown"),
        _ => account_class_of(kind),
    }
}

/// The same of the records about users, groups and their sessions.
fn account_class_of(kind: &str) -> Option<Class> {
    match kind {
        "USER_AUTH" => of(&["authentication"], &["info"], "authenticated"),
        "USER_ACCT" => of(&["authentication"], &["info"], "was-authorized"),
        "USER_LOGIN" => of(&["authentication", "session"], &["start"], "logged-in"),
        "USER_LOGOUT" => of(&["session"], &["end"], "logged-out"),
        "USER_ERR" => of(&["authentication"], &["info"], "error"),
        "USER_START" => of(&["session"], &["start"], "started-session"),
        "USER_END" => of(&["session"], &["end"], "ended-session"),
        "USER_CHAUTHTOK" => of(&["iam"], &["user", "change"], "changed-password"),
        "USER_MGMT" => of(&["iam"], &["user", "change"], "modified-user-account"),
        "USER_ROLE_CHANGE" => of(&["iam"], &["user", "change"], "changed-role-to"),
        "CRED_ACQ" => of(&["authentication"], &["info"], "acquired-credentials"),
        "CRED_DISP" => of(&["authentication"], &["info"], "disposed-credentials"),
        "CRED_REFR" => of(&["authentication"], &["info"], "refreshed-credentials"),
        "LOGIN" => of(&["authentication"], &["start"], "changed-login-id-to"),
        "ACCT_LOCK" | "RESP_ACCT_LOCK" => of(&["iam"], &["user", "info"], "locked-account"),
        "ACCT_UNLOCK" => of(&["iam"], &["user", "info"], "unlocked-account"),
        "ADD_USER" => of(&["iam"], &["user", "creation"], "added-user-account"),
        "DEL_USER" => of(&["iam"], &["user", "deletion"], "deleted-user-account"),
        "ADD_GROUP" => of(&["iam"], &["group", "creation"], "added-group-account-to"),
        "DEL_GROUP" => of(&["iam"], &["group", "deletion"], "deleted-group-account-from"),
        "GRP_MGMT" => of(&["iam"], &["group", "change"], "modified-group-account"),
        "GRP_CHAUTHTOK" => of(&["iam"], &["group", "change"], "changed-group-password"),
        "ROLE_ASSIGN" => of(&["iam"], &["user", "change"], "assigned-user-role-to"),
        "ROLE_REMOVE" => of(&["iam"], &["user", "change"], "removed-user-role-from"),
        "ROLE_MODIFY" => of(&["iam"], &["change"], "modified-role"),
        _ => None,
    }
}

fn of(category: &'static [&'static str], kind: &'static [&'static str], action: &'static str) -> Option<Class> {
    Some(Class { category, kind, action, outcome: "" })
}
