//! Who asks, in what language, and for what: extracted from each request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use store::{ALL_TENANTS, Account, Role};
use stream::Timestamp;

use crate::auth::{bearer_token, cookie_value, csrf_token, session_token};
use crate::format::encode;
use crate::i18n::{Lang, Word, zone_short, zone_word};
use crate::params::Params;
use crate::{AppState, Error};

/// What is known before anybody signed in.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) lang: Lang,
    /// `light` or `dark` when the reader chose.
    pub(crate) theme: Option<&'static str>,
    pub(crate) params: Params,
    pub(crate) path: String,
    pub(crate) now: Timestamp,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let params = Params::from_uri(&parts.uri);
        let cookie = |name| cookie_value(&parts.headers, name);
        let lang = params.get("lang").or_else(|| cookie("sekisho_lang")).and_then(Lang::parse).unwrap_or_default();
        let theme = match cookie("sekisho_theme") {
            Some("dark") => Some("dark"),
            Some("light") => Some("light"),
            _ => None,
        };
        Ok(Visitor { lang, theme, params, path: parts.uri.path().to_owned(), now: state.now() })
    }
}

/// A signed-in person's request.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) visitor: Visitor,
    pub(crate) account: Account,
    /// Token for forms.
    pub(crate) csrf: String,
    /// What queries may see: all of the account's, or the one chosen by `tenant=`.
    pub(crate) tenants: Vec<String>,
    /// 未対応 alerts, for the navigation.
    pub(crate) open: u64,
    /// Silent sources, for the navigation.
    pub(crate) silent: u64,
}

impl std::ops::Deref for Context {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

impl Context {
    pub(crate) fn t(&self, word: Word) -> &'static str {
        self.lang.t(word)
    }

    /// Whether the account may change alerts.
    pub(crate) fn may_handle(&self) -> bool {
        matches!(self.account.role, Role::Analyst | Role::Oncall | Role::TenantAdmin | Role::SystemAdmin)
    }

    /// Whether the account may take events out.
    pub(crate) fn may_export(&self) -> bool {
        matches!(self.account.role, Role::Analyst | Role::Auditor | Role::TenantAdmin | Role::SystemAdmin)
    }

    /// Whether the account may take over changed rules and ledgers.
    pub(crate) fn may_reload(&self) -> bool {
        self.account.role == Role::SystemAdmin
    }

    /// Whether this request's queries may see the tenant.
    pub(crate) fn sees(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|allowed| allowed == tenant || allowed == ALL_TENANTS)
    }

    /// A zone's name: the tenant's own, else the common word, else the id.
    pub(crate) fn zone(&self, state: &AppState, id: &str) -> String {
        self.own_zone(state, id).or_else(|| zone_word(id, self.lang)).unwrap_or_else(|| id.to_owned())
    }

    /// The same for narrow columns, where the tenant has no name of its own.
    pub(crate) fn zone_short(&self, state: &AppState, id: &str) -> String {
        self.own_zone(state, id).or_else(|| zone_short(id, self.lang)).unwrap_or_else(|| id.to_owned())
    }

    /// The Japanese name that a tenant gave the zone, where it is not the common one.
    fn own_zone(&self, state: &AppState, id: &str) -> Option<String> {
        if self.lang != Lang::Ja {
            return None;
        }
        let tenants = state.tenants.load();
        let mut zones = tenants.iter().filter(|tenant| self.sees(&tenant.id)).flat_map(|tenant| &tenant.zones);
        let own = zones.find(|zone| zone.id == id && !zone.label.is_empty()).map(|zone| zone.label.clone());
        own.filter(|label| zone_word(id, Lang::Ja).is_none_or(|usual| usual != *label))
    }
}

impl FromRequestParts<AppState> for Context {
    type Rejection = Response;

    /// Pages want a session and send everybody else to the sign-in; the API also takes a bearer token and answers 401.
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let Ok(visitor) = Visitor::from_request_parts(parts, state).await;
        let api = visitor.path.starts_with("/api/");
        let session = session_token(&parts.headers);
        let bearer = if api { bearer_token(&parts.headers) } else { None };
        let csrf = session.as_deref().map(csrf_token).unwrap_or_default();
        let chosen = visitor.params.get("tenant").map(str::to_owned);
        let found = state.database_call(move |state| {
            let now = state.now();
            let account = match (bearer, session) {
                (Some(token), _) => state.database.token(&token, now)?,
                (None, Some(token)) => state.database.session(&token, now)?,
                (None, None) => None,
            };
            let Some(account) = account else { return Ok(None) };
            let tenants = allowed(&account, chosen.as_deref());
            let open = if api { 0 } else { state.database.alert_counts(&tenants)?.new };
            Ok(Some((account, tenants, open)))
        });
        match found.await {
            Err(error) if api => Err(error.problem()),
            Err(error) => Err(error.into_response()),
            Ok(None) => Err(turned_away(parts, api)),
            Ok(Some((account, tenants, open))) => {
                let mut context = Context { visitor, account, csrf, tenants, open, silent: 0 };
                if !api {
                    let sources = state.live.sources();
                    let silent = sources.iter().filter(|source| source.silent && context.sees(&source.tenant)).count();
                    context.silent = silent as u64;
                }
                Ok(context)
            }
        }
    }
}

/// The tenants a request may see; choosing one that the account may not see gives none.
fn allowed(account: &Account, chosen: Option<&str>) -> Vec<String> {
    let all = match account.role {
        Role::SystemAdmin => vec![ALL_TENANTS.to_owned()],
        _ => account.tenants.clone(),
    };
    match chosen {
        None => all,
        Some(one) if one != ALL_TENANTS && all.iter().any(|tenant| tenant == one || tenant == ALL_TENANTS) => {
            vec![one.to_owned()]
        }
        Some(_) => Vec::new(),
    }
}

fn turned_away(parts: &Parts, api: bool) -> Response {
    let fragment = parts.headers.contains_key("hx-request");
    let json = parts.headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    if api {
        return Error::NotSignedIn.problem();
    }
    if fragment || json {
        return Error::NotSignedIn.into_response();
    }
    let next = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::to(&format!("/sign-in?next={}", encode(next))).into_response()
}
