//! Alerts as they are in IRIS, for a review: found by a tag (`ids`, `listing`), read (`alert`), and told of in a comment.

mod alert;
mod ids;
mod left_out;
mod listing;

pub(super) use self::left_out::LeftOut;
use super::IrisSink;
use crate::{Amended, Amendment, Outcome, Page, Reviewable, SeenAlert, SinkFuture};

impl Reviewable for IrisSink {
    fn tagged<'a>(
        &'a self,
        tag: &'a str,
        after: Option<i64>,
        limit: usize,
    ) -> SinkFuture<'a, Result<Page, Outcome>> {
        Box::pin(self.page_of_tagged(tag, after, limit))
    }

    fn read<'a>(&'a self, id: &'a str) -> SinkFuture<'a, Result<Option<SeenAlert>, Outcome>> {
        Box::pin(self.read_one(id))
    }

    fn comment<'a>(
        &'a self,
        marker: &'a str,
        text: &'a str,
        amendment: &'a Amendment,
    ) -> SinkFuture<'a, Amended> {
        Box::pin(self.comment_one(marker, text, amendment))
    }
}
