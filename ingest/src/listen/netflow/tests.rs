//! Datagrams built by hand from RFC 3954, RFC 7011 and Cisco's description of version 5.

use serde_json::{Value, json};

use super::*;

const EXPORTED: u32 = 1_795_000_000;
const DOMAIN: u32 = 9;

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [words(&[id, body.len() as u16 + 4]), body.to_vec()].concat()
}

/// Version 9: version, count, uptime, seconds, sequence, source id (RFC 3954 §5.1).
fn v9(sets: &[Vec<u8>]) -> Vec<u8> {
    let mut head = words(&[9, sets.len() as u16]);
    for word in [90_000_u32, EXPORTED, 7, DOMAIN] {
        head.extend(word.to_be_bytes());
    }
    [head, sets.concat()].concat()
}

/// IPFIX: version, length, seconds, sequence, domain (RFC 7011 §3.1).
fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let mut head = words(&[10, sets.len() as u16 + 16]);
    for word in [EXPORTED, 8, DOMAIN] {
        head.extend(word.to_be_bytes());
    }
    [head, sets].concat()
}

/// A template's record: number, count, then number and length of each field.
fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let list = fields.iter().flat_map(|(number, length)| [*number, *length]);
    words(&[id, fields.len() as u16].into_iter().chain(list).collect::<Vec<_>>())
}

/// Source and destination, ports, protocol, bytes, forwarding status.
const FIELDS: [(u16, u16); 7] = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (89, 1)];

fn record(last: u8) -> Vec<u8> {
    [&[192, 0, 2, 10, 198, 51, 100, last][..], &[0xc0, 0, 0x01, 0xbb, 6, 0, 0, 5, 0xdc, 0x40]].concat()
}

fn expected(last: u8) -> Value {
    json!({
        "sourceIPv4Address": "192.0.2.10", "destinationIPv4Address": format!("198.51.100.{last}"),
        "sourceTransportPort": 49_152, "destinationTransportPort": 443, "protocolIdentifier": 6,
        "octetDeltaCount": 1_500, "forwardingStatus": 64,
    })
}

struct Collector {
    netflow: Netflow,
    now: Instant,
    out: Vec<Line>,
}

const EXPORTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

impl Collector {
    fn new() -> Self {
        Collector { netflow: Netflow::new(), now: Instant::now(), out: Vec::new() }
    }

    fn give(&mut self, datagram: &[u8]) -> Vec<Value> {
        self.give_from(EXPORTER, datagram)
    }

    fn give_from(&mut self, exporter: IpAddr, datagram: &[u8]) -> Vec<Value> {
        let received = Timestamp::from_seconds(i64::from(EXPORTED));
        self.netflow.decode(datagram, exporter, received, self.now, &mut self.out);
        self.taken()
    }

    fn taken(&mut self) -> Vec<Value> {
        self.out.drain(..).map(|line| serde_json::from_str(&line.raw).unwrap()).collect()
    }
}

/// The reason and the bytes of a line that is no flow.
fn undecoded(line: &Value) -> (&str, Vec<u8>) {
    use base64::Engine as _;
    let part = &line["undecoded"];
    let bytes = base64::engine::general_purpose::STANDARD.decode(part["datagram"].as_str().unwrap()).unwrap();
    (part["reason"].as_str().unwrap(), bytes)
}

