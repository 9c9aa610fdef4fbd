//! Boards that nobody has described, through whole visits.

use super::{Bench, Web, text};

fn board(answers: u32) -> String {
    format!(
        "<nav><a href=/login>log in</a></nav><table><tr><td><a href='/topic/31-dump'>Fresh dump</a></td><td>{answers}</td></tr>\
         <tr><td><a href='/topic/30-old'>Something older</a></td><td>0</td></tr></table>"
    )
}

/// A post as a board without numbers shows it.
fn post(who: &str, minute: u32, body: &str) -> String {
    format!(
        "<div class=m><a href='/user/{who}'>{who}</a> <time datetime='2026-11-20T10:0{minute}:00Z'></time><p>{body}</p></div>"
    )
}

#[tokio::test]
async fn a_board_in_four_lines_is_read_and_read_on() {
    let web = Web::default();
    let base = web.start().await;
    let mut bench = Bench::new(&base, "family = 'forum'\nurl = '{base}/b/leaks'");
    web.html("/b/leaks", &board(1));
    web.html("/topic/31-dump", &(post("joe", 1, "mail;name<br>a@x.example;Ann") + &post("ann", 2, "thanks")));
    web.html("/topic/30-old", &(post("bob", 1, "old things that nobody wants") + &post("ann", 2, "indeed")));
    let outcome = bench.visit().await;
    assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
    let posts = bench.kept.take();
    assert_eq!(posts.len(), 4, "{posts:#?}");
    assert!(text(&posts[0]).contains("mail;name\na@x.example;Ann"));
    assert_eq!((posts[0].title.as_deref(), posts[0].author.as_deref()), (Some("Fresh dump"), Some("joe")));
    let ids: std::collections::HashSet<&str> = posts.iter().map(|post| post.id.0.as_str()).collect();
    assert_eq!(ids.len(), 4, "posts without numbers are told apart by their places");
    web.asked();
    bench.visit().await;
    assert_eq!(web.asked(), ["/b/leaks"]);
    // A further answer: only that thread is read again, and only the answer handed on.
    web.html("/b/leaks", &board(2));
    let grown =
        post("joe", 1, "mail;name<br>a@x.example;Ann") + &post("ann", 2, "thanks") + &post("eve", 3, "more of it");
    web.html("/topic/31-dump", &grown);
    bench.visit().await;
    assert_eq!(web.asked(), ["/b/leaks", "/topic/31-dump"]);
    let posts = bench.kept.take();
    assert_eq!(posts.iter().map(|post| post.author.as_deref()).collect::<Vec<_>>(), [Some("eve")]);
}

#[tokio::test]
async fn pages_that_stand_before_a_page_are_named_and_never_taken_for_it() {
    let web = Web::default();
    let base = web.start().await;
    for (page, said) in [
        (
            "<html><head><title>Just a moment...</title></head><body><p>Checking if the site connection is secure",
            "check of the browser",
        ),
        ("<html><body><form><div class='g-recaptcha'></div></form>", "captcha"),
        ("<html><body><form action=/login><input name=u><input type=password></form>", "login"),
        ("<html><body><div id=app></div><script src=/app.js></script>", "without scripts"),
        ("", "empty"),
    ] {
        for family in ["forum", "pastes", "phpbb"] {
            let mut bench = Bench::new(&base, &format!("family = '{family}'\nurl = '{{base}}/b'"));
            web.html("/b", page);
            let fault = bench.visit().await.fault.expect("a page that is none").to_string();
            assert!(fault.contains(said), "{family}: {fault}");
            assert!(bench.kept.take().is_empty());
        }
    }
}
