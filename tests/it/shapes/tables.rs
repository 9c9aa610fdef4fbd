//! Tables as they are drawn: by the consoles of databases and shells, in wikis, in mail, at fixed widths.

use super::people::{COLUMNS, Person};
use super::{ALL, Shape, each, shape};

/// Header and rows of cells.
fn rows(people: &[Person]) -> Vec<Vec<String>> {
    let header = COLUMNS.map(str::to_owned).to_vec();
    std::iter::once(header).chain(people.iter().map(|p| p.values().map(str::to_owned).to_vec())).collect()
}

/// The widths of the columns.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    (0..rows[0].len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap()).collect()
}

fn padded(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width - cell.chars().count()))
}

/// One row of padded cells between marks.
fn line(row: &[String], widths: &[usize], open: &str, between: &str, close: &str) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| padded(cell, *width)).collect();
    format!("{open}{}{close}\n", cells.join(between))
}

/// A rule drawn under or over padded columns.
fn rule(widths: &[usize], fill: &str, open: &str, between: &str, close: &str) -> String {
    let parts: Vec<String> = widths.iter().map(|width| fill.repeat(*width)).collect();
    format!("{open}{}{close}\n", parts.join(between))
}

/// A table with its header, a rule under it, and its rows.
fn drawn(people: &[Person], marks: [&str; 3], rules: [&str; 4]) -> String {
    let rows = rows(people);
    let widths = widths(&rows);
    let [open, between, close] = marks;
    let [fill, rule_open, rule_between, rule_close] = rules;
    let body: String = rows[1..].iter().map(|row| line(row, &widths, open, between, close)).collect();
    line(&rows[0], &widths, open, between, close) + &rule(&widths, fill, rule_open, rule_between, rule_close) + &body
}

/// The table with every row between rules.
fn grid(people: &[Person]) -> String {
    let rows = rows(people);
    let widths = widths(&rows);
    let thin = rule(&widths, "-", "+-", "-+-", "-+");
    let thick = rule(&widths, "=", "+=", "=+=", "=+");
    let mut text = thin.clone() + &line(&rows[0], &widths, "| ", " | ", " |") + &thick;
    for row in &rows[1..] {
        text += &(line(row, &widths, "| ", " | ", " |") + &thin);
    }
    text
}

/// Rows between marks of a wiki.
fn wiki(people: &[Person], head: [&str; 3], body: [&str; 3]) -> String {
    let marked = |row: &[String], [open, between, close]: [&str; 3]| format!("{open}{}{close}\n", row.join(between));
    let rows = rows(people);
    marked(&rows[0], head) + &rows[1..].iter().map(|row| marked(row, body)).collect::<String>()
}

