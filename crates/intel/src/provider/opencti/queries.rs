//! The fixed query documents, by dialect. Each is a file in `queries/`, so that it can be validated against a server's schema by
//! any GraphQL tool. What varies is passed in variables, never pasted into the text.

use super::version::Dialect;

/// Version and rights; the same since 5.1.
pub(crate) const PROBE: &str = include_str!("queries/probe.graphql");
/// What markings the token's user may see; newer versions only.
pub(crate) const CLEARANCE: &str = include_str!("queries/clearance.graphql");
/// How many indicators there are, whatever their pattern type.
pub(crate) const OTHERS: &str = include_str!("queries/others.graphql");
/// Names of authors, which the live stream gives by their ids alone.
pub(crate) const AUTHORS: &str = include_str!("queries/authors.graphql");
/// A sighting.
pub(crate) const SIGHTING: &str = include_str!("queries/sighting.graphql");
/// A place where things are sighted.
pub(crate) const IDENTITY_ADD: &str = include_str!("queries/identity_add.graphql");

/// Whole indicators, page by page, by `updated_at`.
pub(crate) fn pages(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::A => include_str!("queries/pages.a.graphql"),
        Dialect::B => include_str!("queries/pages.b.graphql"),
        Dialect::C => include_str!("queries/pages.c.graphql"),
    }
}

/// Ids of all indicators, page by page, by `created_at`: an order that does not change while it is read.
pub(crate) fn ids(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::A => include_str!("queries/ids.a.graphql"),
        Dialect::B | Dialect::C => include_str!("queries/ids.graphql"),
    }
}

/// Indicators of observables, and indicators by their patterns, in one request (facts/opencti.md §2.3).
pub(crate) fn lookup(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::A => include_str!("queries/lookup.a.graphql"),
        Dialect::B => include_str!("queries/lookup.b.graphql"),
        Dialect::C => include_str!("queries/lookup.c.graphql"),
    }
}

/// All that is shown of an observable in an event.
pub(crate) fn context(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::A => include_str!("queries/context.a.graphql"),
        Dialect::B => include_str!("queries/context.b.graphql"),
        Dialect::C => include_str!("queries/context.c.graphql"),
    }
}

/// A system by its name.
pub(crate) fn identity(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::A => include_str!("queries/identity.a.graphql"),
        Dialect::B | Dialect::C => include_str!("queries/identity.graphql"),
    }
}
