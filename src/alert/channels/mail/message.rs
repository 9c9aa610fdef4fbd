//! Writing a mail: what the recipient reads, and the envelope around it.
//!
//! Inside are the report as text and the alert as JSON. Around it, for whoever carries the mail, stands only which
//! alert it is about and its TLP.

use std::time::SystemTime;

use lettre::message::header::{ContentDisposition, ContentType, HeaderName, HeaderValue, To};
use lettre::message::{Message, MultiPart, SinglePart};

use super::Settings;
use crate::alert::channel::{DeliveryError, Notice};
use crate::alert::{escape, report};
use crate::model::{Alert, Change};

/// Documents in the JSON: the latest; the report says how many there are.
const DOCUMENTS: usize = 50;

/// What makes the Message-ID of this telling: the same however often it is sent.
pub fn id(settings: &Settings, notice: &Notice) -> String {
    format!("<{}@{}>", notice.key(), settings.from.email.domain())
}

/// What the recipient reads.
///
/// # Errors
/// When the alert cannot be written as JSON.
pub fn content(notice: &Notice) -> Result<MultiPart, DeliveryError> {
    let json = if notice.change == Change::Digest {
        escape::json(&notice.digest.iter().map(latest).collect::<Vec<_>>())
    } else {
        escape::json(&latest(&notice.alert))
    };
    let json = json.map_err(|e| DeliveryError::refused(format!("cannot be written as JSON: {e}")))?;
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(report::plain(notice));
    let data = SinglePart::builder().header(media_type("application/json")?);
    let data = data.header(ContentDisposition::attachment("alert.json")).body(json);
    Ok(MultiPart::mixed().boundary(boundary("content", notice)).singlepart(text).singlepart(data))
}

fn media_type(name: &str) -> Result<ContentType, DeliveryError> {
    ContentType::parse(name).map_err(|e| DeliveryError::refused(e.to_string()))
}

fn latest(alert: &Alert) -> Alert {
    let skipped = alert.documents.len().saturating_sub(DOCUMENTS);
    Alert { documents: alert.documents[skipped..].to_vec(), ..alert.clone() }
}

/// A line that no content has. Made of the identity, so that a mail repeated is the same.
fn boundary(part: &str, notice: &Notice) -> String {
    let drawn = blake3::derive_key("vigie 2026 mail boundary", format!("{part} {}", notice.key()).as_bytes());
    let hex: String = drawn[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("=_vigie_{hex}")
}

/// The mail with its content in clear.
///
/// # Errors
/// When the mail cannot be put together.
pub fn in_clear(settings: &Settings, notice: &Notice, part: MultiPart) -> Result<Vec<u8>, DeliveryError> {
    finished(settings, notice, part)
}

/// The mail with its content encrypted: exactly the two parts of RFC 3156, section 4.
///
/// # Errors
/// When the mail cannot be put together.
pub fn encrypted(settings: &Settings, notice: &Notice, armored: String) -> Result<Vec<u8>, DeliveryError> {
    let control = SinglePart::builder().header(media_type("application/pgp-encrypted")?);
    let control = control.body("Version: 1\r\n".to_owned());
    let data = SinglePart::builder().header(media_type("application/octet-stream; name=\"encrypted.asc\"")?);
    let data = data.header(ContentDisposition::inline_with_name("encrypted.asc")).body(armored);
    let both = MultiPart::encrypted("application/pgp-encrypted".to_owned()).boundary(boundary("pgp", notice));
    finished(settings, notice, both.singlepart(control).singlepart(data))
}

fn finished(settings: &Settings, notice: &Notice, part: MultiPart) -> Result<Vec<u8>, DeliveryError> {
    let own = id(settings, notice);
    let mut mail = Message::builder()
        .date(SystemTime::from(notice.alert.updated_at))
        .from(settings.from.clone())
        .header(To::from(settings.to.iter().cloned().collect::<lettre::message::Mailboxes>()))
        .subject(subject(settings, notice))
        .message_id(Some(own.clone()))
        // Holiday notices and bounces of lists answer neither of these (RFC 3834, and what Exchange reads).
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if let Some(reply_to) = &settings.reply_to {
        mail = mail.reply_to(reply_to.clone());
    }
    if let Some(root) = notice.reference.as_ref().filter(|root| **root != own) {
        mail = mail.in_reply_to(root.clone()).references(root.clone());
    }
    let mail = mail.multipart(part).map_err(|e| DeliveryError::refused(format!("no mail can be made of it: {e}")))?;
    Ok(mail.formatted())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Whoever carries an encrypted mail reads its subject too, so it says nothing of the content. The same for every
/// mail of an alert: many programs thread by it.
fn subject(settings: &Settings, notice: &Notice) -> String {
    let alert = &notice.alert;
    match (settings.is_plain(), notice.change) {
        (true, _) => format!("[vigie] {}", report::title(notice)),
        (false, Change::Digest) => format!("[vigie] digest, TLP:{}", alert.tlp.to_string().to_uppercase()),
        (false, _) => format!("[vigie] alert {}, TLP:{}", alert.id, alert.tlp.to_string().to_uppercase()),
    }
}
