//! What the name of a column stands for, in Japanese and English, and the times that cells hold.

use stream::{FieldId, Timestamp, fields};

use super::meaning::To;
use crate::parser::Context;
use crate::put::{DESTINATION, SOURCE};
use crate::{put, time};

/// One column.
#[derive(Clone, Debug)]
pub(super) enum Column {
    /// Left out.
    Skip,
    /// A time or half of one.
    Time(Stamp),
    /// Something that sekisho knows.
    Known(To),
    /// Kept under this name.
    Own(String),
}

/// Which part of a time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Whole,
    Date,
    Clock,
}

/// Names of times, as [`plain`] writes them.
const TIMES: &[(&str, Stamp)] = &[
    ("@timestamp", Stamp::Whole),
    ("timestamp", Stamp::Whole),
    ("datetime", Stamp::Whole),
    ("eventtime", Stamp::Whole),
    ("日時", Stamp::Whole),
    ("発生日時", Stamp::Whole),
    ("ログ日時", Stamp::Whole),
    ("記録日時", Stamp::Whole),
    ("操作日時", Stamp::Whole),
    ("検知日時", Stamp::Whole),
    ("検出日時", Stamp::Whole),
    ("処理日時", Stamp::Whole),
    ("受信日時", Stamp::Whole),
    ("イベント日時", Stamp::Whole),
    ("開始日時", Stamp::Whole),
    ("受付日時", Stamp::Whole),
    ("完了日時", Stamp::Whole),
    ("検査日時", Stamp::Whole),
    ("アクセス日時", Stamp::Whole),
    ("登録日時", Stamp::Whole),
    ("送信日時", Stamp::Whole),
    ("取得日時", Stamp::Whole),
    ("実行日時", Stamp::Whole),
    ("イベント発生日時", Stamp::Whole),
    ("eventdate", Stamp::Whole),
    ("occurredat", Stamp::Whole),
    ("操作日", Stamp::Date),
    ("操作時刻", Stamp::Clock),
    ("発生時間", Stamp::Clock),
    ("ログ時刻", Stamp::Clock),
    ("タイムスタンプ", Stamp::Whole),
    ("date", Stamp::Date),
    ("日付", Stamp::Date),
    ("年月日", Stamp::Date),
    ("発生日", Stamp::Date),
    ("time", Stamp::Clock),
    ("時刻", Stamp::Clock),
    ("時間", Stamp::Clock),
    ("発生時刻", Stamp::Clock),
];

