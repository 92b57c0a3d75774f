//! FortiGate 7.x lines in the default format (FortiOS Log Message Reference): 80 % traffic, 15 % UTM, 5 % events.
//! Traffic goes where the example's ledgers allow it; what they do not allow is refused. One line in 10,000 is an attack.

use crate::random::{Random, START, clock};

pub(crate) fn line(index: u64, random: &mut Random) -> String {
    let second = index / 50;
    let (hour, minute, second_of_minute) = clock(second);
    let head = format!(
        "<189>date=2026-11-20 time={hour:02}:{minute:02}:{second_of_minute:02} devname=\"FW-HONCHO-01\" \
         devid=\"FG100FTK00000001\" eventtime={}{:09} tz=\"+0900\"",
        START + second,
        random.below(1_000_000_000)
    );
    match random.below(10_000) {
        0..8_000 => format!("{head} {}", traffic(index, random)),
        8_000..9_499 => format!("{head} {}", webfilter(index, random)),
        9_499 => format!("{head} {}", ips(index, random)),
        _ => format!("{head} {}", event(random)),
    }
}

fn traffic(index: u64, random: &mut Random) -> String {
    let refused = random.below(5) == 0;
    let source = if refused { random.inside() } else { random.office() };
    let (destination, port) = (random.outside(), 1024 + random.below(60_000));
    let (service, destination_port) = match refused {
        true => random.pick(&[("SMB", 445), ("SSH", 22), ("NTP", 123), ("RDP", 3389)]),
        false => random.pick(&[("HTTPS", 443), ("HTTPS", 443), ("HTTP", 80), ("DNS", 53)]),
    };
    let protocol = if destination_port == 53 { 17 } else { 6 };
    let head = format!(
        "logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={source} \
         srcport={port} srcintf=\"internal\" srcintfrole=\"lan\" dstip={destination} dstport={destination_port} \
         dstintf=\"wan1\" dstintfrole=\"wan\" srccountry=\"Reserved\" dstcountry=\"Japan\" sessionid={} proto={protocol}",
        800_000 + index
    );
    if refused {
        return format!(
            "{head} action=\"deny\" policyid=0 policytype=\"policy\" service=\"{service}\" trandisp=\"noop\" duration=0 \
             sentbyte=0 rcvdbyte=0 sentpkt=0 appcat=\"unscanned\" crscore=30 craction=131072 crlevel=\"high\""
        );
    }
    let action = random.pick(&["close", "accept", "timeout", "client-rst", "server-rst"]);
    format!(
        "{head} action=\"{action}\" policyid={} policytype=\"policy\" poluuid=\"11111111-2222-51ee-3333-44445555abcd\" \
         policyname=\"shokuin-to-internet\" user=\"{}\" group=\"shomin-ka\" authserver=\"AD-HONCHO\" service=\"{service}\" \
         trandisp=\"snat\" transip=203.0.113.5 transport={port} appid=40568 app=\"HTTPS.BROWSER\" appcat=\"Web.Client\" \
         apprisk=\"medium\" applist=\"app-shokuin\" duration={} sentbyte={} rcvdbyte={} sentpkt={} rcvdpkt={} \
         srcmac=\"00:00:5e:00:53:{:02x}\"",
        1 + random.below(40),
        random.user(),
        random.below(600),
        random.below(100_000),
        random.below(1_000_000),
        random.below(200),
        random.below(900),
        random.below(256),
    )
}

fn webfilter(index: u64, random: &mut Random) -> String {
    let (kind, action) = match random.below(50) {
        0 => ("ftgd_blk", "blocked"),
        _ => ("ftgd_allow", "passthrough"),
    };
    let host = random.host();
    format!(
        "logid=\"0317013312\" type=\"utm\" subtype=\"webfilter\" eventtype=\"{kind}\" level=\"notice\" vd=\"root\" \
         policyid=12 sessionid={} user=\"{}\" srcip={} srcport={} srcintf=\"internal\" srcintfrole=\"lan\" dstip={} \
         dstport=443 dstintf=\"wan1\" dstintfrole=\"wan\" proto=6 service=\"HTTPS\" hostname=\"{host}\" \
         profile=\"wf-shokuin\" action=\"{action}\" reqtype=\"direct\" url=\"https://{host}/a/{index}?q={}\" sentbyte={} \
         rcvdbyte={} direction=\"outgoing\" msg=\"URL belongs to a category in policy\" method=\"domain\" cat=52 \
         catdesc=\"Information Technology\"",
        800_000 + index,
        random.user(),
        random.office(),
        1024 + random.below(60_000),
        random.outside(),
        random.below(1000),
        random.below(5000),
        random.below(90_000),
    )
}

fn ips(index: u64, random: &mut Random) -> String {
    format!(
        "logid=\"0419016384\" type=\"utm\" subtype=\"ips\" eventtype=\"signature\" level=\"alert\" vd=\"root\" \
         severity=\"critical\" srcip={} srccountry=\"Netherlands\" dstip=10.30.0.10 srcintf=\"wan1\" srcintfrole=\"wan\" \
         dstintf=\"dmz\" dstintfrole=\"dmz\" sessionid={} action=\"dropped\" proto=6 service=\"HTTP\" policyid=21 \
         attack=\"Web.Server.Path.Traversal\" srcport={} dstport=80 hostname=\"www.city.example.jp\" url=\"/..%2f..%2fetc\" \
         direction=\"incoming\" attackid=12345 profile=\"ips-dmz\" incidentserialno={} \
         msg=\"web_server: Web.Server.Path.Traversal\" crscore=50 craction=4096 crlevel=\"critical\"",
        random.outside(),
        800_000 + index,
        1024 + random.below(60_000),
        index,
    )
}

fn event(random: &mut Random) -> String {
    let user = random.user();
    match random.below(100) {
        0 => format!(
            "logid=\"0101039426\" type=\"event\" subtype=\"vpn\" level=\"alert\" vd=\"root\" logdesc=\"SSL VPN login fail\" \
             action=\"ssl-login-fail\" tunneltype=\"ssl-web\" tunnelid=0 remip={} user=\"{user}\" group=\"N/A\" \
             dst_host=\"N/A\" reason=\"sslvpn_login_permission_denied\" msg=\"SSL user failed to logged in\"",
            random.outside()
        ),
        1..50 => format!(
            "logid=\"0102043014\" type=\"event\" subtype=\"user\" level=\"notice\" vd=\"root\" logdesc=\"FSSO logon\" \
             srcip={} user=\"{user}\" server=\"FSSO-HONCHO\" action=\"FSSO-logon\" msg=\"FSSO-logon event\"",
            random.inside()
        ),
        _ => "logid=\"0100040704\" type=\"event\" subtype=\"system\" level=\"notice\" vd=\"root\" \
              logdesc=\"System performance statistics\" action=\"perf-stats\" cpu=1 mem=31 totalsession=420 disk=0 \
              bandwidth=\"1200/900\" setuprate=3 msg=\"Performance statistics: average CPU: 1, memory:  31\""
            .to_owned(),
    }
}