#[test]
fn version_5_has_its_flows_in_the_datagram() {
    let mut datagram = words(&[5, 2]);
    for word in [90_000_u32, EXPORTED, 250_000_000, 41] {
        datagram.extend(word.to_be_bytes());
    }
    // Engine type and id; one packet in 100 is sampled.
    datagram.extend([1, 2, 0x40, 100]);
    for last in [7, 8] {
        datagram.extend([192, 0, 2, 10, 198, 51, 100, last, 192, 0, 2, 254]);
        datagram.extend(words(&[3, 4]));
        for word in [10_u32, 1_500, 80_000, 89_000] {
            datagram.extend(word.to_be_bytes());
        }
        datagram.extend(words(&[49_152, 443]));
        datagram.extend([0, 0x1b, 6, 0]);
        datagram.extend(words(&[64_500, 64_501]));
        datagram.extend([24, 16, 0, 0]);
    }
    assert_eq!(datagram.len(), 24 + 2 * 48);
    let lines = Collector::new().give(&datagram);
    assert_eq!(lines.len(), 2);
    let head = json!({
        "version": 5, "exporter": "192.0.2.1", "domain": 0x0102, "sequence": 41, "exported": "2026-11-18T11:06:40.25Z",
        "uptime": 90_000,
    });
    assert_eq!(lines[0]["netflow"], head);
    let flow = json!({
        "sourceIPv4Address": "192.0.2.10", "destinationIPv4Address": "198.51.100.7", "ipNextHopIPv4Address": "192.0.2.254",
        "ingressInterface": 3, "egressInterface": 4, "packetDeltaCount": 10, "octetDeltaCount": 1_500,
        "flowStartSysUpTime": 80_000, "flowEndSysUpTime": 89_000, "sourceTransportPort": 49_152,
        "destinationTransportPort": 443, "tcpControlBits": 0x1b, "protocolIdentifier": 6, "ipClassOfService": 0,
        "bgpSourceAsNumber": 64_500, "bgpDestinationAsNumber": 64_501, "sourceIPv4PrefixLength": 24,
        "destinationIPv4PrefixLength": 16, "samplingInterval": 100,
    });
    assert_eq!(lines[0]["flow"], flow);
    assert_eq!(lines[1]["flow"]["destinationIPv4Address"], "198.51.100.8");
    // Cut within its second flow, it is kept whole.
    let cut = &datagram[..100];
    let lines = Collector::new().give(cut);
    assert_eq!(lines.iter().map(undecoded).collect::<Vec<_>>(), [("does not decode", cut.to_vec())]);
}

#[test]
fn records_of_version_9_read_by_their_template() {
    let mut collector = Collector::new();
    // Two records and the padding to four bytes.
    let data = set(256, &[record(7), record(8), vec![0; 4]].concat());
    let lines = collector.give(&v9(&[set(0, &template(256, &FIELDS)), data.clone()]));
    let head = json!({
        "version": 9, "exporter": "192.0.2.1", "domain": DOMAIN, "sequence": 7, "exported": "2026-11-18T11:06:40Z",
        "uptime": 90_000, "template": 256,
    });
    assert_eq!(lines[0]["netflow"], head);
    assert_eq!(lines.iter().map(|line| line["flow"].clone()).collect::<Vec<_>>(), [expected(7), expected(8)]);
    // The template is remembered; another domain of the same address has its own.
    assert_eq!(collector.give(&v9(std::slice::from_ref(&data))).len(), 2);
    let other = [&v9(std::slice::from_ref(&data))[..16], &[0, 0, 0, 1], &data[..]].concat();
    assert_eq!(collector.give(&other), Vec::<Value>::new());
    assert_eq!(collector.give_from(IpAddr::from([192, 0, 2, 2]), &v9(&[data])), Vec::<Value>::new());
}

#[test]
fn records_of_ipfix_with_lengths_enterprises_and_repeats() {
    // Interface name of any length, bytes of the other direction, FortiNet's element 1, two MPLS sections.
    let mut fields = words(&[300, 6]);
    fields.extend(words(&[152, 8, 82, 0xffff, 0x8001, 2]));
    fields.extend(29_305_u32.to_be_bytes());
    fields.extend(words(&[0x8001, 2]));
    fields.extend(12_356_u32.to_be_bytes());
    fields.extend(words(&[70, 3, 70, 3]));
    let short = [&[3][..], b"ge0"].concat();
    let long = [&[255, 1, 0][..], &[b'x'; 256]].concat();
    let record = |name: &[u8]| {
        let start = u64::from(EXPORTED) * 1_000 + 250;
        [&start.to_be_bytes()[..], name, &[0x05, 0xdc, 0xab, 0xcd, 1, 2, 3, 4, 5, 6]].concat()
    };
    let data = set(300, &[record(&short), record(&long), vec![0; 2]].concat());
    let lines = Collector::new().give(&ipfix(&[set(2, &fields), data]));
    let flow = json!({
        "flowStartMilliseconds": "2026-11-18T11:06:40.25Z", "interfaceName": "ge0", "reverseOctetDeltaCount": 1_500,
        "enterprise12356element1": "abcd", "mplsTopLabelStackSection": ["010203", "040506"],
    });
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(lines[0]["flow"], flow);
    assert_eq!(lines[1]["flow"]["interfaceName"].as_str().unwrap().len(), 256);
    assert_eq!(lines[0]["netflow"].get("uptime"), None);
}

