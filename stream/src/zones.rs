//! Names of zones: the ids that ledgers and events carry, and the words that screens show and people type.
//!
//! One table for ledgers (detect), screens (dashboards) and the search language (store), so that what is shown can be
//! typed back. Words are compared folded: full-width signs as ASCII, letters in lower case.

/// The zone of an address that no row of the ledger names.
pub const UNMAPPED: &str = "unmapped";

/// One zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneName {
    /// Canonical id (`mynumber`).
    pub id: &'static str,
    /// Japanese and English label.
    pub label: [&'static str; 2],
    /// The same for narrow columns.
    pub short: [&'static str; 2],
    /// Other words that mean it, folded.
    pub others: &'static [&'static str],
}

const fn zone(
    id: &'static str,
    label: [&'static str; 2],
    short: [&'static str; 2],
    others: &'static [&'static str],
) -> ZoneName {
    ZoneName { id, label, short, others }
}

/// Every zone that has a name of its own.
pub const ZONES: [ZoneName; 19] = [
    zone(
        "mynumber",
        ["マイナンバー利用事務系", "My Number affairs zone"],
        ["マイナンバー系", "My Number"],
        &["個人番号利用事務系", "マイナンバー利用事務系(個人番号利用事務系)", "マイナンバー", "番号系"],
    ),
    zone("lgwan", ["LGWAN接続系", "LGWAN-connected zone"], ["LGWAN系", "LGWAN"], &[]),
    zone(
        "internet",
        ["インターネット接続系", "Internet-connected zone"],
        ["インターネット系", "Internet zone"],
        &["インターネット", "internet-connected"],
    ),
    zone(
        "dmz",
        ["公開系（DMZ）", "public-facing segment"],
        ["公開系", "DMZ"],
        &["dmz・公開系", "公開セグメント", "公開"],
    ),
    zone("external", ["外部ネットワーク", "external network"], ["外部", "External"], &["外部公開セグメント外"]),
    zone(
        "remote",
        ["リモートアクセス系", "remote access"],
        ["リモート系", "Remote"],
        &["リモートアクセス", "リモート接続", "リモート", "遠隔接続"],
    ),
    zone(
        "seccloud",
        ["自治体情報セキュリティクラウド", "municipal security cloud"],
        ["セキュリティクラウド", "Security cloud"],
        &["自治体セキュリティクラウド"],
    ),
    zone("govcloud", ["ガバメントクラウド", "Government Cloud"], ["ガバメントクラウド", "Government Cloud"], &[]),
    zone("cloud", ["クラウドサービス", "cloud services"], ["クラウド", "Cloud"], &[]),
    zone("public_terminal", ["公共端末", "public terminal"], ["公共端末", "Public terminal"], &["public terminals"]),
    zone("management", ["管理系", "management network"], ["管理系", "Management"], &[]),
    zone("dept", ["部署ネットワーク", "department network"], ["部署", "Department"], &[]),
    zone("school", ["教育系", "school network"], ["教育系", "School"], &["学校系"]),
    zone("ot", ["制御系", "plant control network"], ["制御系", "Plant control"], &[]),
    zone("lgwan_asp", ["LGWAN-ASP", "LGWAN application service"], ["LGWAN-ASP", "LGWAN-ASP"], &[]),
    zone("peer:juki", ["住民基本台帳ネットワーク", "Juki net"], ["住基ネット", "Juki net"], &[]),
    zone("peer:chukan", ["中間サーバー", "intermediate server"], ["中間サーバー", "Intermediate server"], &[]),
    zone("peer", ["接続先団体", "connected body"], ["接続先団体", "Connected body"], &[]),
    zone(UNMAPPED, ["未登録アドレス", "unmapped address"], ["未登録", "Unmapped"], &[]),
];

impl ZoneName {
    /// The zone of this id.
    pub fn of(id: &str) -> Option<&'static ZoneName> {
        ZONES.iter().find(|zone| zone.id == id)
    }

    /// Whether a folded word means this zone; its id does too.
    fn means(&self, folded: &str) -> bool {
        let shown = || self.label.iter().chain(&self.short);
        self.id == folded || self.others.contains(&folded) || shown().any(|word| fold(word) == folded)
    }
}

