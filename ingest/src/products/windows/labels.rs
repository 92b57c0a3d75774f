//! The words of rendered Security events, English and Japanese: titles, sections, labels.

/// The part of a message that a label stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Before the first section, or in one without names of its own.
    None,
    /// Who did it.
    Subject,
    /// Who logged on, or what was changed.
    Target,
    /// A member of a group.
    Member,
}

/// The section that a heading opens.
pub(super) fn section(heading: &str) -> Option<Section> {
    Some(match heading {
        "Subject" | "サブジェクト" | "User" | "件名" => Section::Subject,
        "New Logon"
        | "Account For Which Logon Failed"
        | "Account Whose Credentials Were Used"
        | "Target Account"
        | "New Account"
        | "Account That Was Locked Out"
        | "Target Subject"
        | "Group"
        | "New Group"
        | "Deleted Group"
        | "Account Information"
        | "Target User"
        | "New Computer Account"
        | "Computer Account That Was Changed"
        | "User Whose Credentials Were Used"
        | "Account That Was Unlocked"
        | "新しいログオン"
        | "ログオンを失敗したアカウント"
        | "ログオンに失敗したアカウント"
        | "資格情報が使用されたアカウント"
        | "ターゲット アカウント"
        | "対象アカウント"
        | "新しいアカウント"
        | "ロックアウトされたアカウント"
        | "ターゲット サブジェクト"
        | "グループ"
        | "新しいグループ"
        | "削除されたグループ"
        | "アカウント情報" => Section::Target,
        "Member" | "メンバー" => Section::Member,
        "Process Information"
        | "Network Information"
        | "Detailed Authentication Information"
        | "Failure Information"
        | "Logon Information"
        | "Additional Information"
        | "Service Information"
        | "Attributes"
        | "Changed Attributes"
        | "Share Information"
        | "Application Information"
        | "Filter Information"
        | "Object"
        | "Privileges Information"
        | "プロセス情報"
        | "ネットワーク情報"
        | "詳細な認証情報"
        | "認証情報の詳細"
        | "エラー情報"
        | "失敗の情報"
        | "ログオン情報"
        | "追加情報"
        | "サービス情報"
        | "属性"
        | "変更された属性"
        | "共有情報"
        | "アプリケーション情報"
        | "フィルター情報"
        | "オブジェクト" => Section::None,
        _ => return None,
    })
}

/// The event data that a label names in a section.
pub(super) fn name(section: Section, label: &str) -> Option<&'static str> {
    let account = match label {
        "Security ID" | "セキュリティ ID" | "User ID" => ["SubjectUserSid", "TargetUserSid", "MemberSid"],
        "Account Name" | "アカウント名" | "Group Name" | "グループ名" => {
            ["SubjectUserName", "TargetUserName", "MemberName"]
        }
        "Account Domain"
        | "アカウント ドメイン"
        | "アカウントのドメイン"
        | "Group Domain"
        | "グループ ドメイン"
        | "グループのドメイン"
        | "Supplied Realm Name" => ["SubjectDomainName", "TargetDomainName", ""],
        "Logon ID" | "ログオン ID" => ["SubjectLogonId", "TargetLogonId", ""],
        _ => ["", "", ""],
    };
    let name = match section {
        Section::Subject => account[0],
        Section::Target => account[1],
        Section::Member => account[2],
        Section::None if account[1].is_empty() => "",
        Section::None => account[1],
    };
    if !name.is_empty() { Some(name) } else { plain(label) }
}

