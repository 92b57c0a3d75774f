//! Names people type: Japanese words for fields and zones.

use stream::{FieldId, Kind, fields};

use super::FieldRef;

/// What a name stands for: one field, or several of which any may match.
pub(super) fn resolve(name: &str) -> Vec<FieldRef> {
    let known: &[FieldId] = match name {
        "ゾーン" | "zone" => &[fields::SEKISHO_SOURCE_ZONE, fields::SEKISHO_DESTINATION_ZONE],
        "送信元ゾーン" => &[fields::SEKISHO_SOURCE_ZONE],
        "宛先ゾーン" => &[fields::SEKISHO_DESTINATION_ZONE],
        "判定" | "verdict" => &[fields::SEKISHO_FLOW_VERDICT],
        "ip" => &[fields::SOURCE_IP, fields::DESTINATION_IP],
        "送信元" | "送信元IP" => &[fields::SOURCE_IP],
        "宛先" | "宛先IP" => &[fields::DESTINATION_IP],
        "宛先ポート" => &[fields::DESTINATION_PORT],
        "利用者" | "ユーザー" | "user" => &[fields::USER_NAME],
        "端末" | "ホスト" | "host" => &[fields::HOST_NAME],
        "操作" | "action" => &[fields::EVENT_ACTION],
        "結果" | "outcome" => &[fields::EVENT_OUTCOME],
        "ルール" | "rule" => &[fields::SEKISHO_RULE_IDS],
        "ログ送信元" | "source" => &[fields::SEKISHO_SOURCE_ID],
        "団体" | "tenant" => &[fields::SEKISHO_TENANT],
        other => return vec![FieldRef::new(other)],
    };
    known.iter().map(|id| FieldRef::new(id.name())).collect()
}

/// The stored id of a zone that was typed by one of its names, Japanese or English.
pub(super) fn zone(field: &FieldRef, folded: &str) -> Option<String> {
    let zones = [fields::SEKISHO_SOURCE_ZONE, fields::SEKISHO_DESTINATION_ZONE];
    if !zones.iter().any(|zone| zone.name() == field.name) {
        return None;
    }
    stream::zones::zone_of_word(folded)
}

/// A known field whose name is close to a mistyped one.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase();
    FieldId::all_static()
        .map(|id| id.name())
        .filter(|known| known.ends_with(wanted.as_str()) || distance_below(&wanted, known, 3))
        .min_by_key(|known| known.len())
}

/// What an example of a field's value looks like, for suggestions.
pub(super) fn example(field: &FieldRef) -> String {
    let value = match field.kind() {
        Kind::Int => "443 または >=1024",
        Kind::Float => "0.5",
        Kind::Ip => "10.1.0.0/16",
        Kind::Time => ">=2026-11-20",
        Kind::Bool => "true",
        Kind::Keyword | Kind::Text => "値 または 値*",
    };
    format!("{}:{value}", field.name)
}

fn distance_below(a: &str, b: &str, limit: usize) -> bool {
    if a.len().abs_diff(b.len()) >= limit {
        return false;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()] < limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::text::fold;

    #[test]
    fn every_name_of_a_zone_that_is_shown_finds_it() {
        let field = FieldRef::new(fields::SEKISHO_SOURCE_ZONE.name());
        let sub = ["dept:zeimu", "mynumber/kaigo", "unmapped"].map(str::to_owned);
        for id in stream::zones::ZONES.iter().map(|zone| zone.id.to_owned()).chain(sub) {
            let (long, short) = (stream::zones::zone_labels(&id), stream::zones::zone_labels_short(&id));
            for label in long.iter().chain(&short).chain([&id]) {
                let found = zone(&field, &fold(label)).unwrap_or_else(|| fold(label).into_owned());
                assert_eq!(found, id, "{label}");
                let (typed, stored) = (format!("送信元ゾーン:\"{label}\""), format!("送信元ゾーン:\"{id}\""));
                let parsed = |text: &str| format!("{:?}", crate::query::parse::parse(text).unwrap());
                assert_eq!(parsed(&typed), parsed(&stored), "{label}");
            }
        }
        assert_eq!(zone(&FieldRef::new(fields::USER_NAME.name()), "lgwan接続系"), None);
    }
}
