//! Longest-prefix lookup over IPv4 and IPv6 prefixes with any number of values each.
//!
//! The prefixes of a family are flattened once into disjoint spans sorted by their first address; each span knows its
//! longest prefix, each prefix the next shorter one that encloses it. A lookup is one binary search (two comparisons
//! per doubling) and a walk of at most as many steps as prefixes are nested. Memory is linear in the prefixes.
//!
//! An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is looked up as IPv4.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

const NONE: u32 = u32::MAX;

/// Values by prefix.
#[derive(Debug)]
pub(crate) struct PrefixTable<T> {
    v4: Family<u32>,
    v6: Family<u128>,
    values: Vec<T>,
}

#[derive(Debug)]
struct Family<A> {
    /// First address of each span.
    starts: Vec<A>,
    /// The longest prefix of each span, or [`NONE`].
    longest: Vec<u32>,
    nodes: Vec<Node>,
}

/// One distinct prefix.
#[derive(Debug)]
struct Node {
    enclosing: u32,
    first: u32,
    end: u32,
}

/// An address as a number.
trait Address: Copy + Ord {
    const ZERO: Self;
    fn successor(self) -> Option<Self>;
}

impl Address for u32 {
    const ZERO: u32 = 0;
    fn successor(self) -> Option<u32> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    const ZERO: u128 = 0;
    fn successor(self) -> Option<u128> {
        self.checked_add(1)
    }
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        PrefixTable::build(Vec::new())
    }
}

impl<T> PrefixTable<T> {
    /// Builds the table; values of one prefix keep the order in which they were given.
    pub(crate) fn build(mut entries: Vec<(IpNet, T)>) -> PrefixTable<T> {
        entries.sort_by_key(|(net, _)| (net.network().is_ipv6(), net.network(), net.prefix_len()));
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut values = Vec::with_capacity(entries.len());
        for (net, value) in entries {
            let index = values.len() as u32;
            values.push(value);
            match net {
                IpNet::V4(net) => add(&mut v4, u32::from(net.network()), u32::from(net.broadcast()), index),
                IpNet::V6(net) => add(&mut v6, u128::from(net.network()), u128::from(net.broadcast()), index),
            }
        }
        PrefixTable { v4: Family::build(&v4), v6: Family::build(&v6), values }
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values of every prefix that covers the address, the longest prefix first.
    pub(crate) fn covering(&self, ip: IpAddr) -> Covering<'_, T> {
        let (nodes, node) = match ip.to_canonical() {
            IpAddr::V4(ip) => (&self.v4.nodes, self.v4.longest(u32::from(ip))),
            IpAddr::V6(ip) => (&self.v6.nodes, self.v6.longest(u128::from(ip))),
        };
        Covering { nodes, values: &self.values, node }
    }
}

/// See [`PrefixTable::covering`].
pub(crate) struct Covering<'t, T> {
    nodes: &'t [Node],
    values: &'t [T],
    node: u32,
}

impl<'t, T> Iterator for Covering<'t, T> {
    type Item = &'t [T];

    fn next(&mut self) -> Option<&'t [T]> {
        let node = self.nodes.get(self.node as usize)?;
        self.node = node.enclosing;
        self.values.get(node.first as usize..node.end as usize)
    }
}

/// First and last address, first and end index of values.
type Span<A> = (A, A, u32, u32);

fn add<A: Address>(spans: &mut Vec<Span<A>>, first: A, last: A, value: u32) {
    match spans.last_mut() {
        Some(span) if span.0 == first && span.1 == last => span.3 = value + 1,
        _ => spans.push((first, last, value, value + 1)),
    }
}

impl<A: Address> Family<A> {
    /// `spans` are sorted by first address, enclosing ones before enclosed ones.
    fn build(spans: &[Span<A>]) -> Family<A> {
        let mut family = Family { starts: vec![A::ZERO], longest: vec![NONE], nodes: Vec::with_capacity(spans.len()) };
        let mut open: Vec<(A, u32)> = Vec::new();
        for &(first, last, value, end) in spans {
            family.close(&mut open, Some(first));
            let node = family.nodes.len() as u32;
            let enclosing = open.last().map_or(NONE, |(_, node)| *node);
            family.nodes.push(Node { enclosing, first: value, end });
            family.mark(first, node);
            open.push((last, node));
        }
        family.close(&mut open, None);
        family
    }

