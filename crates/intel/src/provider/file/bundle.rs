//! A STIX 2.1 bundle, or a plain list of its objects.
//!
//! Each object is read by itself, so that a broken one costs nothing but itself. Markings and authors are named by the objects of the
//! bundle, wherever they stand in it.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::Reading;
use crate::provider::{ErrorKind, ProviderError, fields, marking::Names, stix};

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow, default)]
    objects: Vec<&'a RawValue>,
}

/// Reads a bundle.
///
/// # Errors
/// [`ProviderError`] where the text is no JSON, or no bundle.
pub(super) fn read(text: &str) -> Result<Reading, ProviderError> {
    let objects = if text.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(text)
    } else {
        serde_json::from_str::<Bundle<'_>>(text).map(|bundle| bundle.objects)
    };
    let objects = objects.map_err(|error| {
        ProviderError::operator(
            ErrorKind::Answer,
            format!("the file is no STIX bundle: {error}"),
        )
    })?;
    let mut reading = Reading::default();
    let mut names = Names::default();
    let mut indicators: Vec<(u64, Value)> = Vec::new();
    for (object, place) in objects.into_iter().zip(1..) {
        let read = serde_json::from_str::<Value>(object.get())
            .or_else(|_| serde_json::from_str(&fields::without_lone_surrogates(object.get())));
        match read {
            Ok(object) if names.learn_from(&object) => {}
            Ok(object) if stix::is_indicator(&object) => indicators.push((place, object)),
            Ok(Value::Object(_)) => {}
            Ok(_) => reading.fault(place, "not an object"),
            Err(error) => reading.fault(place, error.to_string()),
        }
    }
    for (place, object) in indicators {
        let indicator = stix::indicator(&object, &names);
        match (indicator, fields::word(&object, "id")) {
            (Some(indicator), _) if indicator.pattern_type != "stix" => reading.passed_over += 1,
            (Some(mut indicator), Some(id)) => {
                indicator.id = id;
                reading.indicators.push(indicator);
            }
            (Some(_), None) => reading.fault(place, "the indicator has no id"),
            (None, _) => reading.fault(place, "the indicator has no pattern"),
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indicators_are_read_with_their_markings_and_authors_wherever_these_stand() {
        let indicator = json!({"type": "indicator", "id": "indicator--1", "pattern": "[ipv4-addr:value = '203.0.113.9']",
            "pattern_type": "stix", "created_by_ref": "identity--1", "object_marking_refs": ["marking-definition--9"],
            "labels": ["c2"], "confidence": 70});
        let yara = json!({"type": "indicator", "id": "indicator--2", "pattern": "rule x {}", "pattern_type": "yara"});
        let bundle = json!({"type": "bundle", "objects": [indicator, yara, 7, {"type": "indicator", "id": "indicator--3"},
            {"type": "identity", "id": "identity--1", "name": "ACME"},
            {"type": "marking-definition", "id": "marking-definition--9", "definition": {"tlp": "amber"}}]});
        for text in [bundle.to_string(), bundle["objects"].to_string()] {
            let reading = read(&text).unwrap();
            assert_eq!(
                (
                    reading.indicators.len(),
                    reading.passed_over,
                    reading.faulty
                ),
                (1, 1, 2)
            );
            let indicator = &reading.indicators[0];
            assert_eq!(
                (indicator.created_by.as_deref(), &indicator.markings[..]),
                (Some("ACME"), &["TLP:AMBER".to_owned()][..])
            );
            assert_eq!(reading.faults[0].0, 3);
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_the_place() {
        let error = read("{\"objects\": [\n{]").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(read("{\"objects\": 5}").is_err());
        assert_eq!(read("{}").unwrap().indicators.len(), 0);
    }
}
