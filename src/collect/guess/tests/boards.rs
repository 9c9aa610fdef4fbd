//! The boards of the first twenty years: tables, numbered anchors, addresses with question marks.

use super::{lists, reads, thread};

#[test]
fn phpbb_2() {
    lists(
        "https://f.example/viewforum.php?f=2",
        r#"<table class="forumline"><tr><th>Topics</th><th>Replies</th><th>Author</th><th>Views</th><th>Last Post</th></tr>
        <tr><td class="row1"><img src="folder.gif"></td><td class="row1"><span class="topictitle"><a href="viewtopic.php?t=31&amp;sid=ab12" class="topictitle">Fresh shop dump</a></span></td>
        <td class="row2"><span class="postdetails">4</span></td><td class="row3"><span class="name"><a href="profile.php?mode=viewprofile&amp;u=5">joe</a></span></td><td class="row2"><span class="postdetails">120</span></td>
        <td class="row3Right"><span class="postdetails">Fri Jan 02, 2026 3:00 am<br><a href="profile.php?mode=viewprofile&amp;u=9">ann</a> <a href="viewtopic.php?p=77&amp;sid=ab12#77"><img alt="View latest post"></a></span></td></tr>
        <tr><td class="row1"><img src="folder.gif"></td><td class="row1"><span class="topictitle"><a href="viewtopic.php?t=30&amp;sid=ab12" class="topictitle">Looking for exports</a></span></td>
        <td class="row2"><span class="postdetails">0</span></td><td class="row3"><span class="name"><a href="profile.php?mode=viewprofile&amp;u=6">bob</a></span></td><td class="row2"><span class="postdetails">12</span></td>
        <td class="row3Right"><span class="postdetails">Thu Jan 01, 2026 9:00 pm<br><a href="profile.php?mode=viewprofile&amp;u=6">bob</a> <a href="viewtopic.php?p=70&amp;sid=ab12#70"><img></a></span></td></tr></table>
        <span class="nav">Goto page <b>1</b>, <a href="viewforum.php?f=2&amp;start=50&amp;sid=ab12">2</a> &nbsp;<a href="viewforum.php?f=2&amp;start=50&amp;sid=ab12">Next</a></span>"#,
        &[
            ["Fresh shop dump", "viewtopic.php?t=31&sid=ab12", "joe", "2026-01-02"],
            ["Looking for exports", "viewtopic.php?t=30&sid=ab12", "bob", "2026-01-01"],
        ],
        "viewforum.php?f=2&start=50&sid=ab12",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<tr><td class="row1"><span class="name"><a name="{n}"></a><b>{who}</b></span><br><span class="postdetails">Stranger<br>Joined: 12 Mar 2019<br>Posts: 34</span></td>
            <td class="row1"><table><tr><td><a href="viewtopic.php?p={n}#{n}"><img></a><span class="postdetails">Posted: Fri Jan 02, 2026 3:0{n} am &nbsp; Post subject: dump</span></td><td><a href="posting.php?mode=quote&amp;p={n}"><img></a></td></tr>
            <tr><td colspan="2"><hr></td></tr><tr><td colspan="2"><span class="postbody">{text}</span></td></tr></table></td></tr>
            <tr><td class="row1"><a href="#top">Back to top</a></td><td class="row1"><a href="profile.php?mode=viewprofile&amp;u={n}">profile</a></td></tr><tr><td class="spaceRow" colspan="2"></td></tr>"##
        )
    };
    let page = format!(
        r##"<table class="forumline"><tr><th>Author</th><th>Message</th></tr>{}{}</table><b>Goto page 1, <a href="viewtopic.php?t=31&amp;start=15">2</a> <a href="viewtopic.php?t=31&amp;start=15">Next</a></b> <a href="viewtopic.php?t=31&amp;view=next">View next topic</a>"##,
        post(7, "joe", "mail;name<br>a@x.example;Ann"),
        post(8, "ann", "thanks")
    );
    reads(
        "https://f.example/viewtopic.php?t=31",
        &page,
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "viewtopic.php?t=31&start=15",
    );
}

