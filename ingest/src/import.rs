//! Records of files: plain, .gz, .zst and .evtx.
//!
//! A line ends with LF; CR before it is removed. A line over [`LINE_BYTES_MAX`] becomes several records, so that nothing of
//! it vanishes. Compressed files are unpacked as they are read: memory does not grow with the file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// The longest record in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// How many events of an EVTX file wait for the reader.
const EVENTS_WAITING_MAX: usize = 256;

/// An iterator over a file's records.
pub type Records = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

/// The records of a file, by its ending: lines, or for .evtx one JSON object per event.
///
/// # Errors
/// The file cannot be opened or is not what its ending says.
pub fn records(path: &Path) -> Result<Records> {
    records_counted(path, Arc::default())
}

/// [`records`] that counts the bytes it has read of the file, packed as it is; of .evtx all of them at its end.
///
/// # Errors
/// As [`records`].
pub fn records_counted(path: &Path, read: Arc<AtomicU64>) -> Result<Records> {
    let extension = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let counted = |file: File| Counted { file, read: Arc::clone(&read) };
    let open = || File::open(path).map(counted).map_err(Error::io("open", path));
    Ok(match extension.as_str() {
        "evtx" => {
            let bytes = std::fs::metadata(path).map_err(Error::io("open", path))?.len();
            let mut events = evtx(path)?;
            Box::new(std::iter::from_fn(move || {
                let event = events.next();
                if event.is_none() {
                    read.store(bytes, Ordering::Relaxed);
                }
                event
            }))
        }
        "gz" => lines(path, flate2::read::MultiGzDecoder::new(open()?)),
        "zst" | "zstd" => lines(path, zstd::stream::read::Decoder::new(open()?).map_err(Error::io("unpack", path))?),
        _ => lines(path, open()?),
    })
}

/// The bytes of a file, unpacked as its ending says; nothing for .evtx, which holds no lines.
///
/// # Errors
/// As [`records`].
pub fn unpacked(path: &Path) -> Result<Option<Box<dyn Read + Send>>> {
    let extension = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let open = || File::open(path).map_err(Error::io("open", path));
    Ok(match extension.as_str() {
        "evtx" => None,
        "gz" => Some(Box::new(flate2::read::MultiGzDecoder::new(open()?))),
        "zst" | "zstd" => Some(Box::new(zstd::stream::read::Decoder::new(open()?).map_err(Error::io("unpack", path))?)),
        _ => Some(Box::new(open()?)),
    })
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

fn lines(path: &Path, reader: impl Read + Send + 'static) -> Records {
    let lines = Lines { reader: BufReader::with_capacity(1 << 18, reader), path: path.to_path_buf(), failed: false };
    Box::new(lines)
}

struct Lines<R> {
    reader: BufReader<R>,
    path: std::path::PathBuf,
    failed: bool,
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        if self.failed {
            return None;
        }
        let mut line = Vec::new();
        match self.reader.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                }
                Some(Ok(line))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(Error::io("read", &self.path)(error)))
            }
        }
    }
}

/// Events of a Windows event log, read on a thread of their own, in the order of the file.
fn evtx(path: &Path) -> Result<Records> {
    let settings = evtx::ParserSettings::default().indent(false);
    let parser = evtx::EvtxParser::from_path(path)
        .map_err(|error| Error::Config(format!("open {}: {error}", path.display())))?;
    let mut parser = parser.with_configuration(settings);
    let (send, receive) = std::sync::mpsc::sync_channel(EVENTS_WAITING_MAX);
    let name = path.display().to_string();
    let read = move || {
        for event in parser.records_json() {
            let event = match event {
                Ok(event) => Ok(event.data.into_bytes()),
                // A damaged event is a record too: what is known of it is kept, and the rest of the file follows.
                Err(error) => Ok(format!("damaged event in {name}: {error}").into_bytes()),
            };
            if send.send(event).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("evtx".into()).spawn(read).map_err(Error::io("start a thread for", path))?;
    Ok(Box::new(receive.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn plain_and_packed_files_give_the_same_lines() {
        let dir = tempfile::tempdir().unwrap();
        let text = b"one\r\ntwo\n\nfour";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        for (name, bytes) in [
            ("a.log", text.to_vec()),
            ("a.log.gz", gz.finish().unwrap()),
            ("a.log.zst", zstd::bulk::compress(text, 1).unwrap()),
        ] {
            std::fs::write(dir.path().join(name), bytes).unwrap();
            let read = Arc::new(AtomicU64::new(0));
            let path = dir.path().join(name);
            let lines: Vec<_> = records_counted(&path, Arc::clone(&read)).unwrap().map(Result::unwrap).collect();
            assert_eq!(read.load(Ordering::Relaxed), std::fs::metadata(&path).unwrap().len(), "{name}");
            assert_eq!(lines, [&b"one"[..], b"two", b"", b"four"], "{name}");
        }
        assert!(records(&dir.path().join("absent")).is_err());
        std::fs::write(dir.path().join("bad.evtx"), b"no").unwrap();
        assert!(records(&dir.path().join("bad.evtx")).is_err());
    }

    #[test]
    fn a_long_line_becomes_several_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        std::fs::write(&path, vec![b'x'; LINE_BYTES_MAX + 5]).unwrap();
        let lengths: Vec<_> = records(&path).unwrap().map(|line| line.unwrap().len()).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, 5]);
    }
}
