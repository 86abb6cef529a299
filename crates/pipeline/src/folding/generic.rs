//! The rest of `data` as part of a key.

use super::key::Key;
use crate::view::AlertView;

pub(super) fn add_rest(_view: &AlertView<'_>, _key: &mut Key) {}
