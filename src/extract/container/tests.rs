//! Containers opened, within their limits.

use std::io::Write;

use crate::extract::Limits;
use crate::extract::testing::{read, read_within};
use crate::model::{Sensitive, SkipReason};

const TEXT: &str = "nom;mail\nMartin;a@mail.example\nPetit;b@mail.example\nRoux;c@mail.example\n";

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(&str, &[u8])], options: ::zip::write::SimpleFileOptions) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn sevenz(name: &str, bytes: &[u8], password: Option<&str>) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    if let Some(password) = password {
        let aes = sevenz_rust2::encoder_options::AesEncoderOptions::new(password.into());
        writer.set_content_methods(vec![aes.into(), sevenz_rust2::EncoderMethod::LZMA2.into()]);
    }
    writer.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file(name), Some(bytes)).unwrap();
    writer.finish().unwrap().into_inner()
}

fn check(bytes: &[u8], member: &str) {
    let kept = read(bytes);
    assert_eq!(kept.cells(), [["Martin", "a@mail.example"], ["Petit", "b@mail.example"], ["Roux", "c@mail.example"]]);
    assert_eq!(kept.tables.last().unwrap().member, member);
    assert!(kept.skips.is_empty(), "{:?}", kept.skips);
}

#[test]
fn compressed_streams_are_read_also_in_parts() {
    let text = TEXT.as_bytes();
    let (one, two) = text.split_at(30);
    check(&gz(text), "");
    check(&[gz(one), gz(two)].concat(), "");
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bz.write_all(text).unwrap();
    check(&bz.finish().unwrap(), "");
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(text).unwrap();
    check(&xz.finish().unwrap(), "");
    check(&zstd::encode_all(text, 3).unwrap(), "");
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(text).unwrap();
    check(&lz4.finish().unwrap(), "");
}

#[test]
fn archives_are_read_within_each_other() {
    use ::zip::CompressionMethod as Method;
    let text = TEXT.as_bytes();
    for method in [Method::Stored, Method::Deflated, Method::Bzip2, Method::Zstd, Method::Lzma, Method::Xz] {
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
        if ![Method::Lzma].contains(&method) {
            check(&zip(&[("dump/a.csv", text)], options), "dump/a.csv");
        }
    }
    check(&gz(&tar(&[("db/a.csv", text)])), "db/a.csv");
    check(&sevenz("a.csv", text, None), "a.csv");
    let inner = zip(&[("a.csv", text)], Default::default());
    check(&tar(&[("b.zip", &gz(&inner))]), "b.zip/a.csv");
}

#[test]
fn an_encrypted_archive_is_an_event_unless_a_password_opens_it() {
    let options = ::zip::write::SimpleFileOptions::default().with_aes_encryption(::zip::AesMode::Aes256, "infected");
    let old = ::zip::write::SimpleFileOptions::default();
    let _ = old;
    for bytes in [zip(&[("a.csv", TEXT.as_bytes())], options), sevenz("a.csv", TEXT.as_bytes(), Some("infected"))] {
        let kept = read(&bytes);
        assert_eq!(kept.reasons(), [SkipReason::Encrypted]);
        let passwords = vec![Sensitive::new("wrong".to_owned()), Sensitive::new("infected".to_owned())];
        let kept = read_within(&bytes, &Limits { passwords, ..Limits::default() });
        assert_eq!(kept.rows.len(), 3, "{:?}", kept.skips);
        assert!(kept.skips.is_empty());
    }
}

#[test]
fn bombs_are_cut_and_the_cut_is_recorded_once() {
    let zeros = vec![b'0'; 30 << 20];
    let kept = read(&gz(&zeros));
    // One line without end, besides.
    assert_eq!(kept.reasons(), [SkipReason::TooLong, SkipReason::CompressionRatio]);
    let limits = Limits { expanded_bytes: 1 << 20, ..Limits::default() };
    let line = "Martin;a@mail.example;0612345678\n".repeat(100_000);
    let kept = read_within(&gz(line.as_bytes()), &limits);
    assert_eq!(kept.reasons(), [SkipReason::TooLarge]);
    assert!(kept.rows.len() > 10_000 && kept.bytes <= 1 << 20);
}

#[test]
fn depth_and_members_are_limited() {
    let mut bytes = TEXT.as_bytes().to_vec();
    for _ in 0..9 {
        bytes = gz(&bytes);
    }
    assert_eq!(read(&bytes).reasons(), [SkipReason::ArchiveDepth]);
    let members: Vec<(String, Vec<u8>)> = (0..30).map(|i| (format!("{i}.txt"), b"x".to_vec())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    let kept = read_within(&tar(&members), &Limits { members: 20, ..Limits::default() });
    assert_eq!(kept.reasons(), [SkipReason::ArchiveMembers]);
}

#[test]
fn damaged_data_gives_what_stands_before_the_damage() {
    let line: String = (0..200_000).map(|i| format!("n{i};user{i}@mail.example;{}\n", i * 7919 % 10_007)).collect();
    let mut bytes = gz(line.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let kept = read(&bytes);
    assert_eq!(kept.reasons(), [SkipReason::Damaged]);
    assert!(kept.rows.len() > 50_000);
}

#[test]
fn other_archives_are_named() {
    let kept = read(b"Rar!\x1a\x07\x01\0\x33\x92\xb5\xe5");
    assert_eq!(kept.reasons(), [SkipReason::Unsupported]);
    assert_eq!(kept.skips[0].detail, "rar archive");
}
