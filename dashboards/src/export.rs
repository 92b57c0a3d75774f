//! Taking events out: CSV and NDJSON of a whole result, streamed, never capped, audited.
//!
//! CSV: UTF-8 with a byte order mark and CRLF (what Excel opens by double-click; `bom=0` leaves it out), a cell that a
//! spreadsheet would run as a formula gets a leading `'`. NDJSON: one ECS object per line with `_id`.
//! Memory: one page of [`PAGE_ROWS`] events and [`PIPE_BYTES`] of text per export.

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
use tokio::io::AsyncWriteExt as _;

use crate::context::Context;
use crate::layout::{error_page, query_error};
use crate::pages::alerts::text;
use crate::params::Range;
use crate::{AppState, Error, Result, format};

const PAGE_ROWS: usize = 1000;
const PIPE_BYTES: usize = 256 * 1024;
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
    let (pipe, body) = tokio::io::duplex(PIPE_BYTES);
    tokio::spawn(async move {
        if let Err(error) = write_all(state, request, hits, csv, bom, pipe).await {
            tracing::warn!(error = %error, "export ended early");
        }
    });
    let stamp = format::local_input(context.now).replace(['-', ':'], "").replace('T', "-");
    let (name, mime) = match csv {
        true => (format!("sekisho-{stamp}.csv"), "text/csv; charset=utf-8"),
        false => (format!("sekisho-{stamp}.ndjson"), "application/x-ndjson"),
    };
    download(&name, mime, Body::from_stream(tokio_util::io::ReaderStream::new(body)))
}

/// A response that the browser saves under a name (ASCII letters, digits, `-`, `.` only).
pub(crate) fn download(name: &str, mime: &'static str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, mime.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response()
}

async fn write_all(
    state: AppState,
    mut request: SearchRequest,
    mut hits: Vec<Hit>,
    csv: bool,
    bom: bool,
    mut pipe: tokio::io::DuplexStream,
) -> std::io::Result<()> {
    if csv {
        let head = std::iter::once("@timestamp (JST)").chain(std::iter::once("_id")).chain(COLUMNS.map(FieldId::name));
        let mut writer = CsvWriter::new(bom);
        writer.row(head).map_err(std::io::Error::other)?;
        pipe.write_all(&writer.take().map_err(std::io::Error::other)?).await?;
    }
    loop {
        let text = page(&hits, csv).map_err(std::io::Error::other)?;
        pipe.write_all(&text).await?;
        state.metrics.export_rows.inc_by(hits.len() as u64);
        let Some(before) = next(&hits) else { break };
        request.before = Some(before);
        let wanted = request.clone();
        let read = state.search_call(move |state| Ok(state.searcher.search(&wanted)?.hits));
        hits = read.await.map_err(std::io::Error::other)?;
    }
    pipe.shutdown().await
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
        let guarded = cells.into_iter().map(guard);
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
pub(crate) fn guard(cell: &str) -> std::borrow::Cow<'_, str> {
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
            assert!(guard(bad).starts_with('\''), "{bad:?}");
        }
        for good in ["-5", "10.5", "sato", "", "192.0.2.1", "a=b"] {
            assert_eq!(guard(good), good);
        }
        let mut writer = CsvWriter::new(true);
        writer.row(["a,b", "=x", "say \"hi\""]).unwrap();
        assert_eq!(writer.take().unwrap(), b"\xEF\xBB\xBF\"a,b\",'=x,\"say \"\"hi\"\"\"\r\n");
    }
}
