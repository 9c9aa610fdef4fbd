//! The outbox: killed again and again while receivers flap, it tells every alert to each of them, in order, and once
//! wherever repetitions are recognised; one receiver that hangs delays no other. And what it costs.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::flapping::Receivers;
use crate::kit::mailbox::Mailbox;
use crate::kit::{Service, World, dump, until_done};

/// Customers in each leak: every leak shows others, so that every leak is an incident of its own.
const EACH: usize = 12;

fn kills() -> usize {
    std::env::var("VIGIE_OUTBOX_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(24)
}

/// Moments to kill at: a fixed sequence that covers 0 to 400 ms evenly and in no order (multiples of the golden ratio).
fn moment(n: usize) -> Duration {
    Duration::from_millis((n as f64 * 0.618_034).fract().mul_add(400.0, 0.0) as u64)
}

fn secret(world: &World, name: &str, text: &str) {
    std::fs::write(world.path(name), text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path(name), mode).unwrap();
}

fn hook(name: &str, url: &str, more: &str) -> String {
    format!(
        "[alert.channels.{name}]\n{more}webhook = {{ url = \"{url}\", secrets = [{{ file = \"hook.secret\" }}] }}\n"
    )
}

/// Whether each alert's revisions came in order.
fn in_order<'m>(messages: impl IntoIterator<Item = &'m Value>) -> bool {
    let mut last = HashMap::<String, u64>::new();
    messages.into_iter().all(|data| {
        let (id, revision) = (data["id"].as_str().unwrap().to_owned(), data["revision"].as_u64().unwrap());
        last.insert(id, revision).is_none_or(|before| before < revision)
    })
}

