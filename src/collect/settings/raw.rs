//! A site as written: every key with its meaning, default, unit and range. Nothing is checked here but types.

use jiff::SignedDuration;
use serde::Deserialize;

use crate::secret::RawSecret;

/// One `[[site]]` table, after the keys of its family have been filled in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSite {
    /// Name of the site: 1 to 64 of a-z, 0-9, `-`, `_`. Required; unique.
    pub id: Option<String>,
    /// Built-in or own definition that gives every key not written here (`vigie site list` shows them). Default none.
    pub family: Option<String>,
    /// One line for people. Default empty.
    pub description: Option<String>,
    /// What is read: `inbox` (files in a folder), `mbox` (a mailbox that grows), `bucket` (S3-compatible), `feed` (RSS, Atom, RDF, JSON Feed), `json` (a JSON listing), `html` (an
    /// HTML listing: of pastes, of threads), `page` (the posts stand on the page itself). Required unless the
    /// family gives it.
    pub kind: Option<Kind>,
    /// Address of the listing, or of the place that `sections` are relative to. Required except for `inbox`.
    pub url: Option<String>,
    /// Listings to read, relative to `url`: forum sections, search pages. One that begins anew each month or day holds the
    /// date, as strftime in braces: `{%Y-%B}/date.html`. Default: `url` itself. At most 200.
    pub sections: Option<Vec<String>>,
    /// Folder (`inbox`) or file (`mbox`) to read. Required there.
    pub path: Option<String>,
    /// What becomes of a file once it is queued: `remove`, or `move` to the folder `done_path`. Default `remove`.
    pub done: Option<Done>,
    /// Folder for read files, on the same file system. Required with `done = "move"`.
    pub done_path: Option<String>,
    /// How long a file must have stayed the same to count as complete. Default `2s` (`mbox`: `10s`), 0 to 1 h. `inbox` and
    /// `mbox` only.
    pub settle: Option<SignedDuration>,

    /// Name of the bucket at `url`. `bucket` only, required there.
    pub bucket: Option<String>,
    /// What the keys of objects begin with, up to a `/`. Default: all objects.
    pub prefix: Option<String>,
    /// Region that requests are signed for. Default `us-east-1`.
    pub region: Option<String>,
    /// Access key; with `secret_key`. Default: the bucket is public.
    pub access_key: Option<String>,
    /// Where its secret is: `{ credential = "name" }` or `{ file = "/absolute/path" }`.
    pub secret_key: Option<RawSecret>,

    /// Time between visits. Default `60s` (`inbox`: `1s`), 1 s to 7 days.
    pub interval: Option<SignedDuration>,
    /// Longest time between visits to a place where nothing happens: visits spread out up to it and come closer when
    /// something does. Default: same as `interval`, that is no spreading. Up to 7 days.
    pub max_interval: Option<SignedDuration>,
    /// How long nothing new may come before the site is called quiet; 0 is never. Default: three times its longest
    /// pause so far, an hour at least; never for an `inbox`. Up to a year.
    pub quiet_after: Option<SignedDuration>,
    /// Whether the site is read at all. Default true.
    pub enabled: Option<bool>,
    /// When to look again at an entry whose listing shows no change, for edits: after this long, then at doubling
    /// intervals up to `max_reread`. Default `10m` for entries read as pages, never for raw files and feeds. 0 is never.
    pub reread: Option<SignedDuration>,
    /// Longest time between two such looks. Default `24h`, 1 s to 30 days.
    pub max_reread: Option<SignedDuration>,
    /// Listing pages read at one visit. Default 1, 1 to 100.
    pub pages: Option<u32>,
    /// Pages of one thread read at one visit; the rest follows at the next. Default 20, 1 to 1000.
    pub thread_pages: Option<u32>,
    /// Entries remembered. Default 2000, 50 to 50000; more than a visit lists.
    pub remember: Option<u32>,

    /// `obey` or `ignore`. Default `obey`; ignore only with the site's consent.
    pub robots: Option<Robots>,
    /// Hosts that may be asked although they are, or resolve to, private addresses: `127.0.0.1:8080`, `wiki.internal`.
    /// Default none.
    pub allow_hosts: Option<Vec<String>>,
    /// Other hosts that attachments and raw files may be fetched from, `*.cdn.example` for a domain and all below it.
    /// Default: the site's own host only.
    pub file_hosts: Option<Vec<String>>,
    /// SOCKS5 proxy, `socks5h://127.0.0.1:9050`: names are resolved there, and each site has a circuit of its own. Default none.
    pub proxy: Option<String>,
    /// Shortest pause between two requests to one host. Default `250ms`, 0 to 10 min.
    pub gap: Option<SignedDuration>,
    /// Further request headers, sent to the servers of `url` and `sections` only. Default none.
    pub headers: Option<std::collections::BTreeMap<String, String>>,
    /// Largest file read, MiB; the rest is cut and the cut recorded. Default 64 (`inbox`: 512), 1 to 4096.
    pub max_body_mib: Option<u32>,
    /// Attachments fetched for one post. Default 50, 0 to 1000.
    pub max_attachments: Option<u32>,
    /// Time zone of dates without one, as in `Europe/Paris`. Default `UTC`.
    pub timezone: Option<String>,

    /// Links in posts that are followed, one step. Default none.
    #[serde(default)]
    pub follow: Vec<RawFollow>,
    /// Links followed of one post. Default 5, 0 to 100.
    pub max_follow: Option<u32>,
    /// How one logs in, with the operator's own account. Default: one does not.
    pub login: Option<RawLogin>,
    /// How control posts are planted. Default: none are.
    pub control: Option<RawControl>,
    /// What stands where in a listing.
    pub listing: Option<RawListing>,
    /// What stands where on the page of an entry (a thread, a paste page).
    pub post: Option<RawPost>,
    /// Synthetic pages with what must be read from them; `vigie site check` tries them.
    #[serde(default, rename = "example")]
    pub examples: Vec<RawExample>,
}

