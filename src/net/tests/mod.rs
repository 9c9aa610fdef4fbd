//! The client against small servers on loopback, and against addresses it must not touch.

mod addresses;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;
pub(crate) use addresses::forbidden_forms;

/// Serves each connection with `answer`, which gets the request head and the stream. Counts connections.
async fn serve<F, Fut>(answer: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(String, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (count, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                answer(String::from_utf8_lossy(&head).into_owned(), stream).await;
            });
        }
    });
    (address, count)
}

async fn respond(mut stream: TcpStream, head: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
}

fn quick() -> NetSettings {
    NetSettings {
        connect_timeout: SignedDuration::from_millis(500),
        idle_timeout: SignedDuration::from_millis(500),
        contact: Some("cert@example.org".into()),
        ..NetSettings::default()
    }
}

fn allowing(address: SocketAddr) -> Arc<Policy> {
    let allow_hosts = vec![address.to_string()];
    Policy::new(&PolicySettings { allow_hosts, ignore_robots: true, ..PolicySettings::default() }).unwrap()
}

fn obeying(address: SocketAddr) -> Arc<Policy> {
    Policy::new(&PolicySettings { allow_hosts: vec![address.to_string()], ..PolicySettings::default() }).unwrap()
}

fn at(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).unwrap()
}

async fn get(client: &Client, address: SocketAddr, path: &str) -> Result<Answer, NetError> {
    client.send(Request::get(at(address, path), &allowing(address))).await
}

fn content(answer: Result<Answer, NetError>) -> Content {
    match answer.unwrap() {
        Answer::Content(content) => *content,
        Answer::NotModified => panic!("not modified"),
    }
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_credentials_stay_home() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let (other, _) = serve(move |head, stream| {
        seen.lock().unwrap().push(head);
        async move { respond(stream, "200 OK", b"there").await }
    })
    .await;
    let (server, _) = serve(move |head, stream| async move {
        let hop: u32 = head.split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
        let to = if hop == 0 { format!("http://{other}/end") } else { format!("/{}", hop - 1) };
        respond(stream, &format!("302 Found\r\nlocation: {to}"), b"").await;
    })
    .await;
    let allow_hosts = vec![server.to_string(), other.to_string()];
    let policy =
        Policy::new(&PolicySettings { allow_hosts, ignore_robots: true, ..PolicySettings::default() }).unwrap();
    let client = Client::new(quick()).unwrap();
    let ask = |hops: u32| {
        let mut request = Request::get(at(server, &format!("/{hops}")), &policy);
        request.headers.push(("authorization".into(), "Bearer planted".into()));
        request
    };
    let answer = content(client.send(ask(4)).await);
    assert_eq!((answer.bytes.as_slice(), answer.url), (b"there".as_slice(), at(other, "/end")));
    assert!(!heads.lock().unwrap()[0].contains("planted"));
    assert!(matches!(client.send(ask(5)).await, Err(NetError::Redirect { .. })));
}

#[tokio::test]
async fn requests_say_who_asks_and_are_conditional() {
    let (server, _) = serve(|head, stream| async move {
        let head = head.to_ascii_lowercase();
        assert!(head.contains("user-agent: vigie/") && head.contains("(+cert@example.org)"), "{head}");
        if head.contains("if-none-match: w/\"1\"") && head.contains("if-modified-since: fri, 02 jan") {
            respond(stream, "304 Not Modified", b"").await;
        } else {
            let head = "200 OK\r\netag: W/\"1\"\r\nlast-modified: Fri, 02 Jan 2026 00:00:00 GMT";
            respond(stream, head, b"new").await;
        }
    })
    .await;
    let client = Client::new(quick()).unwrap();
    let first = content(get(&client, server, "/").await);
    let mut again = Request::get(at(server, "/"), &allowing(server));
    again.validators = first.validators;
    assert!(matches!(client.send(again).await, Ok(Answer::NotModified)));
}

#[tokio::test]
async fn a_host_that_asks_for_rest_gets_it_from_every_caller() {
    let (server, connections) =
        serve(|_, stream| async move { respond(stream, "429 Too Many\r\nretry-after: 120", b"<html>").await }).await;
    let client = Client::new(quick()).unwrap();
    let first = get(&client, server, "/a").await.unwrap_err();
    assert_eq!(first.wait(), Some(Duration::from_secs(120)));
    let second = get(&client, server, "/b").await.unwrap_err();
    assert!(matches!(second, NetError::BackingOff { wait, .. } if wait > Duration::from_secs(100)));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn robots_are_asked_for_once_and_obeyed() {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&paths);
    let (server, _) = serve(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().unwrap().push(path.clone());
        async move {
            let robots: &[u8] = b"User-agent: vigie\nDisallow: /private\n";
            respond(stream, "200 OK", if path == "/robots.txt" { robots } else { b"page" }).await;
        }
    })
    .await;
    let client = Client::new(quick()).unwrap();
    for (path, allowed) in [("/a", true), ("/private/b", false), ("/c", true)] {
        let answer = client.send(Request::get(at(server, path), &obeying(server))).await;
        assert_eq!(answer.is_ok(), allowed, "{path}: {answer:?}");
    }
    assert_eq!(*paths.lock().unwrap(), ["/robots.txt", "/a", "/c"]);
    assert!(get(&client, server, "/private/b").await.is_ok(), "agreed with the site");
}

