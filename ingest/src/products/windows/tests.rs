//! One event in every form, the events whose mapping differs, and damage. A value `!` means that the field must be absent.

use bumpalo::Bump;
use stream::{Event, Timestamp, fields};

use super::Windows;
use crate::parser::{Context, Parser as _, Reason};

fn context() -> Context {
    Context::tokyo(Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap())
}

fn parse<'a>(line: &'a str, arena: &'a Bump) -> (Event<'a>, Result<(), Reason>) {
    let mut event = Event::new_in(arena);
    let result = Windows::default().parse(line, &context(), arena, &mut event);
    (event, result)
}

fn check(line: &str, expected: &[(&str, &str)]) {
    let arena = Bump::new();
    let (event, result) = parse(line, &arena);
    assert_eq!(result, Ok(()), "{line}");
    for (name, value) in expected {
        let field = fields::lookup(name).unwrap_or_else(|| panic!("no field {name}"));
        let held: Vec<String> = event.all(field).map(|value| value.text().into_owned()).collect();
        let held = if held.is_empty() { "!".to_owned() } else { held.join(",") };
        assert_eq!(held, *value, "{name} of {line}");
    }
}

/// A Security event as Winlogbeat writes it.
fn security(id: u32, data: &str, expected: &[(&str, &str)]) {
    let line = format!(
        "{{\"winlog\":{{\"channel\":\"Security\",\"provider_name\":\"Microsoft-Windows-Security-Auditing\",\"event_id\":\"{id}\",\
         \"computer_name\":\"DC01\",\"time_created\":\"2026-11-20T00:00:00Z\",\"event_data\":{{{data}}}}}}}"
    );
    check(&line, expected);
}

/// A Sysmon event as the evtx library writes it.
fn sysmon(id: u32, data: &str, expected: &[(&str, &str)]) {
    let line = format!(
        "{{\"Event\":{{\"System\":{{\"Provider\":{{\"#attributes\":{{\"Name\":\"Microsoft-Windows-Sysmon\"}}}},\"EventID\":{id},\
         \"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"Computer\":\"PC1\"}},\"EventData\":{{{data}}}}}}}"
    );
    check(&line, expected);
}

const LOGON: &[(&str, &str)] = &[
    ("@timestamp", "2026-11-20T00:00:01Z"),
    ("event.code", "4624"),
    ("event.action", "logged-in"),
    ("event.category", "authentication"),
    ("event.type", "start"),
    ("event.outcome", "success"),
    ("event.provider", "Microsoft-Windows-Security-Auditing"),
    ("winlog.channel", "Security"),
    ("winlog.record_id", "1001"),
    ("winlog.keywords", "Audit Success"),
    ("winlog.logon.type", "RemoteInteractive"),
    ("winlog.logon.id", "0x5e2887"),
    ("host.name", "DC01.city.example.jp"),
    ("user.name", "sato"),
    ("user.domain", "CITY"),
    ("user.id", "S-1-5-21-1-2-3-1104"),
    ("source.ip", "192.168.10.21"),
    ("source.port", "50111"),
    ("source.domain", "PC021"),
    ("process.pid", "508"),
    ("process.name", "winlogon.exe"),
    ("related.user", "DC01$,sato"),
    ("winlog.event_data.TargetUserName", "sato"),
    ("winlog.event_data.SubjectUserName", "DC01$"),
    ("sekisho.logsource.product", "windows"),
    ("sekisho.logsource.service", "security"),
];

const DATA: &str = r#""SubjectUserSid":"S-1-5-18","SubjectUserName":"DC01$","SubjectDomainName":"CITY","SubjectLogonId":"0x3e7","TargetUserSid":"S-1-5-21-1-2-3-1104","TargetUserName":"sato","TargetDomainName":"CITY","TargetLogonId":"0x5e2887","LogonType":"10","IpAddress":"192.168.10.21","IpPort":"50111","WorkstationName":"PC021","ProcessId":"0x1fc","ProcessName":"C:\\Windows\\System32\\winlogon.exe""#;

