//! Every product's own samples through `auto`: the same product, or one that gives the same fields.

use std::collections::BTreeMap;
use std::path::Path;

use stream::{RecordKind, RecordRef, Timestamp, fields};

use super::*;
use crate::{Decoder, PRODUCTS, SourceConfig};

/// Formats that are no product's own: what they are a sample of cannot be told from a line.
const OPEN: [&str; 6] = ["csv", "skysea", "lanscope", "grok", "key_value", "auto"];

fn context() -> Context {
    Context::tokyo(Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap())
}

fn fields_as(product: &str, line: &str) -> BTreeMap<String, String> {
    let arena = Bump::new();
    let mut decoder = Decoder::single(SourceConfig::of_product(product, "Asia/Tokyo", "auto").unwrap()).unwrap();
    let record = RecordRef {
        offset: 0,
        kind: RecordKind::Data,
        tenant: "",
        source: "",
        peer: None,
        received: context().received,
        raw: line.as_bytes(),
    };
    let event = decoder.decode(&record, &arena);
    // What names the parser is not what the line says.
    const ASIDE: [stream::FieldId; 3] = [fields::EVENT_MODULE, fields::OBSERVER_PRODUCT, fields::EVENT_DATASET];
    let said = event
        .iter()
        .filter(|(field, _)| !ASIDE.contains(field) && !field.name().starts_with("sekisho.") && field.is_static());
    said.map(|(field, value)| (field.name().to_owned(), value.text().into_owned())).collect()
}

#[test]
fn every_product_recognises_its_own_samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let (mut lines_all, mut lines_right) = (0, 0);
    let mut confusion = BTreeMap::<(&str, &str), (usize, String)>::new();
    for product in PRODUCTS.iter().filter(|product| !OPEN.contains(&product.name)) {
        let text = std::fs::read(folder.join(format!("{}.log", product.name))).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines().filter(|line| !line.trim().is_empty()) {
            lines_all += 1;
            let guessed = guess(line, &context()).product;
            // Packages of a firewall write what they write everywhere.
            let package = product.name == "pfsense" && guessed != "system" && !line.contains("filterlog");
            if guessed == product.name || package || fields_as("auto", line) == fields_as(product.name, line) {
                lines_right += 1;
                continue;
            }
            let entry = confusion.entry((product.name, guessed)).or_default();
            entry.0 += 1;
            entry.1 = line.chars().take(160).collect();
        }
    }
    let table: Vec<String> =
        confusion.iter().map(|((is, said), (count, line))| format!("{is:20} -> {said:20} {count:4}  {line}")).collect();
    // At most one line in twenty-five may be read as another product's: what several write cannot be told apart.
    assert!(
        lines_all > 500 && lines_right * 25 >= lines_all * 24,
        "{lines_right} of {lines_all}\n{}",
        table.join("\n")
    );
}

#[test]
fn tells_products_apart() {
    for (line, product) in [
        ("<189>date=2026-11-20 time=10:00:00 devname=\"fw\" devid=\"FG1\" logid=\"0000000013\"", "fortinet_fortigate"),
        ("Nov 20 10:00:00 fw date=2026-11-20 devid=FG1 logid=1 type=traffic", "fortinet_fortigate"),
        ("1700000000.123    90 192.0.2.1 TCP_MISS/200 512 GET http://example.jp/ - DIRECT/198.51.100.1 -", "squid"),
        ("192.0.2.1 - - [20/Nov/2026:10:00:00 +0900] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\" TCP_MISS:DIRECT", "squid"),
        ("<38>Nov 20 10:00:00 host sshd[123]: Failed password for root from 192.0.2.1 port 1 ssh2", "system"),
        ("{\"winlog\":{\"event_id\":4625}}", "windows_security"),
        ("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>", "windows_security"),
        ("<134>CEF:0|V|P|1|100|n|5|src=192.0.2.1", "cef"),
        ("{\"a\":1}", "json"),
        ("<13>user=sato src=192.0.2.1", "key_value"),
        ("level=info msg=\"x\"", "key_value"),
        ("", "system"),
        ("日本語だけの行", "system"),
    ] {
        assert_eq!(guess(line, &context()).product, product, "{line}");
    }
    assert!(guess("日本語だけの行", &context()).confidence < guess("<134>CEF:0|V|P|1|1|n|5|", &context()).confidence);
}

#[test]
fn what_the_guess_cannot_read_is_kept_as_text() {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    let line = "Nov 20 10:00:00 host app: CEF: is a format";
    Auto::default().parse(line, &context(), &arena, &mut event).unwrap();
    assert_eq!(event.get_str(fields::HOST_HOSTNAME), Some("host"));
}
