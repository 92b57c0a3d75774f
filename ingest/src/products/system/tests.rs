//! Lines of every kind, and what must be read from them. A value `!` means that the field must be absent.

use bumpalo::Bump;
use stream::{Event, Timestamp, fields};

use super::System;
use crate::parser::{Context, Parser as _};

/// Late in 2026, so that lines of November without a year are of that year.
fn context() -> Context {
    Context::tokyo(Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap())
}

fn check(line: &str, expected: &[(&str, &str)]) {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    let result = System::default().parse(line, &context(), &arena, &mut event);
    assert_eq!(result, Ok(()), "{line}");
    for (name, value) in expected {
        let field = fields::lookup(name).unwrap_or_else(|| panic!("no field {name}"));
        let held: Vec<String> = event.all(field).map(|value| value.text().into_owned()).collect();
        let held = if held.is_empty() { "!".to_owned() } else { held.join(",") };
        assert_eq!(held, *value, "{name} of {line}");
    }
}

/// The message of sshd in `text`.
fn sshd(text: &str, expected: &[(&str, &str)]) {
    check(&format!("Nov 20 09:00:00 web01 sshd[1234]: {text}"), expected);
}

#[test]
fn headers() {
    let common = [
        ("@timestamp", "2026-11-20T00:00:00Z"),
        ("host.hostname", "web01"),
        ("process.name", "sshd"),
        ("process.pid", "1234"),
        ("source.ip", "192.0.2.1"),
        ("sekisho.logsource.product", "linux"),
        ("sekisho.logsource.service", "sshd,auth"),
    ];
    for header in [
        "Nov 20 09:00:00 web01 sshd[1234]:",
        "<38>Nov 20 09:00:00 web01 sshd[1234]:",
        "<38>Nov 20 2026 09:00:00 web01 sshd[1234]:",
        "2026-11-20T09:00:00+09:00 web01 sshd[1234]:",
        "<38>2026-11-20T00:00:00Z web01 sshd[1234]:",
        "2026-11-20T09:00:00.000000 web01 sshd[1234]:",
        "<38>1 2026-11-20T09:00:00+09:00 web01 sshd 1234 - -",
        "<38>1 2026-11-20T09:00:00+09:00 web01 sshd 1234 ID1 [origin ip=\"198.51.100.1\"]",
    ] {
        check(&format!("{header} Failed password for sato from 192.0.2.1 port 5 ssh2"), &common);
    }
    check(
        "Nov 20 09:00:00  sshd[1234]: last message repeated 2 times",
        &[("host.hostname", "!"), ("process.name", "sshd"), ("process.pid", "1234"), ("event.action", "!")],
    );
    check(
        "Nov 20 09:00:00 mac01 Example Browser[85]: value: 1",
        &[
            ("host.hostname", "mac01"),
            ("process.name", "Example Browser"),
            ("process.pid", "85"),
            ("message", "value: 1"),
        ],
    );
    check(
        "Nov 20 09:00:00 mac01 com.example.launchd[1] (com.example.look[22]): Endpoint: up",
        &[("process.name", "com.example.launchd[1] (com.example.look[22])"), ("message", "Endpoint: up")],
    );
    check(
        "<13>Nov 20 09:00:00 web01 myapp: 起動しました",
        &[
            ("process.name", "myapp"),
            ("message", "起動しました"),
            ("log.syslog.facility.code", "1"),
            ("sekisho.logsource.service", "syslog"),
            ("event.kind", "event"),
        ],
    );
    check("ただの文", &[("message", "ただの文"), ("process.name", "!")]);
}

#[test]
fn empty_lines_are_refused() {
    let arena = Bump::new();
    for line in ["", "  ", "\r"] {
        let mut event = Event::new_in(&arena);
        assert!(System::default().parse(line, &context(), &arena, &mut event).is_err());
    }
}

