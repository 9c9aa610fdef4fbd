//! Made-up people: customers of the watched system, and strangers that it does not know. Drawn numbers, reserved domains.

/// One person as exports show them. Some have no address of mail, some no telephone: those are found by what stands
/// beside their name, so only if the shape keeps a person together.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub last: String,
    pub first: String,
    pub mail: String,
    pub phone: String,
    pub birth: String,
    pub street: String,
    pub postcode: String,
    pub city: String,
}

const LAST: [&str; 40] = [
    "Lefèvre",
    "Garnier",
    "Roussel",
    "Blanchard",
    "Chevalier",
    "Gauthier",
    "Fontaine",
    "Mercier",
    "Lambert",
    "Bonnet",
    "Le Goff",
    "Perrin",
    "Morin",
    "Clément",
    "Dumont",
    "Berger",
    "Carpentier",
    "Renaud",
    "Leclerc",
    "Barbier",
    "Guérin",
    "Boyer",
    "Noël",
    "Brunet",
    "Schmitt",
    "Colin",
    "Vidal",
    "Picard",
    "Aubry",
    "Roche",
    "Lemoine",
    "Marchand",
    "Gaillard",
    "Bertrand",
    "Riviere",
    "Hubert",
    "Menard",
    "Jacquet",
    "Da Silva",
    "Prevost",
];
const FIRST: [&str; 40] = [
    "Jeanne", "Paul", "Zoé", "Thomas", "Maëlle", "Hugo", "Camille", "Louis", "Inès", "Gabriel", "Léa", "Arthur",
    "Manon", "Jules", "Chloé", "Adam", "Sarah", "Lucas", "Emma", "Nathan", "Alice", "Raphaël", "Louise", "Ethan",
    "Jade", "Noah", "Lina", "Tom", "Rose", "Victor", "Anna", "Simon", "Julie", "Martin", "Clara", "Antoine", "Eva",
    "Mathis", "Romane", "Oscar",
];
const STREETS: [&str; 8] = [
    "rue des Lilas",
    "avenue du Port",
    "place de la Gare",
    "chemin Vert",
    "rue Haute",
    "quai Sud",
    "allée des Pins",
    "rue du Moulin",
];
const CITIES: [&str; 12] = [
    "Quimper", "Rennes", "Brest", "Metz", "Dijon", "Nantes", "Angers", "Tours", "Limoges", "Bayonne", "Colmar",
    "Annecy",
];

/// Numbers that follow from a seed: `draw(n)` is below `n`.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// `count` people that follow from a seed.
pub fn people(count: usize, seed: u64) -> Vec<Person> {
    let mut draw = Draw(seed);
    (0..count).map(|n| person(n, seed, &mut draw)).collect()
}

fn person(n: usize, seed: u64, draw: &mut Draw) -> Person {
    let (last, first) = (draw.of(&LAST).to_owned(), draw.of(&FIRST).to_owned());
    let plain = |name: &str| -> String {
        let letter = |c: char| match c {
            'é' | 'è' | 'ë' => 'e',
            'ï' => 'i',
            other => other.to_ascii_lowercase(),
        };
        name.chars().filter(|c| c.is_alphanumeric()).map(letter).collect()
    };
    let host = ["courriel.example", "mail.example", "boite.example", "example.org"][draw.below(4) as usize];
    let (year, month, day) = (1940 + draw.below(65), 1 + draw.below(12), 1 + draw.below(28));
    let phone = format!("0{}{:08}", 6 + draw.below(2), draw.below(100_000_000));
    Person {
        id: format!("C{seed}{n:05}"),
        // A hole every few people.
        mail: if n % 5 == 3 {
            String::new()
        } else {
            format!("{}.{}{}@{host}", plain(&first), plain(&last), draw.below(1000))
        },
        phone: if n % 7 == 4 { String::new() } else { phone },
        birth: format!("{year:04}-{month:02}-{day:02}"),
        street: format!("{} {}", 1 + draw.below(120), draw.of(&STREETS)),
        postcode: format!("{:02}{:03}", 1 + draw.below(94), draw.below(100) * 10),
        city: draw.of(&CITIES).to_owned(),
        last,
        first,
    }
}

impl Person {
    /// Column names and values, in the order exports have them.
    pub fn fields(&self) -> [(&'static str, &str); 8] {
        [
            ("nom", &self.last),
            ("prenom", &self.first),
            ("mail", &self.mail),
            ("tel", &self.phone),
            ("naissance", &self.birth),
            ("adresse", &self.street),
            ("cp", &self.postcode),
            ("ville", &self.city),
        ]
    }

    /// The fields that hold something.
    pub fn filled(&self) -> Vec<(&'static str, &str)> {
        self.fields().into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The values alone.
    pub fn values(&self) -> [&str; 8] {
        self.fields().map(|(_, value)| value)
    }

    pub fn full(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// The date of birth as it is written in French.
    pub fn born(&self) -> String {
        let parts: Vec<&str> = self.birth.split('-').collect();
        format!("{}/{}/{}", parts[2], parts[1], parts[0])
    }

    /// The telephone number in pairs.
    pub fn pairs(&self) -> String {
        self.phone.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(" ")
    }
}

/// The names of the columns.
pub const COLUMNS: [&str; 8] = ["nom", "prenom", "mail", "tel", "naissance", "adresse", "cp", "ville"];
