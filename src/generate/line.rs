//! Lines as the devices write them.
//!
//! FortiGate: FortiOS 7.4 log message reference, syslog `default` format. Squid: native `access.log`
//! (squid.conf `logformat squid`). Windows: JSON of NXLog `im_msvistalog` + `to_json()`. Linux: RFC 3164 as rsyslog
//! forwards it.

use jiff::tz::{Offset, TimeZone};
use stream::Timestamp;

/// Japan's wall clock.
pub fn japan(time: Timestamp) -> jiff::civil::DateTime {
    jiff::Timestamp::from(time).to_zoned(TimeZone::fixed(Offset::constant(9))).datetime()
}

/// A session in a firewall's traffic log.
pub struct Session<'a> {
    /// `devname` and `devid`.
    pub device: (&'a str, &'a str),
    /// Source address, port and interface.
    pub source: (&'a str, u64, &'a str),
    /// Destination address, port and interface.
    pub destination: (&'a str, u64, &'a str),
    /// IANA protocol number: 6 or 17.
    pub protocol: u8,
    /// `accept`, `close`, `deny`.
    pub action: &'a str,
    /// Policy number; 0 is the implicit deny.
    pub policy: u64,
    /// Session number.
    pub session: u64,
    /// Seconds.
    pub duration: u64,
    /// Bytes sent and received.
    pub bytes: (u64, u64),
}

/// A FortiGate traffic line.
pub fn fortigate(time: Timestamp, s: &Session<'_>) -> String {
    let at = japan(time);
    let service = match (s.protocol, s.destination.1) {
        (_, 443) => "HTTPS",
        (_, 80) => "HTTP",
        (17, 53) => "DNS",
        (17, 123) => "NTP",
        (6, 25) => "SMTP",
        (6, 445) => "SMB",
        (6, 22) => "SSH",
        _ => "other",
    };
    format!(
        "<189>date={} time={} devname=\"{}\" devid=\"{}\" eventtime={} tz=\"+0900\" logid=\"0000000013\" \
         type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={} srcport={} srcintf=\"{}\" \
         srcintfrole=\"lan\" dstip={} dstport={} dstintf=\"{}\" dstintfrole=\"undefined\" srccountry=\"Reserved\" \
         dstcountry=\"Reserved\" sessionid={} proto={} action=\"{}\" policyid={} policytype=\"policy\" \
         service=\"{service}\" trandisp=\"noop\" duration={} sentbyte={} rcvdbyte={} sentpkt={} rcvdpkt={} \
         appcat=\"unscanned\"",
        at.date(),
        at.strftime("%H:%M:%S"),
        s.device.0,
        s.device.1,
        time.0,
        s.source.0,
        s.source.1,
        s.source.2,
        s.destination.0,
        s.destination.1,
        s.destination.2,
        s.session,
        s.protocol,
        s.action,
        s.policy,
        s.duration,
        s.bytes.0,
        s.bytes.1,
        s.bytes.0 / 900 + 1,
        s.bytes.1 / 1200 + 1,
    )
}

/// A FortiGate performance line, sent every five minutes: the sign of life.
pub fn fortigate_heartbeat(time: Timestamp, device: (&str, &str), cpu: u64, sessions: u64) -> String {
    let at = japan(time);
    format!(
        "<190>date={} time={} devname=\"{}\" devid=\"{}\" eventtime={} tz=\"+0900\" logid=\"0100040704\" \
         type=\"event\" subtype=\"system\" level=\"notice\" vd=\"root\" logdesc=\"System performance statistics\" \
         action=\"perf-stats\" cpu={cpu} mem=41 totalsession={sessions} disk=0 bandwidth=\"120/80\" setuprate=3 \
         msg=\"Performance statistics: average CPU: {cpu}, memory:  41, concurrent sessions:  {sessions}, \
         setup-rate: 3\"",
        at.date(),
        at.strftime("%H:%M:%S"),
        device.0,
        device.1,
        time.0,
    )
}