#[test]
fn killed_while_receivers_flap_it_tells_everybody_everything_once_and_in_order() {
    let (kills, world, receivers, mailbox) = (kills(), World::new(), Receivers::listen(), Mailbox::listen());
    world.system("crm", kills * EACH);
    secret(&world, "hook.secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    secret(&world, "key", "stubkey");
    let base = format!("http://{}", receivers.address);
    let impatient = "timeout = \"1s\"\nparallel = 16\n";
    world.configure(&format!(
        "{}{}{}[alert.channels.misp]\n{impatient}misp = {{ url = \"{base}/flapping/misp/\", key = {{ file = \"key\" }} }}\n\
         [alert.channels.file]\nfile = {{ path = \"alerts.jsonl\" }}\n\
         [alert.channels.mail]\nparallel = 1\nmail = {{ server = \"{}\", tls = \"none\", plain = true, \
         from = \"v@cert.example\", to = [{{ address = \"a@cert.example\" }}] }}\n",
        hook("steady", &format!("{base}/steady/hook"), ""),
        hook("flapping", &format!("{base}/flapping/hook"), impatient),
        hook("silent", &format!("{base}/silent/hook"), "timeout = \"10m\"\n"),
        mailbox.address,
    ));
    for n in 0..kills {
        let mut service = world.start();
        world.drop_file(&format!("leak-{n}.csv"), &dump("crm", n * EACH..(n + 1) * EACH));
        if n > 0 {
            // The one before is posted again: news of an alert that may be under way.
            world.drop_file(&format!("again-{n}.csv"), &dump("crm", (n - 1) * EACH..n * EACH));
        }
        // Every eighth is let up, so that what waits for its turn gets one.
        let up = (n % 8 == 7).then(|| Instant::now() + Duration::from_secs(60));
        service.ready_before(up.unwrap_or_else(|| Instant::now() + moment(n)));
        if up.is_some() {
            service.ready_before(Instant::now() + moment(n));
        }
        service.kill();
    }
    let service = world.start();
    let expected = 2 * kills - 1;
    let count = |path: &str| receivers.with(|kept| kept.messages.get(path).map_or(0, Vec::len));
    let left = |path: &str| expected.saturating_sub(count(path));
    until_done("the steady receiver has everything", || left("/steady/hook"), 0);
    until_done("the flapping receiver has everything", || left("/flapping/hook"), 0);
    let newest = |kept: &crate::kit::flapping::Kept| {
        let comment = |event: &Value| event["Attribute"][0]["comment"].as_str().unwrap_or_default().to_owned();
        kept.events.values().filter(|event| comment(event).starts_with("revision 2")).count()
    };
    until_done("every event in MISP says the latest", || (kills - 1).saturating_sub(receivers.with(newest)), 0);
    until_done("every mail is there", || expected.saturating_sub(mailbox.with(HashMap::len)), 0);
    service.stop();

    // Nobody can ask a mail server what it has: what was under way when it was killed is sent again, as the same mail.
    mailbox.with(|mails| {
        assert_eq!(mails.len(), expected, "every revision is one mail, by its Message-ID");
        let again: usize = mails.values().map(|times| times - 1).sum();
        assert!(again <= kills, "{again} mails more than once: at most one a kill");
    });
    receivers.with(|kept| {
        assert_eq!(kept.contradicting, 0, "a repetition says what was said before");
        assert_eq!(kept.events.len(), kills, "one event for each alert");
        assert!(!kept.messages.contains_key("/silent/hook"));
        for path in ["/steady/hook", "/flapping/hook"] {
            let messages = &kept.messages[path];
            assert_eq!(messages.len(), expected, "{path}: everything, and nothing under a second identity");
            let raised = messages.iter().filter(|(_, message)| message["type"] == "alert.raised").count();
            assert_eq!(raised, kills, "{path}: one alert for each leak");
            assert!(in_order(messages.iter().map(|(_, message)| &message["data"])), "{path}");
        }
    });
    let file = std::fs::read_to_string(world.path("alerts.jsonl")).unwrap();
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let distinct: HashSet<_> = lines.iter().map(|l| (l["id"].to_string(), l["revision"].as_u64())).collect();
    assert_eq!((lines.len(), distinct.len()), (expected, expected), "each revision is one line");
    assert!(in_order(&lines));
}

/// Processor time in hundredths of a second and resident memory in KiB, as the kernel counts them.
fn cost(service: &Service) -> (u64, u64) {
    let about = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", service.child.id())).unwrap();
    let stat = about("stat");
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let status = about("status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap(), resident)
}

/// What a service with so many channels costs in ten idle seconds, and what it holds.
fn idle(channels: usize) -> (u64, u64) {
    let world = World::new();
    secret(&world, "hook.secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    secret(&world, "key", "stubkey");
    let one = |n: usize| match n % 4 {
        0 => hook(&format!("c{n}"), "https://127.0.0.1:9/hook", ""),
        1 => {
            format!("[alert.channels.c{n}]\nmisp = {{ url = \"https://127.0.0.1:9/\", key = {{ file = \"key\" }} }}\n")
        }
        2 => format!("[alert.channels.c{n}]\nsyslog = {{ server = \"127.0.0.1:9\", transport = \"tcp\" }}\n"),
        _ => format!(
            "[alert.channels.c{n}]\nmail = {{ server = \"127.0.0.1:9\", from = \"v@cert.example\", plain = true, \
             to = [{{ address = \"a@cert.example\" }}] }}\n"
        ),
    };
    world.configure(&(0..channels).map(one).collect::<String>());
    let mut service = world.start();
    service.ready_before(Instant::now() + Duration::from_secs(60)).expect("it comes up");
    let (before, _) = cost(&service);
    std::thread::sleep(Duration::from_secs(10));
    let (after, resident) = cost(&service);
    service.stop();
    (after - before, resident)
}

/// A measurement, so it takes its time.
#[test]
#[ignore = "measures for half a minute"]
fn a_hundred_idle_channels_cost_nothing() {
    let (alone, few) = idle(1);
    let (crowd, many) = idle(100);
    println!("1 channel: {alone} hundredths of a second in 10 s, {few} KiB; 100 channels: {crowd}, {many} KiB");
    assert!(crowd <= alone + 5, "processor time does not grow with channels");
    assert!(many < few + 60 * 1024, "nor memory beyond reason");
}
