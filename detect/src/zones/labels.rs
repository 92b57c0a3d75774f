//! Names of zones in ledgers. The words stand in [`stream::zones`], which screens and the search language read too.

/// What every zone file may name without having a prefix in it.
pub(crate) const WELL_KNOWN: [&str; 7] = ["mynumber", "lgwan", "internet", "dmz", "external", "remote", "seccloud"];

/// The zone id that a cell means: a label gives its id, everything else is itself in ASCII lower case.
pub fn zone_id(text: &str) -> String {
    stream::zones::zone_of_word(text).unwrap_or_else(|| crate::csv::fold(text).trim().to_ascii_lowercase())
}

/// Japanese and English label of a zone id, as [`stream::zones::zone_labels`] gives them.
pub fn zone_labels(id: &str) -> (String, String) {
    let [japanese, english] = stream::zones::zone_labels(id);
    (japanese, english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_ids() {
        assert_eq!(zone_id("ＬＧＷＡＮ接続系"), "lgwan");
        assert_eq!(zone_id("マイナンバー利用事務系（個人番号利用事務系）"), "mynumber");
        assert_eq!(zone_id("Dept:Zeimu"), "dept:zeimu");
        assert_eq!(zone_id("部署ネットワーク（税務課）"), "dept:税務課");
        assert_eq!(zone_id("工場系"), "工場系");
        assert_eq!(zone_labels("mynumber/kaigo").1, "My Number affairs zone/kaigo");
        assert_eq!(zone_labels("peer:juki").0, "住民基本台帳ネットワーク");
        assert_eq!(zone_labels(super::super::UNMAPPED).0, "未登録アドレス");
    }
}
