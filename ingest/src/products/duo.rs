//! Duo Security: authentication, administrator, telephony and offline enrolment logs as the Admin API gives them (v1 and
//! v2) and as Duo Log Sync forwards them, one JSON object per line.
//!
//! Every value is kept as `duo.<path>`. Source: Duo Admin API, "Logs".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::json::Walker;
use crate::json_keys;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{put, time};

/// Parser of Duo's logs.
#[derive(Default)]
pub struct Duo {
    walker: Walker,
    names: Names,
}

static TABLE: &Table = &[
    ("access_device.ip", fields::SOURCE_IP),
    ("ip", fields::SOURCE_IP),
    ("access_device.hostname", fields::HOST_NAME),
    ("access_device.browser", fields::USER_AGENT_NAME),
    ("access_device.browser_version", fields::USER_AGENT_VERSION),
    ("access_device.os", fields::USER_AGENT_OS_NAME),
    ("access_device.location.city", fields::SOURCE_GEO_CITY_NAME),
    ("access_device.location.state", fields::SOURCE_GEO_REGION_NAME),
    ("access_device.location.country", fields::SOURCE_GEO_COUNTRY_NAME),
    ("application.name", fields::SERVICE_NAME),
    ("application.key", fields::SERVICE_ID),
    ("email", fields::USER_EMAIL),
    ("user.key", fields::USER_ID),
    ("txid", fields::EVENT_ID),
    ("reason", fields::EVENT_REASON),
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "duo"),
    (fields::OBSERVER_VENDOR, "Cisco"),
    (fields::OBSERVER_PRODUCT, "Duo"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "cisco"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "duo"),
];

impl Parser for Duo {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let object = json_keys::object(line, context, event)?;
        let row = Row::of_json(object, &mut self.walker, arena)?;
        let stamp =
            time::iso(row.get(&["isotimestamp", "ts"]), &context.zone).or_else(|| time::epoch(row.get(&["timestamp"])));
        if let Some(stamp) = stamp {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        row.put(TABLE, event);
        put::user(row.get(&[fields::USER_NAME.name(), "username", "user", "actor.name"]), event);
        let surfaced = row.has("surfaced_timestamp") || row.has("sekey");
        let authentication = !surfaced && row.has("factor")
            || row.get(&["event_type"]) == "authentication"
            || !surfaced && row.has("txid");
        if authentication {
            put::words(fields::EVENT_CATEGORY, &["authentication"], event);
            put::words(fields::EVENT_TYPE, &["start", "info"], event);
            event.push_str(fields::EVENT_ACTION, row.get(&["event_type"]));
            match row.get(&["result"]).to_ascii_lowercase().as_str() {
                "success" => {
                    event.push(fields::EVENT_OUTCOME, Value::Str("success"));
                    put::words(fields::EVENT_TYPE, &["allowed"], event);
                }
                "denied" | "deny" | "failure" | "fraud" => {
                    event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
                    put::words(fields::EVENT_TYPE, &["denied"], event);
                }
                _ => {}
            }
            event.push(fields::EVENT_DATASET, Value::Str("cisco_duo.auth"));
        } else if surfaced {
            trust(&row, event);
        } else if row.has("action") || row.has("action.name") {
            administrator(&row, arena, event);
        } else if row.has("phone") || row.has("context") {
            put::words(fields::EVENT_TYPE, &["info"], event);
            event.push_str(fields::EVENT_ACTION, row.get(&["context"]));
            event.push(fields::EVENT_DATASET, Value::Str("cisco_duo.telephony"));
        } else {
            return Err(Reason("neither an authentication, an action nor a call: not a Duo log"));
        }
        put::constants(CONSTANT, event);
        row.keep("duo.", &["isotimestamp", "timestamp", "ts"], &mut self.names, event);
        Ok(())
    }
}

/// A sign-in that Trust Monitor found worth a look.
fn trust<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    if let Some(stamp) = time::epoch(row.get(&["surfaced_timestamp"])) {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
    }
    event.push_str(fields::EVENT_ID, row.get(&["sekey"]));
    event.push_str(fields::EVENT_REASON, row.get(&["explanations.summary"]));
    event.push_str(fields::RULE_NAME, row.get(&["explanations.type"]));
    put::end(&put::SOURCE, row.get(&["surfaced_auth.access_device.ip"]), event);
    event.push_str(fields::SERVICE_NAME, row.get(&["surfaced_auth.application.name"]));
    put::user(row.get(&["surfaced_auth.user.name"]), event);
    put::words(fields::EVENT_CATEGORY, &["authentication", "threat"], event);
    put::words(fields::EVENT_TYPE, &["indicator"], event);
    event.push(fields::EVENT_ACTION, Value::Str("trust-monitor"));
    event.push(fields::EVENT_DATASET, Value::Str("cisco_duo.trust_monitor"));
}

/// The description of an administrator's event is a JSON object in a text.
fn address_in<'a>(description: &'a str, arena: &'a Bump) -> &'a str {
    let plain = if description.contains('\\') { arena.alloc_str(&description.replace('\\', "")) } else { description };
    put::between(plain, "\"ip_address\": \"", "\"").unwrap_or("")
}

fn administrator<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let action = row.get(&["action", "action.name"]);
    event.push_str(fields::EVENT_ACTION, action);
    event.push_str(fields::USER_TARGET_NAME, row.get(&["object", "target.name"]));
    let description = row.get(&["description"]);
    event.push_str(fields::MESSAGE, description);
    if !description.starts_with('{') {
        event.push_str(fields::EVENT_REASON, description);
    }
    put::end(&put::SOURCE, address_in(description, arena), event);
    event.push(fields::EVENT_DATASET, Value::Str("cisco_duo.admin"));
    let login = action.contains("login");
    let (category, kind): (&'static str, &'static str) = if login {
        ("authentication", "start")
    } else if action.contains("create") {
        ("iam", "creation")
    } else if action.contains("delete") {
        ("iam", "deletion")
    } else {
        ("iam", "change")
    };
    put::words(fields::EVENT_CATEGORY, &[category], event);
    let about = ["user", "group"].into_iter().find(|about| action.starts_with(about)).unwrap_or("admin");
    put::words(fields::EVENT_TYPE, &[kind, about, "info"], event);
    let outcome = row.get(&["outcome.result"]).to_ascii_lowercase();
    if !outcome.is_empty() {
        let word = if outcome == "success" { "success" } else { "failure" };
        event.push(fields::EVENT_OUTCOME, Value::Str(word));
    } else {
        // What is logged without an outcome was done.
        event.push(fields::EVENT_OUTCOME, Value::Str(if action.contains("error") { "failure" } else { "success" }));
    }
}
