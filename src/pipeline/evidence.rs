//! A matching post is captured before anybody is told of it: the alert names what can be proved.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::flow::Flow;
use crate::alert::Judged;
use crate::audit::{Action, Trail};
use crate::evidence::{Captured, EvidenceError, Subject, Vault};
use crate::model::{EvidenceRef, Post, Verdict};
use crate::telemetry::{events, metrics};

/// Where captures go, and where it is recorded that they did.
pub struct Keeping {
    /// Writes them.
    pub vault: Arc<Vault>,
    /// Records them.
    pub trail: Trail,
}

/// Pauses between the tries to capture a post. An alert waits for its capture this long and no longer: what a disk
/// cannot take must not keep the CERT from being told.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

impl Flow {
    /// Captures a post in which something was found; what its alert says of that. Judging it again finds the capture
    /// that is there.
    pub(super) async fn captured(&self, post: &Arc<Post>, judged: &Judged) -> Option<EvidenceRef> {
        let keeping = Arc::clone(self.evidence.as_ref()?);
        // Judging gives one assessment for each document of the post, in their order.
        let verdicts: Arc<[Verdict]> = judged.documents.iter().map(|document| document.report.verdict).collect();
        verdicts.iter().any(|verdict| verdict.is_finding()).then_some(())?;
        let mut pauses = PAUSES.into_iter();
        loop {
            let (keeping, post_, verdicts) = (Arc::clone(&keeping), Arc::clone(post), Arc::clone(&verdicts));
            let judged_at = judged.at;
            let kept = spawn_blocking(move || {
                let subject = Subject { post: &post_, verdicts: &verdicts, judged_at };
                keeping.capture(subject).map_err(|error| (subject.id(), error))
            });
            let (id, error) = match kept.await {
                Ok(Ok(evidence)) => return Some(evidence),
                Ok(Err((id, error))) => (id, error),
                Err(_) => return None,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    events::evidence_failed(&post.id, &error);
                    let missing = vec!["the capture could not be written; the service's log says why".to_owned()];
                    return Some(EvidenceRef { id, manifest_sha256: None, missing });
                }
            }
        }
    }
}

impl Keeping {
    fn capture(&self, subject: Subject<'_>) -> Result<EvidenceRef, EvidenceError> {
        let Captured { evidence, written } = self.vault.capture(subject)?;
        if let Some(bytes) = written {
            events::evidence_captured(&subject.post.id, &evidence.id, bytes);
            metrics().evidence_bytes.set(self.vault.totals().bytes as i64);
        }
        // Also when it was there already: a crash may have come between the capture and its record.
        if let Some(manifest) = &evidence.manifest_sha256 {
            let detail = [("manifest", manifest.clone()), ("class", subject.verdict().name().to_owned())];
            if let Err(error) = self.trail.record(Action::EvidenceCaptured, &evidence.id, &detail) {
                events::audit_failed(&error);
            }
        }
        Ok(evidence)
    }
}
