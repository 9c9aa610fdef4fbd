//! Normal forms: what must come out the same, what must not, and the laws that hold for all values.

use super::*;
use crate::model::FieldKind::*;
use proptest::prelude::*;

fn form(kind: FieldKind, raw: &str) -> Option<String> {
    form_in(kind, raw, &Countries::default())
}

fn form_in(kind: FieldKind, raw: &str, countries: &Countries) -> Option<String> {
    let mut out = b"left over".to_vec();
    let valid = normalise(kind, raw.as_bytes(), countries, &mut out);
    assert_eq!(valid, !out.is_empty());
    valid.then(|| String::from_utf8(out).unwrap())
}

fn all_read_as(kind: FieldKind, expected: &str, spellings: &[&str]) {
    for raw in spellings {
        assert_eq!(form(kind, raw).as_deref(), Some(expected), "{kind} {raw:?}");
    }
}

fn none_is(kind: FieldKind, values: &[&str]) {
    for raw in values {
        assert_eq!(form(kind, raw), None, "{kind} {raw:?}");
    }
}

fn read(kind: FieldKind, raw: &str, countries: &Countries) -> Vec<String> {
    let mut out = Readings::new();
    readings(kind, raw.as_bytes(), countries, &mut out);
    out.iter().map(|r| String::from_utf8(r.to_vec()).unwrap()).collect()
}

#[test]
fn addresses_are_read_in_every_usual_disguise() {
    all_read_as(
        Email,
        "jeanne.martin@mail.example",
        &[
            "jeanne.martin@mail.example",
            "Jeanne.MARTIN@Mail.Example",
            " <jeanne.martin@mail.example>, ",
            "mailto:jeanne.martin@mail.example",
            "jeanne.martin[at]mail.example",
            "jeanne.martin(at)mail[.]example",
            "jeanne.martin at mail dot example",
            "jeanne.martin@mail[dot]example",
            "jeanne.martin {at} mail {dot} example",
            "jeanne.martin [@] mail.example",
            "jeanne.martin@mail.example.",
            "\"jeanne.martin@mail.example\"",
            "JEANNE.MARTIN(AT)MAIL(DOT)EXAMPLE",
            "jeanne.martin@mail . example",
            "ｊeanne.martin@mail.example",
            "jeanne.martin\u{200b}@mail.example",
        ],
    );
    all_read_as(Email, "o'neil+x@xn--caf-dma.example", &["o'neil+x@café.example", "O'NEIL+X@CAFÉ.example"]);
    none_is(
        Email,
        &["j***@mail.example", "@mail.example", "a@", "a@b@c.example", "a b@c.example", "a@b..c", "no address", ""],
    );
}

#[test]
fn french_numbers_are_read_in_every_layout() {
    all_read_as(
        Phone,
        "33612345678",
        &[
            "+33612345678",
            "0612345678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "+33 6 12 34 56 78",
            "+33 (0)6 12 34 56 78",
            "+33(0)612345678",
            "0033612345678",
            "0033 (0)6 12 34 56 78",
            "33612345678",
            "33 6 12 34 56 78",
            "+330612345678",
            "612345678",
            "612345678.0",
            "33612345678.0",
            "06\u{a0}12\u{202f}34 56 78",
            "tel:+33612345678",
            "06/12/34/56/78",
            "0612345678 poste 12",
            "(06) 12 34 56 78",
            "06–12–34–56–78",
        ],
    );
    none_is(
        Phone,
        &[
            "6.12E+08",
            "06 ** ** 56 78",
            "06•• •• 56 78",
            "12345",
            "061234567",
            "06123456789",
            "bonjour",
            "0000000000",
            "+0612345678",
            "06 12 34 56 XX",
        ],
    );
}

#[test]
fn other_countries_are_read_with_their_code_and_at_home_if_configured() {
    for (raw, expected) in [
        ("+32 475 12 34 56", "32475123456"),
        ("+41 (0)79 123 45 67", "41791234567"),
        ("+44 (0)20 7946 0958", "442079460958"),
        ("+39 06 1234 5678", "390612345678"),
        ("+1 (202) 555-0143", "12025550143"),
        ("+999 12345678", "99912345678"),
        ("+262692123456", "262692123456"),
    ] {
        assert_eq!(form(Phone, raw).as_deref(), Some(expected), "{raw}");
    }
    let belgium = Countries::from_codes(["be", "FR"]).unwrap();
    assert_eq!(form_in(Phone, "0475 12 34 56", &belgium).as_deref(), Some("32475123456"));
    // Ten digits and a leading zero are possible in both.
    assert_eq!(read(Phone, "0475123456", &belgium), ["32475123456", "33475123456"]);
    assert_eq!(read(Phone, "0475123456", &Countries::default()), ["33475123456"]);
    assert!(Countries::from_codes(["XX"]).is_err());
    assert!(Countries::known().count() >= 40);
}

