//! Databases that are written here, and what is read back from them.

use super::*;

/// A value of the data section.
enum Data {
    Text(&'static str),
    Short(u16),
    Number(u32),
    Long(u64),
    /// An empty list.
    List,
    Map(Vec<(&'static str, Data)>),
}

fn header(kind: u8, size: usize, out: &mut Vec<u8>) {
    match size {
        0..29 => out.push(kind << 5 | size as u8),
        _ => out.extend([kind << 5 | 29, u8::try_from(size - 29).unwrap()]),
    }
}

impl Data {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Data::Text(text) => {
                header(2, text.len(), out);
                out.extend(text.as_bytes());
            }
            Data::Short(number) => {
                header(5, 2, out);
                out.extend(number.to_be_bytes());
            }
            // Types from 8 on stand in a second byte, less 7.
            Data::Long(number) => {
                out.extend([8, 9 - 7]);
                out.extend(number.to_be_bytes());
            }
            Data::List => out.extend([0, 11 - 7]),
            Data::Number(number) => {
                header(6, 4, out);
                out.extend(number.to_be_bytes());
            }
            Data::Map(entries) => {
                header(7, entries.len(), out);
                for (key, value) in entries {
                    Data::Text(key).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// An IPv4 database with one record for each prefix of whole bits; format: MaxMind DB 2.0, records of 32 bits.
fn database(kind: &'static str, prefixes: &[(&str, Data)]) -> Vec<u8> {
    // A node's two records: another node, or an entry of the data section.
    #[derive(Clone, Copy)]
    enum Next {
        Nothing,
        Node(usize),
        Data(usize),
    }
    let (mut nodes, mut data) = (vec![[Next::Nothing; 2]], Vec::new());
    for (prefix, value) in prefixes {
        let net: ipnet::Ipv4Net = prefix.parse().unwrap();
        let (bits, length) = (u32::from(net.network()), usize::from(net.prefix_len()));
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (31 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[node][side] = Next::Data(data.len());
                value.write(&mut data);
                break;
            }
            node = match nodes[node][side] {
                Next::Node(next) => next,
                _ => {
                    nodes.push([Next::Nothing; 2]);
                    nodes[node][side] = Next::Node(nodes.len() - 1);
                    nodes.len() - 1
                }
            };
        }
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for next in nodes.iter().flatten() {
        let record = match next {
            Next::Nothing => count,
            Next::Node(node) => *node,
            Next::Data(offset) => count + 16 + offset,
        };
        out.extend((record as u32).to_be_bytes());
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    Data::Map(vec![
        ("binary_format_major_version", Data::Short(2)),
        ("binary_format_minor_version", Data::Short(0)),
        ("build_epoch", Data::Long(1_795_137_330)),
        ("database_type", Data::Text(kind)),
        ("description", Data::Map(vec![("en", Data::Text("made for a test"))])),
        ("ip_version", Data::Short(4)),
        ("languages", Data::List),
        ("node_count", Data::Number(count as u32)),
        ("record_size", Data::Short(32)),
    ])
    .write(&mut out);
    out
}

fn countries() -> Vec<u8> {
    let country = |code| Data::Map(vec![("iso_code", Data::Text(code)), ("geoname_id", Data::Number(1))]);
    database(
        "Sample-Country",
        &[
            ("203.0.113.0/24", Data::Map(vec![("continent", Data::Text("AS")), ("country", country("JP"))])),
            ("198.51.100.0/25", Data::Map(vec![("country", country("US"))])),
            ("10.0.0.0/8", Data::Map(vec![("country", country("XX"))])),
        ],
    )
}

fn systems() -> Vec<u8> {
    database(
        "Sample-ASN",
        &[
            (
                "203.0.113.0/25",
                Data::Map(vec![
                    ("autonomous_system_number", Data::Number(64_500)),
                    ("autonomous_system_organization", Data::Text("見本ネット")),
                ]),
            ),
            (
                "192.0.2.0/24",
                Data::Map(vec![
                    ("country", Data::Text("Japan")),
                    ("country_code", Data::Text("JP")),
                    ("asn", Data::Text("AS64501")),
                    ("as_name", Data::Text("Example Carrier")),
                ]),
            ),
        ],
    )
}

fn geo(folder: &Path) -> Geo {
    let files = [folder.join("country.mmdb"), folder.join("asn.mmdb")];
    std::fs::write(&files[0], countries()).unwrap();
    std::fs::write(&files[1], systems()).unwrap();
    Geo::open(&files).unwrap()
}

#[test]
fn what_either_database_knows_is_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let geo = geo(folder.path());
    assert_eq!(geo.verify(), []);
    let known: Vec<_> = geo.describe().map(|(_, kind, built)| (kind, built)).collect();
    assert_eq!(known, [("Sample-Country", 1_795_137_330), ("Sample-ASN", 1_795_137_330)]);
    let at = |ip: &str| geo.locate(ip.parse().unwrap());
    let whole = Located { country: "JP", number: Some(64_500), organization: "見本ネット" };
    assert_eq!(at("203.0.113.9"), whole);
    assert_eq!(at("::ffff:203.0.113.9"), whole);
    assert_eq!(at("203.0.113.200"), Located { country: "JP", ..Located::default() });
    assert_eq!(at("192.0.2.1"), Located { country: "JP", number: Some(64_501), organization: "Example Carrier" });
    for unknown in ["198.51.100.200", "10.1.2.3", "2001:db8::1", "127.0.0.1", "0.0.0.0"] {
        assert_eq!(at(unknown), Located::default(), "{unknown}");
    }
}

#[test]
fn an_event_gets_what_its_line_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let tenants = crate::Tenants::default().with_geo(geo(folder.path()));
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    event.push(fields::SOURCE_IP, Value::Ip("203.0.113.9".parse().unwrap()));
    event.push(fields::SOURCE_AS_NUMBER, Value::Int(7));
    event.push(fields::DESTINATION_IP, Value::Ip("198.51.100.1".parse().unwrap()));
    tenants.judge(&mut event, &arena);
    assert_eq!(event.get_str(fields::SOURCE_GEO_COUNTRY_ISO_CODE), Some("JP"));
    assert_eq!(event.all(fields::SOURCE_AS_NUMBER).count(), 1);
    assert_eq!(event.get_int(fields::SOURCE_AS_NUMBER), Some(7));
    assert_eq!(event.get_str(fields::SOURCE_AS_ORGANIZATION_NAME), Some("見本ネット"));
    assert_eq!(event.get_str(fields::DESTINATION_GEO_COUNTRY_ISO_CODE), Some("US"));
    assert!(!event.has(fields::DESTINATION_AS_NUMBER));
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("country.mmdb");
    let said = |file: &Path| Geo::open(&[file.to_owned()]).unwrap_err()[0].to_string();
    let text = said(&file);
    assert!(text.contains("country.mmdb: cannot be read") && text.contains("geoip"), "{text}");
    let whole = countries();
    for broken in [&b""[..], b"not a database", &whole[..whole.len() / 2]] {
        std::fs::write(&file, broken).unwrap();
        assert!(said(&file).contains("is no MMDB file"), "{}", said(&file));
    }
    // A tree that points behind the data is found by looking through all of it, and never by a panic.
    let mut damaged = whole;
    damaged[..4].copy_from_slice(&[0, 15, 255, 255]);
    std::fs::write(&file, &damaged).unwrap();
    if let Ok(geo) = Geo::open(&[file]) {
        assert!(geo.verify()[0].to_string().contains("is damaged"));
        assert_eq!(geo.locate("1.2.3.4".parse().unwrap()), Located::default());
    }
}

#[test]
fn no_damage_is_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("country.mmdb");
    let whole = countries();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        std::fs::write(&file, &damaged).unwrap();
        let Ok(geo) = Geo::open(std::slice::from_ref(&file)) else { continue };
        for address in ["203.0.113.9", "198.51.100.1", "192.0.2.1"] {
            geo.locate(address.parse().unwrap());
        }
    }
}