#[test]
fn phpbb_3() {
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<div id="p{n}" class="post has-profile bg2"><div class="inner"><dl class="postprofile" id="profile{n}"><dt><a href="./memberlist.php?mode=viewprofile&amp;u={n}" class="username">{who}</a></dt><dd class="profile-posts"><strong>Posts:</strong> 12</dd></dl>
            <div class="postbody"><div id="post_content{n}"><h3><a href="./viewtopic.php?p={n}#p{n}">Fresh dump</a></h3><p class="author"><a class="unread" href="./viewtopic.php?p={n}#p{n}"></a> by <strong><a class="username">{who}</a></strong> » <time datetime="2026-01-02T03:0{n}:00+00:00">Fri Jan 02</time></p>
            <div class="content">{text}</div></div></div></div></div><hr class="divider" />"##
        )
    };
    let body = format!(
        r##"<div id="page-body"><h2 class="topic-title"><a href="./viewtopic.php?t=31">Fresh dump</a></h2>{}{}</div><div class="pagination"><ul><li class="active"><span>1</span></li><li><a href="./viewtopic.php?t=31&amp;start=10">2</a></li><li class="arrow next"><a rel="next" href="./viewtopic.php?t=31&amp;start=10">Next</a></li></ul></div>"##,
        post(
            7,
            "joe",
            "mail;name<br>a@x.example;Ann<dl class=attachbox><dt>Attachments</dt><dd><a class=postlink href='./download/file.php?id=5'>x.zip</a></dd></dl>"
        ),
        post(8, "ann", "thanks")
    );
    let url = "https://f.example/viewtopic.php?t=31";
    reads(
        url,
        &body,
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "viewtopic.php?t=31&start=10",
    );
    let files: Vec<String> =
        thread(url, &body).messages[0].attachments.iter().map(|url| url.path().to_owned()).collect();
    assert_eq!(files, ["/download/file.php"]);
    lists(
        "https://f.example/viewforum.php?f=2",
        r#"<div class="navbar"><a href="./index.php">Board index</a> <a href="./viewforum.php?f=1">Parent</a> <a href="./search.php">Search</a></div>
        <ul class="topiclist topics"><li class="row bg1"><dl><dt><div class="list-inner"><a href="./viewtopic.php?t=31" class="topictitle">Fresh dump</a><br><div class="topic-poster">by <a href="./memberlist.php?mode=viewprofile&amp;u=5" class="username">joe</a> » <time datetime="2026-01-02T03:00:00+00:00">Fri</time></div></div></dt>
        <dd class="posts">4</dd><dd class="views">120</dd><dd class="lastpost"><span>by <a href="./memberlist.php?mode=viewprofile&amp;u=9" class="username">ann</a> <a href="./viewtopic.php?p=77#p77"></a><br><time datetime="2026-01-03T03:00:00+00:00">Sat</time></span></dd></dl></li>
        <li class="row bg2"><dl><dt><div class="list-inner"><a href="./viewtopic.php?t=30" class="topictitle">Other thing</a><br><div class="topic-poster">by <a href="./memberlist.php?mode=viewprofile&amp;u=6" class="username">bob</a> » <time datetime="2026-01-01T03:00:00+00:00">Thu</time></div></div></dt>
        <dd class="posts">0</dd><dd class="views">7</dd><dd class="lastpost"><span>by <a href="./memberlist.php?mode=viewprofile&amp;u=6" class="username">bob</a></span></dd></dl></li></ul>"#,
        &[
            ["Fresh dump", "viewtopic.php?t=31", "joe", "2026-01-02"],
            ["Other thing", "viewtopic.php?t=30", "bob", "2026-01-01"],
        ],
        "",
    );
}

