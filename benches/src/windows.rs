//! Windows Security events 4624, 4625 and 4688 as winlogbeat writes them.

use crate::random::{Random, clock};

pub(crate) fn line(index: u64, random: &mut Random) -> String {
    let (hour, minute, second) = clock(index / 20);
    // The clock is Japan's, the event's is UTC.
    let hour = (hour + 24 - 9) % 24;
    // One person sits at one terminal.
    let seat = random.below(900);
    let (host, user) = (format!("PC-{seat:04}"), format!("shokuin{seat:04}"));
    let address = format!("10.20.{}.{}", seat / 250, 1 + seat % 250);
    let (id, action, outcome, keywords) = match random.below(200) {
        0 => (4625, "logon-failed", "failure", "Audit Failure"),
        1..110 => (4624, "logged-in", "success", "Audit Success"),
        _ => (4688, "created-process", "success", "Audit Success"),
    };
    let data = if id == 4688 {
        format!(
            r#""SubjectUserName":"{user}","SubjectDomainName":"CITY","SubjectLogonId":"0x3e7","NewProcessId":"0x{:x}","NewProcessName":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd.exe /c dir C:\\Users\\{user}","ParentProcessName":"C:\\Windows\\explorer.exe","TokenElevationType":"%%1938""#,
            random.below(60_000)
        )
    } else {
        format!(
            r#""SubjectUserSid":"S-1-5-18","SubjectUserName":"{host}$","SubjectDomainName":"CITY","TargetUserName":"{user}","TargetDomainName":"CITY","TargetLogonId":"0x{:x}","LogonType":"{}","LogonProcessName":"Kerberos","AuthenticationPackageName":"Kerberos","WorkstationName":"{host}","IpAddress":"{address}","IpPort":"{}","Status":"0xc000006d","SubStatus":"0xc000006a""#,
            random.below(1 << 40),
            random.pick(&[2, 3, 10]),
            1024 + random.below(60_000)
        )
    };
    format!(
        r#"{{"@timestamp":"2026-11-20T{hour:02}:{minute:02}:{second:02}.{:03}Z","event":{{"code":"{id}","kind":"event","provider":"Microsoft-Windows-Security-Auditing","action":"{action}","outcome":"{outcome}"}},"host":{{"name":"{host}.city.example.jp"}},"log":{{"level":"information"}},"winlog":{{"api":"wineventlog","channel":"Security","computer_name":"{host}.city.example.jp","event_id":{id},"provider_name":"Microsoft-Windows-Security-Auditing","record_id":{},"keywords":["{keywords}"],"opcode":"Info","process":{{"pid":712,"thread":{{"id":{}}}}},"event_data":{{{data}}}}}}}"#,
        random.below(1000),
        5_000_000 + index,
        random.below(9000),
    )
}
