//! Mail over SMTP (RFC 5321): plain text, UTF-8, subject encoded by RFC 2047, one message per page to all recipients.
//!
//! `Message-ID` is made from the idempotency key, so that a repeat is recognised as the same message.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Encryption, TlsParameters};
use lettre::{SmtpTransport, Transport};
use stream::Timestamp;

use crate::config::{Smtp, Tls};
use crate::message::{Message, clean};
use crate::{Error, Result};

/// Sends once; each step of the dialogue blocks at most the channel's timeout.
pub(crate) fn send(channel: &Smtp, key: &str, message: &Message, now: Timestamp) -> Result<()> {
    let mail = build(channel, key, message, now)?;
    let transport = transport(channel)?;
    match transport.send(&mail) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Refused(format!("{}: {error}", channel.name))),
    }
}

fn build(channel: &Smtp, key: &str, message: &Message, now: Timestamp) -> Result<lettre::Message> {
    let mailbox = |address: &str| {
        address.parse().map_err(|_| Error::Permanent(format!("{}: {address:?} is not a mail address", channel.name)))
    };
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let mut mail = lettre::Message::builder()
        .from(mailbox(&channel.from)?)
        .subject(clean(&message.subject))
        .message_id(Some(format!("<{}@sekisho>", key.replace(':', "."))))
        .date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
        .header(ContentType::TEXT_PLAIN);
    for recipient in &channel.to {
        mail = mail.to(mailbox(recipient)?);
    }
    let text = message.text.replace('\n', "\r\n") + "\r\n";
    mail.body(text).map_err(|error| Error::Permanent(format!("{}: {error}", channel.name)))
}

fn transport(channel: &Smtp) -> Result<SmtpTransport> {
    let parameters = || {
        TlsParameters::new(channel.host.clone())
            .map_err(|error| Error::Refused(format!("{}: TLS: {error}", channel.name)))
    };
    let (encryption, port) = match channel.tls {
        Tls::Plain => (Encryption::None, 25),
        Tls::Starttls => (Encryption::Required(parameters()?), 587),
        Tls::Tls => (Encryption::Wrapper(parameters()?), 465),
    };
    let mut builder = SmtpTransport::builder_dangerous(&channel.host)
        .port(channel.port.unwrap_or(port))
        .tls(encryption)
        .timeout(Some(Duration::from_secs(channel.timeout_seconds)));
    if let (Some(user), Some(password)) = (&channel.user, &channel.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}
