//! The objects of an answer, each field made when it is asked for.
//!
//! Invariant: an object outside the user's markings is never made, not even behind another one.

use std::sync::Arc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Map, Value, json};

use super::model::{StixIdentity, StixIndicator, StixObservable};
use super::paging::{Page, Place, SortKey};
use super::query::World;
use super::shapes;
use super::stix;

type Resolved<'a> = Result<ResolvedValue<'a>, FieldError>;

/// An object whose fields are all there: its type is in `__typename`.
pub(crate) struct JsonNode(pub(crate) Map<String, Value>);

impl ObjectValue for JsonNode {
    fn type_name(&self) -> &str {
        self.0
            .get("__typename")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        let value = self.0.get(info.field_name()).cloned();
        Ok(resolved(value.unwrap_or(Value::Null)))
    }
}

/// JSON as the library takes it: objects are nodes, lists are lists of these, the rest are leaves.
pub(crate) fn resolved<'a>(value: Value) -> ResolvedValue<'a> {
    match value {
        Value::Object(members) => ResolvedValue::object(JsonNode(members)),
        Value::Array(items) => {
            ResolvedValue::List(Box::new(items.into_iter().map(|item| Ok(resolved(item)))))
        }
        leaf => ResolvedValue::leaf(leaf),
    }
}

/// Anything a connection can hold.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Identity(StixIdentity),
    Indicator(Arc<StixIndicator>),
    Observable(Arc<StixObservable>),
}

impl Item {
    pub(crate) fn node<'a>(self, world: Arc<World>) -> ResolvedValue<'a> {
        match self {
            Item::Identity(identity) => resolved(shapes::identity(&identity, world.version())),
            Item::Indicator(indicator) => ResolvedValue::object(IndicatorNode { indicator, world }),
            Item::Observable(observable) => {
                ResolvedValue::object(ObservableNode { observable, world })
            }
        }
    }
}

/// A connection with its page; `total` is counted only when somebody asks.
pub(crate) struct ConnectionNode {
    pub(crate) type_name: &'static str,
    pub(crate) page: Page<Item>,
    pub(crate) world: Arc<World>,
    pub(crate) total: Box<dyn Fn() -> usize + Send + Sync>,
}

impl ObjectValue for ConnectionNode {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        match info.field_name() {
            "edges" => Ok(ResolvedValue::List(Box::new(self.page.rows.iter().map(
                |(place, item)| {
                    Ok(ResolvedValue::object(EdgeNode {
                        type_name: self.type_name.replace("Connection", "Edge"),
                        place,
                        item,
                        world: &self.world,
                    }))
                },
            )))),
            "pageInfo" => Ok(ResolvedValue::object(PageInfoNode { of: self })),
            _ => Err(self.unknown_field_error(info)),
        }
    }
}

struct EdgeNode<'n> {
    type_name: String,
    place: &'n Place,
    item: &'n Item,
    world: &'n Arc<World>,
}

impl ObjectValue for EdgeNode<'_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        match info.field_name() {
            "cursor" => Ok(ResolvedValue::leaf(self.place.cursor())),
            "node" => Ok(self.item.clone().node(Arc::clone(self.world))),
            _ => Err(self.unknown_field_error(info)),
        }
    }
}

struct PageInfoNode<'n> {
    of: &'n ConnectionNode,
}

impl ObjectValue for PageInfoNode<'_> {
    fn type_name(&self) -> &str {
        "PageInfo"
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        let page = &self.of.page;
        let cursor = |row: Option<&(Place, Item)>| row.map(|(place, _)| place.cursor());
        let value = match info.field_name() {
            "startCursor" => json!(cursor(page.rows.first()).unwrap_or_default()),
            "endCursor" => json!(cursor(page.rows.last()).unwrap_or_default()),
            "hasNextPage" => json!(page.has_next),
            "hasPreviousPage" => json!(page.has_previous),
            "globalCount" => json!((self.of.total)()),
            _ => return Err(self.unknown_field_error(info)),
        };
        Ok(ResolvedValue::leaf(value))
    }
}

struct IndicatorNode {
    indicator: Arc<StixIndicator>,
    world: Arc<World>,
}

impl ObjectValue for IndicatorNode {
    fn type_name(&self) -> &str {
        "Indicator"
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        match info.field_name() {
            "observables" => {
                let store = self.world.store();
                let observables = self
                    .indicator
                    .observables
                    .iter()
                    .filter_map(|id| store.observables.get(id))
                    .filter(|observable| observable.is_visible_to(self.world.highest_marking()))
                    .map(|observable| {
                        (
                            place(&observable.standard_id),
                            Item::Observable(Arc::clone(observable)),
                        )
                    })
                    .collect();
                Ok(connection(
                    "StixCyberObservableConnection",
                    observables,
                    &self.world,
                ))
            }
            "toStix" => Ok(ResolvedValue::leaf(
                stix::indicator(&self.indicator, self.world.version()).to_string(),
            )),
            name => Ok(resolved(shapes::indicator_field(
                &self.indicator,
                name,
                self.world.version(),
            ))),
        }
    }
}

struct ObservableNode {
    observable: Arc<StixObservable>,
    world: Arc<World>,
}

impl ObjectValue for ObservableNode {
    fn type_name(&self) -> &str {
        match self.observable.kind.as_str() {
            "IPv4-Addr" => "IPv4Addr",
            "IPv6-Addr" => "IPv6Addr",
            "Domain-Name" => "DomainName",
            "Hostname" if self.world.is_before_renaming() => "XOpenCTIHostname",
            "Hostname" => "Hostname",
            "Url" => "Url",
            "Email-Addr" => "EmailAddr",
            _ => "StixFile",
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Resolved<'a> {
        if info.field_name() != "indicators" {
            return Ok(resolved(shapes::observable_field(
                &self.observable,
                info.field_name(),
                self.world.version(),
            )));
        }
        let store = self.world.store();
        let indicators = store
            .indicators_of(&self.observable.id)
            .filter(|indicator| indicator.is_visible_to(self.world.highest_marking()))
            .map(|indicator| (place(&indicator.standard_id), Item::Indicator(indicator)))
            .collect();
        Ok(connection("IndicatorConnection", indicators, &self.world))
    }
}

fn connection<'a>(
    type_name: &'static str,
    rows: Vec<(Place, Item)>,
    world: &Arc<World>,
) -> ResolvedValue<'a> {
    let total = rows.len();
    ResolvedValue::object(ConnectionNode {
        type_name,
        page: Page::whole(rows),
        world: Arc::clone(world),
        total: Box::new(move || total),
    })
}

fn place(standard_id: &str) -> Place {
    Place {
        key: SortKey::of_text(Some(standard_id)),
        standard_id: standard_id.to_owned(),
    }
}
