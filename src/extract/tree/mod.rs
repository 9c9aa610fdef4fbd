//! Nested values (JSON, literals of programming languages, XML) to rows.
//!
//! A reader of a notation reports what it meets to a [`Tree`]: objects, arrays, scalars. The tree decides what a
//! record is: the elements of a list of objects, however deep the list lies, or the only object there is. Nested
//! objects belong to their record (`address.city`), and so do small lists of details (`phones`); a list of objects
//! that look like records of their own gives rows of its own.
//!
//! The tree is bounded: when it has grown to [`MAX_NODES`], what is complete in the outermost container is handed on.

mod bare;
pub(crate) mod json;
pub(crate) mod literal;
pub(crate) mod php;

use super::columns::Columns;
use super::out::Out;
use super::text::looks::looks;
use crate::model::Shape;

/// Nodes held at once.
const MAX_NODES: usize = 1 << 16;
/// Cells a record may have before its lists of details become rows of their own.
const MAX_DETAILS: usize = 64;

/// A piece of the text, or of what was unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(usize, usize),
    Unescaped(usize, usize),
}

impl Piece {
    pub(crate) const NONE: Self = Self::Text(0, 0);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Object,
    Array,
    Scalar,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: NodeKind,
    key: Piece,
    value: Piece,
    /// One past the last node within; 0 while open.
    end: usize,
}

/// Nested values under construction, over `text`.
pub(crate) struct Tree<'t> {
    text: &'t [u8],
    nodes: Vec<Node>,
    open: Vec<usize>,
    unescaped: Vec<u8>,
    pub(crate) columns: Columns<'t>,
    /// The path of the list whose records are named without it.
    main_list: Option<Vec<u8>>,
}

impl<'t> Tree<'t> {
    pub(crate) fn new(text: &'t [u8], base: usize, shape: Shape) -> Self {
        Self {
            text,
            nodes: Vec::new(),
            open: Vec::new(),
            unescaped: Vec::new(),
            columns: Columns::new(text, base, shape),
            main_list: None,
        }
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Keeps a value that does not stand in the text.
    pub(crate) fn keep(&mut self, value: &[u8]) -> Piece {
        let start = self.unescaped.len();
        self.unescaped.extend_from_slice(value);
        Piece::Unescaped(start, self.unescaped.len())
    }

    pub(crate) fn scalar(&mut self, key: Piece, value: Piece) {
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { kind: NodeKind::Scalar, key, value, end });
    }

    pub(crate) fn open(&mut self, kind: NodeKind, key: Piece) {
        self.open.push(self.nodes.len());
        self.nodes.push(Node { kind, key, value: Piece::NONE, end: 0 });
    }

    /// Closes the innermost container, which ends at `at` in the text. When it was the last one open, its rows are
    /// handed on.
    pub(crate) fn close(&mut self, out: &mut Out<'_>, at: usize) {
        let Some(node) = self.open.pop() else { return };
        self.nodes[node].end = self.nodes.len();
        if self.open.is_empty() {
            self.records(out, 0, &mut Vec::new(), at);
            self.reset();
        } else if self.nodes.len() > MAX_NODES {
            self.hand_on(out, at);
        }
    }

    /// Says that the values read stand in a list themselves.
    pub(crate) fn in_list(&mut self) {
        self.main_list.get_or_insert_with(Vec::new);
    }

    /// Drops what is under construction.
    pub(crate) fn reset(&mut self) {
        self.nodes.clear();
        self.open.clear();
        self.unescaped.clear();
    }

    /// Closes everything that is still open: the text broke off at `at`.
    pub(crate) fn break_off(&mut self, out: &mut Out<'_>, at: usize) {
        while !self.open.is_empty() {
            self.close(out, at);
        }
    }

    /// Makes room: the rows of what is complete are handed on, from the outside inwards.
    fn hand_on(&mut self, out: &mut Out<'_>, at: usize) {
        let mut kept: Vec<Node> = Vec::new();
        let open = std::mem::take(&mut self.open);
        for (depth, container) in open.iter().enumerate() {
            let limit = open.get(depth + 1).copied().unwrap_or(self.nodes.len());
            let new_at = kept.len();
            kept.push(self.nodes[*container]);
            self.open.push(new_at);
            let mut child = container + 1;
            while child < limit {
                let end = self.nodes[child].end;
                if self.nodes[child].kind == NodeKind::Scalar && depth > 0 && limit - container < MAX_DETAILS {
                    kept.push(self.nodes[child]);
                    let last = kept.len() - 1;
                    kept[last].end = kept.len();
                } else {
                    let mut path = self.path_of(&open[1..=depth]);
                    self.records(out, child, &mut path, at);
                }
                child = end;
            }
        }
        self.nodes = kept;
    }

