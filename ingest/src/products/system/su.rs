//! su: util-linux (`(to root) sato on pts/0`), shadow (`Successful su for root by sato`, `+ pts/0 sato:root`), coreutils
//! (`'su root' succeeded for sato on pts/0`) and BSD (`BAD SU sato to root on /dev/pts/0`).

use stream::fields;

use super::entry::{Class, Entry, between, word};

const SUCCESS: Class = Class { category: &["authentication"], kind: &["start"], action: "su", outcome: "success" };
const FAILURE: Class = Class { category: &["authentication"], kind: &["start"], action: "su", outcome: "failure" };

pub(super) fn read(entry: &mut Entry<'_, '_>) {
    let text = entry.message.trim_start();
    let (text, failed) =
        match ["FAILED SU ", "FAILED su ", "BAD SU ", "- "].iter().find_map(|lead| text.strip_prefix(lead)) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
    let (actor, target, failed) = if let Some(target) = between(text, "(to ", ") ") {
        (text.split_once(") ").map_or("", |(_, rest)| word(rest).0), target, failed)
    } else if let Some(quoted) = text.strip_prefix("'su ") {
        let Some((target, rest)) = quoted.split_once("' ") else { return };
        let actor = rest.split_once(" for ").map_or("", |(_, rest)| word(rest).0);
        (actor, target, rest.starts_with("failed"))
    } else if let Some((_, names)) =
        text.split_once("for ").filter(|(lead, _)| lead.is_empty() || *lead == "Successful su ")
    {
        let Some((target, actor)) = names.split_once(" by ") else { return };
        (word(actor).0, target, failed)
    } else if let Some((actor, rest)) = text.split_once(" to ") {
        (actor, word(rest).0, failed)
    } else if let Some((actor, target)) = text.rsplit_once(' ').and_then(|(_, names)| names.split_once(':')) {
        (actor, target, failed)
    } else {
        return;
    };
    entry.class(if failed { &FAILURE } else { &SUCCESS });
    entry.user(actor);
    entry.text(fields::USER_EFFECTIVE_NAME, target);
}
