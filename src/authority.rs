//! The centre's own small authority: signs the certificates of its collectors, and its own for them.
//!
//! ```text
//! data/authority/ca.pem, ca.key          made once; the key stays here
//! data/authority/centre.pem, centre.key  what the listener of kind `collector` shows: its certificate, then the authority's
//! data/authority/pending/HASH            a collector that may enrol: its id and until when; named by the hash of its secret
//! ```
//!
//! A token is used up before anything is signed with it. Collectors' keys are Ed25519 and are made where they are used; certificates last
//! two years.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// How long a certificate lasts.
const DAYS: i64 = 730;
/// How long the authority lasts.
const AUTHORITY_DAYS: i64 = 3_650;
/// Tokens that wait to be used.
const PENDING_MAX: usize = 1_000;

/// The authority of one centre.
pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, PEM.
    pub pem: String,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    id: String,
    /// Seconds since 1970.
    until: i64,
}

/// A key that somebody else holds.
struct PublicKey<'a>(&'a [u8]);

impl PublicKeyData for PublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl Authority {
    /// The folder of a configuration's authority.
    pub fn folder(config: &Config) -> PathBuf {
        config.data.join("authority")
    }

    /// The authority in this folder; made where there is none.
    ///
    /// # Errors
    /// The disk refused, or its files are something else.
    pub fn open(dir: &Path) -> Result<Authority> {
        let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !certificate.exists() {
            fs::create_dir_all(dir.join("pending")).with_context(|| format!("create {}", dir.display()))?;
            let made = KeyPair::generate()?;
            let pem = authority_params()?.self_signed(&made)?.pem();
            write_secret(&key, &made.serialize_pem())?;
            fs::write(&certificate, pem).with_context(|| format!("write {}", certificate.display()))?;
        }
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
        let pair = KeyPair::from_pem(&read(&key)?).with_context(|| format!("read {}", key.display()))?;
        let issuer = Issuer::new(authority_params()?, pair);
        Ok(Authority { dir: dir.to_path_buf(), issuer, pem: read(&certificate)? })
    }

    /// Certificate and key with which the centre listens, under this name; made where they are missing.
    ///
    /// # Errors
    /// The disk refused, or the name is none.
    pub fn centre(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (self.dir.join("centre.pem"), self.dir.join("centre.key"));
        if !certificate.exists() {
            let pair = KeyPair::generate()?;
            let mut params = params(name, DAYS)?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let pem = params.signed_by(&pair, &self.issuer)?.pem();
            write_secret(&key, &pair.serialize_pem())?;
            // With the authority behind it: who enrols knows that by its hash only.
            fs::write(&certificate, format!("{pem}{}", self.pem))?;
        }
        Ok((certificate, key))
    }

    /// The certificate of the collector that holds this Ed25519 key.
    ///
    /// # Errors
    /// The key is none.
    pub fn sign(&self, id: &str, public_key: &[u8]) -> Result<String> {
        ensure!(public_key.len() == 32, "an Ed25519 public key has 32 bytes");
        let mut params = params(id, DAYS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(&PublicKey(public_key), &self.issuer)?.pem())
    }

    /// The SHA-256 of its certificate.
    pub fn hash(&self) -> Result<[u8; 32]> {
        ingest::collect::enrol::hash_of_pem(&self.pem).context("the authority's certificate is no PEM")
    }

    /// Lets a collector enrol with this secret, once.
    ///
    /// # Errors
    /// The disk refused, or too many wait.
    pub fn expect(&self, id: &str, secret: &[u8], within: Duration) -> Result<()> {
        let pending = self.dir.join("pending");
        fs::create_dir_all(&pending)?;
        ensure!(fs::read_dir(&pending)?.count() < PENDING_MAX, "{PENDING_MAX} tokens wait to be used already");
        let until = jiff::Timestamp::now().as_second() + within.as_secs() as i64;
        let text = serde_json::to_string(&Pending { id: id.to_owned(), until })?;
        write_secret(&pending.join(name_of(secret)), &text)
    }

    /// Signs for whoever knows the secret, which is used up by it; gives the certificate.
    ///
    /// # Errors
    /// Nobody is expected with it, or it is too late.
    pub fn enrol(&self, secret: &[u8], public_key: &[u8]) -> Result<(String, String)> {
        let path = self.dir.join("pending").join(name_of(secret));
        let text = fs::read(&path).ok().context("no such token, or it was used")?;
        fs::remove_file(&path).context("no such token, or it was used")?;
        let pending: Pending = serde_json::from_slice(&text)?;
        ensure!(jiff::Timestamp::now().as_second() <= pending.until, "the token is too old; make another");
        Ok((self.sign(&pending.id, public_key)?, pending.id))
    }
}

fn name_of(secret: &[u8]) -> String {
    blake3::hash(secret).to_hex().to_string()
}

fn params(name: &str, days: i64) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).with_context(|| format!("`{name}` is no name"))?;
    params.distinguished_name.push(DnType::CommonName, name);
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
    let day = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // A clock in a zone may be a little behind.
    params.not_before = day(today.checked_sub(jiff::Span::new().days(1))?);
    params.not_after = day(today.checked_add(jiff::Span::new().days(days))?);
    Ok(params)
}

/// The same every time: an issuer is known by its name and key.
fn authority_params() -> Result<CertificateParams> {
    let mut params = params("sekisho collectors", AUTHORITY_DAYS)?;
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// Writes a file that only its owner may read, and that must be new.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("create {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_once_and_in_time_and_the_authority_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path()).unwrap();
        authority.expect("c1", b"secret", Duration::from_secs(60)).unwrap();
        authority.expect("c2", b"late", Duration::ZERO).unwrap();
        assert!(authority.enrol(b"other", &[1; 32]).is_err());
        let again = Authority::open(dir.path()).unwrap();
        assert_eq!(again.hash().unwrap(), authority.hash().unwrap());
        let (pem, id) = again.enrol(b"secret", &[1; 32]).unwrap();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && id == "c1");
        assert!(authority.enrol(b"secret", &[1; 32]).unwrap_err().to_string().contains("used"));
        assert!(authority.sign("c1", &[1; 31]).is_err());
        let (certificate, key) = authority.centre("sekisho.example").unwrap();
        assert!(fs::read_to_string(certificate).unwrap().ends_with(&authority.pem) && key.exists());
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(dir.path().join("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