pub const SHAPES: &[Shape] = &[
    shape!(fixed_width, ALL, |people| drawn(people, ["", " ", ""], ["", "", "", ""]).replacen("\n\n", "\n", 1)),
    shape!(fixed_width_without_header, ALL, |people| {
        let rows = rows(people);
        let widths = widths(&rows);
        rows[1..].iter().map(|row| line(row, &widths, "", " ", "")).collect()
    }),
    shape!(mysql_console, ALL, |people| {
        let rows = rows(people);
        let widths = widths(&rows);
        let rule = rule(&widths, "-", "+-", "-+-", "-+");
        let body: String = rows[1..].iter().map(|row| line(row, &widths, "| ", " | ", " |")).collect();
        let head = line(&rows[0], &widths, "| ", " | ", " |");
        format!("mysql> select * from clients;\n{rule}{head}{rule}{body}{rule}40 rows in set (0.01 sec)\n")
    }),
    shape!(psql_aligned, ALL, |people| {
        "shop=> select * from clients;\n".to_owned()
            + &drawn(people, [" ", " | ", ""], ["-", "-", "-+-", "-"])
            + "(40 rows)\n"
    }),
    shape!(psql_expanded, ALL, |people| {
        let numbered = people.iter().enumerate();
        let record = |(i, p): (usize, &Person)| {
            let lines = p.fields().map(|(name, value)| format!("{name:<10}| {value}\n"));
            format!("-[ RECORD {} ]----------\n{}", i + 1, lines.concat())
        };
        numbered.map(record).collect()
    }),
    shape!(mysql_vertical, ALL, |people| {
        let numbered = people.iter().enumerate();
        let record = |(i, p): (usize, &Person)| {
            let lines = p.fields().map(|(name, value)| format!("{name:>10}: {value}\n"));
            let stars = "*".repeat(27);
            format!("{stars} {}. row {stars}\n{}", i + 1, lines.concat())
        };
        numbered.map(record).collect()
    }),
    shape!(sqlite_column, ALL, |people| drawn(people, ["", "  ", ""], ["-", "", "  ", ""])),
    shape!(sqlite_box, ALL, |people| drawn(people, ["│ ", " │ ", " │"], ["─", "├─", "─┼─", "─┤"])),
    shape!(sqlite_line, ALL, |people| each(people, |p| {
        p.fields().map(|(name, value)| format!("{name:>10} = {value}\n")).concat() + "\n"
    })),
    shape!(powershell_table, ALL, |people| "\n".to_owned()
        + &drawn(people, ["", " ", ""], ["-", "", " ", ""])
        + "\n\n"),
    shape!(powershell_list, ALL, |people| each(people, |p| {
        p.fields().map(|(name, value)| format!("{name:<10}: {value}\n")).concat() + "\n"
    })),
    shape!(column_t, ALL, |people| {
        let rows = rows(people);
        let widths = widths(&rows);
        rows[1..].iter().map(|row| line(row, &widths, "", "  ", "")).collect()
    }),
    shape!(sqlcmd, ALL, |people| {
        "1> select * from clients\n2> go\n".to_owned()
            + &drawn(people, ["", " ", ""], ["-", "", " ", ""])
            + "\n(40 rows affected)\n"
    }),
    shape!(sqlplus_pages, ALL, |people| {
        let rows = rows(people);
        let widths = widths(&rows);
        let head = line(&rows[0], &widths, "", " ", "") + &rule(&widths, "-", "", " ", "");
        let page = |page: &[Vec<String>]| {
            head.clone() + &page.iter().map(|row| line(row, &widths, "", " ", "")).collect::<String>() + "\n"
        };
        rows[1..].chunks(10).map(page).collect()
    }),
    shape!(duckdb_box, ALL, |people| {
        let table = drawn(people, ["│ ", " │ ", " │"], ["─", "├─", "─┼─", "─┤"]);
        let (head, body) = table.split_once('\n').unwrap();
        format!(
            "{head}\n│ varchar │ varchar │ varchar │ varchar │ varchar │ varchar │ varchar │ varchar │\n{body}└──┘\n"
        )
    }),
    shape!(pandas_print, ALL, |people| {
        let rows = rows(people);
        let widths = widths(&rows);
        let right = |row: &[String]| -> String {
            row.iter().zip(&widths).map(|(c, w)| format!("  {}{c}", " ".repeat(w - c.chars().count()))).collect()
        };
        let head = format!("  {}\n", right(&rows[0]));
        head + &rows[1..].iter().enumerate().map(|(i, row)| format!("{i:<2}{}\n", right(row))).collect::<String>()
    }),
    shape!(markdown, ALL, |people| drawn(people, ["| ", " | ", " |"], ["-", "|-", "-|-", "-|"])),
    shape!(markdown_without_frame, ALL, |people| drawn(people, ["", " | ", ""], ["-", "", "-|-", ""])),
    shape!(org, ALL, |people| drawn(people, ["| ", " | ", " |"], ["-", "|-", "-+-", "-|"])),
    shape!(rst_grid, ALL, grid),
    shape!(rst_simple, ALL, |people| {
        let rows = rows(people);
        let rule = rule(&widths(&rows), "=", "", "  ", "");
        rule.clone() + &drawn(people, ["", "  ", ""], ["=", "", "  ", ""]) + &rule
    }),
    shape!(mediawiki, ALL, |people| {
        let body = each(people, |p| format!("|-\n| {}\n", p.values().join(" || ")));
        format!("{{| class=\"wikitable\"\n|+ clients\n|-\n! {}\n{body}|}}\n", COLUMNS.join(" !! "))
    }),
    shape!(dokuwiki, ALL, |people| wiki(people, ["^ ", " ^ ", " ^"], ["| ", " | ", " |"])),
    shape!(confluence, ALL, |people| wiki(people, ["||", "||", "||"], ["|", "|", "|"])),
    shape!(textile, ALL, |people| wiki(people, ["|_. ", " |_. ", " |"], ["| ", " | ", " |"])),
    shape!(latex, ALL, |people| {
        let body = each(people, |p| format!("  {} \\\\ \\hline\n", p.values().join(" & ")));
        format!(
            "\\begin{{tabular}}{{llllllll}}\n\\hline\n{} \\\\ \\hline\n{body}\\end{{tabular}}\n",
            COLUMNS.join(" & ")
        )
    }),
    shape!(bbcode_table, ALL, |people| {
        let body = each(people, |p| format!("[tr]{}[/tr]\n", p.values().map(|v| format!("[td]{v}[/td]")).concat()));
        format!(
            "Fresh:\n[table]\n[tr]{}[/tr]\n{body}[/table]\nbye\n",
            COLUMNS.map(|c| format!("[th]{c}[/th]")).concat()
        )
    }),
    shape!(table_in_a_reply, ALL, |people| {
        let table = drawn(people, ["| ", " | ", " |"], ["-", "+-", "-+-", "-+"]);
        table.lines().map(|line| format!("> {line}\n")).collect()
    }),
    shape!(tabs_and_blanks_mixed, ALL, |people| each(people, |p| p.values().join("  \t ") + "\n")),
    shape!(empty_line_after_each, ALL, |people| each(people, |p| p.values().join(" | ") + "\n\n")),
];
