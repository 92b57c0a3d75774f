//! The place that holds the objects: a bucket or a folder, with calls that block.
//!
//! Every request has a deadline: 60 s, and the time that an object takes at 64 KiB a second; a folder has none. It is tried three times, a
//! few seconds apart; who archives tries again for ever. Secrets are read when it is opened, and never printed.
//!
//! A put to a bucket says "create, do not overwrite" where the store knows that (`If-None-Match: *`); elsewhere, and in a
//! folder, what is there is replaced whole: the name holds the hash, so it is the same. A folder gets a file beside, synced,
//! renamed over, and the folder synced.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Certificate, ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::config::{ArchiveConfig, Place};
use super::entry::{Entry, RAW};
use crate::{Error, Result};

const CONNECT: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(60);
/// The slowest line that still gets an object through.
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;
/// The largest `object_bytes_max`, or the largest record in a batch of its own.
const READ_BYTES_MAX: u64 = 544 << 20;
/// How much of an answer is shown in an error.
const SHOWN_BYTES_MAX: usize = 400;
/// How often it is looked whether the process is stopping.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An open archive. Belongs to threads that may block.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
    prefix: String,
    url: String,
    /// The folder, where it is one: it knows no "create" that every file system has.
    folder: Option<PathBuf>,
    secrets: Vec<String>,
    /// No answer is waited for any longer once this is set.
    stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({})", self.url)
    }
}

impl Bucket {
    /// Opens what the configuration names. Asks no bucket yet; a folder must exist.
    ///
    /// # Errors
    /// A key is out of range, a file of a secret cannot be read, or the folder does not exist.
    pub fn open(config: &ArchiveConfig) -> Result<Bucket> {
        Bucket::open_until(config, Arc::default())
    }

    /// As [`Bucket::open`]; once `stop` is set, every call fails at once.
    pub(super) fn open_until(config: &ArchiveConfig, stop: Arc<AtomicBool>) -> Result<Bucket> {
        config.validate()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::io("start what asks", &config.url))?;
        let mut secrets = Vec::new();
        let (store, prefix, folder): (Arc<dyn ObjectStore>, _, _) = match config.place()? {
            Place::Folder(folder) => {
                if !folder.is_dir() {
                    let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                    return Err(Error::io("open the archive's folder (is it mounted?)", folder)(missing));
                }
                let store = LocalFileSystem::new_with_prefix(&folder)
                    .map_err(|error| refused("open", &config.url, error.to_string()))?;
                (Arc::new(store.with_fsync(true)), String::new(), Some(folder))
            }
            Place::Bucket(bucket, prefix) => (Arc::new(s3(config, &bucket, &mut secrets)?), prefix, None),
        };
        Ok(Bucket { store, runtime, prefix, url: config.url.clone(), folder, secrets, stop })
    }

    /// The raw partitions that have objects, in order.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, or a refusal.
    pub fn partitions(&self) -> Result<Vec<u32>> {
        let folder = self.path(RAW);
        let found = self.wait(self.store.list_with_delimiter(Some(&folder)));
        let found = found.map_err(|error| self.failed("list", &folder, &error))?;
        let mut partitions: Vec<u32> =
            found.common_prefixes.iter().filter_map(|path| path.filename()?.parse().ok()).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The objects of a partition by their offsets; other names are passed over. 200 bytes of memory each.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, or a refusal.
    pub fn entries(&self, partition: u32) -> Result<Vec<Entry>> {
        let folder = self.path(&format!("{RAW}/{partition}"));
        let found = self.wait(self.store.list_with_delimiter(Some(&folder)));
        let found = found.map_err(|error| self.failed("list", &folder, &error))?;
        let mut entries: Vec<Entry> = found
            .objects
            .iter()
            .filter_map(|object| Entry::read(partition, object.location.filename()?, object.size))
            .collect();
        entries.sort_unstable_by_key(|entry| (entry.first, entry.next));
        Ok(entries)
    }

    /// Removes what a crash left of objects that were being written to a folder: files beside them, `NAME#1`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn sweep(&self, partition: u32) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let folder = folder.join(RAW).join(partition.to_string());
        let files = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            files => files.map_err(Error::io("list", &folder))?,
        };
        for file in files {
            let path = file.map_err(Error::io("list", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let left = name.split_once('#').filter(|(name, number)| {
                Entry::read(partition, name, 0).is_some() && number.bytes().all(|byte| byte.is_ascii_digit())
            });
            if left.is_some() {
                std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The content of an object, unchecked but for its size.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, a refusal, it is not there, or it is larger than any object that was put.
    pub fn read(&self, entry: &Entry) -> Result<Bytes> {
        let path = self.path(&entry.path());
        if entry.bytes > READ_BYTES_MAX {
            return Err(refused("read", path.as_ref(), format!("{} bytes are more than an object has", entry.bytes)));
        }
        // No more than was listed.
        let read = self.wait(self.store.get_range(&path, 0..entry.bytes));
        read.map_err(|error| self.failed("read", &path, &error))
    }

    /// Whether an object is there, with its size.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, or a refusal.
    pub(super) fn has(&self, entry: &Entry) -> Result<bool> {
        let path = self.path(&entry.path());
        match self.wait(self.store.head(&path)) {
            Ok(found) => Ok(found.size == entry.bytes),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("look for", &path, &error)),
        }
    }

    /// Puts an object whole. After an error it may be there or not.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, or a refusal.
    pub(super) fn put(&self, entry: &Entry, content: &Bytes) -> Result<()> {
        let path = self.path(&entry.path());
        let modes: &[PutMode] =
            if self.folder.is_some() { &[PutMode::Overwrite] } else { &[PutMode::Create, PutMode::Overwrite] };
        for mode in modes {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            match self.wait(self.store.put_opts(&path, PutPayload::from_bytes(content.clone()), options)) {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) if self.has(entry)? => return Ok(()),
                Err(error) if *mode == PutMode::Create && knows_no_create(&error) => {}
                Err(error) => return Err(self.failed("put", &path, &error)),
            }
        }
        Err(refused("put", path.as_ref(), "the store neither creates nor replaces".to_owned()))
    }

    /// Removes an object.
    ///
    /// # Errors
    /// [`Error::Archive`]: no answer, or a refusal.
    pub(super) fn remove(&self, entry: &Entry) -> Result<()> {
        let path = self.path(&entry.path());
        match self.wait(self.store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", &path, &error)),
        }
    }

    fn wait<T>(&self, asked: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                answer = asked => answer,
                () = stopping(&self.stop) => {
                    Err(object_store::Error::Generic { store: "archive", source: "the process is stopping".into() })
                }
            }
        })
    }

    fn path(&self, below: &str) -> Path {
        if self.prefix.is_empty() { Path::from(below) } else { Path::from(format!("{}/{below}", self.prefix)) }
    }

    fn failed(&self, action: &'static str, path: &Path, error: &object_store::Error) -> Error {
        let mut reason = chain(error);
        for secret in &self.secrets {
            reason = reason.replace(secret.as_str(), "***");
        }
        // What a store says in XML: its code and sentence are enough, the rest repeats the request.
        let within = |tag: &str| Some(reason.split_once(&format!("<{tag}>"))?.1.split_once('<')?.0.to_owned());
        if let Some(code) = within("Code") {
            reason = format!("{code}: {}", within("Message").unwrap_or_default());
        }
        reason.truncate(reason.floor_char_boundary(SHOWN_BYTES_MAX));
        let advice = if is_refusal(error, &reason) {
            "; look at access_key_file and secret_key_file, and at what the key may do"
        } else {
            ""
        };
        refused(action, &format!("{path} in {}", self.url), format!("{reason}{advice}"))
    }
}

