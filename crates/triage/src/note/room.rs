//! How much of a review is shown where all of it would be too long.

/// How much room each part has, in characters and items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) analysis: usize,
    pub(super) summary: usize,
    pub(super) evidence: usize,
    pub(super) quote: usize,
    pub(super) meaning: usize,
    pub(super) steps: usize,
    pub(super) step: usize,
    pub(super) hypothesis: usize,
    pub(super) signs: usize,
    pub(super) path: usize,
    pub(super) shortened: bool,
}

impl Room {
    const WHOLE: Self = Self {
        analysis: 600,
        summary: 400,
        evidence: 5,
        quote: 200,
        meaning: 160,
        steps: 5,
        step: 200,
        hypothesis: 200,
        signs: 3,
        path: 80,
        shortened: false,
    };

    /// From the whole to the least, which always fits.
    pub(super) const ALL: [Self; 5] = [
        Self::WHOLE,
        Self {
            quote: 120,
            meaning: 100,
            step: 160,
            hypothesis: 140,
            analysis: 450,
            shortened: true,
            ..Self::WHOLE
        },
        Self {
            quote: 90,
            meaning: 80,
            evidence: 4,
            step: 120,
            hypothesis: 110,
            analysis: 300,
            summary: 300,
            signs: 2,
            shortened: true,
            ..Self::WHOLE
        },
        Self {
            quote: 80,
            meaning: 60,
            evidence: 3,
            steps: 4,
            step: 80,
            hypothesis: 70,
            analysis: 200,
            summary: 200,
            signs: 2,
            shortened: true,
            ..Self::WHOLE
        },
        Self {
            quote: 60,
            meaning: 50,
            evidence: 3,
            steps: 3,
            step: 70,
            hypothesis: 60,
            analysis: 160,
            summary: 160,
            signs: 1,
            path: 60,
            shortened: true,
        },
    ];
}
