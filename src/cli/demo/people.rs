//! Made-up people and companies. Names are drawn from lists of frequent ones, domains are reserved for examples, and
//! numbers are drawn: nobody is meant.

use super::draw::Draw;

const FIRST: &[&str] = &[
    "Camille",
    "Jeanne",
    "Louise",
    "Emma",
    "Chloé",
    "Inès",
    "Manon",
    "Sarah",
    "Juliette",
    "Zoé",
    "Nadia",
    "Hélène",
    "Marie-Laure",
    "Sophie",
    "Claire",
    "Béatrice",
    "Lucas",
    "Hugo",
    "Louis",
    "Arthur",
    "Jules",
    "Adam",
    "Raphaël",
    "Noé",
    "Karim",
    "Étienne",
    "François",
    "Jean-Marc",
    "Thierry",
    "Bruno",
    "Didier",
    "Gaël",
    "Mehdi",
    "Yann",
];

const LAST: &[&str] = &[
    "Martin",
    "Bernard",
    "Thomas",
    "Petit",
    "Robert",
    "Richard",
    "Durand",
    "Dubois",
    "Moreau",
    "Laurent",
    "Simon",
    "Michel",
    "Lefèvre",
    "Leroy",
    "Roux",
    "David",
    "Bertrand",
    "Morel",
    "Fournier",
    "Girard",
    "Bonnet",
    "Dupont",
    "Lambert",
    "Fontaine",
    "Rousseau",
    "Vincent",
    "Müller",
    "Faure",
    "André",
    "Mercier",
    "Blanc",
    "Guérin",
    "Boyer",
    "Garnier",
    "Chevalier",
    "Francois",
    "Legrand",
    "Gauthier",
    "Garcia",
    "Perrin",
    "Robin",
    "Clément",
    "Morin",
    "Nicolas",
    "Henry",
    "Roussel",
    "Mathieu",
    "Gautier",
    "Masson",
    "Marchand",
    "Duval",
    "Denis",
    "Dumont",
    "Marie",
    "Lemaire",
    "Noël",
    "Meyer",
    "Dufour",
    "Meunier",
    "Brun",
    "Blanchard",
    "Giraud",
    "Joly",
    "Rivière",
    "Lucas",
    "Brunet",
    "Gaillard",
    "Barbier",
    "Arnaud",
    "Martinez",
    "Gérard",
    "Roche",
    "Renard",
    "Schmitt",
    "Roy",
    "Leroux",
    "Colin",
    "Vidal",
    "Caron",
    "Picard",
    "Roger",
    "Fabre",
    "Aubert",
    "Lemoine",
    "Renaud",
    "Dumas",
    "Lacroix",
];

const TOWNS: &[(&str, &str)] = &[
    ("Lyon", "69003"),
    ("Rennes", "35000"),
    ("Nantes", "44000"),
    ("Lille", "59800"),
    ("Toulouse", "31000"),
    ("Strasbourg", "67000"),
    ("Bordeaux", "33000"),
    ("Grenoble", "38000"),
    ("Dijon", "21000"),
    ("Tours", "37000"),
    ("Angers", "49000"),
    ("Brest", "29200"),
    ("Metz", "57000"),
    ("Caen", "14000"),
    ("Amiens", "80000"),
];

const STREETS: &[&str] = &[
    "rue des Lilas",
    "avenue de la Gare",
    "rue du Moulin",
    "place de l'Église",
    "chemin des Vignes",
    "rue Pasteur",
    "boulevard Voltaire",
    "impasse des Cerisiers",
    "rue de la République",
    "allée des Tilleuls",
];

const TRADES: &[&str] = &[
    "Menuiserie",
    "Transports",
    "Cabinet",
    "Imprimerie",
    "Laboratoire",
    "Atelier",
    "Clinique",
    "Garage",
    "Conserverie",
];

const JOBS: &[&str] = &[
    "Responsable informatique",
    "RSSI",
    "Directrice générale",
    "Gérant",
    "Administrateur réseau",
    "Responsable administratif",
    "DPO",
    "Technicien support",
];

/// A person, and the company they act for.
#[derive(Debug, Clone)]
pub struct Person {
    pub first: String,
    pub last: String,
    pub email: String,
    /// Ten digits, beginning with 06 or 07.
    pub phone: String,
    pub birth: String,
    pub street: String,
    pub postcode: String,
    pub city: String,
    pub company: String,
    pub job: String,
}

impl Person {
    /// The `n`th person; the number keeps addresses apart.
    pub fn draw(n: usize, draw: &mut Draw) -> Self {
        let (first, last) = (draw.one(FIRST).to_owned(), draw.one(LAST).to_owned());
        let (city, postcode) = TOWNS[draw.below(TOWNS.len())];
        let company = format!("{} {}", draw.one(TRADES), draw.one(LAST));
        Self {
            email: email(&first, &last, n, draw),
            phone: phone(draw),
            birth: format!("{}-{:02}-{:02}", 1950 + draw.below(55), 1 + draw.below(12), 1 + draw.below(28)),
            street: format!("{} {}", 1 + draw.below(180), draw.one(STREETS)),
            postcode: postcode.to_owned(),
            city: city.to_owned(),
            job: draw.one(JOBS).to_owned(),
            first,
            last,
            company,
        }
    }

    /// Some months later: most people stay as they are, some move, change number, address or job.
    pub fn age(&mut self, n: usize, draw: &mut Draw) {
        if draw.chance(10) {
            self.phone = phone(draw);
        }
        if draw.chance(8) {
            self.email = email(&self.first, &self.last, n, draw);
        }
        if draw.chance(8) {
            let (city, postcode) = TOWNS[draw.below(TOWNS.len())];
            (self.city, self.postcode) = (city.to_owned(), postcode.to_owned());
            self.street = format!("{} {}", 1 + draw.below(180), draw.one(STREETS));
        }
        if draw.chance(12) {
            self.job = draw.one(JOBS).to_owned();
        }
    }
}

fn phone(draw: &mut Draw) -> String {
    format!("{}{}", draw.one(&["06", "07"]), draw.digits(8))
}

fn email(first: &str, last: &str, n: usize, draw: &mut Draw) -> String {
    let (first, last) = (plain(first), plain(last));
    let host = draw.one(&["example.com", "example.org", "example.net", "courriel.example", "messagerie.example"]);
    match draw.below(3) {
        0 => format!("{first}.{last}{n}@{host}"),
        1 => format!("{}{last}.{n}@{host}", &first[..1]),
        _ => format!("{last}_{n}@{host}"),
    }
}

/// A name as it stands in an address.
fn plain(name: &str) -> String {
    let unaccented = |c| match c {
        'à' | 'â' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' => 'o',
        'ü' | 'û' => 'u',
        c => c,
    };
    name.to_lowercase().chars().map(unaccented).filter(char::is_ascii_alphabetic).collect()
}
