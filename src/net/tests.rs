//! The client against small servers on loopback, and against addresses it must not touch.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::dns::Resolve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::resolve::{CheckedResolver, Lookup, Scope};
use super::*;

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

/// Sixty ways to write an address that must not be asked.
fn forbidden_forms() -> Vec<String> {
    let plain = "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 017700000001 127.0.0.1. \
        127.255.255.254 0.0.0.0 0 0x0 0.0.0.1 10.0.0.1 10.255.255.255 0xa.0.0.1 167772161 100.64.0.1 100.127.255.255 \
        169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.1 172.16.0.1 172.31.255.255 192.168.0.1 \
        192.168.1 3232235521 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 \
        240.0.0.1 255.255.255.255 168.63.129.16 [::] [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] \
        [64:ff9b::127.0.0.1] [64:ff9b:1::10.0.0.1] [2002:7f00:1::] [2001:0:7f00:1::] [2001:db8::1] [fc00::1] \
        [fd00:ec2::254] [fe80::1] [fec0::1] [ff02::1] localhost LOCALHOST. metadata.google.internal printer.local";
    let forms: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
    assert_eq!(forms.len(), 60);
    forms
}

/// A resolver that answers what a test says, one answer after the other, the last one for ever.
#[derive(Default)]
struct Answers(Mutex<Vec<Vec<IpAddr>>>, AtomicUsize);

impl Answers {
    fn of(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.into_iter().collect()), AtomicUsize::new(0)))
    }
}