/// Labels that mean the same in every section.
fn plain(label: &str) -> Option<&'static str> {
    Some(match label {
        "Logon Type" | "ログオン タイプ" | "ログオンの種類" => "LogonType",
        "Failure Reason" | "失敗の原因" | "エラーの原因" | "失敗の理由" => "FailureReason",
        "Status"
        | "Result Code"
        | "Failure Code"
        | "Error Code"
        | "状態"
        | "ステータス"
        | "結果コード"
        | "エラー コード"
        | "失敗コード" => "Status",
        "Sub Status" | "サブ ステータス" | "サブステータス" => "SubStatus",
        "Caller Process ID"
        | "Process ID"
        | "呼び出し側プロセス ID"
        | "プロセス ID"
        | "Creator Process ID"
        | "クリエーター プロセス ID"
        | "作成元プロセス ID" => "ProcessId",
        "Caller Process Name" | "Process Name" | "呼び出し側プロセス名" | "プロセス名" => "ProcessName",
        "New Process ID" | "新しいプロセス ID" => "NewProcessId",
        "New Process Name" | "新しいプロセス名" => "NewProcessName",
        "Creator Process Name" | "クリエーター プロセス名" | "作成元プロセス名" => {
            "ParentProcessName"
        }
        "Process Command Line" | "プロセスのコマンド ライン" | "プロセス コマンド ライン" => {
            "CommandLine"
        }
        "Workstation Name" | "ワークステーション名" => "WorkstationName",
        "Source Workstation" | "ソース ワークステーション" => "Workstation",
        "Logon Account" | "ログオン アカウント" => "TargetUserName",
        "Source Network Address"
        | "Client Address"
        | "Network Address"
        | "ソース ネットワーク アドレス"
        | "送信元ネットワーク アドレス"
        | "クライアント アドレス" => "IpAddress",
        "Source Port" | "Client Port" | "ソース ポート" | "ソースポート" | "送信元ポート" | "クライアント ポート" => {
            "IpPort"
        }
        "Source Address" | "ソース アドレス" | "送信元アドレス" => "IpAddress",
        "Logon Process" | "ログオン プロセス" => "LogonProcessName",
        "Authentication Package" | "認証パッケージ" => "AuthenticationPackageName",
        "Package Name (NTLM only)" | "パッケージ名 (NTLM のみ)" => "LmPackageName",
        "Key Length" | "キーの長さ" => "KeyLength",
        "Transited Services" | "移行されたサービス" => "TransmittedServices",
        _ => return object(label),
    })
}

/// Labels of services, tickets, shares and other objects.
fn object(label: &str) -> Option<&'static str> {
    Some(match label {
        "Service Name" | "サービス名" => "ServiceName",
        "Service File Name" | "サービス ファイル名" => "ServiceFileName",
        "Service Type" | "サービスの種類" => "ServiceType",
        "Service Start Type" | "サービスの開始の種類" => "ServiceStartType",
        "Ticket Options" | "チケット オプション" => "TicketOptions",
        "Ticket Encryption Type" | "チケット暗号化の種類" | "チケットの暗号化の種類" => {
            "TicketEncryptionType"
        }
        "Pre-Authentication Type" | "事前認証の種類" => "PreAuthType",
        "Privileges" | "特権" => "PrivilegeList",
        "Caller Computer Name" | "呼び出し元コンピューター名" | "呼び出し側コンピューター名" => {
            "TargetDomainName"
        }
        "Task Name" | "タスク名" => "TaskName",
        "Share Name" | "共有名" => "ShareName",
        "Share Path" | "共有パス" => "ShareLocalPath",
        "Relative Target Name" | "相対ターゲット名" => "RelativeTargetName",
        "Object Name" | "オブジェクト名" => "ObjectName",
        "Object Type" | "オブジェクトの種類" => "ObjectType",
        "SAM Account Name" | "SAM アカウント名" => "SamAccountName",
        "User Principal Name" | "ユーザー プリンシパル名" => "UserPrincipalName",
        "Old Account Name" | "以前のアカウント名" | "古いアカウント名" => "OldTargetUserName",
        "New Account Name" => "NewTargetUserName",
        _ => return None,
    })
}

/// The event whose message starts with this sentence.
pub(super) fn event_of_title(title: &str) -> Option<&'static str> {
    let title = title.trim_end_matches(['.', ':', '。', '：', ' ']);
    TITLES.iter().find(|(_, english, japanese)| title == *english || title == *japanese).map(|(id, _, _)| *id)
}

