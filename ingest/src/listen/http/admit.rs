//! Who may come in: the sources that a request's token opens.
//!
//! The token is taken from `Authorization`: `Bearer TOKEN`, `Splunk TOKEN`, `Basic base64(name:TOKEN)` and `ApiKey
//! base64(id:TOKEN)`; names and ids are not looked at. Tokens are kept as SHA-256 and looked up by it, so that how long
//! an answer takes says nothing about them. Without `Authorization` a client's certificate says which source it is
//! (`certificate` in sources.toml). A listener with a `source` that has no token asks for none.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use super::super::route::{Owner, Router};
use super::super::server::Certified;
use super::problem::Problem;

type Digest = [u8; 32];

/// The tokens of the sources that one listener takes.
pub(super) struct Doors {
    router: Arc<Router>,
    by_token: HashMap<Digest, Vec<Owner>>,
    /// The listener's own source, where it asks for no token.
    open: Option<[Owner; 1]>,
}

impl Doors {
    pub(super) fn new(router: Arc<Router>) -> Doors {
        let open = router.fixed().cloned().map(|owner| [owner]);
        let mut doors = Doors { router: Arc::clone(&router), by_token: HashMap::new(), open };
        for source in router.sources.iter().filter(|source| router.admits(source)) {
            let owner: Owner = (source.tenant.as_str().into(), source.id.as_str().into());
            if let Some([fixed]) = &doors.open
                && *fixed == owner
                && !source.token_sha256.is_empty()
            {
                doors.open = None;
            }
            if router.fixed().is_some_and(|fixed| *fixed != owner) {
                continue;
            }
            for digest in source.token_sha256.iter().filter_map(|hex| digest_of(hex)) {
                doors.by_token.entry(digest).or_default().push(owner.clone());
            }
        }
        doors
    }

    /// Whether they go by these sources.
    pub(super) fn are_of(&self, router: &Arc<Router>) -> bool {
        Arc::ptr_eq(&self.router, router)
    }

    /// Whether a source of this id is taken here, for telling a wrong token from a wrong name.
    pub(super) fn exist(&self, id: &str) -> bool {
        self.router.sources.of_id(id).any(|source| self.router.admits(source))
    }

    /// The sources that the request may write to: one at least.
    pub(super) fn admit(&self, parts: &Parts) -> Result<&[Owner], Problem> {
        if let Some(owner) = &self.open {
            return Ok(owner);
        }
        let refused = |detail| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let certified = parts.extensions.get().and_then(|Certified(names)| self.router.of_certificate(names));
        let header = match (parts.headers.get(header::AUTHORIZATION), certified) {
            (Some(header), _) => header,
            (None, Some(owner)) => return Ok(std::slice::from_ref(owner)),
            (None, None) => return Err(refused("no token; send it as `Authorization`")),
        };
        let token = header
            .to_str()
            .ok()
            .and_then(token)
            .ok_or_else(|| refused("`Authorization` is none of Bearer, Basic, ApiKey and Splunk with a token"))?;
        let owners = self.by_token.get(&Digest::from(sha2::Sha256::digest(token.as_bytes())));
        owners.map(Vec::as_slice).ok_or_else(|| refused("the token is no source's"))
    }
}

/// Of several sources the one that the request names.
pub(super) fn choose<'a>(owners: &'a [Owner], name: &str) -> Option<&'a Owner> {
    match owners {
        [only] => Some(only),
        several => several.iter().find(|(_, source)| **source == *name),
    }
}

fn token(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    let value = value.trim();
    let decoded = || String::from_utf8(STANDARD.decode(value).ok()?).ok();
    let token = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "splunk" => value.to_owned(),
        "basic" => decoded()?.split_once(':')?.1.to_owned(),
        // What some shippers send is the key alone.
        "apikey" => match decoded() {
            Some(pair) => pair.split_once(':').map_or(pair.as_str(), |(_, key)| key).to_owned(),
            None => value.to_owned(),
        },
        _ => return None,
    };
    (!token.is_empty()).then_some(token)
}

/// Reads 64 hex digits.
fn digest_of(hex: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    let pairs = hex.as_bytes().chunks_exact(2);
    if hex.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_gives_the_token() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Splunk abc", Some("abc")),
            ("Basic bmFtZTphYmM=", Some("abc")),
            ("ApiKey aWQ6YWJj", Some("abc")),
            ("ApiKey a-b_c", Some("a-b_c")),
            ("Basic bmFtZQ==", None),
            ("Bearer ", None),
            ("abc", None),
            ("Digest abc", None),
        ] {
            assert_eq!(token(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn several_sources_of_a_token_are_told_apart_by_name() {
        let owner = |id: &str| -> Owner { ("t".into(), id.into()) };
        assert_eq!(choose(&[owner("a")], "x"), Some(&owner("a")));
        assert_eq!(choose(&[owner("a"), owner("b")], "b"), Some(&owner("b")));
        assert_eq!(choose(&[owner("a"), owner("b")], "x"), None);
    }
}
