//! A gzip file that unpacks to itself, for ever: the construction is Russ Cox's ("Zip Files All The Way Down", 2010).
//!
//! It is written in two instructions of five bytes each, both of which deflate has: `print` (a stored block's head: what
//! follows is printed) and `repeat` (a block of two matches: what was just printed is printed again). The checksum of
//! the file stands in the file; since the checksum is linear in its bits, it is solved for.

const UNIT: usize = 5;

/// Prints the `bytes` that follow.
fn print(bytes: usize) -> Vec<u8> {
    let length = (bytes as u16).to_le_bytes();
    vec![0, length[0], length[1], !length[0], !length[1]]
}

/// Prints the last 17 to 20 bytes again: two matches at that distance, in a block of its own of forty bits.
fn repeat(bytes: usize) -> Vec<u8> {
    assert!((17..=20).contains(&bytes));
    let (mut bits, mut count) = (0_u64, 0);
    let mut put = |value: u64, width: u32| {
        bits |= value << count;
        count += width;
    };
    // Huffman codes are written from their first bit on.
    let code = |value: u64, width: u32| value.reverse_bits() >> (64 - width);
    put(0b010, 3);
    for length in [10, bytes - 10] {
        put(code(length as u64 - 2, 7), 7);
        put(code(8, 5), 5);
        put(bytes as u64 - 17, 3);
    }
    put(code(0, 7), 7);
    assert_eq!(count, 40);
    bits.to_le_bytes()[..UNIT].to_vec()
}

/// The file with `checksum` in the two places where it stands.
fn with(checksum: u32) -> Vec<u8> {
    let prefix = b"\x1f\x8b\x08\x08\0\0\0\0\0\xffq\0".to_vec();
    let unit = |times: usize| print(times * UNIT);
    let (n, m) = (prefix.len() + UNIT, 13 + UNIT);
    let (ln, rn, lm, rm, r4) = (print(n), repeat(n), print(m), repeat(m), repeat(4 * UNIT));
    let build = |length: u32| {
        let end = [&print(0)[..], &checksum.to_le_bytes(), &length.to_le_bytes()].concat();
        let end = [&[1], &end[1..]].concat();
        let parts: Vec<&[u8]> = vec![&prefix, &ln, &prefix, &ln, &rn];
        let (l0, l1, l4) = (unit(0), unit(1), unit(4));
        let middle: Vec<&[u8]> = vec![
            &l1, &rn, &l1, &l1, &l4, &rn, &l1, &l1, &l4, &r4, &l4, &r4, &l4, &r4, &l4, &r4, &l4, &r4, &l0, &l0, &lm,
            &r4, &l0, &l0, &lm, &rm, &end, &rm, &end,
        ];
        [parts.concat(), middle.concat()].concat()
    };
    let length = build(0).len() as u32;
    build(length)
}

/// The file.
pub fn quine() -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let constant = crc(&with(0));
    // Row `i` of the equations: which bits of the sought checksum make up bit `i` of what must be `constant`.
    let columns: Vec<u32> = (0..32).map(|bit| crc(&with(1 << bit)) ^ constant ^ (1 << bit)).collect();
    let mut rows: Vec<u64> = (0..32)
        .map(|i| {
            (0..32).fold(u64::from(constant >> i & 1) << 32, |row, bit| row | u64::from(columns[bit] >> i & 1) << bit)
        })
        .collect();
    for bit in 0..32 {
        let pivot = (bit..32).find(|row| rows[*row] >> bit & 1 == 1).expect("the equations can be solved");
        rows.swap(bit, pivot);
        for row in 0..32 {
            if row != bit && rows[row] >> bit & 1 == 1 {
                rows[row] ^= rows[bit];
            }
        }
    }
    with((0..32).fold(0, |sum, bit| sum | ((rows[bit] >> 32 & 1) as u32) << bit))
}

#[test]
fn it_unpacks_to_itself() {
    use std::io::Read;
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(quine().as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, quine());
}
