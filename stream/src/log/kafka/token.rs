//! A token for OAUTHBEARER, from a file that something else keeps fresh (RFC 7519, RFC 7628).
//!
//! Only what the client must know is read of it: until when it is good (`exp`), and for whom (`sub`). The brokers check
//! the rest. At most 64 KiB.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

const BYTES_MAX: u64 = 64 << 10;

/// A token. Not `Debug`: it is a secret.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) principal: String,
    /// When it expires, in milliseconds since 1970.
    pub(super) expires_ms: i64,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    sub: String,
}

/// Reads the file.
///
/// # Errors
/// It cannot be read or holds no token; the error shows nothing of it.
pub(super) fn read(path: &Path) -> Result<Token, String> {
    let place = path.display();
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| format!("open the token {place}: {error}"))?;
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(|error| format!("read the token {place}: {error}"))?;
    parse(text.trim()).ok_or_else(|| format!("{place} holds no token (JWT) with the claim `exp`"))
}

fn parse(text: &str) -> Option<Token> {
    let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let principal = if claims.sub.is_empty() { "sekisho".to_owned() } else { claims.sub };
    Some(Token { text: text.to_owned(), principal, expires_ms: (claims.exp * 1000.0) as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_until_when_and_for_whom() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub": "collector", "exp": 1800000000}"#);
        let token = parse(&format!("e30.{claims}.c2ln")).unwrap();
        assert_eq!((token.principal.as_str(), token.expires_ms), ("collector", 1_800_000_000_000));
        for text in ["", "a.b.c", "e30.e30.x", &claims] {
            assert!(parse(text).is_none(), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "top-secret").unwrap();
        let error = read(&file).err().unwrap();
        assert!(error.contains("exp") && !error.contains("top-secret"), "{error}");
    }
}
