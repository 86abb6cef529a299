//! The root fields: who may ask, what they find.
//!
//! Invariants (facts §1): without a valid token every field is null with `AUTH_REQUIRED`; one field may fail
//! while the other is filled; what is marked above the user's highest marking does not exist for them.

use std::sync::{Arc, MutexGuard};

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Value, json};

use super::errors::Failure;
use super::model::Tlp;
use super::mutation;
use super::nodes::{Item, resolved};
use super::options::OpenCtiUser;
use super::sandbox::Shared;
use super::store::Store;
use super::version::OpenCtiVersion;

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
