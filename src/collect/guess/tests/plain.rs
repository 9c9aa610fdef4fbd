//! Pages without any software that has a name: tables by hand, nothing but `div`s, other languages; and paste sites.

use super::{listing, listing_as, lists, next_of, posts, reads, rows, thread, thread_as};

#[test]
fn a_table_by_hand() {
    lists(
        "https://b.example/list.cgi?b=leaks",
        r#"<html><body bgcolor=black><center><a href="index.html">index</a> | <a href="post.cgi?b=leaks">new thread</a></center>
        <table border=1><tr><th>subject<th>author<th>answers<th>last</tr>
        <tr><td><a href="read.cgi?b=leaks&n=31">fresh dump</a><td>joe<td>4<td>02.01.2026 03:00</tr>
        <tr><td><a href="read.cgi?b=leaks&n=30">other export</a><td>ann<td>0<td>01.01.2026 03:00</tr></table>
        <a href="list.cgi?b=leaks&page=2">older</a></body></html>"#,
        &[
            ["fresh dump", "read.cgi?b=leaks&n=31", "", "2026-01-02"],
            ["other export", "read.cgi?b=leaks&n=30", "", "2026-01-01"],
        ],
        "list.cgi?b=leaks&page=2",
    );
    reads(
        "https://b.example/read.cgi?b=leaks&n=31",
        r#"<html><body><h3>fresh dump</h3><table><tr><td width=100><b>joe</b><br>02.01.2026 03:07</td><td>mail;name<br>a@x.example;Ann</td></tr>
        <tr><td width=100><b>ann</b><br>02.01.2026 03:08</td><td>thanks</td></tr>
        <tr><td width=100><b>bob</b><br>02.01.2026 03:09</td><td>more please</td></tr></table></body></html>"#,
        &[
            ["", "", "2026-01-02T03:07", "mail;name\na@x.example;Ann"],
            ["", "", "2026-01-02T03:08", "thanks"],
            ["", "", "2026-01-02T03:09", "more please"],
        ],
        "",
    );
}

