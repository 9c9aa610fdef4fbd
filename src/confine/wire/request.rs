//! A document on its way to a worker: limits, name, bytes.

use std::io::{self, Read};

use super::{MAX_NAME, cut};
use crate::extract::{Input, Limits};
use crate::model::Sensitive;

/// The longest head, in bytes: numbers, a name, at most 255 passwords.
const MAX_HEAD: usize = 64 << 10;

/// The longest password passed on, in bytes. A longer one opens nothing.
const MAX_PASSWORD: usize = 128;

/// Appends what goes before the document's bytes; `behind` is how many other requests follow at once.
pub(in crate::confine) fn head(out: &mut Vec<u8>, input: Input<'_>, behind: usize, limits: &Limits) {
    // Named one by one, so that a limit that is added cannot be forgotten here.
    let Limits {
        expanded_bytes,
        ratio,
        ratio_after,
        depth,
        members,
        nesting,
        seconds,
        rows,
        line,
        tables,
        columns,
        passwords,
    } = limits;
    let name = cut(input.name, MAX_NAME);
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    let (ratio, depth, nesting, tables) = ((*ratio).into(), (*depth).into(), (*nesting).into(), (*tables).into());
    let (line, columns) = (*line as u64, *columns as u64);
    let numbers = [
        input.bytes.len() as u64,
        behind as u64,
        *expanded_bytes,
        ratio,
        *ratio_after,
        depth,
        *members,
        nesting,
        *seconds,
        *rows,
        line,
        tables,
        columns,
    ];
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    out.extend_from_slice(name.as_bytes());
    let fit = |p: &&Sensitive<String>| p.expose().len() <= MAX_PASSWORD;
    for password in passwords.iter().filter(fit).take(255) {
        out.push(password.expose().len() as u8);
        out.extend_from_slice(password.expose().as_bytes());
    }
    let length = (out.len() - begin - 4) as u32;
    out[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
}

/// A document as the worker receives it, but for its bytes.
#[derive(Debug)]
pub(in crate::confine) struct Request {
    /// How many bytes follow.
    pub(in crate::confine) bytes: u64,
    /// How many requests follow at once: the answer may wait for theirs.
    pub(in crate::confine) behind: u64,
    pub(in crate::confine) name: String,
    pub(in crate::confine) limits: Limits,
}

/// The next request; `None` when no more come.
pub(in crate::confine) fn read(source: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    match source.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEAD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut head = vec![0; length];
    source.read_exact(&mut head)?;
    parse(&head).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(mut head: &[u8]) -> Option<Request> {
    let mut number = || {
        let (bytes, rest) = head.split_first_chunk()?;
        head = rest;
        Some(u64::from_le_bytes(*bytes))
    };
    let (bytes, behind) = (number()?, number()?);
    let mut limits = Limits {
        expanded_bytes: number()?,
        ratio: number()?.try_into().ok()?,
        ratio_after: number()?,
        depth: number()?.try_into().ok()?,
        members: number()?,
        nesting: number()?.try_into().ok()?,
        seconds: number()?,
        rows: number()?,
        line: number()?.try_into().ok()?,
        tables: number()?.try_into().ok()?,
        columns: number()?.try_into().ok()?,
        passwords: Vec::new(),
    };
    let (length, rest) = head.split_first_chunk()?;
    let (name, mut rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    while let [length, behind @ ..] = rest {
        let (password, behind) = behind.split_at_checked(usize::from(*length))?;
        limits.passwords.push(Sensitive::new(std::str::from_utf8(password).ok()?.to_owned()));
        rest = behind;
    }
    Some(Request { bytes, behind, name: std::str::from_utf8(name).ok()?.to_owned(), limits })
}