/// `[site.control]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawControl {
    /// Page with the form for a post, relative to `url`. Required; on the site's own host.
    pub page: Option<String>,
    /// Selector of the form. Default: the first with a text area.
    pub form: Option<String>,
    /// What is written into which field; `{marker}` stands for the marker. At least one holds it.
    #[serde(default)]
    pub fields: std::collections::BTreeMap<String, String>,
    /// Time between two. Default `24h`, 1 h to 30 days.
    pub every: Option<SignedDuration>,
    /// Time within which it must be seen. Default `15m`, 10 s to 7 days.
    pub within: Option<SignedDuration>,
}

/// `[[site.follow]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFollow {
    /// Host, `*.host` for all below it, `host:port`. Required.
    pub host: Option<String>,
    /// Regular expression that the path must match. Default: any path.
    #[serde(rename = "match")]
    pub path: Option<String>,
    /// Address of the content, on the same host: a template with `{url}`. Default: the link.
    pub fetch: Option<String>,
    /// Whether pastes that can be read only once may be used up. Default false.
    pub one_time: Option<bool>,
}

/// `[site.login]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLogin {
    /// Page with the form, relative to `url`. Required; on the site's own host.
    pub page: Option<String>,
    /// Selector of the form. Default: the first with a password field.
    pub form: Option<String>,
    /// The account's name. Required.
    pub user: Option<String>,
    /// Its password: `{ credential = "forum-x" }` (systemd), or `{ file = "/absolute/path" }`. Required.
    pub password: Option<RawSecret>,
    /// Name of the form's field for the account. Default: its first text or e-mail field.
    pub user_field: Option<String>,
    /// Name of the form's field for the password. Default: its first password field.
    pub password_field: Option<String>,
    /// Further fields to send, or to send with another value than the form's. Default none.
    #[serde(default)]
    pub fields: std::collections::BTreeMap<String, String>,
    /// Selector found on pages that are shown to those who are not logged in. This or `logged_in` is required.
    pub logged_out: Option<String>,
    /// Selector found on every page that is shown to those who are.
    pub logged_in: Option<String>,
}

/// `[site.listing]`. In HTML, a value is a CSS selector below the item, `selector@attribute` for an attribute; in JSON, a path
/// (`data.url`, `files.*.raw_url`, `$key` for the item's key). With braces it is a template: `https://x/raw/{id}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawListing {
    /// Whether what is not described here is found by how such pages are usually built: the links that repeat and say
    /// most are the entries. HTML only. Default false.
    pub find: Option<bool>,
    /// The items: selector, or path to an array or object (empty for the document itself). Required for `html` and `json`.
    pub items: Option<String>,
    /// The entry's own key on the site. Default: its URL.
    pub id: Option<RawPick>,
    /// The page a person would open. Required unless a feed.
    pub url: Option<RawPick>,
    /// The bytes themselves, where the site gives them without page around. Several are one post with attachments.
    pub raw: Option<RawPick>,
    /// The content, where the listing holds it whole.
    pub content: Option<RawPick>,
    /// Title.
    pub title: Option<RawPick>,
    /// Author.
    pub author: Option<RawPick>,
    /// Date.
    pub date: Option<RawPick>,
    /// What changes when the entry does: reply count, last post. Default: title and date.
    pub changed: Option<RawPick>,
    /// Files that hang on the entry.
    pub attachments: Option<RawPick>,
    /// Link to the next page, below the document.
    pub next: Option<RawPick>,
    /// Must be found on a real listing, items or not; where missing, the page is an error page and tried again.
    /// Default: at least one item.
    pub valid: Option<RawPick>,
    /// Regular expressions that only error pages match. Default none.
    pub invalid: Option<Vec<String>>,
}

