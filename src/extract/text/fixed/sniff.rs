//! Whether a sample holds a table at fixed columns, and where its columns stand.
//!
//! Two kinds of evidence: a ruler of dashes draws the columns; without one, they are what is left between places that are
//! blank in all lines. Prose, logs and code have such places too, by chance or for a few lines: a table must show more, at
//! least three columns that are filled as columns are, from one edge, with values of some type.

use std::ops::Range;

use super::grid::{Grid, Measure};
use super::lines::{self, Class, Seen};
use super::{Columns, Found, LONGEST, without_end};
use crate::extract::text::delimited::is_rule;
use crate::extract::text::header;
use crate::extract::text::looks::{Looks, looks};
use crate::extract::text::survey::{Line, Sample};
use crate::model::{Batch, Span};

/// Lines that are first looked at for columns.
const WINDOW: usize = 8;
/// The fewest lines that show columns.
const LEAST: usize = 4;
/// Lines that do not fit, in a row, that end a table.
const GAP: usize = 3;
/// Lines over a table that may be titles.
const TITLES: usize = 3;
/// Rows whose cells are weighed.
const WEIGHED: usize = 48;

/// The first table of the sample, if there is any.
pub(crate) fn sniff(sample: Sample<'_>) -> Option<Found> {
    if !may_hold_columns(sample) {
        return None;
    }
    // Measured as it was padded, more cells stand at an edge of their column: not just one or two by chance.
    let found = lines::measures(sample.text).into_iter().filter_map(|measure| with(sample, measure));
    // Under a ruler that all lines keep to, there is nothing to choose.
    found.reduce(|a, b| {
        let better = b.edged >= a.edged + 3 && b.edged * 9 > a.edged * 10;
        if better && !(a.ruled && keeps(sample.text, &a)) { b } else { a }
    })
}

/// Whether all lines that a table's own measure makes rows leave its gutters blank.
fn keeps(sample: &[u8], found: &Found) -> bool {
    let mut places = Vec::new();
    let mut cells = Vec::new();
    sample[found.rows_at..].split(|b| *b == b'\n').filter(|line| !is_rule(line.trim_ascii())).all(|line| {
        cells.clear();
        let fit = found.columns.fit(without_end(line), &mut places, &mut cells);
        !fit.is_row() || fit.is_clear()
    })
}

/// Whether enough lines have wide blanks within them, or one is a ruler. Most texts end here: what only indents, as code does, is none.
fn may_hold_columns(sample: Sample<'_>) -> bool {
    let padded = sample.lines.iter().filter(|line| line.wide && lines::is_padded(sample.bytes(line)));
    let ruled = |line: &Line| line.rule && lines::ruler(sample.bytes(line), Measure::Bytes).is_some();
    padded.take(LEAST).count() == LEAST || sample.lines.iter().any(ruled)
}

fn with(sample: Sample<'_>, measure: Measure) -> Option<Found> {
    let lines = lines::of(sample, measure);
    let search = Search { lines: &lines, ends: ends(&lines), measure };
    (0..lines.len()).find_map(|at| {
        let ruler = (at..lines.len().min(at + 2)).find(|i| lines[*i].ruler.is_some());
        match ruler {
            Some(ruler) => search.ruled(at, ruler),
            None if lines[at].bare => None,
            None => search.aligned(at),
        }
    })
}

/// For each line where the lines end that belong together with it: before the second of two blank ones behind it.
fn ends(lines: &[Seen<'_>]) -> Vec<usize> {
    let (mut ends, mut end) = (vec![lines.len(); lines.len()], lines.len());
    for at in (1..lines.len()).rev() {
        ends[at] = end;
        if lines[at].width == 0 && lines[at - 1].width == 0 {
            end = at;
        }
    }
    if let Some(first) = ends.first_mut() {
        *first = end;
    }
    ends
}

/// A search for columns in lines.
struct Search<'l, 't> {
    lines: &'l [Seen<'t>],
    /// As [`ends`] has it.
    ends: Vec<usize>,
    measure: Measure,
}

