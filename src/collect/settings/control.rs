//! From `[site.control]` as written to as checked.

use jiff::SignedDuration;
use scraper::Selector;
use url::Url;

use super::check::Checker;
use super::checked::ControlRules;
use super::raw::RawControl;

impl Checker {
    /// Checks how a control post is planted on the site whose first listing is `listing`.
    pub(super) fn control(&mut self, raw: &RawControl, listing: &Url) -> Option<ControlRules> {
        let page = match raw.page.as_deref().map(|page| listing.join(page)) {
            Some(Ok(page)) if page.origin() == listing.origin() => Some(page),
            Some(_) => {
                self.error("control.page", "is not an address on the site; hint: relative to url");
                None
            }
            None => {
                self.error("control.page", "missing; hint: the page with the form for a post");
                None
            }
        };
        let form = raw.form.as_deref().unwrap_or("form:has(textarea)");
        let form =
            Selector::parse(form).map_err(|e| self.error("control.form", format!("`{form}`: {e}; hint: CSS"))).ok();
        if !raw.fields.values().any(|value| value.contains("{marker}")) {
            let hint = "fields = { subject = \"test\", message = \"{marker}\" }";
            self.error("control.fields", format!("none holds {{marker}}; hint: {hint}"));
        }
        let hour = SignedDuration::from_hours(1);
        let every = self.duration("control.every", raw.every.unwrap_or(hour * 24), hour, hour * 24 * 30);
        let within = raw.within.unwrap_or(SignedDuration::from_mins(15));
        let within = self.duration("control.within", within, SignedDuration::from_secs(10), hour * 24 * 7);
        let fields = raw.fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(ControlRules { page: page?, form: form?, fields, every, within })
    }
}
