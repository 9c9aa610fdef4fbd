//! Shapes in which the people of the exports stand with identifiers that no export has: another telephone, an address of mail that has
//! changed, the number of an order. Names, dates and places have to tell.

use super::people::Person;
use super::{Shape, each, shape};

/// The number of somebody's order, nine digits long.
fn order(p: &Person) -> String {
    let digits: u64 = p.id.trim_start_matches('C').parse().unwrap();
    format!("{:09}", digits * 7_919 % 900_000_000 + 100_000_000)
}

/// A telephone that no export has.
fn phone(p: &Person) -> String {
    format!("07{}", &order(p)[1..])
}

/// Seconds from 1970 to the day of birth.
fn moment(p: &Person) -> i64 {
    let day: jiff::civil::Date = p.birth.parse().unwrap();
    day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()
}

pub const SHAPES: &[Shape] = &[
    shape!(orders, "last_name first_name birth_date postcode city", |people| {
        let row = |p: &Person| format!("{};{};{};{};{};{}\n", order(p), p.last, p.first, p.birth, p.postcode, p.city);
        format!("commande;nom;prenom;ne;cp;ville\n{}", each(people, row))
    }),
    shape!(mail_and_phone_that_changed, "last_name first_name birth_date", |people| {
        let row = |p: &Person| format!("{},{},u{}@autre.example,{}\n", p.full(), p.birth, order(p), phone(p));
        format!("name,dob,mail,phone\n{}", each(people, row))
    }),
    shape!(whole_address_and_another_phone, "last_name first_name street_address postcode city", |people| {
        let row = |p: &Person| format!("('{}','{}, {} {}','{}')", p.full(), p.street, p.postcode, p.city, phone(p));
        let rows: Vec<String> = people.iter().map(row).collect();
        format!("INSERT INTO deliveries VALUES {};\n", rows.join(","))
    }),
    shape!(moments_for_days, "last_name first_name birth_date postcode city", |people| {
        let row = |p: &Person| {
            format!(
                "{{\"id\":{},\"lastName\":\"{}\",\"firstName\":\"{}\",\"birthDate\":{}000,\"zip\":\"{}\",\"city\":\"{}\"}}",
                order(p),
                p.last,
                p.first,
                moment(p),
                p.postcode,
                p.city
            )
        };
        let rows: Vec<String> = people.iter().map(row).collect();
        format!("[{}]\n", rows.join(","))
    }),
    shape!(sentences_with_another_phone, "last_name first_name birth_date postcode city", |people| {
        each(people, |p| {
            let (street, city, postcode) = (&p.street, &p.city, &p.postcode);
            format!(
                "Le client {}, né le {}, habite {street} à {city} ({postcode}), tél {}.\n",
                p.full(),
                p.born(),
                phone(p)
            )
        })
    }),
    shape!(cards_with_another_phone, "last_name first_name birth_date street_address postcode city", |people| {
        each(people, |p| {
            let (street, city, postcode) = (&p.street, &p.city, &p.postcode);
            format!("{}\n{street}\n{postcode} {city}\nTel: {}\nNé le {}\n\n", p.full(), phone(p), p.born())
        })
    }),
];
