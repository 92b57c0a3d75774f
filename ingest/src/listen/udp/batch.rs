//! Many datagrams with one call: recvmmsg(2).

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

use super::{BATCH, DATAGRAM_BYTES_MAX};

/// Room for the datagrams of one call: 4 MiB, of which the kernel gives only what is ever used.
pub(super) struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    room: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch { headers: MultiHeaders::preallocate(BATCH, None), room: vec![0; BATCH * DATAGRAM_BYTES_MAX] }
    }

    /// Waits for a datagram, as long as the socket's timeout, and takes those that are there with it. Gives each one's
    /// bytes and sender to `each`, and how many there were.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut each: impl FnMut(&[u8], IpAddr),
    ) -> std::io::Result<usize> {
        let mut slices: Vec<_> = self.room.chunks_mut(DATAGRAM_BYTES_MAX).map(|room| [IoSliceMut::new(room)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None)?;
        let mut count = 0;
        for datagram in received {
            each(datagram.iovs().next().unwrap_or_default(), datagram.address.map_or(UNKNOWN, ip));
            count += 1;
        }
        Ok(count)
    }
}

/// What no sender has.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn ip(address: SockaddrStorage) -> IpAddr {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    let v6 = || address.as_sockaddr_in6().map(|address| IpAddr::V6(Ipv6Addr::from(address.ip().octets())));
    v4.or_else(v6).unwrap_or(UNKNOWN).to_canonical()
}
