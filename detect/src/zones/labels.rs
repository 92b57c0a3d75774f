//! Names of zones: canonical ids, and the Japanese and English words that screens show.

/// What every zone file may name without having a prefix in it.
pub(crate) const WELL_KNOWN: [&str; 7] = ["mynumber", "lgwan", "internet", "dmz", "external", "remote", "seccloud"];

/// Id, Japanese label, English label, other Japanese words for it (full-width signs already folded).
const LABELS: [(&str, &str, &str, &[&str]); 17] = [
    (
        "mynumber",
        "マイナンバー利用事務系",
        "My Number affairs zone",
        &["個人番号利用事務系", "マイナンバー利用事務系(個人番号利用事務系)", "マイナンバー系"],
    ),
    ("lgwan", "LGWAN接続系", "LGWAN-connected zone", &["lgwan系"]),
    ("internet", "インターネット接続系", "Internet-connected zone", &["インターネット系"]),
    ("dmz", "公開系（DMZ）", "public-facing segment", &["公開系", "公開系(dmz)"]),
    ("external", "外部ネットワーク", "external network", &["外部"]),
    ("remote", "リモートアクセス系", "remote access", &["リモート系", "リモートアクセス"]),
    ("seccloud", "自治体情報セキュリティクラウド", "municipal security cloud", &["セキュリティクラウド"]),
    ("govcloud", "ガバメントクラウド", "Government Cloud", &[]),
    ("cloud", "クラウドサービス", "cloud services", &[]),
    ("public_terminal", "公共端末", "public terminal", &[]),
    ("dept", "部署ネットワーク", "department network", &[]),
    ("school", "教育系", "school network", &["学校系"]),
    ("ot", "制御系", "plant control network", &[]),
    ("lgwan_asp", "LGWAN-ASP", "LGWAN application service", &[]),
    ("peer:juki", "住民基本台帳ネットワーク", "Juki net", &["住基ネット"]),
    ("peer:chukan", "中間サーバー", "intermediate server", &[]),
    ("peer", "接続先団体", "connected body", &[]),
];

/// The zone id that a cell means: a Japanese label gives its id, everything else is itself in ASCII lower case.
pub fn zone_id(text: &str) -> String {
    let folded = crate::csv::fold(text).trim().to_ascii_lowercase();
    let by_label = LABELS.iter().find(|(_, label, _, others)| {
        crate::csv::fold(label).to_ascii_lowercase() == folded || others.contains(&folded.as_str())
    });
    by_label.map_or(folded, |(id, ..)| (*id).to_owned())
}

/// Japanese and English label of a zone id. A sub-zone shows its parent's label and its own name: `dept:zeimu` is
/// 部署ネットワーク（zeimu）. An unknown id is its own label.
pub fn zone_labels(id: &str) -> (String, String) {
    if id == super::UNMAPPED {
        return ("未登録アドレス".into(), "unmapped address".into());
    }
    let label = |id: &str| LABELS.iter().find(|(known, ..)| *known == id);
    if let Some((_, japanese, english, _)) = label(id) {
        return ((*japanese).into(), (*english).into());
    }
    if let Some((base, rest)) = id.split_once([':', '/'])
        && let Some((_, japanese, english, _)) = label(base)
    {
        return (format!("{japanese}（{rest}）"), format!("{english} ({rest})"));
    }
    (id.into(), id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_ids() {
        for (id, label, _, others) in LABELS {
            assert_eq!(zone_id(label), id);
            for other in others {
                assert_eq!(zone_id(other), id);
            }
        }
        assert_eq!(zone_id("ＬＧＷＡＮ接続系"), "lgwan");
        assert_eq!(zone_id("Dept:Zeimu"), "dept:zeimu");
        assert_eq!(zone_labels("dept:税務課").0, "部署ネットワーク（税務課）");
        assert_eq!(zone_labels("mynumber/kaigo").1, "My Number affairs zone (kaigo)");
        assert_eq!(zone_labels("peer:juki").0, "住民基本台帳ネットワーク");
        assert_eq!(zone_labels("plant").0, "plant");
        assert_eq!(zone_labels("unmapped").0, "未登録アドレス");
    }
}