    /// Ends the spans that lie before `until`, or all of them.
    fn close(&mut self, open: &mut Vec<(A, u32)>, until: Option<A>) {
        while let Some(&(last, _)) = open.last()
            && until.is_none_or(|until| last < until)
        {
            open.pop();
            let below = open.last().map_or(NONE, |(_, node)| *node);
            if let Some(next) = last.successor() {
                self.mark(next, below);
            }
        }
    }

    fn mark(&mut self, start: A, node: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.longest.pop();
        }
        self.starts.push(start);
        self.longest.push(node);
    }

    fn longest(&self, address: A) -> u32 {
        let after = self.starts.partition_point(|start| *start <= address);
        after.checked_sub(1).and_then(|index| self.longest.get(index)).copied().unwrap_or(NONE)
    }
}

/// What to write in a cell of addresses.
pub(crate) const PREFIX_ADVICE: &str =
    "write an address (10.1.2.3), a prefix (10.1.2.0/24, 2001:db8::/32) or a range (10.1.2.3-10.1.2.9)";

/// Reads an address, a prefix, an address with a netmask, or a range, as prefixes.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Vec<IpNet>, String> {
    let folded = crate::csv::fold(text);
    let text = folded.trim();
    let wrong = || format!("`{text}` is not an address");
    if let Some((first, last)) = text.split_once('-') {
        let first: IpAddr = first.trim().parse().map_err(|_| wrong())?;
        let last: IpAddr = last.trim().parse().map_err(|_| wrong())?;
        return match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Ok(Ipv4Subnets::new(a, b, 0).map(IpNet::V4).collect()),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Ok(Ipv6Subnets::new(a, b, 0).map(IpNet::V6).collect()),
            _ => Err(format!("`{text}` is not a range from a lower to a higher address")),
        };
    }
    let Some((address, length)) = text.split_once('/') else {
        let address: IpAddr = text.parse().map_err(|_| wrong())?;
        return Ok(vec![IpNet::from(address.to_canonical())]);
    };
    let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
    let length = prefix_length(address, length.trim()).ok_or_else(|| format!("`{text}` has no valid prefix length"))?;
    let net = IpNet::new(address, length).map_err(|_| format!("`{text}` has no valid prefix length"))?;
    if net.network() != address {
        return Err(format!("`{text}` has bits set after the prefix; the network is `{}`", net.trunc()));
    }
    Ok(vec![unmapped(net)])
}

fn prefix_length(address: IpAddr, text: &str) -> Option<u8> {
    if address.is_ipv4() && text.contains('.') {
        return ipnet::ip_mask_to_prefix(text.parse().ok()?).ok();
    }
    text.parse().ok()
}

/// A prefix of IPv4-mapped IPv6 addresses as an IPv4 prefix.
fn unmapped(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && v6.prefix_len() >= 96
        && let Some(v4) = v6.network().to_ipv4_mapped()
        && let Ok(v4) = Ipv4Net::new(v4, v6.prefix_len() - 96)
    {
        return IpNet::V4(v4);
    }
    net
}

/// A set of addresses: sorted spans that do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl AddressSet {
    /// All addresses of the prefixes.
    pub(crate) fn new(nets: &[IpNet]) -> AddressSet {
        let nets = IpNet::aggregate(&nets.to_vec());
        let v4 = nets.iter().filter_map(|net| match net {
            IpNet::V4(net) => Some((u32::from(net.network()), u32::from(net.broadcast()))),
            IpNet::V6(_) => None,
        });
        let v6 = nets.iter().filter_map(|net| match net {
            IpNet::V6(net) => Some(span_v6(net)),
            IpNet::V4(_) => None,
        });
        let (mut v4, mut v6): (Vec<_>, Vec<_>) = (v4.collect(), v6.collect());
        v4.sort_unstable();
        v6.sort_unstable();
        AddressSet { v4: v4.into(), v6: v6.into() }
    }

    /// Whether the address is in the set.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => within(&self.v4, u32::from(ip)),
            IpAddr::V6(ip) => within(&self.v6, u128::from(ip)),
        }
    }
}

