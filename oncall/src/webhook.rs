//! Generic signed webhook: `POST` of JSON with the headers of Standard Webhooks 1.0.
//!
//! Headers: `webhook-id` (the idempotency key, also as `idempotency-key`), `webhook-timestamp` (seconds), and with a
//! secret `webhook-signature: v1,BASE64` over `id.timestamp.body` (HMAC-SHA256). Body:
//! `{"type": "alert.raised", "timestamp", "data": {"title", "text", "url", "alert": {...}}}`.
//! 2xx is accepted; 410 is permanent; 429 and 503 may ask for a pause with `Retry-After` in seconds.
//! Redirects are not followed: a signed page goes where the configuration says.

use std::time::Duration;

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use stream::{Alert, Timestamp};

use crate::config::{Secret, Webhook, secret_bytes};
use crate::message::Message;
use crate::{Error, Result};

const WAIT_SECONDS_MAX: u64 = 3600;

/// Sends once; blocks at most the channel's timeout.
pub(crate) fn send(channel: &Webhook, key: &str, alert: &Alert, message: &Message, now: Timestamp) -> Result<()> {
    let body = json!({
        "type": "alert.raised",
        "timestamp": alert.timestamp.to_string(),
        "data": { "title": message.subject, "text": message.text, "url": message.url, "alert": alert },
    })
    .to_string();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(channel.timeout_seconds)))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent("sekisho")
        .build()
        .into();
    let seconds = now.seconds().to_string();
    let mut request = agent
        .post(&channel.url)
        .header("content-type", "application/json; charset=utf-8")
        .header("webhook-id", key)
        .header("idempotency-key", key)
        .header("webhook-timestamp", &seconds);
    if let Some(secret) = &channel.secret {
        request = request.header("webhook-signature", sign(secret, key, &seconds, &body)?);
    }
    let answer = request.send(body.as_bytes()).map_err(|error| Error::Refused(format!("{}: {error}", channel.name)))?;
    let status = answer.status().as_u16();
    let reason = format!("{}: HTTP status {status}", channel.name);
    let pause = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    match (status, pause) {
        (200..300, _) => Ok(()),
        (410, _) => Err(Error::Permanent(reason)),
        (429 | 503, Some(seconds)) => Err(Error::Wait { reason, seconds: seconds.min(WAIT_SECONDS_MAX) }),
        _ => Err(Error::Refused(reason)),
    }
}

fn sign(secret: &Secret, id: &str, seconds: &str, body: &str) -> Result<String> {
    let tag = mac(secret, id, seconds, body)?.finalize().into_bytes();
    Ok(format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(tag)))
}

fn mac(secret: &Secret, id: &str, seconds: &str, body: &str) -> Result<Hmac<Sha256>> {
    let bytes = secret_bytes(secret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).map_err(|_| Error::Config("webhook secret".into()))?;
    for part in [id, ".", seconds, ".", body] {
        mac.update(part.as_bytes());
    }
    Ok(mac)
}

/// Checks a `webhook-signature` header the way a receiver does; several signatures are separated by spaces.
///
/// # Errors
/// The secret is not one.
pub fn verify(secret: &Secret, id: &str, seconds: &str, body: &str, signature: &str) -> Result<bool> {
    for one in signature.split(' ').filter_map(|part| part.strip_prefix("v1,")) {
        let Ok(tag) = base64::engine::general_purpose::STANDARD.decode(one) else { continue };
        if mac(secret, id, seconds, body)?.verify_slice(&tag).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_of_the_specification() {
        // The example of the Standard Webhooks specification, "Signature scheme".
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let check = |body, signature: &str| {
            verify(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body, signature).unwrap()
        };
        assert!(check(r#"{"test": 2432232314}"#, &format!("v1,AAAA {signature}")));
        assert!(!check(r#"{"test": 2432232315}"#, &signature));
    }
}
