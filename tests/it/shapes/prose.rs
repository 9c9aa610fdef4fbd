//! People as they are written in running text: lists, cards, blocks of labels, logs.

use super::people::Person;
use super::{ALL, Shape, each, shape};

/// What a list of names, addresses and numbers shows.
const SHORT: &str = "email phone last_name first_name city";

/// Parts joined, the empty ones left out.
fn joined(parts: &[&str], with: &str) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(with)
}

/// Numbered from 1.
fn numbered(people: &[Person], write: impl Fn(usize, &Person) -> String) -> String {
    people.iter().enumerate().map(|(i, person)| write(i + 1, person)).collect()
}

const LABELS: [&str; 8] =
    ["Nom", "Prénom", "E-mail", "Téléphone", "Date de naissance", "Adresse", "Code postal", "Ville"];

/// Blocks of labelled lines, with what stands between label and value, and between blocks.
fn blocks(people: &[Person], before: &str, between: &str, after: &str, parting: &str) -> String {
    each(people, |p| {
        let lines = LABELS.iter().zip(p.values()).filter(|(_, value)| !value.is_empty());
        lines.map(|(label, value)| format!("{before}{label}{between}{value}{after}\n")).collect::<String>() + parting
    })
}

pub const SHAPES: &[Shape] = &[
    shape!(numbered_list, SHORT, |people| {
        "Hello all,\n\nhere is a sample, more in private:\n\n".to_owned()
            + &numbered(people, |i, p| {
                format!("{i}) {}\n", joined(&[&p.full(), &p.mail, &p.pairs(), &p.postcode, &p.city], " - "))
            })
            + "\nAsk me for the rest, price is negotiable.\n"
    }),
    shape!(sentences, ALL, |people| each(people, |p| {
        let reach = joined(&[&p.mail, &p.phone], ", ");
        format!(
            "{} {} ({reach}), née le {}, habite {}, {} {}.\n",
            p.first,
            p.last,
            p.born(),
            p.street,
            p.postcode,
            p.city
        )
    })),
    shape!(wrapped_paragraphs, ALL, |people| each(people, |p| format!(
        "The customer {} was born on {}\nand lives in {} {}, {}.\nMail: {}\nPhone: {}\n\n",
        p.full(),
        p.born(),
        p.postcode,
        p.city,
        p.street,
        p.mail,
        p.pairs()
    ))),
    shape!(cards, ALL, |people| each(people, |p| {
        let place = format!("{} {}", p.postcode, p.city);
        joined(&[&p.full(), &p.born(), &p.street, &place, &p.mail, &p.pairs()], "\n") + "\n\n"
    })),
    shape!(cards_between_rules, ALL, |people| each(people, |p| {
        let place = format!("{} {}", p.postcode, p.city);
        joined(&[&p.full(), &p.street, &place, &p.born(), &p.pairs(), &p.mail], "\n") + "\n-----------------\n"
    })),
    shape!(cards_under_numbers, ALL, |people| numbered(people, |i, p| {
        let place = format!("{} {}", p.postcode, p.city);
        format!("#{i}\n{}\n", joined(&[&p.full(), &p.mail, &p.pairs(), &p.born(), &p.street, &place], "\n"))
    })),
    shape!(bullets, SHORT, |people| each(people, |p| format!(
        "* {} <{}> {} ({}, {})\n",
        p.full(),
        p.mail,
        p.pairs(),
        p.born(),
        p.city
    ))),
    shape!(nested_bullets, ALL, |people| each(people, |p| {
        let (pairs, born, place) = (p.pairs(), p.born(), format!("{} {}", p.postcode, p.city));
        let details = [&p.mail, &pairs, &born, &p.street, &place];
        let lines = details.iter().filter(|d| !d.is_empty()).map(|d| format!("    - {d}\n"));
        format!("- {}\n{}", p.full(), lines.collect::<String>())
    })),
    shape!(emoji_cards, ALL, |people| each(people, |p| format!(
        "👤 {}\n📧 {}\n📞 {}\n🎂 {}\n🏠 {}, {} {}\n\n",
        p.full(),
        p.mail,
        p.pairs(),
        p.born(),
        p.street,
        p.postcode,
        p.city
    ))),
    shape!(labels_on_one_line, ALL, |people| each(people, |p| {
        let pairs = LABELS.iter().zip(p.values()).filter(|(_, value)| !value.is_empty());
        pairs.map(|(label, value)| format!("{label}: {value}")).collect::<Vec<_>>().join(" | ") + "\n"
    })),
    shape!(labels_and_commas, ALL, |people| each(people, |p| {
        p.filled().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ") + "\n"
    })),
    shape!(logfmt, ALL, |people| numbered(people, |i, p| {
        let pairs = p.filled().iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect::<String>();
        format!("2026-08-01T12:{:02}:00Z INFO app: user created{pairs}\n", i % 60)
    })),
    shape!(query_strings, "email phone last_name first_name birth_date", |people| each(people, |p| {
        let pair = |(name, value): (&str, &str)| format!("{name}={}", super::encoded::percent(value));
        format!("GET /api/account?{} HTTP/1.1\n", p.filled().into_iter().map(pair).collect::<Vec<_>>().join("&"))
    })),
    shape!(two_labels_a_line, "email phone last_name first_name birth_date", |people| each(people, |p| format!(
        "Nom : {}    Prénom : {}\nMail : {}    Tel : {}\nNaissance : {}\nAdresse : {} {} {}\n\n",
        p.last,
        p.first,
        p.mail,
        p.phone,
        p.born(),
        p.street,
        p.postcode,
        p.city
    ))),
    shape!(colon_blocks, ALL, |people| blocks(people, "", " : ", "", "\n")),
    shape!(equals_blocks, ALL, |people| blocks(people, "", "=", "", "---\n")),
    shape!(arrow_blocks, ALL, |people| blocks(people, "", " -> ", "", "\n")),
    shape!(unicode_arrow_blocks, ALL, |people| blocks(people, "• ", " → ", "", "\n")),
    shape!(dotted_blocks, ALL, |people| blocks(people, "", " ........ ", "", "\n")),
    shape!(dotted_colon_blocks, ALL, |people| blocks(people, "", "............: ", "", "\n")),
    shape!(tab_blocks, ALL, |people| blocks(people, "", "\t", "", "\n")),
    shape!(wide_blocks, ALL, |people| each(people, |p| {
        let lines = LABELS.iter().zip(p.values()).filter(|(_, value)| !value.is_empty());
        lines.map(|(label, value)| format!("{label:<20}{value}\n")).collect::<String>() + "\n"
    })),
    shape!(bold_blocks, ALL, |people| blocks(people, "**", ":** ", "", "\n")),
    shape!(markdown_sections, ALL, |people| each(people, |p| {
        let lines = LABELS.iter().zip(p.values()).skip(2).filter(|(_, value)| !value.is_empty());
        format!("### {}\n\n{}\n", p.full(), lines.map(|(l, v)| format!("- **{l}**: {v}\n")).collect::<String>())
    })),
    shape!(bbcode_blocks, ALL, |people| blocks(people, "[b]", ":[/b] ", "", "[hr]\n")),
    shape!(bbcode_sample, ALL, |people| {
        "[size=5][b]FR customers[/b][/size]\n[spoiler]\n[code]".to_owned()
            + &each(people, |p| p.values().join(";") + "\n")
            + "[/code][/spoiler]\n[color=red]escrow only[/color]\n"
    }),
    shape!(brackets_blocks, ALL, |people| blocks(people, "[", "] ", "", "\n")),
    shape!(label_then_value, ALL, |people| each(people, |p| {
        let lines = LABELS.iter().zip(p.values()).filter(|(_, value)| !value.is_empty());
        lines.map(|(label, value)| format!("{label}\n{value}\n")).collect::<String>() + "\n"
    })),
    shape!(label_colon_then_value, ALL, |people| each(people, |p| {
        let lines = LABELS.iter().zip(p.values()).filter(|(_, value)| !value.is_empty());
        lines.map(|(label, value)| format!("{label}:\n  {value}\n")).collect::<String>() + "\n"
    })),
    shape!(quoted_reply, ALL, |people| {
        "On Monday someone wrote:\n".to_owned()
            + &each(people, |p| format!("> {}\n", p.values().join(";")))
            + "\nThanks!\n"
    }),
    shape!(line_numbers, ALL, |people| numbered(people, |i, p| format!("{i:>5}: {}\n", p.values().join(";")))),
    shape!(bare_tuples, ALL, |people| each(people, |p| {
        format!("({}),\n", p.values().map(|value| format!("'{value}'")).join(", "))
    })),
    shape!(single_blanks, "email phone last_name first_name birth_date", |people| each(people, |p| {
        joined(&[&p.last, &p.first, &p.mail, &p.phone, &p.birth, &p.postcode, &p.city], " ") + "\n"
    })),
    shape!(slashes, ALL, |people| each(people, |p| p.values().join(" / ") + "\n")),
    shape!(odd_delimiter, ALL, |people| each(people, |p| p.values().join("<|>") + "\n")),
    shape!(at_signs_between, ALL, |people| each(people, |p| p.values().join(" @@ ") + "\n")),
    shape!(combos, "email phone last_name first_name", |people| each(people, |p| {
        joined(&[&p.mail, &p.phone, &p.last, &p.first, &p.birth], ":") + "\n"
    })),
    shape!(two_tables_in_prose, ALL, |people| {
        let (one, two) = people.split_at(people.len() / 2);
        "First part, from the shop:\n\n".to_owned()
            + "nom;prenom;mail;tel;naissance;adresse;cp;ville\n"
            + &each(one, |p| p.values().join(";") + "\n")
            + "\nSecond part, from the forum, other order:\n\n"
            + "ville,naissance,telephone,email,nom,prenom\n"
            + &each(two, |p| {
                [&p.city, &p.birth, &p.phone, &p.mail, &p.last, &p.first].map(String::as_str).join(",") + "\n"
            })
            + "\nThat is all for today.\n"
    }),
    shape!(one_long_line, "email phone last_name first_name", |people| {
        each(people, |p| format!("{} <{}> {}; ", p.full(), p.mail, joined(&[&p.phone, &p.birth], " ")))
    }),
    shape!(chat_export, ALL, |people| numbered(people, |i, p| format!(
        "[01/08/2026 12:{:02}] seller: {}\n",
        i % 60,
        joined(&[&p.last, &p.first, &p.mail, &p.phone, &p.born(), &p.street, &p.postcode, &p.city], " | ")
    ))),
];
