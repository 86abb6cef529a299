//! Ids: the same object gets the same ids in every run.

use serde_json::Value;
use uuid::Uuid;

/// OpenCTI's namespace for STIX ids of domain objects, as its client computes them too.
const NAMESPACE: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// A STIX id: uuid v5 of what makes the object unique, as canonical JSON.
pub(crate) fn standard(stix_type: &str, identity: &Value) -> String {
    // serde_json sorts keys here, which is what canonical JSON asks for in objects this simple.
    let text = identity.to_string();
    format!("{stix_type}--{}", Uuid::new_v5(&NAMESPACE, text.as_bytes()))
}

/// An internal id. The real platform draws these at random; here they follow from a seed text.
pub(crate) fn internal(seed: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, seed.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::standard;
    use serde_json::json;

    #[test]
    fn an_indicator_gets_the_id_that_the_official_client_computes() {
        let id = standard(
            "indicator",
            &json!({"pattern": "[ipv4-addr:value = '1.2.3.4']"}),
        );
        assert_eq!(id, "indicator--274128a4-2ad4-50b5-ae7b-b0dea1fa9861");
    }
}
