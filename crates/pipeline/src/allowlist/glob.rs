//! Globs of allowlists: `*` is any text, `?` any one character, and everything else stands for itself.
//!
//! A backslash stands for one **or more** of them and a quote for one with or without backslashes before it, because Wazuh doubles them in
//! `data.win.eventdata.*` and nowhere else (facts/wazuh.md §3).

use std::fmt::Write;

use super::places::Case;
use crate::pattern::{Pattern, PatternError};

/// Compiles a glob. It must match a whole value.
pub(super) fn glob(text: &str, case: Case) -> Result<Pattern, PatternError> {
    let blind = match case {
        Case::Blind => true,
        Case::ByPattern => text.contains('\\'),
        Case::Exact => false,
    };
    let mut pattern = String::new();
    let mut last = None;
    for character in text.chars() {
        match character {
            '*' if last == Some('*') => {}
            '\\' if last == Some('\\') => {}
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '\\' => pattern.push_str(r"\\+"),
            '"' => pattern.push_str(r#"\\*""#),
            _ => literal(&mut pattern, character, blind),
        }
        last = Some(character);
    }
    Pattern::new(&pattern)
}

/// Compiles a domain: itself and everything below it.
pub(super) fn domain(name: &str) -> Result<Pattern, PatternError> {
    let mut pattern = r"(?:.*\.)?".to_owned();
    for character in name.chars() {
        literal(&mut pattern, character, true);
    }
    pattern.push_str(r"\.?");
    Pattern::new(&pattern)
}

/// Compiles a hash of `digits`, alone or in a list such as `SHA1=…,MD5=…`. `kind` is its name there: with another name before
/// it (`IMPHASH`), the same digits are something else.
pub(super) fn hash(kind: &str, digits: &str) -> Result<Pattern, PatternError> {
    let mut pattern = r"(?:.*[,; ])?(?:".to_owned();
    for character in kind.chars() {
        literal(&mut pattern, character, true);
    }
    pattern.push_str("=)?");
    for character in digits.chars() {
        literal(&mut pattern, character, true);
    }
    pattern.push_str("(?:[,; ].*)?");
    Pattern::new(&pattern)
}

/// ASCII letters as a class of two, which the index can file; `(?i)` would let further letters in (the Kelvin sign).
fn literal(pattern: &mut String, character: char, blind: bool) {
    let (upper, lower) = (
        character.to_ascii_uppercase(),
        character.to_ascii_lowercase(),
    );
    // Writing to a `String` can't fail.
    let _ = match character {
        _ if blind && upper != lower => write!(pattern, "[{upper}{lower}]"),
        _ if blind && !character.is_ascii() => write!(pattern, "(?i:{character})"),
        _ if character.is_ascii_punctuation() => write!(pattern, "\\{character}"),
        _ => write!(pattern, "{character}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_means_a_path_however_wazuh_writes_it() {
        let updater = glob(r"C:\Program Files\*\update?.exe", Case::Blind).unwrap();
        assert!(updater.matches(r"C:\Program Files\x\y\update1.exe"));
        assert!(updater.matches(r"c:\\program files\\x\\UPDATE2.EXE"));
        assert!(!updater.matches(r"C:\Program Files\x\update12.exe"));
        assert!(!updater.matches(r"C:\Program Files\x\update1.exe.bat"));
        let quoted = glob(r#""C:\a.exe" -x*"#, Case::Blind).unwrap();
        assert!(quoted.matches(r#"\"C:\\a.exe\" -x=1"#));
        assert!(quoted.matches(r#""C:\a.exe" -x=1"#));
    }

    #[test]
    fn case_counts_on_linux_and_not_in_a_windows_path() {
        assert!(
            !glob("/usr/bin/rsync", Case::Exact)
                .unwrap()
                .matches("/usr/bin/RSYNC")
        );
        assert!(!glob("/home/*", Case::ByPattern).unwrap().matches("/HOME/x"));
        assert!(
            glob(r"c:\temp\*", Case::ByPattern)
                .unwrap()
                .matches(r"C:\Temp\x")
        );
        assert!(glob("*GRÜN*", Case::Blind).unwrap().matches("grün"));
    }

    #[test]
    fn nothing_in_a_glob_is_a_regular_expression() {
        let odd = "a.b+c(d)[e]{2}|^$#&-~ %";
        let pattern = glob(odd, Case::Exact).unwrap();
        assert!(pattern.matches(odd));
        assert!(!pattern.matches("axb+c(d)[e]{2}|^$#&-~ %"));
    }

    #[test]
    fn a_domain_means_those_below_it_and_no_others() {
        let domain = domain("example.com").unwrap();
        for name in ["example.com", "EXAMPLE.com.", "a.b.example.com"] {
            assert!(domain.matches(name), "{name}");
        }
        for name in ["badexample.com", "example.com.evil.net", "example-com"] {
            assert!(!domain.matches(name), "{name}");
        }
    }

    #[test]
    fn a_hash_is_found_in_a_list_but_not_as_an_import_hash() {
        let digits = "d41d8cd98f00b204e9800998ecf8427e";
        let md5 = hash("MD5", digits).unwrap();
        assert!(md5.matches(&digits.to_uppercase()));
        assert!(md5.matches(&format!("SHA1=00,MD5={digits},SHA256=11")));
        assert!(!md5.matches(&format!("MD5=00,IMPHASH={digits}")));
    }
}
