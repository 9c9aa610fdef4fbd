//! A marker planted in a forum, and seen there or not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::{Bench, text};

#[derive(Clone, Default)]
struct Board(Arc<Mutex<Posted>>);

#[derive(Default)]
struct Posted {
    messages: Vec<String>,
    hides: bool,
    refuses: bool,
}

const DEFINITION: &str = "
kind = 'page'
url = '{base}/'
[post]
items = 'li'
body = '.text'
valid = 'ul'
[control]
page = '/new'
fields = { message = 'only a test: {marker}' }
every = '1h'
within = '60s'
";

async fn board(State(board): State<Board>) -> Html<String> {
    let posted = board.0.lock().unwrap();
    let shown = posted.messages.iter().filter(|_| !posted.hides);
    let rows: String = shown.map(|message| format!("<li><div class=text>{message}</div></li>")).collect();
    Html(format!("<ul>{rows}</ul>"))
}

async fn form() -> Html<&'static str> {
    Html(
        "<form action=/search method=post><input name=q></form><form method=post action=/new>
        <input type=hidden name=token value=t0k3n><textarea name=message></textarea></form>",
    )
}

async fn take(State(board): State<Board>, body: String) -> Response {
    let mut posted = board.0.lock().unwrap();
    let mut fields = url::form_urlencoded::parse(body.as_bytes());
    let mut field = |wanted: &str| fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    if posted.refuses || field("token").as_deref() != Some("t0k3n") {
        return axum::http::StatusCode::FORBIDDEN.into_response();
    }
    posted.messages.push(field("message").unwrap());
    axum::response::Redirect::to("/").into_response()
}

async fn bench(board_state: &Board) -> Bench {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(board)).route("/new", get(form).post(take));
    let router = router.with_state(board_state.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Bench::new(&base, DEFINITION)
}

#[tokio::test]
async fn a_marker_is_planted_once_in_its_time_and_measured_when_it_is_seen() {
    let board = Board::default();
    let mut bench = bench(&board).await;
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    let posts = bench.kept.take();
    assert!(text(&posts[0]).starts_with("only a test: control-"), "{}", text(&posts[0]));
    assert_eq!(bench.health().control.unwrap().seen_after, Some(0.0));
    for _ in 0..3 {
        bench.restart().await;
        bench.later(600);
        bench.visit().await;
    }
    assert_eq!(board.0.lock().unwrap().messages.len(), 1, "every hour, also after a restart");

    // The next one is kept back for a while: that is told, and its end too.
    board.0.lock().unwrap().hides = true;
    bench.later(3600);
    bench.visit().await;
    assert!(bench.troubles().is_empty());
    bench.later(61);
    bench.visit().await;
    assert_eq!(bench.troubles(), ["control"]);
    board.0.lock().unwrap().hides = false;
    bench.later(30);
    bench.visit().await;
    assert!(bench.troubles().is_empty());
    assert_eq!(bench.health().control.unwrap().seen_after, Some(91.0));
}

#[tokio::test]
async fn a_marker_that_is_not_taken_is_told_and_the_site_is_read_all_the_same() {
    let board = Board::default();
    board.0.lock().unwrap().refuses = true;
    board.0.lock().unwrap().messages.push("a post of somebody".into());
    let mut bench = bench(&board).await;
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    assert_eq!(bench.kept.take().len(), 1);
    assert_eq!(bench.troubles(), ["control"]);
}