/// A Squid line.
pub struct Request<'a> {
    /// Milliseconds.
    pub elapsed: u64,
    /// Client address.
    pub client: &'a str,
    /// `TCP_MISS/200`.
    pub result: &'a str,
    /// Bytes sent to the client.
    pub bytes: u64,
    /// Method.
    pub method: &'a str,
    /// URL or `host:port`.
    pub url: &'a str,
    /// Account.
    pub user: &'a str,
    /// `HIER_DIRECT/198.51.100.20`.
    pub peer: &'a str,
    /// Content type.
    pub mime: &'a str,
}

/// Squid's native format: `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`.
pub fn squid(time: Timestamp, r: &Request<'_>) -> String {
    let millis = time.millis();
    format!(
        "{}.{:03} {:6} {} {} {} {} {} {} {} {}",
        millis.div_euclid(1000),
        millis.rem_euclid(1000),
        r.elapsed,
        r.client,
        r.result,
        r.bytes,
        r.method,
        r.url,
        r.user,
        r.peer,
        r.mime
    )
}

/// A Linux line with an RFC 3164 header; `tag` is `sshd[1234]`. Facility authpriv, severity info.
pub fn syslog(time: Timestamp, host: &str, tag: &str, message: &str) -> String {
    format!("<86>{} {host} {tag}: {message}", japan(time).strftime("%b %e %H:%M:%S"))
}

/// A Windows logon, as NXLog writes it: 4624 or 4625.
pub struct Logon<'a> {
    /// 4624 success, 4625 failure.
    pub event_id: u32,
    /// The domain controller.
    pub host: &'a str,
    /// Account.
    pub user: &'a str,
    /// The terminal's address.
    pub address: &'a str,
    /// The terminal's port.
    pub port: u64,
    /// Logon type number: 2 interactive, 3 network.
    pub logon_type: u32,
    /// Event record number.
    pub record: u64,
}

/// A Windows Security line.
pub fn windows(time: Timestamp, l: &Logon<'_>) -> String {
    let failed = l.event_id == 4625;
    let (event_type, keywords) =
        if failed { ("AUDIT_FAILURE", -9218868437227405312i64) } else { ("AUDIT_SUCCESS", -9214364837600034816) };
    let failure = if failed {
        "\"Status\":\"0xc000006d\",\"FailureReason\":\"%%2313\",\"SubStatus\":\"0xc000006a\",".to_owned()
    } else {
        format!("\"TargetLogonId\":\"0x{:x}\",", l.record * 7919)
    };
    format!(
        "{{\"EventTime\":\"{} {}\",\"Hostname\":\"{}\",\"Keywords\":{keywords},\"EventType\":\"{event_type}\",\
         \"SeverityValue\":2,\"Severity\":\"INFO\",\"EventID\":{},\
         \"SourceName\":\"Microsoft-Windows-Security-Auditing\",\
         \"ProviderGuid\":\"{{54849625-5478-4994-A5BA-3E3B0328C30D}}\",\"Version\":2,\"Task\":12544,\"OpcodeValue\":0,\
         \"RecordNumber\":{},\"ProcessID\":640,\"ThreadID\":812,\"Channel\":\"Security\",\"Category\":\"Logon\",\
         \"Opcode\":\"Info\",\"SubjectUserSid\":\"S-1-0-0\",\"SubjectUserName\":\"-\",\"SubjectDomainName\":\"-\",\
         \"SubjectLogonId\":\"0x0\",\"TargetUserSid\":\"S-1-0-0\",\"TargetUserName\":\"{}\",\
         \"TargetDomainName\":\"TOWN\",{failure}\"LogonType\":\"{}\",\"LogonProcessName\":\"Kerberos\",\
         \"AuthenticationPackageName\":\"Kerberos\",\"WorkstationName\":\"-\",\"IpAddress\":\"{}\",\"IpPort\":\"{}\"}}",
        japan(time).date(),
        japan(time).strftime("%H:%M:%S"),
        l.host,
        l.event_id,
        l.record,
        l.user,
        l.logon_type,
        l.address,
        l.port,
    )
}