#[test]
fn sshd_logins() {
    sshd(
        "Accepted publickey for sato from 192.0.2.1 port 50022 ssh2: ED25519 SHA256:abc",
        &[
            ("event.action", "ssh_login"),
            ("event.outcome", "success"),
            ("event.category", "authentication,session"),
            ("user.name", "sato"),
            ("source.ip", "192.0.2.1"),
            ("source.port", "50022"),
            ("system.auth.ssh.method", "publickey"),
            ("system.auth.ssh.signature", "ED25519 SHA256:abc"),
        ],
    );
    sshd(
        "Failed password for invalid user  from 198.51.100.7 port 4 ssh2",
        &[("event.outcome", "failure"), ("user.name", "!"), ("source.ip", "198.51.100.7")],
    );
    sshd(
        "Failed password for invalid user root from 203.0.113.1 port 9 from 198.51.100.7 port 4 ssh2",
        &[("source.ip", "198.51.100.7"), ("source.port", "4"), ("user.name", "root from 203.0.113.1 port 9")],
    );
    sshd(
        "Failed keyboard-interactive/pam for sato from fe80::1%eth0 port 4 ssh2",
        &[("source.ip", "fe80::1"), ("source.address", "fe80::1%eth0"), ("user.name", "sato")],
    );
    sshd(
        "Failed none for sato from web.example.jp port 4 ssh2",
        &[("source.domain", "web.example.jp"), ("source.ip", "!")],
    );
    sshd(
        "Invalid user admin from 198.51.100.7 port 4",
        &[("event.outcome", "failure"), ("user.name", "admin"), ("source.port", "4")],
    );
    sshd(
        "Invalid user  from 198.51.100.7 port 4",
        &[("user.name", "!"), ("source.ip", "198.51.100.7"), ("source.port", "4")],
    );
    sshd("Illegal user test from ::ffff:198.51.100.7", &[("event.outcome", "failure"), ("user.name", "test")]);
    sshd(
        "Postponed publickey for sato from 192.0.2.1 port 4 ssh2 [preauth]",
        &[("event.outcome", "unknown"), ("user.name", "sato")],
    );
    sshd(
        "message repeated 3 times: [ Failed password for root from 198.51.100.7 port 4 ssh2]",
        &[("event.action", "ssh_login"), ("user.name", "root"), ("source.ip", "198.51.100.7"), ("source.port", "4")],
    );
    sshd(
        "User sato from 192.0.2.1 not allowed because not listed in AllowUsers",
        &[("event.outcome", "failure"), ("user.name", "sato"), ("event.reason", "not listed in AllowUsers")],
    );
    sshd("User sato not allowed because account is locked", &[("user.name", "sato"), ("source.ip", "!")]);
    sshd("ROOT LOGIN REFUSED FROM 198.51.100.7 port 4 [preauth]", &[("user.name", "root"), ("source.port", "4")]);
    sshd(
        "error: PAM: Authentication failure for illegal user test from 198.51.100.7",
        &[("event.outcome", "failure"), ("user.name", "test"), ("source.ip", "198.51.100.7")],
    );
    sshd(
        "input_userauth_request: invalid user oracle [preauth]",
        &[("user.name", "oracle"), ("event.outcome", "failure")],
    );
    sshd("subsystem request for sftp by user sato", &[("user.name", "sato")]);
}

#[test]
fn sshd_connections() {
    let closed = [("event.action", "ssh_disconnect"), ("source.ip", "198.51.100.7"), ("source.port", "4")];
    for text in [
        "Connection closed by 198.51.100.7 port 4",
        "Connection closed by 198.51.100.7 port 4 [preauth]",
        "Connection reset by 198.51.100.7 port 4",
        "Connection closed by authenticating user root 198.51.100.7 port 4 [preauth]",
        "Connection reset by invalid user  198.51.100.7 port 4 [preauth]",
        "Disconnected from user sato 198.51.100.7 port 4",
        "Disconnected from invalid user a b 198.51.100.7 port 4 [preauth]",
        "Received disconnect from 198.51.100.7 port 4:11: Bye Bye from 192.0.2.1 port 5 [preauth]",
        "Timeout, client not responding from user sato 198.51.100.7 port 4",
        "fatal: Timeout before authentication for 198.51.100.7 port 4",
    ] {
        sshd(text, &closed);
    }
    sshd("Disconnected from invalid user a b 198.51.100.7 port 4 [preauth]", &[("user.name", "a b")]);
    sshd(
        "Disconnecting invalid user admin 198.51.100.7 port 4: Too many authentication failures [preauth]",
        &[
            ("event.action", "ssh_login"),
            ("event.outcome", "failure"),
            ("user.name", "admin"),
            ("source.ip", "198.51.100.7"),
            ("event.reason", "Too many authentication failures"),
        ],
    );
    sshd(
        "error: maximum authentication attempts exceeded for invalid user oracle from 198.51.100.7 port 4 ssh2 [preauth]",
        &[("event.type", "denied"), ("user.name", "oracle"), ("source.port", "4")],
    );
    sshd(
        "Received disconnect from 198.51.100.7: 11:  [preauth]",
        &[("source.ip", "198.51.100.7"), ("source.port", "!")],
    );
    sshd(
        "Connection from 198.51.100.7 port 4 on 192.0.2.1 port 22 rdomain \"\"",
        &[
            ("event.action", "ssh_connect"),
            ("source.ip", "198.51.100.7"),
            ("source.port", "4"),
            ("destination.port", "22"),
        ],
    );
    sshd("Connection closed by UNKNOWN port 65535", &[("source.address", "!")]);
    sshd(
        "drop connection #10 from [198.51.100.7]:4 on [192.0.2.1]:22 past MaxStartups",
        &[("source.ip", "198.51.100.7"), ("source.port", "4"), ("event.outcome", "failure")],
    );
    sshd(
        "Starting session: shell on pts/0 for sato from 192.0.2.1 port 5 id 0",
        &[("event.category", "session"), ("user.name", "sato"), ("source.port", "5")],
    );
    sshd("Close session: user sato from 192.0.2.1 port 5 id 0", &[("event.type", "end"), ("user.name", "sato")]);
    sshd("Server listening on 0.0.0.0 port 22.", &[("event.action", "ssh_listen")]);
    sshd(
        "refused connect from x.example.jp (198.51.100.7)",
        &[("source.ip", "198.51.100.7"), ("event.outcome", "failure")],
    );
}

