//! Mail: single messages and mailboxes. Headers are text (they hold addresses), bodies are looked at like any other
//! text, attachments like any other member.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use memchr::memmem;

use super::guarded;
use crate::extract::out::Out;

/// Parts read of one message.
const MAX_PARTS: usize = 1_000;

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
    let mut headers = Vec::new();
    for address in [parsed.from(), parsed.to(), parsed.cc(), parsed.bcc(), parsed.reply_to()].into_iter().flatten() {
        for address in address.iter() {
            headers.extend_from_slice(address.name.as_deref().unwrap_or_default().as_bytes());
            headers.extend_from_slice(b" <");
            headers.extend_from_slice(address.address.as_deref().unwrap_or_default().as_bytes());
            headers.extend_from_slice(b">\n");
        }
    }
    headers.extend_from_slice(parsed.subject().unwrap_or_default().as_bytes());
    headers.push(b'\n');
    let mut found = vec![Part::Text(headers)];
    for part in parsed.parts.iter().take(MAX_PARTS) {
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => found.push(Part::Text(text.as_bytes().to_vec())),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let name = part.attachment_name().unwrap_or("attachment").to_owned();
                found.push(Part::Attachment(name, bytes.to_vec()));
            }
            PartType::Message(inner) => found.push(Part::Attachment("message".to_owned(), inner.raw_message.to_vec())),
            PartType::Multipart(_) => {}
        }
    }
    found
}