    fn path_of(&self, containers: &[usize]) -> Vec<u8> {
        let mut path = Vec::new();
        for container in containers {
            extend_path(&mut path, self.bytes(self.nodes[*container].key));
        }
        path
    }

    fn bytes(&self, piece: Piece) -> &[u8] {
        match piece {
            Piece::Text(start, end) => &self.text[start..end],
            Piece::Unescaped(start, end) => &self.unescaped[start..end],
        }
    }

    fn children(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.nodes[node].end;
        let mut child = node + 1;
        std::iter::from_fn(move || {
            (child < end).then(|| {
                let this = child;
                child = self.nodes[child].end;
                this
            })
        })
    }

    fn is_container(&self, node: usize) -> bool {
        self.nodes[node].kind != NodeKind::Scalar
    }

    /// Whether the container holds records: an array with containers in it, or an object of nothing but two or more
    /// objects, whose keys then are labels (or, in XML, repeat).
    fn is_list(&self, node: usize) -> bool {
        match self.nodes[node].kind {
            NodeKind::Scalar => false,
            NodeKind::Array => self.children(node).any(|child| self.is_container(child)),
            NodeKind::Object => {
                let (mut objects, mut values) = (0, 0);
                for child in self.children(node) {
                    values += usize::from(!self.is_container(child));
                    objects += usize::from(self.nodes[child].kind == NodeKind::Object);
                }
                // Attributes of an element that lists records: their elements have one name.
                let listed = || values <= 2 && objects > values && self.repeats(node) && self.holds_records(node);
                objects >= 2 && self.alike(node) && (values == 0 || listed())
            }
        }
    }

    /// Whether the first two objects in a container share a key.
    fn alike(&self, node: usize) -> bool {
        let mut objects = self.children(node).filter(|child| self.nodes[*child].kind == NodeKind::Object);
        let (Some(one), Some(two)) = (objects.next(), objects.next()) else { return false };
        let key = |child: usize| self.bytes(self.nodes[child].key);
        self.children(one).any(|a| self.children(two).any(|b| key(a) == key(b)))
    }

    /// Whether the first two containers in it have the same key, as the elements of XML do: then it is no label.
    fn repeats(&self, node: usize) -> bool {
        let containers = self.children(node).filter(|child| self.is_container(*child));
        let mut keys = containers.map(|child| self.bytes(self.nodes[child].key));
        keys.next().is_some_and(|first| keys.next() == Some(first))
    }

    /// Whether the elements of a list are records of their own rather than details of the one they stand in: three or
    /// more values, one of them typed.
    fn holds_records(&self, list: usize) -> bool {
        let elements: Vec<usize> = self.children(list).filter(|child| self.is_container(*child)).take(17).collect();
        if elements.len() > 16 {
            return true;
        }
        elements.iter().any(|element| {
            let scalars: Vec<usize> = (*element..self.nodes[*element].end).filter(|n| !self.is_container(*n)).collect();
            let filled = scalars.iter().filter(|n| self.bytes(self.nodes[**n].value).len() > 1).count();
            filled >= 3 && scalars.iter().any(|n| looks(self.bytes(self.nodes[*n].value)).typed())
        })
    }

    /// Hands on the rows of a node that stands in a list, or alone.
    fn records(&mut self, out: &mut Out<'_>, node: usize, path: &mut Vec<u8>, at: usize) {
        if !self.is_container(node) {
            return self.lone_scalar(out, node, path, at);
        }
        if self.holds_columns(node) {
            return self.columns_as_rows(out, node, at);
        }
        if self.is_list(node) {
            let length = path.len();
            let labelled = self.nodes[node].kind == NodeKind::Object && !self.repeats(node);
            extend_path(path, self.bytes(self.nodes[node].key));
            for child in self.children(node).collect::<Vec<_>>() {
                if self.nodes[child].kind == NodeKind::Object && !self.is_list(child) {
                    self.record(out, child, path, labelled, at);
                } else {
                    self.records(out, child, path, at);
                }
            }
            path.truncate(length);
            return;
        }
        self.record(out, node, path, false, at);
    }