#[test]
fn sshd_probes() {
    let probe = [("event.action", "ssh_probe"), ("source.ip", "198.51.100.7")];
    for text in [
        "Did not receive identification string from 198.51.100.7",
        "Did not receive identification string from 198.51.100.7 port 4",
        "Bad protocol version identification 'GET / HTTP/1.1' from 198.51.100.7 port 4",
        "error: Protocol major versions differ for 198.51.100.7: SSH-2.0-OpenSSH_9.2 vs. SSH-1.5-x",
        "Unable to negotiate with 198.51.100.7 port 4: no matching key exchange method found. Their offer: x [preauth]",
        "banner exchange: Connection from 198.51.100.7 port 4: invalid format",
    ] {
        sshd(text, &probe);
    }
    sshd(
        "reverse mapping checking getaddrinfo for x.example.jp [198.51.100.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
        &[("event.action", "reverse_mapping_failed"), ("source.ip", "198.51.100.7"), ("source.domain", "x.example.jp")],
    );
    sshd(
        "Address 198.51.100.7 maps to x.example.jp, but this does not map back to the address.",
        &[("event.action", "reverse_mapping_failed"), ("source.ip", "198.51.100.7"), ("source.domain", "x.example.jp")],
    );
}

#[test]
fn pam() {
    sshd(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.7  user=root",
        &[
            ("event.action", "authentication_failure"),
            ("event.outcome", "failure"),
            ("source.ip", "198.51.100.7"),
            ("user.name", "root"),
            ("system.auth.pam.service", "sshd"),
        ],
    );
    sshd(
        "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=x.example.jp  user=root",
        &[("event.outcome", "failure"), ("source.domain", "x.example.jp"), ("user.name", "root")],
    );
    sshd(
        "pam_unix(sshd:session): session opened for user sato(uid=1000) by (uid=0)",
        &[("event.action", "logged-on"), ("user.name", "sato"), ("user.id", "1000"), ("user.effective.name", "!")],
    );
    sshd("pam_unix(sshd:session): session opened for user sato by (uid=0)", &[("user.name", "sato"), ("user.id", "!")]);
    sshd(
        "pam_unix(sshd:session): session closed for user sato",
        &[("event.action", "logged-off"), ("user.name", "sato")],
    );
    check(
        "Nov 20 09:00:00 web01 sudo: pam_unix(sudo:session): session opened for user root(uid=0) by sato(uid=1000)",
        &[("user.name", "sato"), ("user.id", "1000"), ("user.effective.name", "root"), ("user.effective.id", "0")],
    );
    check(
        "Nov 20 09:00:00 web01 su: pam_unix(su:auth): authentication failure; logname=sato uid=1000 euid=0 tty=pts/0 ruser=sato rhost=  user=root",
        &[
            ("user.name", "sato"),
            ("user.effective.name", "root"),
            ("event.outcome", "failure"),
            ("source.address", "!"),
        ],
    );
    sshd("pam_unix(sshd:auth): check pass; user unknown", &[("event.outcome", "failure")]);
    sshd(
        "pam_succeed_if(sshd:auth): requirement \"uid >= 1000\" not met by user \"root\"",
        &[("user.name", "root"), ("event.outcome", "!")],
    );
    sshd(
        "pam_faillock(sshd:auth): Consecutive login failures for user sato account temporarily locked",
        &[("event.action", "account-locked"), ("user.name", "sato")],
    );
    sshd(
        "pam_tally2(sshd:auth): user root (0) tally 5, deny 3",
        &[("event.action", "account-locked"), ("user.name", "root")],
    );
    sshd(
        "pam_access(sshd:account): access denied for user `sato' from `198.51.100.7'",
        &[("user.name", "sato"), ("source.ip", "198.51.100.7")],
    );
    sshd(
        "pam_sss(sshd:auth): received for user sato: 7 (Authentication failure)",
        &[("user.name", "sato"), ("event.outcome", "failure")],
    );
    check(
        "Nov 20 09:00:00 web01 unix_chkpwd[5]: password check failed for user (root)",
        &[("user.name", "root"), ("event.outcome", "failure")],
    );
    check(
        "Nov 20 09:00:00 web01 passwd[5]: pam_unix(passwd:chauthtok): password changed for sato",
        &[("event.action", "password-changed"), ("event.category", "iam"), ("user.target.name", "sato")],
    );
}

