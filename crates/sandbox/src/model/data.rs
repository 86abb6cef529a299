//! The data of an alert in a prompt: the lines `path: value` between `<<<DATA nonce>>>` and `<<<END nonce>>>`.

use super::request::ModelMessage;

/// One line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) path: &'a str,
    pub(crate) value: &'a str,
}

/// The block in the last message of the user that holds one: a complaint about an answer holds none.
pub(crate) fn block(messages: &[ModelMessage]) -> Option<&str> {
    let of_user = messages.iter().rev().filter(|one| one.role == "user");
    of_user.map(|one| one.content.as_str()).find_map(fenced)
}

/// What stands before the block in the same message: facts about the alert that nobody else wrote.
pub(crate) fn told(messages: &[ModelMessage]) -> &str {
    let of_user = messages.iter().rev().filter(|one| one.role == "user");
    let texts = of_user.map(|one| one.content.as_str());
    let mut told = texts.filter(|text| fenced(text).is_some());
    let text = told.next().unwrap_or_default();
    text.split("<<<DATA ").next().unwrap_or_default()
}

/// The lines of a text. What follows a line without a path of its own belongs to no field.
pub(crate) fn lines(block: &str) -> Vec<Line<'_>> {
    block
        .lines()
        .filter_map(|line| {
            let (path, value) = line.split_once(": ")?;
            let is_path = !path.is_empty() && !path.contains(char::is_whitespace);
            is_path.then(|| Line {
                path,
                value: value.trim(),
            })
        })
        .collect()
}

fn fenced(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<<<DATA ")?;
    let (nonce, rest) = rest.split_once(">>>")?;
    let (block, _) = rest.split_once(&format!("<<<END {nonce}>>>"))?;
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_with_the_same_nonce_ends_the_block() {
        let text = "facts\n<<<DATA 9f3c>>>\nrule.level: 12\n<<<END 0000>>>\nfull_log: a: b\nmore\n<<<END 9f3c>>>\nanswer";
        let messages = [ModelMessage {
            role: "user".to_owned(),
            content: text.to_owned(),
        }];
        let found = lines(block(&messages).unwrap());
        let paths: Vec<&str> = found.iter().map(|line| line.path).collect();
        assert_eq!(paths, ["rule.level", "full_log"]);
        assert_eq!(found[1].value, "a: b");
        assert_eq!(told(&messages), "facts\n");
        assert_eq!(block(&[]), None);
    }
}
