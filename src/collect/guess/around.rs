//! What lies around marks that repeat: the part of a page that belongs to each of them and to no other.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use ego_tree::NodeId;
use scraper::{ElementRef, Node};

/// Neighbours of an element that are taken to belong to it, at most.
const MAX_NEIGHBOURS: usize = 6;
/// How far around a mark that does not repeat one looks.
const LONE_LEVELS: usize = 4;

/// A part of a page: elements beside each other, without the parts of others that may lie within.
#[derive(Clone)]
pub(super) struct Block<'a> {
    pub parts: Vec<ElementRef<'a>>,
    /// Elements that belong to other blocks.
    pub without: Rc<HashSet<NodeId>>,
}

/// A piece of a block.
pub(super) enum Piece<'a> {
    Element(ElementRef<'a>),
    /// Text, and the element that it stands in.
    Text(&'a str, ElementRef<'a>),
}

impl<'a> Block<'a> {
    /// An element and all within.
    pub(super) fn whole(element: ElementRef<'a>) -> Self {
        Self { parts: vec![element], without: Rc::default() }
    }

    /// Its pieces, in the order of the page.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'a>> {
        let mut open: Vec<ego_tree::NodeRef<'a, Node>> = self.parts.iter().rev().map(|part| **part).collect();
        let roots: Vec<NodeId> = self.parts.iter().map(|part| part.id()).collect();
        let without = Rc::clone(&self.without);
        std::iter::from_fn(move || {
            while let Some(node) = open.pop() {
                match node.value() {
                    Node::Text(text) => {
                        let Some(parent) = node.parent().and_then(ElementRef::wrap) else { continue };
                        return Some(Piece::Text(text, parent));
                    }
                    Node::Element(_) if roots.contains(&node.id()) || !without.contains(&node.id()) => {
                        open.extend(node.children().rev());
                        if let Some(element) = ElementRef::wrap(node) {
                            return Some(Piece::Element(element));
                        }
                    }
                    _ => {}
                }
            }
            None
        })
    }

    /// Its elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = ElementRef<'a>> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Element(element) => Some(element),
            Piece::Text(..) => None,
        })
    }

    /// How much text it has: characters that are not blank.
    pub(super) fn weight(&self) -> usize {
        self.pieces()
            .map(|piece| match piece {
                Piece::Text(text, _) => text.chars().filter(|c| !c.is_whitespace()).count(),
                Piece::Element(_) => 0,
            })
            .sum()
    }
}

/// To whom a node belongs: the mark that lies within it, if only one does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(usize),
    Many,
}

/// The blocks around marks, in the order of the page. Marks of the same key are of one block.
pub(super) fn around<'a>(marks: &[(ElementRef<'a>, String)]) -> Vec<(String, Block<'a>)> {
    let mut keys: Vec<&str> = Vec::new();
    let mut firsts: Vec<ElementRef<'a>> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut owners: HashMap<NodeId, Owner> = HashMap::new();
    for (mark, key) in marks {
        let number = *numbers.entry(key.as_str()).or_insert_with(|| {
            keys.push(key);
            firsts.push(*mark);
            keys.len() - 1
        });
        claim(&mut owners, *mark, number);
    }
    if nested(&firsts) {
        let without: Rc<HashSet<NodeId>> = Rc::new(firsts.iter().map(|first| first.id()).collect());
        let block = |first: &ElementRef<'a>| Block { parts: vec![*first], without: Rc::clone(&without) };
        return keys.into_iter().zip(&firsts).map(|(key, first)| (key.to_owned(), block(first))).collect();
    }
    let tops: Vec<ElementRef<'a>> = match firsts.as_slice() {
        [lone] => vec![climb_alone(*lone)],
        _ => {
            let mut tops: Vec<Option<ElementRef<'a>>> = vec![None; keys.len()];
            for (mark, key) in marks {
                let number = numbers[key.as_str()];
                let top = climb(&owners, *mark, number);
                // A post may be marked twice: by an anchor that holds nothing, and by the element behind it.
                let more = |known: ElementRef<'a>| {
                    known.id() != top.id() && Block::whole(known).weight() < Block::whole(top).weight()
                };
                if tops[number].is_none_or(more) {
                    tops[number] = Some(top);
                }
            }
            tops.into_iter().flatten().collect()
        }
    };
    let neighbours = neighbours(&owners, &tops);
    keys.into_iter()
        .map(str::to_owned)
        .zip(neighbours.into_iter().map(|parts| Block { parts, without: Rc::default() }))
        .collect()
}