impl Lookup for Answers {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

fn is_refused(result: &Result<Answer, NetError>) -> bool {
    matches!(result, Err(NetError::Forbidden { .. }))
}

#[tokio::test]
async fn sixty_forbidden_forms_are_refused_asked_directly_and_by_redirect() {
    let client = Client::new(quick()).unwrap();
    let policy = Policy::public();
    for form in forbidden_forms() {
        let target = format!("http://{form}:9/");
        let direct = client.send(Request::get(Url::parse(&target).unwrap(), &policy)).await;
        assert!(is_refused(&direct), "{form}: {direct:?}");
        let location = target.clone();
        let (server, _) = serve(move |_, stream| {
            let head = format!("302 Found\r\nlocation: {location}");
            async move { respond(stream, &head, b"").await }
        })
        .await;
        let redirected = get(&client, server, "/").await;
        assert!(is_refused(&redirected), "{form}: {redirected:?}");
    }
}

/// The addresses behind the forms, as a resolver could answer them.
fn forbidden_addresses() -> Vec<IpAddr> {
    let parse = |form: String| match Url::parse(&format!("http://{form}/")).unwrap().host().unwrap().to_owned() {
        url::Host::Ipv4(v4) => IpAddr::from(v4),
        url::Host::Ipv6(v6) => v6.into(),
        url::Host::Domain(_) => Ipv4Addr::LOCALHOST.into(),
    };
    forbidden_forms().into_iter().map(parse).collect()
}

#[tokio::test]
async fn sixty_forbidden_answers_of_the_dns_are_refused() {
    for address in forbidden_addresses() {
        let client = Client::with_lookup(quick(), Answers::of([vec![address]])).unwrap();
        let url = Url::parse("http://innocent.example:9/").unwrap();
        let answer = client.send(Request::get(url, &Policy::public())).await;
        assert!(is_refused(&answer), "{address}: {answer:?}");
    }
}

/// A name that answers with a public address first and with an inner one later, or with both at once: only the public
/// one is ever given to whoever connects, and nobody looks up a second time between the check and the connection.
#[tokio::test]
async fn sixty_rebinding_names_gain_nothing() {
    let public: IpAddr = "192.5.6.30".parse().unwrap();
    let given = |resolver: &CheckedResolver| resolver.resolve("rebinding.example".parse().unwrap());
    let open = || Scope::Public { private_names: Vec::new() };
    for address in forbidden_addresses() {
        let turning = CheckedResolver { lookup: Answers::of([vec![public], vec![address]]), scope: open() };
        let first: Vec<SocketAddr> = given(&turning).await.unwrap().collect();
        assert_eq!(first, [SocketAddr::new(public, 0)]);
        assert!(given(&turning).await.is_err(), "{address}");
        let mixed = CheckedResolver { lookup: Answers::of([vec![address, public]]), scope: open() };
        let left: Vec<SocketAddr> = given(&mixed).await.unwrap().collect();
        assert_eq!(left, [SocketAddr::new(public, 0)], "{address}");
    }
    // The client itself asks once for a connection, and connects to nothing else.
    let (server, connections) = serve(|_, stream| async move { respond(stream, "200 OK", b"secret").await }).await;
    let answers = Answers::of([vec![Ipv4Addr::LOCALHOST.into()]]);
    let lookup: Arc<dyn Lookup> = Arc::<Answers>::clone(&answers);
    let client = Client::with_lookup(quick(), lookup).unwrap();
    let url = Url::parse(&format!("http://rebinding.example:{}/", server.port())).unwrap();
    assert!(is_refused(&client.send(Request::get(url, &Policy::public())).await));
    assert_eq!((answers.1.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_named_private_host_may_be_asked_by_name() {
    let (server, _) = serve(|_, stream| async move { respond(stream, "200 OK", b"inside").await }).await;
    let client = Client::with_lookup(quick(), Answers::of([vec![Ipv4Addr::LOCALHOST.into()]])).unwrap();
    let allow_hosts = vec!["wiki.internal".to_owned()];
    let policy = Policy::new(&PolicySettings { allow_hosts, ..PolicySettings::default() }).unwrap();
    let url = Url::parse(&format!("http://wiki.internal:{}/", server.port())).unwrap();
    assert_eq!(content(client.send(Request::get(url, &policy)).await).bytes, b"inside");
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

/// A SOCKS5 server that notes what it is asked to connect to and by whom, then answers for everybody.
async fn socks_stub() -> (SocketAddr, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let noted = Arc::clone(&noted);
            tokio::spawn(async move {
                let mut hello = [0; 2];
                stream.read_exact(&mut hello).await?;
                let mut methods = vec![0; hello[1].into()];
                stream.read_exact(&mut methods).await?;
                stream.write_all(&[5, 2]).await?;
                stream.read_u8().await?;
                let mut user = vec![0; stream.read_u8().await?.into()];
                stream.read_exact(&mut user).await?;
                let mut password = vec![0; stream.read_u8().await?.into()];
                stream.read_exact(&mut password).await?;
                stream.write_all(&[1, 0]).await?;
                let mut connect = [0; 4];
                stream.read_exact(&mut connect).await?;
                assert_eq!(connect[3], 3, "the name must reach the proxy as a name");
                let mut name = vec![0; stream.read_u8().await?.into()];
                stream.read_exact(&mut name).await?;
                stream.read_u16().await?;
                noted
                    .lock()
                    .unwrap()
                    .push((String::from_utf8_lossy(&name).into(), String::from_utf8_lossy(&user).into()));
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nonion").await
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn names_are_resolved_at_the_proxy_with_a_circuit_for_each_site() {
    let (proxy, asked) = socks_stub().await;
    // Any look-up here would be a leak of the name; this resolver's answers would show it.
    let lookups = Answers::of([vec![Ipv4Addr::LOCALHOST.into()]]);
    let lookup: Arc<dyn Lookup> = Arc::<Answers>::clone(&lookups);
    let client = Client::with_lookup(quick(), lookup).unwrap();
    for site in ["market-a", "market-b"] {
        let policy = Policy::new(&PolicySettings {
            proxy: Some(format!("socks5h://{proxy}")),
            circuit: Some(site.into()),
            ignore_robots: true,
            ..PolicySettings::default()
        })
        .unwrap();
        let url = Url::parse("http://abcdefghijklmnop.onion/list").unwrap();
        assert_eq!(content(client.send(Request::get(url, &policy)).await).bytes, b"onion");
        let inner = client.send(Request::get(Url::parse("http://127.0.0.1:9/").unwrap(), &policy)).await;
        assert!(is_refused(&inner));
    }
    let name = || "abcdefghijklmnop.onion".to_owned();
    assert_eq!(*asked.lock().unwrap(), [(name(), "market-a".to_owned()), (name(), "market-b".to_owned())]);
    assert_eq!(lookups.1.load(Ordering::SeqCst), 0);
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
