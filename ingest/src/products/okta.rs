//! Okta System Log: one JSON event per line, as the System Log API (`/api/v1/logs`) gives it, alone, behind a syslog
//! header, or inside `{"detail": ...}` (Amazon EventBridge).
//!
//! `user.name` is the actor's login before the `@`; users among the targets are `user.target.*`, groups
//! `user.target.group.*`. Every value is kept too: under its path where Sigma's rules use it (`eventType`, `outcome.*`,
//! `actor.*`, `target.*`, `securityContext.*`, `debugContext.*`), else as `okta.<path>`. Source: Okta, System Log API and event types catalogue.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::json_keys::{self, JsonKeys};
use crate::parser::{Context, Parser, Reason};
use crate::{put, time};

/// Parser of Okta's System Log.
#[derive(Default)]
pub struct Okta {
    keys: JsonKeys,
}

/// Sigma's rules name these paths as they are.
fn prefix(path: &str) -> &'static str {
    const BARE: [&str; 8] = [
        "eventType",
        "displayMessage",
        "legacyEventType",
        "outcome",
        "securityContext",
        "target",
        "actor",
        "debugContext",
    ];
    if BARE.contains(&path.split('.').next().unwrap_or("")) { "" } else { "okta." }
}

static TABLE: &[(&str, FieldId)] = &[
    ("uuid", fields::EVENT_ID),
    ("displayMessage", fields::MESSAGE),
    ("outcome.reason", fields::EVENT_REASON),
    ("actor.id", fields::USER_ID),
    ("actor.displayName", fields::USER_FULL_NAME),
    ("client.device", fields::USER_AGENT_DEVICE_NAME),
    ("client.userAgent.rawUserAgent", fields::USER_AGENT_ORIGINAL),
    ("client.userAgent.browser", fields::USER_AGENT_NAME),
    ("client.userAgent.os", fields::USER_AGENT_OS_NAME),
    ("client.geographicalContext.city", fields::SOURCE_GEO_CITY_NAME),
    ("client.geographicalContext.country", fields::SOURCE_GEO_COUNTRY_NAME),
    ("client.geographicalContext.state", fields::SOURCE_GEO_REGION_NAME),
    ("securityContext.asNumber", fields::SOURCE_AS_NUMBER),
    ("securityContext.asOrg", fields::SOURCE_AS_ORGANIZATION_NAME),
    ("securityContext.domain", fields::SOURCE_DOMAIN),
    ("severity", fields::LOG_LEVEL),
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "okta"),
    (fields::EVENT_DATASET, "okta.system"),
    (fields::OBSERVER_VENDOR, "Okta"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "okta"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "okta"),
];

/// The target whose members are being read. An array's elements all carry the array's path: a member that was there
/// already begins the next.
#[derive(Clone, Copy, Default)]
struct Target<'a> {
    login: &'a str,
    name: &'a str,
    id: &'a str,
    kind: &'a str,
}

impl<'a> Target<'a> {
    fn take(&mut self, member: &str, text: &'a str, event: &mut Event<'a>) {
        let mut slot = self.slot(member);
        if slot.as_deref().is_some_and(|held| !held.is_empty()) {
            push_target(std::mem::take(self), event);
            slot = self.slot(member);
        }
        if let Some(slot) = slot {
            *slot = text;
        }
    }

    fn slot(&mut self, member: &str) -> Option<&mut &'a str> {
        Some(match member {
            "alternateId" => &mut self.login,
            "displayName" => &mut self.name,
            "id" => &mut self.id,
            "type" => &mut self.kind,
            _ => return None,
        })
    }
}

impl Parser for Okta {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let object = json_keys::object(line, context, event)?;
        let mut target = Target::default();
        let mut action = "";
        self.keys.read(object, prefix, arena, event, |path, scalar, event| {
            let path = path.strip_prefix("detail.").unwrap_or(path);
            let text = scalar.str().unwrap_or("");
            match path {
                "published" => {
                    if let Some(time) = time::iso(text, &context.zone) {
                        event.set(fields::TIMESTAMP, Value::Time(time));
                    }
                }
                "eventType" => {
                    action = text;
                    event.push_str(fields::EVENT_ACTION, text);
                }
                "outcome.result" => outcome(text, event),
                "actor.alternateId" => actor(text, event),
                "client.ipAddress" => {
                    if let Some(ip) = put::ip(text) {
                        event.push(fields::SOURCE_IP, Value::Ip(ip));
                        event.push(fields::CLIENT_IP, Value::Ip(ip));
                    }
                }
                "target.alternateId" | "target.displayName" | "target.id" | "target.type" => {
                    target.take(&path["target.".len()..], text, event);
                }
                _ if taken(path) => return true,
                _ => {
                    json_keys::put_by(TABLE, path, scalar, event);
                }
            }
            // Kept under the vendor's names too: rules are written against them.
            false
        })?;
        push_target(target, event);
        if action.is_empty() {
            return Err(Reason("no eventType: not an Okta System Log event"));
        }
        classify(action, event);
        put::constants(CONSTANT, event);
        Ok(())
    }
}

