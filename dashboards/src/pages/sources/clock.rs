//! What a source's clock skew means, in words.

use crate::i18n::Lang;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// Japan's distance from UTC.
const NINE_HOURS: u64 = 9 * HOUR;
/// A skew is nine hours, or whole years, to within so much.
const EXACT: u64 = 5 * MINUTE;
const EXACT_YEARS: u64 = 2 * DAY;
/// A Gregorian year on average.
const YEAR: u64 = 31_556_952;
/// Less is what lines take to arrive.
const NOTABLE: u64 = 5 * MINUTE;

/// A sentence about a skew in seconds (positive: the clock is behind), where it is worth one.
pub(super) fn words(skew: i64, lang: Lang) -> Option<String> {
    let (behind, seconds) = (skew > 0, skew.unsigned_abs());
    let years = (seconds + YEAR / 2) / YEAR;
    let japanese = lang == Lang::Ja;
    if seconds.abs_diff(NINE_HOURS) <= EXACT {
        return Some(match (japanese, behind) {
            (true, true) => "時刻がちょうど9時間遅れています。協定世界時（UTC）の時刻を日本時間として読んでいます。sources.toml の tz を UTC にしてください。".into(),
            (true, false) => "時刻がちょうど9時間進んでいます。日本時間の時刻を協定世界時（UTC）として読んでいます。sources.toml の tz を Asia/Tokyo にしてください。".into(),
            (false, true) => "exactly 9 h behind: its times are UTC and are read as Japan's; set tz = \"UTC\" in sources.toml".into(),
            (false, false) => "exactly 9 h ahead: its times are Japan's and are read as UTC; set tz = \"Asia/Tokyo\" in sources.toml".into(),
        });
    }
    if years > 0 && seconds.abs_diff(years * YEAR) <= EXACT_YEARS {
        return Some(match japanese {
            true => {
                format!("年がちょうど{years}年ずれています。機器が年を書いていないか、機器の時計の年が誤っています。")
            }
            false => format!("exactly {years} years off: the device writes no year, or its clock has a wrong one"),
        });
    }
    if seconds < NOTABLE {
        return None;
    }
    let (amount, ja, en) = match seconds {
        0..HOUR => (seconds / MINUTE, "分", "min"),
        HOUR..DAY => (seconds / HOUR, "時間", "h"),
        _ => (seconds / DAY, "日", "days"),
    };
    Some(match (japanese, behind) {
        (true, true) => format!("時計が約{amount}{ja}遅れているか、届くのが遅れています。"),
        (true, false) => format!("時計が約{amount}{ja}進んでいます。"),
        (false, true) => format!("its clock is about {amount} {en} behind, or its lines come late"),
        (false, false) => format!("its clock is about {amount} {en} ahead"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_hours_and_whole_years_are_named() {
        let said = |skew: i64| words(skew, Lang::Ja).unwrap_or_default();
        assert_eq!((said(0), said(200), said(-299)), Default::default());
        assert!(said(9 * 3600 + 3).contains("9時間遅れ") && said(9 * 3600 + 3).contains("tz を UTC"));
        assert!(said(-9 * 3600 - 60).contains("9時間進ん") && said(-9 * 3600).contains("Asia/Tokyo"));
        assert!(said(365 * 86_400).contains("1年") && said(-366 * 86_400).contains("1年"));
        assert!(said(56 * 31_556_952).contains("56年"));
        assert!(said(9 * 3600 + 3_600).contains("約10時間遅れ"), "{}", said(36_000));
        assert!(said(-600).contains("約10分進ん"));
        assert!(said(100 * 86_400).contains("約100日"));
        assert!(said(i64::MIN).contains('進') || said(i64::MIN).contains('年'));
        assert!(words(9 * 3600, Lang::En).unwrap().contains("exactly 9 h behind"));
    }
}