/// The zone id that a word means: `ＬＧＷＡＮ接続系` is `lgwan`, `部署ネットワーク（税務課）` is `dept:税務課`, and
/// `マイナンバー利用事務系/kaigo` is `mynumber/kaigo`. `None` where the word is no name of the table.
pub fn zone_of_word(word: &str) -> Option<String> {
    let folded = fold(word);
    let named = |word: &str| ZONES.iter().find(|zone| zone.means(word));
    if let Some(zone) = named(&folded) {
        return Some(zone.id.to_owned());
    }
    let (parent, separator, own) = match folded.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        Some((parent, own)) => (parent.trim_end(), ':', own),
        None => folded.split_once('/').map(|(parent, own)| (parent, '/', own))?,
    };
    let parent = named(parent)?;
    (!own.is_empty()).then(|| format!("{}{separator}{own}", parent.id))
}

/// Japanese and English label of a zone id. A sub-zone shows its parent's label and its own name: `dept:zeimu` is
/// 部署ネットワーク（zeimu）, `mynumber/kaigo` is マイナンバー利用事務系/kaigo. An unknown id is its own label.
pub fn zone_labels(id: &str) -> [String; 2] {
    words(id, |zone| zone.label)
}

/// [`zone_labels`] for narrow columns.
pub fn zone_labels_short(id: &str) -> [String; 2] {
    words(id, |zone| zone.short)
}

fn words(id: &str, of: fn(&ZoneName) -> [&'static str; 2]) -> [String; 2] {
    if let Some(zone) = ZoneName::of(id) {
        return of(zone).map(str::to_owned);
    }
    let parent = id.find([':', '/']).and_then(|at| Some((of(ZoneName::of(&id[..at])?), &id[at..])));
    match parent {
        Some(([japanese, english], own)) if own.starts_with('/') => {
            [format!("{japanese}{own}"), format!("{english}{own}")]
        }
        Some(([japanese, english], own)) => {
            [format!("{japanese}（{}）", &own[1..]), format!("{english} ({})", &own[1..])]
        }
        None => [id.to_owned(), id.to_owned()],
    }
}

/// Full-width signs as ASCII, ASCII letters in lower case, no blanks around it.
fn fold(text: &str) -> String {
    let half = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.trim().chars().map(half).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_one_zone() {
        for zone in ZONES {
            for word in zone.label.iter().chain(&zone.short).chain(zone.others).chain([&zone.id]) {
                let meant: Vec<&str> =
                    ZONES.iter().filter(|other| other.means(&fold(word))).map(|other| other.id).collect();
                assert_eq!(meant, [zone.id], "{word}");
            }
            assert!(zone.others.iter().all(|word| fold(word) == **word), "{} has a word that is not folded", zone.id);
        }
    }

    #[test]
    fn every_label_leads_back_to_its_zone() {
        let sub = ["dept:zeimu", "mynumber/kaigo", "lgwan:税務課", "peer:kumiai/a"].map(str::to_owned);
        for id in ZONES.iter().map(|zone| zone.id.to_owned()).chain(sub) {
            for label in zone_labels(&id).iter().chain(&zone_labels_short(&id)) {
                assert_eq!(zone_of_word(label).as_deref(), Some(id.as_str()), "{label}");
            }
        }
        assert_eq!(zone_of_word("ＬＧＷＡＮ接続系").as_deref(), Some("lgwan"));
        assert_eq!((zone_of_word("plant"), zone_of_word("dept()")), (None, None));
        assert_eq!(zone_labels("plant"), ["plant", "plant"]);
        assert_eq!(zone_labels("dept:税務課")[0], "部署ネットワーク（税務課）");
    }
}
