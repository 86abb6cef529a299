//! Plain text: what can't be seen goes, entities are undone, `<` and Markdown lose their power.

use super::Cleaned;

/// The text on one line, and what was changed. A model's own words lose their Markdown, too.
pub(super) fn plain(text: &str, prose: bool) -> (String, Cleaned) {
    let mut counts = Cleaned::default();
    let mut text = visible(text, &mut counts.invisible);
    // A pass undoes one layer; each makes the text shorter.
    loop {
        let undone = visible(&entities(&text), &mut counts.invisible);
        if undone == text {
            break;
        }
        text = undone;
    }
    if prose {
        text = without_markdown(&text, &mut counts.markup);
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            match c {
                '<' => out.push('‹'),
                '>' if prose => out.push('›'),
                c => {
                    out.push(c);
                    continue;
                }
            }
            counts.markup += 1;
        }
    }
    (out, counts)
}

/// Without the sequences that steer a terminal and characters that can't be seen. Letters and signs of full width become their
/// plain form, so that an address is an address.
fn visible(text: &str, removed: &mut u32) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' | '\u{9b}' => {
                *removed += 1;
                let kind = if c == '\u{9b}' {
                    Some('[')
                } else {
                    chars.next()
                };
                match kind {
                    Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                    Some(']') => {
                        while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {}
                    }
                    _ => {}
                }
            }
            c if c.is_whitespace() || c == '\u{2028}' || c == '\u{2029}' => {
                out.push(if c == '\n' { '\n' } else { ' ' });
            }
            c if invisible(c) => *removed += 1,
            '\u{ff01}'..='\u{ff5e}' => {
                out.push(char::from_u32(c as u32 - 0xfee0).unwrap_or(c));
            }
            '\u{3002}' | '\u{ff61}' | '\u{2024}'
                if out.ends_with(|c: char| c.is_ascii_alphanumeric()) =>
            {
                out.push('.');
            }
            c => out.push(c),
        }
    }
    out
}

/// Controls, and what takes no room: zero width, joiners, bidirectional, tags, fillers, selectors.
pub(super) fn invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// `&lt;` as `<`, once.
pub(super) fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, entity(&rest[1..end])?))) {
            Some((end, c)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    Some(match name.to_ascii_lowercase().as_str() {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let code = name.strip_prefix('#')?;
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => code.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

/// Without headings, list marks, fences, emphasis and links. What a link names stays beside its text.
fn without_markdown(text: &str, marks: &mut u32) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim();
        let bare = line.trim_start_matches('#');
        let bare = match bare.strip_prefix(' ') {
            Some(heading) if bare.len() < line.len() => heading,
            _ => line,
        };
        let bare = ["- ", "* ", "+ ", "> "]
            .iter()
            .find_map(|mark| bare.strip_prefix(mark))
            .unwrap_or(bare);
        *marks += u32::from(bare.len() != line.len());
        out.push_str(bare);
        out.push('\n');
    }
    for (mark, plain) in [("```", ""), ("**", ""), ("`", "'")] {
        let found = out.matches(mark).count();
        if found > 0 {
            *marks += u32::try_from(found).unwrap_or(u32::MAX);
            out = out.replace(mark, plain);
        }
    }
    without_links(&out, marks)
}

/// `[text](target)` and `![text](target)` as `text (target)`.
fn without_links(text: &str, marks: &mut u32) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("](");
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        *marks += 1;
        if let Some(open) = out.rfind('[') {
            let from = open - usize::from(out[..open].ends_with('!'));
            out.replace_range(from..=open, "");
        }
        out.push_str(" (");
        out.push_str(part);
    }
    out
}
