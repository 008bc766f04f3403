//! A small writer of databases in MaxMind's format (version 2.0): IPv4 networks to countries, records of 24 bits.

use std::net::Ipv4Addr;

/// What a branch of the tree leads to: nothing, another node, or the record of a country.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Country(usize),
}

/// Returns the bytes of a database.
pub fn countries(networks: &[(Ipv4Addr, u8, &str)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nothing; 2]];
    for (index, (address, prefix, _)) in networks.iter().enumerate() {
        let mut node = 0;
        for bit in 0..*prefix {
            let side = usize::from(address.to_bits() & (1 << (31 - bit)) != 0);
            if bit + 1 == *prefix {
                nodes[node][side] = Branch::Country(index);
            } else if let Branch::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Branch::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[node][side] = Branch::Node(next);
                node = next;
            }
        }
    }
    let mut data = Vec::new();
    let mut offsets = Vec::new();
    for (_, _, code) in networks {
        offsets.push(data.len());
        map(&mut data, 1);
        text(&mut data, "country");
        map(&mut data, 1);
        text(&mut data, "iso_code");
        text(&mut data, code);
    }
    let mut bytes = Vec::new();
    for node in &nodes {
        for branch in node {
            let value = match branch {
                Branch::Nothing => nodes.len(),
                Branch::Node(next) => *next,
                Branch::Country(index) => nodes.len() + 16 + offsets[*index],
            };
            bytes.extend_from_slice(&u32::try_from(value).unwrap().to_be_bytes()[1..]);
        }
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    map(&mut bytes, 9);
    number(&mut bytes, "binary_format_major_version", 5, 2);
    number(&mut bytes, "binary_format_minor_version", 5, 0);
    text(&mut bytes, "build_epoch");
    // uint64: an extended type, 9 - 7.
    bytes.extend_from_slice(&[0x08, 2]);
    bytes.extend_from_slice(&1_700_000_000_u64.to_be_bytes());
    text(&mut bytes, "database_type");
    text(&mut bytes, "Test-Country");
    text(&mut bytes, "description");
    map(&mut bytes, 0);
    number(&mut bytes, "ip_version", 5, 4);
    text(&mut bytes, "languages");
    // An empty array: an extended type, 11 - 7.
    bytes.extend_from_slice(&[0x00, 4]);
    number(&mut bytes, "node_count", 6, nodes.len());
    number(&mut bytes, "record_size", 5, 24);
    bytes
}

fn map(bytes: &mut Vec<u8>, pairs: u8) {
    bytes.push(7 << 5 | pairs);
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29);
    bytes.push(2 << 5 | u8::try_from(text.len()).unwrap());
    bytes.extend_from_slice(text.as_bytes());
}

/// A number of type 5 (uint16) or 6 (uint32), under a name.
fn number(bytes: &mut Vec<u8>, name: &str, kind: u8, value: usize) {
    text(bytes, name);
    let value = u32::try_from(value).unwrap().to_be_bytes();
    let length = if kind == 5 { 2 } else { 4 };
    bytes.push(kind << 5 | u8::try_from(length).unwrap());
    bytes.extend_from_slice(&value[4 - length..]);
}
