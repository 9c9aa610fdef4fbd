//! Addresses that must not be asked, in every spelling and by every way; names behind a proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::dns::Resolve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::super::resolve::{CheckedResolver, Lookup, Scope};
use super::super::*;
use super::{content, get, quick, respond, serve};

/// Sixty ways to write an address that must not be asked.
pub(crate) fn forbidden_forms() -> Vec<String> {
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
