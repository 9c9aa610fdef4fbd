//! A mailbox in mbox form that grows: a mailing list's archive, the inbox of a subscribed address. Each message is a post.
//!
//! It is read from where it was left, and from its beginning when it is another file or was cut; messages read before are
//! recognised by the intake. The last message counts as whole when another one begins behind it, or when the file has
//! not changed for a while. Nothing is written to the mailbox.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};

use super::cursor::Memory;
use super::intake::Intake;
use super::page::mark;
use super::settings::MboxRules;
use super::visit::{Outcome, Stop, Visitor};
use crate::model::{Attachment, Post, Skip, SkipReason};

/// Read in one visit, bytes; the rest has its turn at the next.
const MAX_READ: u64 = 64 << 20;
/// What tells one file from another: its first bytes.
const HEAD: usize = 512;

/// Where reading stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes read.
    offset: u64,
    /// Mark of the first bytes, and how many they were.
    head: u64,
    head_len: usize,
}

/// A message as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
struct Letter {
    bytes: Vec<u8>,
    /// Bytes that it had beyond what is kept.
    cut: u64,
}

/// What was found behind the place.
#[derive(Debug, Default)]
struct Found {
    letters: Vec<Letter>,
    place: Place,
}

impl<I: Intake> Visitor<I> {
    /// Reads the messages that have come.
    pub(super) async fn visit_mbox(&self, rules: &MboxRules, memory: &mut Memory) -> Outcome {
        let mut outcome = Outcome::default();
        let (path, settle, max) = (rules.path.clone(), rules.settle, self.site.max_body);
        let place = memory.mbox.clone();
        let read = tokio::task::spawn_blocking(move || read(&path, &place, settle, max)).await;
        let found = match read.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
            Ok(found) => found,
            Err(error) => return Outcome { fault: Some(Stop::Folder(error.kind())), ..outcome },
        };
        outcome.sight.listed = found.letters.len();
        for letter in found.letters {
            if self.stop.is_cancelled() {
                return Outcome { fault: Some(Stop::Cancelled), ..outcome };
            }
            match self.deliver(self.letter_post(rules, letter)).await {
                Ok(accepted) => outcome.sight.accepted += u64::from(accepted),
                // The place does not move: all of these are read again.
                Err(stop) => return Outcome { fault: Some(stop), ..outcome },
            }
        }
        if memory.mbox != found.place {
            memory.mbox = found.place;
            if let Err(refused) = self.intake.save_cursor(&self.site.id, &memory.to_cursor()).await {
                outcome.fault = Some(Stop::Refused(refused));
            }
        }
        outcome
    }

    fn letter_post(&self, rules: &MboxRules, letter: Letter) -> Post {
        let parsed = MessageParser::default().parse_headers(&letter.bytes);
        let parsed = parsed.as_ref();
        let text = |value: &str| super::text::cut(value.trim(), 1024).to_owned();
        let key = parsed.and_then(|message| message.message_id()).map(str::to_owned);
        let author = parsed.and_then(|message| message.from()?.first().cloned());
        let author = author.and_then(|from| from.name.or(from.address).map(|name| text(&name)));
        let date = parsed.and_then(|message| message.date()).map(mail_parser::DateTime::to_timestamp);
        let mut skipped = Vec::new();
        if letter.cut > 0 {
            let detail = format!("cut after {} bytes, {} more", letter.bytes.len(), letter.cut);
            skipped.push(Skip::new("", SkipReason::TooLarge, detail));
        }
        let now = self.now();
        let key = key.unwrap_or_else(|| blake3::hash(&letter.bytes).to_hex()[..32].to_owned());
        Post {
            id: self.post_id(&key),
            revision: [0; 32],
            site: self.site.id.clone(),
            url: url::Url::from_file_path(&rules.path).map_or_else(|()| "file:mbox".to_owned(), String::from),
            title: parsed.and_then(|message| message.subject()).map(text),
            author,
            posted_at: date.and_then(|second| jiff::Timestamp::from_second(second).ok()),
            seen_at: now,
            fetched_at: now,
            body: Attachment {
                name: "message.eml".into(),
                media_type: Some("message/rfc822".into()),
                bytes: letter.bytes,
            },
            attachments: Vec::new(),
            skipped,
            exchanges: Vec::new(),
        }
    }
}

