//! Which addresses may be asked: those of the public Internet, by the special-purpose registries of IANA.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public Internet and to nobody's inner network, this machine included.
///
/// Refused are all special-purpose blocks of RFC 6890 and its successors, multicast, and IPv6 forms that carry an
/// IPv4 address (mapped, compatible, NAT64, 6to4, Teredo): whoever translates them would reach that address from
/// inside. A public address in such a form has a plain form that is allowed, so nothing is lost.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Special-purpose IPv4 blocks: network and prefix length.
const SPECIAL_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),       // this network (RFC 791); 0.0.0.0 reaches loopback on Linux
    ([10, 0, 0, 0], 8),      // private (RFC 1918)
    ([100, 64, 0, 0], 10),   // carrier-grade NAT (RFC 6598)
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, cloud metadata (RFC 3927)
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // IETF protocol assignments, metadata of some clouds (RFC 6890)
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 31, 196, 0], 24), // AS112
    ([192, 52, 193, 0], 24), // AMT
    ([192, 88, 99, 0], 24),  // 6to4 relay anycast (RFC 7526)
    ([192, 168, 0, 0], 16),  // private
    ([192, 175, 48, 0], 24), // AS112
    ([198, 18, 0, 0], 15),   // benchmarking
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
];

/// Addresses inside public blocks where clouds answer their own machines.
const METADATA_V4: [Ipv4Addr; 2] = [
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's platform address
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba's, within carrier-grade NAT
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    let special = |(network, prefix): &([u8; 4], u32)| {
        let shift = 32 - prefix;
        bits >> shift == u32::from_be_bytes(*network) >> shift
    };
    !SPECIAL_V4.iter().any(special) && !METADATA_V4.contains(&address)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    // Only 2000::/3 is global unicast; loopback, mapped and compatible forms, NAT64 (64:ff9b::/96, 64:ff9b:1::/48),
    // discard-only, unique local, link-local, site-local, SRv6 and multicast all lie outside it.
    let global = a & 0xe000 == 0x2000;
    let special = match a {
        0x2001 => b < 0x0200 || b == 0x0db8, // IETF assignments with Teredo, ORCHID, benchmarking; documentation
        0x2002 => true,                      // 6to4
        0x2620 => (b, c) == (0x004f, 0x8000), // AS112
        0x3fff => b < 0x1000,                // documentation (RFC 9637)
        _ => false,
    };
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_pass() {
        for public in
            ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn special_addresses_do_not() {
        let forms = "0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1 \
            172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 \
            203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200 :: ::1 \
            ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:20::1 \
            2001:2::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";
        for form in forms.split_whitespace() {
            assert!(!is_public(form.parse().unwrap()), "{form}");
        }
    }
}