#[test]
fn sudo_and_su() {
    check(
        "Nov 20 09:00:00 web01 sudo:     sato : TTY=pts/0 ; PWD=/home/sato ; USER=root ; COMMAND=/bin/sh -c a; b ; c",
        &[
            ("user.name", "sato"),
            ("user.effective.name", "root"),
            ("process.command_line", "/bin/sh -c a; b ; c"),
            ("event.outcome", "success"),
            ("sekisho.logsource.service", "sudo,auth"),
            ("process.working_directory", "/home/sato"),
        ],
    );
    for (reason, error) in [
        ("3 incorrect password attempts ; TTY=pts/0", "3 incorrect password attempts"),
        ("user NOT in sudoers ; TTY=pts/0", "user NOT in sudoers"),
        ("command not allowed ; HOST=web01 ; TTY=pts/0", "command not allowed"),
    ] {
        check(
            &format!("Nov 20 09:00:00 web01 sudo: sato : {reason} ; PWD=/ ; USER=root ; GROUP=wheel ; COMMAND=/bin/ls"),
            &[
                ("event.outcome", "failure"),
                ("event.reason", error),
                ("system.auth.sudo.error", error),
                ("process.command_line", "/bin/ls"),
            ],
        );
    }
    check(
        "Nov 20 09:00:00 web01 sudo: auth could not identify password for [sato]",
        &[("event.outcome", "failure"), ("user.name", "sato")],
    );
    for (text, outcome) in [
        ("(to root) sato on pts/0", "success"),
        ("FAILED SU (to root) sato on pts/0", "failure"),
        ("Successful su for root by sato", "success"),
        ("FAILED su for root by sato", "failure"),
        ("'su root' succeeded for sato on /dev/pts/0", "success"),
        ("'su root' failed for sato on /dev/pts/0", "failure"),
        ("BAD SU sato to root on /dev/pts/0", "failure"),
        ("sato to root on /dev/pts/0", "success"),
        ("+ /dev/pts/0 sato:root", "success"),
        ("- /dev/pts/0 sato:root", "failure"),
    ] {
        check(
            &format!("Nov 20 09:00:00 web01 su[5]: {text}"),
            &[("user.name", "sato"), ("user.effective.name", "root"), ("event.outcome", outcome)],
        );
    }
}

#[test]
fn accounts() {
    let useradd =
        "Nov 20 09:00:00 web01 useradd[5]: new user: name=sato, UID=1000, GID=1001, home=/home/sato, shell=/bin/sh";
    check(
        useradd,
        &[
            ("event.category", "iam"),
            ("event.type", "creation,user"),
            ("user.id", "1000"),
            ("group.id", "1001"),
            ("event.outcome", "success"),
        ],
    );
    check(
        "Nov 20 09:00:00 web01 groupadd[5]: new group: name=koho, GID=2001",
        &[("group.name", "koho"), ("group.id", "2001"), ("event.type", "creation,group")],
    );
    check(
        "Nov 20 09:00:00 web01 groupadd[5]: group added to /etc/group: name=koho, GID=2001",
        &[("group.name", "koho")],
    );
    check(
        "Nov 20 09:00:00 web01 usermod[5]: add 'sato' to group 'wheel'",
        &[("user.name", "sato"), ("group.name", "wheel"), ("event.action", "group-member-added")],
    );
    check(
        "Nov 20 09:00:00 web01 gpasswd[5]: user sato added by root to group wheel",
        &[("user.name", "root"), ("user.target.name", "sato"), ("group.name", "wheel")],
    );
    check(
        "Nov 20 09:00:00 web01 userdel[5]: delete user 'sato'",
        &[("user.name", "sato"), ("event.type", "deletion,user")],
    );
    check(
        "Nov 20 09:00:00 web01 useradd[5]: failed adding user 'sato', exit code: 9",
        &[("user.name", "sato"), ("event.outcome", "failure")],
    );
}

