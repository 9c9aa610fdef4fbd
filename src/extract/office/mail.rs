//! Mail: single messages and mailboxes. Headers are text (they hold addresses), bodies are looked at like any other
//! text, attachments like any other member.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use memchr::memmem;

use super::guarded;
use crate::extract::out::Out;

/// Parts read of one message.
const MAX_PARTS: usize = 1_000;

/// Bytes and lines of a body that is read as one paragraph.
const MAX_NOTE: usize = 1024;
const MAX_NOTE_LINES: usize = 12;

/// Headers that a message begins with, in whatever order.
const HEADERS: [&[u8]; 12] = [
    b"received:",
    b"from:",
    b"to:",
    b"subject:",
    b"date:",
    b"message-id:",
    b"mime-version:",
    b"return-path:",
    b"content-type:",
    b"delivered-to:",
    b"x-",
    b"dkim-signature:",
];

/// Whether a text is a message or a mailbox: it begins with headers of mail, three of them before the first blank line.
pub(crate) fn is_mail(text: &[u8]) -> bool {
    let head = &text[..text.len().min(8 << 10)];
    let head = match head.strip_prefix(b"From ") {
        Some(rest) => &rest[memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1)..],
        None => head,
    };
    let mut found = 0;
    let mut named = false;
    for line in head.split(|b| *b == b'\n') {
        let lower = line[..line.len().min(24)].to_ascii_lowercase();
        if lower.trim_ascii().is_empty() {
            break;
        }
        let header = HEADERS.iter().any(|header| lower.starts_with(header));
        if found == 0 && !header {
            return false;
        }
        found += usize::from(header);
        named |= [&b"message-id:"[..], b"mime-version:", b"received:", b"return-path:", b"content-type:"]
            .iter()
            .any(|h| lower.starts_with(h));
    }
    found >= 3 && named
}

/// What a message is made of, for the container's reader: text to look at, and attachments with their names.
pub(crate) enum Part {
    Text(Vec<u8>),
    Attachment(String, Vec<u8>),
}

/// Reads the messages of a text, one after another, into `each`, which says whether to go on.
pub(crate) fn read(out: &mut Out<'_>, text: &[u8], mut each: impl FnMut(&mut Out<'_>, Part) -> bool) {
    let mut at = 0;
    while at < text.len() && !out.stopped() {
        let end = memmem::find(&text[at + 1..], b"\nFrom ")
            .filter(|_| text.starts_with(b"From "))
            .map_or(text.len(), |i| at + 1 + i + 1);
        let message = &text[at..end];
        let body = message
            .strip_prefix(b"From ")
            .map_or(message, |rest| &rest[memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1)..]);
        for part in guarded(out, "mail", || parts(body)).unwrap_or_else(|| vec![Part::Text(body.to_vec())]) {
            if !each(out, part) {
                return;
            }
        }
        at = end;
    }
}

fn parts(message: &[u8]) -> Vec<Part> {
    let Some(parsed) = MessageParser::default().parse(message) else { return vec![Part::Text(message.to_vec())] };
    let (mut sender, mut headers) = (Vec::new(), Vec::new());
    addresses(&mut sender, [parsed.from(), parsed.reply_to()]);
    addresses(&mut headers, [parsed.to(), parsed.cc(), parsed.bcc()]);
    headers.extend_from_slice(parsed.subject().unwrap_or_default().as_bytes());
    headers.push(b'\n');
    // Who wrote stands apart from whom and what it is about.
    let mut found = vec![Part::Text([&sender[..], b"\n"].concat())];
    let texts = parsed.parts.iter().filter(|part| matches!(part.body, PartType::Text(_) | PartType::Html(_))).count();
    for part in parsed.parts.iter().take(MAX_PARTS) {
        match &part.body {
            PartType::Text(text) if texts == 1 && is_note(text.as_bytes()) => {
                headers.extend(
                    text.lines()
                        .filter(|line| !line.trim().is_empty())
                        .flat_map(|line| [line, "\n"])
                        .flat_map(str::bytes),
                );
                headers.push(b'\n');
            }
            PartType::Text(text) | PartType::Html(text) => found.push(Part::Text(text.as_bytes().to_vec())),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let name = part.attachment_name().unwrap_or("attachment").to_owned();
                found.push(Part::Attachment(name, bytes.to_vec()));
            }
            PartType::Message(inner) => found.push(Part::Attachment("message".to_owned(), inner.raw_message.to_vec())),
            PartType::Multipart(_) => {}
        }
    }
    found.insert(1, Part::Text(headers));
    found
}

/// Names and addresses, one a line.
fn addresses<'m>(to: &mut Vec<u8>, fields: impl IntoIterator<Item = Option<&'m mail_parser::Address<'m>>>) {
    for address in fields.into_iter().flatten().flat_map(|field| field.iter()) {
        to.extend_from_slice(address.name.as_deref().unwrap_or_default().as_bytes());
        to.extend_from_slice(b" <");
        to.extend_from_slice(address.address.as_deref().unwrap_or_default().as_bytes());
        to.extend_from_slice(b">\n");
    }
}

/// Whether a body is a short note: all of it is about whom it is written to, so its paragraphs are one.
fn is_note(body: &[u8]) -> bool {
    let lines = body.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let addresses = memchr::memchr_iter(b'@', body).count();
    body.len() <= MAX_NOTE && lines.count() <= MAX_NOTE_LINES && addresses <= 1
}