#[test]
fn mybb() {
    lists(
        "https://f.example/forumdisplay.php?fid=2",
        r#"<table class="tborder"><tr class="inline_row"><td></td><td></td><td class="trow1 forumdisplay_regular"><div><span><span class="subject_new" id="tid_5"><a href="showthread.php?tid=5">Fresh dump</a></span></span><div class="author smalltext"><a href="member.php?action=profile&amp;uid=3">joe</a></div></div></td>
        <td><a href="javascript:MyBB.whoPosted(5);">3</a></td><td>44</td><td class="trow1"><span class="lastpost smalltext">01-02-2026, 03:00 AM<br><a href="showthread.php?tid=5&amp;action=lastpost">Last Post</a>: <a href="member.php?action=profile&amp;uid=4">ann</a></span></td></tr>
        <tr class="inline_row"><td></td><td></td><td class="trow2 forumdisplay_regular"><div><span><span class="subject_old" id="tid_4"><a href="showthread.php?tid=4">Another export</a></span></span><div class="author smalltext"><a href="member.php?action=profile&amp;uid=3">joe</a></div></div></td>
        <td><a href="javascript:MyBB.whoPosted(4);">1</a></td><td>9</td><td class="trow2"><span class="lastpost smalltext">01-01-2026, 03:00 AM<br><a href="showthread.php?tid=4&amp;action=lastpost">Last Post</a>: <a href="member.php?action=profile&amp;uid=3">joe</a></span></td></tr></table>
        <div class="pagination"><span class="pages">Pages (2):</span> <span class="pagination_current">1</span> <a href="forumdisplay.php?fid=2&amp;page=2" class="pagination_page">2</a> <a href="forumdisplay.php?fid=2&amp;page=2" class="pagination_next">Next »</a></div>"#,
        &[
            ["Fresh dump", "showthread.php?tid=5", "joe", "2026-01-02"],
            ["Another export", "showthread.php?tid=4", "joe", "2026-01-01"],
        ],
        "forumdisplay.php?fid=2&page=2",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<a name="pid{n}" id="pid{n}"></a><div class="post" id="post_{n}"><div class="post_author"><div class="author_information"><strong><span class="largetext"><a href="member.php?action=profile&amp;uid={n}">{who}</a></span></strong><br><span class="smalltext">Junior Member</span></div><div class="author_statistics">Posts: 2<br>Threads: 1<br>Joined: Mar 2019</div></div>
            <div class="post_content"><div class="post_head"><div class="float_right"><strong><a href="showthread.php?tid=5&amp;pid={n}#pid{n}">#{n}</a></strong></div><span class="post_date">01-02-2026, 03:0{n} AM</span></div><div class="post_body scaleimages" id="pid_{n}">{text}</div></div></div>"##
        )
    };
    reads(
        "https://f.example/showthread.php?tid=5",
        &format!(
            r#"<div id="posts">{}{}</div><div class="float_left"><strong>«</strong> <a href="showthread.php?tid=5&amp;action=nextoldest">Next Oldest</a> | <a href="showthread.php?tid=5&amp;action=nextnewest">Next Newest</a></div>"#,
            post(7, "joe", "mail;name<br>a@x.example;Ann"),
            post(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn vbulletin_3() {
    lists(
        "https://f.example/forumdisplay.php?f=2",
        r#"<table id="threadslist"><tbody id="threadbits_forum_2"><tr><td class="alt1" id="td_threadtitle_5"><div><a href="showthread.php?t=5" id="thread_title_5">Fresh dump</a></div><div class="smallfont"><span onclick="window.open('member.php?u=3')">joe</span></div></td><td class="alt2"><div class="smallfont">01-02-2026 <span class="time">03:00 AM</span><br>by <a href="member.php?find=lastposter&amp;t=5">ann</a> <a href="showthread.php?p=77#post77"><img></a></div></td><td class="alt1"><a href="misc.php?do=whoposted&amp;t=5">4</a></td><td class="alt2">120</td></tr>
        <tr><td class="alt1" id="td_threadtitle_4"><div><a href="showthread.php?t=4" id="thread_title_4">Another export</a></div><div class="smallfont"><span>bob</span></div></td><td class="alt2"><div class="smallfont">01-01-2026 <span class="time">09:00 PM</span><br>by <a href="member.php?find=lastposter&amp;t=4">bob</a> <a href="showthread.php?p=70#post70"><img></a></div></td><td class="alt1"><a href="misc.php?do=whoposted&amp;t=4">0</a></td><td class="alt2">12</td></tr></tbody></table>
        <div class="pagenav"><table><tr><td>Page 1 of 2</td><td><b>1</b></td><td><a href="forumdisplay.php?f=2&amp;page=2">2</a></td><td><a rel="next" href="forumdisplay.php?f=2&amp;page=2">&gt;</a></td></tr></table></div>"#,
        &[
            ["Fresh dump", "showthread.php?t=5", "ann", "2026-01-02"],
            ["Another export", "showthread.php?t=4", "bob", "2026-01-01"],
        ],
        "forumdisplay.php?f=2&page=2",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<div align="center"><div class="page"><div id="edit{n}"><table id="post{n}" class="tborder"><tr><td class="thead"><a name="post{n}"><img></a> 01-02-2026, 03:0{n} AM</td><td class="thead">#<a href="showpost.php?p={n}&amp;postcount=1"><strong>1</strong></a></td></tr>
            <tr><td class="alt2"><div id="postmenu_{n}"><a class="bigusername" href="member.php?u={n}">{who}</a></div><div class="smallfont">Junior Member</div><div class="smallfont"><div>Join Date: Mar 2019</div><div>Posts: 12</div></div></td>
            <td class="alt1" id="td_post_{n}"><div class="smallfont"><strong>dump</strong></div><hr><div id="post_message_{n}">{text}</div></td></tr></table></div></div></div>"##
        )
    };
    reads(
        "https://f.example/showthread.php?t=5",
        &format!(
            "<div id=posts>{}{}<div id=lastpost></div></div>",
            post(7, "joe", "mail;name<br>a@x.example;Ann"),
            post(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn vbulletin_4_and_5() {
    let four = |n: u32, who: &str, text: &str| {
        format!(
            r##"<li class="postbitlegacy postbitim postcontainer" id="post_{n}"><div class="posthead"><span class="postdate old"><span class="date">2nd January 2026,&nbsp;<span class="time">03:0{n} AM</span></span></span><span class="nodecontrols"><a name="post{n}" href="showthread.php?5-dump&amp;p={n}#post{n}" class="postcounter">#1</a></span></div>
            <div class="postdetails"><div class="userinfo"><div class="username_container"><a class="username offline popupctrl" href="member.php?{n}-{who}"><strong>{who}</strong></a></div><dl class="userinfo_extra"><dt>Join Date</dt><dd>Mar 2019</dd><dt>Posts</dt><dd>12</dd></dl></div>
            <div class="postbody"><div class="postrow"><div class="content"><div id="post_message_{n}"><blockquote class="postcontent restore">{text}</blockquote></div></div></div></div></div></li>"##
        )
    };
    reads(
        "https://f.example/showthread.php?5-dump",
        &format!(
            "<ol id=posts class=posts>{}{}</ol><a rel=next href='showthread.php?5-dump/page2'>Next</a>",
            four(7, "joe", "mail;name<br>a@x.example;Ann"),
            four(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "showthread.php?5-dump/page2",
    );
    let five = |n: u32, who: &str, text: &str| {
        format!(
            r##"<li data-node-id="{n}" class="b-post js-post" itemprop="comment" itemtype="https://schema.org/Comment"><a id="post{n}"></a><div class="b-post__grid-container"><div class="b-post__sidebar"><div class="b-userinfo__details"><div class="author" itemprop="author" itemscope itemtype="https://schema.org/Person"><strong><a href="/member/{n}-{who}"><span itemprop="name">{who}</span></a></strong></div><ul><li>Join Date: <span>Mar 2019</span></li></ul></div></div>
            <div class="b-post__body"><div class="b-post__timestamp"><time itemprop="dateCreated" datetime="2026-01-02T03:0{n}:00">01-02-2026</time></div><div class="js-post__content-text restore" itemprop="text">{text}</div></div></div></li>"##
        )
    };
    reads(
        "https://f.example/forum/main/5-dump",
        &format!(
            "<ul class=conversation-list>{}{}</ul>",
            five(7, "joe", "mail;name<br>a@x.example;Ann"),
            five(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "",
    );
}

#[test]
fn smf() {
    lists(
        "https://f.example/index.php?board=2.0",
        r#"<table class="table_grid"><tbody><tr class="windowbg"><td class="icon1"><img></td><td class="subject"><div><span id="msg_70"><a href="https://f.example/index.php?topic=5.0">Fresh dump</a></span><p>Started by <a href="https://f.example/index.php?action=profile;u=3">joe</a> <small id="pages70"></small></p></div></td><td class="stats">4 Replies<br>120 Views</td><td class="lastpost"><a href="https://f.example/index.php?topic=5.msg77#msg77"><img></a>January 02, 2026, 03:00:00 am<br>by <a href="https://f.example/index.php?action=profile;u=4">ann</a></td></tr>
        <tr class="windowbg"><td class="icon1"><img></td><td class="subject"><div><span id="msg_60"><a href="https://f.example/index.php?topic=4.0">Another export</a></span><p>Started by <a href="https://f.example/index.php?action=profile;u=3">joe</a></p></div></td><td class="stats">1 Replies<br>12 Views</td><td class="lastpost"><a href="https://f.example/index.php?topic=4.msg61#msg61"><img></a>January 01, 2026, 03:00:00 am<br>by <a href="https://f.example/index.php?action=profile;u=4">ann</a></td></tr></tbody></table>
        <div class="pagelinks">Pages: <strong>1</strong> <a class="navPages" href="https://f.example/index.php?board=2.20">2</a></div>"#,
        &[
            ["Fresh dump", "index.php?topic=5.0", "joe", "2026-01-02"],
            ["Another export", "index.php?topic=4.0", "joe", "2026-01-01"],
        ],
        "index.php?board=2.20",
    );
    let post = |n: u32, who: &str, text: &str| {
        format!(
            r##"<div class="windowbg"><span id="post_wrapper{n}"></span><div class="post_wrapper"><div class="poster"><h4><a href="https://f.example/index.php?action=profile;u={n}" title="View the profile of {who}">{who}</a></h4><ul class="user_info"><li class="postgroup">Newbie</li><li class="postcount">Posts: 12</li></ul></div>
            <div class="postarea"><div class="keyinfo"><div id="subject_{n}" class="subject_title"><a href="https://f.example/index.php?msg={n}" rel="nofollow">Fresh dump</a></div><div class="postinfo"><span class="messageicon"></span><a href="https://f.example/index.php?topic=5.msg{n}#msg{n}" class="smalltext">January 02, 2026, 03:0{n}:00 am</a></div><div id="msg_{n}_quick_mod"></div></div>
            <div class="post"><div class="inner" data-msgid="{n}" id="msg_{n}">{text}</div></div></div></div></div>"##
        )
    };
    reads(
        "https://f.example/index.php?topic=5.0",
        &format!(
            "<div id=forumposts><form>{}{}</form></div><div class=pagelinks>Pages: <strong>1</strong> <a class=nav_page href='https://f.example/index.php?topic=5.15'>2</a></div>",
            post(7, "joe", "mail;name<br>a@x.example;Ann"),
            post(8, "ann", "thanks")
        ),
        &[["7", "joe", "2026-01-02T03:07", "mail;name\na@x.example;Ann"], ["8", "ann", "2026-01-02T03:08", "thanks"]],
        "index.php?topic=5.15",
    );
}
