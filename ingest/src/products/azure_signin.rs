//! Microsoft Entra ID sign-in logs: one JSON record per line, as diagnostic settings export them (Event Hubs, storage,
//! with the details under `properties`) and as Microsoft Graph gives them (details at the top), for interactive,
//! non-interactive, service principal and managed identity sign-ins. Other Entra categories (audit, risk) keep their fields.
//!
//! `event.outcome` is `success` when the result code is 0. Every value is kept as `azure.signinlogs.<path>` and, for the
//! names that Sigma's rules use, bare (`ResultType`, `Status`, `AuthenticationRequirement`).
//! Source: Microsoft Learn, "SigninLogs" table, Graph resource type signIn.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::json::Walker;
use crate::json_keys;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{put, time};

/// Parser of Entra ID's sign-in records.
#[derive(Default)]
pub struct AzureSignin {
    walker: Walker,
    names: Names,
    bare: Names,
}

static TABLE: &Table = &[
    ("correlationId", fields::HTTP_REQUEST_ID),
    ("id", fields::EVENT_ID),
    ("operationName", fields::EVENT_ACTION),
    ("resultDescription", fields::EVENT_REASON),
    ("status.failureReason", fields::EVENT_REASON),
    ("userId", fields::USER_ID),
    ("userDisplayName", fields::USER_FULL_NAME),
    ("appDisplayName", fields::SERVICE_NAME),
    ("appId", fields::SERVICE_ID),
    ("userAgent", fields::USER_AGENT_ORIGINAL),
    ("ipAddress", fields::SOURCE_IP),
    ("callerIpAddress", fields::CLIENT_IP),
    ("callerIpAddress", fields::SOURCE_IP),
    ("location.city", fields::SOURCE_GEO_CITY_NAME),
    ("location.state", fields::SOURCE_GEO_REGION_NAME),
    ("location.countryOrRegion", fields::SOURCE_GEO_COUNTRY_ISO_CODE),
    ("autonomousSystemNumber", fields::SOURCE_AS_NUMBER),
    ("deviceDetail.deviceId", fields::DEVICE_ID),
    ("deviceDetail.displayName", fields::HOST_NAME),
    ("deviceDetail.operatingSystem", fields::USER_AGENT_OS_FULL),
    ("deviceDetail.browser", fields::USER_AGENT_NAME),
    ("tenantId", fields::ORGANIZATION_ID),
    ("Level", fields::LOG_LEVEL),
    ("level", fields::LOG_LEVEL),
];

/// Record names, and the names that Sigma's rules give them.
static BARE: &[(&str, &str)] = &[
    ("resultType", "ResultType"),
    ("resultDescription", "ResultDescription"),
    ("authenticationRequirement", "AuthenticationRequirement"),
    ("userAgent", "userAgent"),
    ("conditionalAccessStatus", "conditionalAccessStatus"),
    ("riskState", "RiskState"),
    ("riskEventType", "riskEventType"),
    ("resourceDisplayName", "ResourceDisplayName"),
    ("clientAppUsed", "ClientApp"),
    ("userPrincipalName", "Username"),
    ("deviceDetail.trustType", "DeviceDetail.trusttype"),
    ("deviceDetail.deviceId", "DeviceDetail.deviceId"),
    ("deviceDetail.isCompliant", "DeviceDetail.isCompliant"),
    ("message", "properties.message"),
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "azure"),
    (fields::CLOUD_PROVIDER, "azure"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "azure"),
];

impl Parser for AzureSignin {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let object = json_keys::object(line, context, event)?;
        let raw = Row::of_json(object, &mut self.walker, arena)?;
        let mut row = Row::new(arena);
        let analytics = raw.has("TimeGenerated");
        // The details first: where both levels say something, they say it better.
        for details in [true, false] {
            for (path, value) in raw.pairs() {
                let path = path.strip_prefix("records.").unwrap_or(path);
                let path = if analytics { analytics_name(path, arena) } else { path };
                match path.strip_prefix("properties.") {
                    Some(inner) if details => row.push(inner, value),
                    None if !details => row.push(path, value),
                    _ => {}
                }
            }
        }
        let category = row.get(&["category"]);
        let sign_in =
            category.contains("SignInLogs") || row.has("conditionalAccessStatus") || row.has("status.errorCode");
        if !sign_in && category.is_empty() {
            return Err(Reason("neither a category nor a sign-in's status: not an Entra ID record"));
        }
        let stamp = row.get(&["createdDateTime", "activityDateTime", "time"]);
        let stamp = time::iso(stamp, &context.zone).or_else(|| time::iso(row.get(&["time"]), &context.zone));
        if let Some(stamp) = stamp {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        row.put(TABLE, event);
        user(&row, event);
        if let Some(ip) = event.get(fields::SOURCE_IP) {
            event.push_str(fields::SOURCE_ADDRESS, row.get(&["ipAddress", "callerIpAddress"]));
            if !event.has(fields::CLIENT_IP) {
                event.push(fields::CLIENT_IP, ip);
            }
        }
        outcome(&row, event);
        put::constants(CONSTANT, event);
        if sign_in {
            put::words(fields::EVENT_CATEGORY, &["authentication"], event);
            event.push(fields::EVENT_DATASET, Value::Str("azure.signinlogs"));
        } else if category == "AuditLogs" || row.has("initiatedBy.user.userPrincipalName") {
            audit(&row, event);
        }
        put::words(fields::EVENT_TYPE, &["info"], event);
        let service = match category {
            "AuditLogs" => "auditlogs",
            "RiskyUsers" | "UserRiskEvents" => "riskdetection",
            _ => "signinlogs",
        };
        event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str(service));
        row.keep("azure.signinlogs.", &["time", "createdDateTime"], &mut self.names, event);
        for (from, to) in BARE {
            if let (Some(value), Some(field)) = (row.find(&[from]), self.bare.field("", to)) {
                event.push_str(field, value);
            }
        }
        Ok(())
    }
}

