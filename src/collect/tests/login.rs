//! A place that is only for those who are logged in.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::{Bench, text};
use crate::collect::visit::Stop;

/// A forum behind a form with a CSRF token that belongs to a cookie.
#[derive(Clone, Default)]
struct Closed(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// The session that is valid, by number.
    session: u32,
    logins: Vec<String>,
    refuse: bool,
}

const DEFINITION: &str = "
kind = 'html'
url = '{base}/forum'
[listing]
items = 'li'
id = 'a@href'
url = 'a@href'
[post]
body = '.text'
[login]
page = '/login'
user = 'look out'
password = { file = '{secret}' }
logged_out = 'a.login'
";

fn cookie(headers: &HeaderMap) -> String {
    headers.get(header::COOKIE).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn page(State(closed): State<Closed>, headers: HeaderMap, uri: axum::http::Uri) -> Response {
    let session = closed.0.lock().unwrap().session;
    if session == 0 || !cookie(&headers).contains(&format!("sid={session}")) {
        return Html("<a class=login href=/login>log in</a><ul></ul>").into_response();
    }
    match uri.path() {
        "/forum" => Html("<ul><li><a href=/t/1>one</a></ul>").into_response(),
        _ => Html("<div class=text>for members</div>").into_response(),
    }
}

async fn form() -> Response {
    let page = "<form method=post action=/login><input type=hidden name=token value=t0k3n><input name=who>
        <input type=password name=secret><input type=submit name=go value=in></form>";
    ([(header::SET_COOKIE, "csrf=c; Path=/")], Html(page)).into_response()
}

async fn log_in(State(closed): State<Closed>, headers: HeaderMap, body: String) -> Response {
    let mut inside = closed.0.lock().unwrap();
    inside.logins.push(body.clone());
    let fits = body == "token=t0k3n&go=in&who=look+out&secret=made+up+%26+long" && cookie(&headers).contains("csrf=c");
    if inside.refuse || !fits || headers.get(header::REFERER).is_none() {
        return Html("<a class=login href=/login>wrong</a>").into_response();
    }
    inside.session += 1;
    let set = format!("sid={}; Path=/; HttpOnly", inside.session);
    (StatusCode::FOUND, [(header::SET_COOKIE, set.as_str()), (header::LOCATION, "/forum")]).into_response()
}

impl Closed {
    async fn bench(&self) -> (Bench, tempfile::TempDir) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/login", get(form).post(log_in)).fallback(page).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "made up & long\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        (Bench::new(&base, &DEFINITION.replace("{secret}", secret.to_str().unwrap())), folder)
    }

    fn logins(&self) -> usize {
        self.0.lock().unwrap().logins.len()
    }

    /// The site forgets everybody.
    fn forget(&self) {
        self.0.lock().unwrap().session += 100;
    }
}

#[tokio::test]
async fn one_logs_in_once_stays_in_over_a_restart_and_logs_in_again_when_the_session_ends() {
    let closed = Closed::default();
    let (mut bench, _secret) = closed.bench().await;
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    assert_eq!(bench.kept.take().iter().map(text).collect::<Vec<_>>(), ["for members"]);
    bench.restart().await;
    assert!(bench.visit().await.fault.is_none());
    assert_eq!(closed.logins(), 1);

    closed.forget();
    assert!(bench.visit().await.fault.is_none(), "in one visit: out, in, read");
    assert_eq!(closed.logins(), 2);
    for post in bench.kept.take() {
        assert!(post.exchanges.iter().all(|e| e.headers.iter().all(|(name, _)| name != "set-cookie")));
    }
}

#[tokio::test]
async fn a_refused_login_is_said_and_not_tried_again_at_once() {
    let closed = Closed::default();
    let (mut bench, _secret) = closed.bench().await;
    closed.0.lock().unwrap().refuse = true;
    let refused = bench.visit().await.fault.unwrap();
    assert!(matches!(&refused, Stop::Login(_)) && refused.to_string().contains("hint"), "{refused}");
    bench.restart().await;
    for _ in 0..5 {
        bench.later(60);
        assert!(matches!(bench.visit().await.fault, Some(Stop::Login(_))));
    }
    assert_eq!(closed.logins(), 1, "also after a restart");
    closed.0.lock().unwrap().refuse = false;
    bench.later(600);
    assert!(bench.visit().await.fault.is_none());
    assert_eq!(closed.logins(), 2);
    assert!(bench.kept.take().iter().all(|post| text(post) == "for members"), "no page for outsiders was kept");
}
