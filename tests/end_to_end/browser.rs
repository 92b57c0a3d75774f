//! The pages in a real Chromium: sign in, board, search, drawer, an alert from 未対応 to 完了.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};

use super::service::{Service, needs, sekisho};

/// chromedriver with its browser, in a process group of its own: both end when dropped, also after a panic.
struct Driver {
    process: Child,
    profile: tempfile::TempDir,
    port: u16,
}

impl Driver {
    fn start() -> Driver {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Driver { process, port, profile: tempfile::tempdir().unwrap() }
    }

    async fn open(&self, size: (u32, u32)) -> Client {
        let arguments = serde_json::json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            format!("--window-size={},{}", size.0, size.1),
            format!("--user-data-dir={}", self.profile.path().display()),
        ]);
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".into(), serde_json::json!({ "args": arguments }));
        capabilities.insert("goog:loggingPrefs".into(), serde_json::json!({ "browser": "ALL" }));
        let address = format!("http://127.0.0.1:{}", self.port);
        for _ in 0..100 {
            if let Ok(client) = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&address)
                .await
            {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("chromedriver did not answer on {address}");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.process.wait().ok();
    }
}

async fn ready(client: &Client) {
    appears(client, "html[data-ready='1']").await;
}

async fn count(client: &Client, css: &str) -> usize {
    client.find_all(Locator::Css(css)).await.unwrap().len()
}

/// Waits for the element, then clicks it. A form's answer arrives some time after the click that sent it: what is
/// found at once may belong to the page that is just going away, so a click that fails is tried again.
async fn press(client: &Client, css: &str) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let clicked = match client.find(Locator::Css(css)).await {
            Ok(element) => element.click().await,
            Err(error) => Err(error),
        };
        match clicked {
            Ok(()) => return,
            Err(error) if tokio::time::Instant::now() > patience => panic!("{css}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Waits until the page has such an element: the way to know that a form's answer has arrived.
async fn appears(client: &Client, css: &str) {
    let found = client.wait().at_most(Duration::from_secs(20)).for_element(Locator::Css(css)).await;
    found.unwrap_or_else(|error| panic!("{css}: {error}"));
}

#[test]
fn an_operator_finds_an_event_and_closes_an_alert() {
    if !needs(&["chromium", "chromedriver"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("town");
    let yesterday = (jiff::Timestamp::now().as_second() + 9 * 3600).div_euclid(86_400) * 86_400 - 86_400 - 9 * 3600;
    let start = jiff::Timestamp::from_second(yesterday).unwrap().to_string();
    let args = ["generate", "--profile", "town", "--seed", "3", "--events", "8000", "--start", &start, "--out"];
    sekisho(&[&args[..], &[out.to_str().unwrap()]].concat());
    let service = Service::start(&out);
    service.send_all();
    service.wait_for("the alerts", || service.alerts().len() >= 5);
    let driver = Driver::start();
    tokio::runtime::Runtime::new().unwrap().block_on(walk(&driver, &service));
}

async fn walk(driver: &Driver, service: &Service) {
    let client = driver.open((1600, 1100)).await;
    let (name, password) = service.account();
    client.goto(&service.url).await.unwrap();
    client.find(Locator::Css("input[name=name]")).await.unwrap().send_keys(name).await.unwrap();
    client.find(Locator::Css("input[name=password]")).await.unwrap().send_keys(password).await.unwrap();
    press(&client, "form button[type=submit]").await;

    appears(&client, "table.matrix").await;
    // In the last hour of a town's night hardly anything happens.
    client.goto(&format!("{}?range=24h", service.url)).await.unwrap();
    appears(&client, "table.matrix").await;
    ready(&client).await;
    assert!(count(&client, "table.matrix td a").await > 3, "the matrix has cells that lead somewhere");
    assert!(count(&client, "#alerts [data-row], #alerts tr").await > 3, "the board lists alerts");

    client.goto(&format!("{}search?q=event.outcome:failure&range=3d", service.url)).await.unwrap();
    ready(&client).await;
    let hits = count(&client, "#hits [data-row]").await;
    assert!(hits > 0, "the search has hits");
    press(&client, "#hits [data-open]").await;
    appears(&client, "dialog[open] #tab-table").await;
    client.active_element().await.unwrap().send_keys("\u{e00c}").await.unwrap();
    assert_eq!(count(&client, "dialog[open]").await, 0, "Escape closes the drawer");

    client.goto(&format!("{}alerts", service.url)).await.unwrap();
    ready(&client).await;
    press(&client, "[data-row] a[href^='/alerts/']").await;
    press(&client, "form[action$='/acknowledge'] button").await;
    appears(&client, "details[open] form[action$='/close']").await;
    press(&client, "input[name=verdict]").await;
    let comment = client.find(Locator::Css("form[action$='/close'] textarea")).await.unwrap();
    comment.send_keys("確認した").await.unwrap();
    press(&client, "form[action$='/close'] button[type=submit]").await;
    appears(&client, "form[action$='/reopen']").await;

    for page in ["", "search", "alerts", "sources", "rules", "zones"] {
        client.goto(&format!("{}{page}", service.url)).await.unwrap();
        ready(&client).await;
        // Charts are drawn anew in the frame after; nothing may stick out of the page before that either.
        client.execute("window.requestAnimationFrame = () => 0", vec![]).await.unwrap();
        client.set_window_size(500, 900).await.unwrap();
        let wide =
            client.execute("return document.documentElement.scrollWidth - window.innerWidth", vec![]).await.unwrap();
        assert!(wide.as_i64().unwrap() <= 0, "/{page} scrolls sideways by {wide} pixels");
        client.set_window_size(1600, 1100).await.unwrap();
    }
    client.close().await.unwrap();
}
