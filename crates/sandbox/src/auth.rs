//! Who is calling: API keys, the session cookie that caches permissions, and CSRF refusal.
//!
//! Facts §2: three header forms carry the key; a cookie keeps the permission mask it was issued with; a POST with
//! a cookie and no key is refused. The real cookie is signed, this one is readable and trusted: it only plays
//! the trap, it protects nothing.

use hyper::{HeaderMap, Method};

use crate::answer::Answer;
use crate::options::{IrisUser, permission};
use crate::{errors, options};

/// The account behind a request, with the permissions that hold for it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: i64,
    pub(crate) login: String,
    pub(crate) service_account: bool,
    pub(crate) permissions: u32,
    customers: Vec<i64>,
}

impl Caller {
    pub(crate) fn is_administrator(&self) -> bool {
        self.permissions & permission::SERVER_ADMINISTRATOR != 0
    }

    pub(crate) fn may_see(&self, customer: i64) -> bool {
        self.is_administrator() || self.customers.contains(&customer)
    }

    /// Refuses unless the caller has one of the permission bits.
    pub(crate) fn needs(&self, bits: u32) -> Result<(), Answer> {
        if self.permissions & bits != 0 {
            Ok(())
        } else {
            Err(errors::permission_denied())
        }
    }

    /// The cookie that each answer sets.
    pub(crate) fn cookie(&self) -> String {
        format!(
            "session={}.{}; HttpOnly; Path=/; SameSite=Lax",
            self.id, self.permissions
        )
    }
}

/// Finds the caller by key, or by cookie where IRIS would.
pub(crate) fn caller(
    users: &[IrisUser],
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Answer> {
    let cookie = cookie(headers);
    let user = match (key(headers), cookie) {
        (Some(key), _) => users.iter().find(|user| user.key == key),
        (None, Some(_)) if method == Method::POST => {
            return Err(errors::bad_request("Invalid CSRF token"));
        }
        (None, Some((id, _))) => users.iter().find(|user| user.id == id),
        (None, None) => None,
    };
    let user = user
        .filter(|user| user.active)
        .ok_or_else(errors::authentication_required)?;
    let cached = cookie
        .filter(|(id, _)| *id == user.id)
        .map(|(_, mask)| mask);
    Ok(Caller {
        id: user.id,
        login: user.login.clone(),
        service_account: user.service_account,
        permissions: cached.unwrap_or(user.permissions),
        customers: user.customers.clone(),
    })
}

fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(value) = text("authorization") {
        return Some(value.strip_prefix("Bearer ").unwrap_or(value).trim());
    }
    text("x-iris-auth").map(str::trim)
}

fn cookie(headers: &HeaderMap) -> Option<(i64, u32)> {
    let text = headers.get("cookie")?.to_str().ok()?;
    let session = text
        .split(';')
        .find_map(|pair| pair.trim().strip_prefix("session="))?;
    let (id, mask) = session.split_once('.')?;
    Some((id.parse().ok()?, mask.parse().ok()?))
}

/// All accounts of a server: the built-in administrator and the chosen ones.
pub(crate) fn accounts(options: &options::IrisOptions, administrator_key: &str) -> Vec<IrisUser> {
    let mut users = vec![IrisUser::administrator(administrator_key)];
    users.extend(options.users.iter().cloned());
    users
}
