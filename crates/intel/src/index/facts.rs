//! An alert's observables as the values that patterns are put to.

use alertbridge_alert::observables::{Kind, Observable, Role, Via, ip, parent_domains};

use crate::{
    How,
    pattern::{Fact, Side},
    value::Key,
};

/// More values are not compared; real alerts have up to about 40 observables.
const MOST: usize = 2048;

/// The observables, and with `parents` the domains above theirs.
pub(super) fn facts(observables: &[Observable], parents: bool) -> Vec<Fact> {
    let mut facts = Vec::with_capacity(observables.len());
    for (number, observable) in observables.iter().enumerate() {
        if facts.len() >= MOST {
            break;
        }
        let key = Key::of_normal(observable.kind, observable.value.clone());
        let fact = |key: Key, how| Fact {
            ip: (key.kind == Kind::Ip).then(|| ip(&key.text)).flatten(),
            key,
            side: side(observable.role),
            how,
            observable: number,
        };
        if parents && key.kind == Kind::Domain {
            for parent in parent_domains(&key.text) {
                let key = Key {
                    kind: Kind::Domain,
                    text: parent.to_owned(),
                };
                facts.push(fact(key, How::Parent));
            }
        }
        let how = match observable.via {
            Via::Field | Via::Text => How::Exact,
            Via::UrlHost => How::UrlHost,
        };
        facts.push(fact(key, how));
    }
    facts
}

fn side(role: Role) -> Option<Side> {
    match role {
        Role::Destination => Some(Side::Destination),
        Role::Source => Some(Side::Source),
        Role::Either | Role::None => None,
    }
}
