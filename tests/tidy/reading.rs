//! Just enough of Rust's grammar: code without comments and quotes, and the paths that are named in it.

use super::File;

/// A name with its path, as it stands in a source; of a group each member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Every path in `code`, from its first segment. A single name counts after `use`.
pub(crate) fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].1);
        if !is_name(tokens[at].1) || matches!(before, "::" | ".") {
            // A path that begins at the top, `::std::fs`: what stands before goes on into no path.
            let begins = tokens[at].1 == "::" && !is_name(before) && before != ">";
            at += 1;
            if begins && tokens.get(at).is_some_and(|token| is_name(token.1)) {
                at = path_from(&tokens, at, &[], true, &mut found);
            }
            continue;
        }
        at = path_from(&tokens, at, &[], before == "use", &mut found);
    }
    found
}

/// Reads one path from `at` on, below `prefix`; where it goes on after it.
fn path_from(tokens: &[(usize, &str)], mut at: usize, prefix: &[String], alone: bool, found: &mut Vec<Named>) -> usize {
    let line = tokens[at].0;
    let mut path = prefix.to_vec();
    path.push(tokens[at].1.to_owned());
    at += 1;
    while tokens.get(at).is_some_and(|token| token.1 == "::") {
        match tokens.get(at + 1).map(|token| token.1) {
            Some("{") => {
                at += 2;
                while tokens.get(at).is_some_and(|token| token.1 != "}") {
                    at = if is_name(tokens[at].1) { path_from(tokens, at, &path, true, found) } else { at + 1 };
                }
                return at + 1;
            }
            Some(name) if is_name(name) => {
                path.push(name.to_owned());
                at += 2;
            }
            _ => {
                at += 1;
                break;
            }
        }
    }
    if alone || path.len() > 1 {
        found.push(Named { line, path });
    }
    at
}

/// Words that stand before a path and are no part of it.
const KEYWORDS: &[&str] =
    &["as", "dyn", "else", "for", "if", "impl", "in", "let", "match", "mut", "return", "use", "where"];

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_') && !KEYWORDS.contains(&token)
}

/// Names and signs, each with its line; `::` is one sign.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let len = match first {
                c if c.is_alphanumeric() || c == '_' => {
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
                }
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            if !first.is_whitespace() {
                found.push((index + 1, &rest[..len]));
            }
            rest = &rest[len..];
        }
    }
    found
}

/// The code of a source that is not for tests and not for documentation alone.
pub(crate) fn without_tests(file: &File) -> String {
    if file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
        return String::new();
    }
    let mut code = code(&file.text);
    for mark in ["#[cfg(test)]", "#[cfg(doc)]"] {
        while let Some(begin) = code.find(mark) {
            let end = begin + item_len(&code[begin..]);
            let blank: String = code[begin..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            code.replace_range(begin..end, &blank);
        }
    }
    code
}

/// How far an item reaches: to its `;`, or to the end of its braces. A `use` may have both.
fn item_len(code: &str) -> usize {
    let mut open = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if open == 0 => return at + 1,
            '{' => open += 1,
            '}' => {
                open = open.saturating_sub(1);
                if open == 0 && !code[at + 1..].trim_start().starts_with(';') {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The source without comments and without what stands in quotes; every line stays where it is.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (len, kept) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), ""),
            '/' if rest.starts_with("/*") => (comment_len(rest), ""),
            '"' => (1 + quoted_len(&rest[1..]), "\"\""),
            'r' | 'b' if !out.ends_with(|c: char| c.is_alphanumeric() || c == '_') => match raw_len(rest) {
                Some(len) => (len, "\"\""),
                None => (1, &rest[..1]),
            },
            '\'' => (character_len(rest), "' '"),
            c => (c.len_utf8(), &rest[..c.len_utf8()]),
        };
        out.push_str(kept);
        if kept.len() != len {
            out.extend(rest[..len].chars().filter(|c| *c == '\n'));
        }
        rest = &rest[len..];
    }
    out
}

/// A comment in `/* */`, with those inside it.
fn comment_len(text: &str) -> usize {
    let mut open = 0_usize;
    for at in 0..text.len() {
        if text.as_bytes()[at..].starts_with(b"/*") {
            open += 1;
        } else if text.as_bytes()[at..].starts_with(b"*/") {
            open -= 1;
            if open == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// From after the opening quote to after the closing one.
fn quoted_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"..."`, `r#"..."#`, `br"..."`; none for a name that begins with these letters.
fn raw_len(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + len)
}

/// A character in quotes, or the one quote of a lifetime.
fn character_len(text: &str) -> usize {
    let inside = &text[1..];
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map_or(1, |at| at + 4);
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    if inside[first..].starts_with('\'') { first + 2 } else { 1 }
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
