//! Every field that rules of a logsource use stands for a field that this product's parsers, or Winlogbeat's and
//! Auditbeat's, give. `SEKISHO_SIGMA_RULES` names the folder of rules.

use std::path::Path;

use rsigma_parser::{Detection, SigmaRule};

use super::super::pipeline::Pipelines;
use super::super::program::Logsource;
use super::*;

/// Logsources that sources of this product feed: product, category, service; nothing stands for any.
const FED: [(&str, &str, &str); 10] = [
    ("windows", "", ""),
    ("linux", "process_creation", ""),
    ("linux", "file_event", ""),
    ("linux", "network_connection", ""),
    ("linux", "", "auditd"),
    ("fortigate", "", ""),
    ("", "proxy", ""),
    ("", "firewall", ""),
    ("", "webserver", ""),
    ("", "dns", ""),
];

fn pipelines() -> Pipelines {
    let mut pipelines = Pipelines::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/pipelines");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        pipelines.add(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
    }
    pipelines
}

fn fields_of(detection: &Detection, out: &mut BTreeSet<String>) {
    match detection {
        Detection::AllOf(items) => out.extend(items.iter().filter_map(|item| item.field.name.clone())),
        Detection::AnyOf(parts) | Detection::And(parts) => parts.iter().for_each(|part| fields_of(part, out)),
        _ => {}
    }
}

/// Names that stand for nothing but themselves.
fn unresolved(pipelines: &Pipelines, rule: &SigmaRule) -> Vec<String> {
    let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    let source = &rule.logsource;
    let (product, category, service) = (lower(&source.product), lower(&source.category), lower(&source.service));
    let resolver = pipelines.resolver(&Logsource { product, category, service });
    let mut names = BTreeSet::new();
    rule.detection.named.values().for_each(|detection| fields_of(detection, &mut names));
    names.retain(|name| resolver.fields(name).is_none_or(|fields| fields.len() < 2));
    names.into_iter().collect()
}

#[test]
fn fields_of_fed_logsources_resolve() {
    let Ok(dir) = std::env::var("SEKISHO_SIGMA_RULES") else {
        eprintln!("skipped: needs SEKISHO_SIGMA_RULES");
        return;
    };
    let pipelines = pipelines();
    let rules = rsigma_parser::parse_sigma_directory(Path::new(&dir)).unwrap().rules;
    let is = |wanted: &str, held: &Option<String>| wanted.is_empty() || held.as_deref() == Some(wanted);
    let mut met = 0;
    for rule in &rules {
        let source = &rule.logsource;
        let fed = FED.iter().any(|(product, category, service)| {
            is(product, &source.product) && is(category, &source.category) && is(service, &source.service)
        });
        if fed {
            met += 1;
            assert_eq!(unresolved(&pipelines, rule), [""; 0], "{}", rule.title);
        }
    }
    assert!(met > 2000, "{met}");
}

#[test]
fn a_name_stands_for_the_field_of_its_logsource() {
    let pipelines = pipelines();
    for (product, category, service, name, field) in [
        ("windows", "process_creation", "", "Image", fields::PROCESS_EXECUTABLE),
        ("windows", "registry_set", "", "TargetObject", fields::REGISTRY_PATH),
        ("windows", "network_connection", "", "DestinationIp", fields::DESTINATION_IP),
        ("windows", "dns_query", "", "QueryName", fields::DNS_QUESTION_NAME),
        ("windows", "file_event", "", "TargetFilename", fields::FILE_PATH),
        ("windows", "", "security", "EventID", fields::WINLOG_EVENT_ID),
        ("linux", "", "auditd", "exe", fields::PROCESS_EXECUTABLE),
        ("linux", "process_creation", "", "CommandLine", fields::PROCESS_COMMAND_LINE),
        ("", "proxy", "", "cs-host", fields::URL_DOMAIN),
        ("", "webserver", "", "sc-status", fields::HTTP_RESPONSE_STATUS_CODE),
        ("", "dns", "", "query", fields::DNS_QUESTION_NAME),
        ("", "firewall", "", "dst_port", fields::DESTINATION_PORT),
    ] {
        let of = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let logsource = Logsource { product: of(product), category: of(category), service: of(service) };
        let fields = pipelines.resolver(&logsource).fields(name).unwrap();
        assert!(fields.contains(&field), "{name} of {product}/{category}/{service}: {fields:?}");
    }
}
