//! An event as NDJSON, judged by all of `rules/`: no panic, and the same matches whatever was judged before.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bumpalo::Bump;
use detect::{Engine, RuleSet, Tenants};
use libfuzzer_sys::fuzz_target;
use stream::Timestamp;

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    Arc::new(RuleSet::load(&[dir]).0)
});

fuzz_target!(|data: &[u8]| {
    let arena = Bump::new();
    let received = Timestamp::from_seconds(1_795_000_000);
    let event = ingest::json::Ndjson::new(ingest::time::Zone::tokyo()).read(data, received, &arena);
    let mut matcher = Engine::new(Arc::clone(&RULES), Arc::new(Tenants::default())).matcher();
    let (mut first, mut again) = (Vec::new(), Vec::new());
    matcher.matched(&event, &mut first);
    matcher.matched(&event, &mut again);
    assert_eq!(first, again);
});