#[test]
fn nothing_but_divs() {
    lists(
        "https://b.example/board/leaks/",
        r#"<div><div><a href="/">home</a></div><div><div>
        <div><div><a href="/board/leaks/31">fresh dump</a></div><div>by joe</div><div>Jan 2, 2026 03:00</div></div>
        <div><div><a href="/board/leaks/30">other export</a></div><div>by ann</div><div>Jan 1, 2026 03:00</div></div>
        </div></div><div><a href="/board/leaks/?page=2">→</a></div></div>"#,
        &[
            ["fresh dump", "board/leaks/31", "joe", "2026-01-02"],
            ["other export", "board/leaks/30", "ann", "2026-01-01"],
        ],
        "board/leaks/?page=2",
    );
    reads(
        "https://b.example/board/leaks/31",
        r#"<div><div>fresh dump</div><div>
        <div><div>by joe</div><div>Jan 2, 2026 03:07</div><div>mail;name<br>a@x.example;Ann</div></div>
        <div><div>by ann</div><div>Jan 2, 2026 03:08</div><div>thanks</div></div></div></div>"#,
        &[["", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn french_german_and_russian() {
    lists(
        "https://f.example/forum/2",
        r#"<ul><li class="sujet"><h3><a href="/sujet/31-base-fraiche">Base fraîche</a></h3><p>par <a href="/membre/joe">joe</a>, le 2 janvier 2026 à 03:00</p></li>
        <li class="sujet"><h3><a href="/sujet/30-autre-export">Autre export</a></h3><p>par <a href="/membre/ann">ann</a>, hier à 10:00</p></li></ul><a href="/forum/2?page=2">Suivant »</a>"#,
        &[
            ["Base fraîche", "sujet/31-base-fraiche", "joe", "2026-01-02"],
            ["Autre export", "sujet/30-autre-export", "ann", "2026-11-20"],
        ],
        "forum/2?page=2",
    );
    reads(
        "https://f.example/thema/31",
        r#"<div class="beitrag" id="beitrag-7"><p>von <a href="/mitglied/7">Jürgen</a> am 2. Januar 2026, 03:07 Uhr</p><div class="inhalt">mail;name<br>a@x.example;Ann</div></div>
        <div class="beitrag" id="beitrag-8"><p>von <a href="/mitglied/8">Ute</a>, Gestern um 10:00 Uhr</p><div class="inhalt">danke</div></div><a href="/thema/31?seite=2">Nächste Seite</a>"#,
        &[["7", "Jürgen", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "Ute", "2026-11-20T10:00", "danke"]],
        "thema/31?seite=2",
    );
    reads(
        "https://f.example/tema/31",
        r#"<table><tr id="p7"><td><b class="username">Иван</b></td><td><div class="smallfont">2 января 2026, 03:07</div><div class="text">mail;name<br>a@x.example;Ann</div></td></tr>
        <tr id="p8"><td><b class="username">Олег</b></td><td><div class="smallfont">Вчера в 10:00</div><div class="text">спасибо</div></td></tr></table><a href="/tema/31?page=2">Следующая</a>"#,
        &[
            ["7", "Иван", "2026-01-02T03:07", "mail;name\na@x.example;Ann"],
            ["8", "Олег", "2026-11-20T10:00", "спасибо"],
        ],
        "tema/31?page=2",
    );
}

#[test]
fn one_post_alone_is_read_whole() {
    let page = r#"<div id="nav"><a href="/">x</a></div><div class="wrap"><div id="post-7"><span class="username">joe</span> <time datetime="2026-01-02T03:00:00Z">x</time><div class="msg">a@x.example;Ann</div></div></div>"#;
    let read = thread("https://f.example/t/1", page);
    assert_eq!(posts(&read)[0][..3], ["7", "joe", "2026-01-02T03:00"].map(str::to_owned));
    assert!(posts(&read)[0][3].contains("a@x.example;Ann"));
    // Without any mark the page itself is the post.
    let page =
        "<html><body><nav><a href=/>home</a></nav><h1>dump</h1><p>a@x.example;Ann<p>b@x.example;Bob</body></html>";
    let read = posts(&thread("https://f.example/t/1", page));
    assert_eq!(read.len(), 1);
    assert!(read[0][3].contains("a@x.example;Ann\nb@x.example;Bob"), "{read:?}");
    assert!(!read[0][3].contains("home"), "{read:?}");
}

/// Where what repeats is beside the point (a list of answers under a mail), the page is read whole; where much stands beside
/// the posts, that is read too.
#[test]
fn what_stands_beside_posts_is_not_lost() {
    let answers: String = (1..4)
        .map(|n| {
            format!(
                "<li><strong><a name=0000{n} href=msg{n}.html>Re: dump</a></strong><ul><li>From: joe</li></ul></li>"
            )
        })
        .collect();
    let page = format!(
        "<h1>dump</h1><ul><li>From: ann</li><li>Date: Fri, 20 Nov 2026 10:01:00 -0000</li></ul><pre>a@x.example;Ann\nb@x.example;Bob\nc@x.example;Eve</pre><ul>{answers}</ul>"
    );
    let read = posts(&thread("https://f.example/msg0.html", &page));
    assert!(read.iter().any(|post| post[3].contains("b@x.example;Bob")), "{read:?}");
    let comments: String = (1..6).map(|n| format!("<div class=comment id=c{n}><a href=/user/u{n}>u{n}</a> <time datetime='2026-01-02T03:00:00Z'></time><p>a comment that is of some length, number {n}</p></div>")).collect();
    let page = format!("<pre>{}</pre>{comments}", "somebody@x.example;Ann\n".repeat(10));
    let read = posts(&thread("https://f.example/paste/1", &page));
    assert!(read.iter().any(|post| post[3].contains("somebody@x.example;Ann")), "{read:?}");
    assert!(read.iter().any(|post| post[..2] == ["3", "u3"].map(str::to_owned)), "{read:?}");
}

/// As pybbm does: an empty anchor and the post's own element bear one number.
#[test]
fn a_post_may_be_marked_twice() {
    let post = |n: u32, text: &str| {
        format!(
            "<a name='post-{n}'></a><table class='post' id='post-{n}'><tr><th><a class=permalink href='/forum/post/{n}/'>#</a> <span class=updated>2026-01-02 03:0{n}</span></th></tr><tr><td><a href='/forum/users/joe/'>joe</a></td><td class=post-content>{text}</td></tr></table>"
        )
    };
    reads(
        "https://f.example/forum/topic/1/",
        &format!("<div class=posts>{}{}</div>", post(7, "a@x.example;Ann"), post(8, "thanks")),
        &[["7", "joe", "2026-01-02T03:07", "a@x.example;Ann"], ["8", "joe", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

/// A dump pasted as a table with numbered rows is one post, not one per row.
#[test]
fn a_dump_is_not_cut_into_its_rows() {
    let rows: String = (1..60)
        .map(|n| format!("<tr id=row{n}><td>p{n}@x.example</td><td>Ann {n}</td><td>2026-01-0{}</td></tr>", n % 9 + 1))
        .collect();
    let page = format!(
        "<div class=post id=post-7><a href=/user/joe>joe</a> <time datetime='2026-01-02T03:00:00Z'>x</time><div class=content><table>{rows}</table></div></div><div class=post id=post-8><a href=/user/ann>ann</a> <time datetime='2026-01-02T04:00:00Z'>x</time><div class=content>thanks</div></div>"
    );
    let read = posts(&thread("https://f.example/t/1", &page));
    assert_eq!(read.len(), 2, "{read:?}");
    assert!(read[0][3].contains("p1@x.example\tAnn 1") && read[0][3].contains("p59@x.example"), "{read:?}");
}

#[test]
fn paste_sites() {
    let tables = r#"<div class="header"><a href="/">PASTE</a><a href="/api">API</a><a href="/archive">ARCHIVE</a><a href="/login">LOGIN</a></div>
        <table class="maintable"><tr><th>Name</th><th>Posted</th><th>Syntax</th></tr>
        <tr><td><a href="/gH7iJk2L">Untitled</a></td><td>12 sec ago</td><td><a href="/archive/text">None</a></td></tr>
        <tr><td><a href="/aB3dEf9Z">combo list</a></td><td>1 min ago</td><td><a href="/archive/python">Python</a></td></tr>
        <tr><td><a href="/Zz9Yy8Xx">Untitled</a></td><td>3 min ago</td><td><a href="/archive/text">None</a></td></tr></table>
        <aside><h3>Public pastes</h3><ul><li><a href="/hQ2wErTy">Untitled</a></li></ul></aside>"#;
    let list = listing_as("pastes", "https://p.example/archive", tables);
    let read: Vec<String> = rows(&list).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(read, ["gH7iJk2L", "aB3dEf9Z", "Zz9Yy8Xx"]);
    let cards = r#"<div class="cards"><div class="card"><h5><a href="/paste/81f2">users.csv</a></h5><small>2026-01-02 03:00 by joe</small><a href="/paste/81f2/delete">delete</a></div>
        <div class="card"><h5><a href="/paste/77ab">log</a></h5><small>2026-01-02 02:00 by ann</small><a href="/paste/77ab/delete">delete</a></div></div><a href="?page=2" class="btn">Next</a>"#;
    let list = listing_as("pastes", "https://p.example/recent", cards);
    assert_eq!(
        rows(&list),
        [["users.csv", "paste/81f2", "joe", "2026-01-02"], ["log", "paste/77ab", "ann", "2026-01-02"]]
            .map(|row| row.map(str::to_owned))
    );
    assert_eq!(next_of(list.next.as_ref()), "recent?page=2");
    let raw = |url: &str, html: &str| {
        let page = thread_as("pastes", url, html);
        let first = &page.messages[0];
        (first.raw.iter().map(|url| url.path().to_owned()).collect::<Vec<_>>(), first.body.clone().unwrap_or_default())
    };
    let (links, body) = raw(
        "https://p.example/paste/81f2",
        r#"<a href="/raw/77ab">raw</a><h1>users.csv</h1><a href="/paste/81f2/raw">View raw</a> <a href="/paste/81f2/delete">Delete</a><pre><code>a@x.example;Ann</code></pre>"#,
    );
    assert_eq!(links, ["/paste/81f2/raw"], "the raw form of this paste, not of the one beside it");
    assert!(body.contains("a@x.example;Ann"));
    let (links, body) = raw(
        "https://p.example/s/81f2",
        r#"<h1>x</h1><a href="/s/81f2/burn/raw">raw</a><textarea>a@x.example;Ann</textarea>"#,
    );
    assert!(links.is_empty(), "what asking would change is left alone");
    assert!(body.contains("a@x.example;Ann"));
}

/// What others do to a page makes it no thread of ours: menus, sections, people.
#[test]
fn sections_and_menus_are_not_threads() {
    let page = r#"<nav><a href="/topic/1-rules">The rules of this board</a></nav>
        <table><tr><td><a href="/forum/3-shops">A section that is about shops</a></td></tr><tr><td><a href="/forum/4-banks">A section that is about banks</a></td></tr></table>
        <table><tr><td><a href="/topic/31-dump">dump</a></td><td><a href="/profile/5-joe">joe</a></td></tr><tr><td><a href="/topic/30-more">more</a></td><td><a href="/profile/6-ann">ann</a></td></tr></table>
        <div class="sidebar"><a href="/topic/9-old">an old topic that is popular</a></div>"#;
    let titles: Vec<String> =
        rows(&listing("https://f.example/forum/2-leaks", page)).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(titles, ["dump", "more"]);
}

/// Whether a listing says that a thread has grown: by answers and last posts, not by views or the passing of time.
#[test]
fn views_and_time_change_nothing_answers_do() {
    let page = |answers: u32, views: u32, ago: &str, last: u32| {
        format!(
            "<table><tr><td><a href='/topic/31-dump'>dump</a></td><td>{answers}</td><td>{views}</td><td>{ago} <a href='/topic/31-dump?page=1#p{last}'>last</a></td></tr>\
                 <tr><td><a href='/topic/30-x'>other</a></td><td>1</td><td>5</td><td>yesterday</td></tr></table>"
        )
    };
    let mark = |page: &str| listing("https://f.example/forum/2", page).entries[0].mark;
    let before = mark(&page(4, 120, "2 minutes ago", 77));
    assert_eq!(before, mark(&page(4, 133, "5 minutes ago", 77)));
    assert_ne!(before, mark(&page(5, 133, "5 minutes ago", 78)));
    assert_ne!(before, mark(&page(5, 120, "2 minutes ago", 77)));
}
