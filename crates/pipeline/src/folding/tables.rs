//! The families.

use super::family::{Family, same};

pub(super) static OTHER: Family = Family {
    name: "other",
    key: &[same(&["location"])],
    collected: &[],
    has_rest: true,
};
