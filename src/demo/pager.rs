//! Stands in for the people who are paged: counts what arrives, and what arrives twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

type Pages = Arc<Mutex<HashMap<String, u32>>>;

/// The most distinct pages it remembers.
const PAGES_MAX: usize = 100_000;

/// A webhook receiver on loopback.
pub struct Pager {
    /// Where it listens.
    pub address: SocketAddr,
    pages: Pages,
}

impl Pager {
    /// Starts it on a free port.
    pub async fn start() -> Result<Pager> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("listen on loopback")?;
        let address = listener.local_addr()?;
        let pages = Pages::default();
        let router = Router::new().route("/page", post(receive)).with_state(Arc::clone(&pages));
        // Ends with the runtime, which ends with the demo.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Pager { address, pages })
    }

    /// Distinct pages, and how many arrived more than once.
    pub fn counts(&self) -> (usize, usize) {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        (pages.len(), pages.values().filter(|&&times| times > 1).count())
    }
}

async fn receive(State(pages): State<Pages>, headers: HeaderMap) -> StatusCode {
    let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
    if pages.len() < PAGES_MAX {
        *pages.entry(key.to_owned()).or_default() += 1;
    }
    StatusCode::NO_CONTENT
}
