//! The root fields: who may ask, what they find.
//!
//! Invariants (facts §1): without a valid token every field is null with `AUTH_REQUIRED`; one field may fail
//! while the other is filled; what is marked above the user's highest marking does not exist for them.

use std::sync::{Arc, MutexGuard};

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Value, json};

use super::errors::Failure;
use super::fields::{Fields, observable_order};
use super::filter::{Filter, Filterable};
use super::model::Tlp;
use super::mutation;
use super::nodes::{ConnectionNode, Item, resolved};
use super::options::OpenCtiUser;
use super::paging::{Page, Place, SortKey, Wanted, in_order};
use super::sandbox::Shared;
use super::store::Store;
use super::version::OpenCtiVersion;

const DEFAULT_PAGE: usize = 500;

/// One request's view: the platform, who asks, and what shall go wrong.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    /// Nobody when there was no valid token.
    pub(crate) user: Option<OpenCtiUser>,
    /// Fails every field, or the one of this name.
    pub(crate) fault: Option<(Option<String>, Failure)>,
}

impl World {
    pub(crate) fn version(&self) -> OpenCtiVersion {
        self.shared.options.version
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }

    pub(crate) fn highest_marking(&self) -> Tlp {
        self.user
            .as_ref()
            .map_or(Tlp::Clear, |user| user.highest_marking)
    }

    /// 5.1 still says `XOpenCTIHostname` (facts §2.3).
    pub(crate) fn is_before_renaming(&self) -> bool {
        self.version() < OpenCtiVersion::new(5, 3, 0)
    }
}

/// `Query` or `Mutation`.
pub(crate) struct Root {
    pub(crate) world: Arc<World>,
    pub(crate) type_name: &'static str,
}

impl ObjectValue for Root {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = serde_json::to_value(info.arguments()).unwrap_or_default();
        self.field(info.field_name(), &arguments)
            .map_err(|failure| FieldError {
                message: failure.packed(),
            })
    }
}