#[test]
fn no_calling_code_begins_another() {
    let codes: Vec<String> = Countries::known().map(countries_code).collect();
    for a in &codes {
        for b in &codes {
            assert!(a == b || !b.starts_with(a.as_str()), "{a} {b}");
        }
    }
    for number in (0..1000).map(|first| format!("{first:03}4567")) {
        let found = super::countries::calling_code(number.as_bytes()).map(|plan| plan.code);
        let expected = codes.iter().find(|code| number.starts_with(code.as_str())).map(String::as_str);
        assert_eq!(found, expected, "{number}");
    }
}

fn countries_code(country: &str) -> String {
    Countries::from_codes([country]).unwrap().plans()[0].code.to_owned()
}

#[test]
fn names_lose_case_accents_and_punctuation() {
    all_read_as(LastName, "le gall", &["Le Gall", "LE GALL", "Le-Gall", "le  gall", "Lé Gäll"]);
    all_read_as(FirstName, "jean pierre", &["Jean-Pierre", "JEAN PIERRE", "Jean‐Pierre", "jean\u{a0}pierre"]);
    all_read_as(LastName, "d angelo", &["D'Angelo", "d’angelo"]);
    all_read_as(LastName, "oeuvre", &["Œuvre", "OEUVRE", "œuvré"]);
    all_read_as(LastName, "strasse", &["Straße", "STRASSE"]);
    all_read_as(FirstName, "zoe", &["Zoé", "Zoe\u{301}", "ZOË"]);
    all_read_as(LastName, "иванов", &["Иванов", "ИВАНОВ"]);
    all_read_as(FirstName, "jp", &["J.P.", "J.P", "JP"]);
    none_is(LastName, &["123", "--", "", "\u{200b}"]);
}

#[test]
fn full_names_do_not_depend_on_order_or_columns() {
    all_read_as(
        FullName,
        "jean marc petit",
        &["Jean-Marc PETIT", "PETIT Jean-Marc", "Petit, Jean Marc", "M. Jean-Marc Petit", "Mme petit jean marc"],
    );
    let mut joined = Vec::new();
    join_names(b"petit", b"jean marc", &mut joined);
    assert_eq!(joined, b"jean marc petit");
    join_names(b"petit", b"", &mut joined);
    assert_eq!(joined, b"petit");
}

#[test]
fn dates_are_read_in_any_order_and_language() {
    all_read_as(
        BirthDate,
        "1986-07-15",
        &[
            "1986-07-15",
            "15/07/1986",
            "15.07.1986",
            "15-07-1986",
            "15 07 1986",
            "1986/07/15",
            "19860715",
            "15071986",
            "15/7/1986",
            "15/07/86",
            "07/15/1986",
            "15 juillet 1986",
            "15 juil. 1986",
            "July 15, 1986",
            "15-Jul-1986",
            "15 JUL 86",
            "mardi 15 juillet 1986",
            "Tue, 15 Jul 1986",
            "1986-07-15T00:00:00Z",
            "1986-07-15 00:00:00.000",
            "15/07/1986 00:00",
            "1986-Jul-15",
        ],
    );
    all_read_as(BirthDate, "1990-08-01", &["1er août 1990", "1 aout 1990", "01/08/1990", "August 1st 1990"]);
    all_read_as(BirthDate, "2004-02-29", &["29/02/2004", "29 février 2004", "29/02/04"]);
    assert_eq!(read(BirthDate, "03/04/1985", &Countries::default()), ["1985-04-03", "1985-03-04"]);
    assert_eq!(read(BirthDate, "15/07/1986", &Countries::default()), ["1986-07-15"]);
    let mut out = Vec::new();
    assert!(normalise_date(b"03/04/1985", DateOrder::MonthFirst, &mut out) && out == b"1985-03-04");
    assert_eq!(
        (date_orders(b"15/07/1986"), date_orders(b"07/15/86"), date_orders(b"03/04/1985"), date_orders(b"1986-07-15")),
        ((true, false), (false, true), (true, true), (false, false))
    );
    none_is(
        BirthDate,
        &[
            "30/02/1985",
            "1986-13-01",
            "1986",
            "0612345678",
            "12:30:45",
            "1986-07-15x",
            "15/07",
            "192.168.1.1",
            "99/99/9999",
            "martin",
        ],
    );
}

