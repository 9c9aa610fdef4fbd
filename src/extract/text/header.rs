//! Whether the first row of a table names its columns.
//!
//! Decided by comparing it with the rows below: names have no type where the values have one. A vocabulary only helps
//! where no column has a type.

use super::looks::{Looks, looks};

/// Column names as exports write them, in the languages that are met; compared without case, blanks and underscores.
const NAMES: &[&str] = &[
    "id",
    "ref",
    "reference",
    "nom",
    "prenom",
    "prénom",
    "name",
    "fullname",
    "firstname",
    "lastname",
    "surname",
    "forename",
    "vorname",
    "nachname",
    "nombre",
    "apellido",
    "apellidos",
    "nome",
    "cognome",
    "civilite",
    "civilité",
    "titre",
    "title",
    "gender",
    "sexe",
    "sex",
    "mail",
    "email",
    "courriel",
    "emailaddress",
    "correo",
    "phone",
    "tel",
    "telephone",
    "téléphone",
    "mobile",
    "portable",
    "telefon",
    "telefono",
    "adresse",
    "address",
    "street",
    "rue",
    "voie",
    "strasse",
    "direccion",
    "indirizzo",
    "ville",
    "city",
    "stadt",
    "ciudad",
    "town",
    "commune",
    "cp",
    "codepostal",
    "postcode",
    "zip",
    "zipcode",
    "plz",
    "pays",
    "country",
    "land",
    "pais",
    "company",
    "societe",
    "société",
    "entreprise",
    "firma",
    "organisation",
    "organization",
    "poste",
    "fonction",
    "job",
    "jobtitle",
    "iban",
    "bic",
    "rib",
    "siret",
    "siren",
    "contrat",
    "contract",
    "client",
    "customer",
    "user",
    "username",
    "login",
    "pseudo",
    "password",
    "motdepasse",
    "mdp",
    "passwd",
    "hash",
    "ip",
    "date",
    "naissance",
    "datenaissance",
    "datedenaissance",
    "birthdate",
    "dob",
    "birthday",
    "offre",
    "service",
    "services",
    "status",
    "statut",
    "state",
    "created",
    "createdat",
    "updated",
    "updatedat",
    "note",
    "notes",
    "comment",
    "commentaire",
];

/// Whether `first` is a header over `body`. `body` should be some tens of rows.
pub(crate) fn is_header(first: &[&[u8]], body: &[Vec<&[u8]>]) -> bool {
    if body.is_empty() || !could_name(first) {
        return false;
    }
    let mut typed_below = 0;
    for (i, name) in first.iter().enumerate() {
        let filled: Vec<Looks> =
            body.iter().filter_map(|row| row.get(i)).map(|cell| looks(cell)).filter(|l| *l != Looks::Empty).collect();
        let typed = filled.iter().filter(|l| l.typed()).count();
        if filled.is_empty() || typed * 5 < filled.len() * 4 {
            continue;
        }
        if looks(name) == Looks::Empty {
            // A column of numbers without a name is an index; any other would have one.
            if filled.iter().all(|l| *l == Looks::Number) {
                continue;
            }
            return false;
        }
        typed_below += 1;
    }
    let known = first.iter().filter(|name| is_known(name)).count();
    typed_below > 0 || known * 2 > first.len()
}

/// Whether no cell speaks against being a name: none typed, none long, none twice, few empty.
pub(crate) fn could_name(cells: &[&[u8]]) -> bool {
    let empty = cells.iter().filter(|cell| looks(cell) == Looks::Empty).count();
    if empty * 3 > cells.len() || cells.len() == empty {
        return false;
    }
    cells.iter().enumerate().all(|(i, cell)| {
        let cell = cell.trim_ascii();
        let look = looks(cell);
        // `col12` and `x_2024` are names; anything with more digits than letters is not.
        let plain = !look.typed() || (look == Looks::Code && cell.len() <= 8);
        let starts = cell.first().is_none_or(|b| !b.is_ascii_digit());
        let once = look == Looks::Empty || !cells[..i].iter().any(|other| other.trim_ascii() == cell);
        plain && starts && once && look != Looks::Phrase && cell.len() <= 64
    })
}

/// Whether `name` is in the vocabulary.
pub(crate) fn is_known(name: &[u8]) -> bool {
    let name: String =
        String::from_utf8_lossy(name).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    NAMES.contains(&name.as_str())
}

/// A header's cells as names.
pub(crate) fn names(cells: &[&[u8]]) -> Vec<String> {
    cells.iter().map(|cell| name(cell)).collect()
}

/// One column name: trimmed, bounded, whatever bytes it is made of.
pub(crate) fn name(cell: &[u8]) -> String {
    let cell = cell.trim_ascii();
    String::from_utf8_lossy(&cell[..cell.len().min(256)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[&str]) -> bool {
        let rows: Vec<Vec<&[u8]>> = rows.iter().map(|row| row.split(',').map(str::as_bytes).collect()).collect();
        is_header(&rows[0], &rows[1..])
    }

    #[test]
    fn a_header_is_told_from_a_row_by_what_stands_below() {
        assert!(check(&["nom,mail", "Martin,a@b.example"]));
        assert!(check(&["col0,col1", "Martin,a@b.example"]));
        assert!(!check(&["Durand,c@d.example", "Martin,a@b.example"]));
        assert!(!check(&["Durand,", "Martin,a@b.example"]));
        assert!(check(&["nom,prenom", "Martin,Jeanne"]));
        assert!(!check(&["Durand,Paul", "Martin,Jeanne"]));
        assert!(!check(&["nom,mail"]));
    }
}