/// `[site.post]`. Values as in [`RawListing`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPost {
    /// What is found by how such pages are usually built, where it is not described here: `posts` of a thread, or the one
    /// `paste` with its raw form. HTML only. Default: nothing.
    pub find: Option<Find>,
    /// Whether the page is `html` or `json`. Default `html`.
    pub format: Option<Format>,
    /// Address of the page, where it is not the entry's URL: a template with `{id}`, `{url}`.
    pub page: Option<String>,
    /// The posts on the page. Default: the page is one post.
    pub items: Option<String>,
    /// The post's own key on the site. Default: its place in the thread.
    pub id: Option<RawPick>,
    /// Its own address. Default: the page's.
    pub url: Option<RawPick>,
    /// Its content. Required unless `raw` is given.
    pub body: Option<RawPick>,
    /// The bytes themselves, linked from the page.
    pub raw: Option<RawPick>,
    /// Title, where the page has a better one than the listing. Looked for in the document.
    pub title: Option<RawPick>,
    /// Author.
    pub author: Option<RawPick>,
    /// Date.
    pub date: Option<RawPick>,
    /// Files that hang on it.
    pub attachments: Option<RawPick>,
    /// Link to the next page, below the document.
    pub next: Option<RawPick>,
    /// Must be found on a real page. Default: at least one post.
    pub valid: Option<RawPick>,
    /// Regular expressions that only error pages match, raw files included. Default none.
    pub invalid: Option<Vec<String>>,
}

/// Where a value stands: the short form, or a table with its parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum RawPick {
    /// `selector@attribute`, a JSON path, or a template.
    Short(String),
    /// The parts.
    Long(RawPickTable),
}

/// The long form of a value's place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPickTable {
    /// Selector (`@attribute` allowed) or JSON path.
    #[serde(default)]
    pub at: String,
    /// Regular expression; the value is its first group, or the whole match. Default: the whole value.
    pub pattern: Option<String>,
    /// Template in which `{value}` stands for what was found, `{id}`, `{url}` as before.
    pub template: Option<String>,
    /// Date format (strftime), tried before the usual ones. Dates only.
    pub format: Option<String>,
    /// Whether a JSON value holds HTML. Default false. Content only.
    pub html: Option<bool>,
}

/// A synthetic page and what must be read from it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawExample {
    /// Name shown when it fails.
    pub name: String,
    /// Which part of the definition reads it: `listing` or `post`.
    pub reads: Reads,
    /// Address the page is taken to stand at. Default: the site's.
    pub url: Option<String>,
    /// The page.
    pub page: String,
    /// The entries or posts, in order, each with the fields that matter. Absent with `error`.
    #[serde(default)]
    pub expect: Vec<ExpectItem>,
    /// The next page's address. Default: not looked at.
    pub next: Option<String>,
    /// The page must be refused as not valid. Default false.
    #[serde(default)]
    pub error: bool,
}

/// Fields that an example's item must have. Those not written are not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are those of the definition")]
pub struct ExpectItem {
    pub id: Option<String>,
    pub url: Option<String>,
    pub raw: Option<Vec<String>>,
    pub title: Option<String>,
    pub author: Option<String>,
    pub date: Option<String>,
    pub body: Option<String>,
    pub attachments: Option<Vec<String>>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }
    };
}

words!(
    /// What a place looks like.
    Kind {
        /// Files in a folder.
        Inbox = "inbox",
        /// A mailbox that grows.
        Mbox = "mbox",
        /// An S3-compatible bucket.
        Bucket = "bucket",
        /// RSS, Atom, RDF, JSON Feed.
        Feed = "feed",
        /// A JSON listing.
        Json = "json",
        /// An HTML listing.
        #[default]
        Html = "html",
        /// A page that holds the posts itself.
        Page = "page",
    }
);
words!(
    /// What becomes of a file that was read.
    Done {
        /// It is removed.
        #[default]
        Remove = "remove",
        /// It is moved to `done_path`.
        Move = "move",
    }
);
words!(
    /// What robots.txt is to us.
    Robots {
        /// It is obeyed.
        #[default]
        Obey = "obey",
        /// It is not asked for.
        Ignore = "ignore",
    }
);
words!(
    /// What an entry's page is.
    Format {
        /// HTML, read with selectors.
        #[default]
        Html = "html",
        /// JSON, read with paths.
        Json = "json",
    }
);
words!(
    /// What is looked for on a page that is not described.
    Find {
        /// The posts of a thread.
        #[default]
        Posts = "posts",
        /// One paste, and the link to its raw form.
        Paste = "paste",
    }
);
words!(
    /// Which part of a definition an example is for.
    Reads {
        /// The listing.
        #[default]
        Listing = "listing",
        /// The page of an entry.
        Post = "post",
    }
);
