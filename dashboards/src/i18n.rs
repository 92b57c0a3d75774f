//! Words of the screens: one table, Japanese and English side by side.
//!
//! Japanese is the language of the users; English is complete and chosen by `?lang=en` or the settings cookie.

/// Language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    #[default]
    Ja,
    En,
}

/// One phrase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(pub(crate) &'static str, pub(crate) &'static str);

impl Lang {
    /// The phrase in this language.
    pub(crate) fn t(self, word: Word) -> &'static str {
        match self {
            Lang::Ja => word.0,
            Lang::En => word.1,
        }
    }

    /// `ja` or `en`.
    pub(crate) fn code(self) -> &'static str {
        self.t(Word("ja", "en"))
    }

    /// Reads `ja` or `en`.
    pub(crate) fn parse(text: &str) -> Option<Lang> {
        match text {
            "ja" => Some(Lang::Ja),
            "en" => Some(Lang::En),
            _ => None,
        }
    }
}

/// The table.
pub(crate) mod w {
    use super::Word;

    macro_rules! words {
        ($($id:ident = $ja:literal, $en:literal;)*) => { $(pub(crate) const $id: Word = Word($ja, $en);)* };
    }

    words! {
        PRODUCT = "関所", "sekisho";
        TAGLINE = "不正通信監視", "access watch";
        BOARD = "監視ボード", "Board";
        SEARCH = "ログ検索", "Log search";
        ALERTS = "アラート", "Alerts";
        ZONES = "ゾーンと許可通信", "Zones and flows";
        RULES = "検知ルール", "Detection rules";
        SOURCES = "送信元", "Sources";
        SIGN_IN = "サインイン", "Sign in";
        SIGN_OUT = "サインアウト", "Sign out";
        NAME = "利用者名", "User name";
        PASSWORD = "パスワード", "Password";
        SIGN_IN_FAILED = "利用者名またはパスワードが違います。", "Wrong user name or password.";
        SIGN_IN_THROTTLED = "失敗が続いたため、しばらく受け付けません。", "Too many failures; try again later.";
        SIGN_IN_NOTE = "操作と検索は監査のために記録されます。", "Actions and searches are recorded for audit.";
        SKIP = "本文へ移動", "Skip to content";
        MENU = "主なページ", "Main pages";
        THEME = "明暗を切り替える", "Switch light and dark";
        LANGUAGE = "English", "日本語";
        PER_MINUTE = "件/分", "/min";
        STALE = "データが届いていません。最後の受信:", "No data is arriving. Last received:";
        NEVER = "未受信", "never";
        OFFLINE = "画面を更新できません。表示は最後に届いた内容です。", "Cannot refresh. You see the last state received.";
        OPEN_ALERTS = "未対応アラート", "Open alerts";
        OLDEST = "最古", "oldest";
        NEW_ALERTS = "新しいアラートがあります。件数:", "New alerts have arrived. Number:";
        NONE_OPEN = "未対応はありません", "nothing waits";
        RECEIVED_LAST_MINUTE = "受信（直近1分）", "Received (last minute)";
        IN_ALL = "累計", "in all:";
        LAG = "受信→検索可能 p99", "Received → searchable p99";
        LAG_TARGET = "目標 200 ミリ秒以内", "target: within 200 ms";
        SECONDS = "秒", "s";
        MILLISECONDS = "ミリ秒", "ms";
        UNITS_SOURCES = "台", "";
        ALL_ALIVE = "すべて受信中", "all alive";
        SILENT = "沈黙", "silent";
        STORAGE = "保存領域", "Storage";
        STORAGE_DATA = "ログ", "logs";
        ARCHIVE_WAITS = "受信記録のアーカイブが進んでいません（原本のログに残っており、失われてはいません）。保管先の接続・空き容量・鍵を確認してください。", "What was received is not being archived (the raw log keeps it; nothing is lost). Look at the archive's connection, room and keys.";
        DAMAGED = "索引の一部が壊れており、次の記録は検索・集計に出ません（原本のログは残っています）。バックアップから戻すか、索引を作り直してください。", "A part of the index is damaged: these records are not found or counted (the raw log still has them). Restore it from a backup, or rebuild the index.";
        STORAGE_LOW = "保存領域の空きがわずかです。まもなく最も古い原本のログから消えます。領域を増やすか、保存期間を見直してください。", "The disk is nearly full: soon the oldest raw logs are removed. Add space or shorten the retention.";
        DAYS_LEFT = "残り", "left:";
        DAYS = "日", "days";
        MATRIX = "ゾーン間通信", "Traffic between zones";
        MATRIX_LEGEND = "色＝件数（対数）", "colour = count (log scale)";
        MATRIX_CORNER = "拒否 30% 以上", "denied 30 % or more";
        MATRIX_FROM_TO = "送信元 ＼ 宛先", "from ＼ to";
        MATRIX_EMPTY = "この期間にゾーン間の通信はありません。", "No traffic between zones in this period.";
        DENIED = "拒否", "denied";
        PER_MINUTE_TITLE = "件数の推移と検知", "Events over time";
        CHART_HINT = "ドラッグで期間を絞り込み・ダブルクリックで戻す", "drag to zoom, double-click to reset";
        TOTAL = "合計", "total";
        DETECTIONS = "検知", "detections";
        WHOLE_RANGE = "全期間に戻す", "reset the range";
        ALL = "すべて", "All";
        SEVERITY = "重要度", "Severity";
        OCCURRED = "発生時刻", "Time";
        WHAT_DETECTED = "検知内容", "Detection";
        ZONE = "ゾーン", "Zone";
        SOURCE_IP = "送信元 IP", "Source IP";
        DESTINATION_IP = "宛先 IP", "Destination IP";
        DESTINATION = "宛先", "Destination";
        USER = "利用者", "User";
        DEVICE = "機器", "Device";
        COUNT = "件数", "Events";
        STATE = "状態", "State";
        ASSIGNEE = "担当", "Owner";
        TENANT = "団体", "Tenant";
        NO_ALERTS = "この条件のアラートはありません。", "No alerts match.";
        NO_ALERTS_HINT = "期間を広げるか、条件を一つ外してください。", "Widen the range or drop a condition.";
        LAST_SEEN = "最終受信", "Last received";
        KEYS_MOVE = "移動", "move";
        KEYS_OPEN = "詳細", "details";
        KEYS_FOCUS = "検索欄へ", "query";
        CSV = "CSV", "CSV";
        NDJSON = "NDJSON", "NDJSON";
        CSV_EXCEL = "CSV（Excel 用・BOM 付き）", "CSV (for Excel, with BOM)";
        QUERY = "検索式", "Query";
        QUERY_HINT = "例: source.ip:10.1.0.0/16 AND event.outcome:failure", "e.g. source.ip:10.1.0.0/16 AND event.outcome:failure";
        RUN = "検索", "Search";
        APPLY = "適用", "Apply";
        RANGE = "期間", "Range";
        FROM = "開始（JST）", "From (JST)";
        TO = "終了（JST）", "To (JST)";
        ABSOLUTE = "日時を指定", "Absolute";
        PREVIOUS = "前の期間", "Previous window";
        NEXT = "次の期間", "Next window";
        HISTOGRAM = "件数の推移", "Over time";
        FACETS = "絞り込み", "Facets";
        HITS = "検索結果", "Results";
        LOADING = "読み込み中…", "Loading…";
        INCLUDE = "この値で絞り込む", "only this value";
        EXCLUDE = "この値を除く", "without this value";
        REMOVE = "条件を外す", "remove";
        TIME = "時刻", "Time";
        ACTION = "動作", "Action";
        CONTENT = "内容", "Content";
        HITS_SHOWN = "新しい順", "newest first";
        UNIT = "件", "";
        SCANNED = "索引", "splits";
        OLDER = "さらに古い結果", "Older results";
        NO_HITS = "該当するログはありません。", "No events match.";
        NO_HITS_WIDEN = "期間を24時間に広げる", "Widen to 24 hours";
        NO_HITS_DROP = "最後の条件を外す", "Drop the last condition";
        NO_HITS_SOURCES = "送信元が受信中か確かめる", "Check that the sources are alive";
        QUERY_ERROR = "検索式を読めません", "The query cannot be read";
        COLUMN = "桁目", "column";
        PANEL_ERROR = "表示できません", "Cannot show this";
        PANEL_ERROR_HINT = "ほかの欄は動いています。しばらくして再読み込みしてください。", "The rest of the page works. Reload in a moment.";
        EVENT = "ログの詳細", "Event";
        TAB_TABLE = "項目", "Fields";
        TAB_JSON = "JSON", "JSON";
        TAB_RAW = "原文", "Raw";
        COPY = "コピー", "Copy";
        COPIED = "コピーしました", "Copied";
        CLOSE = "閉じる", "Close";
        PERMALINK = "このログへのリンク", "Permalink";
        AROUND = "前後 5 分のログ", "Logs ±5 min";
        SAME_SOURCE = "同じ送信元", "Same source";
        HELD_BY = "を使っていた端末・人（ログからの推定）", "was held by (inferred from logs)";
        HELD_BY_NONE = "DHCP、RADIUS、ログオンの記録からは分かりません。", "No DHCP, RADIUS or sign-in record says.";
        HELD_LEASE = "DHCPの割り当て", "DHCP lease";
        HELD_SESSION = "RADIUSの認証", "RADIUS session";
        HELD_SIGN_IN = "ログオン", "sign-in";
        TERMINAL = "端末", "Terminal";
        EVIDENCE_SEARCH = "根拠のログを検索", "Search the evidence";
        WHAT = "何が起きたか", "What happened";
        WHY = "なぜ問題か", "Why it matters";
        FIRST = "まず何をするか", "What to do first";
        NO_TEXT = "このルールには説明がありません。", "The rule has no such text.";
        RULE_GONE = "検知したルールは今は読み込まれていません。", "The rule that raised this is no longer loaded.";
        ANCHOR = "主な項目", "Main fields";
        EVIDENCE = "根拠のログ", "Evidence";
        EVIDENCE_NONE = "根拠の行はありません。", "No lines.";
        SHOWN_OF = "件のうち先頭を表示", "in all; the first are shown";
        HISTORY = "対応経過", "History";
        ACKNOWLEDGE = "対応開始", "Start handling";
        HOLD = "保留", "Hold";
        CLOSE_ALERT = "完了", "Close";
        REOPEN = "再開", "Reopen";
        VERDICT = "判定", "Verdict";
        COMMENT = "コメント", "Comment";
        COMMENT_NEEDED = "判定の理由（必須）", "Reason for the verdict (required)";
        HOLD_REASON = "保留の理由（例: 委託先の回答待ち）", "Reason (e.g. waiting for the contractor)";
        ADD_COMMENT = "記録する", "Add";
        POLICY = "根拠となる規程", "Policy";
        ATTACK = "ATT&CK", "ATT&CK";
        USECASE = "ユースケース", "Use case";
        FALSE_POSITIVES = "誤検知の例", "False positives";
        RULE = "ルール", "Rule";
        RULE_VERSION = "版", "version";
        VERDICT_FLOW = "許可通信の判定", "Flow verdict";
        UNDELIVERED = "届けられなかった通知があります。当番に電話で伝えてください。件数:", "Pages could not be delivered; tell the duty officer by phone. Number:";
        LOGSOURCE = "対象のログ", "Logsource";
        EVALUATED = "対象の件数", "Events";
        RULE_BLIND = "検知できません", "blind";
        RULE_BLIND_SINCE = "送信元がすべて沈黙しており、次の時刻から検知できません", "All of its sources are silent; blind since";
        RULE_NEVER_FED = "送信元からまだ一度も受信していません。", "Its sources never sent anything.";
        RULE_NO_SOURCE = "この記録を送る送信元がありません", "No source provides its logsource";
        RULE_NO_FIELD = "必要な項目を送信元の解析が出さないため、検知できません", "It cannot match: its sources never give";
        RULE_PARTLY = "一部の条件の項目を送信元の解析が出しません", "Parts of it ask for what its sources never give";
        LAST_MATCH = "最後の検知", "Last match";
        ENABLED = "有効", "enabled";
        DISABLED = "無効", "disabled";
        PROBLEM = "要確認", "problem";
        RELOAD = "再読込", "Reload";
        RELOAD_HINT = "変更したルール・台帳・送信元を読み込み、これから受信する分に使います", "Takes over changed rules, ledgers and sources for what is received from now on";
        RELOAD_REFUSED = "再読込を断りました", "Reload refused";
        RELOAD_REFUSED_HINT = "間違いがあるため、何も変えていません。次を直してから、もう一度再読込してください。", "Something is wrong, so nothing was changed. Correct this, then reload again.";
        NO_RULES = "検知ルールが読み込まれていません。", "No rules are loaded.";
        PRODUCT_NAME = "製品", "Product";
        RECEIVED = "受信", "Received";
        INDEXED = "索引済み", "Indexed";
        FILTERED = "除外", "Filtered";
        IN_FLIGHT = "処理中", "In flight";
        FAILURES = "解析失敗", "Parse failures";
        KERNEL_DROPS = "受信前の損失", "Lost before receipt";
        LISTENERS = "受信口", "Listeners";
        LISTENERS_NOTE = "受信前の損失は起動後の数。共用の受信口では送信元ごとに分けられません。", "Losses since the start; at a shared listener they cannot be told apart by source.";
        PROTOCOL = "方式", "Protocol";
        ADDRESS = "アドレス", "Address";
        SHARED = "共用", "shared";
        RATE = "件/分", "per minute";
        ALIVE = "正常", "alive";
        BALANCE = "収支", "Balance";
        BALANCED = "一致", "balanced";
        UNBALANCED = "不一致", "does not balance";
        BALANCE_RULE = "受信 = 索引済み + 除外 + 処理中", "received = indexed + filtered + in flight";
        NO_SOURCES = "送信元がまだありません。最初のログを送ってください。", "No sources yet. Send the first log.";
        MISSING_NUMBERS = "番号の抜け（起動後）", "missing numbers since the start";
        UNKNOWN_SENDERS = "未登録の送信元", "Unknown senders";
        UNKNOWN_NOTE = "届いた分は失われず、unknown として検索できます。", "What they sent is kept, and found as source unknown.";
        UNKNOWN_NONE = "未登録の送信元はありません。", "No unknown senders.";
        UNKNOWN_FAILED = "未登録の送信元を読めません。", "The unknown senders cannot be read.";
        UNKNOWN_FAILED_HINT = "受信は続いています。次の誤りを直して、開き直してください。", "Receiving goes on. Correct this and reload the page.";
        LOOKS_LIKE = "推定した製品:", "Looks like:";
        LOOKS_LIKE_NOTHING = "製品を推定できません。製品名を入れてください。", "Looks like nothing known: write the product.";
        SOURCE_ID = "送信元の名前", "Source id";
        ADOPT = "登録する", "Adopt";
        ADOPT_REFUSED = "登録できませんでした", "Not adopted";
        ADOPT_REFUSED_HINT = "次を直してから、もう一度登録してください。届いたログは失われません。", "Correct this and try again. What was sent is kept.";
        ADOPT_NO_ADDRESS = "アドレスがありません", "There is no address";
        ADOPT_INCOMPLETE = "団体、送信元の名前、製品をすべて入れてください", "Fill in tenant, source id and product";
        PREFIXES = "アドレス範囲", "Prefixes";
        FLOWS = "許可通信", "Permitted flows";
        FLOW_ID = "番号", "Id";
        PORTS = "ポート", "Ports";
        VALID_UNTIL = "期限", "Valid until";
        PURPOSE = "目的", "Purpose";
        NO_FLOWS = "許可通信の登録はありません。", "No flows are registered.";
        NOT_FOUND = "見つかりません", "Not found";
        NOT_FOUND_HINT = "削除されたか、このアカウントでは見られません。", "It was removed, or this account may not see it.";
        REFUSED = "受け付けられません", "Refused";
        REFUSED_HINT = "画面を開き直して、もう一度操作してください。", "Reload the page and try again.";
        BACK = "戻る", "Back";
        AGO = "前", " ago";
        FILTER_RULE = "ルール", "Rule";
        PAGE_NEXT = "次へ", "Next";
        PAGE_PREVIOUS = "前へ", "Previous";
        CLEAR = "条件をすべて外す", "Clear";
    }
}

