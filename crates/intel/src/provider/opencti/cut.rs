//! How many objects are asked for at once.
//!
//! A server may give fewer than were asked for without saying so: 500 at most in 5.12.24's time, 5000 elsewhere, and
//! `hasNextPage` is then false though there is more (facts/opencti.md §2.4). So a list ends with an empty page and with nothing else.
//! A page that was too long or too slow is asked for in smaller pieces.

/// The fewest that are asked for: a single one shows whether it is the cause ([`super::poison`]).
const FEWEST: u32 = 1;
/// Pages in a row that must go well before more is asked for again.
const PATIENCE: i32 = 20;
/// As many more where single objects are asked for: the one that can't be given may be behind many that can.
const CAREFUL: i32 = 5000;

/// The size of the next page.
#[derive(Debug)]
pub(crate) struct PageSize {
    largest: u32,
    now: u32,
    /// Pages that went well since the last change; below 0 while single ones are asked for.
    good: i32,
    /// The page before, where it was short: asked for and got.
    short: Option<u32>,
}

impl PageSize {
    pub(crate) fn new(largest: u32) -> Self {
        Self {
            largest,
            now: largest,
            good: 0,
            short: None,
        }
    }

    pub(crate) fn next(&self) -> u32 {
        self.now
    }

    /// A page came. A short one that is not the last shows where the server cuts.
    pub(crate) fn came(&mut self, got: u64) {
        let got = u32::try_from(got).unwrap_or(u32::MAX);
        if got > 0
            && let Some(cut) = self.short.take()
        {
            self.largest = cut.max(FEWEST).min(self.largest);
            self.now = self.now.min(self.largest);
        }
        self.short = (got > 0 && got < self.now).then_some(got);
        self.good += 1;
        if self.good >= PATIENCE && self.now < self.largest {
            self.now = self.now.saturating_mul(2).min(self.largest);
            self.good = 0;
        }
    }

    /// A new list begins: the last page of the one before says nothing about it.
    pub(crate) fn new_list(&mut self) {
        self.short = None;
    }

    /// A page was too much for somebody on the way.
    pub(crate) fn too_much(&mut self) {
        self.now = (self.now / 2).max(FEWEST.min(self.largest));
        self.good = self.good.min(0);
        self.short = None;
    }

    /// From here on, for a while, single objects are asked for.
    pub(crate) fn single(&mut self) {
        self.now = FEWEST;
        self.good = -CAREFUL;
        self.short = None;
    }

    /// What was looked for is found.
    pub(crate) fn all_is_well(&mut self) {
        self.good = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silent_cut_is_learnt_from_a_short_page_that_is_not_the_last() {
        let mut size = PageSize::new(5000);
        size.came(500);
        assert_eq!(size.next(), 5000);
        size.came(500);
        assert_eq!(size.next(), 500);
        for _ in 0..100 {
            size.came(500);
        }
        assert_eq!(size.next(), 500);
    }

    #[test]
    fn a_short_last_page_changes_nothing() {
        let mut size = PageSize::new(500);
        for got in [500, 3, 0] {
            size.came(got);
        }
        size.new_list();
        size.came(2);
        size.new_list();
        size.came(2);
        assert_eq!(size.next(), 500);
    }

    #[test]
    fn a_page_that_was_too_much_is_halved_and_grows_back() {
        let mut size = PageSize::new(500);
        size.too_much();
        assert_eq!(size.next(), 250);
        for _ in 0..20 {
            size.too_much();
        }
        assert_eq!(size.next(), FEWEST);
        for _ in 0..200 {
            let asked = size.next();
            size.came(u64::from(asked));
        }
        assert_eq!(size.next(), 500);
        let mut one = PageSize::new(1);
        one.too_much();
        assert_eq!(one.next(), 1);
    }
}
