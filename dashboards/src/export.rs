//! Taking events out: CSV and NDJSON of a whole result, streamed, never capped, audited.
//!
//! CSV: UTF-8 with a byte order mark and CRLF (what Excel opens by double-click; `bom=0` leaves it out), a cell that a
//! spreadsheet would run as a formula gets a leading `'`. NDJSON: one ECS object per line with `_id`.
//! Memory: one page of [`PAGE_ROWS`] events and [`PIPE_BYTES`] of text per export.
//!
//! An export that fails midway never looks whole: its last line says that it is incomplete, and the connection is broken
//! off before the end that HTTP would mark, so that a browser or curl reports a failed download.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Polled, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use store::{Hit, SearchRequest};
use stream::fields::{
    DESTINATION_IP, DESTINATION_PORT, EVENT_ACTION, EVENT_ORIGINAL, EVENT_OUTCOME, MESSAGE, NETWORK_TRANSPORT,
    SEKISHO_DESTINATION_ZONE, SEKISHO_FLOW_VERDICT, SEKISHO_RULE_IDS, SEKISHO_SOURCE_ID, SEKISHO_SOURCE_ZONE,
    SEKISHO_TENANT, SOURCE_IP, SOURCE_PORT, URL_ORIGINAL, USER_NAME,
};
use stream::{EventId, FieldId, Timestamp};
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream, ReadBuf};

use crate::context::Context;
use crate::layout::{error_page, query_error};
use crate::pages::alerts::text;
use crate::params::Range;
use crate::{AppState, Error, Result, format};

const PAGE_ROWS: usize = 1000;
const PIPE_BYTES: usize = 256 * 1024;
/// How long the last line of a failed export may take on its way before the connection is broken off.
const LAST_LINE: Duration = Duration::from_millis(200);
const INCOMPLETE: &str = "incomplete: the export failed here; fetch it again";
const COLUMNS: [FieldId; 17] = [
    SEKISHO_TENANT,
    SEKISHO_SOURCE_ID,
    SEKISHO_SOURCE_ZONE,
    SEKISHO_DESTINATION_ZONE,
    SOURCE_IP,
    SOURCE_PORT,
    DESTINATION_IP,
    DESTINATION_PORT,
    NETWORK_TRANSPORT,
    USER_NAME,
    EVENT_ACTION,
    EVENT_OUTCOME,
    SEKISHO_FLOW_VERDICT,
    SEKISHO_RULE_IDS,
    URL_ORIGINAL,
    MESSAGE,
    EVENT_ORIGINAL,
];

/// `GET /search/export?format=csv|ndjson` with the parameters of the search.
pub(crate) async fn events(State(state): State<AppState>, context: Context) -> Response {
    if !context.may_export() {
        return error_page(&context, &Error::Forbidden);
    }
    let range = Range::read(&context.params, context.now, "1h");
    let csv = context.params.get("format") != Some("ndjson");
    let bom = context.params.get("bom") != Some("0");
    let request = SearchRequest {
        tenants: context.tenants.clone(),
        query: context.params.query(),
        from: range.from,
        to: range.to,
        limit: PAGE_ROWS,
        before: None,
        newest_first: true,
    };
    let (actor, asked) = (context.account.name.clone(), context.params.href("/search/export"));
    let first = request.clone();
    // The first page is read before the answer starts, so that a bad query is still an error page.
    let read = state.search_call(move |state| {
        state.database.audit(&actor, "export.events", &asked, state.now())?;
        Ok(state.searcher.search(&first)?.hits)
    });
    let hits = match read.await {
        Ok(hits) => hits,
        Err(Error::Store(store::Error::Query { column, message, suggestion })) => {
            return query_error(&context, column, &message, suggestion.as_deref()).into_response();
        }
        Err(error) => return error_page(&context, &error),
    };
    let rows = state.metrics.export_rows.clone();
    let more = move |before| {
        let (wanted, state) = (SearchRequest { before: Some(before), ..request.clone() }, state.clone());
        async move { state.search_call(move |state| Ok(state.searcher.search(&wanted)?.hits)).await }
    };
    let form = Form { csv, bom };
    let body = Body::from_stream(tokio_util::io::ReaderStream::new(whole(hits, more, form, rows)));
    let stamp = format::local_input(context.now).replace(['-', ':'], "").replace('T', "-");
    let (name, mime) = match csv {
        true => (format!("sekisho-{stamp}.csv"), "text/csv; charset=utf-8"),
        false => (format!("sekisho-{stamp}.ndjson"), "application/x-ndjson"),
    };
    download(&name, mime, body)
}