/// Paths that are not worth a field: coordinates and the copies inside the proxies' chain.
fn taken(path: &str) -> bool {
    path.contains(".geolocation.") || path.starts_with("request.ipChain.geographicalContext")
}

fn outcome(text: &str, event: &mut Event<'_>) {
    let word = match text {
        "SUCCESS" | "ALLOW" => "success",
        "FAILURE" | "DENY" => "failure",
        _ => "unknown",
    };
    event.push(fields::EVENT_OUTCOME, Value::Str(word));
}

fn actor<'a>(login: &'a str, event: &mut Event<'a>) {
    match login.split_once('@') {
        Some((name, _)) => {
            event.push_str(fields::USER_NAME, name);
            event.push_str(fields::SOURCE_USER_NAME, name);
            event.push_str(fields::USER_EMAIL, login);
        }
        None if login != "unknown" => {
            event.push_str(fields::USER_NAME, login);
            event.push_str(fields::SOURCE_USER_NAME, login);
        }
        None => {}
    }
}

/// Users and groups among the targets.
fn push_target<'a>(target: Target<'a>, event: &mut Event<'a>) {
    match target.kind {
        "User" => {
            event.push_str(fields::USER_TARGET_EMAIL, if target.login.contains('@') { target.login } else { "" });
            event.push_str(fields::USER_TARGET_NAME, target.login.split('@').next().unwrap_or(""));
            event.push_str(fields::USER_TARGET_FULL_NAME, target.name);
            event.push_str(fields::USER_TARGET_ID, target.id);
        }
        "UserGroup" => {
            event.push_str(fields::USER_TARGET_GROUP_NAME, target.name);
            event.push_str(fields::USER_TARGET_GROUP_ID, target.id);
        }
        _ => {}
    }
}

/// What an event type means in ECS words.
fn classify(action: &str, event: &mut Event<'_>) {
    let (category, kind): (&[&'static str], &[&'static str]) = match action {
        "user.session.start" => (&["authentication", "session"], &["start", "user"]),
        "user.session.end" | "user.session.expire" | "user.session.clear" => {
            (&["authentication", "session"], &["end", "user"])
        }
        "group.user_membership.add" | "group.user_membership.remove" => (&["iam"], &["group", "change"]),
        "user.lifecycle.create" => (&["iam"], &["user", "creation"]),
        "user.lifecycle.delete.initiated" | "user.lifecycle.delete.completed" => (&["iam"], &["user", "deletion"]),
        "group.lifecycle.create" => (&["iam"], &["group", "creation"]),
        "group.lifecycle.delete" => (&["iam"], &["group", "deletion"]),
        "policy.evaluate_sign_on" => (&["authentication"], &["info"]),
        _ if action.starts_with("application.user_membership.") => (&["iam"], &["user", "change"]),
        _ if action.starts_with("application.lifecycle.") => (&["configuration"], &["change"]),
        _ if action.starts_with("user.authentication.") || action.starts_with("user.mfa.") => {
            (&["authentication"], &["info"])
        }
        _ if action.starts_with("user.session.") => (&["authentication", "session"], &["info", "user"]),
        _ if action.starts_with("user.lifecycle.") || action.starts_with("user.account.") => {
            (&["iam"], &["user", "change"])
        }
        _ if action.starts_with("group.") => (&["iam"], &["group", "change"]),
        _ if action.starts_with("policy.")
            || action.starts_with("zone.")
            || action.starts_with("system.api_token.") =>
        {
            (&["configuration"], &["change"])
        }
        _ if action.starts_with("security.threat.") => (&["threat"], &["indicator"]),
        _ => (&[], &["info"]),
    };
    put::words(fields::EVENT_CATEGORY, category, event);
    put::words(fields::EVENT_TYPE, kind, event);
}
