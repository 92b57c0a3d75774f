//! Protocols, ports and directions of `flows.csv`.

use crate::csv::{fold, list};

pub(super) const PROTOCOL_ADVICE: &str = "write tcp, udp, icmp, any, or a list like tcp;udp";
pub(super) const PORTS_ADVICE: &str = "write ports and ranges from 0 to 65535 like 80;443;8000-8010, or leave it empty";
pub(super) const DIRECTION_ADVICE: &str = "write outbound, inbound or both";

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// Names of IANA's protocol numbers that firewalls write.
const NAMES: [(&str, u8); 14] = [
    ("tcp", TCP),
    ("udp", UDP),
    ("icmp", ICMP),
    ("icmpv6", ICMP6),
    ("ipv6-icmp", ICMP6),
    ("icmp6", ICMP6),
    ("igmp", 2),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("pim", 103),
];

/// The number of a protocol by name or number, in any case.
pub(crate) fn protocol_number(text: &str) -> Option<u8> {
    let named = NAMES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    named.map_or_else(|| text.parse().ok(), |(_, number)| Some(*number))
}

/// Whether the protocol has ports: TCP, UDP, SCTP.
pub(crate) fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | 132)
}

/// A set of protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols([u128; 2]);

impl Protocols {
    /// Any protocol.
    pub const ANY: Protocols = Protocols([u128::MAX; 2]);

    /// Reads a list; empty and `any` are every protocol, `icmp` is ICMPv6 too.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Protocols, String> {
        let mut set = Protocols([0; 2]);
        let folded = fold(text);
        for word in list(&folded) {
            if word.eq_ignore_ascii_case("any") {
                return Ok(Protocols::ANY);
            }
            let number = protocol_number(word).ok_or_else(|| format!("`{word}` is not a protocol"))?;
            set.add(number);
            if number == ICMP {
                set.add(ICMP6);
            }
        }
        Ok(if set.0 == [0; 2] { Protocols::ANY } else { set })
    }

    /// Whether the protocol is in the set.
    pub fn contains(self, protocol: u8) -> bool {
        self.0[usize::from(protocol >> 7)] & (1 << (protocol & 127)) != 0
    }

    /// Whether some protocol of the set has ports.
    pub fn have_ports(self) -> bool {
        (0..=255).any(|protocol| has_ports(protocol) && self.contains(protocol))
    }

    fn add(&mut self, protocol: u8) {
        self.0[usize::from(protocol >> 7)] |= 1 << (protocol & 127);
    }
}

/// A set of ports; empty is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(Box<[(u16, u16)]>);

impl Ports {
    /// Reads a list of ports and ranges (`80;443;8000-8010`).
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Ports, String> {
        let folded = fold(text);
        let mut ranges = Vec::new();
        for word in list(&folded) {
            if word.eq_ignore_ascii_case("any") {
                return Ok(Ports::default());
            }
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let number = |text: &str| {
                text.trim().parse::<u16>().map_err(|_| format!("`{word}` is not a port or a range of ports"))
            };
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("`{word}` ends before it begins"));
            }
            ranges.push((first, last));
        }
        ranges.sort_unstable();
        Ok(Ports(ranges.into()))
    }

    /// Whether every port is meant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the port is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.0.is_empty() || self.0.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }
}

/// Who initiates the communication of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The `from` side.
    Outbound,
    /// The `to` side.
    Inbound,
    /// Either.
    Both,
}

impl Direction {
    /// Reads `outbound` (or empty), `inbound` or `both`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Direction, String> {
        match fold(text).to_ascii_lowercase().as_str() {
            "" | "outbound" => Ok(Direction::Outbound),
            "inbound" => Ok(Direction::Inbound),
            "both" => Ok(Direction::Both),
            other => Err(format!("`{other}` is not a direction")),
        }
    }

    /// Whether the `to` side may initiate (`reversed`), or else the `from` side.
    pub(super) fn permits(self, reversed: bool) -> bool {
        match self {
            Direction::Outbound => !reversed,
            Direction::Inbound => reversed,
            Direction::Both => true,
        }
    }
}

/// Reads a `via` cell.
pub(super) fn via(text: &str) -> Result<bool, String> {
    match fold(text).to_ascii_lowercase().as_str() {
        "" | "none" => Ok(false),
        "sanitiser" | "sanitizer" | "無害化" => Ok(true),
        other => Err(format!("`{other}` is not a way")),
    }
}