/// Reads from `place` on.
fn read(path: &Path, place: &Place, settle: Duration, max: usize) -> io::Result<Found> {
    // A pipe put in the place of a file must not make the reader wait; a link could name any file.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file: File = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut head = Vec::new();
    (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
    let same =
        meta.len() >= place.offset && head.len() >= place.head_len && print(&head[..place.head_len]) == place.head;
    let from = if same && place.head_len > 0 { place.offset } else { 0 };
    let age = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    let settled = age.is_some_and(|age| age >= settle);
    file.seek(SeekFrom::Start(from))?;
    let (letters, taken) = letters(&mut BufReader::new(file.take(MAX_READ + max as u64)), settled, max)?;
    Ok(Found { letters, place: Place { offset: from + taken, head: print(&head), head_len: head.len() } })
}

fn print(head: &[u8]) -> u64 {
    mark([blake3::hash(head).to_hex().as_str()])
}

/// The whole messages of a stretch that begins at a message, and how many bytes they take. `settled`: what stands last
/// is whole.
fn letters(from: &mut impl BufRead, settled: bool, max: usize) -> io::Result<(Vec<Letter>, u64)> {
    let (mut letters, mut open, mut line) = (Vec::new(), None::<Letter>, Vec::new());
    let (mut at, mut taken, mut held, mut blank) = (0_u64, 0_u64, 0_u64, true);
    loop {
        line.clear();
        // A line longer than a message may be comes in pieces, which changes nothing.
        let read = (&mut *from).take(1 << 20).read_until(b'\n', &mut line)? as u64;
        let begins = read > 0 && blank && line.starts_with(b"From ");
        if begins || read == 0 {
            if let Some(letter) = open.take_if(|_| begins || settled) {
                held += letter.bytes.len() as u64;
                letters.push(letter);
                taken = at;
            }
            if read == 0 || held >= MAX_READ {
                return Ok((letters, taken));
            }
            open = Some(Letter { bytes: Vec::new(), cut: 0 });
        } else if let Some(letter) = &mut open {
            // `>From ` within a message was `From ` when it was sent.
            let quoted = line.iter().position(|b| *b != b'>').is_some_and(|n| n > 0 && line[n..].starts_with(b"From "));
            let kept = &line[usize::from(quoted)..];
            let room = max.saturating_sub(letter.bytes.len()).min(kept.len());
            letter.bytes.extend_from_slice(&kept[..room]);
            letter.cut += (kept.len() - room) as u64;
        }
        blank = matches!(line.as_slice(), b"\n" | b"\r\n");
        at += read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, settled: bool) -> (Vec<String>, u64) {
        let (letters, taken) = letters(&mut BufReader::new(text.as_bytes()), settled, 1000).unwrap();
        (letters.into_iter().map(|letter| String::from_utf8(letter.bytes).unwrap()).collect(), taken)
    }

    const TWO: &str = "From a@x Fri Jan  2 03:00:00 2026\nSubject: one\n\nFrom here on\n>From the start\n\n\
        From b@x Fri Jan  2 04:00:00 2026\nSubject: two\n\nbody\n";

    #[test]
    fn messages_begin_behind_an_empty_line_and_the_last_waits_until_it_is_whole() {
        let (whole, taken) = split(TWO, true);
        // The first message's own line begins with the mark right behind its empty line: mailers quote that one.
        assert_eq!(taken, TWO.len() as u64);
        assert!(whole.last().unwrap().starts_with("Subject: two"), "{whole:?}");
        let quoted = TWO.replacen("\n\nFrom here", "\n\n>From here", 1);
        let (whole, taken) = split(&quoted, true);
        assert_eq!((whole.len(), taken), (2, quoted.len() as u64));
        assert!(whole[0].contains("\nFrom here on\nFrom the start\n"), "{whole:?}");
        let (whole, taken) = split(&quoted, false);
        assert_eq!((whole.len(), taken), (1, quoted.find("From b@x").unwrap() as u64));
        assert_eq!(split("", true), (Vec::new(), 0));
    }

    #[test]
    fn a_huge_message_is_cut_and_the_next_one_read() {
        let text = format!("From a\n\n{}\n\nFrom b\n\nsmall\n", "x".repeat(5000));
        let (letters, taken) = letters(&mut BufReader::new(text.as_bytes()), true, 1000).unwrap();
        assert_eq!((letters.len(), letters[0].bytes.len(), taken), (2, 1000, text.len() as u64));
        assert!(letters[0].cut >= 4000);
        assert_eq!(letters[1].bytes, b"\nsmall\n");
    }

    #[test]
    fn it_is_read_on_where_it_was_left_and_anew_when_it_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.mbox");
        let letter = |n: u32| format!("From a@x\nSubject: {n}\n\nbody {n}\n\n");
        std::fs::write(&path, letter(1) + &letter(2)).unwrap();
        let read_on = |place: &Place| read(&path, place, Duration::ZERO, 1000).unwrap();
        let first = read_on(&Place::default());
        assert_eq!(first.letters.len(), 2);
        assert_eq!(read_on(&first.place).letters.len(), 0);
        std::fs::write(&path, letter(1) + &letter(2) + &letter(3)).unwrap();
        let grown = read_on(&first.place);
        assert_eq!(grown.letters.len(), 1);
        assert!(grown.letters[0].bytes.starts_with(b"Subject: 3"));
        std::fs::write(&path, letter(7)).unwrap();
        assert_eq!(read_on(&grown.place).letters.len(), 1, "a shorter file is another one");
        std::fs::write(&path, letter(8) + &letter(9) + &letter(3) + &letter(4)).unwrap();
        assert_eq!(read_on(&grown.place).letters.len(), 4, "and one that begins otherwise");
    }
}
