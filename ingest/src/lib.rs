//! From bytes on the wire to ECS events: listeners, framing, charsets, and one parser per product.
//!
//! A line's way: a listener ([`listen`]) or a file ([`import`]) gives bytes; [`framing`] cuts them into messages; a
//! [`Sink`] makes them durable, untouched. Behind the stream a [`Decoder`] turns each record into an event, with the
//! charset and the parser of its source ([`Sources`], [`PRODUCTS`]).

mod access_keys;
mod access_log;
pub mod auto;
mod charset;
pub mod collect;
mod community_id;
mod config;
mod csv_cells;
mod decode;
mod device;
mod elff;
mod envelope;
mod error;
mod flow_text;
pub mod form;
pub mod forward;
pub mod framing;
pub mod import;
pub mod journal;
pub mod json;
mod json_keys;
pub mod kafka;
mod keyed;
pub mod kv;
mod listen;
pub mod metrics;
pub mod parser;
pub mod products;
mod protocols;
mod put;
mod row;
pub mod senders;
mod sink;
mod sources;
pub mod syslog;
pub mod tail;
mod template;
pub mod time;

pub use charset::Charset;
pub use config::{Limits, ListenConfig, Listener, ListenerKind, UNKNOWN};
pub use decode::Decoder;
pub use error::{Error, Result};
pub use framing::{Frame, Framer, Framing, MESSAGE_BYTES_MAX};
pub use listen::{Bound, HttpLimits, Listeners, TlsConfig, checks, listen, serve_http};
pub use parser::{Context, Names, Parser, Reason};
pub use products::{PRODUCTS, parser};
pub use sink::{Durable, Sink};
pub use sources::{SourceConfig, Sources};
