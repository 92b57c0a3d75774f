//! Reads a request's body: gzip, deflate, zstd or plain, each bounded, and all bodies in work bounded together.

use std::future::poll_fn;
use std::io::{Error, ErrorKind, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::problem::Problem;

/// What memory is counted in.
const UNIT_BYTES: usize = 64 << 10;
/// Bodies larger than this are worked on away from the async threads.
const INLINE_BYTES: usize = 16 << 10;

/// How many units hold so many bytes.
pub(super) fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

/// Does work that grows with the body, away from the async threads when it is long.
pub(super) async fn away<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    if bytes <= INLINE_BYTES {
        return Ok(work());
    }
    let failed = |error: tokio::task::JoinError| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

/// A whole body, decompressed. Its place among requests and bodies in work is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _request: OwnedSemaphorePermit,
    memory: Held,
}

impl Whole {
    /// A body that came some other way, for tests.
    #[cfg(test)]
    pub(super) fn of(bytes: Bytes) -> Whole {
        let all = Arc::new(Semaphore::new(1 << 20));
        let request = Arc::clone(&all).try_acquire_owned().expect("a semaphore of its own");
        Whole { bytes, _request: request, memory: Held { all, permit: None, units: 0 } }
    }

    /// Decompresses a part of the body.
    pub(super) fn gunzip(&mut self, sent: &[u8], bytes_max: usize) -> Result<Bytes, Problem> {
        plain(flate2::read::MultiGzDecoder::new(sent), self.bytes.len(), bytes_max, &mut self.memory)
    }

    /// Counts what is made of the body, beside it.
    pub(super) fn hold(&mut self, more_bytes: usize) -> Result<(), Problem> {
        let held = self.memory.units * UNIT_BYTES;
        self.memory.grow(held + more_bytes)
    }
}

impl App {
    /// A body in full, or why not: 408, 413, 415, 429, or 400 when it cannot be decompressed.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Whole, Problem> {
        let encoding = headers.get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
        let encoding = Encoding::named(encoding)?;
        let busy = || Problem::busy("too many requests at once");
        if self.requests.available_permits() == 0 {
            return Err(busy());
        }
        let limits = &self.shared.limits;
        let mut memory = Held { all: Arc::clone(&self.memory), permit: None, units: 0 };
        let wait = Duration::from_secs(limits.http_body_seconds_max);
        let read = tokio::time::timeout(wait, collect(body, limits.http_body_bytes_max, &mut memory)).await;
        let sent = read.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))??;
        // Only now: who sends slowly takes nobody's place.
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| busy())?;
        let bytes_max = limits.http_decompressed_bytes_max;
        if encoding == Encoding::Identity {
            return match sent.len() > bytes_max {
                true => Err(Problem::too_large(bytes_max, "decompressed")),
                false => Ok(Whole { bytes: sent, _request: request, memory }),
            };
        }
        let decoded = away(sent.len(), move || {
            let bytes = encoding.decode(&sent, bytes_max, &mut memory)?;
            Ok(Whole { bytes, _request: request, memory })
        });
        decoded.await?
    }
}

/// Bytes held, of those that all requests of a listener may hold together.
#[derive(Debug)]
struct Held {
    all: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    units: usize,
}

impl Held {
    /// Makes this body hold at least so many bytes.
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = units(bytes).saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        let count = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.all).try_acquire_many_owned(count);
        let permit = permit.map_err(|_| Problem::busy("too many bytes of bodies at once"))?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        self.units += more;
        Ok(())
    }
}

async fn collect(mut body: Body, bytes_max: usize, memory: &mut Held) -> Result<Bytes, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(Problem::too_large(bytes_max, "as sent"));
    }
    // What is announced and does not come takes no memory.
    let mut whole = Vec::with_capacity(announced.min(UNIT_BYTES));
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // A connection that broke; nobody reads an answer from it.
        let frame = frame.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > bytes_max {
            return Err(Problem::too_large(bytes_max, "as sent"));
        }
        memory.grow(whole.len() + data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
}

impl Encoding {
    fn named(name: &str) -> Result<Encoding, Problem> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            "zstd" => Ok(Encoding::Zstd),
            _ => {
                let detail = "content encodings are gzip, deflate, zstd and identity";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }

    fn decode(self, sent: &Bytes, bytes_max: usize, memory: &mut Held) -> Result<Bytes, Problem> {
        let held = sent.len();
        match self {
            Encoding::Identity => Ok(sent.clone()),
            Encoding::Gzip => plain(flate2::read::MultiGzDecoder::new(&**sent), held, bytes_max, memory),
            Encoding::Deflate => plain(flate2::read::ZlibDecoder::new(&**sent), held, bytes_max, memory),
            Encoding::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(&**sent).map_err(broken)?;
                plain(decoder, held, bytes_max, memory)
            }
        }
    }
}

/// Reads until the end or the bound; `held` bytes are held already.
fn plain(mut reader: impl Read, held: usize, bytes_max: usize, memory: &mut Held) -> Result<Bytes, Problem> {
    let mut plain = Vec::new();
    loop {
        let before = plain.len();
        memory.grow(held + before + UNIT_BYTES)?;
        plain.resize(before + UNIT_BYTES, 0);
        let read = match reader.read(&mut plain[before..]) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                plain.truncate(before);
                continue;
            }
            Err(error) => return Err(broken(error)),
        };
        plain.truncate(before + read);
        if plain.len() > bytes_max {
            return Err(Problem::too_large(bytes_max, "decompressed"));
        }
        if read == 0 {
            return Ok(plain.into());
        }
    }
}

fn broken(error: Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, &format!("decompress the body: {error}"))
}