#[rustfmt::skip]
static TITLES: &[(&str, &str, &str)] = &[
    ("1102", "The audit log was cleared", "監査ログが消去されました"),
    ("4624", "An account was successfully logged on", "アカウントが正常にログオンしました"),
    ("4625", "An account failed to log on", "アカウントがログオンに失敗しました"),
    ("4634", "An account was logged off", "アカウントがログオフしました"),
    ("4647", "User initiated logoff", "ユーザーがログオフを開始しました"),
    ("4648", "A logon was attempted using explicit credentials", "明示的な資格情報を使用してログオンが試行されました"),
    ("4672", "Special privileges assigned to new logon", "新しいログオンに特権が割り当てられました"),
    ("4688", "A new process has been created", "新しいプロセスが作成されました"),
    ("4689", "A process has exited", "プロセスが終了しました"),
    ("4697", "A service was installed in the system", "サービスがシステムにインストールされました"),
    ("4698", "A scheduled task was created", "スケジュールされたタスクが作成されました"),
    ("4699", "A scheduled task was deleted", "スケジュールされたタスクが削除されました"),
    ("4702", "A scheduled task was updated", "スケジュールされたタスクが更新されました"),
    ("4719", "System audit policy was changed", "システム監査ポリシーが変更されました"),
    ("4720", "A user account was created", "ユーザー アカウントが作成されました"),
    ("4722", "A user account was enabled", "ユーザー アカウントが有効化されました"),
    ("4723", "An attempt was made to change an account's password", "アカウントのパスワードの変更が試行されました"),
    ("4724", "An attempt was made to reset an account's password", "アカウントのパスワードのリセットが試行されました"),
    ("4725", "A user account was disabled", "ユーザー アカウントが無効化されました"),
    ("4726", "A user account was deleted", "ユーザー アカウントが削除されました"),
    ("4728", "A member was added to a security-enabled global group", "セキュリティが有効なグローバル グループにメンバーが追加されました"),
    ("4729", "A member was removed from a security-enabled global group", "セキュリティが有効なグローバル グループからメンバーが削除されました"),
    ("4732", "A member was added to a security-enabled local group", "セキュリティが有効なローカル グループにメンバーが追加されました"),
    ("4733", "A member was removed from a security-enabled local group", "セキュリティが有効なローカル グループからメンバーが削除されました"),
    ("4738", "A user account was changed", "ユーザー アカウントが変更されました"),
    ("4740", "A user account was locked out", "ユーザー アカウントがロックアウトされました"),
    ("4741", "A computer account was created", "コンピューター アカウントが作成されました"),
    ("4742", "A computer account was changed", "コンピューター アカウントが変更されました"),
    ("4743", "A computer account was deleted", "コンピューター アカウントが削除されました"),
    ("4756", "A member was added to a security-enabled universal group", "セキュリティが有効なユニバーサル グループにメンバーが追加されました"),
    ("4757", "A member was removed from a security-enabled universal group", "セキュリティが有効なユニバーサル グループからメンバーが削除されました"),
    ("4767", "A user account was unlocked", "ユーザー アカウントのロックが解除されました"),
    ("4768", "A Kerberos authentication ticket (TGT) was requested", "Kerberos 認証チケット (TGT) が要求されました"),
    ("4769", "A Kerberos service ticket was requested", "Kerberos サービス チケットが要求されました"),
    ("4770", "A Kerberos service ticket was renewed", "Kerberos サービス チケットが更新されました"),
    ("4771", "Kerberos pre-authentication failed", "Kerberos 事前認証に失敗しました"),
    ("4776", "The computer attempted to validate the credentials for an account", "コンピューターがアカウントの資格情報の確認を試行しました"),
    ("4778", "A session was reconnected to a Window Station", "セッションがウィンドウ ステーションに再接続されました"),
    ("4779", "A session was disconnected from a Window Station", "セッションがウィンドウ ステーションから切断されました"),
    ("4781", "The name of an account was changed", "アカウント名が変更されました"),
    ("4798", "A user's local group membership was enumerated", "ユーザーのローカル グループ メンバーシップが列挙されました"),
    ("4799", "A security-enabled local group membership was enumerated", "セキュリティが有効なローカル グループ メンバーシップが列挙されました"),
    ("5140", "A network share object was accessed", "ネットワーク共有オブジェクトにアクセスしました"),
    ("5145", "A network share object was checked to see whether client can be granted desired access", "クライアントに必要なアクセスを付与できるかどうかについて、ネットワーク共有オブジェクトがチェックされました"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_japanese_labels() {
        assert_eq!(name(Section::None, "ログオン タイプ"), Some("LogonType"));
        assert_eq!(name(Section::None, "ログオンの種類"), Some("LogonType"));
        assert_eq!(name(Section::Subject, "アカウント名"), Some("SubjectUserName"));
        assert_eq!(name(Section::Target, "アカウント名"), Some("TargetUserName"));
        assert_eq!(event_of_title("アカウントがログオンに失敗しました。"), Some("4625"));
        assert_eq!(event_of_title("User initiated logoff:"), Some("4647"));
    }
}
