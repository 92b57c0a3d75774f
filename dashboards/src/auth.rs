//! Sign-in, sessions, bearer tokens, and the defences around them.
//!
//! The session cookie is HttpOnly and SameSite=Strict. Every POST must come from this site (Sec-Fetch-Site, or Origin
//! against Host for browsers without it) and, once signed in, carry a token derived from the session. Sign-in is
//! limited per peer ([`ATTEMPTS_MAX`] a minute) and per name (by the store); at most [`VERIFY_MAX`] passwords are
//! hashed at once, because each costs 19 MiB and tens of milliseconds.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stream::{NANOS_PER_SECOND, Timestamp};
use tokio::sync::Semaphore;

use crate::context::{Context, Visitor};
use crate::i18n::w;
use crate::{AppState, Error, Result, pages};

/// Sign-in attempts that one peer may make in a minute.
pub(crate) const ATTEMPTS_MAX: u32 = 20;
/// Password checks that run at once.
pub(crate) const VERIFY_MAX: usize = 2;
const PEERS_MAX: usize = 4096;
const SESSION_COOKIE: &str = "sekisho_session";

/// Counts sign-in attempts per peer and minute; at most [`PEERS_MAX`] peers are remembered.
pub(crate) struct Throttle {
    peers: Mutex<HashMap<Option<IpAddr>, (i64, u32)>>,
    verify: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle { peers: Mutex::default(), verify: Semaphore::new(VERIFY_MAX) }
    }
}

impl Throttle {
    /// Whether the peer may try now.
    fn admit(&self, peer: Option<IpAddr>, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(60 * NANOS_PER_SECOND);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, (seen, _)| *seen == minute);
        }
        if peers.len() >= PEERS_MAX && !peers.contains_key(&peer) {
            return false;
        }
        let slot = peers.entry(peer).or_insert((minute, 0));
        if slot.0 != minute {
            *slot = (minute, 0);
        }
        slot.1 += 1;
        slot.1 <= ATTEMPTS_MAX
    }
}

/// Fields of the sign-in form.
#[derive(Deserialize)]
pub(crate) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub(crate) async fn page(visitor: Visitor) -> Response {
    pages::sign_in::page(&visitor, None, visitor.params.get("next").unwrap_or("/")).into_response()
}

/// `POST /sign-in`
pub(crate) async fn sign_in(
    State(state): State<AppState>,
    connect: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Result<Response> {
    same_site(&headers)?;
    let peer = connect.map(|axum::Extension(ConnectInfo(address))| address.ip());
    let refuse = |status: StatusCode, word| {
        state.metrics.sign_in_failures.inc();
        Ok((status, pages::sign_in::page(&visitor, Some(word), &form.next)).into_response())
    };
    if !state.throttle.admit(peer, state.now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, w::SIGN_IN_THROTTLED);
    }
    let _turn = state.throttle.verify.acquire().await.map_err(|_| Error::Internal)?;
    let (name, password) = (form.name.trim().to_owned(), form.password.clone());
    let seconds = u64::from(state.config.session_hours) * 3600;
    let session = state
        .database_call(move |state| {
            let now = state.now();
            match state.database.verify_password(&name, &password, now) {
                Ok(None) => Ok(None),
                Ok(Some(account)) => Ok(Some(state.database.create_session(&account.name, now, seconds)?)),
                Err(error) => Err(error.into()),
            }
        })
        .await;
    match session {
        Ok(Some(token)) => {
            let cookie = cookie(&state, &token, seconds);
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local_path(&form.next))).into_response())
        }
        Ok(None) => refuse(StatusCode::UNAUTHORIZED, w::SIGN_IN_FAILED),
        Err(Error::Store(store::Error::Locked { .. })) => refuse(StatusCode::TOO_MANY_REQUESTS, w::SIGN_IN_THROTTLED),
        Err(error) => Err(error),
    }
}

/// `POST /sign-out`
pub(crate) async fn sign_out(
    State(state): State<AppState>,
    context: Context,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    check_post(&context, &headers, &fields)?;
    if let Some(token) = session_token(&headers) {
        state.database_call(move |state| Ok(state.database.delete_session(&token)?)).await?;
    }
    Ok(([(header::SET_COOKIE, cookie(&state, "", 0))], Redirect::to("/sign-in")).into_response())
}

fn cookie(state: &AppState, token: &str, seconds: u64) -> String {
    let secure = if state.config.secure_cookie { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

/// Only paths of this server: `//host` and `/\host` would leave it.
pub(crate) fn local_path(next: &str) -> &str {
    let local = next.starts_with('/')
        && !next[1..].starts_with(['/', '\\'])
        && !next.chars().any(char::is_control)
        && !next.starts_with("/sign-");
    if local { next } else { "/" }
}

/// The value of a cookie.
pub(crate) fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The session token of the request, if there is one.
pub(crate) fn session_token(headers: &HeaderMap) -> Option<String> {
    cookie_value(headers, SESSION_COOKIE).filter(|token| !token.is_empty()).map(str::to_owned)
}

/// The bearer token of the request, if there is one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The token that forms of a session carry.
pub(crate) fn csrf_token(session: &str) -> String {
    let digest = Sha256::new().chain_update(b"sekisho form\0").chain_update(session.as_bytes()).finalize();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// Whether two secrets are equal, in time that does not depend on where they differ.
pub(crate) fn equal_secret(a: &str, b: &str) -> bool {
    let (a, b) = (Sha256::digest(a.as_bytes()), Sha256::digest(b.as_bytes()));
    a.iter().zip(b.iter()).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// Refuses a POST that another site started.
fn same_site(headers: &HeaderMap) -> Result<()> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { Err(Error::Forged) };
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let origin = origin.to_str().unwrap_or("");
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    if !host.is_empty() && authority == host { Ok(()) } else { Err(Error::Forged) }
}

/// Checks a POST of a session: same site, and the form's token.
pub(crate) fn check_post(context: &Context, headers: &HeaderMap, fields: &[(String, String)]) -> Result<()> {
    same_site(headers)?;
    let sent = fields.iter().find(|(key, _)| key == "csrf").map_or("", |(_, value)| value);
    if equal_secret(sent, &context.csrf) { Ok(()) } else { Err(Error::Forged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_never_leaves_the_server() {
        for bad in ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/a\r\nb", "/sign-out"] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
        assert_eq!(local_path("/search?q=a"), "/search?q=a");
    }

    #[test]
    fn a_peer_is_limited_and_recovers() {
        let throttle = Throttle::default();
        let now = Timestamp::from_seconds(60);
        let admitted = (0..100).filter(|_| throttle.admit(None, now)).count();
        assert_eq!(admitted, ATTEMPTS_MAX as usize);
        assert!(throttle.admit(None, Timestamp::from_seconds(121)));
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=b; sekisho_session=xyz; c=d".parse().unwrap());
        assert_eq!(session_token(&headers).as_deref(), Some("xyz"));
        assert_eq!(cookie_value(&headers, "session"), None);
    }
}
