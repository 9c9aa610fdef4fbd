//! Killed at any moment, under load, also while it recovers: no post is lost, nothing is alerted twice to a receiver
//! that recognises repetitions, and the service is back within five seconds.
//!
//! A killed process leaves what it wrote to the kernel: this shows the order of commits and acknowledgements, not that
//! they reach the disk, which `power_loss` does.

use std::time::{Duration, Instant};

use crate::kit::receiver::Hooks;
use crate::kit::{World, dump, until, until_done};

/// Customers in each leak: every leak shows others, so that every leak is an incident of its own.
const EACH: usize = 12;

fn kills() -> usize {
    std::env::var("VIGIE_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// Moments to kill at: a fixed sequence that covers 0 to 600 ms evenly and in no order (multiples of the golden ratio).
fn moment(n: usize) -> Duration {
    Duration::from_millis((n as f64 * 0.618_034).fract().mul_add(600.0, 0.0) as u64)
}

#[test]
fn nothing_is_lost_or_told_twice_however_often_it_is_killed() {
    let kills = kills();
    let (world, hooks) = (World::new(), Hooks::listen());
    world.system("crm", kills * EACH);
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    std::fs::write(world.path("hook.secret"), secret).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path("hook.secret"), mode).unwrap();
    world.configure(&format!(
        "[alert.channels.hook]\nwebhook = {{ url = \"{}\", secrets = [{{ file = \"hook.secret\" }}] }}\n",
        hooks.url
    ));

    let mut slowest = Duration::ZERO;
    for n in 0..kills {
        let mut service = world.start();
        // A leak and some noise for each life, dropped while it starts: the inbox is never empty.
        world.drop_file(&format!("leak-{n}.csv"), &dump("crm", n * EACH..(n + 1) * EACH));
        for noise in 0..4 {
            world.drop_file(&format!("noise-{n}-{noise}.txt"), &dump("elsewhere", n * 100 + noise..n * 100 + 40));
        }
        if n % 4 == 0 {
            // Every fourth is let up, to see how long that takes.
            let up = service.ready_before(Instant::now() + Duration::from_secs(60)).expect("it comes up");
            slowest = slowest.max(up);
        }
        service.ready_before(Instant::now() + moment(n));
        service.kill();
    }
    let mut service = world.start();
    slowest = slowest.max(service.ready_before(Instant::now() + Duration::from_secs(60)).expect("it comes up"));
    let untold = || kills.saturating_sub(hooks.with(|arrived| arrived.messages.len()));
    until_done("every leak is told", || untold() + world.inbox(), 0);
    // A last post, after everything: when it has been told, nothing older is under way any more.
    world.drop_file("last.csv", &dump("crm", 0..EACH * 3));
    until("an incident is told again", || hooks.with(|arrived| arrived.messages.len()) > kills);
    service.stop();

    hooks.with(|arrived| {
        let raised = arrived.messages.values().filter(|m| m["type"] == "alert.raised").count();
        assert_eq!(raised, kills, "one alert for each leak, none lost, none twice: {:#?}", arrived.messages.keys());
        assert_eq!(arrived.contradicting, 0, "a repetition says what was said before");
    });
    assert!(slowest <= Duration::from_secs(5), "back within 5 s; the slowest start took {slowest:?}");
}
