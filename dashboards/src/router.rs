//! Addresses, and what every answer carries: security headers, no caching, compression, metrics.

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use crate::context::{Context, Visitor};
use crate::i18n::Lang;
use crate::layout::error_page;
use crate::{AppState, Error, api, assets, auth, export, pages};

/// The largest form body in bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;

const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Every page, the API, metrics and health.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(pages::board::page))
        .route("/board/figures", get(pages::board::figures_fragment))
        .route("/board/matrix", get(pages::board::matrix_fragment))
        .route("/board/alerts", get(pages::board::alerts_fragment))
        .route("/board/chart.json", get(pages::charts::board))
        .route("/search", get(pages::search::page))
        .route("/search/hits", get(pages::hits::fragment))
        .route("/search/facets", get(pages::search::facets))
        .route("/search/histogram.json", get(pages::charts::search))
        .route("/search/event/{id}", get(pages::event::page))
        .route("/search/event/{id}/holders", get(pages::holders::of_event))
        .route("/search/export", get(export::events))
        .route("/alerts", get(pages::alerts::page))
        .route("/alerts/export.csv", get(pages::alerts::export_csv))
        .route("/alerts/{id}", get(pages::alert::page))
        .route("/alerts/{id}/holders", get(pages::holders::of_alert))
        .route("/alerts/{id}/{action}", post(pages::alert::act))
        .route("/sources", get(pages::sources::page))
        .route("/sources/adopt", post(pages::sources::unknown::adopt))
        .route("/rules", get(pages::rules::page))
        .route("/rules/reload", post(pages::rules::reload::post))
        .route("/zones", get(pages::zones::page))
        .route("/sign-in", get(auth::page).post(auth::sign_in))
        .route("/sign-out", post(auth::sign_out))
        .route("/language", post(language))
        .route("/assets/{name}", get(assets::get))
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/accounting", get(api::accounting))
        .route("/api/v1/bindings", get(pages::holders::api))
        .route("/api/v1/rules", get(pages::rules::api))
        .route("/api/{*rest}", get(api::unknown))
        .route("/metrics", get(api::metrics))
        .route("/ready", get(api::ready))
        .route("/live", get(api::live))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

/// What machines ask of a process that shows no pages: `/metrics`, `/ready`, `/live`.
pub fn machine_router(state: AppState) -> Router {
    Router::new()
        .route("/metrics", get(api::metrics))
        .route("/ready", get(api::ready))
        .route("/live", get(api::live))
        .with_state(state)
}

async fn unknown(context: Context) -> Response {
    error_page(&context, &Error::NotFound)
}

/// `POST /language?next=PATH`: turns to the other language and remembers it.
async fn language(visitor: Visitor) -> Response {
    let other = if visitor.lang == Lang::Ja { "en" } else { "ja" };
    let next = visitor.params.get("next").unwrap_or("/");
    let cookie = format!("sekisho_lang={other}; Path=/; Max-Age=31536000; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], Redirect::to(auth::local_path(next))).into_response()
}

async fn around(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let class = class(path);
    let started = Instant::now();
    let mut response = next.run(request).await;
    harden(response.headers_mut(), class);
    let status = status_class(response.status());
    state.metrics.requests.with_label_values(&[class, status]).inc();
    state.metrics.seconds.with_label_values(&[class]).observe(started.elapsed().as_secs_f64());
    response
}

fn harden(headers: &mut HeaderMap, class: &str) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if class != "assets" {
        set(header::CACHE_CONTROL, "no-store");
    }
}

fn class(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or("") {
        "" | "board" => "board",
        "search" => "search",
        "alerts" => "alerts",
        "assets" => "assets",
        "api" => "api",
        "sign-in" | "sign-out" => "session",
        "metrics" | "ready" | "live" => "health",
        _ => "other",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
