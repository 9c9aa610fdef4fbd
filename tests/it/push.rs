//! What is pushed is judged like any other post, once, whoever asks twice; and nothing listens unless it is told to.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::kit::{Service, World, dump};

const TOKEN: &str = "synthetic-token-of-a-feeder";

fn world() -> World {
    let world = World::new();
    world.system("crm", 200);
    fs::write(world.path("token"), TOKEN).unwrap();
    fs::set_permissions(world.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    world
}

fn push(address: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /api/v1/posts HTTP/1.1\r\nhost: vigie\r\nconnection: close";
    write!(stream, "{head}\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn address(service: &mut Service) -> String {
    let event = service.wait_for("push.listening", |_| true);
    event["address"].as_str().unwrap().to_owned()
}

#[test]
fn a_pushed_dump_raises_one_alert_however_often_it_is_pushed() {
    let world = world();
    world.configure(
        "[alert.channels.log]\nfile = { path = \"alerts.jsonl\" }\n[push]\nlisten = \"127.0.0.1:0\"\n\
         [push.sources.feeder]\ntoken = { file = \"token\" }\n",
    );
    let mut service = world.start();
    let address = address(&mut service);
    let post = serde_json::json!({"id": "chan/1", "title": "crm", "text": dump("crm", 0..60)}).to_string();
    assert_eq!(push(&address, &post), 202);
    service.wait_for("post.settled", |_| true);
    assert_eq!(push(&address, &post), 200, "known once its verdict stands");
    let other = serde_json::json!({"id": "chan/2", "text": "nothing of ours"}).to_string();
    assert_eq!(push(&address, &other), 202);
    service.wait_for("post.settled", |_| true);
    service.stop();
    let alerts = fs::read_to_string(world.path("alerts.jsonl")).unwrap();
    assert_eq!(alerts.lines().count(), 1, "{alerts}");
    assert!(alerts.contains("feeder:chan/1"), "{alerts}");
}

#[test]
fn a_door_without_a_usable_token_stops_the_start() {
    let world = world();
    fs::set_permissions(world.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    world.configure("[push]\nlisten = \"127.0.0.1:0\"\n[push.sources.feeder]\ntoken = { file = \"token\" }\n");
    let output = crate::kit::run(&["run", "--config", &world.text("vigie.toml")]);
    assert_eq!(output.status.code(), Some(3), "{}", crate::kit::errors(&output));
    assert!(crate::kit::errors(&output).contains("can be read by others"), "{}", crate::kit::errors(&output));
}