#[test]
fn winlogbeat_nested_and_dotted() {
    check(
        &format!(
            r#"{{"@timestamp":"2026-11-20T00:05:00Z","ecs":{{"version":"8"}},"tags":["a"],"winlog":{{"event_data":{{{DATA}}},"channel":"Security","event_id":4624,"record_id":1001,"keywords":["Audit Success"],"time_created":"2026-11-20T00:00:01Z","computer_name":"DC01.city.example.jp","provider_name":"Microsoft-Windows-Security-Auditing"}},"event":{{"code":4624}},"host":{{"name":"WEC01"}}}}"#
        ),
        LOGON,
    );
    let dotted =
        DATA.replace("\"Subject", "\"winlog.event_data.Subject").replace("\"Target", "\"winlog.event_data.Target");
    let dotted = ["LogonType", "IpAddress", "IpPort", "WorkstationName", "ProcessId", "ProcessName"]
        .iter()
        .fold(dotted, |text, name| text.replace(&format!("\"{name}\""), &format!("\"winlog.event_data.{name}\"")));
    check(
        &format!(
            r#"{{"winlog.channel":"Security","winlog.event_id":"4624","winlog.record_id":"1001","winlog.keywords":"Audit Success","winlog.time_created":"2026-11-20T00:00:01Z","winlog.computer_name":"DC01.city.example.jp","winlog.provider_name":"Microsoft-Windows-Security-Auditing",{dotted}}}"#
        ),
        LOGON,
    );
    check(
        &format!(
            r#"{{"event_id":4624,"log_name":"Security","record_number":"1001","keywords":["Audit Success"],"@timestamp":"2026-11-20T00:00:01Z","computer_name":"DC01.city.example.jp","source_name":"Microsoft-Windows-Security-Auditing","event_data":{{{DATA}}}}}"#
        ),
        LOGON,
    );
}

#[test]
fn nxlog_flat() {
    let line = format!(
        r#"<14>Nov 20 09:00:01 DC01 {{"EventTime":"2026-11-20 09:00:01","EventReceivedTime":"2026-11-20 09:05:00","Hostname":"DC01.city.example.jp","Keywords":-9214364837600034816,"EventType":"AUDIT_SUCCESS","SeverityValue":2,"Severity":"INFO","EventID":4624,"SourceName":"Microsoft-Windows-Security-Auditing","RecordNumber":1001,"ExecutionProcessID":700,"Channel":"Security","Message":"An account was successfully logged on.","Category":"Logon","Task":12544,{DATA}}}"#
    );
    check(&line, LOGON);
    check(&line, &[("winlog.task", "Logon"), ("log.level", "information"), ("winlog.process.pid", "700")]);
}

