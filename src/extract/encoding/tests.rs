//! Encodings recognised and repaired.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::extract::testing::read;

const TEXT: &str = "nom;prénom;mail\nLefèvre;Zoé;zoe@mail.example\nMüller;François;f.muller@mail.example\nGarçon;Maëlle;m@mail.example\n\
                    Cœur;Noël;n@mail.example\n";

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

fn utf32(text: &str, big: bool) -> Vec<u8> {
    text.chars().flat_map(|c| if big { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() }).collect()
}

#[test]
fn every_encoding_is_recognised_and_read() {
    let single = |encoding: &'static Encoding| encoding.encode(TEXT).0.into_owned();
    for (name, bytes) in [
        ("UTF-8", TEXT.as_bytes().to_vec()),
        ("UTF-8", [b"\xef\xbb\xbf", TEXT.as_bytes()].concat()),
        ("UTF-16LE", utf16(TEXT, false)),
        ("UTF-16BE", utf16(TEXT, true)),
        ("UTF-16LE", [b"\xff\xfe".to_vec(), utf16(TEXT, false)].concat()),
        ("UTF-32LE", utf32(TEXT, false)),
        ("UTF-32BE", utf32(TEXT, true)),
        ("windows-1252", single(encoding_rs::WINDOWS_1252)),
        ("ISO-8859-15", single(encoding_rs::ISO_8859_15)),
        ("macintosh", single(encoding_rs::MACINTOSH)),
    ] {
        assert_eq!(super::name(detect(&bytes).0), name);
        let kept = read(&bytes);
        assert_eq!(kept.headers(), [Some(vec!["nom", "prénom", "mail"])], "{name}");
        assert_eq!(kept.cells()[1], ["Müller", "François", "f.muller@mail.example"], "{name}");
        assert_eq!(kept.cells()[3][0], "Cœur", "{name}");
    }
}

#[test]
fn cyrillic_and_polish_are_not_taken_for_western() {
    let russian = "Иванов;Пётр;p@mail.example\nСмирнова;Анна;a@mail.example\nКузнецов;Олег;o@mail.example\n".repeat(4);
    let bytes = encoding_rs::WINDOWS_1251.encode(&russian).0.into_owned();
    assert_eq!(super::name(detect(&bytes).0), "windows-1251");
}

#[test]
fn text_read_wrongly_once_or_twice_is_repaired() {
    let hurt = |text: &str| encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned();
    let original = "François Müller, Éloïse à Âne, cœur, 10 €, l’été";
    let (once, twice) = (hurt(original), hurt(&hurt(original)));
    for text in [original, &once, &twice] {
        assert_eq!(String::from_utf8_lossy(&mojibake::repaired(Cow::Borrowed(text.as_bytes()))), original);
    }
    for unhurt in ["São João, coração, MÃE", "Ångström, Ärger", "« CAFÉ »"] {
        assert_eq!(String::from_utf8_lossy(&mojibake::repaired(Cow::Borrowed(unhurt.as_bytes()))), unhurt);
    }
}

#[test]
fn single_lines_of_another_encoding_are_read_too() {
    let mut bytes = "Lefèvre;Zoé;zoe@mail.example\n".repeat(5).into_bytes();
    bytes.extend_from_slice(b"Garnier;Andr\xe9;andre@mail.example\n");
    assert_eq!(read(&bytes).cells()[5][1], "André");
}

#[test]
fn old_mac_line_ends_end_lines() {
    let kept = read(TEXT.replace('\n', "\r").as_bytes());
    assert_eq!(kept.rows.len(), 4);
}

#[test]
fn noise_gives_only_its_addresses() {
    let mut noise: Vec<u8> = (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x9f).collect();
    assert_eq!(super::noise(&noise), Some(vec![]));
    noise.extend_from_slice(b"\0\0jeanne@mail.example\0\0");
    assert_eq!(super::noise(&noise), Some(b"jeanne@mail.example\n".to_vec()));
    assert_eq!(super::noise(TEXT.as_bytes()), None);
}

/// How a text may be written down.
fn written(text: &str, how: usize) -> Vec<u8> {
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    let hurt = |text: &str| encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned();
    match how {
        0 => text.as_bytes().to_vec(),
        1 => marked(b"\xef\xbb\xbf", text.as_bytes().to_vec()),
        2 => utf16(text, false),
        3 => utf16(text, true),
        4 => marked(b"\xff\xfe", utf16(text, false)),
        5 => marked(b"\xfe\xff", utf16(text, true)),
        6 => utf32(text, false),
        7 => utf32(text, true),
        8 => marked(b"\xff\xfe\0\0", utf32(text, false)),
        9 => marked(b"\0\0\xfe\xff", utf32(text, true)),
        // ISO-8859-1 is what of Windows-1252 has no signs of print.
        10 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        11 => encoding_rs::ISO_8859_15.encode(text).0.into_owned(),
        12 => encoding_rs::MACINTOSH.encode(text).0.into_owned(),
        13 => hurt(text).into_bytes(),
        _ => hurt(&hurt(text)).into_bytes(),
    }
}

/// Names as they are met in the countries whose encodings these are.
const NAMES: [&str; 24] = [
    "Lefèvre",
    "Müller",
    "François",
    "Zoé",
    "Maëlle",
    "Noël",
    "Garçon",
    "Hélène",
    "Jérôme",
    "Benoît",
    "Günther",
    "Peña",
    "Núñez",
    "Åström",
    "Søren",
    "Gonçalves",
    "Inês",
    "Weiß",
    "Anaïs",
    "Loïc",
    "Martin",
    "Petit",
    "Chloé",
    "Éloïse",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever encoding a table of names is written in, its values come out.
    #[test]
    fn names_survive_every_encoding(
        rows in prop::collection::vec((prop::sample::select(&NAMES[..]), prop::sample::select(&NAMES[..]), 10_000_000u64..99_999_999), 8..40),
        how in 0usize..15,
    ) {
        let rows: Vec<[String; 3]> = rows.into_iter().map(|(a, b, n)| [a.to_owned(), b.to_owned(), format!("06{n}")]).collect();
        let text: String = rows.iter().map(|row| row.join(";") + "\n").collect();
        let kept = read(&written(&text, how));
        prop_assert_eq!(kept.cells(), rows, "{}", how);
    }
}

#[test]
fn a_sample_may_end_within_a_character() {
    let cut = |from: &str| {
        let bytes = &from.as_bytes()[..SAMPLE];
        without_cut_character(bytes).len()
    };
    assert_eq!(cut(&"é".repeat(SAMPLE)), SAMPLE);
    assert_eq!(cut(&format!("a{}", "é".repeat(SAMPLE))), SAMPLE - 1);
    assert_eq!(cut(&format!("a{}", "€".repeat(SAMPLE))), SAMPLE);
    assert_eq!(cut(&"€".repeat(SAMPLE)), SAMPLE - 1);
    assert_eq!(cut(&format!("aa{}", "€".repeat(SAMPLE))), SAMPLE - 2);
    // What stands at the end of a shorter text is no beginning of anything, and what is wrong stays.
    assert_eq!(without_cut_character(b"a\xc3"), b"a\xc3");
    let western = [vec![b'a'; SAMPLE - 2], vec![0xe9, b'e']].concat();
    assert_eq!(without_cut_character(&western).len(), SAMPLE);
}
