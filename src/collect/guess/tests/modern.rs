//! Later software: classes for everything, microdata, trees of comments, pages for browsers without scripts.

use super::{lists, reads};

#[test]
fn xenforo_1_and_2() {
    let one = |n: u32, who: &str, text: &str| {
        format!(
            r##"<li id="post-{n}" class="message" data-author="{who}"><div class="messageUserInfo"><div class="messageUserBlock"><h3 class="userText"><a href="members/{who}.{n}/" class="username">{who}</a><em class="userTitle">New Member</em></h3><dl><dt>Joined:</dt><dd>Mar 3, 2019</dd></dl></div></div>
            <div class="messageInfo primaryContent"><div class="messageContent"><article><blockquote class="messageText SelectQuoteContainer">{text}</blockquote></article></div><div class="messageMeta"><span class="item muted"><span class="authorEnd"><a href="members/{who}.{n}/" class="username author">{who}</a>,</span> <a href="threads/dump.5/#post-{n}" class="datePermalink"><abbr class="DateTime" data-time="176732{n}800">Jan 2, 2026</abbr></a></span></div></div></li>"##
        )
    };
    reads(
        "https://f.example/threads/dump.5/",
        &format!(
            "<ol class=messageList>{}{}</ol><div class=PageNav><a href='threads/dump.5/page-2' class='text'>Next &gt;</a></div>",
            one(2, "joe", "mail;name<br>a@x.example;Ann"),
            one(3, "ann", "thanks")
        ),
        &[["2", "joe", "2026-01-02T03:00", "mail;name\na@x.example;Ann"], ["3", "ann", "2026-01-02T03:16", "thanks"]],
        "threads/dump.5/threads/dump.5/page-2",
    );
    lists(
        "https://f.example/forums/leaks.2/",
        r#"<div class="p-nav"><a href="/forums/">Forums</a><a href="/whats-new/">What's new</a><a href="/members/">Members</a></div>
        <div class="structItemContainer"><div class="structItem structItem--thread"><div class="structItem-cell structItem-cell--icon"><a href="/members/joe.3/" class="avatar"><img></a></div><div class="structItem-cell structItem-cell--main"><div class="structItem-title"><a href="/forums/leaks.2/?prefix_id=1" class="labelLink">FREE</a> <a href="/threads/dump.31/">Fresh dump</a></div>
        <div class="structItem-minor"><ul class="structItem-parts"><li><a href="/members/joe.3/" class="username">joe</a></li><li class="structItem-startDate"><a href="/threads/dump.31/"><time datetime="2026-01-02T03:00:00+0000">Jan 2</time></a></li></ul></div></div><div class="structItem-cell structItem-cell--meta"><dl><dt>Replies</dt><dd>4</dd></dl><dl><dt>Views</dt><dd>120</dd></dl></div><div class="structItem-cell structItem-cell--latest"><a href="/threads/dump.31/latest"><time datetime="2026-01-03T03:00:00+0000">Jan 3</time></a></div></div>
        <div class="structItem structItem--thread"><div class="structItem-cell structItem-cell--main"><div class="structItem-title"><a href="/threads/other-export.30/">Other export</a></div><div class="structItem-minor"><ul class="structItem-parts"><li><a href="/members/ann.4/" class="username">ann</a></li><li class="structItem-startDate"><a href="/threads/other-export.30/"><time datetime="2026-01-01T03:00:00+0000">Jan 1</time></a></li></ul></div></div><div class="structItem-cell structItem-cell--latest"><a href="/threads/other-export.30/latest"><time datetime="2026-01-01T03:00:00+0000">x</time></a></div></div></div>
        <nav class="pageNavWrapper"><ul class="pageNav-main"><li class="pageNav-page pageNav-page--current"><a href="/forums/leaks.2/">1</a></li><li class="pageNav-page"><a href="/forums/leaks.2/page-2">2</a></li></ul><a href="/forums/leaks.2/page-2" class="pageNav-jump pageNav-jump--next">Next</a></nav>"#,
        &[
            ["Fresh dump", "threads/dump.31/", "joe", "2026-01-02"],
            ["Other export", "threads/other-export.30/", "ann", "2026-01-01"],
        ],
        "forums/leaks.2/page-2",
    );
}

