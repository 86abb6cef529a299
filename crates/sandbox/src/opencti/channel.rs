//! One reader of a stream: what is sent, in which order.
//!
//! Invariants (facts §4b): what begins to match is a `create`, what stops matching a `delete` with the document
//! as it was, the rest an `update`; markings and authors come as `create` before the first object that names them.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::envelope::{envelope, patch, written};
use super::events::{Event, EventId, EventKind};
use super::faults::OpenCtiFault;
use super::fields::Fields;
use super::filter::{Filter, iso};
use super::ids;
use super::model::StixIndicator;
use super::options::OpenCtiUser;
use super::paging::{Place, SortKey, Wanted};
use super::sandbox::Shared;
use super::stix;
use super::stream::Wish;
use super::version::OpenCtiVersion;

/// Events and database rows read at a time.
const BATCH: usize = 100;

type Sender = mpsc::Sender<Result<Frame<Bytes>, io::Error>>;

/// The reader is gone, or the stream was cut.
struct Ended;

pub(crate) struct Channel {
    shared: Arc<Shared>,
    user: OpenCtiUser,
    filter: Filter,
    wish: Wish,
    fault: Option<OpenCtiFault>,
    sender: Sender,
    /// What was read up to; none until something is known.
    position: Option<EventId>,
    told: HashSet<String>,
    sent: usize,
}

impl Channel {
    pub(crate) fn new(
        shared: Arc<Shared>,
        user: OpenCtiUser,
        filter: Filter,
        wish: Wish,
        fault: Option<OpenCtiFault>,
        sender: Sender,
    ) -> Channel {
        Channel {
            shared,
            user,
            filter,
            wish,
            fault,
            sender,
            position: None,
            told: HashSet::new(),
            sent: 0,
        }
    }

    /// Serves until the reader goes or the stream is cut.
    pub(crate) async fn run(mut self) {
        let mut cuts = self.shared.cuts.subscribe();
        let cutter = self.sender.clone();
        let served = async {
            let _ended = self.serve().await;
        };
        tokio::select! {
            () = served => {}
            _ = cuts.changed() => {
                // A reader that is gone needs no cut.
                let _gone = cutter.send(Err(io::Error::other("a cut was asked for"))).await;
            }
            () = cutter.closed() => {}
        }
    }