fn span_v6(net: &Ipv6Net) -> (u128, u128) {
    (u128::from(net.network()), u128::from(net.broadcast()))
}

fn within<A: Address>(spans: &[(A, A)], address: A) -> bool {
    let after = spans.partition_point(|(first, _)| *first <= address);
    after > 0 && address <= spans[after - 1].1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(prefixes: &[&str]) -> PrefixTable<usize> {
        let entries = prefixes.iter().enumerate();
        PrefixTable::build(entries.map(|(index, text)| (text.parse().unwrap(), index)).collect())
    }

    fn found(table: &PrefixTable<usize>, ip: &str) -> Vec<usize> {
        table.covering(ip.parse().unwrap()).flatten().copied().collect()
    }

    #[test]
    fn longest_first_then_what_encloses_it() {
        let table = table(&[
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.0/24",
            "10.1.0.0/16",
            "2001:db8::/32",
            "255.255.255.255/32",
            "0.0.0.0/0",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
        ]);
        assert_eq!(found(&table, "10.1.2.3"), [2, 1, 3, 0, 6]);
        assert_eq!(found(&table, "::ffff:10.1.3.3"), [1, 3, 0, 6]);
        assert_eq!(found(&table, "10.2.0.0"), [0, 6]);
        assert_eq!(found(&table, "11.0.0.0"), [6]);
        assert_eq!(found(&table, "255.255.255.255"), [5, 6]);
        assert_eq!(found(&table, "2001:db8:1::1"), [4]);
        assert_eq!(found(&table, "2001:db9::"), [0; 0]);
        assert_eq!(found(&table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), [7]);
        assert!(PrefixTable::<u8>::default().covering("10.0.0.1".parse().unwrap()).next().is_none());
    }

    #[test]
    fn forms_of_an_address_cell() {
        let texts = |text: &str| parse(text).map(|nets| nets.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(texts("10.1.2.3"), Ok(vec!["10.1.2.3/32".into()]));
        assert_eq!(texts("１０.1.0.0／16"), Ok(vec!["10.1.0.0/16".into()]));
        assert_eq!(texts("10.1.0.0/255.255.0.0"), Ok(vec!["10.1.0.0/16".into()]));
        assert_eq!(texts("10.0.0.1-10.0.0.3"), Ok(vec!["10.0.0.1/32".into(), "10.0.0.2/31".into()]));
        assert_eq!(texts("2001:db8::/32"), Ok(vec!["2001:db8::/32".into()]));
        assert_eq!(texts("::ffff:10.0.0.0/104"), Ok(vec!["10.0.0.0/8".into()]));
        assert!(texts("10.1.2.3/16").unwrap_err().contains("the network is `10.1.0.0/16`"));
        for wrong in ["", "10.1", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "example.jp", "10.0.0.0/255.0.255.0", "::/129"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_every_prefix(
            prefixes in proptest::collection::vec((any::<u16>(), 0u8..=32), 0..40),
            addresses in proptest::collection::vec(any::<u16>(), 1..40),
        ) {
            // Few distinct bits make nesting and neighbours likely.
            let spread = |bits: u16| u32::from(bits & 0xff00) << 16 | u32::from(bits & 0xff);
            let nets: Vec<IpNet> = prefixes
                .iter()
                .map(|(bits, length)| IpNet::new(std::net::Ipv4Addr::from(spread(*bits)).into(), *length).unwrap().trunc())
                .collect();
            let table = PrefixTable::build(nets.iter().copied().enumerate().map(|(i, net)| (net, i)).collect());
            let set = AddressSet::new(&nets);
            for bits in addresses {
                let ip = IpAddr::from(std::net::Ipv4Addr::from(spread(bits)));
                let mut expected: Vec<usize> = (0..nets.len()).filter(|i| nets[*i].contains(&ip)).collect();
                expected.sort_by_key(|i| (std::cmp::Reverse(nets[*i].prefix_len()), *i));
                prop_assert_eq!(table.covering(ip).flatten().copied().collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(set.contains(ip), !expected.is_empty());
            }
        }
    }
}