#[test]
fn evtx_library_and_other_converters() {
    let system = r##""System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Security-Auditing","Guid":"{1}"}},"EventID":{"#text":4624},"Level":0,"Keywords":"0x8020000000000000","TimeCreated":{"#attributes":{"SystemTime":"2026-11-20T00:00:01.000000Z"}},"EventRecordID":1001,"Correlation":null,"Execution":{"#attributes":{"ProcessID":700,"ThreadID":1}},"Channel":"Security","Computer":"DC01.city.example.jp","Security":null}"##;
    check(&format!(r##"{{"Event":{{"#attributes":{{"xmlns":"x"}},{system},"EventData":{{{DATA}}}}}}}"##), LOGON);
    let mut items = String::new();
    for (index, pair) in DATA.split(",\"").enumerate() {
        let (name, value) = pair.split_once("\":").unwrap();
        let name = name.trim_start_matches('"');
        items += &match index % 3 {
            0 => format!(r##"{{"Name":"{name}","#text":{value}}},"##),
            1 => format!(r##"{{"@Name":"{name}","text":{value}}},"##),
            _ => format!(r##"{{"#attributes":{{"Name":"{name}"}},"#text":{value}}},"##),
        };
    }
    let items = items.trim_end_matches(',');
    check(&format!(r##"{{"Event":{{{system},"EventData":{{"Data":[{items}]}}}}}}"##), LOGON);
    check(
        r##"{"Event":{"System":{"EventID":1000,"Channel":"Application","Provider":{"@Name":"App"}},"EventData":{"Data":{"#text":["a","b"]}}}}"##,
        &[
            ("winlog.event_data.param1", "a"),
            ("winlog.event_data.param2", "b"),
            ("sekisho.logsource.service", "application"),
        ],
    );
}

#[test]
fn fluent_bit_strings_and_wazuh() {
    check(
        r#"{"ProviderName":"Microsoft-Windows-Security-Auditing","EventID":4634,"Level":0,"Keywords":"0x8020000000000000","TimeCreated":"2026-11-20 09:00:01 +0900","EventRecordID":5,"ProcessID":700,"Channel":"Security","Computer":"DC01","Message":"An account was logged off.","StringInserts":["S-1-5-21-1","sato","CITY","0x5","3"]}"#,
        &[
            ("@timestamp", "2026-11-20T00:00:01Z"),
            ("event.action", "logged-out"),
            ("user.name", "sato"),
            ("winlog.logon.type", "Network"),
            ("winlog.process.pid", "700"),
        ],
    );
    check(
        r#"{"timestamp":"x","data":{"win":{"system":{"providerName":"Microsoft-Windows-Security-Auditing","eventID":"4625","systemTime":"2026-11-20T00:00:01.5Z","computer":"DC01","channel":"Security","severityValue":"AUDIT_FAILURE"},"eventdata":{"targetUserName":"sato","ipAddress":"192.0.2.1","logonType":"3"}}}}"#,
        &[
            ("event.action", "logon-failed"),
            ("event.outcome", "failure"),
            ("user.name", "sato"),
            ("source.ip", "192.0.2.1"),
        ],
    );
}

#[test]
fn flat_fields_as_sigma_names_them() {
    check(
        r#"{"product":"windows","category":"process_creation","EventID":1,"Provider_Name":"Microsoft-Windows-Sysmon","Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"PC1","EventRecordID":8,"TimeCreated":"2026-11-20T00:00:01.44Z","ProcessId":7112,"Image":"C:\\Windows\\System32\\reg.exe","CommandLine":"reg query","User":"CITY\\sato","Hashes":"SHA1=AA,IMPHASH=BB","ParentImage":"C:\\Windows\\System32\\cmd.exe","ParentProcessId":6304,"LogonId":"0x529ae3"}"#,
        &[
            ("sekisho.logsource.category", "process_creation"),
            ("sekisho.logsource.service", "sysmon"),
            ("process.pid", "7112"),
            ("process.name", "reg.exe"),
            ("process.parent.name", "cmd.exe"),
            ("process.hash.sha1", "AA"),
            ("process.pe.imphash", "BB"),
            ("user.name", "sato"),
            ("user.domain", "CITY"),
            ("winlog.event_data.LogonId", "0x529ae3"),
            ("winlog.event_data.ProcessId", "7112"),
        ],
    );
}

fn xml_data() -> String {
    let mut items = String::new();
    for pair in DATA.split(",\"") {
        let (name, value) = pair.split_once("\":").unwrap();
        let value = value.trim_matches('"').replace("\\\\", "\\");
        items += &format!("<Data Name='{}'>{value}</Data>\n", name.trim_start_matches('"'));
    }
    items
}

#[test]
fn xml() {
    let system = "<System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{1}'/><EventID Qualifiers=''>4624</EventID>\
        <Level>0</Level><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='2026-11-20T00:00:01.0000000Z'/>\
        <EventRecordID>1001</EventRecordID><Correlation ActivityID='{2}'/><Execution ProcessID='700' ThreadID='1'/>\
        <Channel>Security</Channel><Computer>DC01.city.example.jp</Computer><Security UserID='S-1-5-18'/></System>";
    let data = xml_data();
    for line in [
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>{system}<EventData>{data}</EventData></Event>"
        ),
        format!("<?xml version=\"1.0\"?>\n<Event>\n {system}\n <EventData>{data}</EventData>\n</Event>\n"),
        format!("<13>Nov 20 09:00:01 DC01 agent: <Event xmlns='x'>{system}<EventData>{data}</EventData></Event>"),
        format!(
            "<Event>{system}<EventData>{data}</EventData><RenderingInfo Culture='ja-JP'><Message>文&#10;二</Message><Task>ログオン</Task><Keywords><Keyword>成功の監査</Keyword></Keywords></RenderingInfo></Event>"
        ),
    ] {
        check(&line, LOGON);
        check(
            &line,
            &[("winlog.activity_id", "{2}"), ("winlog.process.thread.id", "1"), ("winlog.user.identifier", "S-1-5-18")],
        );
    }
    check(
        "<Event><System><EventID>1102</EventID><Provider Name=\"Microsoft-Windows-Eventlog\"/><Channel>Security</Channel></System>\
         <UserData><LogFileCleared xmlns='x'><SubjectUserName>a&amp;b</SubjectUserName><SubjectDomainName><![CDATA[C<D]]></SubjectDomainName></LogFileCleared></UserData></Event>",
        &[("event.action", "audit-log-cleared"), ("user.name", "a&b"), ("user.domain", "C<D")],
    );
    check(
        "<Event><System><EventID>4624</EventID><Channel>Security</Channel></System><EventData><Data>x</Data><Data Name='TargetUserName'>sato</Da",
        &[("winlog.event_data.param1", "x"), ("event.action", "logged-in")],
    );
}

#[test]
fn rendered_text() {
    let english = "An account failed to log on.\n\nSubject:\n\tSecurity ID:\t\tS-1-0-0\n\tAccount Name:\t\t-\n\tAccount Domain:\t\t-\n\tLogon ID:\t\t0x0\n\nLogon Type:\t\t\t3\n\nAccount For Which Logon Failed:\n\tSecurity ID:\t\tS-1-0-0\n\tAccount Name:\t\tsato\n\tAccount Domain:\t\tCITY\n\nFailure Information:\n\tFailure Reason:\t\tUnknown user name or bad password.\n\tStatus:\t\t\t0xC000006D\n\tSub Status:\t\t0xC000006A\n\nNetwork Information:\n\tWorkstation Name:\tPC021\n\tSource Network Address:\t192.168.10.21\n\tSource Port:\t\t50111\n";
    let expected = [
        ("event.code", "4625"),
        ("event.action", "logon-failed"),
        ("event.outcome", "failure"),
        ("user.name", "sato"),
        ("user.domain", "CITY"),
        ("winlog.logon.type", "Network"),
        ("winlog.logon.failure.sub_status", "User logon with misspelled or bad password"),
        ("source.ip", "192.168.10.21"),
        ("source.port", "50111"),
        ("source.domain", "PC021"),
        ("winlog.channel", "Security"),
    ];
    check(english, &expected);
    check(&english.replace('\n', "\\n"), &expected);
    check(&english.replace('\n', "#012").replace('\t', "#011"), &expected);
    check(&english.replace(['\n', '\t'], "  "), &expected);
    for (kind, failed) in
        [("ログオン タイプ", "ログオンを失敗したアカウント"), ("ログオンの種類", "ログオンを失敗したアカウント")]
    {
        check(
            &format!(
                "アカウントがログオンに失敗しました。\r\n\r\nサブジェクト:\r\n\tセキュリティ ID:\t\tS-1-0-0\r\n\tアカウント名:\t\t-\r\n\r\n{kind}:\t\t\t3\r\n\r\n{failed}:\r\n\tセキュリティ ID:\t\tS-1-0-0\r\n\tアカウント名:\t\tsato\r\n\tアカウント ドメイン:\t\tCITY\r\n\r\nエラー情報:\r\n\t失敗の原因:\t\tユーザー名を認識できないか、またはパスワードが間違っています。\r\n\t状態:\t\t\t0xC000006D\r\n\tサブ ステータス:\t\t0xC000006A\r\n\r\nネットワーク情報:\r\n\tワークステーション名:\tPC021\r\n\tソース ネットワーク アドレス:\t192.168.10.21\r\n\tソース ポート:\t\t50111\r\n"
            ),
            &expected,
        );
    }
}

#[test]
fn snare() {
    let line = "<13>Nov 20 09:00:06 PC021 MSWinEventLog\t1\tSecurity\t77\tFri Nov 20 09:00:06 2026\t4720\tMicrosoft-Windows-Security-Auditing\tCITY\\admin01\tN/A\tSuccess Audit\tDC01\tUser Account Management\t\tA user account was created.    Subject:   Security ID:  S-1-5-21-1   Account Name:  admin01   Account Domain:  CITY    New Account:   Security ID:  S-1-5-21-2   Account Name:  sato   Account Domain:  CITY\t7";
    let expected = [
        ("@timestamp", "2026-11-20T00:00:06Z"),
        ("event.code", "4720"),
        ("event.outcome", "success"),
        ("host.name", "DC01"),
        ("user.name", "admin01"),
        ("user.target.name", "sato"),
        ("user.target.id", "S-1-5-21-2"),
    ];
    check(line, &expected);
    check(&line.replace('\t', "#011"), &expected);
}

#[test]
fn logons_processes_and_groups() {
    security(
        4648,
        r#""SubjectUserName":"sato","TargetUserName":"admin","TargetDomainName":"CITY","IpAddress":"-""#,
        &[
            ("event.action", "logged-in-explicit"),
            ("user.name", "sato"),
            ("user.effective.name", "admin"),
            ("source.ip", "!"),
        ],
    );
    security(
        4672,
        r#""SubjectUserName":"sato","SubjectLogonId":"0x9""#,
        &[("event.action", "logged-in-special"), ("user.name", "sato"), ("winlog.logon.id", "0x9")],
    );
    security(
        4688,
        r#""SubjectUserName":"sato","NewProcessId":"0x10","NewProcessName":"C:\\a\\b.exe","ProcessId":"0x20","ParentProcessName":"C:\\p.exe","CommandLine":"b -x","TargetUserName":"-""#,
        &[
            ("process.pid", "16"),
            ("process.name", "b.exe"),
            ("process.parent.pid", "32"),
            ("process.parent.name", "p.exe"),
            ("process.command_line", "b -x"),
            ("sekisho.logsource.category", "process_creation"),
            ("user.effective.name", "!"),
        ],
    );
    security(
        4728,
        r#""MemberName":"CN=sato,CN=Users,DC=city,DC=jp","MemberSid":"S-1-5-21-9","TargetUserName":"Domain Admins","TargetDomainName":"CITY","TargetSid":"S-1-5-21-512","SubjectUserName":"admin""#,
        &[
            ("event.action", "added-member-to-group"),
            ("group.name", "Domain Admins"),
            ("group.id", "S-1-5-21-512"),
            ("user.name", "admin"),
            ("user.target.name", "sato"),
            ("user.target.domain", "jp"),
            ("user.target.group.name", "Domain Admins"),
        ],
    );
}

#[test]
fn accounts_and_kerberos() {
    security(
        4740,
        r#""TargetUserName":"sato","TargetDomainName":"PC021","TargetSid":"S-1","SubjectUserName":"DC01$""#,
        &[("event.action", "locked-out-user-account"), ("user.target.name", "sato")],
    );
    security(
        4768,
        r#""TargetUserName":"sato@CITY","TargetDomainName":"CITY","Status":"0x6","IpAddress":"::ffff:192.0.2.1","IpPort":"500","ServiceName":"krbtgt""#,
        &[
            ("event.action", "kerberos-authentication-ticket-requested"),
            ("user.name", "sato"),
            ("source.ip", "192.0.2.1"),
            ("event.reason", "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
            ("service.name", "krbtgt"),
        ],
    );
    security(
        4771,
        r#""TargetUserName":"sato","Status":"0x18""#,
        &[("event.outcome", "failure"), ("event.reason", "KDC_ERR_PREAUTH_FAILED")],
    );
    security(
        4776,
        r#""TargetUserName":"sato","Workstation":"\\\\PC021","Status":"0xC0000064""#,
        &[
            ("user.name", "sato"),
            ("source.domain", "PC021"),
            ("event.reason", "User logon with misspelled or bad user account"),
        ],
    );
    security(
        4779,
        r#""AccountName":"sato","AccountDomain":"CITY","LogonID":"0x7","ClientName":"PC021","ClientAddress":"192.0.2.1""#,
        &[
            ("event.action", "session-disconnected"),
            ("user.name", "sato"),
            ("winlog.logon.id", "0x7"),
            ("source.ip", "192.0.2.1"),
            ("source.domain", "PC021"),
        ],
    );
    security(
        4781,
        r#""OldTargetUserName":"a","NewTargetUserName":"b","SubjectUserName":"admin""#,
        &[("user.target.name", "a"), ("user.changes.name", "b"), ("user.name", "admin")],
    );
}

#[test]
fn shares_filtering_and_the_rest() {
    security(
        5145,
        r#""IpAddress":"192.0.2.1","IpPort":"5","ShareName":"\\\\*\\kyoyu","ShareLocalPath":"\\??\\D:\\kyoyu","RelativeTargetName":"総務\\a.xlsx","SubjectUserName":"sato""#,
        &[
            ("source.ip", "192.0.2.1"),
            ("file.name", "総務\\a.xlsx"),
            ("file.path", "\\??\\D:\\kyoyu\\総務\\a.xlsx"),
            ("file.extension", "xlsx"),
            ("file.target_path", "\\\\*\\kyoyu\\総務\\a.xlsx"),
        ],
    );
    security(
        5157,
        r#""ProcessID":"9","Application":"\\device\\harddiskvolume1\\a.exe","Direction":"%%14593","SourceAddress":"192.168.0.1","SourcePort":"5","DestAddress":"198.51.100.1","DestPort":"443","Protocol":"6""#,
        &[
            ("event.action", "connection-blocked"),
            ("destination.ip", "198.51.100.1"),
            ("destination.port", "443"),
            ("network.transport", "tcp"),
            ("network.direction", "egress"),
            ("process.name", "a.exe"),
            ("process.pid", "9"),
        ],
    );
    security(
        4719,
        r#""SubjectUserName":"admin""#,
        &[("event.action", "changed-audit-config"), ("event.type", "admin,change")],
    );
    security(
        4698,
        r#""TaskName":"\\x","SubjectUserName":"admin""#,
        &[("event.action", "scheduled-task-created"), ("winlog.event_data.TaskName", "\\x")],
    );
    security(
        4799,
        r#""TargetUserName":"Administrators","CallerProcessName":"C:\\a.exe","CallerProcessId":"0x4""#,
        &[("group.name", "Administrators"), ("process.pid", "4")],
    );
    security(9999, r#""X":"""#, &[("event.action", "!"), ("event.code", "9999"), ("winlog.event_data.X", "")]);
}

#[test]
fn sysmon_events() {
    sysmon(
        3,
        r#""Image":"C:\\a.exe","User":"CITY\\sato","Protocol":"tcp","Initiated":"true","SourceIp":"192.168.0.1","SourcePort":50222,"DestinationIp":"2001:db8::1","DestinationPort":443,"UtcTime":"2026-11-20 00:00:00.5""#,
        &[
            ("sekisho.logsource.category", "network_connection"),
            ("source.port", "50222"),
            ("destination.ip", "2001:db8::1"),
            ("destination.port", "443"),
            ("network.direction", "egress"),
            ("@timestamp", "2026-11-20T00:00:00.5Z"),
        ],
    );
    sysmon(
        7,
        r#""ImageLoaded":"C:\\x\\y.dll","Image":"C:\\a.exe","Hashes":"SHA256=AB""#,
        &[("sekisho.logsource.category", "image_load"), ("file.name", "y.dll"), ("file.hash.sha256", "AB")],
    );
    sysmon(
        10,
        r#""SourceImage":"C:\\s.exe","SourceProcessId":5,"TargetImage":"C:\\lsass.exe""#,
        &[("sekisho.logsource.category", "process_access"), ("process.name", "s.exe"), ("process.pid", "5")],
    );
    sysmon(
        11,
        r#""TargetFilename":"C:\\t\\u.ps1""#,
        &[
            ("sekisho.logsource.category", "file_event"),
            ("file.path", "C:\\t\\u.ps1"),
            ("file.directory", "C:\\t"),
            ("file.extension", "ps1"),
        ],
    );
    sysmon(
        12,
        r#""EventType":"DeleteKey","TargetObject":"HKLM\\A\\B""#,
        &[
            ("sekisho.logsource.category", "registry_event,registry_delete"),
            ("registry.path", "HKLM\\A\\B"),
            ("registry.hive", "HKLM"),
            ("winlog.event_data.EventType", "DeleteKey"),
        ],
    );
    sysmon(
        13,
        r#""EventType":"SetValue","TargetObject":"HKLM\\A\\B","Details":"DWORD (0x1)""#,
        &[
            ("sekisho.logsource.category", "registry_event,registry_set"),
            ("registry.value", "B"),
            ("registry.data.strings", "DWORD (0x1)"),
        ],
    );
    sysmon(
        22,
        r#""QueryName":"x.example.jp","QueryResults":"type:  5 y.example.jp;::ffff:192.0.2.1;""#,
        &[
            ("sekisho.logsource.category", "dns_query"),
            ("dns.question.name", "x.example.jp"),
            ("dns.answers.data", "y.example.jp"),
            ("dns.resolved_ip", "192.0.2.1"),
        ],
    );
    sysmon(255, "", &[("sekisho.logsource.category", "sysmon_error")]);
    sysmon(4624, "", &[("event.action", "!"), ("sekisho.logsource.service", "sysmon")]);
}

#[test]
fn other_channels() {
    check(
        r#"{"winlog":{"channel":"System","provider_name":"Service Control Manager","event_id":"7045","user":{"identifier":"S-1-5-18","name":"SYSTEM"},"event_data":{"ServiceName":"u","ImagePath":"C:\\u.exe"}}}"#,
        &[
            ("event.action", "service-installed"),
            ("service.name", "u"),
            ("sekisho.logsource.service", "system"),
            ("user.name", "SYSTEM"),
        ],
    );
    check(
        r#"{"winlog":{"channel":"Microsoft-Windows-PowerShell/Operational","event_id":"4104","event_data":{"ScriptBlockText":"Get-Date","Path":"C:\\s.ps1"}}}"#,
        &[
            ("sekisho.logsource.category", "ps_script"),
            ("sekisho.logsource.service", "powershell"),
            ("file.name", "s.ps1"),
            ("winlog.event_data.ScriptBlockText", "Get-Date"),
        ],
    );
    check(
        r#"{"winlog":{"channel":"Windows PowerShell","event_id":"400","event_data":{"param1":"x"}}}"#,
        &[("sekisho.logsource.category", "ps_classic_start"), ("sekisho.logsource.service", "powershell-classic")],
    );
    check(
        r#"{"winlog":{"channel":"System","provider_name":"Microsoft-Windows-Eventlog","event_id":"104","user_data":{"SubjectUserName":"admin","Channel":"Application"}}}"#,
        &[
            ("event.action", "event-log-cleared"),
            ("user.name", "admin"),
            ("winlog.channel", "System"),
            ("winlog.event_data.Channel", "Application"),
        ],
    );
    check(
        r#"{"winlog":{"channel":"Microsoft-Windows-Windows Defender/Operational","event_id":"1116","event_data":{"Threat Name":"EICAR"}}}"#,
        &[
            ("event.action", "malware-detected"),
            ("winlog.event_data.Threat Name", "EICAR"),
            ("sekisho.logsource.service", "windefend"),
        ],
    );
}

#[test]
fn what_is_no_event_says_so() {
    let arena = Bump::new();
    for line in [
        "",
        "{",
        "{}",
        "[]",
        "<Event>",
        "<Event/>",
        "<Event><System></System></Event>",
        "{\"a\":1}",
        "hello",
        "MSWinEventLog\t1",
        "\u{feff}",
    ] {
        assert!(parse(line, &arena).1.is_err(), "{line}");
    }
}

#[test]
fn bounds_hold() {
    let arena = Bump::new();
    let deep = format!("{{\"EventID\":1,\"a\":{}1", "{\"a\":".repeat(100_000));
    assert_eq!(parse(&deep, &arena).1, Ok(()));
    let arrays = format!("{{\"EventID\":1,\"a\":{}1", "[".repeat(100_000));
    assert_eq!(parse(&arrays, &arena).1, Ok(()));
    let nested = format!("<Event><System><EventID>1</EventID>{}", "<a>".repeat(100_000));
    assert_eq!(parse(&nested, &arena).1, Ok(()));
    let many: String = (0..10_000).map(|index| format!("\"k{index}\":1,")).collect();
    let flood = format!("{{\"Channel\":\"Security\",\"EventID\":4625,{many}\"TargetUserName\":\"sato\"}}");
    let (event, result) = parse(arena.alloc_str(&flood), &arena);
    assert_eq!(result, Ok(()));
    assert!(event.len() < Event::FIELDS_MAX);
    assert_eq!(event.get_str(fields::USER_NAME), Some("sato"));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}", place in 0usize..12) {
        let arena = Bump::new();
        for whole in [
            format!("{{\"Event\":{{\"System\":{{\"EventID\":4624}},\"EventData\":{{{DATA}}}}}}}"),
            format!("<Event><System><EventID>4624</EventID></System><EventData>{}</EventData></Event>", xml_data()),
            "An account failed to log on.\n\nSubject:\n\tAccount Name:\t\tx\n\tLogon ID:\t\t0xABC\nログオンの種類:\t3".to_owned(),
            "MSWinEventLog\t1\tSecurity\t1\tFri Nov 20 09:00:06 2026\t4720\tp\tu\\v\tN/A\tSuccess Audit\tDC01\tc\t\tm".to_owned(),
        ] {
            let at = whole.char_indices().map(|(at, _)| at).nth(whole.chars().count() * place / 12).unwrap_or(0);
            for line in [format!("{}{text}{}", &whole[..at], &whole[at..]), format!("{}{text}", &whole[..at])] {
                let _ = parse(arena.alloc_str(&line), &arena);
            }
        }
    }
}