#[test]
fn numbers_lose_their_layout() {
    all_read_as(
        Iban,
        "FR7630006000011234567890189",
        &[
            "FR76 3000 6000 0112 3456 7890 189",
            "fr7630006000011234567890189",
            "FR76-3000-6000-0112-3456-7890-189",
            "IBAN FR7630006000011234567890189",
        ],
    );
    assert!(is_valid_iban(b"FR7630006000011234567890189") && !is_valid_iban(b"FR7630006000011234567890188"));
    none_is(Iban, &["FR76*******************6166", "FR76", "7630006000011234567890189", "bonjour tout le monde"]);
    all_read_as(
        Siren,
        "552100554",
        &["552100554", "552 100 554", "55210055400013", "552 100 554 00013", "FR 03 552100554", "552100554.0"],
    );
    none_is(Siren, &["55210055", "5521005541", "abcdefghi"]);
    all_read_as(Contract, "0218650454", &["02-18650454", "02 18650454", "02.18650454"]);
    all_read_as(Ref, "CRM922278215", &["CRM922278215", "crm-922278215"]);
    none_is(Contract, &["--", "02-****0454"]);
    all_read_as(Ip, "192.0.2.7", &["192.0.2.7", "192.0.2.7:443", "::ffff:192.0.2.7"]);
    all_read_as(Ip, "2001:db8::1", &["2001:db8::1", "[2001:DB8:0:0::1]"]);
    all_read_as(Username, "j.dupont", &["J.Dupont", " j.dupont "]);
}

#[test]
fn places_and_companies_lose_what_is_written_at_will() {
    all_read_as(
        StreetAddress,
        "12 avenue de la republique",
        &["12 av. de la République", "12, AVENUE DE LA REPUBLIQUE", "12 ave de la republique"],
    );
    all_read_as(City, "saint etienne", &["Saint-Étienne", "ST ETIENNE", "St-Etienne CEDEX 2"]);
    all_read_as(City, "lyon", &["Lyon", "LYON 03", "Lyon Cedex 03"]);
    all_read_as(
        Company,
        "optique chandelle",
        &["Optique Chandelle", "SARL OPTIQUE CHANDELLE", "Optique Chandelle S.A.R.L."],
    );
    all_read_as(Company, "sas", &["SAS"]);
    all_read_as(Postcode, "75011", &["75011", "F-75011", "75 011", "75011.0"]);
    all_read_as(Postcode, "06000", &["06000", "6000"]);
    let both = Countries::from_codes(["FR", "BE"]).unwrap();
    assert_eq!(read(Postcode, "6000", &both), ["06000", "6000"]);
    assert_eq!(form_in(Postcode, "1000", &Countries::from_codes(["BE"]).unwrap()).as_deref(), Some("1000"));
    all_read_as(Text, "micro soc cloud micro soc email", &["Micro-SOC Cloud, Micro-SOC Email"]);
}

#[test]
fn masked_values_show_the_same_as_the_clear_ones() {
    let agrees = |kind, clear: &str, masked: &str| {
        let mut normal = Vec::new();
        assert!(normalise(kind, clear.as_bytes(), &Countries::default(), &mut normal));
        let (clear, masked) =
            (masked::projection(kind, &normal).unwrap(), masked::parse(kind, masked.as_bytes()).unwrap());
        clear.coarse() == masked.coarse() && masked.fine().is_none_or(|fine| clear.fine() == Some(fine))
    };
    for masked in [
        "j***@mail.example",
        "J*****n@MAIL.example",
        "j•••@mail.example",
        "<j***@mail.example>",
        "***@mail.example",
        "jxxxx@mail.example",
        "xxxx@mail.example",
    ] {
        assert!(agrees(Email, "jeanne@mail.example", masked), "{masked}");
    }
    assert!(
        !agrees(Email, "jeanne@mail.example", "k***@mail.example")
            && !agrees(Email, "jeanne@mail.example", "j***@post.example")
    );
    for masked in [
        "06 ** ** 56 78",
        "06******5678",
        "+33 6•• •• 56 78",
        "06 XX XX 56 78",
        "****78",
        "** ** *6 78",
        "06........5678",
    ] {
        assert!(agrees(Phone, "0612345678", masked), "{masked}");
    }
    assert!(!agrees(Phone, "0612345678", "06 ** ** 56 79"));
    for masked in ["FR76*******************0189", "FR76 **** **** **** **** ***0 189", "FR76 …189", "XXXX XXXX 0189"]
    {
        assert!(agrees(Iban, "FR7630006000011234567890189", masked), "{masked}");
    }
    assert!(agrees(Contract, "02-18650454", "02-****0454"));
    for (kind, value) in [
        (Email, "jeanne@mail.example"),
        (Phone, "0612345678"),
        (Email, "j***@***.example"),
        (Phone, "06 ** ** ** **"),
        (LastName, "D*****"),
        (Iban, "FR76****"),
        // Whose numbers end with a domain, or with a remark?
        (Phone, "j***@mail.example"),
        (Iban, "j***@mail.example"),
        (Contract, "j***@mail.1234"),
        (Phone, "06 ** ** ** ** home"),
    ] {
        assert!(masked::parse(kind, value.as_bytes()).is_none(), "{value}");
    }
}

