//! IOCs and assets that come with an alert: validation in IRIS's words, and the stored rows.
//!
//! Called by `add.rs` and `update.rs`. A row that passes here can still make the database refuse the alert.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::{errors, json, python, schema, tables};

const IOC_TEXTS: [&str; 3] = ["ioc_description", "ioc_tags", "ioc_misp"];
const ASSET_TEXTS: [&str; 6] = [
    "asset_description",
    "asset_ip",
    "asset_domain",
    "asset_tags",
    "asset_info",
    "asset_name",
];
const LONGEST_IOC_TAGS: usize = 512;

/// The IOCs of a body, checked.
#[derive(Debug, Default)]
pub(crate) struct Iocs {
    pub(crate) rows: Vec<Map<String, Value>>,
    /// An IOC came without the key `ioc_type_id`: the alert is stored and answered 400 all the same.
    pub(crate) type_key_missing: bool,
}

/// The members of a list of objects, or what Python says when it is none.
fn objects(list: &Value) -> Result<Vec<&Map<String, Value>>, Answer> {
    let items: &[Value] = match list {
        Value::Array(items) => items,
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(errors::bad_request(&format!(
                "'{}' object is not iterable",
                python::type_name(list)
            )));
        }
        // Silent in the facts: a schema asked for many answers so.
        _ => return Err(errors::bad_request("{'_schema': ['Invalid input type.']}")),
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Object(members) => rows.push(members),
            other => {
                return Err(errors::bad_request(&format!(
                    "'{}' object has no attribute 'get'",
                    python::type_name(other)
                )));
            }
        }
    }
    Ok(rows)
}

