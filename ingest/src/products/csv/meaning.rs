//! What a cell means: which field it sets, and the class of event that Japanese and English words say.

use bumpalo::Bump;
use stream::{Event, FieldId, Kind, Value, fields};

use super::columns;
use crate::flow_text;
use crate::parser::Context;
use crate::products::dhcpd::mac;
use crate::put::{self, End};

/// What a column sets.
#[derive(Clone, Copy, Debug)]
pub(super) enum To {
    /// This field, if the cell fits it.
    Text(FieldId),
    /// The terminal the log is about.
    Host,
    /// The terminal's own address, which is where its actions come from.
    Terminal,
    /// The terminal's hardware address.
    Mac,
    /// Who did it.
    User,
    /// One end of a connection.
    End(End),
    /// Transport by name or number.
    Transport,
    /// What was done.
    Action,
    /// What sort of log; the action where no column says one.
    Kind,
    /// Whether it worked.
    Outcome,
    /// A file by path or name.
    File,
    /// A hash, told by its length.
    Hash,
    /// A program by path or name.
    Process,
    /// A URL, or the name of a host.
    Url,
    /// Mail addresses, separated by `;` or `,`.
    Recipients,
    /// A request line: `GET http://... HTTP/1.1`.
    Request,
    /// The status of an answer.
    HttpStatus,
    /// An elapsed time in milliseconds.
    Millis,
    /// Squid's result, with the status or not: `TCP_MISS/200`.
    SquidResult,
    /// Squid's hierarchy and peer: `HIER_DIRECT/192.0.2.1`.
    SquidPeer,
}

/// Sets what a cell says.
pub(super) fn put<'a>(to: To, cell: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    match to {
        To::Text(field) if event.has(field) && !field.is_list() => {}
        To::Text(field) if field.kind() == Kind::Time => {
            if let Some(stamp) = columns::instant(cell, context) {
                event.push(field, Value::Time(stamp));
            }
        }
        To::Text(field) if field.kind() == Kind::Int => put::count(field, number(cell, arena), event),
        To::Text(field) => _ = put::fit(field, cell, event),
        To::Host => {
            put::text(fields::HOST_NAME, cell, event);
            put::text(fields::HOST_HOSTNAME, cell, event);
        }
        To::Terminal => {
            if let Some(ip) = put::ip(cell) {
                event.push(fields::HOST_IP, Value::Ip(ip));
                put::end(&put::SOURCE, cell, event);
            }
        }
        To::Mac => {
            if let Some(mac) = mac(cell, arena) {
                event.push(fields::HOST_MAC, Value::Str(mac));
            }
        }
        To::User if !event.has(fields::USER_NAME) => put::user(cell, event),
        To::User => {}
        To::End(end) => put::end_with_port(&end, cell, event),
        To::Transport => flow_text::transport(cell, event),
        To::Action => put::text(fields::EVENT_ACTION, cell, event),
        To::Kind => put::text(fields::EVENT_PROVIDER, cell, event),
        To::Outcome => outcome(cell, event),
        To::File => file(cell, event),
        To::Hash => hash(cell, event),
        To::Process => process(cell, event),
        To::Url => url(cell, event),
        To::Request => _ = put::request(cell, arena, event),
        To::HttpStatus => put::status(cell, event),
        To::Millis => {
            if let Ok(millis @ 0..) = cell.parse::<i64>() {
                event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
            }
        }
        To::SquidResult => {
            let (code, status) = cell.split_once(['/', ':']).unwrap_or((cell, ""));
            put::text(fields::EVENT_ACTION, code, event);
            event.push_str(fields::SQUID_CODE, code);
            put::status(status, event);
        }
        To::SquidPeer => {
            let (code, peer) = cell.split_once('/').unwrap_or((cell, ""));
            event.push_str(fields::SQUID_HIERARCHY_CODE, code);
            event.push_str(fields::SQUID_PEER, peer);
            put::end(&put::DESTINATION, peer, event);
        }
        To::Recipients => {
            for address in cell.split([';', ',']).map(str::trim).filter(|address| !address.is_empty()) {
                event.push_unique(fields::EMAIL_TO_ADDRESS, Value::Str(address));
            }
        }
    }
}

/// `1,234` as `1234`.
fn number<'a>(cell: &'a str, arena: &'a Bump) -> &'a str {
    if cell.contains(',') { arena.alloc_str(&cell.replace(',', "")) } else { cell }
}

fn file<'a>(cell: &'a str, event: &mut Event<'a>) {
    let name = cell.rsplit(['\\', '/']).next().unwrap_or(cell);
    if name.len() < cell.len() {
        put::text(fields::FILE_PATH, cell, event);
    }
    put::text(fields::FILE_NAME, name, event);
}

fn process<'a>(cell: &'a str, event: &mut Event<'a>) {
    let name = cell.rsplit(['\\', '/']).next().unwrap_or(cell);
    if name.len() < cell.len() {
        put::text(fields::PROCESS_EXECUTABLE, cell, event);
    }
    put::text(fields::PROCESS_NAME, name, event);
}

fn hash<'a>(cell: &'a str, event: &mut Event<'a>) {
    if !cell.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return;
    }
    match cell.len() {
        32 => put::text(fields::FILE_HASH_MD5, cell, event),
        40 => put::text(fields::FILE_HASH_SHA1, cell, event),
        64 => put::text(fields::FILE_HASH_SHA256, cell, event),
        _ => {}
    }
}

