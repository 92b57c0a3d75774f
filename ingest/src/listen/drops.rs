//! What the kernel dropped on a UDP socket: the last column of `/proc/net/udp` and `udp6` (the socket's `sk_drops`, the
//! counter that `SO_RXQ_OVFL` reports too).

use std::net::SocketAddr;

/// Datagrams dropped on the socket bound to this address, where the system tells.
pub(super) fn read(address: SocketAddr) -> Option<u64> {
    let file = if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    drops(&std::fs::read_to_string(file).ok()?, address.port())
}

fn drops(table: &str, port: u16) -> Option<u64> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&suffix)))
        .filter_map(|row| row.last()?.parse::<u64>().ok())
        .reduce(|sum, more| sum + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     123: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 42\n";
        assert_eq!(drops(table, 5514), Some(42));
        assert_eq!(drops(table, 514), None);
    }
}
