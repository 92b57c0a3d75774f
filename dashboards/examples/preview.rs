//! Serves the pages over made-up data, to look at them: `cargo run -p dashboards --example preview -- 8686`.
//!
//! Sign in as `admin` or `tanaka` with the password it prints. Data lives in a temporary folder.

use std::io::Write as _;

#[path = "../src/tests/sample.rs"]
#[allow(dead_code)]
mod sample;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8686), |port| port.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_owned();
    let state = tokio::task::spawn_blocking(move || sample::state(&path, sample::noon(), 360, 200)).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(std::io::stderr(), "http://127.0.0.1:{port}/ admin {}", sample::PASSWORD)?;
    axum::serve(listener, dashboards::router(state)).await?;
    Ok(())
}
