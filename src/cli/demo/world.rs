//! The demo's two source systems, their exports, and what is posted on the two sites: a leak and its look-alikes.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Result;
use zip::write::SimpleFileOptions;

use super::draw::Draw;
use super::people::Person;

/// Business customers of the portal.
const PORTAL: usize = 420;
/// Customers known to the CRM; the first of the portal's are among them.
const CRM: usize = 6000;
/// How many of the portal's customers are known to the CRM too.
const SHARED: usize = 260;
/// Customers in the leak.
pub const LEAKED: usize = 312;

/// A source system with its dated exports.
pub struct System {
    pub id: &'static str,
    pub watchlist: String,
    /// Date and CSV of each snapshot, oldest first.
    pub exports: Vec<(String, String)>,
}

/// Something a stranger posts.
pub struct Posting {
    pub title: &'static str,
    pub author: &'static str,
    pub text: String,
    /// Name and bytes of an attachment.
    pub attachment: Option<(&'static str, Vec<u8>)>,
}

/// Everything the demo makes up.
pub struct World {
    pub systems: [System; 2],
    /// The system and snapshot that the leak is taken from: what vigie has to find out.
    pub origin: (&'static str, String),
    /// For the forum: the leak.
    pub leak: Posting,
    /// For the paste site and the forum: what must stay silent, each with the verdict it deserves.
    pub look_alikes: Vec<(Posting, &'static str)>,
}

/// The same seed makes the same world. `snapshots` are the days of the two exports.
pub fn make(seed: u64, snapshots: [String; 2]) -> Result<World> {
    let mut draw = Draw::new(seed);
    let before: Vec<Person> = (0..CRM + PORTAL - SHARED).map(|n| Person::draw(n, &mut draw)).collect();
    let mut after = before.clone();
    for (n, person) in after.iter_mut().enumerate() {
        person.age(n, &mut draw);
    }
    let exports = |table: fn(&[Person]) -> String| {
        vec![(snapshots[0].clone(), table(&before)), (snapshots[1].clone(), table(&after))]
    };
    let portal =
        System { id: "micro-soc-portal", watchlist: PORTAL_WATCHLIST.to_owned(), exports: exports(portal_export) };
    let crm = System { id: "crm", watchlist: CRM_WATCHLIST.to_owned(), exports: exports(crm_export) };
    let strangers: Vec<Person> = (CRM * 2..CRM * 2 + 900).map(|n| Person::draw(n, &mut draw)).collect();
    Ok(World {
        systems: [portal, crm],
        origin: ("micro-soc-portal", snapshots[1].clone()),
        leak: leak(&after, &mut draw)?,
        look_alikes: vec![
            (shop_breach(&after, &strangers, &mut draw), "overlap"),
            (other_portal(&strangers), "clear"),
            (server_log(&mut draw), "clear"),
        ],
    })
}

const PORTAL_WATCHLIST: &str = r#"id = "micro-soc-portal"
name = "Portail d'exploitation Micro-SOC"
owner = "Exploitation Micro-SOC"
contact = "exploitation@example.org"
severity = "high"
tlp = "amber"

[columns]
contact_id = "ref"
nom = "last_name"
prenom = "first_name"
mail = "email"
telephone = "phone"
fonction = "job_title"
societe = "company"
"#;

const CRM_WATCHLIST: &str = r#"id = "crm"
name = "Gestion de la relation client"
owner = "Direction commerciale"
contact = "crm@example.org"
severity = "high"
tlp = "amber"

[columns]
id_client = "ref"
NOM = "last_name"
PRENOM = "first_name"
NAISSANCE = "birth_date"
EMAIL = "email"
MOBILE = "phone"
ADRESSE = "street_address"
CP = "postcode"
VILLE = "city"
"#;

fn portal_customers(people: &[Person]) -> &[Person] {
    &people[CRM - SHARED..]
}

fn portal_export(people: &[Person]) -> String {
    let mut csv = String::from("contact_id,nom,prenom,mail,telephone,fonction,societe,services\n");
    for (n, p) in portal_customers(people).iter().enumerate() {
        let _ = writeln!(
            csv,
            "MS{:06},{},{},{},{},{},{},Micro-SOC",
            100_000 + n,
            p.last,
            p.first,
            p.email,
            spaced(&p.phone),
            p.job,
            p.company
        );
    }
    csv
}

fn crm_export(people: &[Person]) -> String {
    let mut csv = String::from("id_client;NOM;PRENOM;NAISSANCE;EMAIL;MOBILE;ADRESSE;CP;VILLE\n");
    for (n, p) in people[..CRM].iter().enumerate() {
        let (last, city) = (p.last.to_uppercase(), p.city.to_uppercase());
        let phone = format!("+33{}", &p.phone[1..]);
        let _ = writeln!(
            csv,
            "C{:08};{last};{};{};{};{phone};{};{};{city}",
            40_000_000 + n,
            p.first,
            p.birth,
            p.email,
            p.street,
            p.postcode
        );
    }
    csv
}

/// `0612345678` as `06 12 34 56 78`.
fn spaced(phone: &str) -> String {
    phone.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// The portal's customers in the thief's own layout, zipped, with a boast.
fn leak(people: &[Person], draw: &mut Draw) -> Result<Posting> {
    let customers = portal_customers(people);
    let first = draw.below(customers.len() - LEAKED);
    let mut csv = String::from("name;firstname;mail;tel;job;company\n");
    for p in &customers[first..first + LEAKED] {
        let _ = writeln!(csv, "{};{};{};{};{};{}", p.last, p.first, p.email, spaced(&p.phone), p.job, p.company);
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("soc_fr_2026/clients.csv", SimpleFileOptions::default())?;
    zip.write_all(csv.as_bytes())?;
    zip.start_file("README.txt", SimpleFileOptions::default())?;
    zip.write_all(b"fresh, never sold. more to come\n")?;
    Ok(Posting {
        title: "[FR] security company, customers",
        author: "n1ghtjar",
        text: "Got into their portal last week. Proof attached, rest for sale.".to_owned(),
        attachment: Some(("clients.zip", zip.finish()?.into_inner())),
    })
}

/// Somebody else's breach: a shop at which a few of our customers buy too.
fn shop_breach(ours: &[Person], strangers: &[Person], draw: &mut Draw) -> Posting {
    let mut buyers: Vec<&Person> = strangers[..560].iter().collect();
    for _ in 0..14 {
        buyers.insert(draw.below(buyers.len()), &ours[draw.below(CRM - SHARED)]);
    }
    let mut text = String::from("order_no,customer,email,zip,amount\n");
    for p in buyers {
        let (order, cents) = (draw.digits(8), draw.digits(2));
        let _ =
            writeln!(text, "{order},{} {},{},{},{}.{cents}", p.first, p.last, p.email, p.postcode, 5 + draw.below(300));
    }
    Posting { title: "garden shop orders db", author: "anonymous", text, attachment: None }
}

/// The same shape as the leak, other people.
fn other_portal(strangers: &[Person]) -> Posting {
    let mut text = String::from("name;firstname;mail;tel;job;company\n");
    for p in &strangers[580..880] {
        let _ = writeln!(text, "{};{};{};{};{};{}", p.last, p.first, p.email, spaced(&p.phone), p.job, p.company);
    }
    Posting { title: "leads FR 300", author: "anonymous", text, attachment: None }
}

/// Everyday noise.
fn server_log(draw: &mut Draw) -> Posting {
    let mut text = String::new();
    for second in 0..400 {
        let _ = writeln!(
            text,
            "192.0.2.{} - - [12/Aug/2026:10:{:02}:{:02} +0200] \"GET /item/{} HTTP/1.1\" 200 {}",
            draw.below(255),
            second / 60,
            second % 60,
            draw.below(100_000),
            draw.below(60_000)
        );
    }
    Posting { title: "access.log help pls", author: "lena", text, attachment: None }
}