#[tokio::test]
async fn a_robots_file_that_cannot_be_read_forbids_and_a_missing_one_allows() {
    for (status, allowed) in
        [("404 Not Found", true), ("403 Forbidden", true), ("500 Oops", false), ("503 Later", false)]
    {
        let (server, _) = serve(move |head, stream| async move {
            respond(stream, if head.starts_with("GET /robots.txt") { status } else { "200 OK" }, b"x").await;
        })
        .await;
        let answer = Client::new(quick()).unwrap().send(Request::get(at(server, "/a"), &obeying(server))).await;
        assert_eq!(answer.is_ok(), allowed, "{status}: {answer:?}");
    }
}

#[tokio::test]
async fn one_connection_a_host_at_a_time() {
    let open = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counted = Arc::clone(&open);
    let (server, _) = serve(move |_, stream| {
        let open = Arc::clone(&counted);
        async move {
            let now = open.0.fetch_add(1, Ordering::SeqCst) + 1;
            open.1.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            open.0.fetch_sub(1, Ordering::SeqCst);
            respond(stream, "200 OK", b"x").await;
        }
    })
    .await;
    let client = Client::new(quick()).unwrap();
    let asks = (0..10).map(|n| {
        let client = client.clone();
        async move { get(&client, server, &format!("/{n}")).await.is_ok() }
    });
    let answers: Vec<bool> = futures_util::future::join_all(asks).await;
    assert!(answers.into_iter().all(|ok| ok));
    assert_eq!(open.1.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn silent_and_slow_servers_are_given_up() {
    let client = Client::new(quick()).unwrap();
    let (silent, _) = serve(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let start = Instant::now();
    assert!(matches!(get(&client, silent, "/").await, Err(NetError::Timeout { .. })));
    assert!(start.elapsed() < Duration::from_secs(5));

    let (stalling, _) = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    assert!(matches!(get(&client, stalling, "/").await, Err(NetError::Timeout { .. })));

    let (dripping, _) = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(matches!(get(&client, dripping, "/").await, Err(NetError::TooSlow { .. })));
}

#[tokio::test]
async fn heads_and_bodies_are_capped() {
    let (heady, _) = serve(|_, stream| async move {
        let head = format!("200 OK\r\nx-pad: {}", "a".repeat(70 * 1024));
        respond(stream, &head, b"x").await;
    })
    .await;
    let client = Client::new(quick()).unwrap();
    assert!(matches!(get(&client, heady, "/").await, Err(NetError::HeadersTooLarge { .. })));

    let (large, _) = serve(|_, stream| async move { respond(stream, "200 OK", &vec![b'x'; 200_000]).await }).await;
    let mut request = Request::get(at(large, "/"), &allowing(large));
    request.max_bytes = 100_000;
    let answer = content(client.send(request).await);
    assert_eq!((answer.bytes.len(), answer.truncated), (100_000, true));
    let whole = content(get(&client, large, "/").await);
    assert_eq!((whole.bytes.len(), whole.truncated), (200_000, false));
}

fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn encodings_are_undone_within_the_cap() {
    use std::io::Write;
    let text = b"name;mail\n".repeat(10_000);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&text).unwrap();
    raw.write_all(&text).unwrap();
    let client = Client::new(quick()).unwrap();
    for (encoding, body) in
        [("gzip", gzip(&text)), ("deflate", zlib.finish().unwrap()), ("deflate", raw.finish().unwrap())]
    {
        let (server, _) = serve(move |_, stream| {
            let body = body.clone();
            async move { respond(stream, &format!("200 OK\r\ncontent-encoding: {encoding}"), &body).await }
        })
        .await;
        assert_eq!(content(get(&client, server, "/").await).bytes, text, "{encoding}");
    }
    let bomb = gzip(&vec![0_u8; 100 << 20]);
    let (server, _) = serve(move |head, stream| {
        let body = if head.contains("/cut") { bomb[..bomb.len() / 2].to_vec() } else { bomb.clone() };
        async move { respond(stream, "200 OK\r\ncontent-encoding: gzip", &body).await }
    })
    .await;
    let mut request = Request::get(at(server, "/"), &allowing(server));
    request.max_bytes = 1 << 20;
    let answer = content(client.send(request).await);
    assert_eq!((answer.bytes.len(), answer.truncated), (1 << 20, true));
    let mut request = Request::get(at(server, "/cut"), &allowing(server));
    request.max_bytes = usize::MAX;
    assert!(matches!(client.send(request).await, Err(NetError::Encoding { .. }) | Ok(Answer::Content(_))));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_not_a_short_body() {
    let (server, _) = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf").await;
    })
    .await;
    let error = get(&Client::new(quick()).unwrap(), server, "/").await.unwrap_err();
    assert!(matches!(error, NetError::Broken { .. }) && error.transient(), "{error:?}");
}

#[tokio::test]
async fn what_is_delivered_is_not_redirected() {
    let (server, _) = serve(|head, stream| async move {
        assert!(head.starts_with("POST /hook"));
        respond(stream, "307 Elsewhere\r\nlocation: /other", b"").await;
    })
    .await;
    let request = Request::post(at(server, "/hook"), &allowing(server), "application/json", b"{}".to_vec());
    let error = Client::new(quick()).unwrap().send(request).await.unwrap_err();
    assert!(matches!(error, NetError::Status { status: 307, .. }));
}

#[test]
fn settings_out_of_range_are_all_said() {
    let settings = NetSettings {
        connect_timeout: SignedDuration::ZERO,
        max_header_kib: 0,
        memory_mib: 1,
        contact: Some(String::new()),
        ..NetSettings::default()
    };
    let keys: Vec<&str> = settings.problems().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["connect_timeout", "max_header_kib", "memory_mib", "contact"]);
    assert!(NetSettings::default().problems().is_empty());
}
