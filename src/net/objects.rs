//! The HTTP of `object_store`: its requests pass through the same client as all others, so that addresses, sizes, times
//! and turns are held there too. Only reading is let through.

use std::pin::Pin;
use std::sync::Arc;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use url::Url;

use super::client::{Client, Request};
use super::error::NetError;
use super::policy::Policy;

/// Gives `object_store` its connections.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    policy: Arc<Policy>,
    /// Largest answer, bytes; a larger one is an error.
    max_bytes: usize,
}

impl Objects {
    /// Requests go through `client` under `policy`.
    #[must_use]
    pub fn new(client: &Client, policy: &Arc<Policy>, max_bytes: usize) -> Self {
        Self { client: client.clone(), policy: Arc::clone(policy), max_bytes }
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, _) = request.into_parts();
        if parts.method.as_str() != "GET" {
            return Err(failed(NetError::BadUrl { why: "buckets are only read" }));
        }
        let url = Url::parse(&parts.uri.to_string());
        let url = url.map_err(|_| failed(NetError::BadUrl { why: "not made by a bucket's address" }))?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mut headers: Vec<(String, String)> =
            parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
        // The object as it is stored: its size and hash are those of the stored bytes.
        headers.push(("accept-encoding".to_owned(), "identity".to_owned()));
        let lists = url.query().is_some_and(|query| query.contains("list-type="));
        let host = url.host_str().unwrap_or_default().to_owned();
        let request = Request { headers, follow: false, max_bytes: self.max_bytes, ..Request::get(url, &self.policy) };
        let (status, headers, bytes) = self.client.ask_whole(request).await.map_err(failed)?;
        // The library reads any mark-up as a listing without objects: an error page would be an empty bucket.
        if lists && status.is_success() && memchr::memmem::find(&bytes, b"<ListBucketResult").is_none() {
            return Err(failed(NetError::Encoding { host, why: "not a bucket's listing" }));
        }
        let mut response = HttpResponse::new(HttpResponseBody::from(bytes));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Objects")
    }
}

fn failed(error: NetError) -> HttpError {
    let kind = match error {
        NetError::Timeout { .. } | NetError::TooSlow { .. } => HttpErrorKind::Timeout,
        NetError::Connect { .. } => HttpErrorKind::Connect,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

// What `#[async_trait]` makes of `async fn call(&self, …)`.
impl HttpService for Objects {
    fn call<'life, 'made>(
        &'life self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'made>>
    where
        'life: 'made,
        Self: 'made,
    {
        Box::pin(self.ask(request))
    }
}

impl HttpConnector for Objects {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}