/// Checks the IOCs of a body.
pub(crate) fn load_iocs(list: &Value) -> Result<Iocs, Answer> {
    let mut iocs = Iocs::default();
    for (at, members) in objects(list)?.into_iter().enumerate() {
        let mut row = Map::new();
        match members.get("ioc_type_id") {
            None => iocs.type_key_missing = true,
            Some(Value::Null) => {}
            Some(value) => {
                let id = schema::integer(value).map_err(|text| complain("ioc_type_id", &text))?;
                if id != 0 && tables::name_of(tables::IOC_TYPES, id).is_none() {
                    return Err(complain("ioc_type_id", "Invalid IOC type ID"));
                }
                row.insert("ioc_type_id".to_owned(), id.into());
            }
        }
        let value = members
            .get("ioc_value")
            .ok_or_else(|| complain_at(at, "ioc_value", "Missing data for required field."))?;
        if value.is_null() {
            return Err(complain_at(at, "ioc_value", "Field may not be null."));
        }
        let text = schema::text(value).map_err(|text| complain_at(at, "ioc_value", &text))?;
        if text.is_empty() {
            return Err(complain_at(
                at,
                "ioc_value",
                "Shorter than minimum length 1.",
            ));
        }
        row.insert("ioc_value".to_owned(), text.into());
        if let Some(value) = members.get("ioc_tlp_id").filter(|value| !value.is_null()) {
            let id = schema::integer(value).map_err(|text| complain_at(at, "ioc_tlp_id", &text))?;
            row.insert("ioc_tlp_id".to_owned(), id.into());
        }
        for name in IOC_TEXTS {
            copy_text(members, name, at, &mut row)?;
        }
        let tags = row
            .get("ioc_tags")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if tags.chars().count() > LONGEST_IOC_TAGS {
            return Err(complain_at(
                at,
                "ioc_tags",
                "Longer than maximum length 512.",
            ));
        }
        for name in ["ioc_enrichment", "custom_attributes"] {
            if let Some(value) = members.get(name) {
                row.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(id) = members.get("ioc_id").and_then(Value::as_i64) {
            row.insert("ioc_id".to_owned(), id.into());
        }
        iocs.rows.push(row);
    }
    Ok(iocs)
}

/// Checks the assets of a body.
pub(crate) fn load_assets(list: &Value) -> Result<Vec<Map<String, Value>>, Answer> {
    let mut rows = Vec::new();
    for (at, members) in objects(list)?.into_iter().enumerate() {
        let mut row = Map::new();
        let kind = members
            .get("asset_type_id")
            .filter(|value| !value.is_null());
        let kind =
            kind.ok_or_else(|| complain("asset_type_id", "Invalid data - non null expected"))?;
        let id = schema::integer(kind)
            .map_err(|_| complain("asset_type_id", "Invalid asset type ID"))?;
        if tables::name_of(tables::ASSET_TYPES, id).is_none() {
            return Err(complain("asset_type_id", "Invalid asset type ID"));
        }
        row.insert("asset_type_id".to_owned(), id.into());
        if !members.contains_key("asset_name") {
            return Err(complain_at(
                at,
                "asset_name",
                "Missing data for required field.",
            ));
        }
        if members.get("asset_name").is_some_and(Value::is_null) {
            return Err(complain_at(at, "asset_name", "Field may not be null."));
        }
        for name in ASSET_TEXTS {
            copy_text(members, name, at, &mut row)?;
        }
        for name in ["asset_compromise_status_id", "analysis_status_id"] {
            if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
                let id = schema::integer(value).map_err(|text| complain_at(at, name, &text))?;
                row.insert(name.to_owned(), id.into());
            }
        }
        for name in ["asset_enrichment", "custom_attributes"] {
            if let Some(value) = members.get(name) {
                row.insert(name.to_owned(), value.clone());
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// What the database refuses in IOC rows.
pub(crate) fn check_iocs(rows: &[Map<String, Value>]) -> Result<(), Answer> {
    for row in rows {
        for name in IOC_TEXTS.into_iter().chain(["ioc_value"]) {
            if let Some(text) = row.get(name).and_then(Value::as_str) {
                schema::storable_text(text)?;
            }
        }
        let enrichment = row.get("ioc_enrichment").unwrap_or(&Value::Null);
        if json::holds_nul(enrichment) {
            return Err(errors::untranslatable(row));
        }
        if json::holds_non_finite(enrichment) {
            return Err(errors::not_json_for_postgres("ioc_enrichment", row));
        }
        if row.get("ioc_type_id").and_then(Value::as_i64) == Some(0) {
            return Err(errors::foreign_key(
                "ioc",
                "ioc_type_id",
                0,
                "ioc_type",
                row,
            ));
        }
        if let Some(id) = row.get("ioc_tlp_id").and_then(Value::as_i64)
            && tables::name_of(tables::TLPS, id).is_none()
        {
            return Err(errors::foreign_key("ioc", "ioc_tlp_id", id, "tlp", row));
        }
    }
    Ok(())
}

/// What the database refuses in asset rows.
pub(crate) fn check_assets(rows: &[Map<String, Value>]) -> Result<(), Answer> {
    for row in rows {
        for name in ASSET_TEXTS {
            if let Some(text) = row.get(name).and_then(Value::as_str) {
                schema::storable_text(text)?;
            }
        }
        let name = row
            .get("asset_name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        schema::indexable(name, "idx_case_assets_name")?;
        if let Some(id) = row.get("analysis_status_id").and_then(Value::as_i64)
            && tables::name_of(tables::ANALYSIS_STATUSES, id).is_none()
        {
            let table = "analysis_status";
            return Err(errors::foreign_key(
                "case_assets",
                "analysis_status_id",
                id,
                table,
                row,
            ));
        }
    }
    Ok(())
}

/// A stored IOC as IRIS prints it.
pub(crate) fn print_ioc(row: &Map<String, Value>) -> Value {
    let mut out = row.clone();
    for name in [
        "ioc_description",
        "ioc_tags",
        "ioc_misp",
        "ioc_enrichment",
        "custom_attributes",
    ] {
        out.entry(name).or_insert(Value::Null);
    }
    let type_id = row.get("ioc_type_id").and_then(Value::as_i64);
    let type_name = type_id.and_then(|id| tables::name_of(tables::IOC_TYPES, id));
    let printed = type_name.map_or(
        Value::Null,
        |name| json!({"type_id": type_id, "type_name": name}),
    );
    out.insert("ioc_type".to_owned(), printed);
    let tlp_id = row.get("ioc_tlp_id").and_then(Value::as_i64);
    let tlp_name = tlp_id.and_then(|id| tables::name_of(tables::TLPS, id));
    let printed = tlp_name.map_or(
        Value::Null,
        |name| json!({"tlp_id": tlp_id, "tlp_name": name}),
    );
    out.insert("tlp".to_owned(), printed);
    out.entry("ioc_type_id").or_insert(Value::Null);
    out.entry("ioc_tlp_id").or_insert(Value::Null);
    Value::Object(out)
}

/// A stored asset as IRIS prints it, without the alerts it belongs to.
pub(crate) fn print_asset(row: &Map<String, Value>) -> Map<String, Value> {
    let mut out = row.clone();
    for name in ASSET_TEXTS
        .into_iter()
        .chain(["asset_enrichment", "custom_attributes"])
    {
        out.entry(name).or_insert(Value::Null);
    }
    let type_id = row.get("asset_type_id").and_then(Value::as_i64);
    let type_name = type_id.and_then(|id| tables::name_of(tables::ASSET_TYPES, id));
    let kind = json!({"asset_id": type_id, "asset_name": type_name});
    out.insert("asset_type".to_owned(), kind);
    out.entry("asset_compromise_status_id")
        .or_insert(Value::Null);
    out.entry("analysis_status_id").or_insert(Value::Null);
    out
}

fn copy_text(
    members: &Map<String, Value>,
    name: &str,
    at: usize,
    row: &mut Map<String, Value>,
) -> Result<(), Answer> {
    match members.get(name) {
        None => {}
        Some(Value::Null) => {
            row.insert(name.to_owned(), Value::Null);
        }
        Some(value) => {
            let text = schema::text(value).map_err(|text| complain_at(at, name, &text))?;
            row.insert(name.to_owned(), text.into());
        }
    }
    Ok(())
}

fn complain(field: &str, text: &str) -> Answer {
    errors::bad_request(&format!("{{'{field}': [{}]}}", python::repr(text)))
}

fn complain_at(at: usize, field: &str, text: &str) -> Answer {
    errors::bad_request(&format!(
        "{{{at}: {{'{field}': [{}]}}}}",
        python::repr(text)
    ))
}
