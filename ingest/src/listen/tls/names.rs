//! The names in an X.509 certificate (RFC 5280) that has been verified already: DNS names and addresses of the subject's
//! alternative names; where there are none, the common name.
//!
//! Reads only as much DER as leads there, never more than the bytes given, and gives no name rather than a wrong one. At
//! most [`NAMES_MAX`] names.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Names that are read of one certificate.
const NAMES_MAX: usize = 64;

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// `[3]`, the extensions of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// `[2]` and `[7]` of a GeneralName.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.29.17, the subject's alternative names.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// 2.5.4.3, the common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// UTF8String, PrintableString and IA5String.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// The names in a certificate, in lower case.
pub(super) fn of(certificate: &[u8]) -> Vec<String> {
    let mut names = read(certificate).unwrap_or_default();
    names.truncate(NAMES_MAX);
    names
}

fn read(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    let mut fields = Elements(signed);
    // [0] version, serialNumber, signature, issuer, validity, subject, ...: the version may be left out.
    let first = fields.next()?;
    let before_subject = if first.0 == 0xa0 { 4 } else { 3 };
    let subject = fields.nth(before_subject).filter(|(tag, _)| *tag == SEQUENCE)?.1;
    let mut names = Vec::new();
    if let Some((_, extensions)) = fields.find(|(tag, _)| *tag == EXTENSIONS) {
        let (_, list, _) = element(extensions)?;
        for (_, extension) in Elements(list) {
            alternative_names(extension, &mut names);
        }
    }
    if names.is_empty() {
        names.extend(common_name(subject));
    }
    Some(names)
}

/// Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OCTET STRING }
fn alternative_names(extension: &[u8], names: &mut Vec<String>) {
    let mut parts = Elements(extension);
    if parts.next() != Some((OBJECT_IDENTIFIER, ALTERNATIVE_NAMES)) {
        return;
    }
    let value = parts.find(|(tag, _)| *tag == OCTET_STRING).and_then(|(_, value)| element(value));
    for (tag, name) in value.into_iter().flat_map(|(_, list, _)| Elements(list)) {
        names.extend(match tag {
            DNS_NAME => text(name),
            IP_ADDRESS => match name.len() {
                4 => <[u8; 4]>::try_from(name).ok().map(|octets| Ipv4Addr::from(octets).to_string()),
                _ => <[u8; 16]>::try_from(name).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
            },
            _ => None,
        });
    }
}

/// Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }: the last common name, the most specific one.
fn common_name(subject: &[u8]) -> Option<String> {
    let parts = Elements(subject).flat_map(|(_, set)| Elements(set));
    let common = parts.filter_map(|(_, attribute)| {
        let mut attribute = Elements(attribute);
        let is_common_name = attribute.next()? == (OBJECT_IDENTIFIER, COMMON_NAME);
        attribute.next().filter(|(tag, _)| is_common_name && TEXTS.contains(tag)).and_then(|(_, value)| text(value))
    });
    common.last()
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    // A NUL in a name has been used to pass off one name as another.
    let sound = !text.is_empty() && !text.contains(|c: char| c.is_control());
    sound.then(|| text.to_ascii_lowercase())
}

/// Tag and content of each element; ends where the bytes are no DER.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, content, rest) = element(self.0)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str], common: Option<&str>) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(rcgen::DnType::OrganizationName, "見本町");
            params.distinguished_name.push(rcgen::DnType::CommonName, common);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn alternative_names_come_before_the_common_name() {
        let both = certificate(&["FW01.town.example", "192.0.2.1", "2001:db8::1"], Some("other"));
        assert_eq!(of(&both), ["fw01.town.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(of(&certificate(&[], Some("本庁舎 FW"))), ["本庁舎 fw"]);
        assert_eq!(of(&certificate(&[], None)), [""; 0]);
        assert_eq!(of(&certificate(&[], Some("fw01\0.example"))), [""; 0]);
    }

    #[test]
    fn damaged_certificates_give_no_panic_and_no_other_name() {
        let whole = certificate(&["fw01.town.example"], Some("fw01"));
        for cut in 0..whole.len() {
            assert!(of(&whole[..cut]).is_empty(), "cut at {cut}");
            let mut changed = whole.clone();
            changed[cut] ^= 0xff;
            of(&changed);
        }
    }
}