#[test]
fn options_say_something_of_the_exporter() {
    // Scope interface of 4 bytes; name of 8 (RFC 3954 §6.1: lengths in bytes of both lists).
    let v9_options = set(1, &words(&[257, 4, 4, 2, 4, 82, 8]));
    let data = set(257, &[&[0, 0, 0, 3][..], b"Gi0/1\0\0\0"].concat());
    let lines = Collector::new().give(&v9(&[v9_options, data]));
    assert_eq!(lines[0]["options"], json!({ "scope": { "interface": "00000003" }, "interfaceName": "Gi0/1" }));
    // IPFIX: three fields, of which one is scope (RFC 7011 §3.4.2.2).
    let options = set(3, &words(&[258, 3, 1, 302, 2, 305, 4, 306, 4]));
    let data = set(258, &[0, 1, 0, 0, 0, 1, 0, 0, 3, 0xe7]);
    let lines = Collector::new().give(&ipfix(&[options, data]));
    let expected = json!({ "selectorId": 1, "samplingPacketInterval": 1, "samplingPacketSpace": 999 });
    assert_eq!(lines[0]["options"], expected);
}

#[test]
fn records_wait_for_their_template_and_keep_their_time() {
    for message in [v9, ipfix] {
        let id = if message(&[])[1] == 9 { 0 } else { 2 };
        let mut collector = Collector::new();
        let early = message(&[set(256, &record(7)), set(999, &[1, 2, 3, 4])]);
        assert_eq!(collector.give(&early), Vec::<Value>::new());
        let mut late = message(&[set(id, &template(256, &FIELDS)), set(256, &record(8))]);
        // Sent an hour later.
        let at = if id == 0 { 8 } else { 4 };
        late[at..at + 4].copy_from_slice(&(EXPORTED + 3_600).to_be_bytes());
        let lines = collector.give(&late);
        assert_eq!(lines.iter().map(|line| line["flow"].clone()).collect::<Vec<_>>(), [expected(8), expected(7)]);
        assert_eq!(lines[0]["netflow"]["exported"], "2026-11-18T12:06:40Z");
        assert_eq!(lines[1]["netflow"]["exported"], "2026-11-18T11:06:40Z");
        // What nobody tells how to read is kept as a datagram of its own, which reads once the template is known.
        collector.netflow.expire(collector.now + HELD_MAX, &mut collector.out);
        let lines = collector.taken();
        let alone = message(&[set(999, &[1, 2, 3, 4])]);
        let count = 2 + usize::from(id == 0) * 2;
        let (reason, kept) = undecoded(&lines[0]);
        assert_eq!((reason, &kept[count..]), ("template unknown", &alone[count..]));
        collector.give(&message(&[set(id, &template(999, &[(1, 4)]))]));
        assert_eq!(collector.give(&kept)[0]["flow"]["octetDeltaCount"], 0x0102_0304);
        assert_eq!(collector.netflow.held_bytes, 0);
    }
}

#[test]
fn what_does_not_decode_is_kept_with_the_reason() {
    let learn = set(0, &template(256, &FIELDS));
    let broken_tail = v9(&[learn.clone(), set(256, &[record(7), vec![1, 2, 3]].concat())]);
    let cut_set = [v9(&[learn.clone(), set(256, &record(7))]), words(&[256, 40]), vec![5; 6]].concat();
    let mut long = ipfix(&[set(2, &template(256, &FIELDS))]);
    long.extend(b"behind");
    for (datagram, flows, reason) in [
        (b"not flows".to_vec(), 0, "not NetFlow 5, 7, 9 or IPFIX"),
        (words(&[9, 1, 2]), 0, "shorter than its head"),
        (words(&[10, 400, 0, 0, 0, 0, 0, 0]), 0, "not as long as its head says"),
        (v9(&[]), 0, "no sets"),
        (v9(&[set(100, &[1, 2, 3, 4])]), 0, "a set of a reserved number"),
        (v9(&[set(0, &template(256, &[(1, 0xffff)]))]), 0, "does not decode"),
        (broken_tail, 1, "bytes behind 1 records that do not decode by their template"),
        (cut_set, 1, "a set that is not as long as its head says"),
        (long, 0, "bytes behind the message"),
        (v9(&[set(0, &template(256, &[(1, 1)])), set(256, &[1; VALUES_MAX + 1])]), 0, "too many values in one set"),
    ] {
        let lines = Collector::new().give(&datagram);
        let (decoded, kept): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.get("flow").is_some());
        assert_eq!(decoded.len(), flows, "{reason} {lines:#?}");
        assert_eq!(kept.iter().map(|line| undecoded(line).0).collect::<Vec<_>>(), [reason]);
    }
}

