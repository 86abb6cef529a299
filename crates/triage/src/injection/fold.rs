//! A text in the forms it is searched in: as it is read, as plain words, and as letters alone.

use crate::prompt::harmless::is_invisible;

/// One text, three forms.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Without what can't be seen, wide letters made narrow.
    pub shown: String,
    /// Lower-case words without accents, one blank between them.
    pub words: String,
    /// Letters alone; those that are taken for each other are one.
    pub letters: String,
}

impl Folded {
    pub fn of(text: &str) -> Self {
        let mut folded = Self {
            shown: String::with_capacity(text.len()),
            words: String::with_capacity(text.len()),
            letters: String::with_capacity(text.len()),
        };
        let mut letters = text.chars().peekable();
        let mut after_letter = false;
        while let Some(letter) = letters.next() {
            if letter.is_ascii() {
                let byte = letter as u8;
                if byte == 0 {
                    // Every second byte of a text in UTF-16.
                    continue;
                }
                folded.shown.push(letter);
                let stands_for = matches!(byte, b'!' | b'|' | b'@' | b'$')
                    && after_letter
                    && letters.peek().is_some_and(char::is_ascii_alphanumeric);
                after_letter = byte.is_ascii_alphanumeric();
                if after_letter {
                    let lower = byte.to_ascii_lowercase() as char;
                    folded.words.push(lower);
                    folded.letters.push(one_of_alike(lower));
                } else {
                    folded.blank();
                    if stands_for {
                        folded.letters.push(one_of_alike(letter));
                        after_letter = true;
                    }
                }
                continue;
            }
            if is_invisible(letter) || matches!(letter, '\u{300}'..='\u{36f}') {
                continue;
            }
            let narrow = narrow(letter);
            folded.shown.push(narrow);
            let mut any = false;
            for lower in narrow
                .to_lowercase()
                .filter(|lower| lower.is_alphanumeric())
            {
                let plain = plain(lower);
                folded.words.push(plain);
                folded.letters.push(one_of_alike(plain));
                any = true;
            }
            if !any {
                folded.blank();
            }
            after_letter = any;
        }
        folded
    }

    fn blank(&mut self) {
        if !self.words.is_empty() && !self.words.ends_with(' ') {
            self.words.push(' ');
        }
    }
}

/// Letters, digits and signs that are written for each other.
pub(super) fn one_of_alike(letter: char) -> char {
    match letter {
        'l' | '1' | '!' | '|' | 'j' => 'i',
        '0' => 'o',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        '9' | '6' => 'g',
        '2' => 'z',
        other => other,
    }
}

/// Wide, mathematical, circled and boxed letters as plain ones.
fn narrow(letter: char) -> char {
    let code = letter as u32;
    let latin = |first: u32, place: u32| char::from_u32(first + place).unwrap_or(letter);
    match code {
        0xff01..=0xff5e => latin(0x21, code - 0xff01),
        0x3000 => ' ',
        0x1d400..=0x1d6a3 => latin(0x61, (code - 0x1d400) % 52 % 26),
        0x1d7ce..=0x1d7ff => latin(0x30, (code - 0x1d7ce) % 10),
        0x24b6..=0x24e9 => latin(0x61, (code - 0x24b6) % 26),
        0x249c..=0x24b5 => latin(0x61, code - 0x249c),
        0x1f130..=0x1f149 => latin(0x61, code - 0x1f130),
        0x1f150..=0x1f169 => latin(0x61, code - 0x1f150),
        0x1f170..=0x1f189 => latin(0x61, code - 0x1f170),
        0x1f1e6..=0x1f1ff => latin(0x61, code - 0x1f1e6),
        _ => letter,
    }
}

