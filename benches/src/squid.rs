//! Squid's native access.log: tunnels, hits, misses and refusals.

use crate::random::{Random, START};

pub(crate) fn line(index: u64, random: &mut Random) -> String {
    let (second, milli) = (START + index / 40, random.below(1000));
    let (client, host, user) = (random.office(), random.host(), random.user());
    let elapsed = random.below(90_000);
    match random.below(10) {
        0..5 => format!(
            "{second}.{milli:03} {elapsed:>6} {client} TCP_TUNNEL/200 {} CONNECT {host}:443 {user} HIER_DIRECT/{} -",
            random.below(900_000),
            random.outside()
        ),
        5..8 => format!(
            "{second}.{milli:03} {elapsed:>6} {client} TCP_MISS/200 {} GET http://{host}/a/{index}.html?q={} {user} \
             HIER_DIRECT/{} text/html",
            random.below(90_000),
            random.below(1000),
            random.outside()
        ),
        8 => format!(
            "{second}.{milli:03} {elapsed:>6} {client} TCP_MEM_HIT/304 215 GET http://{host}/logo.png {user} HIER_NONE/- \
             image/png"
        ),
        _ => format!(
            "{second}.{milli:03}      0 {client} TCP_DENIED/407 4012 CONNECT {host}:443 - HIER_NONE/- text/html"
        ),
    }
}