    async fn serve(&mut self) -> Result<(), Ended> {
        let mut news = self.shared.news.subscribe();
        let mut beats = tokio::time::interval(self.shared.options.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.reset();
        self.connected().await?;
        let mut next = match self.wish.from {
            Some(from) => from,
            None => self.shared.store().events.last_id(),
        };
        if let (Some(from), Some(until)) = (self.wish.from, self.wish.recover) {
            self.recover(from, until.as_millisecond()).await?;
            next = next.max(EventId {
                milliseconds: until.as_millisecond(),
                sequence: 0,
            });
            self.position = Some(next);
        } else if self
            .wish
            .from
            .is_some_and(|from| from != EventId::default())
        {
            self.position = Some(next);
        }
        loop {
            let events = self.shared.store().events.after(next, BATCH);
            if events.is_empty() {
                tokio::select! {
                    _ = news.changed() => {}
                    _ = beats.tick() => self.heartbeat().await?,
                }
            }
            for event in events {
                self.event(&event).await?;
                next = event.id;
                self.position = Some(next);
            }
        }
    }

    async fn connected(&mut self) -> Result<(), Ended> {
        let data = {
            let store = self.shared.store();
            let (first, last) = (store.events.first_id(), store.events.last_id());
            json!({
                "firstEventId": first.to_string(),
                "lastEventId": last.to_string(),
                "firstEventDate": iso(first.time()),
                "lastEventDate": iso(last.time()),
                "streamSize": store.events.len(),
                "connectionId": ids::internal(&format!("connection {}", self.user.name)),
            })
        };
        self.write("connected", None, &data).await
    }

    async fn heartbeat(&mut self) -> Result<(), Ended> {
        if self.shared.faults.is_mute() {
            return Ok(());
        }
        let version = self.shared.options.version;
        let id = self.position.filter(|_| version.has_heartbeat_ids());
        let now = iso(self.shared.store().now());
        self.write("heartbeat", id, &json!(now)).await?;
        if version.sends_consumer_metrics() {
            // The facts name the event, not its members.
            let metrics = json!({"connectionId": ids::internal(&self.user.name), "time": now});
            self.write("consumer_metrics", id, &metrics).await?;
        }
        Ok(())
    }

    /// Everything in the database that changed after `from` up to `until`, as `create`.
    async fn recover(&mut self, from: EventId, until: i64) -> Result<(), Ended> {
        let mut wanted = Wanted {
            first: BATCH,
            after: Some(Place {
                key: SortKey::Number(from.milliseconds),
                // After every id of that very millisecond.
                standard_id: "\u{10ffff}".to_owned(),
            }),
            order: "updated_at".to_owned(),
            descending: false,
        };
        loop {
            let rows: Vec<(Place, Arc<StixIndicator>)> = self
                .shared
                .store()
                .ordered(&wanted, None, None)
                .take(BATCH)
                .collect();
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            wanted.after = Some(last.clone());
            for (_, indicator) in rows {
                let milliseconds = indicator.updated_at.as_millisecond();
                if milliseconds > until {
                    return Ok(());
                }
                if self.sees(&indicator) {
                    let id = EventId {
                        milliseconds,
                        sequence: 0,
                    };
                    self.create(id, &indicator, json!({"referer": "init"}))
                        .await?;
                }
            }
        }
    }

    async fn event(&mut self, event: &Event) -> Result<(), Ended> {
        if let EventKind::Raw(name, data) = &event.kind {
            return self.data(name, event.id, data).await;
        }
        let before = event
            .before
            .as_ref()
            .filter(|it| self.sees(it))
            .map(Arc::clone);
        let after = event
            .after
            .as_ref()
            .filter(|it| self.sees(it))
            .map(Arc::clone);
        let origin = json!({"socket": "query", "user_id": ids::internal("a writer")});
        match (before, after) {
            (None, None) => Ok(()),
            (None, Some(after)) => self.create(event.id, &after, origin).await,
            (Some(before), None) if self.wish.deletes => {
                let document = self.document(&before);
                let envelope = envelope(
                    self.version(),
                    event.id,
                    "delete",
                    origin,
                    json!({}),
                    document,
                );
                self.data("delete", event.id, &envelope).await
            }
            (Some(_), None) => Ok(()),
            (Some(before), Some(after)) => self.change(event, &before, &after, origin).await,
        }
    }

    async fn change(
        &mut self,
        event: &Event,
        before: &StixIndicator,
        after: &StixIndicator,
        origin: Value,
    ) -> Result<(), Ended> {
        self.references(event.id, after, &origin).await?;
        let (was, is) = (self.document(before), self.document(after));
        let mut context = json!({
            "patch": patch(&was, &is),
            "reverse_patch": patch(&is, &was),
            "changes": [],
        });
        let name = match event.kind {
            EventKind::Merge => {
                context["sources"] = event.sources.iter().map(|it| self.document(it)).collect();
                "merge"
            }
            _ => "update",
        };
        let envelope = envelope(self.version(), event.id, name, origin, context, is);
        self.data(name, event.id, &envelope).await
    }

    async fn create(
        &mut self,
        id: EventId,
        indicator: &StixIndicator,
        origin: Value,
    ) -> Result<(), Ended> {
        self.references(id, indicator, &origin).await?;
        let document = self.document(indicator);
        self.told_once(id, document, &origin, false).await?;
        if self.wish.dependencies {
            let observables: Vec<_> = {
                let store = self.shared.store();
                let found = indicator
                    .observables
                    .iter()
                    .filter_map(|id| store.observables.get(id));
                found
                    .filter(|it| it.is_visible_to(self.user.highest_marking))
                    .map(Arc::clone)
                    .collect()
            };
            for observable in observables {
                self.told_once(id, stix::observable(&observable), &origin, true)
                    .await?;
                self.told_once(id, stix::based_on(indicator, &observable), &origin, true)
                    .await?;
            }
        }
        Ok(())
    }

    /// Markings and the author, each once in a connection.
    async fn references(
        &mut self,
        id: EventId,
        indicator: &StixIndicator,
        origin: &Value,
    ) -> Result<(), Ended> {
        for marking in &indicator.markings {
            self.told_once(id, stix::marking(*marking), origin, true)
                .await?;
        }
        if let Some(author) = &indicator.created_by {
            self.told_once(id, stix::identity(author), origin, true)
                .await?;
        }
        Ok(())
    }

    async fn told_once(
        &mut self,
        id: EventId,
        document: Value,
        origin: &Value,
        once: bool,
    ) -> Result<(), Ended> {
        let name = document["id"].as_str().unwrap_or_default().to_owned();
        if once && !self.told.insert(name) {
            return Ok(());
        }
        let envelope = envelope(
            self.version(),
            id,
            "create",
            origin.clone(),
            Value::Null,
            document,
        );
        self.data("create", id, &envelope).await
    }

    fn sees(&self, indicator: &StixIndicator) -> bool {
        let version = self.shared.options.version;
        indicator.is_visible_to(self.user.highest_marking)
            && self.filter.matches(&Fields {
                object: indicator,
                version,
            })
    }

    fn version(&self) -> OpenCtiVersion {
        self.shared.options.version
    }

    fn document(&self, indicator: &StixIndicator) -> Value {
        stix::indicator(indicator, self.shared.options.version)
    }

    /// An event with an object in it; here the faults of a stream hit.
    async fn data(&mut self, name: &str, id: EventId, data: &Value) -> Result<(), Ended> {
        match self.fault {
            Some(OpenCtiFault::CutAfterEvents(most)) if self.sent >= most => {
                return self.cut().await;
            }
            Some(OpenCtiFault::CutInTheMiddle) => {
                let text = written(name, Some(id), data);
                let half = text.get(..text.len() / 2).unwrap_or(&text).to_owned();
                self.raw(half).await?;
                return self.cut().await;
            }
            _ => {}
        }
        self.sent += 1;
        self.write(name, Some(id), data).await
    }

    async fn cut(&mut self) -> Result<(), Ended> {
        // A reader that is gone needs no cut.
        let _gone = self
            .sender
            .send(Err(io::Error::other("a cut was asked for")))
            .await;
        Err(Ended)
    }

    async fn write(&mut self, name: &str, id: Option<EventId>, data: &Value) -> Result<(), Ended> {
        self.raw(written(name, id, data)).await
    }

    async fn raw(&mut self, text: String) -> Result<(), Ended> {
        let frame = Frame::data(Bytes::from(text));
        self.sender.send(Ok(frame)).await.map_err(|_| Ended)
    }
}
