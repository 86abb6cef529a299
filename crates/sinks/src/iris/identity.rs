//! The alert's identity in IRIS.
//!
//! IRIS keeps `alert_uuid` unique and takes it from the client (facts/iris.md §0.1), so a name-based uuid makes a second
//! post of the same alert impossible. The customer is part of the name, because the uuid of another tenant collides too
//! (facts/iris.md §5) and an alert that is meant for two customers is two alerts.

use uuid::Uuid;

/// The project's namespace. It must never change: alerts already delivered would be delivered again.
const NAMESPACE: Uuid = Uuid::from_u128(0x7f1d_3a52_9c64_4e08_b1a7_52c0_6d9e_88f3);

/// `alert_uuid` of an alert: UUIDv5(UUIDv5(namespace, customer id as decimal), reference).
///
/// ```
/// # use alertbridge_sinks::iris::alert_uuid;
/// assert_eq!(alert_uuid(1, "m1:17.4"), alert_uuid(1, "m1:17.4"));
/// assert_ne!(alert_uuid(1, "m1:17.4"), alert_uuid(2, "m1:17.4"));
/// ```
pub fn alert_uuid(customer: i64, reference: &str) -> Uuid {
    let of_customer = Uuid::new_v5(&NAMESPACE, customer.to_string().as_bytes());
    Uuid::new_v5(&of_customer, reference.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If one of these changes, every alert delivered before would be delivered a second time.
    #[test]
    fn the_uuids_never_change() {
        for (customer, reference, expected) in [
            (
                1,
                "vm:1795250582.1658",
                "9fa2dff5-8f0e-5883-814f-5970e027829c",
            ),
            (
                42,
                "vm:1795250582.1658",
                "0b26e1aa-d40c-5910-ada2-d3c7c901ba75",
            ),
            (
                1,
                "worker-1:1795250582.1658~1a2b3c4d",
                "3b4fb2b2-178b-5c30-95af-2a280c97632e",
            ),
        ] {
            assert_eq!(
                alert_uuid(customer, reference).to_string(),
                expected,
                "{customer} {reference}"
            );
        }
    }
}
