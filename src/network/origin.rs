//! Where a call comes from, as far as limits tell callers apart. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// How much of an IPv6 address names a network; whoever has one has all addresses in it.
const NETWORK_BITS: u32 = 64;

/// The address of a caller, or its network: addresses of IPv6 are counted by their /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// This process itself.
    Here,
    /// An address of IPv4, or the first one of a network of IPv6.
    Address(IpAddr),
}

impl From<Option<IpAddr>> for Origin {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Here,
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() & (u128::MAX << (128 - NETWORK_BITS));
                Self::Address(Ipv6Addr::from_bits(network).into())
            }
            Some(address) => Self::Address(address),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => formatter.write_str("this process"),
            Self::Address(IpAddr::V6(network)) => write!(formatter, "{network}/{NETWORK_BITS}"),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_origin_and_others_are_their_own() {
        let origin = |address: &str| Origin::from(Some(address.parse().expect("an address")));
        for (address, counts_as) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(origin(address).to_string(), counts_as, "{address}");
        }
        assert_ne!(origin("192.0.2.7"), origin("192.0.2.8"));
        assert_eq!(Origin::from(None).to_string(), "this process");
    }
}
