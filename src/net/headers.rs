//! Headers: those of a request made, those of an answer read.

use std::collections::HashMap;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::client::{Method, Request};

pub(super) fn headers(request: &Request) -> HeaderMap {
    let mut map = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            map.insert(name, value);
        }
    };
    if request.method == Method::Get {
        set(header::ACCEPT, "*/*");
        set(header::ACCEPT_ENCODING, "gzip, deflate");
    }
    if let Some(etag) = &request.validators.etag {
        set(header::IF_NONE_MATCH, etag);
    }
    if let Some(date) = &request.validators.last_modified {
        set(header::IF_MODIFIED_SINCE, date);
    }
    for (name, value) in &request.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            set(name, value);
        }
    }
    map
}

pub(super) fn header_text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// `filename` of a `Content-Disposition` (RFC 6266); the extended form wins.
pub(super) fn disposition_name(value: &str) -> Option<String> {
    let parameters: HashMap<String, &str> = value
        .split(';')
        .skip(1)
        .filter_map(|p| p.split_once('='))
        .map(|(k, v)| (k.trim().to_ascii_lowercase(), v.trim().trim_matches('"')))
        .collect();
    if let Some((_, encoded)) = parameters.get("filename*").and_then(|v| v.split_once("''")) {
        // A form decoder also undoes percent signs; `+` stands for itself here.
        let query = encoded.replace('+', "%2B");
        return url::form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned());
    }
    parameters.get("filename").map(|name| (*name).to_owned())
}