impl Search<'_, '_> {
    /// The table whose first line is `at` and whose columns the line `ruler` draws, there or below.
    fn ruled(&self, at: usize, ruler: usize) -> Option<Found> {
        let pieces = self.lines[ruler].ruler.as_ref()?;
        // Drawn above the names, it is drawn below them too.
        let below = if ruler == at { at + 2 } else { ruler };
        let head = below.checked_sub(1).filter(|head| self.lines.get(*head).is_some_and(|line| !line.bare))?;
        let drawn = self.lines.get(below).is_some_and(|line| line.ruler.as_ref() == Some(pieces));
        if !drawn {
            return None;
        }
        let gutters = pieces.windows(2).map(|pair| pair[0].end..pair[1].start).collect();
        let grid = Grid { measure: self.measure, gutters };
        let members = self.members(&grid, below + 1);
        let columns = Columns { grid, head: self.lines[head].bytes.trim_ascii().to_vec() };
        let names = columns.rows([self.lines[head].line()].into_iter());
        let names: Vec<&[u8]> = names.row(0).cells().collect();
        let rows_at = self.lines[below].range.end;
        let edged = self.edges(&members, &columns.grid).1;
        (!members.is_empty()).then(|| Found {
            edged,
            start: self.lines[at].range.start,
            rows_at,
            header: Some(header::names(&names)),
            ruled: true,
            columns,
        })
    }

    /// The table whose first row or head is line `at`, if places that are blank in all lines from there on part columns.
    fn aligned(&self, at: usize) -> Option<Found> {
        let window: Vec<usize> = self.text_lines(at).take(WINDOW).collect();
        if window.len() < LEAST || self.padded(&window) * 2 < window.len() {
            return None;
        }
        let first = self.gutters(&window);
        if first.len() < 2 {
            return None;
        }
        let members = self.members(&Grid { measure: self.measure, gutters: first }, at);
        let mut gutters = self.gutters(&members);
        self.touching(&members, &mut gutters);
        self.join_words(&members, &mut gutters);
        self.join_groups(&members, &mut gutters);
        let grid = Grid { measure: self.measure, gutters };
        let members = self.members(&grid, self.first(&grid, at));
        if members.len() < LEAST || grid.columns() < 3 {
            return None;
        }
        self.settle(&members, Columns { grid, head: Vec::new() })
    }

    /// The lines from `at` on that are no rules: until two blank ones.
    fn text_lines(&self, at: usize) -> impl Iterator<Item = usize> {
        (at..self.ends[at]).filter(|i| !self.lines[*i].bare)
    }

    /// How many lines have wide blanks within them.
    fn padded(&self, lines: &[usize]) -> usize {
        lines.iter().filter(|i| self.lines[**i].padded).count()
    }

    /// The places that are blank in all these lines. Where there are none, what is blank in all but one in twenty: a value
    /// ran over there.
    fn gutters(&self, lines: &[usize]) -> Vec<Range<usize>> {
        let width = lines.iter().map(|i| self.lines[*i].width).max().unwrap_or(0);
        let mut filled = vec![0usize; width];
        for line in lines {
            for (filled, class) in filled.iter_mut().zip(&self.lines[*line].classes) {
                *filled += usize::from(*class != Class::Blank);
            }
        }
        let excused = if lines.len() >= WINDOW { (lines.len() / 20).max(1) } else { 0 };
        let even = self.are_even(lines);
        let mut gutters = Vec::new();
        for loose in runs(&filled, excused).into_iter().filter(|loose| loose.end < width) {
            let mut strict = runs(&filled[..loose.end], 0);
            strict.retain(|run| run.start >= loose.start);
            // Single blanks within a long value part no columns; a column that is filled seldom has wide ones at both sides.
            if strict.iter().filter(|run| run.len() >= 2).count() >= 2 {
                strict.retain(|run| run.len() >= 2);
            } else {
                // They belong to the value at the edge of which the others do not stand.
                let ends = lines.iter().filter(|i| !self.lines[**i].is_blank(loose.start - 1)).count();
                let first = ends * 10 >= lines.len() * 7;
                strict.sort_by_key(|run| (run.len(), if first { usize::MAX - run.start } else { run.start }));
                strict.drain(..strict.len().saturating_sub(1));
            }
            let filled_behind = || filled[loose.end..].iter().take_while(|n| **n > excused).max().copied().unwrap_or(0);
            if strict.is_empty() && filled_behind() * 2 >= lines.len() {
                // In records of one length nothing runs over: fields touch.
                strict.push(if even { loose.end..loose.end } else { loose });
            }
            gutters.extend(strict);
        }
        gutters
    }