    /// Whether the members of an object are columns: two or more lists of as many values, or maps from row numbers to
    /// values.
    fn holds_columns(&self, node: usize) -> bool {
        let width = |column: usize| {
            let list = self.nodes[column].kind == NodeKind::Array;
            let mut length = 0;
            for cell in self.children(column) {
                let key = self.bytes(self.nodes[cell].key);
                if self.is_container(cell) || !list && (key.is_empty() || !key.iter().all(u8::is_ascii_digit)) {
                    return None;
                }
                length += 1;
            }
            Some(length).filter(|length| *length >= 2)
        };
        let mut columns = self.children(node);
        let Some(first) = columns.next().filter(|_| self.nodes[node].kind == NodeKind::Object).and_then(width) else {
            return false;
        };
        let mut others = 0;
        columns.all(|column| {
            self.is_container(column) && width(column) == Some(first) && {
                others += 1;
                true
            }
        }) && others > 0
    }

    /// Hands on an object of columns row by row.
    fn columns_as_rows(&mut self, out: &mut Out<'_>, node: usize, at: usize) {
        let columns: Vec<usize> = self.children(node).collect();
        let mut cells: Vec<Vec<usize>> = columns.iter().map(|column| self.children(*column).collect()).collect();
        for cells in &mut cells {
            cells.reverse();
        }
        while cells.iter().any(|cells| !cells.is_empty()) {
            for (column, cells) in columns.iter().zip(&mut cells) {
                if let Some(cell) = cells.pop() {
                    let name = self.bytes(self.nodes[*column].key).to_vec();
                    self.put(out, &name, self.nodes[cell].value);
                }
            }
            self.columns.end_row(out, at);
        }
    }

    /// One value in a list of values.
    fn lone_scalar(&mut self, out: &mut Out<'_>, node: usize, path: &[u8], at: usize) {
        let Node { key, value, .. } = self.nodes[node];
        let mut name = path.to_vec();
        extend_path(&mut name, self.bytes(key));
        self.put(out, &name, value);
        self.columns.end_row(out, at);
    }

    /// One record: its own cells, then the rows of the lists in it.
    fn record(&mut self, out: &mut Out<'_>, node: usize, list: &[u8], labelled: bool, at: usize) {
        if !list.is_empty() {
            self.main_list.get_or_insert_with(|| list.to_vec());
        }
        let main = self.main_list.as_ref().is_some_and(|main| main == list);
        let mut path = if main { Vec::new() } else { list.to_vec() };
        if labelled {
            let key = self.nodes[node].key;
            self.put(out, b"", key);
        }
        let mut lists = Vec::new();
        self.cells(out, node, &mut path, &mut lists);
        self.columns.end_row(out, at);
        for inner in lists {
            let mut path = list.to_vec();
            self.records(out, inner, &mut path, at);
        }
    }

    /// Puts the values of a record into its row and remembers the lists that have rows of their own.
    fn cells(&mut self, out: &mut Out<'_>, node: usize, path: &mut Vec<u8>, lists: &mut Vec<usize>) {
        let array = self.nodes[node].kind == NodeKind::Array;
        for child in self.children(node).collect::<Vec<_>>() {
            let Node { kind, key, value, .. } = self.nodes[child];
            let length = path.len();
            extend_path(path, self.bytes(key));
            match kind {
                // The elements of an array of values have no names: each is a cell of its own.
                NodeKind::Scalar if array && path.is_empty() => {
                    let column = self.columns.next_column();
                    self.put_at(column, value);
                }
                NodeKind::Scalar => self.put(out, path, value),
                _ if self.is_list(child) && self.holds_records(child) => lists.push(child),
                _ => self.cells(out, child, path, lists),
            }
            path.truncate(length);
        }
    }

    fn put(&mut self, out: &Out<'_>, name: &[u8], value: Piece) {
        let column = self.columns.column(name, out.limits.columns);
        self.put_at(column, value);
    }

    fn put_at(&mut self, column: usize, value: Piece) {
        match value {
            Piece::Text(start, end) => {
                // A value from before the batch is copied.
                if start < self.columns.base() {
                    self.columns.put_value(column, &self.text[start..end]);
                } else {
                    self.columns.put_range(column, start, end);
                }
            }
            Piece::Unescaped(start, end) => self.columns.put_value(column, &self.unescaped[start..end]),
        }
    }
}

/// Appends a key to a path.
pub(crate) fn extend_path(path: &mut Vec<u8>, key: &[u8]) {
    if key.is_empty() || path.len() > 1024 {
        return;
    }
    if !path.is_empty() {
        path.push(b'.');
    }
    path.extend_from_slice(&key[..key.len().min(256)]);
}

#[cfg(test)]
mod tests;
