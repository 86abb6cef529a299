//! The page that lists the stored alerts.

use crate::answer::Answer;
use crate::sandbox::Shared;

pub(crate) fn answer(_shared: &Shared, _path: &str) -> Answer {
    Answer::html(404, "Not Found", "")
}