/// The name of a column of the tables in Log Analytics (`UserPrincipalName`, `IPAddress`, `TimeGenerated`) in the records.
fn analytics_name<'a>(name: &'a str, arena: &'a Bump) -> &'a str {
    match name {
        "TimeGenerated" | "TimeGenerated [UTC]" => "time",
        "IPAddress" => "ipAddress",
        "DurationMs" => "durationMs",
        "Status_errorCode" => "status.errorCode",
        _ => {
            let lower = arena.alloc_str(name);
            if let Some(first) = lower.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            lower
        }
    }
}

/// Who did what to whom in the directory.
fn audit<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    event.push(fields::EVENT_DATASET, Value::Str("azure.auditlogs"));
    put::words(fields::EVENT_CATEGORY, &["iam"], event);
    let principal = row.get(&["initiatedBy.user.userPrincipalName"]);
    let (name, domain) = principal.split_once('@').unwrap_or((principal, ""));
    put::text(fields::USER_NAME, name, event);
    put::text(fields::USER_DOMAIN, domain, event);
    put::text(fields::USER_EMAIL, if domain.is_empty() { "" } else { principal }, event);
    put::text(fields::USER_ID, row.get(&["initiatedBy.user.id"]), event);
    put::text(fields::SERVICE_NAME, row.get(&["initiatedBy.app.displayName"]), event);
    put::end(&put::SOURCE, row.get(&["initiatedBy.user.ipAddress"]), event);
    event.push_str(fields::EVENT_REASON, row.get(&["resultReason"]));
    if row.get(&["targetResources.type"]) == "User" {
        let target = row.get(&["targetResources.userPrincipalName"]);
        event.push_str(fields::USER_TARGET_NAME, target.split('@').next().unwrap_or(""));
        event.push_str(fields::USER_TARGET_EMAIL, if target.contains('@') { target } else { "" });
        event.push_str(fields::USER_TARGET_ID, row.get(&["targetResources.id"]));
    } else if row.get(&["targetResources.type"]) == "Group" {
        event.push_str(fields::GROUP_NAME, row.get(&["targetResources.displayName"]));
        event.push_str(fields::GROUP_ID, row.get(&["targetResources.id"]));
    }
    if !event.has(fields::EVENT_OUTCOME) {
        match row.get(&["result"]) {
            "success" | "Success" => event.push(fields::EVENT_OUTCOME, Value::Str("success")),
            "failure" | "Failure" => event.push(fields::EVENT_OUTCOME, Value::Str("failure")),
            _ => {}
        }
    }
    let action = event.get_str(fields::EVENT_ACTION).unwrap_or("");
    let kind = match action.split(' ').next().unwrap_or("") {
        "Add" | "Create" | "Invite" => "creation",
        "Delete" | "Remove" | "Hard" => "deletion",
        _ => "change",
    };
    put::words(fields::EVENT_TYPE, &[kind], event);
}

fn user<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    let principal = row.get(&["userPrincipalName"]);
    match principal.split_once('@') {
        Some((name, domain)) => {
            event.push_str(fields::USER_NAME, name);
            event.push_str(fields::USER_DOMAIN, domain);
            event.push_str(fields::USER_EMAIL, principal);
        }
        None => event.push_str(
            fields::USER_NAME,
            if principal.is_empty() { row.get(&["servicePrincipalName"]) } else { principal },
        ),
    }
}

fn outcome<'a>(row: &Row<'a>, event: &mut Event<'a>) {
    let code = row.get(&["status.errorCode", "resultType"]);
    event.push_str(fields::EVENT_CODE, if code == "0" { "" } else { code });
    match code {
        "" => {}
        "0" | "Success" | "success" => event.push(fields::EVENT_OUTCOME, Value::Str("success")),
        _ => event.push(fields::EVENT_OUTCOME, Value::Str("failure")),
    }
    if let Ok(millis @ 0..) = row.get(&["durationMs"]).parse::<i64>() {
        event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
    }
}