/// The forms that are appended for a value, each once.
fn appended(kind: FieldKind, raw: &[u8], countries: &Countries) -> Vec<Vec<u8>> {
    let mut forms = crate::fingerprint::Forms::default();
    forms.push(Text, b"before", countries);
    let many = forms.push(kind, raw, countries);
    assert_eq!(forms.form(0), b"before");
    let mut all: Vec<Vec<u8>> = (1..=many).map(|no| forms.form(no).to_vec()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What should be: every reading of a number, the likeliest of all else.
fn appendable(kind: FieldKind, readings: &Readings) -> Vec<Vec<u8>> {
    let most = if kind == Phone { usize::MAX } else { 1 };
    let mut all: Vec<Vec<u8>> = readings.iter().take(most).map(<[u8]>::to_vec).collect();
    all.sort_unstable();
    all
}

proptest! {
    /// Whatever comes is read or refused, a form is never longer than a few times the value, and what is appended to a buffer is the same.
    #[test]
    fn anything_is_read_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,40}", near in "[0-9a-z+@ .*()/-]{0,24}") {
        let countries = Countries::from_codes(["FR", "BE", "US"]).unwrap();
        let (mut out, mut all) = (Vec::new(), Readings::new());
        for raw in [&raw[..], text.as_bytes(), near.as_bytes()] {
            for kind in FieldKind::ALL {
                let valid = normalise(*kind, raw, &countries, &mut out);
                prop_assert!(out.len() <= 20 * raw.len() + 16);
                readings(*kind, raw, &countries, &mut all);
                prop_assert_eq!(valid, !all.is_empty());
                if let Some(first) = all.iter().next() {
                    prop_assert_eq!(first, &out[..]);
                }
                prop_assert_eq!(appended(*kind, raw, &countries), appendable(*kind, &all), "{} {:?}", kind, raw);
                let _ = masked::parse(*kind, raw);
                let _ = masked::projection(*kind, &out);
            }
        }
    }

    /// A normal form is its own normal form.
    #[test]
    fn a_form_stays_as_it_is(raw in "\\PC{0,30}", name in "[A-Za-zÀ-ÿ' .-]{1,30}") {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        for raw in [raw.as_bytes(), name.as_bytes()] {
            for kind in [Email, LastName, FirstName, StreetAddress, Iban, Contract, BirthDate, Ip] {
                if normalise(kind, raw, &Countries::default(), &mut once) {
                    prop_assert!(normalise(kind, &once, &Countries::default(), &mut twice), "{} {:?}", kind, once);
                    prop_assert_eq!(&once, &twice, "{}", kind);
                }
            }
        }
    }

    /// Every date of two centuries is found again in every layout that says its order.
    #[test]
    fn dates_come_back(year in 1900u32..2100, month in 1u32..=12, day in 1u32..=28) {
        let iso = format!("{year:04}-{month:02}-{day:02}");
        for raw in [iso.clone(), format!("{year}/{month}/{day}"), format!("{day:02}.{month:02}.{year}"), format!("{year}{month:02}{day:02}")] {
            prop_assert!(read(BirthDate, &raw, &Countries::default()).contains(&iso), "{}", raw);
        }
        let american = read(BirthDate, &format!("{month}/{day}/{year}"), &Countries::default());
        prop_assert!(american.contains(&iso));
    }

    #[test]
    fn french_numbers_come_back(number in 100_000_000u64..999_999_999, spaced in any::<bool>()) {
        let national = format!("0{number}");
        let pairs: Vec<String> = national.as_bytes().chunks(2).map(|p| String::from_utf8(p.to_vec()).unwrap()).collect();
        let raw = if spaced { pairs.join(" ") } else { national };
        prop_assert_eq!(form(Phone, &raw), Some(format!("33{number}")));
    }
}