const ACCENTS: [(char, &str); 27] = [
    (
        'a',
        "\u{e0}\u{e1}\u{e2}\u{e3}\u{e4}\u{e5}\u{101}\u{103}\u{105}\u{430}\u{3b1}\u{251}\u{1d00}\u{ac}",
    ),
    ('b', "\u{432}\u{3b2}\u{299}\u{44c}"),
    (
        'c',
        "\u{e7}\u{107}\u{109}\u{10b}\u{10d}\u{441}\u{3f2}\u{1d04}\u{217d}",
    ),
    ('d', "\u{10f}\u{111}\u{501}\u{1d05}\u{217e}"),
    (
        'e',
        "\u{e8}\u{e9}\u{ea}\u{eb}\u{113}\u{115}\u{117}\u{119}\u{11b}\u{435}\u{451}\u{3b5}\u{1d07}\u{212f}",
    ),
    ('f', "\u{192}\u{a730}"),
    ('g', "\u{11d}\u{11f}\u{121}\u{123}\u{261}\u{262}\u{581}"),
    ('h', "\u{125}\u{127}\u{43d}\u{4bb}\u{570}\u{29c}"),
    (
        'i',
        "\u{ec}\u{ed}\u{ee}\u{ef}\u{129}\u{12b}\u{12d}\u{12f}\u{131}\u{456}\u{457}\u{3b9}\u{26a}\u{2170}\u{4cf}",
    ),
    ('j', "\u{135}\u{458}\u{1d0a}"),
    ('k', "\u{137}\u{43a}\u{3ba}\u{1d0b}"),
    ('l', "\u{13a}\u{13c}\u{13e}\u{142}\u{217c}\u{29f}\u{2c0}"),
    ('m', "\u{43c}\u{1d0d}\u{217f}"),
    ('n', "\u{f1}\u{144}\u{146}\u{148}\u{3b7}\u{578}\u{274}"),
    (
        'o',
        "\u{f2}\u{f3}\u{f4}\u{f5}\u{f6}\u{f8}\u{14d}\u{151}\u{43e}\u{3bf}\u{585}\u{1d0f}\u{3c3}",
    ),
    ('p', "\u{440}\u{3c1}\u{1d18}"),
    ('q', "\u{51b}\u{566}"),
    ('r', "\u{155}\u{157}\u{159}\u{280}\u{433}"),
    (
        's',
        "\u{15b}\u{15d}\u{15f}\u{161}\u{219}\u{455}\u{a731}\u{17f}",
    ),
    ('t', "\u{163}\u{165}\u{21b}\u{442}\u{3c4}\u{1d1b}"),
    (
        'u',
        "\u{f9}\u{fa}\u{fb}\u{fc}\u{169}\u{16b}\u{16f}\u{171}\u{3c5}\u{57d}\u{1d1c}",
    ),
    ('v', "\u{3bd}\u{475}\u{1d20}\u{2174}"),
    ('w', "\u{175}\u{51d}\u{461}\u{1d21}\u{3c9}"),
    ('x', "\u{445}\u{3c7}\u{2179}"),
    ('y', "\u{fd}\u{ff}\u{177}\u{443}\u{3b3}\u{28f}\u{4af}"),
    ('z', "\u{17a}\u{17c}\u{17e}\u{1d22}"),
    ('s', "\u{df}"),
];

/// Without its accent, and as the Latin letter it looks like.
fn plain(letter: char) -> char {
    if letter.is_ascii() {
        return letter;
    }
    // Only scripts that have letters like Latin ones.
    if !matches!(letter as u32, 0xac..=0x5ff | 0x1d00..=0x1d2f | 0x2100..=0x217f | 0xa730..=0xa731)
    {
        return letter;
    }
    ACCENTS
        .iter()
        .find(|(_, alike)| alike.contains(letter))
        .map_or(letter, |(plain, _)| *plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_in_three_forms() {
        let folded = Folded::of("Ign\u{43e}re\u{200b}  \u{ff21}ll-PR3VIOUS, \u{dc}ber");
        assert_eq!(folded.shown, "Ign\u{43e}re  All-PR3VIOUS, \u{dc}ber");
        assert_eq!(folded.words, "ignore all pr3vious uber");
        assert_eq!(
            folded.letters,
            "ignoreaiiprevioususber".replace("susber", "suber")
        );
        assert_eq!(Folded::of("i\0g\0n\0").letters, "ign");
    }
}
