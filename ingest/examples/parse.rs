//! Reads raw lines on stdin and writes one ECS object per line on stdout, in order, never fewer.
//!
//! `parse PRODUCT [ZONE]`: ZONE as [`ingest::time::Zone::named`] reads it, Asia/Tokyo when left out. Exits with 2 when
//! the product or the zone is unknown.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use bumpalo::Bump;
use ingest::time::Zone;
use ingest::{Context, Reason};
use stream::{Event, Timestamp, Value, fields};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--tz").collect();
    let product = arguments.first().map_or("auto", String::as_str);
    let zone = arguments.get(1).map_or("Asia/Tokyo", String::as_str);
    let (Some(mut parser), Some(zone)) = (ingest::parser(product), Zone::named(zone)) else {
        let _ = writeln!(std::io::stderr(), "unknown product {product} or zone {zone:?}");
        return ExitCode::from(2);
    };
    let context = Context { received: Timestamp::from(jiff::Timestamp::now()), zone };
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::BufWriter::new(std::io::stdout().lock()));
    let (mut arena, mut bytes, mut json) = (Bump::new(), Vec::new(), Vec::new());
    loop {
        bytes.clear();
        match input.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        json.clear();
        write_line(parser.as_mut(), line, &context, &arena, &mut json);
        if output.write_all(&json).is_err() {
            break;
        }
        arena.reset();
    }
    ExitCode::SUCCESS
}

fn write_line(parser: &mut dyn ingest::Parser, line: &str, context: &Context, arena: &Bump, json: &mut Vec<u8>) {
    let line = arena.alloc_str(line);
    let mut event = Event::new_in(arena);
    if let Err(Reason(reason)) = parser.parse(line, context, arena, &mut event) {
        event.set(fields::EVENT_KIND, Value::Str("pipeline_error"));
        event.set(fields::SEKISHO_PARSE_REASON, Value::Str(reason));
    }
    event.push(fields::EVENT_ORIGINAL, Value::Str(line));
    event.write_json(json);
    json.push(b'\n');
}
