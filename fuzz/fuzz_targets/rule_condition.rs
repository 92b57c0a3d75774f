//! A condition and the values of its detections: problems, never a panic; what loads judges events, twice alike.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (String, Vec<(u8, String)>)| {
    let (condition, values) = input;
    const FIELDS: [&str; 12] = [
        "user.name", "user.name|contains", "user.name|endswith|cased", "url.original|re", "source.ip|cidr",
        "destination.port", "destination.port|gte", "process.command_line|windash|contains", "user.name|exists",
        "user.name|fieldref", "process.command_line|base64offset|contains", "user.name|expand",
    ];
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let mut rule = String::from("title: t\nid: r-1\nlogsource: {}\ndetection:\n");
    for (number, (field, value)) in values.iter().take(8).enumerate() {
        let field = FIELDS[usize::from(*field) % FIELDS.len()];
        rule.push_str(&format!("  s{number}:\n    {}: {}\n", quoted(field), quoted(value)));
    }
    rule.push_str(&format!("  condition: {}\nlevel: low\n", quoted(&condition)));
    fuzz::judge(rule.as_bytes(), br#"{"user":{"name":"sato"},"destination":{"port":"22"},"url":{"original":"/a"}}"#);
});
