//! sshd behind RFC 3164 headers: accepted, failed, unknown users, disconnects.

use crate::random::{Random, clock};

pub(crate) fn line(index: u64, random: &mut Random) -> String {
    let (hour, minute, second) = clock(index / 20);
    let head = format!(
        "<38>Nov 20 {hour:02}:{minute:02}:{second:02} srv{:02} sshd[{}]:",
        random.below(20),
        1000 + random.below(60_000)
    );
    // One person sits at one terminal.
    let (seat, port) = (random.below(900), 1024 + random.below(60_000));
    let (user, address) = (format!("shokuin{seat:04}"), format!("10.20.{}.{}", seat / 250, 1 + seat % 250));
    match random.below(100) {
        0..48 => format!("{head} Accepted password for {user} from {address} port {port} ssh2"),
        48 => format!("{head} Failed password for {user} from {address} port {port} ssh2"),
        49 => format!("{head} Failed password for invalid user admin from {address} port {port} ssh2"),
        50 => format!("{head} Invalid user oracle from {address} port {port}"),
        _ => format!("{head} Disconnected from user {user} {address} port {port}"),
    }
}