/// Whether the keys are to blame. A list that is refused has no error of its own.
fn is_refusal(error: &object_store::Error, reason: &str) -> bool {
    matches!(error, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. })
        || ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403"]
            .iter()
            .any(|code| reason.contains(code))
}

async fn stopping(stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn knows_no_create(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. })
        || chain(error).contains("NotImplemented")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Most errors repeat what they are from.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn refused(action: &'static str, place: &str, reason: String) -> Error {
    Error::Archive { action, place: place.to_owned(), reason }
}

fn s3(config: &ArchiveConfig, bucket: &str, secrets: &mut Vec<String>) -> Result<impl ObjectStore + use<>> {
    // The client takes what the process uses; set once, by whoever is first.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let seconds = config.object_bytes_max as u64 / BYTES_PER_SECOND_MIN;
    let mut options = ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_timeout(REQUEST + Duration::from_secs(seconds))
        .with_allow_http(config.allow_http);
    if let Some(path) = &config.ca {
        let pem = std::fs::read(path).map_err(Error::io("read the authorities in", path))?;
        let none = || Error::Invalid {
            what: "archive.ca",
            reason: format!("{} holds no certificate in PEM form", path.display()),
        };
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| none())?;
        if certificates.is_empty() {
            return Err(none());
        }
        options = certificates.into_iter().fold(options.with_no_system_certificates(true), |options, certificate| {
            options.with_root_certificate(certificate)
        });
    }
    let mut builder = match (&config.access_key_file, &config.secret_key_file) {
        (Some(access), Some(secret)) => {
            let (access, secret) = (first_line(access)?, first_line(secret)?);
            secrets.extend([secret.clone(), access.clone()]);
            AmazonS3Builder::new().with_access_key_id(access).with_secret_access_key(secret)
        }
        _ => AmazonS3Builder::from_env(),
    };
    let path_style = config.path_style.unwrap_or(config.endpoint.is_some());
    if let Some(endpoint) = &config.endpoint {
        let endpoint = endpoint.trim_end_matches('/');
        builder = builder.with_endpoint(match endpoint.split_once("://") {
            Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
            _ => endpoint.to_owned(),
        });
    }
    let retry = RetryConfig { max_retries: 2, retry_timeout: REQUEST, ..RetryConfig::default() };
    builder
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_virtual_hosted_style_request(!path_style)
        .with_allow_http(config.allow_http)
        .with_client_options(options)
        .with_retry(retry)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Buckets whose objects are locked for years want a checksum with each put.
        .with_checksum_algorithm(Checksum::SHA256)
        .build()
        .map_err(|error| refused("open", &config.url, chain(&error)))
}

fn first_line(path: &FilePath) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read the secret in", path))?;
    let line = text.lines().next().unwrap_or("").trim();
    if line.is_empty() {
        return Err(Error::Invalid { what: "archive", reason: format!("{} is empty", path.display()) });
    }
    Ok(line.to_owned())
}
