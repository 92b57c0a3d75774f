//! Daemons of a Linux host that name a user or an address: pkexec, vsftpd, Dovecot, OpenSSH's SFTP server, xinetd and
//! tcp_wrappers, fail2ban, net-snmp, atd.
//!
//! Sources: polkit's pkexec.c; vsftpd's logging.c; Dovecot's login-common; OpenSSH's sftp-server.c; xinetd's log.c.

use stream::{FieldId, Value, fields};

use super::entry::{Class, Entry, between, digits, ip, port, unquote, word};

const LOGIN: Class = Class {
    category: &["authentication", "session"],
    kind: &["start", "info"],
    action: "logged-on",
    outcome: "success",
};
const LOGIN_FAILED: Class =
    Class { category: &["authentication"], kind: &["start", "info"], action: "logon-failed", outcome: "failure" };
const LOGOUT: Class = Class { category: &["session"], kind: &["end"], action: "logged-off", outcome: "" };
const SESSION: Class = Class { category: &["session"], kind: &["start"], action: "sftp_session", outcome: "success" };
const SESSION_END: Class = Class { category: &["session"], kind: &["end"], action: "sftp_session", outcome: "" };
const CONNECTED: Class =
    Class { category: &["network"], kind: &["connection", "start"], action: "connect", outcome: "" };
const REFUSED: Class =
    Class { category: &["network"], kind: &["connection", "denied"], action: "connect", outcome: "failure" };
const BANNED: Class =
    Class { category: &["network", "intrusion_detection"], kind: &["denied"], action: "ban", outcome: "" };
const UNBANNED: Class = Class { category: &["network"], kind: &["allowed", "info"], action: "unban", outcome: "" };
const FOUND: Class = Class { category: &["intrusion_detection"], kind: &["info"], action: "found", outcome: "" };
const RUN: Class = Class { category: &["process"], kind: &["start"], action: "pkexec_command", outcome: "success" };
const RUN_DENIED: Class =
    Class { category: &["authentication", "process"], kind: &["denied"], action: "pkexec_command", outcome: "failure" };

/// Reads the message of a program of this file; other programs set nothing.
pub(super) fn read(program: &str, entry: &mut Entry<'_, '_>) {
    match program {
        "pkexec" => pkexec(entry),
        "vsftpd" | "ftpd" | "proftpd" => ftp(entry),
        "dovecot" | "imap-login" | "pop3-login" | "managesieve-login" => dovecot(entry),
        "internal-sftp" | "sftp-server" => sftp(entry),
        "xinetd" => xinetd(entry),
        "snmpd" => snmp(entry),
        "amavis" => amavis(entry),
        "clamd" | "clamav-milter" => clamav(entry),
        _ if program.starts_with("fail2ban") => fail2ban(entry),
        _ => wrapped(entry),
    }
}

/// `sato: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/sato] [COMMAND=/usr/bin/id]`
fn pkexec(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    let Some((user, what)) = text.split_once(": ") else { return };
    let denied = what.starts_with("Error executing command") || what.starts_with("The value for");
    entry.class(if denied { &RUN_DENIED } else { &RUN });
    entry.user(user);
    if denied {
        entry.text(fields::EVENT_REASON, what.split(" [").next().unwrap_or(""));
    }
    let of = |key: &str| between(text, key, "]").unwrap_or("");
    entry.text(fields::USER_EFFECTIVE_NAME, of("[USER="));
    entry.text(fields::PROCESS_WORKING_DIRECTORY, of("[CWD="));
    entry.text(fields::PROCESS_COMMAND_LINE, of("[COMMAND="));
}

/// `[sato] OK LOGIN: Client "192.0.2.1"`, `[sato] FAIL LOGIN: Client "::ffff:192.0.2.1"`, `CONNECT: Client "192.0.2.1"`,
/// `[sato] OK UPLOAD: Client "192.0.2.1", "/srv/a.txt", 512 bytes, 1.00Kbyte/sec`
fn ftp(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let Some((what, rest)) = text.split_once(": Client \"") else { return };
    let (address, tail) = rest.split_once('"').unwrap_or((rest, ""));
    let what = what.rsplit_once("] ").map_or(what, |(users, verb)| {
        entry.user(users.rsplit('[').next().unwrap_or(""));
        verb
    });
    entry.source(address.strip_prefix("::ffff:").unwrap_or(address));
    let moved = |action| Class { category: &["file"], kind: &["access"], action, outcome: "" };
    match what {
        "OK LOGIN" => entry.class(&LOGIN),
        "FAIL LOGIN" => entry.class(&LOGIN_FAILED),
        "CONNECT" => entry.class(&CONNECTED),
        _ => {
            let failed = what.starts_with("FAIL");
            let action = match what.rsplit(' ').next().unwrap_or("") {
                "UPLOAD" => "ftp_upload",
                "DOWNLOAD" => "ftp_download",
                "DELETE" => "ftp_delete",
                "RENAME" => "ftp_rename",
                "MKDIR" => "ftp_mkdir",
                _ => return,
            };
            entry.class(&Class { outcome: if failed { "failure" } else { "success" }, ..moved(action) });
            path(entry, fields::FILE_PATH, between(tail, "\"", "\"").unwrap_or(""));
        }
    }
}

