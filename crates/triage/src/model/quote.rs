//! A server's own words in an error text: one line, short, without our secret and without the prompt.

use super::{credentials::Credentials, question::Question};

/// Characters of a server's text that are shown.
const SHOWN: usize = 300;
/// So many bytes in a row that also stand in the prompt mean that the server repeats it.
const REPEATED: usize = 24;

/// What a server said, fit to be shown.
pub(crate) fn quote(text: &str, credentials: &Credentials, question: Option<&Question>) -> String {
    // Characters that can't be seen, or turn the line around, say nothing.
    let unseen = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let head: String = text
        .chars()
        .filter(|c| !unseen(c))
        .take(4 * SHOWN)
        .collect();
    if question.is_some_and(|question| repeats(&head, question)) {
        return "its text repeats the prompt and is not shown".to_owned();
    }
    let head = credentials.hide_in(&head);
    let words: Vec<&str> = head
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None if line.is_empty() => "it gives no reason".to_owned(),
        None => line,
    }
}

fn repeats(text: &str, question: &Question) -> bool {
    let repair = question.repair.as_ref();
    let answer = repair.map_or("", |repair| repair.answer.as_str());
    text.as_bytes().windows(REPEATED).any(|window| {
        std::str::from_utf8(window)
            .is_ok_and(|window| question.user.contains(window) || answer.contains(window))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_become_one_short_line() {
        let none = Credentials::default();
        assert_eq!(quote("a\n\t\u{202e}b\u{1b}[0m", &none, None), "a b [0m");
        assert_eq!(quote(" ", &none, None), "it gives no reason");
        assert_eq!(
            quote(&"x".repeat(5000), &none, None).chars().count(),
            SHOWN + 1
        );
    }

    #[test]
    fn a_server_that_repeats_the_prompt_is_not_quoted() {
        let question = Question {
            system: String::new(),
            user: "cmd: net use x: /user:bob the-alert-speaks-here".to_owned(),
            repair: None,
            schema: serde_json::Value::Null,
            seed: 0,
            least_tokens: 0,
        };
        let text = "invalid input 'net use x: /user:bob the-alert-speaks-here'";
        assert!(!quote(text, &Credentials::default(), Some(&question)).contains("bob"));
        assert_eq!(
            quote("no such option", &Credentials::default(), Some(&question)),
            "no such option"
        );
    }
}