#[test]
fn cron_and_sessions() {
    check(
        "Nov 20 09:00:00 web01 CRON[5]: (root) CMD (cd / && run-parts (x))",
        &[
            ("user.name", "root"),
            ("process.command_line", "cd / && run-parts (x)"),
            ("sekisho.logsource.service", "cron"),
        ],
    );
    check("Nov 20 09:00:00 web01 /USR/SBIN/CRON[5]: (root) CMD (a)", &[("process.command_line", "a")]);
    check(
        "Nov 20 09:00:00 web01 crontab[5]: (sato) REPLACE (sato)",
        &[("event.action", "crontab_changed"), ("user.name", "sato")],
    );
    check("Nov 20 09:00:00 web01 crond[5]: (CRON) INFO (Running @reboot jobs)", &[("user.name", "!")]);
    check(
        "Nov 20 09:00:00 web01 systemd-logind[5]: New session 12 of user sato.",
        &[("user.name", "sato"), ("system.auth.session.id", "12"), ("event.action", "logged-on")],
    );
    check(
        "Nov 20 09:00:00 web01 systemd-logind[5]: New session '12' of user 'sato' with class 'user' and type 'tty'.",
        &[("user.name", "sato"), ("system.auth.session.id", "12")],
    );
    check(
        "Nov 20 09:00:00 web01 systemd-logind[5]: Removed session 12.",
        &[("event.action", "logged-off"), ("system.auth.session.id", "12")],
    );
    check(
        "Nov 20 09:00:00 web01 login[5]: FAILED LOGIN (1) on '/dev/tty1' FOR 'sato', Authentication failure",
        &[("user.name", "sato"), ("event.outcome", "failure")],
    );
    check("Nov 20 09:00:00 web01 login[5]: ROOT LOGIN ON tty1", &[("user.name", "root"), ("event.outcome", "success")]);
    check(
        "Nov 20 09:00:00 web01 dhclient: DHCPACK of 192.168.0.9 from 192.168.0.1",
        &[("server.ip", "192.168.0.1"), ("client.ip", "192.168.0.9")],
    );
    check(
        "Nov 20 09:00:00 web01 sshd(pam_unix)[5]: session opened for user sato by (uid=0)",
        &[("user.name", "sato"), ("sekisho.logsource.service", "sshd,auth")],
    );
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,80}") {
        let arena = Bump::new();
        for lead in ["", "Nov 20 09:00:00 h sshd[1]: ", "Nov 20 09:00:00 h sudo: ", "Nov 20 09:00:00 h su: ", "<1>1 - - useradd - - ", "Nov 20 09:00:00 h sshd: pam_unix(a:b): ", "Nov 20 09:00:00 h sshd[1]: Failed password for "] {
            let line = format!("{lead}{text}");
            let mut event = Event::new_in(&arena);
            let _ = System::default().parse(&line, &context(), &arena, &mut event);
        }
    }

    #[test]
    fn never_panics_on_words(words in proptest::collection::vec(proptest::sample::select(vec![
        "Failed", "password", "for", "invalid", "user", "from", "192.0.2.1", "port", "22", "ssh2", ":", "[", "]", "(", ")",
        "session", "opened", "by", "(uid=0)", "TTY=a", ";", "USER=", "COMMAND=", "add", "'x'", "to", "group", "rhost=", "あ",
        "Connection", "closed", "Received", "disconnect", "CMD", "Address", "maps",
    ]), 0..14)) {
        let arena = Bump::new();
        for program in ["sshd[1]", "sudo", "su", "CRON[2]", "usermod", "systemd-logind", "login", "polkitd", "dhclient"] {
            let line = format!("Nov 20 09:00:00 h {program}: {}", words.join(" "));
            let mut event = Event::new_in(&arena);
            let _ = System::default().parse(&line, &context(), &arena, &mut event);
        }
    }
}
