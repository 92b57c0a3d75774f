//! Requests through the router: sign-in, sessions, forgery, tenant isolation, escaping, exports, API.

mod sample;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use tower::ServiceExt as _;

use self::sample::{PASSWORD, SCRIPT, alert_number, noon};
use crate::{AppState, router};

struct Site {
    _folder: tempfile::TempDir,
    state: AppState,
    router: Router,
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let state = sample::state(folder.path(), noon(), 10, 20);
    Site { router: router(state.clone()), state, _folder: folder }
}

impl Site {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, session: &str) -> (StatusCode, String) {
        let request = Request::get(path).header(header::COOKIE, format!("sekisho_session={session}"));
        read(self.send(request.body(Body::empty()).unwrap()).await).await
    }

    /// Opens a session without the form: hashing a password is slow.
    fn session(&self, name: &str) -> String {
        self.state.database.create_session(name, noon(), 3600).unwrap()
    }

    async fn post(&self, path: &str, session: &str, form: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = Request::post(path)
            .header(header::COOKIE, format!("sekisho_session={session}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(self.send(request.body(Body::from(form.to_owned())).unwrap()).await).await
    }
}

async fn read(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn pages_want_a_session_and_the_api_answers_401() {
    let site = site();
    for path in ["/", "/search", "/alerts", "/sources", "/rules", "/zones", "/nothing"] {
        let response = site.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(response.headers()[header::LOCATION].to_str().unwrap().starts_with("/sign-in?next="));
    }
    for path in ["/api/v1/search", "/api/v1/alerts", "/api/v1/accounting", "/api/v1/rules"] {
        let response = site.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let problem: serde_json::Value = serde_json::from_str(&read(response).await.1).unwrap();
        assert_eq!(problem["status"], 401);
        assert!(problem["detail"].as_str().unwrap().contains("not signed in"), "{problem}");
    }
    let fragment = Request::get("/board/figures").header("hx-request", "true").body(Body::empty()).unwrap();
    assert_eq!(site.send(fragment).await.status(), StatusCode::UNAUTHORIZED);
    for path in ["/live", "/ready", "/metrics", "/sign-in", "/assets/app.css"] {
        assert_eq!(site.get(path, "").await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn sign_in_gives_a_strict_cookie_and_wrong_passwords_lock() {
    let site = site();
    let form = |password: &str| format!("name=tanaka&password={}&next=%2Falerts", crate::format::encode(password));
    let attempt = |password: &str| {
        Request::post("/sign-in")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(form(password)))
            .unwrap()
    };
    let response = site.send(attempt(PASSWORD)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/alerts");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    for _ in 0..5 {
        assert_eq!(site.send(attempt("wrong")).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(site.send(attempt(PASSWORD)).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let foreign = Request::post("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(Body::from(form(PASSWORD)))
        .unwrap();
    assert_eq!(site.send(foreign).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn forged_posts_change_nothing() {
    let site = site();
    let session = site.session("tanaka");
    let id = alert_number(1);
    let path = format!("/alerts/{id}/acknowledge");
    let token = crate::auth::csrf_token(&session);
    let good = format!("csrf={token}");
    let refused: [(&str, &[(&str, &str)]); 4] = [
        ("", &[]),
        ("csrf=wrong", &[("sec-fetch-site", "same-origin")]),
        (&good, &[("sec-fetch-site", "cross-site")]),
        (&good, &[("origin", "https://evil.example"), ("host", "sekisho.example")]),
    ];
    for (form, headers) in refused {
        assert_eq!(site.post(&path, &session, form, headers).await.0, StatusCode::FORBIDDEN);
    }
    let state = |id: &str| site.state.database.alert(&["town".into()], id).unwrap().unwrap().state;
    assert_eq!(state(&id), store::AlertState::New);
    let headers = [("origin", "http://sekisho.example"), ("host", "sekisho.example")];
    assert_eq!(site.post(&path, &session, &good, &headers).await.0, StatusCode::SEE_OTHER);
    assert_eq!(state(&id), store::AlertState::Acknowledged);
    let auditor = site.session("kansa");
    let form = format!("csrf={}", crate::auth::csrf_token(&auditor));
    assert_eq!(site.post(&path, &auditor, &form, &[]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn closing_needs_a_verdict_and_a_reason() {
    let site = site();
    let session = site.session("tanaka");
    let (id, token) = (alert_number(1), crate::auth::csrf_token(&session));
    let close = format!("/alerts/{id}/close");
    for form in
        [format!("csrf={token}"), format!("csrf={token}&comment=x"), format!("csrf={token}&verdict=true_positive")]
    {
        assert_eq!(site.post(&close, &session, &form, &[]).await.0, StatusCode::BAD_REQUEST);
    }
    let form = format!("csrf={token}&verdict=true_positive&comment=%E7%AB%AF%E6%9C%AB");
    assert_eq!(site.post(&close, &session, &form, &[]).await.0, StatusCode::SEE_OTHER);
    let (_, page) = site.get(&format!("/alerts/{id}"), &session).await;
    assert!(page.contains("真の検知") && page.contains("端末") && page.contains("再開"));
}

#[tokio::test]
async fn a_tenant_never_sees_another() {
    let site = site();
    let (town, village, admin) = (site.session("tanaka"), site.session("mori"), site.session("admin"));
    let foreign = format!("/alerts/{}", alert_number(9));
    assert_eq!(site.get(&foreign, &town).await.0, StatusCode::NOT_FOUND);
    assert_eq!(site.get(&foreign, &village).await.0, StatusCode::OK);
    assert_eq!(site.get(&foreign, &admin).await.0, StatusCode::OK);
    let form = format!("csrf={}", crate::auth::csrf_token(&town));
    assert_eq!(site.post(&format!("{foreign}/acknowledge"), &town, &form, &[]).await.0, StatusCode::NOT_FOUND);

    let hits =
        |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["hits"].as_array().unwrap().clone();
    let (_, seen) = site.get("/api/v1/search?range=24h&limit=1000", &village).await;
    let seen = hits(&seen);
    assert_eq!(seen.len(), 1);
    let id = seen[0]["_id"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/search/event/{id}"), &village).await.0, StatusCode::OK);
    assert_eq!(site.get(&format!("/search/event/{id}"), &town).await.0, StatusCode::NOT_FOUND);
    // Neither a chosen tenant nor a query widens what is seen.
    for query in ["tenant=village", "tenant=*", "q=sekisho.tenant:village"] {
        let (status, body) = site.get(&format!("/api/v1/search?range=24h&{query}"), &town).await;
        assert_eq!((status, hits(&body).len()), (StatusCode::OK, 0), "{query}");
    }
    for path in [
        "/",
        "/board/alerts",
        "/board/figures",
        "/sources",
        "/zones",
        "/alerts",
        "/alerts/export.csv",
        "/api/v1/accounting",
        "/api/v1/alerts",
    ] {
        let (status, body) = site.get(path, &town).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!body.contains("village") && !body.contains("見本村"), "{path}");
    }
}

#[tokio::test]
async fn hostile_text_never_becomes_markup() {
    let site = site();
    let session = site.session("tanaka");
    let (_, found) = site.get("/api/v1/search?range=24h&limit=1", &session).await;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["hits"][0]["user.name"], SCRIPT);
    let id = found["hits"][0]["_id"].as_str().unwrap().to_owned();
    let encoded = crate::format::encode(SCRIPT);
    let paths = [
        "/search/hits?range=24h".to_owned(),
        "/search/facets?range=24h".to_owned(),
        format!("/search/event/{id}"),
        format!("/search?q={encoded}&f=user.name%3A{encoded}&from={encoded}&tenant={encoded}"),
        format!("/search/hits?q={encoded}&range=24h"),
        format!("/alerts?rule={encoded}&state={encoded}"),
        format!("/alerts/{}", alert_number(1)),
        "/board/matrix?range=24h".to_owned(),
        format!("/sign-in?next={encoded}"),
    ];
    for path in paths {
        let (status, body) = site.get(&path, &session).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!body.contains("<script>alert") && !body.contains("<img src"), "{path}");
        assert!(!body.contains(" style=") && !body.contains("onclick="), "inline style or script in {path}");
    }
    let (_, event) = site.get(&format!("/search/event/{id}"), &session).await;
    assert!(event.contains("&lt;script&gt;alert"));
}

#[tokio::test]
async fn answers_carry_the_security_headers() {
    let site = site();
    let response = site.send(Request::get("/sign-in").body(Body::empty()).unwrap()).await;
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"));
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let (_, page) = read(response).await;
    assert!(page.contains("lang=\"ja\"") && !page.contains("https://") && !page.contains("//cdn"));
}

#[tokio::test]
async fn exports_are_whole_guarded_and_audited() {
    let site = site();
    let session = site.session("tanaka");
    let (status, csv) = site.get("/search/export?format=csv&range=24h", &session).await;
    assert_eq!(status, StatusCode::OK);
    assert!(csv.starts_with('\u{feff}') && csv.contains("\r\n"));
    assert!(csv.contains("'=cmd|") && !csv.contains(",=cmd") && !csv.contains(",\"=cmd"));
    let (_, ndjson) = site.get("/search/export?format=ndjson&range=24h", &session).await;
    let all = site
        .state
        .searcher
        .count(&store::SearchRequest { tenants: vec!["town".into()], ..Default::default() })
        .unwrap();
    assert_eq!(ndjson.lines().count() as u64, all);
    assert_eq!(csv.lines().count() as u64, all + 1);
    let (_, alerts) = site.get("/alerts/export.csv", &session).await;
    assert!(alerts.contains("LGWAN系からマイナンバー系への許可外通信"));
    let actions: Vec<String> =
        site.state.database.audit_rows(None, 50).unwrap().into_iter().map(|row| row.action).collect();
    for action in ["export.events", "export.alerts"] {
        assert!(actions.iter().any(|done| done == action), "{actions:?}");
    }
}

#[tokio::test]
async fn a_wrong_query_points_at_its_column() {
    let site = site();
    let session = site.session("tanaka");
    let (status, body) = site.get("/search/hits?q=source.ip%3A%2810.0.0.1&range=1h", &session).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("検索式を読めません") && body.contains("^"), "{body}");
    let (status, body) = site.get("/api/v1/search?q=source.ip%3A%2810.0.0.1", &session).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let column = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["column"].as_u64().unwrap();
    let plain = column(&body);
    // Filters put a parenthesis around `q`, and blanks before it are not read: the column still counts in `q` as sent.
    let path = "/api/v1/search?q=source.ip%3A%2810.0.0.1%20%2F&f=user.name%3Asato";
    let (_, filtered) = site.get(path, &session).await;
    let (_, bare) = site.get("/api/v1/search?q=source.ip%3A%2810.0.0.1%20%2F", &session).await;
    assert_eq!(column(&filtered), column(&bare), "{filtered}");
    let (_, spaced) = site.get("/api/v1/search?q=%20%20source.ip%3A%2810.0.0.1", &session).await;
    assert_eq!(column(&spaced), plain + 2, "{spaced}");
    let (status, _) = site.get("/search/export?q=source.ip%3A%2810.0.0.1", &session).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_search_api_wants_the_right_to_export_and_is_audited() {
    let site = site();
    let operator = site.session("kanshi");
    assert_eq!(site.get("/search/hits?range=24h", &operator).await.0, StatusCode::OK);
    let long = format!("/api/v1/search?range=24h&q=user.name%3A{}", "x".repeat(5000));
    let (status, body) = site.get(&long, &operator).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&problem["status"], &problem["title"]), (&403.into(), &"Forbidden".into()));
    let row = site.state.database.audit_rows(None, 1).unwrap().remove(0);
    assert_eq!((row.actor.as_str(), row.action.as_str()), ("kanshi", "search.api.refused"));
    assert!(row.object.starts_with("/api/v1/search?") && row.object.chars().count() <= 1001);
    // A token has the rights of its role.
    for (name, role, expected) in
        [("watch", store::Role::Operator, StatusCode::FORBIDDEN), ("siem", store::Role::Auditor, StatusCode::OK)]
    {
        let made = site.state.database.create_token(name, role, &["town".into()], None, "test", noon()).unwrap();
        let request = Request::get("/api/v1/search?range=24h").header(header::AUTHORIZATION, format!("Bearer {made}"));
        let (status, body) = read(site.send(request.body(Body::empty()).unwrap()).await).await;
        assert_eq!(status, expected, "{name}: {body}");
        assert_eq!(site.state.database.audit_rows(None, 1).unwrap()[0].actor, name);
    }
}

#[tokio::test]
async fn charts_count_what_the_search_counts() {
    let site = site();
    let session = site.session("tanaka");
    let (_, found) = site.get("/search/histogram.json?range=1h", &session).await;
    let chart: serde_json::Value = serde_json::from_str(&found).unwrap();
    let sum: u64 = chart["total"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    let all = site
        .state
        .searcher
        .count(&store::SearchRequest { tenants: vec!["town".into()], ..Default::default() })
        .unwrap();
    assert_eq!(sum, all);
    let (_, board) = site.get("/board/chart.json?range=6h", &session).await;
    let board: serde_json::Value = serde_json::from_str(&board).unwrap();
    assert_eq!(board["interval"], 60);
    assert_eq!(board["alerts"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn the_board_asks_again_for_every_panel_and_brings_the_number_of_open_alerts() {
    let site = site();
    let session = site.session("tanaka");
    let (_, page) = site.get("/", &session).await;
    for panel in ["/board/figures", "/board/matrix", "/board/alerts"] {
        let at = page.find(&format!("hx-get=\"{panel}")).unwrap_or_else(|| panic!("no {panel}"));
        assert!(page[at..].split('>').next().unwrap().contains("every 10s"), "{panel}");
    }
    assert!(page.contains("role=\"status\"") && page.contains("data-every=\"10\""));
    let badge = |page: &str| page.split("id=\"open-badge\"").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let before: u64 = badge(&page).rsplit('>').next().unwrap().parse().unwrap();
    site.state.database.acknowledge(&["town".into()], &alert_number(1), "tanaka", noon()).unwrap();
    let (_, figures) = site.get("/board/figures", &session).await;
    assert!(badge(&figures).contains("hx-swap-oob=\"true\""), "{figures}");
    assert!(badge(&figures).ends_with(&format!(">{}", before - 1)), "{}", badge(&figures));
}

#[tokio::test]
async fn losses_before_receipt_are_shown_at_their_listener() {
    let site = site();
    let (_, page) = site.get("/sources", &site.session("tanaka")).await;
    assert!(page.contains("192.0.2.10:5514") && page.contains("1,234"), "{page}");
    assert!(
        !page.contains("192.0.2.10:5601") && !page.contains("192.0.2.10:8088"),
        "another's and the shared listener"
    );
    let (_, page) = site.get("/sources", &site.session("admin")).await;
    assert!(page.contains("192.0.2.10:5601") && page.contains("192.0.2.10:8088"));
    let (_, accounting) = site.get("/api/v1/accounting", &site.session("tanaka")).await;
    assert!(accounting.contains("\"kernel_drops\":1234"), "{accounting}");
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_said_before_anything_is_removed() {
    let mut site = site();
    let session = site.session("tanaka");
    assert_eq!(site.get("/ready", "").await.1, "ready\n");
    assert!(!site.get("/board/figures", &session).await.1.contains("保存領域の空き"));
    // 25 of 500 GB are to stay free; 45 are.
    site.state.live = std::sync::Arc::new(sample::Still(noon(), 455_000_000_000));
    site.router = router(site.state.clone());
    let (status, text) = site.get("/ready", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("ready\nwarning: the disk is nearly full"), "{text}");
    assert!(site.get("/board/figures", &session).await.1.contains("保存領域の空き"));
}

#[tokio::test]
async fn every_zone_label_that_a_screen_shows_finds_its_events() {
    let site = site();
    let session = site.session("tanaka");
    let count = |value: &str| {
        let query = format!("sekisho.source.zone:\"{value}\" OR sekisho.destination.zone:\"{value}\"");
        let tenants = vec!["town".into()];
        site.state.searcher.count(&store::SearchRequest { tenants, query, ..Default::default() }).unwrap()
    };
    let mut found = 0;
    for id in stream::zones::ZONES.iter().map(|zone| zone.id) {
        for lang in [crate::i18n::Lang::Ja, crate::i18n::Lang::En] {
            for label in [crate::i18n::zone_word(id, lang), crate::i18n::zone_short(id, lang)].into_iter().flatten() {
                assert_eq!(count(&label), count(id), "{label}");
            }
        }
        found += count(id);
    }
    assert!(found > 0, "the sample has no zones");
    for lang in ["ja", "en"] {
        let (_, matrix) = site.get(&format!("/board/matrix?range=24h&lang={lang}"), &session).await;
        let heads: Vec<&str> =
            matrix.split("<th scope=\"row\">").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        assert!(heads.len() > 2, "{matrix}");
        // The sample has a zone with a hostile name: it is its own label.
        for head in heads.into_iter().filter(|head| !head.starts_with("&lt;")) {
            assert!(count(head) > 0, "{head}");
        }
    }
}

#[tokio::test]
async fn english_is_complete_where_it_is_chosen() {
    let site = site();
    let session = site.session("tanaka");
    let (_, page) = site.get("/?lang=en", &session).await;
    assert!(page.contains("lang=\"en\"") && page.contains("Open alerts") && !page.contains("未対応アラート"));
}

#[tokio::test]
async fn metrics_can_be_locked_and_tokens_read_the_api() {
    let mut site = site();
    let (_, text) = site.get("/metrics", "").await;
    assert!(text.contains("sekisho_dashboards_busy_total 0"));
    let config = crate::Config { metrics_token: Some("0123456789abcdef".into()), ..Default::default() };
    site.state.config = std::sync::Arc::new(config);
    site.router = router(site.state.clone());
    assert_eq!(site.get("/metrics", "").await.0, StatusCode::UNAUTHORIZED);
    let bearer = |path: &str, token: &str| {
        Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    assert_eq!(site.send(bearer("/metrics", "0123456789abcdef")).await.status(), StatusCode::OK);
    assert_eq!(site.send(bearer("/api/v1/rules", "wrong")).await.status(), StatusCode::UNAUTHORIZED);
    // A bearer token is for the API only.
    assert_eq!(site.send(bearer("/alerts", "wrong")).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_held_an_address_is_asked_for_one_body_and_written_down() {
    let site = site();
    let session = site.session("tanaka");
    let (status, text) = site.get("/api/v1/bindings?ip=10.20.5.20&at=2026-11-20T11:20:00", &session).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["tenant"], &answer["ip"]), (&"town".into(), &"10.20.5.20".into()));
    assert!(answer["bindings"].is_array());
    for wrong in ["/api/v1/bindings?ip=x", "/api/v1/bindings?ip=10.1.1.1&at=soon"] {
        assert_eq!(site.get(wrong, &session).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(site.get("/api/v1/bindings?ip=10.1.1.1&tenant=village", &session).await.0, StatusCode::NOT_FOUND);
    let admin = site.session("admin");
    let (status, text) = site.get("/api/v1/bindings?ip=10.1.1.1", &admin).await;
    assert!(status == StatusCode::BAD_REQUEST && text.contains("tenant"), "{text}");
    assert_eq!(site.get("/api/v1/bindings?ip=10.1.1.1&tenant=town", &admin).await.0, StatusCode::OK);

    let (_, alert) = site.get(&format!("/alerts/{}", alert_number(4)), &session).await;
    let panel = format!("/alerts/{}/holders", alert_number(4));
    assert!(alert.contains(&format!("hx-get=\"{panel}\"")), "{alert}");
    let (status, panel) = site.get(&panel, &session).await;
    assert!(status == StatusCode::OK && panel.contains("10.20.5.20") && panel.contains("端末・人"), "{panel}");
    let (_, foreign) = site.get(&format!("/alerts/{}/holders", alert_number(9)), &session).await;
    assert!(foreign.contains("not found") && !foreign.contains("10.30.0.8"), "{foreign}");
    let written = site.state.database.audit_rows(None, 100).unwrap();
    assert!(written.iter().any(|row| row.action == "bindings.api" && row.object.contains("10.20.5.20")), "{written:?}");
    assert!(written.iter().any(|row| row.action == "holders" && row.actor == "tanaka"), "{written:?}");
}

/// What the running process would do, with what it was asked.
#[derive(Default)]
struct Asked(std::sync::Mutex<Vec<crate::AdoptionWish>>, bool);

impl crate::Adoption for Asked {
    fn unknown(&self) -> Result<Vec<crate::UnknownLive>, String> {
        if self.1 {
            return Err("sources.toml:3: wrong".into());
        }
        let one = |tenant: &str, address: &str, host: &str, line: &str| crate::UnknownLive {
            tenant: tenant.into(),
            address: Some(address.parse().unwrap()),
            records: 1234,
            last_received: noon(),
            hosts: vec![host.into()],
            lines: vec![line.into()],
            guess: line.contains("sshd").then(|| ("system".to_owned(), 90)),
        };
        Ok(vec![
            one("town", "192.0.2.70", "web9", "<38>Nov 20 10:00:01 web9 sshd[1]: Failed password"),
            one("village", "192.0.2.71", "v", "of the village"),
            one("", "192.0.2.72", SCRIPT, SCRIPT),
        ])
    }

    fn adopt(&self, wish: &crate::AdoptionWish) -> Result<String, String> {
        self.0.lock().unwrap().push(wish.clone());
        match wish.id.as_str() {
            "taken" => Err("town/taken is declared twice".into()),
            id => Ok(format!("{}/{id}", wish.tenant)),
        }
    }
}

#[tokio::test]
async fn an_unknown_sender_is_adopted_by_one_click_of_who_may() {
    let mut site = site();
    let asked = std::sync::Arc::new(Asked::default());
    let (_, page) = site.get("/sources", &site.session("admin")).await;
    assert!(!page.contains("未登録の送信元"), "this process receives nothing");
    site.state.adoption = Some(asked.clone());
    site.router = router(site.state.clone());
    let (admin, tanaka) = (site.session("admin"), site.session("tanaka"));
    let (_, page) = site.get("/sources", &admin).await;
    assert!(page.contains("192.0.2.70") && page.contains("192.0.2.71") && page.contains("192.0.2.72"), "{page}");
    assert!(
        page.contains("name=\"id\" required maxlength=\"64\" value=\"web9\"") && page.contains("value=\"system\""),
        "{page}"
    );
    assert!(!page.contains(SCRIPT));
    assert!(page.contains("9時間遅れ") && page.contains("番号の抜け（起動後）: 12"), "{page}");
    // Those of a body see its senders, and may not adopt.
    let (_, page) = site.get("/sources", &tanaka).await;
    assert!(page.contains("192.0.2.70") && !page.contains("192.0.2.71") && !page.contains("192.0.2.72"), "{page}");
    assert!(!page.contains("/sources/adopt"));

    let form = |session: &str, id: &str| {
        let token = crate::auth::csrf_token(session);
        format!("csrf={token}&address=192.0.2.70&tenant=town&id={id}&product=system")
    };
    let same: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
    let forged = form("another", "web9");
    assert_eq!(site.post("/sources/adopt", &admin, &forged, same).await.0, StatusCode::FORBIDDEN);
    let other: &[(&str, &str)] = &[("sec-fetch-site", "cross-site")];
    assert_eq!(site.post("/sources/adopt", &admin, &form(&admin, "web9"), other).await.0, StatusCode::FORBIDDEN);
    assert_eq!(site.post("/sources/adopt", &tanaka, &form(&tanaka, "web9"), same).await.0, StatusCode::FORBIDDEN);
    assert!(asked.0.lock().unwrap().is_empty());
    assert_eq!(site.post("/sources/adopt", &admin, &form(&admin, "web9"), same).await.0, StatusCode::SEE_OTHER);
    let (status, page) = site.post("/sources/adopt", &admin, &form(&admin, "taken"), same).await;
    assert!(
        status == StatusCode::CONFLICT && page.contains("登録できませんでした") && page.contains("declared twice"),
        "{page}"
    );
    let (status, page) = site.post("/sources/adopt", &admin, &form(&admin, ""), same).await;
    assert!(status == StatusCode::CONFLICT && page.contains("すべて入れてください"), "{page}");
    let wishes = asked.0.lock().unwrap().clone();
    assert_eq!(wishes.iter().map(|wish| wish.id.as_str()).collect::<Vec<_>>(), ["web9", "taken"]);
    let written = site.state.database.audit_rows(None, 10).unwrap();
    let actions: Vec<(&str, &str)> = written.iter().map(|row| (row.action.as_str(), row.object.as_str())).collect();
    assert!(actions.contains(&("source.adopt", "192.0.2.70 as town/web9 (system)")), "{actions:?}");
    assert!(actions.iter().any(|(action, _)| *action == "source.adopt.refused"), "{actions:?}");
}

#[tokio::test]
async fn unknown_senders_that_cannot_be_read_leave_the_page_standing() {
    let mut site = site();
    site.state.adoption = Some(std::sync::Arc::new(Asked(Default::default(), true)));
    site.router = router(site.state.clone());
    let (status, page) = site.get("/sources", &site.session("admin")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("未登録の送信元を読めません") && page.contains("sources.toml:3") && page.contains("fw-core-01")
    );
}