fn claim(owners: &mut HashMap<NodeId, Owner>, mark: ElementRef<'_>, number: usize) {
    let up = std::iter::once(*mark).chain(mark.ancestors());
    for node in up {
        match owners.get(&node.id()) {
            None => owners.insert(node.id(), Owner::One(number)),
            // What is above has been told before.
            Some(Owner::Many) => return,
            Some(Owner::One(other)) if *other == number => return,
            Some(Owner::One(_)) => owners.insert(node.id(), Owner::Many),
        };
    }
}

/// Whether marks lie within marks, as answers lie within what they answer.
fn nested(marks: &[ElementRef<'_>]) -> bool {
    let all: HashSet<NodeId> = marks.iter().map(|mark| mark.id()).collect();
    marks.iter().any(|mark| mark.ancestors().any(|above| all.contains(&above.id())))
}

/// The largest element that holds this mark and no other.
fn climb<'a>(owners: &HashMap<NodeId, Owner>, mark: ElementRef<'a>, number: usize) -> ElementRef<'a> {
    let mut top = mark;
    while let Some(above) = top.parent().and_then(ElementRef::wrap) {
        if owners.get(&above.id()) != Some(&Owner::One(number)) {
            break;
        }
        top = above;
    }
    top
}

/// Around a lone mark nothing says where its block ends but the usual elements.
fn climb_alone(mark: ElementRef<'_>) -> ElementRef<'_> {
    let mut top = mark;
    for _ in 0..LONE_LEVELS {
        let ends = matches!(top.value().name(), "tr" | "li" | "article" | "section" | "table" | "main");
        let Some(above) = top.parent().and_then(ElementRef::wrap) else { break };
        if ends || matches!(above.value().name(), "body" | "html" | "main" | "tbody") {
            break;
        }
        top = above;
    }
    top
}

/// Each block with the elements beside it that belong to nobody: rows of a table that say more of the row before, or of
/// the row behind.
fn neighbours<'a>(owners: &HashMap<NodeId, Owner>, tops: &[ElementRef<'a>]) -> Vec<Vec<ElementRef<'a>>> {
    let free = |element: &ElementRef<'a>| !owners.contains_key(&element.id());
    let behind = |top: &ElementRef<'a>| -> Vec<ElementRef<'a>> {
        let beside = top.next_siblings().filter_map(ElementRef::wrap);
        beside.take_while(free).take(MAX_NEIGHBOURS + 1).collect()
    };
    let before = |top: &ElementRef<'a>| -> Vec<ElementRef<'a>> {
        let beside = top.prev_siblings().filter_map(ElementRef::wrap);
        beside.take_while(free).take(MAX_NEIGHBOURS + 1).collect()
    };
    let together = tops.windows(2).all(|pair| pair[0].parent().map(|p| p.id()) == pair[1].parent().map(|p| p.id()));
    let ([first, .., last], true) = (tops, together) else { return tops.iter().map(|top| vec![*top]).collect() };
    let between = tops[..tops.len() - 1].iter().map(|top| behind(top).len()).min().unwrap_or(0).min(MAX_NEIGHBOURS);
    if between == 0 {
        return tops.iter().map(|top| vec![*top]).collect();
    }
    // Rows that say more stand behind: the last has them too. Else they stand before, and the first has them.
    if behind(last).len() < between && before(first).len() >= between {
        let parts = |top: &ElementRef<'a>| {
            let mut parts: Vec<_> = before(top).into_iter().take(between).collect();
            parts.reverse();
            parts.push(*top);
            parts
        };
        return tops.iter().map(parts).collect();
    }
    tops.iter().map(|top| std::iter::once(*top).chain(behind(top).into_iter().take(between)).collect()).collect()
}