#[test]
fn templates_that_are_taken_back_are_unknown() {
    let mut collector = Collector::new();
    collector.give(&ipfix(&[set(2, &template(256, &FIELDS))]));
    assert_eq!(collector.give(&ipfix(&[set(256, &record(7))])).len(), 1);
    assert_eq!(collector.give(&ipfix(&[set(2, &words(&[256, 0]))])), Vec::<Value>::new());
    assert_eq!(collector.give(&ipfix(&[set(256, &record(7))])), Vec::<Value>::new());
    collector.netflow.end(&mut collector.out);
    assert_eq!(undecoded(&collector.taken()[0]).0, "template unknown");
}

#[test]
fn exporters_and_what_waits_are_bounded() {
    let mut collector = Collector::new();
    let learn = v9(&[set(0, &template(256, &FIELDS))]);
    for number in 0..EXPORTERS_MAX as u32 {
        collector.give_from(IpAddr::from(number.to_be_bytes()), &learn);
    }
    let one_more = collector.give(&learn);
    assert_eq!(undecoded(&one_more[0]).0, "too many exporters");
    // One that is quiet for an hour gives way.
    collector.now += IDLE_MAX;
    assert_eq!(collector.give(&learn), Vec::<Value>::new());
    assert_eq!(collector.netflow.sessions.len(), EXPORTERS_MAX);

    let big = v9(&[set(300, &[1; 60_000])]);
    let mut kept = 0;
    for _ in 0..300 {
        kept += collector.give(&big).iter().filter(|line| undecoded(line).0.starts_with("no room")).count();
    }
    assert_eq!(kept, 300 - HELD_BYTES_MAX / (60_000 + 24));
    assert!(collector.netflow.held_bytes <= HELD_BYTES_MAX);
}

#[tokio::test]
async fn flows_over_udp_belong_to_their_exporter() {
    let running = crate::listen::tests::start("[[listener]]\nkind='netflow'\nbind='127.0.0.1:0'\n").await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(running.bound[0].address).await.unwrap();
    socket.send(&v9(&[set(999, &[1, 2, 3, 4]), set(256, &record(7))])).await.unwrap();
    socket.send(&v9(&[set(0, &template(256, &FIELDS)), set(256, &record(8))])).await.unwrap();
    running.received(2).await;
    let records = running.stop().await;
    let lines: Vec<Value> = records.iter().map(|(_, line)| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().all(|(source, _)| source == "u/near"), "{records:?}");
    assert_eq!((&lines[0]["flow"], &lines[1]["flow"]), (&expected(8), &expected(7)));
    // What still waited at the stop.
    assert_eq!((lines.len(), undecoded(&lines[2]).0), (3, "template unknown"));
}

/// Not a test of anything but speed: `cargo test -p ingest --release flows_a_second -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn flows_a_second() {
    let mut netflow = Netflow::new();
    let (now, mut out) = (Instant::now(), Vec::new());
    netflow.decode(&v9(&[set(0, &template(256, &FIELDS))]), EXPORTER, Timestamp::default(), now, &mut out);
    let datagram = v9(&[set(256, &(0..80).flat_map(record).collect::<Vec<u8>>())]);
    let mut flows = 0;
    while now.elapsed() < Duration::from_secs(3) {
        netflow.decode(&datagram, EXPORTER, Timestamp::default(), now, &mut out);
        flows += out.drain(..).count();
    }
    eprintln!("{:.0} flows of {} fields a second", flows as f64 / now.elapsed().as_secs_f64(), FIELDS.len());
}