/// `imap-login: Login: user=<sato>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.1, mpid=5, TLS`,
/// `imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<sato>, method=PLAIN, rip=192.0.2.1, lip=...`,
/// `imap(sato): Logged out in=50 out=500`
fn dovecot(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    if let Some(name) = between(text, "user=<", ">") {
        entry.user(name);
        let failed = text.contains("auth failed") || text.contains("Aborted login");
        if failed {
            entry.class(&LOGIN_FAILED);
            entry.text(fields::EVENT_REASON, between(text, "(", ")").unwrap_or(""));
        } else if text.contains("Login: ") {
            entry.class(&LOGIN);
        } else {
            entry.class(&LOGOUT);
        }
    } else if let Some(name) = between(text, "(", ")").filter(|_| text.contains("Logged out")) {
        entry.class(&LOGOUT);
        entry.user(name);
    }
    let of = |key: &str| text.split_once(key).and_then(|(_, rest)| rest.split([',', ' ']).next()).unwrap_or("");
    entry.source(of("rip="));
    entry.source_port(of("rport="));
    if let Some(own) = ip(of("lip=")) {
        entry.event.push(fields::DESTINATION_IP, Value::Ip(own));
    }
}

/// `session opened for local user sato from [192.0.2.1]`, `open "/a.txt" flags WRITE,CREATE mode 0644`, `remove name "/a"`,
/// `rename old "/a" new "/b"`, `close "/a.txt" bytes read 0 written 5`
fn sftp(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    if let Some((verb, rest)) = text.strip_prefix("session ").and_then(|rest| rest.split_once(" for local user ")) {
        entry.class(if verb == "opened" { &SESSION } else { &SESSION_END });
        entry.user(word(rest).0);
        entry.source(between(rest, "from [", "]").unwrap_or(""));
        return;
    }
    let (verb, rest) = word(text);
    let (kind, action): (&'static [&'static str], &'static str) = match verb {
        "open" if rest.contains("WRITE") => (&["creation"], "sftp_write"),
        "open" => (&["access"], "sftp_read"),
        "opendir" => (&["access"], "sftp_list"),
        "close" => (&["access"], "sftp_close"),
        "remove" => (&["deletion"], "sftp_remove"),
        "rmdir" => (&["deletion"], "sftp_rmdir"),
        "mkdir" => (&["creation"], "sftp_mkdir"),
        "rename" | "posix-rename" => (&["change"], "sftp_rename"),
        "set" | "fset" => (&["change"], "sftp_set"),
        "symlink" | "hardlink" => (&["creation"], "sftp_link"),
        _ => return,
    };
    entry.class(&Class { category: &["file"], kind, action, outcome: "" });
    path(entry, fields::FILE_PATH, between(rest, "\"", "\"").unwrap_or(""));
    if let Some((_, new)) = rest.split_once(" new ") {
        entry.text(fields::FILE_TARGET_PATH, unquote(new));
    }
}

fn path<'a>(entry: &mut Entry<'_, 'a>, field: FieldId, path: &'a str) {
    entry.text(field, path);
    entry.text(fields::FILE_NAME, path.rsplit('/').next().unwrap_or(""));
}

/// `START: telnet pid=5 from=192.0.2.1`, `EXIT: telnet status=0 pid=5 duration=2(sec)`, `FAIL: telnet address from=192.0.2.1`
fn xinetd(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let Some((verb, rest)) = text.split_once(": ") else { return };
    match verb {
        "START" => entry.class(&CONNECTED),
        "FAIL" => entry.class(&REFUSED),
        "EXIT" => entry.class(&Class {
            category: &["network"],
            kind: &["connection", "end"],
            action: "disconnect",
            outcome: "",
        }),
        _ => return,
    }
    entry.text(fields::NETWORK_PROTOCOL, word(rest).0);
    let from = rest.split_once("from=").map_or("", |(_, rest)| word(rest).0);
    entry.source(from.strip_prefix("::ffff:").unwrap_or(from));
}