/// A response that the browser saves under a name (ASCII letters, digits, `-`, `.` only).
pub(crate) fn download(name: &str, mime: &'static str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, mime.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response()
}

/// How an export is written.
#[derive(Clone, Copy)]
struct Form {
    csv: bool,
    bom: bool,
}

/// The text of an export from its first page on, written by a task of its own while it is read.
fn whole<M, R>(hits: Vec<Hit>, more: M, form: Form, rows: prometheus::IntCounter) -> Whole
where
    M: FnMut((Timestamp, EventId)) -> R + Send + 'static,
    R: Future<Output = Result<Vec<Hit>>> + Send,
{
    let (mut pipe, text) = tokio::io::duplex(PIPE_BYTES);
    let complete = Arc::new(AtomicBool::new(false));
    let written = Arc::clone(&complete);
    tokio::spawn(async move {
        match write_all(hits, more, form, &rows, &mut pipe).await {
            Ok(()) => written.store(true, Ordering::Release),
            Err(error) => {
                tracing::warn!(error = %error, "export ended early");
                let last =
                    if form.csv { format!("# {INCOMPLETE}\r\n") } else { format!("{{\"error\":\"{INCOMPLETE}\"}}\n") };
                // Whoever went away reads no last line either.
                if pipe.write_all(last.as_bytes()).await.is_ok() {
                    tokio::time::sleep(LAST_LINE).await;
                }
            }
        }
    });
    Whole { text, complete }
}

/// The reading end of an export. An end that the writer did not declare is an error: the answer's body then breaks off
/// instead of ending, also when the writer panicked.
struct Whole {
    text: DuplexStream,
    complete: Arc<AtomicBool>,
}

impl AsyncRead for Whole {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Polled<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.text).poll_read(cx, buf))?;
        if buf.filled().len() == before && !self.complete.load(Ordering::Acquire) {
            return Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, INCOMPLETE)));
        }
        Poll::Ready(Ok(()))
    }
}

async fn write_all<M, R>(
    mut hits: Vec<Hit>,
    mut more: M,
    form: Form,
    rows: &prometheus::IntCounter,
    pipe: &mut DuplexStream,
) -> std::io::Result<()>
where
    M: FnMut((Timestamp, EventId)) -> R,
    R: Future<Output = Result<Vec<Hit>>>,
{
    if form.csv {
        let head = std::iter::once("@timestamp (JST)").chain(std::iter::once("_id")).chain(COLUMNS.map(FieldId::name));
        let mut writer = CsvWriter::new(form.bom);
        writer.row(head).map_err(std::io::Error::other)?;
        pipe.write_all(&writer.take().map_err(std::io::Error::other)?).await?;
    }
    loop {
        let text = page(&hits, form.csv).map_err(std::io::Error::other)?;
        pipe.write_all(&text).await?;
        rows.inc_by(hits.len() as u64);
        let Some(before) = next(&hits) else { break };
        hits = more(before).await.map_err(std::io::Error::other)?;
    }
    pipe.flush().await
}

fn next(hits: &[Hit]) -> Option<(Timestamp, EventId)> {
    hits.last().filter(|_| hits.len() == PAGE_ROWS).map(|hit| (hit.timestamp, hit.id))
}