/// A zone's usual name; `None` for an id that has none.
pub(crate) fn zone_word(id: &str, lang: Lang) -> Option<String> {
    named(id, lang, stream::zones::zone_labels(id))
}

/// A zone's name for narrow columns.
pub(crate) fn zone_short(id: &str, lang: Lang) -> Option<String> {
    named(id, lang, stream::zones::zone_labels_short(id))
}

fn named(id: &str, lang: Lang, [japanese, english]: [String; 2]) -> Option<String> {
    let label = if lang == Lang::Ja { japanese } else { english };
    (label != id).then_some(label)
}

/// Japanese or English label that stands beside an ECS name.
pub(crate) fn field_word(name: &str, lang: Lang) -> Option<&'static str> {
    let word = match name {
        "@timestamp" => Word("時刻", "time"),
        "source.ip" => Word("送信元 IP", "source IP"),
        "source.port" => Word("送信元ポート", "source port"),
        "destination.ip" => Word("宛先 IP", "destination IP"),
        "destination.port" => Word("宛先ポート", "destination port"),
        "destination.domain" => Word("宛先ドメイン", "destination domain"),
        "user.name" => Word("利用者", "user"),
        "event.action" => Word("動作", "action"),
        "event.outcome" => Word("結果", "outcome"),
        "event.type" => Word("区分", "type"),
        "event.kind" => Word("種別", "kind"),
        "event.category" => Word("分類", "category"),
        "event.code" => Word("番号", "code"),
        "event.dataset" => Word("データ種別", "data set"),
        "network.transport" => Word("プロトコル", "protocol"),
        "url.domain" => Word("接続先ドメイン", "URL domain"),
        "url.original" | "url.full" => Word("URL", "URL"),
        "http.response.status_code" => Word("応答コード", "status code"),
        "host.name" | "host.hostname" => Word("ホスト", "host"),
        "message" => Word("内容", "message"),
        "sekisho.source.zone" => Word("送信元ゾーン", "source zone"),
        "sekisho.destination.zone" => Word("宛先ゾーン", "destination zone"),
        "sekisho.flow.verdict" => Word("許可通信の判定", "flow verdict"),
        "sekisho.flow.rule" => Word("許可通信の番号", "flow row"),
        "sekisho.source.id" => Word("機器", "device"),
        "sekisho.rule.ids" => Word("検知ルール", "rules"),
        "sekisho.tenant" => Word("団体", "tenant"),
        "sekisho.parse.reason" => Word("解析失敗の理由", "parse failure"),
        _ => return None,
    };
    Some(lang.t(word))
}

/// A flow verdict in words.
pub(crate) fn verdict_word(verdict: &str, lang: Lang) -> Option<&'static str> {
    let word = match verdict {
        "allowed" => Word("許可", "allowed"),
        "allowed_specific" => Word("特定通信として許可", "allowed by a specific row"),
        "violation_zone" => Word("ゾーン間の許可外", "zone pair not permitted"),
        "violation_port" => Word("ポート違い", "wrong port"),
        "violation_source" => Word("送信元違い", "wrong source"),
        "violation_mac" => Word("MAC アドレス違い", "wrong MAC address"),
        "violation_direction" => Word("向き違い", "wrong direction"),
        "violation_expired" => Word("期限切れ", "expired row"),
        "violation_not_yet" => Word("開始前", "not yet valid"),
        "violation_time" => Word("時間外", "outside hours"),
        "sanitiser_bypass" => Word("無害化を経由しない", "past the sanitiser"),
        "unmapped_source" => Word("送信元が未登録", "unmapped source"),
        "unmapped_destination" => Word("宛先が未登録", "unmapped destination"),
        _ => return None,
    };
    Some(lang.t(word))
}
