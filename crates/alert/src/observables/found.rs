//! Collects observables: without doubles, within bounds, the sure ones before what stood in text.

use std::collections::HashMap;

use super::{Kind, Observable, ObservableFilter, Role, Via};

/// At most so many observables of fields, and as many again of texts; real alerts have up to about 40.
const MOST: usize = 256;
/// At most so many of one field, so that one long list can't take the places of all others.
const MOST_OF_A_FIELD: usize = 64;

/// The observables of one alert, and what was dropped on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observables {
    /// Sorted by kind, then as they stood in the alert; no (kind, value) twice.
    pub list: Vec<Observable>,
    /// What was dropped.
    pub dropped: Dropped,
}

/// Counts of what is not in the list though it was in the alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Observables the filter left out: private, own, or the hash of an empty file. One that stands twice counts twice.
    pub filtered: u32,
    /// Observables beyond the number that is kept.
    pub over_limit: u32,
    /// Values and texts of which the end was not searched because they are too long.
    pub too_long: u32,
}

/// What was found so far.
pub(super) struct Found<'f> {
    filter: &'f ObservableFilter,
    list: Vec<Observable>,
    places: HashMap<(Kind, String), usize>,
    of_fields: usize,
    of_texts: usize,
    pub(super) dropped: Dropped,
}

/// Where something is found: given to [`Found::add`] with each value.
pub(super) struct Place<'p> {
    /// The dotted path, made when it is needed.
    pub(super) path: &'p dyn Fn() -> String,
    pub(super) role: Role,
    pub(super) via: Via,
    /// How many the field has given already.
    pub(super) of_field: &'p std::cell::Cell<usize>,
}

impl<'f> Found<'f> {
    pub(super) fn new(filter: &'f ObservableFilter) -> Self {
        Self {
            filter,
            list: Vec::new(),
            places: HashMap::new(),
            of_fields: 0,
            of_texts: 0,
            dropped: Dropped::default(),
        }
    }

    /// Keeps a value in its normal form.
    pub(super) fn add(&mut self, place: &Place<'_>, kind: Kind, value: String, written: &str) {
        let role = match kind {
            Kind::Domain | Kind::Ip | Kind::Url => place.role,
            _ => Role::None,
        };
        let key = (kind, value);
        if let Some(known) = self.places.get(&key).and_then(|at| self.list.get_mut(*at)) {
            known.role = known.role.with(role);
            if place.via < known.via {
                known.via = place.via;
                known.field = (place.path)();
            }
            return;
        }
        if !self.filter.keeps_value(kind, &key.1) {
            self.dropped.filtered += 1;
            return;
        }
        let count = match place.via {
            Via::Field => &mut self.of_fields,
            Via::Text | Via::UrlHost => &mut self.of_texts,
        };
        if *count == MOST || place.of_field.get() == MOST_OF_A_FIELD {
            self.dropped.over_limit += 1;
            return;
        }
        *count += 1;
        place.of_field.set(place.of_field.get() + 1);
        let written = written.trim();
        self.list.push(Observable {
            kind,
            value: key.1.clone(),
            written: keeps_written(kind, &key.1, written).then(|| written.to_owned()),
            field: (place.path)(),
            role,
            via: place.via,
        });
        self.places.insert(key, self.list.len() - 1);
    }

    /// A URL, and its host beside it.
    pub(super) fn add_url(&mut self, place: &Place<'_>, text: &str) -> bool {
        let Some(value) = super::url(text) else {
            return false;
        };
        let host = super::url_host(&value);
        self.add(place, Kind::Url, value, text);
        if let Some((kind, value)) = host {
            let place = Place {
                via: Via::UrlHost,
                ..*place
            };
            self.add(&place, kind, value, "");
        }
        true
    }

    pub(super) fn finish(mut self) -> Observables {
        self.list.sort_by_key(|observable| observable.kind);
        Observables {
            list: self.list,
            dropped: self.dropped,
        }
    }
}

/// Whether the text as written tells more than the normal form.
fn keeps_written(kind: Kind, value: &str, written: &str) -> bool {
    matches!(kind, Kind::Domain | Kind::Email | Kind::Ip | Kind::Url)
        && !written.is_empty()
        && written.len() <= 2048
        && !written.eq_ignore_ascii_case(value)
        && !(kind == Kind::Url && super::url_form::has_user(written))
}
