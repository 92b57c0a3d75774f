//! The shadow suite: useradd, usermod, userdel, groupadd, groupmod, groupdel, gpasswd, passwd, chage, chfn, chsh.

use stream::fields;

use super::entry::{Class, Entry, between, unquote, word};

/// Whether this program belongs to the shadow suite.
pub(super) fn speaks(program: &str) -> bool {
    matches!(
        program,
        "useradd"
            | "usermod"
            | "userdel"
            | "adduser"
            | "groupadd"
            | "groupmod"
            | "groupdel"
            | "newusers"
            | "gpasswd"
            | "passwd"
            | "chpasswd"
            | "chage"
            | "chfn"
            | "chsh"
            | "vipw"
            | "groupmems"
    )
}

pub(super) fn read(program: &str, entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let failed = text.contains("fail") || text.contains("error") || text.contains("cannot");
    let (kind, action): (&'static [&'static str], &'static str) = match program {
        _ if text.starts_with("new group") || text.starts_with("group added to ") => {
            (&["creation", "group"], "added-group-account")
        }
        "userdel" if text.starts_with("removed ") && text.contains("group '") => {
            (&["deletion", "group"], "deleted-group-account")
        }
        "useradd" | "adduser" | "newusers" => (&["creation", "user"], "added-user-account"),
        "userdel" => (&["deletion", "user"], "deleted-user-account"),
        "groupadd" => (&["creation", "group"], "added-group-account"),
        "groupdel" => (&["deletion", "group"], "deleted-group-account"),
        "groupmod" | "groupmems" => (&["change", "group"], "modified-group-account"),
        "gpasswd" => (&["change", "group"], "modified-group-membership"),
        "passwd" | "chpasswd" => (&["change", "user"], "password-changed"),
        _ => (&["change", "user"], "modified-user-account"),
    };
    let outcome = if failed { "failure" } else { "success" };
    entry.class(&Class { category: &["iam"], kind, action, outcome });
    details(entry, text);
}

fn details<'a>(entry: &mut Entry<'_, 'a>, text: &'a str) {
    if text.starts_with("new user: ") || text.starts_with("new group: ") || text.starts_with("group added to ") {
        pairs(entry, text, text.starts_with("new user"));
    } else if let Some(rest) = text.strip_prefix("add '") {
        // `add 'sato' to [shadow] group 'wheel'`
        entry.class(&MEMBER_ADDED);
        entry.user(rest.split('\'').next().unwrap_or(""));
        entry.text(fields::GROUP_NAME, between(rest, "group '", "'").unwrap_or(""));
    } else if let Some(rest) = text.strip_prefix("delete '").filter(|rest| rest.contains("' from ")) {
        // `delete 'sato' from [shadow] group 'wheel'`
        entry.class(&MEMBER_REMOVED);
        entry.user(rest.split('\'').next().unwrap_or(""));
        entry.text(fields::GROUP_NAME, between(rest, "group '", "'").unwrap_or(""));
    } else if let Some(rest) = text.strip_prefix("user ").filter(|rest| rest.contains(" group ")) {
        // gpasswd: `user sato added by root to group wheel`
        let removed = rest.contains(" removed by ");
        entry.class(if removed { &MEMBER_REMOVED } else { &MEMBER_ADDED });
        entry.text(fields::USER_TARGET_NAME, word(rest).0);
        entry.user(rest.split_once(" by ").map_or("", |(_, rest)| word(rest).0));
        entry.text(fields::GROUP_NAME, rest.rsplit_once(" group ").map_or("", |(_, group)| word(group).0));
    } else if let Some((name, actor)) =
        text.strip_prefix("password for ").and_then(|rest| rest.split_once(" changed by "))
    {
        entry.text(fields::USER_TARGET_NAME, unquote(name));
        entry.user(unquote(actor));
    } else if let Some((group, rest)) =
        text.strip_prefix("members of group ").and_then(|rest| rest.split_once(" set by "))
    {
        entry.text(fields::GROUP_NAME, unquote(group));
        entry.user(word(rest).0);
    } else if let Some((group, actor)) =
        text.strip_prefix("password of group ").and_then(|rest| rest.split_once(" changed by "))
    {
        entry.text(fields::GROUP_NAME, unquote(group));
        entry.user(unquote(actor));
    } else if let Some((group, _)) =
        text.strip_prefix("group changed in ").and_then(|rest| rest.split_once("(group ")?.1.split_once([',', ')']))
    {
        let (name, id) = group.split_once('/').unwrap_or((group, ""));
        entry.text(fields::GROUP_NAME, name);
        entry.text(fields::GROUP_ID, id);
    } else if let Some(name) = between(text, "user '", "'") {
        entry.user(name);
    } else if let Some(name) = between(text, "group '", "'") {
        entry.text(fields::GROUP_NAME, name);
    } else if let Some(name) =
        text.strip_prefix("password for ").or_else(|| text.strip_prefix("changed password expiry for "))
    {
        entry.user(unquote(word(name).0));
    }
}

const MEMBER_ADDED: Class =
    Class { category: &["iam"], kind: &["change", "group"], action: "group-member-added", outcome: "success" };
const MEMBER_REMOVED: Class =
    Class { category: &["iam"], kind: &["change", "group"], action: "group-member-removed", outcome: "success" };

/// `new user: name=sato, UID=1000, GID=1000, home=/home/sato, shell=/bin/bash, from=/dev/pts/0`
fn pairs<'a>(entry: &mut Entry<'_, 'a>, text: &'a str, user: bool) {
    let body = text.split_once(": ").map_or(text, |(_, body)| body);
    for (key, value) in body.split(", ").filter_map(|pair| pair.split_once('=')) {
        match key.trim() {
            "name" if user => entry.user(value),
            "name" => entry.text(fields::GROUP_NAME, value),
            "UID" => entry.text(fields::USER_ID, value),
            "GID" => entry.text(fields::GROUP_ID, value),
            "home" => entry.extra(entry.own.home, value),
            "shell" => entry.extra(entry.own.shell, value),
            _ => {}
        }
    }
}