impl Root {
    fn field<'a>(&self, name: &str, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
        let user = self
            .world
            .user
            .as_ref()
            .ok_or_else(Failure::auth_required)?;
        if let Some((only, failure)) = &self.world.fault
            && only.as_deref().is_none_or(|only| only == name)
        {
            return Err(failure.clone());
        }
        match name {
            "about" => {
                let version = self.world.version().to_string();
                return Ok(resolved(
                    json!({"__typename": "AppInfo", "version": version}),
                ));
            }
            "me" => return Ok(resolved(me(user))),
            _ => {}
        }
        let allowed = match self.type_name {
            "Mutation" => user.rights.may_update(),
            _ => user.rights.may_read(),
        };
        if !allowed {
            return Err(Failure::forbidden());
        }
        match name {
            "indicator" => Ok(self.one(self.indicator(id(arguments)))),
            "indicators" => self.indicators(arguments),
            "stixCyberObservable" => Ok(self.one(self.observable(id(arguments)))),
            "stixCyberObservables" => self.observables(arguments),
            "identity" => Ok(self.one(self.identity(id(arguments)))),
            "identities" => self.identities(arguments),
            "identityAdd" => mutation::add_identity(&self.world, &arguments["input"]).map(resolved),
            "stixSightingRelationshipAdd" => {
                mutation::add_sighting(&self.world, user, &arguments["input"]).map(resolved)
            }
            _ => Err(Failure::functional(
                "This field is not played by the sandbox",
            )),
        }
    }

    fn one<'a>(&self, item: Option<Item>) -> ResolvedValue<'a> {
        item.map_or_else(ResolvedValue::null, |item| {
            item.node(Arc::clone(&self.world))
        })
    }

    fn indicator(&self, id: &str) -> Option<Item> {
        let found = self.world.store().indicator(id)?;
        found
            .is_visible_to(self.world.highest_marking())
            .then_some(Item::Indicator(found))
    }

    fn observable(&self, id: &str) -> Option<Item> {
        let store = self.world.store();
        let found = store
            .observables
            .values()
            .find(|it| it.id == id || it.standard_id == id)?;
        found
            .is_visible_to(self.world.highest_marking())
            .then(|| Item::Observable(Arc::clone(found)))
    }

    fn identity(&self, id: &str) -> Option<Item> {
        let store = self.world.store();
        let found = store
            .identities
            .iter()
            .find(|it| it.id == id || it.standard_id == id)?;
        Some(Item::Identity(found.clone()))
    }

    fn indicators<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
        let wanted = self.wanted(arguments)?;
        let question = Arc::new(self.question(arguments)?);
        let version = self.world.version();
        let highest = self.world.highest_marking();
        let is_meant = move |it: &crate::opencti::StixIndicator, question: &Question| {
            it.is_visible_to(highest)
                && question.asks_for(
                    "Indicator",
                    &it.name,
                    &Fields {
                        object: it,
                        version,
                    },
                )
        };
        let page = {
            let store = self.world.store();
            let rows = store
                .ordered(&wanted)
                .filter(|(_, it)| is_meant(it, &question));
            Page::take(rows, &wanted, self.world.shared.options.page_maximum())
        };
        self.world
            .shared
            .faults
            .check_page(page.rows.iter().map(|(_, it)| it.id.as_str()))?;
        let page = page_of(page, Item::Indicator);
        let world = Arc::clone(&self.world);
        Ok(ResolvedValue::object(ConnectionNode {
            type_name: "IndicatorConnection",
            page,
            world: Arc::clone(&self.world),
            total: Box::new(move || {
                let all = Wanted {
                    after: None,
                    ..wanted.clone()
                };
                world
                    .store()
                    .ordered(&all)
                    .filter(|(_, it)| is_meant(it, &question))
                    .count()
            }),
        }))
    }

    fn observables<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
        let wanted = self.wanted(arguments)?;
        let question = self.question(arguments)?;
        let version = self.world.version();
        let highest = self.world.highest_marking();
        let rows: Vec<(Place, Item)> = self
            .world
            .store()
            .observables
            .values()
            .filter(|it| it.is_visible_to(highest))
            .filter(|it| {
                question.asks_for(
                    &it.kind,
                    it.shown(),
                    &Fields {
                        object: it.as_ref(),
                        version,
                    },
                )
            })
            .map(|it| {
                let key = observable_order(it, &wanted.order);
                let standard_id = it.standard_id.clone();
                (Place { key, standard_id }, Item::Observable(Arc::clone(it)))
            })
            .collect();
        Ok(self.connection("StixCyberObservableConnection", rows, &wanted))
    }

    fn identities<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
        let wanted = self.wanted(arguments)?;
        let question = self.question(arguments)?;
        let version = self.world.version();
        let rows: Vec<(Place, Item)> = self
            .world
            .store()
            .identities
            .iter()
            .filter(|it| {
                question.asks_for(
                    &it.kind,
                    &it.name,
                    &Fields {
                        object: *it,
                        version,
                    },
                )
            })
            .map(|it| {
                let by = if wanted.order == "name" {
                    &it.name
                } else {
                    &it.standard_id
                };
                let key = SortKey::of_text(Some(by));
                let standard_id = it.standard_id.clone();
                (Place { key, standard_id }, Item::Identity(it.clone()))
            })
            .collect();
        Ok(self.connection("IdentityConnection", rows, &wanted))
    }

    fn connection<'a>(
        &self,
        type_name: &'static str,
        rows: Vec<(Place, Item)>,
        wanted: &Wanted,
    ) -> ResolvedValue<'a> {
        let total = rows.len();
        let rows = in_order(rows, wanted).into_iter();
        ResolvedValue::object(ConnectionNode {
            type_name,
            page: Page::take(rows, wanted, self.world.shared.options.page_maximum()),
            world: Arc::clone(&self.world),
            total: Box::new(move || total),
        })
    }

    fn wanted(&self, arguments: &Value) -> Result<Wanted, Failure> {
        let options = &self.world.shared.options;
        let first = match arguments["first"].as_i64() {
            Some(first) => usize::try_from(first).unwrap_or(0),
            None => DEFAULT_PAGE,
        };
        if options.version.refuses_large_pages() && first > options.page_maximum() {
            // The facts say that 5.1 refuses, not in which words.
            return Err(Failure::unsupported(
                "Too many elements are asked for in one page",
            ));
        }
        let after = match arguments["after"].as_str() {
            None | Some("") => None,
            Some(cursor) => Some(Place::of_cursor(cursor).ok_or_else(Failure::database)?),
        };
        Ok(Wanted {
            first,
            after,
            order: arguments["orderBy"].as_str().unwrap_or_default().to_owned(),
            descending: arguments["orderMode"] == "desc",
        })
    }

    fn question(&self, arguments: &Value) -> Result<Question, Failure> {
        let now = self.world.store().now();
        let types = arguments["types"].as_array().map(|types| {
            types
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        });
        Ok(Question {
            filter: Filter::read(&arguments["filters"], self.world.version(), now)?,
            types,
            search: arguments["search"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase(),
        })
    }
}

/// What is asked for, besides order and page.
struct Question {
    filter: Filter,
    types: Option<Vec<String>>,
    search: String,
}

impl Question {
    fn asks_for(&self, kind: &str, shown: &str, fields: &dyn Filterable) -> bool {
        self.types
            .as_ref()
            .is_none_or(|types| types.is_empty() || types.iter().any(|one| one == kind))
            && (self.search.is_empty() || shown.to_lowercase().contains(&self.search))
            && self.filter.matches(fields)
    }
}

fn page_of<T>(page: Page<T>, item: impl Fn(T) -> Item) -> Page<Item> {
    Page {
        rows: page
            .rows
            .into_iter()
            .map(|(place, it)| (place, item(it)))
            .collect(),
        has_next: page.has_next,
        has_previous: page.has_previous,
    }
}

fn id(arguments: &Value) -> &str {
    arguments["id"].as_str().unwrap_or_default()
}

fn me(user: &OpenCtiUser) -> Value {
    let capabilities: Vec<Value> = user
        .rights
        .names()
        .into_iter()
        .map(|name| json!({"__typename": "Capability", "id": super::ids::internal(name), "name": name}))
        .collect();
    json!({
        "__typename": "MeUser",
        "id": super::ids::internal(&user.name),
        "name": user.name,
        "user_email": format!("{}@opencti.example", user.name),
        "capabilities": capabilities,
    })
}