fn url<'a>(cell: &'a str, event: &mut Event<'a>) {
    put::text(fields::URL_ORIGINAL, cell, event);
    if cell.contains("://") {
        put::text(fields::URL_FULL, cell, event);
        crate::products::squid::url::push(cell, event);
    } else if put::is_name(cell) {
        put::text(fields::URL_DOMAIN, cell, event);
    }
}

fn outcome<'a>(cell: &'a str, event: &mut Event<'a>) {
    let lower = cell.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if lower == "ng" || says(&["失敗", "エラ", "異常", "不可", "拒否", "fail", "error", "denied"]) {
        event.set(fields::EVENT_OUTCOME, Value::Str("failure"));
    } else if lower == "ok" || says(&["成功", "正常", "完了", "許可", "success", "succeeded"]) {
        event.set(fields::EVENT_OUTCOME, Value::Str("success"));
    } else {
        put::text(fields::EVENT_REASON, cell, event);
    }
}

/// Words of an action or a kind of log, and the class of event they mean; the first that is found counts.
const CLASSES: &[(&[&str], &str, &str)] = &[
    (&["ログオフ", "ログアウト", "logoff", "logout"], "session", "end"),
    (&["ログオン", "ログイン", "認証", "logon", "login", "sign-in"], "authentication", "start"),
    (&["ウイルス", "マルウェア", "脅威", "virus", "malware", "threat"], "malware", "info"),
    (&["メール", "mail"], "email", "info"),
    (&["webアクセス", "web閲覧", "閲覧", "url"], "web", "access"),
    (&["名前変更", "名前の変更", "リネーム", "rename"], "file", "change"),
    (&["コピー", "複製", "copy"], "file", "creation"),
    (&["移動", "move"], "file", "change"),
    (&["削除", "delete"], "file", "deletion"),
    (&["作成", "新規", "create"], "file", "creation"),
    (&["書き込み", "書込", "上書", "保存", "更新", "write", "save"], "file", "change"),
    (&["読み込み", "読込", "参照", "ダウンロード", "アップロード", "download", "upload", "read"], "file", "access"),
    (&["無害化", "サニタイズ", "sanitiz", "sanitis"], "file", "change"),
    (&["印刷", "プリント", "print"], "file", "access"),
    (&["ファイル", "file"], "file", "info"),
    (&["usb", "デバイス", "媒体", "device"], "host", "info"),
    (&["電源on", "システム起動"], "host", "start"),
    (&["電源off", "シャットダウン", "スリープ", "shutdown"], "host", "end"),
    (&["電源", "ウィンドウ", "アクティブ", "画面"], "host", "info"),
    (&["アプリ", "プロセス", "実行", "起動", "process"], "process", "start"),
    (&["通信", "接続", "connect"], "network", "connection"),
];

/// Says in ECS's words what the action and the kind of log say.
pub(super) fn settle(event: &mut Event<'_>) {
    let (kind, action) = (event.get_str(fields::EVENT_PROVIDER), event.get_str(fields::EVENT_ACTION));
    if let (Some(kind), None) = (kind, action) {
        event.push(fields::EVENT_ACTION, Value::Str(kind));
    }
    let lower = |text: Option<&str>| text.unwrap_or("").to_lowercase();
    let (action, kind) = (lower(action), lower(kind));
    if !event.has(fields::EVENT_CATEGORY) {
        let of = |text: &str| {
            CLASSES.iter().find(|(words, ..)| !text.is_empty() && words.iter().any(|word| text.contains(word)))
        };
        if let Some((_, category, of_type)) = of(&action).or_else(|| of(&kind)) {
            event.push(fields::EVENT_CATEGORY, Value::Str(category));
            put::words(fields::EVENT_TYPE, &[of_type], event);
        } else if event.has(fields::SOURCE_IP) && event.has(fields::DESTINATION_IP) {
            put::words(fields::EVENT_CATEGORY, &["network"], event);
            put::words(fields::EVENT_TYPE, &["connection"], event);
        }
    }
    // A program that was started is told by its file's name.
    if event.get_str(fields::EVENT_CATEGORY) == Some("process")
        && !event.has(fields::PROCESS_NAME)
        && let Some(name) = event.get_str(fields::FILE_NAME).filter(|name| name.to_ascii_lowercase().ends_with(".exe"))
    {
        event.push(fields::PROCESS_NAME, Value::Str(name));
        event.push_str(fields::PROCESS_EXECUTABLE, event.get_str(fields::FILE_PATH).unwrap_or(""));
    }
    let says = |words: &[&str]| words.iter().any(|word| action.contains(word));
    if says(&[
        "遮断",
        "拒否",
        "ブロック",
        "禁止",
        "隔離",
        "破棄",
        "block",
        "deny",
        "denied",
        "drop",
        "reject",
        "quarantine",
    ]) {
        put::words(fields::EVENT_TYPE, &["denied"], event);
    } else if says(&["許可", "通過", "allow", "accept", "permit", "pass"]) {
        put::words(fields::EVENT_TYPE, &["allowed"], event);
    }
    if action.contains("失敗") && !event.has(fields::EVENT_OUTCOME) {
        event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
    } else if action.contains("成功") && !event.has(fields::EVENT_OUTCOME) {
        event.push(fields::EVENT_OUTCOME, Value::Str("success"));
    }
}
