//! Lines of each `logformat`, and damaged ones.

use super::*;

fn read(line: &str) -> (Vec<(String, String)>, Result<(), Reason>) {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    let result = Squid::default().parse(line, &Context::tokyo(Timestamp::default()), &arena, &mut event);
    (event.iter().map(|(field, value)| (field.name().to_owned(), value.text().into_owned())).collect(), result)
}

#[track_caller]
fn check(line: &str, expected: &[(FieldId, &str)]) {
    let (found, result) = read(line);
    assert_eq!(result, Ok(()), "{line}");
    for (field, value) in expected {
        let values: Vec<&str> =
            found.iter().filter(|(name, _)| name == field.name()).map(|(_, value)| value.as_str()).collect();
        assert_eq!(values.join(","), *value, "{} of {line}", field.name());
    }
}

#[test]
fn native() {
    check(
        "1795137330.123    245 10.20.1.15 TCP_MISS/200 10182 GET http://www.example.com:81/a.html?x CITY%5Csato \
         HIER_DIRECT/198.51.100.20 text/html",
        &[
            (fields::TIMESTAMP, "2026-11-20T01:15:30.123Z"),
            (fields::EVENT_DURATION, "245000000"),
            (fields::SOURCE_IP, "10.20.1.15"),
            (fields::DESTINATION_IP, "198.51.100.20"),
            (fields::DESTINATION_PORT, "81"),
            (fields::URL_DOMAIN, "www.example.com"),
            (fields::URL_PORT, "81"),
            (fields::URL_PATH, "/a.html"),
            (fields::USER_NAME, "sato"),
            (fields::USER_DOMAIN, "CITY"),
            (fields::EVENT_TYPE, "access,allowed"),
            (fields::HTTP_RESPONSE_STATUS_CODE, "200"),
            (fields::HTTP_RESPONSE_MIME_TYPE, "text/html"),
            (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
        ],
    );
}

#[test]
fn connect_denied_and_errors() {
    check(
        "1795137331.004 0 10.20.1.16 TCP_DENIED/407 4012 CONNECT [2001:db8::80]:443 - HIER_NONE/- text/html",
        &[
            (fields::EVENT_TYPE, "access,denied"),
            (fields::URL_ORIGINAL, "[2001:db8::80]:443"),
            (fields::URL_DOMAIN, "[2001:db8::80]"),
            (fields::DESTINATION_IP, "2001:db8::80"),
            (fields::DESTINATION_PORT, "443"),
            (fields::USER_NAME, ""),
        ],
    );
    check(
        "1795137337.000 0 2001:db8::9 NONE/400 3600 NONE error:invalid-request - HIER_NONE/- text/html",
        &[
            (fields::URL_ORIGINAL, "error:invalid-request"),
            (fields::URL_DOMAIN, ""),
            (fields::HTTP_REQUEST_METHOD, ""),
            (fields::EVENT_TYPE, "access"),
            (fields::SOURCE_IP, "2001:db8::9"),
        ],
    );
}

#[test]
fn a_url_with_blanks() {
    check(
        "1795137340.000 120 10.20.1.19 TCP_MISS/200 900 GET http://h.example/with blank/a.txt sato HIER_DIRECT/198.51.100.20 -",
        &[(fields::URL_PATH, "/with blank/a.txt"), (fields::USER_NAME, "sato"), (fields::URL_EXTENSION, "txt")],
    );
}

#[test]
fn emulated_and_headed() {
    let combined = "10.20.1.15 - sato [20/Nov/2026:10:15:46 +0900] \"GET http://www.example.com/ HTTP/1.1\" 200 10182 \
                    \"http://r.example/\" \"Mozilla/5.0 (X)\" TCP_MISS:HIER_DIRECT";
    let expected = [
        (fields::TIMESTAMP, "2026-11-20T01:15:46Z"),
        (fields::USER_AGENT_ORIGINAL, "Mozilla/5.0 (X)"),
        (fields::HTTP_REQUEST_REFERRER, "http://r.example/"),
        (fields::EVENT_ACTION, "TCP_MISS"),
        (fields::HTTP_VERSION, "1.1"),
    ];
    check(combined, &expected);
    check(&format!("<190>Nov 20 10:15:46 proxy01 squid[12]: {combined}"), &expected);
    for header in ["<190>Nov 20 10:15:46 proxy01 squid[12]: ", "<190>1 2026-11-20T01:15:46Z proxy01 (squid-1) 12 - - "]
    {
        check(
            &format!(
                "{header}1795137344.000 81 10.20.1.19 TCP_MISS/200 500 GET http://h.example/ - DIRECT/192.0.2.1 -"
            ),
            &[(fields::OBSERVER_NAME, "proxy01"), (fields::TIMESTAMP, "2026-11-20T01:15:44Z")],
        );
    }
}

#[test]
fn short_and_foreign_lines() {
    for line in
        ["", "-", "1795137344.000", "1795137344.000 81 10.20.1.19 TCP_MISS/200 500 GET", "hello world", "a b c [d] e"]
    {
        assert!(read(line).1.is_err(), "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(line in "[A-Z_/0-9.:@%\\\\\"\\[\\] 日-]{0,90}|\\PC{0,60}") {
        let _ = read(&line);
        let _ = read(&format!("1795137344.000 81 10.20.1.19 TCP_MISS/200 500 GET {line}"));
        let _ = read(&format!("10.20.1.15 - sato [20/Nov/2026:10:15:46 +0900] {line}"));
    }
}
