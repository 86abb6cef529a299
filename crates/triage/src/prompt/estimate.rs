//! How many tokens a text takes, by its bytes. Measured on real alerts: 2.87 bytes a token in the median, 2.54 at the 5th
//! percentile; hexadecimal and base64 1.5 to 1.8 (`facts/ai.md §1.4`).

/// A run of letters and digits this long is code rather than a word.
const CODE: usize = 16;
/// ... even without a digit in it.
const CODE_OF_LETTERS: usize = 40;

/// Rather too many: 2.4 bytes a token, 1.5 where more than 60 % is code or not ASCII.
pub(super) fn most(text: &str) -> u32 {
    let length = text.len();
    let tokens = if dense(text) * 10 > length * 6 {
        length.saturating_mul(2).div_ceil(3)
    } else {
        length.saturating_mul(5).div_ceil(12)
    };
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Rather too few: 5.5 bytes a token, and a character said again and again is one.
pub(super) fn least(text: &str) -> u32 {
    let mut last = 0;
    let changes = text
        .bytes()
        .filter(|byte| std::mem::replace(&mut last, *byte) != *byte)
        .count();
    u32::try_from(changes * 2 / 11).unwrap_or(u32::MAX)
}

/// Bytes that cost more than those of words.
fn dense(text: &str) -> usize {
    let (mut dense, mut run, mut digits) = (0, 0, 0);
    let mut close = |run: &mut usize, digits: &mut usize| {
        if *run >= CODE && *digits > 0 || *run >= CODE_OF_LETTERS {
            dense += *run;
        }
        (*run, *digits) = (0, 0);
    };
    let mut foreign = 0;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=' | b'-' | b'_') {
            run += 1;
            digits += usize::from(byte.is_ascii_digit());
        } else {
            close(&mut run, &mut digits);
            foreign += usize::from(!byte.is_ascii());
        }
    }
    close(&mut run, &mut digits);
    dense + foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_costs_more_than_words_and_the_least_is_below_the_most() {
        let words = "cmd.exe /c whoami /all and then some more words";
        let code = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(most(words), 20);
        assert_eq!(most(code), 22);
        assert_eq!(most(&"\u{6f22}".repeat(10)), 20);
        assert_eq!(least(&" ".repeat(1000)), 0);
        for text in [words, code, ""] {
            assert!(least(text) <= most(text));
        }
    }
}
