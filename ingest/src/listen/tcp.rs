//! Syslog over TCP.
//!
//! A connection that sends nothing for [`IDLE_MAX`] is closed. A reading takes at most [`READ_BYTES`] before its frames
//! are queued, so a connection never holds more than that and one unfinished frame.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::{BATCH_RECORDS_MAX, Context, now, record};
use crate::framing::Framer;

const READ_BYTES: usize = 128 << 10;
const IDLE_MAX: Duration = Duration::from_secs(3600);

pub(super) async fn start(context: Context) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(context.listener.bind).await?;
    let address = listener.local_addr()?;
    context.tasks.clone().spawn(accept(listener, context));
    Ok(address)
}

async fn accept(listener: TcpListener, context: Context) {
    loop {
        let accepted = tokio::select! {
            () = context.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (peer, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = context.connections.clone().try_acquire_owned() else {
            context.metrics.refused.with_label_values(&["connections"]).inc();
            continue;
        };
        let context = context.clone();
        context.tasks.clone().spawn(async move {
            context.metrics.connections.inc();
            if let Err(error) = connection(peer, address, &context).await {
                tracing::debug!(%error, %address, "connection ended");
            }
            context.metrics.connections.dec();
            drop(permit);
        });
    }
}

async fn connection(mut peer: TcpStream, address: SocketAddr, context: &Context) -> io::Result<()> {
    let who = context.identity(address.ip());
    let (mut framer, mut frames, mut buffer) = (Framer::default(), Vec::new(), vec![0; READ_BYTES]);
    loop {
        let read = tokio::select! {
            () = context.stop.cancelled() => Ok(Ok(0)),
            read = tokio::time::timeout(IDLE_MAX, peer.read(&mut buffer)) => read,
        };
        let count = match read {
            Ok(Ok(count)) => count,
            Ok(Err(_)) | Err(_) => 0,
        };
        match count {
            0 => framer.finish(&mut frames),
            count => framer.feed(&buffer[..count], &mut frames),
        }
        context.metrics.cut_bytes.inc_by(framer.take_cut_bytes());
        let received = now();
        while !frames.is_empty() {
            let rest = frames.split_off(frames.len().min(BATCH_RECORDS_MAX));
            let batch = std::mem::replace(&mut frames, rest);
            let records = batch.into_iter().map(|raw| record(&who, address.ip(), received, raw)).collect();
            if !context.enqueue(records).await {
                return Err(io::Error::other("the stream takes no more records"));
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}