#[test]
fn invision() {
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<a id="comment-{n}"></a><article id="elComment_{n}" class="cPost ipsBox ipsComment ipsComment_parent"><aside class="ipsComment_author cAuthorPane"><h3 class="cAuthorPane_author"><strong><a href="https://f.example/profile/{n}-{who}/">{who}</a></strong></h3><ul class="cAuthorPane_info"><li>12 posts</li></ul></aside>
            <div class="ipsColumn"><div id="comment-{n}_wrap" class="ipsComment_content"><div class="ipsComment_meta"><a href="https://f.example/topic/5-dump/?do=findComment&amp;comment={n}">Posted <time datetime="2026-01-02T03:0{n}:00Z" title="x">January 2</time></a></div><div class="cPost_contentWrap"><div data-role="commentContent" class="ipsType_richText">{text}</div></div></div></div></article>"##
        )
    };
    reads(
        "https://f.example/topic/5-dump/",
        &format!(
            "<div id=elPostFeed>{}{}</div><ul class=ipsPagination><li class=ipsPagination_next><a href='https://f.example/topic/5-dump/page/2/' rel=next>Next</a></li></ul>",
            post(7, "joe", "<p>mail;name<br>a@x.example;Ann</p>"),
            post(8, "ann", "<p>thanks</p>")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "topic/5-dump/page/2/",
    );
}

#[test]
fn discourse_without_scripts() {
    lists(
        "https://f.example/latest?no_definitions=true&page=0",
        r#"<header><a href="/">Forum</a></header><div class="topic-list-container" itemscope><table class="topic-list"><thead><tr><th>Topic</th><th>Replies</th><th>Activity</th></tr></thead><tbody>
        <tr class="topic-list-item" id="topic-list-item-31"><td class="main-link"><span class="link-top-line"><a itemprop="url" href="https://f.example/t/fresh-dump/31" class="title raw-link raw-topic-link">Fresh dump</a></span><div class="link-bottom-line"><a href="https://f.example/c/leaks/5" class="badge-wrapper">Leaks</a></div></td><td class="replies"><span class="posts" title="posts">4</span></td><td>January 2, 2026</td></tr>
        <tr class="topic-list-item" id="topic-list-item-30"><td class="main-link"><span class="link-top-line"><a itemprop="url" href="https://f.example/t/other-export/30" class="title raw-link raw-topic-link">Other export</a></span><div class="link-bottom-line"><a href="https://f.example/c/leaks/5" class="badge-wrapper">Leaks</a></div></td><td class="replies"><span class="posts" title="posts">0</span></td><td>January 1, 2026</td></tr></tbody></table></div>
        <div role="navigation"><span itemprop="name"><b><a rel="next" itemprop="url" href="/latest?no_definitions=true&amp;page=1">next page →</a></b></span></div>"#,
        &[["Fresh dump", "t/fresh-dump/31", "", "2026-01-02"], ["Other export", "t/other-export/30", "", "2026-01-01"]],
        "latest?no_definitions=true&page=1",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<div id="post_{n}" itemprop="comment" itemscope itemtype="http://schema.org/Comment" class="topic-body crawler-post"><div class="crawler-post-meta"><span class="creator" itemprop="author" itemscope itemtype="http://schema.org/Person"><a itemprop="url" href="https://f.example/u/{who}"><span itemprop="name">{who}</span></a></span><span class="crawler-post-infos"><time itemprop="datePublished" datetime="2026-01-02T03:0{n}:00Z" class="post-time">January 2</time><span itemprop="position">{n}</span></span></div><div class="post" itemprop="text">{text}</div></div>"##
        )
    };
    reads(
        "https://f.example/t/fresh-dump/31",
        &format!(
            "<div id=topic-title><h1><a href=/t/fresh-dump/31>Fresh dump</a></h1></div>{}{}",
            post(1, "joe", "<p>mail;name<br>a@x.example;Ann</p>"),
            post(2, "ann", "<p>thanks</p>")
        ),
        &[["1", "joe", "2026-01-02T03:01", "mail;name\na@x.example;Ann"], ["2", "ann", "2026-01-02T03:02", "thanks"]],
        "",
    );
}

