//! From `[site.login]` as written to as checked.

use std::path::Path;

use scraper::Selector;
use url::Url;

use super::check::Checker;
use super::checked::LoginRules;
use super::raw::RawLogin;

impl Checker {
    /// Checks how one logs in to the site whose first listing is `listing`.
    pub(super) fn login(&mut self, raw: &RawLogin, listing: &Url) -> Option<LoginRules> {
        let page = self.page_of_login(raw, listing);
        if raw.user.as_ref().is_none_or(String::is_empty) {
            self.error("login.user", "missing; hint: the name of the account");
        }
        let password = match raw.password.clone().unwrap_or_default().validate("login.password", Path::new("")) {
            Ok(crate::secret::SecretRef::File(path)) if !path.is_absolute() => {
                self.error("login.password", "the file needs an absolute path; hint: or { credential = \"name\" }");
                None
            }
            Ok(password) => Some(password),
            Err(problem) => {
                self.error("login.password", problem.message);
                None
            }
        };
        if raw.logged_out.is_none() && raw.logged_in.is_none() {
            let hint = "a selector that only pages for those outside have, like a[href*='login']";
            self.error("login.logged_out", format!("missing, and so is logged_in; hint: {hint}"));
        }
        let form = self.selector("login.form", raw.form.as_deref());
        let logged_out = self.selector("login.logged_out", raw.logged_out.as_deref());
        let logged_in = self.selector("login.logged_in", raw.logged_in.as_deref());
        Some(LoginRules {
            page: page?,
            form,
            user: raw.user.clone()?,
            password: password?,
            user_field: raw.user_field.clone(),
            password_field: raw.password_field.clone(),
            fields: raw.fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            logged_out,
            logged_in,
        })
    }

    fn page_of_login(&mut self, raw: &RawLogin, listing: &Url) -> Option<Url> {
        let Some(page) = &raw.page else {
            self.error("login.page", "missing; hint: the address of the page with the form, relative to url");
            return None;
        };
        match listing.join(page) {
            Ok(url) if url.origin() == listing.origin() => Some(url),
            Ok(_) => {
                self.error("login.page", "is on another host than the site; hint: cookies and passwords stay with it");
                None
            }
            Err(error) => {
                self.error("login.page", format!("`{page}`: {error}; hint: relative to url"));
                None
            }
        }
    }

    fn selector(&mut self, key: &str, css: Option<&str>) -> Option<Selector> {
        let css = css?;
        Selector::parse(css).map_err(|e| self.error(key, format!("`{css}` is not a selector ({e}); hint: CSS"))).ok()
    }
}
