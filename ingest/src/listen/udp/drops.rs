//! The kernel's own count of what it dropped at one socket, from `/proc/net/udp` (proc(5)): the number that SO_RXQ_OVFL
//! gives too, but also when nothing comes after the last drop.

use std::net::{SocketAddr, UdpSocket};

use crate::metrics;

pub(in crate::listen) struct Drops {
    inode: Option<String>,
    table: &'static str,
    listener: String,
    counted: u64,
}

impl Drops {
    pub(in crate::listen) fn of(socket: &UdpSocket, address: SocketAddr) -> Self {
        use std::os::fd::AsRawFd as _;
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()));
        let inode =
            link.ok().and_then(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()));
        let table = if address.is_ipv6() { "/proc/net/udp6" } else { "/proc/net/udp" };
        Drops { inode, table, listener: address.to_string(), counted: 0 }
    }

    /// Counts what was dropped since the last time.
    pub(in crate::listen) fn read(&mut self) {
        let Some(inode) = &self.inode else { return };
        let Ok(text) = std::fs::read_to_string(self.table) else { return };
        let Some(drops) = drops_in(&text, inode) else { return };
        let new = drops.saturating_sub(self.counted);
        if new > 0 {
            tracing::error!(
                listener = self.listener,
                datagrams = new,
                "the kernel dropped datagrams: raise net.core.rmem_max, or use TCP"
            );
        }
        metrics::KERNEL_DROPS.with_label_values(&[&self.listener]).inc_by(new);
        self.counted = drops.max(self.counted);
    }
}

/// Last column of the socket's line; the inode is the tenth.
fn drops_in(table: &str, inode: &str) -> Option<u64> {
    let line = table.lines().skip(1).find(|line| line.split_ascii_whitespace().nth(9) == Some(inode))?;
    line.split_ascii_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_the_last_column() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            \x20 77: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17\n";
        assert_eq!(drops_in(table, "4242"), Some(17));
        assert_eq!(drops_in(table, "4243"), None);
    }
}
