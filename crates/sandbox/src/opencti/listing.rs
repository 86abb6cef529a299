//! Lists of things: filtered, in order, cut to pages.

use std::sync::Arc;

use apollo_compiler::resolvers::ResolvedValue;
use serde_json::Value;

use super::errors::Failure;
use super::fields::{Fields, observable_order};
use super::filter::{Filter, Filterable};
use super::model::StixIndicator;
use super::nodes::{ConnectionNode, Item};
use super::paging::{Page, Place, SortKey, Wanted, in_order};
use super::query::Root;

const DEFAULT_PAGE: usize = 500;

impl Root {
    pub(crate) fn indicators<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
        let wanted = self.wanted(arguments)?;
        let question = Arc::new(self.question(arguments)?);
        let only = question.filter.numbers();
        let since = question.filter.changed_since();
        let version = self.world.version();
        let highest = self.world.highest_marking();
        let is_meant = move |it: &StixIndicator, question: &Question| {
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
                .ordered(&wanted, only.as_deref(), since)
                .filter(|(_, it)| is_meant(it, &question));
            Page::take(rows, &wanted, self.world.shared.options.page_maximum())
        };
        self.world
            .shared
            .faults
            .check_page(page.rows.iter().map(|(_, it)| it.id.as_str()))?;
        let page = page_of(page, Item::Indicator);
        let world = Arc::clone(&self.world);
        let asked = format!("{question:?} {highest:?}");
        Ok(ResolvedValue::object(ConnectionNode {
            type_name: "IndicatorConnection",
            page,
            world: Arc::clone(&self.world),
            total: Box::new(move || {
                let all = Wanted {
                    after: None,
                    ..wanted.clone()
                };
                let mut store = world.store();
                if let Some(count) = store.counts.get(&asked) {
                    return *count;
                }
                let count = store
                    .ordered(&all, only.as_deref(), since)
                    .filter(|(_, it)| is_meant(it, &question))
                    .count();
                store.counts.insert(asked.clone(), count);
                count
            }),
        }))
    }

    pub(crate) fn observables<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
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

    pub(crate) fn identities<'a>(&self, arguments: &Value) -> Result<ResolvedValue<'a>, Failure> {
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
#[derive(Debug)]
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