/// `Connection from UDP: [192.0.2.1]:50000->[198.51.100.1]:161`
fn snmp(entry: &mut Entry<'_, '_>) {
    let Some(rest) = entry.message.trim_start().strip_prefix("Connection from ") else { return };
    entry.class(&CONNECTED);
    entry.text(fields::NETWORK_PROTOCOL, "snmp");
    let (from, to) = rest.split_once("->").unwrap_or((rest, ""));
    entry.source(between(from, "[", "]").unwrap_or(""));
    entry.source_port(from.rsplit_once("]:").map_or("", |(_, port)| digits(port)));
    if let Some(own) = between(to, "[", "]").and_then(ip) {
        entry.event.push(fields::DESTINATION_IP, Value::Ip(own));
    }
    if let Some(own) = to.rsplit_once("]:").and_then(|(_, text)| port(digits(text))) {
        entry.event.push(fields::DESTINATION_PORT, Value::Int(own));
    }
}

/// `NOTICE [sshd] Ban 192.0.2.1`, `INFO [sshd] Found 192.0.2.1 - 2026-11-20 10:00:00`
fn fail2ban(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    let Some((jail, rest)) = text.split_once('[').and_then(|(_, rest)| rest.split_once("] ")) else { return };
    let rest = rest.strip_prefix("Restore ").unwrap_or(rest);
    let (verb, rest) = word(rest);
    match verb {
        "Ban" => entry.class(&BANNED),
        "Unban" => entry.class(&UNBANNED),
        "Found" => entry.class(&FOUND),
        _ => return,
    }
    entry.text(fields::RULE_NAME, jail);
    entry.source(word(rest).0);
}

/// `(901-01) Blocked INFECTED (Eicar) {...}, [192.0.2.1]:41022 <a@example.jp> -> <b@example.jp>, ..., Message-ID: <m@x>, ...`
fn amavis(entry: &mut Entry<'_, '_>) {
    let text = entry.message;
    let Some((verdict, rest)) = text
        .split_once(") ")
        .map(|(_, rest)| rest)
        .filter(|rest| rest.starts_with("Blocked ") || rest.starts_with("Passed "))
        .and_then(|rest| rest.split_once(" {"))
    else {
        return;
    };
    let infected = verdict.contains("INFECTED");
    let category: &'static [&'static str] = if infected { &["email", "malware"] } else { &["email"] };
    let blocked = verdict.starts_with("Blocked");
    entry.class(&Class {
        category,
        kind: if blocked { &["info", "denied"] } else { &["info", "allowed"] },
        action: if blocked { "mail-blocked" } else { "mail-passed" },
        outcome: "",
    });
    entry.text(fields::EVENT_REASON, verdict);
    entry.text(fields::RULE_NAME, between(verdict, "(", ")").unwrap_or(""));
    entry.source(between(rest, ", [", "]").unwrap_or(""));
    entry.source_port(between(rest, "]:", " ").unwrap_or(""));
    if let Some((from, to)) = rest.split_once(" -> ") {
        entry
            .text(fields::EMAIL_FROM_ADDRESS, from.rsplit_once('<').map_or("", |(_, name)| name.trim_end_matches('>')));
        entry.text(fields::EMAIL_TO_ADDRESS, between(to, "<", ">").unwrap_or(""));
    }
    entry.text(fields::EMAIL_MESSAGE_ID, between(rest, "Message-ID: <", ">").unwrap_or(""));
}

/// `/srv/a.exe: Eicar-Signature FOUND`
fn clamav(entry: &mut Entry<'_, '_>) {
    let found = entry.message.trim().strip_suffix(" FOUND").and_then(|text| text.rsplit_once(": "));
    if let Some((file, name)) = found {
        entry.class(&Class {
            category: &["malware", "file"],
            kind: &["info"],
            action: "malware-detected",
            outcome: "",
        });
        path(entry, fields::FILE_PATH, file.rsplit_once(" -> ").map_or(file, |(_, file)| file));
        entry.text(fields::RULE_NAME, name);
    }
}

/// tcp_wrappers: `connect from host.example.jp (192.0.2.1)`, `refused connect from 192.0.2.1 (192.0.2.1)`
fn wrapped(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let (peer, class) = match text.strip_prefix("refused connect from ") {
        Some(peer) => (peer, &REFUSED),
        None => match text.strip_prefix("connect from ") {
            Some(peer) => (peer, &CONNECTED),
            None => return,
        },
    };
    entry.class(class);
    let name = word(peer).0;
    entry.source(between(peer, "(", ")").unwrap_or(name));
    if ip(name).is_none() {
        entry.text(fields::SOURCE_DOMAIN, name);
    }
}