fn page(hits: &[Hit], csv: bool) -> Result<Vec<u8>> {
    let mut writer = CsvWriter::new(false);
    let mut lines = Vec::new();
    for hit in hits {
        if csv {
            let mut cells = vec![format::time(hit.timestamp), hit.id.to_string()];
            cells.extend(COLUMNS.iter().map(|field| hit.event.get(field.name()).map(text).unwrap_or_default()));
            writer.row(cells.iter().map(String::as_str))?;
        } else {
            let mut event = hit.event.clone();
            event.insert("_id".into(), hit.id.to_string().into());
            let line = serde_json::to_string(&event).map_err(|_| Error::Internal)?;
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
    }
    if csv { writer.take() } else { Ok(lines) }
}

/// Writes CSV for spreadsheets (RFC 4180, CRLF).
pub(crate) struct CsvWriter {
    bom: bool,
    inner: csv::Writer<Vec<u8>>,
}

impl CsvWriter {
    /// With a byte order mark in front, or without.
    pub(crate) fn new(bom: bool) -> CsvWriter {
        let inner = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        CsvWriter { bom, inner }
    }

    /// Adds a row; cells are guarded.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let guarded = cells.into_iter().map(spreadsheet_cell);
        self.inner.write_record(guarded.map(|cell| cell.into_owned())).map_err(|_| Error::Internal)
    }

    /// The text.
    pub(crate) fn take(self) -> Result<Vec<u8>> {
        let rows = self.inner.into_inner().map_err(|_| Error::Internal)?;
        let mut out = if self.bom { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
        out.extend_from_slice(&rows);
        Ok(out)
    }
}

/// A cell that starts like a formula gets a leading `'`; plain numbers stay. NUL, which ends a cell in some
/// spreadsheets, becomes U+FFFD.
pub fn spreadsheet_cell(cell: &str) -> std::borrow::Cow<'_, str> {
    let cell: std::borrow::Cow<'_, str> =
        if cell.contains('\0') { cell.replace('\0', "\u{fffd}").into() } else { cell.into() };
    // Full-width signs are folded to formulas by Japanese versions of Excel.
    let risky =
        cell.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let number =
        cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte)) && cell.parse::<f64>().is_ok();
    if risky && !number { format!("'{cell}").into() } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_numbers_stay() {
        for bad in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1", "-1e9x", "\r=1"] {
            assert!(spreadsheet_cell(bad).starts_with('\''), "{bad:?}");
        }
        for good in ["-5", "10.5", "sato", "", "192.0.2.1", "a=b"] {
            assert_eq!(spreadsheet_cell(good), good);
        }
        let mut writer = CsvWriter::new(true);
        writer.row(["a,b", "=x", "say \"hi\""]).unwrap();
        assert_eq!(writer.take().unwrap(), b"\xEF\xBB\xBF\"a,b\",'=x,\"say \"\"hi\"\"\"\r\n");
    }

    fn page_of(rows: usize) -> Vec<Hit> {
        let hit = |n: usize| Hit {
            id: EventId::new(0, n as u64),
            timestamp: Timestamp::from_seconds(n as i64),
            event: serde_json::Map::new(),
        };
        (0..rows).map(hit).collect()
    }

    /// Reads an export whose second page is that.
    async fn exported(second: Result<Vec<Hit>>, csv: bool) -> (std::io::Result<usize>, String) {
        let mut second = Some(second);
        let more = move |_| std::future::ready(second.take().unwrap_or(Err(Error::Internal)));
        let rows = prometheus::IntCounter::new("rows", "rows").unwrap();
        let mut body = whole(page_of(PAGE_ROWS), more, Form { csv, bom: false }, rows);
        let mut bytes = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut body, &mut bytes).await;
        (read, String::from_utf8(bytes).unwrap())
    }

    #[tokio::test]
    async fn an_export_that_fails_midway_does_not_look_whole() {
        for (csv, last) in [(true, format!("# {INCOMPLETE}")), (false, format!("{{\"error\":\"{INCOMPLETE}\"}}"))] {
            let (read, text) = exported(Ok(page_of(3)), csv).await;
            assert!(read.is_ok() && !text.contains(INCOMPLETE), "{read:?}");
            let (read, text) = exported(Err(Error::Internal), csv).await;
            assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
            assert_eq!(text.lines().last(), Some(last.as_str()));
            assert_eq!(text.lines().count(), PAGE_ROWS + 1 + usize::from(csv));
        }
    }
}
