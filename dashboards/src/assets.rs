//! Files inside the binary. Their address carries a hash of their bytes, so that browsers may keep them for a year.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    mime: &'static str,
    bytes: &'static [u8],
}

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

static ASSETS: &[Asset] = &[
    Asset { name: "app.css", mime: CSS, bytes: include_bytes!("../assets/app.css") },
    Asset { name: "app.js", mime: JS, bytes: include_bytes!("../assets/app.js") },
    Asset { name: "logo.svg", mime: "image/svg+xml", bytes: include_bytes!("../assets/logo.svg") },
    Asset { name: "htmx.js", mime: JS, bytes: include_bytes!("../assets/vendor/htmx/htmx.min.js") },
    Asset { name: "uplot.js", mime: JS, bytes: include_bytes!("../assets/vendor/uplot/uPlot.iife.min.js") },
    Asset { name: "uplot.css", mime: CSS, bytes: include_bytes!("../assets/vendor/uplot/uPlot.min.css") },
    Asset {
        name: "inter.woff2",
        mime: "font/woff2",
        bytes: include_bytes!("../assets/vendor/inter/inter-latin-wght-normal.woff2"),
    },
];

/// Hash over every asset: one version for all, so that the style sheet and the script always fit together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for asset in ASSETS {
        hasher.update(asset.bytes);
    }
    hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// `/assets/app.css?v=...`
pub(crate) fn href(name: &str) -> String {
    format!("/assets/{name}?v={}", *VERSION)
}

/// `GET /assets/{name}`
pub(crate) async fn get(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(asset) => {
            let keep = "public, max-age=31536000, immutable";
            ([(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, keep)], asset.bytes).into_response()
        }
    }
}
