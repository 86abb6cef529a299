//! The two mutations a reporter of sightings needs (facts §7). Both are recorded as they came.

use serde_json::{Value, json};

use super::errors::Failure;
use super::ids;
use super::model::StixIdentity;
use super::options::OpenCtiUser;
use super::query::World;
use super::shapes;
use super::store::StoredSighting;

/// Creates an identity, or answers with the one of this type and name.
pub(crate) fn add_identity(world: &World, input: &Value) -> Result<Value, Failure> {
    let kind = text(input, "type").unwrap_or_default();
    let name = text(input, "name").unwrap_or_default();
    if name.trim().len() < 2 {
        return Err(Failure::new("VALIDATION_ERROR", "Validation error", 400));
    }
    let mut identity = StixIdentity::new(kind, name);
    identity.description = text(input, "description").map(str::to_owned);
    let mut store = world.store();
    let known = store
        .identities
        .iter()
        .find(|it| it.standard_id == identity.standard_id);
    let identity = match known {
        Some(known) => known.clone(),
        None => {
            store.identities.push(identity.clone());
            identity
        }
    };
    Ok(shapes::identity(&identity, world.version()))
}

/// Records a sighting. The same ends and dates are the same sighting, which is there once, as it was said last; the real platform also
/// merges sightings of near dates, by rules the facts do not settle.
pub(crate) fn add_sighting(
    world: &World,
    user: &OpenCtiUser,
    input: &Value,
) -> Result<Value, Failure> {
    let from = text(input, "fromId").unwrap_or_default();
    let to = text(input, "toId").unwrap_or_default();
    let mut store = world.store();
    let is_sighted = store.indicator(from).is_some()
        || store
            .observables
            .values()
            .any(|it| it.id == from || it.standard_id == from);
    let is_place = store
        .identities
        .iter()
        .any(|it| it.id == to || it.standard_id == to);
    if !(is_sighted && is_place) {
        return Err(Failure::new(
            "RESOURCE_NOT_FOUND",
            "stixSightingRelationshipAdd: the element to link is not found",
            404,
        ));
    }
    let seed = json!({
        "from": from,
        "to": to,
        "first_seen": input["first_seen"],
        "last_seen": input["last_seen"],
    });
    let standard_id = ids::standard("sighting", &seed);
    let sighting = StoredSighting {
        id: ids::internal(&standard_id),
        standard_id,
        user: user.name.clone(),
        input: input.clone(),
    };
    let answer = json!({
        "__typename": "StixSightingRelationship",
        "id": sighting.id,
        "standard_id": sighting.standard_id,
        "entity_type": "stix-sighting-relationship",
        "parent_types": ["basic-relationship", "stix-relationship"],
        "attribute_count": input["attribute_count"],
        "x_opencti_negative": input["x_opencti_negative"].as_bool().unwrap_or(false),
        "first_seen": input["first_seen"],
        "last_seen": input["last_seen"],
        "description": input["description"],
        "confidence": input["confidence"],
    });
    store
        .sightings
        .retain(|known| known.standard_id != sighting.standard_id);
    store.sightings.push(sighting);
    Ok(answer)
}

fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}