/// Names of everything else.
const KNOWN: &[(&str, To)] = &[
    ("コンピュタ名", To::Host),
    ("コンピュタ", To::Host),
    ("端末名", To::Host),
    ("端末機名", To::Host),
    ("端末", To::Host),
    ("クライアント名", To::Host),
    ("マシン名", To::Host),
    ("ホスト名", To::Host),
    ("pc名", To::Host),
    ("クライアントpc", To::Host),
    ("クライアントpc名", To::Host),
    ("コンピュタid", To::Host),
    ("端末id", To::Host),
    ("pcname", To::Host),
    ("clientname", To::Host),
    ("機器名", To::Host),
    ("hostname", To::Host),
    ("host", To::Host),
    ("computer", To::Host),
    ("computername", To::Host),
    ("devicename", To::Host),
    ("ユザ名", To::User),
    ("ユザ", To::User),
    ("ユザid", To::User),
    ("ログオンユザ名", To::User),
    ("ログオンユザ", To::User),
    ("ログインユザ名", To::User),
    ("ログインid", To::User),
    ("ログインユザ", To::User),
    ("ログイン名", To::User),
    ("ログオン名", To::User),
    ("ログオンid", To::User),
    ("実行ユザ", To::User),
    ("実行者", To::User),
    ("承認者", To::Text(fields::USER_TARGET_NAME)),
    ("loginname", To::User),
    ("logonuser", To::User),
    ("loginuser", To::User),
    ("アカウント名", To::User),
    ("アカウント", To::User),
    ("利用者", To::User),
    ("利用者id", To::User),
    ("職員番号", To::User),
    ("操作者", To::User),
    ("申請者", To::User),
    ("user", To::User),
    ("username", To::User),
    ("userid", To::User),
    ("account", To::User),
    ("氏名", To::Text(fields::USER_FULL_NAME)),
    ("利用者名", To::Text(fields::USER_FULL_NAME)),
    ("表示名", To::Text(fields::USER_FULL_NAME)),
    ("ドメイン名", To::Text(fields::USER_DOMAIN)),
    ("ドメイン", To::Text(fields::USER_DOMAIN)),
    ("domain", To::Text(fields::USER_DOMAIN)),
    ("部署", To::Text(fields::USER_GROUP_NAME)),
    ("部署名", To::Text(fields::USER_GROUP_NAME)),
    ("所属", To::Text(fields::USER_GROUP_NAME)),
    ("グルプ名", To::Text(fields::USER_GROUP_NAME)),
    ("グルプ", To::Text(fields::USER_GROUP_NAME)),
    ("group", To::Text(fields::USER_GROUP_NAME)),
    ("ipアドレス", To::Terminal),
    ("端末ipアドレス", To::Terminal),
    ("ip", To::Terminal),
    ("ipaddress", To::Terminal),
    ("送信元ip", To::End(SOURCE)),
    ("送信元ipアドレス", To::End(SOURCE)),
    ("送信元アドレス", To::End(SOURCE)),
    ("送信元", To::End(SOURCE)),
    ("接続元", To::End(SOURCE)),
    ("接続元ipアドレス", To::End(SOURCE)),
    ("クライアントip", To::End(SOURCE)),
    ("クライアントipアドレス", To::End(SOURCE)),
    ("src", To::End(SOURCE)),
    ("srcip", To::End(SOURCE)),
    ("sourceip", To::End(SOURCE)),
    ("sourceaddress", To::End(SOURCE)),
    ("clientip", To::End(SOURCE)),
    ("宛先ip", To::End(DESTINATION)),
    ("宛先ipアドレス", To::End(DESTINATION)),
    ("宛先アドレス", To::End(DESTINATION)),
    ("送信先", To::End(DESTINATION)),
    ("送信先ipアドレス", To::End(DESTINATION)),
    ("接続先", To::End(DESTINATION)),
    ("接続先ipアドレス", To::End(DESTINATION)),
    ("dst", To::End(DESTINATION)),
    ("dstip", To::End(DESTINATION)),
    ("destinationip", To::End(DESTINATION)),
    ("destinationaddress", To::End(DESTINATION)),
    ("serverip", To::End(DESTINATION)),
    ("送信元ポト", To::Text(fields::SOURCE_PORT)),
    ("srcport", To::Text(fields::SOURCE_PORT)),
    ("sourceport", To::Text(fields::SOURCE_PORT)),
    ("宛先ポト", To::Text(fields::DESTINATION_PORT)),
    ("送信先ポト", To::Text(fields::DESTINATION_PORT)),
    ("接続先ポト", To::Text(fields::DESTINATION_PORT)),
    ("dstport", To::Text(fields::DESTINATION_PORT)),
    ("destinationport", To::Text(fields::DESTINATION_PORT)),
    ("プロトコル", To::Transport),
    ("protocol", To::Transport),
    ("macアドレス", To::Mac),
    ("mac", To::Mac),
    ("macaddress", To::Mac),
    ("操作", To::Action),
    ("操作種別", To::Action),
    ("操作内容", To::Action),
    ("動作", To::Action),
    ("処理", To::Action),
    ("処理内容", To::Action),
    ("アクション", To::Action),
    ("イベント", To::Action),
    ("イベント名", To::Action),
    ("判定", To::Action),
    ("処置", To::Action),
    ("action", To::Action),
    ("event", To::Action),
    ("operation", To::Action),
    ("ログ種別", To::Kind),
    ("種別", To::Kind),
    ("種類", To::Kind),
    ("カテゴリ", To::Text(fields::RULE_CATEGORY)),
    ("結果", To::Outcome),
    ("無害化結果", To::Outcome),
    ("検査結果", To::Outcome),
    ("変換結果", To::Outcome),
    ("実行結果", To::Outcome),
    ("ステタス", To::Outcome),
    ("状態", To::Outcome),
    ("成否", To::Outcome),
    ("処理結果", To::Outcome),
    ("認証結果", To::Outcome),
    ("result", To::Outcome),
    ("outcome", To::Outcome),
    ("status", To::Outcome),
    ("理由", To::Text(fields::EVENT_REASON)),
    ("原因", To::Text(fields::EVENT_REASON)),
    ("reason", To::Text(fields::EVENT_REASON)),
    ("イベントid", To::Text(fields::EVENT_CODE)),
    ("エラコド", To::Text(fields::EVENT_CODE)),
    ("コド", To::Text(fields::EVENT_CODE)),
    ("eventid", To::Text(fields::EVENT_CODE)),
    ("id", To::Text(fields::EVENT_ID)),
    ("ログid", To::Text(fields::EVENT_ID)),
    ("受付番号", To::Text(fields::EVENT_ID)),
    ("重要度", To::Text(fields::LOG_LEVEL)),
    ("レベル", To::Text(fields::LOG_LEVEL)),
    ("level", To::Text(fields::LOG_LEVEL)),
    ("severity", To::Text(fields::LOG_LEVEL)),
    ("ファイル名", To::File),
    ("ファイル", To::File),
    ("ファイルパス", To::File),
    ("パス", To::File),
    ("フルパス", To::File),
    ("対象ファイル", To::File),
    ("対象ファイル名", To::File),
    ("元ファイル名", To::File),
    ("変換前ファイル名", To::File),
    ("無害化前ファイル名", To::File),
    ("添付ファイル名", To::File),
    ("添付ファイル", To::File),
    ("ドキュメント名", To::File),
    ("印刷ファイル名", To::File),
    ("ファイル名称", To::File),
    ("document", To::File),
    ("filename", To::File),
    ("filepath", To::File),
    ("file", To::File),
    ("path", To::File),
    ("コピ先", To::Text(fields::FILE_TARGET_PATH)),
    ("移動先", To::Text(fields::FILE_TARGET_PATH)),
    ("変更後ファイル名", To::Text(fields::FILE_TARGET_PATH)),
    ("変換後ファイル名", To::Text(fields::FILE_TARGET_PATH)),
    ("無害化後ファイル名", To::Text(fields::FILE_TARGET_PATH)),
    ("出力ファイル名", To::Text(fields::FILE_TARGET_PATH)),
    ("ファイルサイズ", To::Text(fields::FILE_SIZE)),
    ("サイズ", To::Text(fields::FILE_SIZE)),
    ("filesize", To::Text(fields::FILE_SIZE)),
    ("拡張子", To::Text(fields::FILE_EXTENSION)),
    ("ハッシュ", To::Hash),
    ("ハッシュ値", To::Hash),
    ("hash", To::Hash),
    ("sha256", To::Hash),
    ("sha1", To::Hash),
    ("md5", To::Hash),
    ("アプリケション名", To::Process),
    ("アプリケション", To::Process),
    ("アプリ名", To::Process),
    ("プロセス名", To::Process),
    ("実行ファイル名", To::Process),
    ("process", To::Process),
    ("processname", To::Process),
    ("コマンド", To::Text(fields::PROCESS_COMMAND_LINE)),
    ("コマンドライン", To::Text(fields::PROCESS_COMMAND_LINE)),
    ("commandline", To::Text(fields::PROCESS_COMMAND_LINE)),
    ("リクエスト", To::Request),
    ("リクエスト行", To::Request),
    ("request", To::Request),
    ("requestline", To::Request),
    ("ステタスコド", To::HttpStatus),
    ("httpステタス", To::HttpStatus),
    ("httpステタスコド", To::HttpStatus),
    ("statuscode", To::HttpStatus),
    ("httpstatus", To::HttpStatus),
    ("メソッド", To::Text(fields::HTTP_REQUEST_METHOD)),
    ("method", To::Text(fields::HTTP_REQUEST_METHOD)),
    ("リファラ", To::Text(fields::HTTP_REQUEST_REFERRER)),
    ("referer", To::Text(fields::HTTP_REQUEST_REFERRER)),
    ("referrer", To::Text(fields::HTTP_REQUEST_REFERRER)),
    ("ユザエジェント", To::Text(fields::USER_AGENT_ORIGINAL)),
    ("useragent", To::Text(fields::USER_AGENT_ORIGINAL)),
    ("送信バイト数", To::Text(fields::HTTP_REQUEST_BYTES)),
    ("送信サイズ", To::Text(fields::HTTP_REQUEST_BYTES)),
    ("受信バイト数", To::Text(fields::HTTP_RESPONSE_BYTES)),
    ("受信サイズ", To::Text(fields::HTTP_RESPONSE_BYTES)),
    ("コンテンツタイプ", To::Text(fields::HTTP_RESPONSE_MIME_TYPE)),
    ("contenttype", To::Text(fields::HTTP_RESPONSE_MIME_TYPE)),
    ("url", To::Url),
    ("アクセス先url", To::Url),
    ("アクセス先", To::Url),
    ("uri", To::Url),
    ("件名", To::Text(fields::EMAIL_SUBJECT)),
    ("subject", To::Text(fields::EMAIL_SUBJECT)),
    ("差出人", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("送信者", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("from", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("宛先", To::Recipients),
    ("受信者", To::Recipients),
    ("受信者アドレス", To::Recipients),
    ("宛先メルアドレス", To::Recipients),
    ("送信者アドレス", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("送信元メルアドレス", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("メル件名", To::Text(fields::EMAIL_SUBJECT)),
    ("sender", To::Text(fields::EMAIL_FROM_ADDRESS)),
    ("recipient", To::Recipients),
    ("to", To::Recipients),
    ("メッセジid", To::Text(fields::EMAIL_MESSAGE_ID)),
    ("messageid", To::Text(fields::EMAIL_MESSAGE_ID)),
    ("ルル名", To::Text(fields::RULE_NAME)),
    ("ポリシ名", To::Text(fields::RULE_NAME)),
    ("ポリシ", To::Text(fields::RULE_NAME)),
    ("脅威名", To::Text(fields::RULE_NAME)),
    ("検知名", To::Text(fields::RULE_NAME)),
    ("ウイルス名", To::Text(fields::RULE_NAME)),
    ("rule", To::Text(fields::RULE_NAME)),
    ("rulename", To::Text(fields::RULE_NAME)),
    ("policy", To::Text(fields::RULE_NAME)),
    ("メッセジ", To::Text(fields::MESSAGE)),
    ("内容", To::Text(fields::MESSAGE)),
    ("説明", To::Text(fields::MESSAGE)),
    ("詳細", To::Text(fields::MESSAGE)),
    ("message", To::Text(fields::MESSAGE)),
    ("description", To::Text(fields::MESSAGE)),
    ("シリアル番号", To::Text(fields::DEVICE_ID)),
    ("シリアルナンバ", To::Text(fields::DEVICE_ID)),
    ("serialnumber", To::Text(fields::DEVICE_ID)),
];

/// What a name stands for.
pub(super) fn column(name: &str) -> Column {
    let name = name.trim();
    if matches!(name, "" | "-" | "_") {
        return Column::Skip;
    }
    if let Some(known) = known(name).or_else(|| squid_code(name)) {
        return known;
    }
    match ecs(name) {
        Some(field) if field == fields::USER_NAME => Column::Known(To::User),
        Some(field) => Column::Known(To::Text(field)),
        None => Column::Own(name.to_owned()),
    }
}

/// A code of Squid's `logformat`, with its width, quoting and argument, or two that Squid writes as one word.
fn squid_code(name: &str) -> Option<Column> {
    let code = name.strip_prefix('%')?;
    let code =
        code.trim_start_matches(['"', '[', '#', '/', '\'', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    if code.starts_with("ts") || matches!(code, "tl" | "tg") || code.starts_with('{') && code.ends_with("tl") {
        return Some(Column::Time(Stamp::Whole));
    }
    Some(Column::Known(match code {
        "tr" => To::Millis,
        ">a" | ">A" => To::End(SOURCE),
        _ if code.starts_with(">a:") => To::End(SOURCE),
        ">p" => To::Text(fields::SOURCE_PORT),
        "<a" | "<A" => To::End(DESTINATION),
        "<p" => To::Text(fields::DESTINATION_PORT),
        "un" | "ul" | "ui" | "ue" | "us" => To::User,
        "rm" | ">rm" => To::Text(fields::HTTP_REQUEST_METHOD),
        "ru" | ">ru" => To::Url,
        "rv" | ">rv" => To::Text(fields::HTTP_VERSION),
        ">Hs" | "<Hs" | "Hs" => To::HttpStatus,
        "<st" => To::Text(fields::HTTP_RESPONSE_BYTES),
        ">st" => To::Text(fields::HTTP_REQUEST_BYTES),
        "mt" => To::Text(fields::HTTP_RESPONSE_MIME_TYPE),
        "Sh" => To::Text(fields::SQUID_HIERARCHY_CODE),
        "ssl::>sni" => To::Text(fields::TLS_CLIENT_SERVER_NAME),
        _ if code.starts_with("Ss") => To::SquidResult,
        _ if code.starts_with("Sh/") => To::SquidPeer,
        _ if code.contains("User-Agent") => To::Text(fields::USER_AGENT_ORIGINAL),
        _ if code.contains("Referer") => To::Text(fields::HTTP_REQUEST_REFERRER),
        _ => return None,
    }))
}

fn known(name: &str) -> Option<Column> {
    let plain = plain(name);
    if let Some((_, stamp)) = TIMES.iter().find(|(known, _)| *known == plain) {
        return Some(Column::Time(*stamp));
    }
    KNOWN.iter().find(|(known, _)| *known == plain).map(|(_, to)| Column::Known(*to))
}

/// The ECS field of this name that a log may set.
fn ecs(name: &str) -> Option<FieldId> {
    let decoders = [fields::EVENT_ORIGINAL, fields::EVENT_CREATED, fields::EVENT_INGESTED, fields::TIMESTAMP];
    fields::lookup(name).filter(|field| field.is_static() && !name.starts_with("sekisho.") && !decoders.contains(field))
}

/// A name without what does not matter: width, case, blanks, `_`, `-`, long vowel marks, what stands in brackets.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut depth = 0_u8;
    for character in name.chars() {
        let character = match u32::from(character) {
            wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(character),
            _ => character,
        };
        match character {
            '(' | '[' | '【' => depth = depth.saturating_add(1),
            ')' | ']' | '】' => depth = depth.saturating_sub(1),
            ' ' | '\u{3000}' | '_' | '-' | 'ー' | '"' | '#' | ':' => {}
            _ if depth == 0 => plain.extend(character.to_lowercase()),
            _ => {}
        }
    }
    plain
}

/// Whether a line is a header: at least two names are known, most cells are names, and none holds what only data holds.
pub(super) fn is_header(cells: &[&str], columns: &[Column], declared: bool) -> bool {
    let data = |cell: &str| {
        put::ip(cell).is_some() || cell.contains("://") || (cell.bytes().filter(u8::is_ascii_digit).count() >= 4)
    };
    if cells.len() < 2 || cells.iter().any(|cell| data(cell)) {
        return false;
    }
    let named = cells.iter().filter(|cell| known(cell).is_some() || ecs(cell).is_some()).count();
    let timed = cells.iter().any(|cell| matches!(known(cell), Some(Column::Time(_))));
    named >= 2 && (timed || 2 * named >= cells.len()) && (!declared || cells.len() == columns.len())
}

/// Reads a time as exports write it: ISO forms, `2026/11/20 9:05`, `20261120100000`, `2026年11月20日 10時00分00秒`,
/// `11/20/2026 10:00:00 AM`, `令和8年11月20日 10:00`, `R8.11.20`, and those of syslog and web servers.
pub(crate) fn instant(text: &str, context: &Context) -> Option<Timestamp> {
    if let Some(stamp) = time::iso(text, &context.zone).or_else(|| time::common_log(text, &context.zone)) {
        return Some(stamp);
    }
    // Seconds or milliseconds since 1970, also with a fraction.
    let whole = text.split('.').next().unwrap_or("");
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits && matches!(whole.len(), 10 | 13) && text.bytes().filter(|byte| *byte == b'.').count() <= 1 {
        return time::epoch(text);
    }
    if let Some((stamp, length)) = time::rfc3164_prefix(text, context)
        && length == text.len()
    {
        return Some(stamp);
    }
    let mut numbers = numbers(&text.replace("元年", "1年"))?;
    if let Some(first) = numbers.first_mut() {
        *first = first.checked_add(era(text)).filter(|year| *year <= 20_260_000)?;
    }
    let lower = text.to_ascii_lowercase();
    let (year, month, day, rest) = match &numbers[..] {
        [year @ 1970..=2261, month, day, rest @ ..] => (*year, *month, *day, rest),
        // `20/11/2026` can only be the day first.
        [day @ 13..=31, month @ 1..=12, year @ 1970..=2261, rest @ ..] if text.contains('/') => {
            (*year, *month, *day, rest)
        }
        [month, day, year @ 1970..=2261, rest @ ..] if text.contains('/') => (*year, *month, *day, rest),
        _ => return None,
    };
    let (hour, minute, second) = match rest {
        [] => (0, 0, 0),
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second, ..] => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match (lower.ends_with("pm") || text.contains("午後"), lower.ends_with("am") || text.contains("午前"))
    {
        (true, _) if hour < 12 => hour + 12,
        (_, true) if hour == 12 => 0,
        _ => hour,
    };
    let small = |number: u32| u8::try_from(number).ok();
    let of_day = time::TimeOfDay { hour: small(hour)?, minute: small(minute)?, second: small(second)?, nanos: 0 };
    let civil = time::Civil::new((u16::try_from(year).ok()?, small(month)?, small(day)?), of_day)?;
    Some(context.zone.instant(&civil))
}

/// What is added to the year of an era, at the start of a text.
fn era(text: &str) -> u32 {
    let of = |names: &[&str]| names.iter().any(|name| text.starts_with(name));
    let lettered = text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    match () {
        () if of(&["令和"]) || lettered && of(&["R", "r"]) => 2018,
        () if of(&["平成"]) || lettered && of(&["H", "h"]) => 1988,
        () => 0,
    }
}

/// The numbers of a text, at most six; 8 and 14 digits in a row are a date and a date with a time.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::with_capacity(7);
    for run in text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).take(7) {
        match run.len() {
            1..=4 => numbers.push(run.parse().ok()?),
            6 if numbers.len() == 3 => {
                for at in [0, 2, 4] {
                    numbers.push(run.get(at..at + 2)?.parse().ok()?);
                }
            }
            8 | 14 => {
                numbers.push(run.get(..4)?.parse().ok()?);
                for at in (4..run.len()).step_by(2) {
                    numbers.push(run.get(at..at + 2)?.parse().ok()?);
                }
            }
            _ => return None,
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forgiving() {
        for name in ["コンピューター名", "コンピュータ名", "Computer Name", "ＰＣ名", "端末名（自動）"]
        {
            assert!(matches!(column(name), Column::Known(To::Host)), "{name}");
        }
        assert!(matches!(column("ユーザー名（ログオン）"), Column::Known(To::User)));
        assert!(matches!(column("source.ip"), Column::Known(To::Text(field)) if field == fields::SOURCE_IP));
        assert!(matches!(column("sekisho.tenant"), Column::Own(_)));
        assert!(matches!(column("-"), Column::Skip));
    }

    #[test]
    fn times_of_exports() {
        let context = Context::tokyo(Timestamp::from_seconds(1_795_000_000));
        let expected = Timestamp::parse_rfc3339("2026-11-20T10:00:00+09:00");
        for text in [
            "2026/11/20 10:00:00",
            "2026-11-20 10:00:00.000",
            "20261120100000",
            "20261120 100000",
            "2026/11/20 10:00",
            "2026年11月20日 10時00分00秒",
            "2026年11月20日（金） 午前10時00分",
            "11/20/2026 10:00:00 AM",
            "2026.11.20 10:00:00",
            "令和8年11月20日 10時00分",
            "R8.11.20 10:00:00",
            "R8/11/20 10:00",
        ] {
            assert_eq!(instant(text, &context), expected, "{text}");
        }
        assert_eq!(instant("11/20/2026 10:00:00 PM", &context), Timestamp::parse_rfc3339("2026-11-20T22:00:00+09:00"));
        for text in ["", "12", "192.0.2.1", "2026/13/40 10:00:00", "12:00:00", "99999999999999"] {
            assert_eq!(instant(text, &context), None, "{text}");
        }
    }
}