#[test]
fn punbb_and_fluxbb() {
    lists(
        "https://f.example/viewforum.php?id=2",
        r#"<div id="vf" class="blocktable"><table><tbody><tr class="rowodd"><td class="tcl"><div class="icon"><div class="nosize">1</div></div><div class="tclcon"><div><a href="viewtopic.php?id=31">Fresh dump</a> <span class="byuser">by joe</span></div></div></td><td class="tc2">4</td><td class="tc3">120</td><td class="tcr"><a href="viewtopic.php?pid=77#p77">2026-01-02 03:00:00</a> <span class="byuser">by ann</span></td></tr>
        <tr class="roweven"><td class="tcl"><div class="icon"></div><div class="tclcon"><div><a href="viewtopic.php?id=30">Other export</a> <span class="byuser">by bob</span></div></div></td><td class="tc2">0</td><td class="tc3">12</td><td class="tcr"><a href="viewtopic.php?pid=70#p70">2026-01-01 03:00:00</a> <span class="byuser">by bob</span></td></tr></tbody></table></div>
        <p class="pagelink conl"><span class="pages-label">Pages: </span><strong class="item1">1</strong> <a href="viewforum.php?id=2&amp;p=2">2</a> <a rel="next" href="viewforum.php?id=2&amp;p=2">Next</a></p>"#,
        &[
            ["Fresh dump", "viewtopic.php?id=31", "joe", "2026-01-02"],
            ["Other export", "viewtopic.php?id=30", "bob", "2026-01-01"],
        ],
        "viewforum.php?id=2&p=2",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<div id="p{n}" class="blockpost rowodd"><h2><span><span class="conr">#{n}</span> <a href="viewtopic.php?pid={n}#p{n}">2026-01-02 03:0{n}:00</a></span></h2><div class="box"><div class="inbox"><div class="postbody"><div class="postleft"><dl><dt><strong><a href="profile.php?id={n}">{who}</a></strong></dt><dd class="usertitle"><strong>Member</strong></dd><dd><span>Registered: 2019-03-12</span></dd><dd><span>Posts: 12</span></dd></dl></div>
            <div class="postright"><h3>dump</h3><div class="postmsg"><p>{text}</p></div></div></div></div></div></div>"##
        )
    };
    reads(
        "https://f.example/viewtopic.php?id=31",
        &format!("{}{}", post(7, "joe", "mail;name<br>a@x.example;Ann"), post(8, "ann", "thanks")),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn vanilla() {
    lists(
        "https://f.example/discussions",
        r#"<ul class="DataList Discussions"><li id="Discussion_31" class="Item"><div class="ItemContent Discussion"><div class="Title"><a href="https://f.example/discussion/31/fresh-dump">Fresh dump</a></div><div class="Meta"><span class="MItem ViewCount">120 views</span> <span class="MItem CommentCount">4 comments</span> <span class="MItem DiscussionAuthor">Started by <a href="https://f.example/profile/joe">joe</a></span> <span class="MItem LastCommentDate"><time title="January 3, 2026 3:00AM" datetime="2026-01-03T03:00:00+00:00">Jan 3</time></span></div></div></li>
        <li id="Discussion_30" class="Item Alt"><div class="ItemContent Discussion"><div class="Title"><a href="https://f.example/discussion/30/other-export">Other export</a></div><div class="Meta"><span class="MItem ViewCount">7 views</span> <span class="MItem DiscussionAuthor">Started by <a href="https://f.example/profile/ann">ann</a></span></div></div></li></ul>
        <div class="PageControls"><div id="PagerBefore" class="Pager"><span class="Previous">«</span><a href="https://f.example/discussions/p1" class="Highlight">1</a><a href="https://f.example/discussions/p2">2</a><a href="https://f.example/discussions/p2" class="Next" rel="next">»</a></div></div>"#,
        &[
            ["Fresh dump", "discussion/31/fresh-dump", "joe", "2026-01-03"],
            ["Other export", "discussion/30/other-export", "ann", ""],
        ],
        "discussions/p2",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<li class="Item ItemComment" id="Comment_{n}"><div class="Comment"><div class="Item-Header CommentHeader"><span class="Author"><a href="/profile/{who}" class="PhotoWrap"><img></a><a href="/profile/{who}" class="Username">{who}</a></span><span class="MItem DateCreated"><a href="/discussion/comment/{n}#Comment_{n}" class="Permalink"><time datetime="2026-01-02T03:0{n}:00+00:00">Jan 2</time></a></span></div><div class="Item-BodyWrap"><div class="Item-Body"><div class="Message">{text}</div></div></div></div></li>"##
        )
    };
    reads(
        "https://f.example/discussion/31/fresh-dump",
        &format!(
            "<ul class='MessageList DataList Comments'>{}{}</ul>",
            post(7, "joe", "mail;name<br>a@x.example;Ann"),
            post(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn nodebb_without_scripts() {
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<li component="post" class="pt-4" data-index="{n}" data-pid="{n}" itemprop="comment" itemscope itemtype="http://schema.org/Comment"><a component="post/anchor" data-index="{n}" id="{n}"></a><meta itemprop="datePublished" content="2026-01-02T03:0{n}:00.000Z"><div class="post-header"><a class="fw-bold" href="/user/{who}" data-username="{who}">{who}</a> <a class="permalink" href="/post/{n}"><span class="timeago" title="2026-01-02T03:0{n}:00.000Z"></span></a></div><div class="content mt-2" component="post/content" itemprop="text">{text}</div></li>"##
        )
    };
    reads(
        "https://f.example/topic/9/dump",
        &format!(
            "<link rel=next href='https://f.example/topic/9/dump?page=2'><ul component=topic>{}{}</ul>",
            post(7, "joe", "<p>mail;name<br>a@x.example;Ann</p>"),
            post(8, "ann", "<p>thanks</p>")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "topic/9/dump?page=2",
    );
}

#[test]
fn lemmy_and_kbin() {
    lists(
        "https://f.example/c/leaks",
        r#"<nav class="navbar"><a href="/communities">Communities</a> <a href="/create_post">Create Post</a></nav><div class="post-listings"><div class="post-listing mt-2"><article class="row"><h1 class="h5"><a href="/post/31" class="d-inline">Fresh dump</a></h1><div class="small"><a class="person-listing" href="/u/joe" title="joe">joe</a> to <a class="community-link" href="/c/leaks">leaks</a> <span class="moment-time" data-tippy-content="Friday, January 2nd, 2026 at 3:00:00 AM GMT">1 day ago</span></div><a class="btn" href="/post/31?scrollToComments=true">4 comments</a></article></div><hr>
        <div class="post-listing mt-2"><article class="row"><h1 class="h5"><a href="/post/30" class="d-inline">Other export</a></h1><div class="small"><a class="person-listing" href="/u/ann" title="ann">ann</a> to <a class="community-link" href="/c/leaks">leaks</a></div></article></div></div>"#,
        &[["Fresh dump", "post/31", "joe", "2026-11-20"], ["Other export", "post/30", "ann", ""]],
        "",
    );
    // Answers stand within what they answer.
    let comment = |n: u32, who: &str, text: &str, answers: &str| {
        format!(
            r##"<li class="comment list-unstyled"><article id="comment-{n}" class="details comment-node"><div class="d-flex"><a class="person-listing" href="/u/{who}">{who}</a> <time datetime="2026-01-02T03:0{n}:00Z">1 day ago</time></div><div class="comment-content"><div class="md-div"><p>{text}</p></div></div>{answers}</article></li>"##
        )
    };
    let tree =
        comment(7, "joe", "mail;name<br>a@x.example;Ann", &format!("<ul>{}</ul>", comment(8, "ann", "thanks", "")));
    reads(
        "https://f.example/post/31",
        &format!("<div class=comments><ul>{tree}{}</ul></div>", comment(9, "bob", "more", "")),
        &[
            ["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"],
            ["8", "ann", "2026-01-02T03:08", "thanks"],
            ["9", "bob", "2026-01-02T03:09", "more"],
        ],
        "",
    );
    let kbin = |n: u32, who: &str, text: &str| {
        format!(
            r##"<blockquote id="entry-comment-{n}" class="section comment entry-comment subject"><header><a href="/u/{who}" class="user-inline">{who}</a>, <time class="timeago" title="2026-01-02T03:0{n}:00+00:00" datetime="2026-01-02T03:0{n}:00+00:00">1 day ago</time></header><div class="content"><p>{text}</p></div><footer><menu><li><a href="/m/leaks/t/31/-/comment/{n}/reply">reply</a></li></menu></footer></blockquote>"##
        )
    };
    reads(
        "https://f.example/m/leaks/t/31/fresh-dump",
        &format!(
            "<section id=comments>{}{}</section>",
            kbin(7, "joe", "mail;name<br>a@x.example;Ann"),
            kbin(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}