    /// Whether nearly all lines are of one length, with the blanks at their ends, and none is longer.
    fn are_even(&self, lines: &[usize]) -> bool {
        let lengths: Vec<usize> = lines.iter().map(|i| self.lines[*i].classes.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        lengths.iter().filter(|length| **length == longest).count() * 10 >= lengths.len() * 9
    }

    /// Whether line `i` keeps to the columns. `cells` is room for its cells.
    fn fits(&self, grid: &Grid, i: usize, cells: &mut Vec<Span>) -> bool {
        cells.clear();
        let line = &self.lines[i];
        line.bytes.len() <= LONGEST && grid.cut(&line.line(), 0, cells).is_row()
    }

    /// The first of the lines before `at` that all fit.
    fn first(&self, grid: &Grid, at: usize) -> usize {
        let mut cells = Vec::new();
        let mut fits = |i: &usize| !self.lines[*i].bare && self.fits(grid, *i, &mut cells);
        (0..at).rev().take_while(|i| fits(i)).last().unwrap_or(at)
    }

    /// The lines from `at` on that fit, until too many do not.
    fn members(&self, grid: &Grid, at: usize) -> Vec<usize> {
        let (mut members, mut misses) = (Vec::new(), 0);
        let mut cells = Vec::new();
        for i in at..self.lines.len() {
            if self.lines[i].bare {
                continue;
            }
            if self.fits(grid, i, &mut cells) {
                members.push(i);
                misses = 0;
            } else {
                misses += 1;
                if misses >= GAP {
                    break;
                }
            }
        }
        members
    }

    /// In records of one length, columns that touch: where lines that were blank before are filled again, or digits end
    /// and letters begin.
    fn touching(&self, lines: &[usize], gutters: &mut Vec<Range<usize>>) {
        if lines.len() < WINDOW || !self.are_even(lines) {
            return;
        }
        let length = lines.iter().map(|i| self.lines[*i].width).max().unwrap_or(0);
        let count = |column: usize, what: &dyn Fn(Class) -> bool| {
            lines.iter().filter(|i| what(self.lines[**i].class(column))).count()
        };
        let filled: Vec<usize> = (0..length).map(|column| count(column, &|class| class != Class::Blank)).collect();
        for column in 1..length {
            if gutters.iter().any(|gutter| gutter.start <= column && column <= gutter.end) {
                continue;
            }
            let jumps = filled[column] >= filled[column - 1] + lines.len() / 2 && self.begins(lines, column, gutters);
            let only = |column: usize, class: Class| count(column, &|c| c == class) == filled[column];
            let digits = column >= 4 && filled[column - 1] * 2 >= lines.len();
            let digits = digits && (column - 4..column).all(|column| only(column, Class::Digit));
            if jumps || digits && only(column, Class::Letter) {
                gutters.push(column..column);
            }
        }
        gutters.sort_by_key(|gutter| gutter.start);
    }

    /// Whether a field begins at `column`: whatever touches it from before began with its own field.
    fn begins(&self, lines: &[usize], column: usize, gutters: &[Range<usize>]) -> bool {
        let before = gutters.iter().map(|gutter| gutter.end).filter(|end| *end < column).max().unwrap_or(0);
        let touching = |i: &&usize| !self.lines[**i].is_blank(column - 1);
        lines.iter().filter(touching).all(|i| !self.lines[*i].is_blank(before))
    }

    /// Words that happen to begin or end at one place are no column: one that is seldom filled has wide blanks between it and
    /// its neighbour in some line, unless the two are one value.
    fn join_words(&self, lines: &[usize], gutters: &mut Vec<Range<usize>>) {
        let starts: Vec<usize> = std::iter::once(0).chain(gutters.iter().map(|gutter| gutter.end)).collect();
        let ends: Vec<usize> = gutters.iter().skip(1).map(|gutter| gutter.start).chain([usize::MAX]).collect();
        let filled = |from: usize, to: usize| -> Vec<usize> {
            let any = |i: &&usize| {
                let line = &self.lines[**i];
                (from..to.min(line.width)).any(|column| !line.is_blank(column))
            };
            lines.iter().filter(any).copied().collect()
        };
        let touch = |lines: &[usize], column: usize| lines.iter().all(|i| !self.lines[*i].is_blank(column));
        let mut no = 0;
        gutters.retain(|gutter| {
            no += 1;
            if gutter.len() != 1 || gutter.start == 0 {
                return true;
            }
            let behind = filled(gutter.end, ends[no - 1]);
            let before = filled(starts[no - 1], gutter.start);
            let second = behind.len() * 2 < lines.len() && touch(&behind, gutter.start - 1);
            let first =
                before.len() * 2 < lines.len() && touch(&before, gutter.start - 1) && touch(&before, gutter.end);
            !(second || first)
        });
    }

    /// Groups of digits of one number, as `06 12 34 56 78`, are no columns.
    fn join_groups(&self, lines: &[usize], gutters: &mut Vec<Range<usize>>) {
        let grid = Grid { measure: self.measure, gutters: gutters.clone() };
        let columns = Columns { grid, head: Vec::new() };
        let rows = columns.rows(lines.iter().map(|i| self.lines[*i].line()));
        let rows = cells_of(&rows);
        // A head has a name for each column.
        let rows =
            if rows.first().is_some_and(|row| row.iter().all(|cell| !has_digit(cell))) { &rows[1..] } else { &rows };
        let group = |column: usize| {
            let length = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
            let even =
                rows.iter().all(|row| row[column].is_empty() || row[column].len() == length && has_digit(row[column]));
            even && (2..=4).contains(&length)
        };
        let together = |a: usize, b: usize| rows.iter().all(|row| row[a].is_empty() == row[b].is_empty());
        let groups: Vec<bool> = (0..=gutters.len()).map(group).collect();
        let mut no = 0;
        gutters.retain(|gutter| {
            no += 1;
            !(gutter.len() == 1 && groups[no - 1] && groups[no] && together(no - 1, no))
        });
    }

    /// The table of these lines, if it shows enough.
    fn settle(&self, members: &[usize], mut columns: Columns) -> Option<Found> {
        let rows = columns.rows(members.iter().take(WEIGHED + TITLES).map(|i| self.lines[*i].line()));
        let rows = cells_of(&rows);
        let body = |from: usize| &rows[from.min(rows.len())..rows.len().min(from + WEIGHED)];
        // A title may stand over the head, at places that fit; the head above the first line that does.
        let named =
            (0..members.len().min(TITLES)).find_map(|no| Some((no, self.names(members[no], body(no + 1), &columns)?)));
        let above = members[0].checked_sub(1).filter(|i| named.is_none() && !self.lines[*i].bare);
        let above = above.and_then(|i| Some((i, self.names(i, body(0), &columns)?)));
        let (start, header, from) = match (named, above) {
            (Some((no, names)), _) => (members[no], Some(names), no + 1),
            (None, Some((i, names))) => (i, Some(names), 0),
            (None, None) => (members[0], None, 0),
        };
        let rest = &members[from..];
        let rows_at = self.lines[*rest.first()?].range.start;
        let known = header.as_ref().is_some_and(|names| {
            names.iter().filter(|name| header::is_known(name.as_bytes())).count() * 2 > names.len()
        });
        let (even, edged) = self.edges(rest, &columns.grid);
        let plausible = even && Weighed::of(body(from), columns.grid.columns()).plausible(known);
        if header.is_some() {
            columns.head = self.lines[start].bytes.trim_ascii().to_vec();
        }
        let start = self.lines[start].range.start;
        plausible.then_some(Found { start, rows_at, header, ruled: false, edged, columns })
    }

    /// The names that line `i` gives the columns of the rows below, if it does: at their places, or else as many words or
    /// groups of words, parted by wide blanks.
    fn names(&self, i: usize, below: &[Vec<&[u8]>], columns: &Columns) -> Option<Vec<String>> {
        let line = columns.rows([self.lines[i].line()].into_iter());
        let cells: Vec<&[u8]> = line.row(0).cells().collect();
        let text = String::from_utf8_lossy(self.lines[i].bytes);
        let wide = text.split("  ").map(|name| name.trim().as_bytes()).filter(|name| !name.is_empty()).collect();
        let words = text.split_whitespace().map(str::as_bytes).collect();
        let mut names =
            [cells, wide, words].into_iter().filter(|names: &Vec<&[u8]>| names.len() == columns.grid.columns());
        names.find(|names| header::is_header(names, below)).map(|names| header::names(&names))
    }

    /// Whether the cells of each column share an edge, left or right, as padding makes them: what only happens to be blank in
    /// all lines parts words that do not. And how many cells do.
    fn edges(&self, rows: &[usize], grid: &Grid) -> (bool, usize) {
        let starts = std::iter::once(0).chain(grid.gutters.iter().map(|gutter| gutter.end));
        let ends = grid.gutters.iter().map(|gutter| gutter.start).chain(std::iter::once(usize::MAX));
        let (mut even, mut edged) = (0, 0);
        for (start, end) in starts.zip(ends) {
            let (mut left, mut right, mut filled) = (0, 0, 0);
            for line in rows.iter().map(|i| &self.lines[*i]) {
                let to = end.min(line.width);
                let mut cell = (start..to).filter(|column| !line.is_blank(*column));
                let Some(first) = cell.next() else { continue };
                filled += 1;
                left += usize::from(first == start);
                right += usize::from(end == usize::MAX || cell.next_back().unwrap_or(first) + 1 == end);
            }
            even += usize::from(left.max(right) * 10 >= filled * 7);
            edged += left.max(right);
        }
        (even * 10 >= grid.columns() * 8, edged)
    }
}

/// The runs of columns, behind the first filled one and before the last, in which no more lines than `excused` have
/// anything.
fn runs(filled: &[usize], excused: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let first = filled.iter().position(|filled| *filled > excused).unwrap_or(filled.len());
    for column in (first..filled.len()).filter(|column| filled[*column] <= excused) {
        match runs.last_mut() {
            Some(run) if run.end == column => run.end = column + 1,
            _ => runs.push(column..column + 1),
        }
    }
    runs
}

fn cells_of(rows: &Batch) -> Vec<Vec<&[u8]>> {
    (0..rows.rows()).map(|i| rows.row(i).cells().collect()).collect()
}

fn has_digit(cell: &[u8]) -> bool {
    cell.iter().any(u8::is_ascii_digit)
}

/// What the cells of a table's columns look like.
struct Weighed {
    columns: usize,
    /// Columns most of whose cells have a type.
    typed: usize,
    /// Columns most of whose cells no field would look like, or that hold nothing but marks.
    alien: usize,
    /// Columns with little in them.
    empty: usize,
}

impl Weighed {
    fn of(rows: &[Vec<&[u8]>], columns: usize) -> Self {
        let mut weighed = Self { columns, typed: 0, alien: 0, empty: 0 };
        for column in 0..columns {
            let cells: Vec<(&[u8], Looks)> =
                rows.iter().map(|row| (row[column], looks(row[column]))).filter(|(_, l)| *l != Looks::Empty).collect();
            let mark = |cell: &[u8]| !cell.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
            let typed = cells.iter().filter(|(_, looks)| looks.typed()).count();
            let alien = |looks: Looks| matches!(looks, Looks::Phrase | Looks::Mixed | Looks::Noise);
            let alien = cells.iter().filter(|(cell, looks)| alien(*looks) || mark(cell)).count();
            weighed.empty += usize::from(cells.len() * 5 < rows.len());
            weighed.typed += usize::from(!cells.is_empty() && typed * 10 >= cells.len() * 6);
            weighed.alien += usize::from(alien * 10 >= cells.len().max(1) * 3);
        }
        weighed
    }

    /// Whether this is a table. `known` says that its columns have names that exports give.
    fn plausible(&self, known: bool) -> bool {
        let filled = self.columns - self.empty;
        if known {
            return filled >= 2 && self.alien * 4 <= self.columns;
        }
        self.typed > 0 && self.alien == 0 && filled >= 3 && self.empty * 3 <= self.columns
    }
}
