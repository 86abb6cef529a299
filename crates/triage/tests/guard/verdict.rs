//! Verdicts, tags and techniques: what stands of what a model says.

use super::*;

#[test]
fn a_verdict_without_any_verified_quote_does_not_stand() {
    for verdict in Verdict::ALL {
        let review = review_of(Answer {
            verdict,
            evidence: vec![
                quote("full_log", "mimikatz"),
                quote("nowhere", "whoami /all"),
            ],
            ..answer()
        });
        assert_eq!(review.verdict, Verdict::NeedsInvestigation);
        assert_eq!(review.unverified, 2);
        let wanted: &[_] = if verdict == Verdict::NeedsInvestigation {
            &[]
        } else {
            &[Downgrade::NoEvidence]
        };
        assert_eq!(review.downgrades, wanted);
    }
}

#[test]
fn good_news_is_doubted_and_bad_news_is_not() {
    use Downgrade::{HighLevel, InjectionSigns, LowConfidence};
    let signs = [sign()];
    for good in [Verdict::FalsePositive, Verdict::BenignTruePositive] {
        for (level, signs, confidence, wanted) in [
            (11, &[][..], 60, &[][..]),
            (12, &[][..], 100, &[HighLevel][..]),
            (15, &[][..], 100, &[HighLevel][..]),
            (3, &signs[..], 100, &[InjectionSigns][..]),
            (3, &[][..], 59, &[LowConfidence][..]),
            (
                12,
                &signs[..],
                0,
                &[HighLevel, InjectionSigns, LowConfidence][..],
            ),
        ] {
            let said = Answer {
                verdict: good,
                verdict_confidence: confidence,
                ..answer()
            };
            let review = judged(said, level, signs);
            assert_eq!(review.downgrades, wanted);
            assert_eq!(review.said, good);
            let stands = if wanted.is_empty() {
                good
            } else {
                Verdict::NeedsInvestigation
            };
            assert_eq!(review.verdict, stands);
        }
    }
    let alarm = Answer {
        verdict_confidence: 1,
        ..answer()
    };
    let review = judged(alarm, 15, &signs);
    assert_eq!(review.verdict, Verdict::TruePositive);
    assert_eq!(
        review.tags(),
        ["ai-verdict:true-positive", "ai-injection-suspected"]
    );
}

#[test]
fn tags_are_from_a_closed_set() {
    let mut seen = Vec::new();
    for verdict in Verdict::ALL {
        for signs in [&[][..], &[sign()][..]] {
            let review = judged(
                Answer {
                    verdict,
                    ..answer()
                },
                3,
                signs,
            );
            let tags = review.tags();
            assert_eq!(tags.len(), 1 + signs.len());
            seen.extend(tags);
        }
    }
    assert!(seen.iter().all(|tag| TAGS.contains(tag)));
    assert!(TAGS.iter().all(|tag| seen.contains(tag)));
    for tag in TAGS {
        assert!(
            tag.bytes()
                .all(|b| b.is_ascii_lowercase() || b"-:".contains(&b)),
            "{tag}"
        );
        for state in [
            "ai-pending",
            "ai-processing",
            "ai-reviewed",
            "ai-failed",
            "ai-skip",
        ] {
            assert!(!tag.contains(state) && !state.contains(tag), "{tag}");
        }
        let within = TAGS.iter().filter(|other| other.contains(tag)).count();
        assert_eq!(within, 1, "{tag} would be found in another");
    }
}

#[test]
fn techniques_that_do_not_exist_are_dropped() {
    let ids = ["T1033", "T9999", "T1059.999", "T1059.001"]
        .map(str::to_owned)
        .to_vec();
    let review = review_of(Answer {
        mitre_techniques: ids,
        ..answer()
    });
    let shown: Vec<_> = review
        .techniques
        .iter()
        .map(|technique| (&*technique.id, technique.name, technique.from_rule))
        .collect();
    assert_eq!(
        shown,
        [
            ("T1033", "System Owner/User Discovery", true),
            ("T1059.001", "PowerShell", false)
        ]
    );
    assert_eq!(review.unknown_techniques, 2);
}
