//! Which customer an alert is for.

use alertbridge_alert::Head;

use super::config::{Customer, CustomerRule, network};
use crate::SinkError;

/// The ordered rules and the default.
#[derive(Debug)]
pub(crate) struct Customers {
    rules: Vec<(CustomerRule, Customer)>,
    default: Customer,
}

impl Customers {
    /// # Errors
    /// [`SinkError::Value`] for a rule without a customer or a condition, or with a network that is none.
    pub(crate) fn new(rules: Vec<CustomerRule>, default: Customer) -> Result<Self, SinkError> {
        let mut checked = Vec::new();
        for (at, rule) in rules.into_iter().enumerate() {
            let key = format!("customers[{at}]");
            let Some(customer) = rule.customer.clone() else {
                return Err(SinkError::value(&key, "has no `customer`"));
            };
            if rule.is_empty() {
                return Err(SinkError::value(
                    &key,
                    "has no condition; for all other alerts there is `default_customer`",
                ));
            }
            let networks = rule.agent_ip.iter().flat_map(|words| &words.0);
            if let Some(word) = networks.into_iter().find(|word| network(word).is_none()) {
                return Err(SinkError::value(
                    &format!("{key}.agent_ip"),
                    format!("`{word}` is no network such as 10.1.0.0/16"),
                ));
            }
            let labels = rule.agent_label.iter().flat_map(|words| &words.0);
            if let Some(word) = labels.into_iter().find(|word| !word.contains('=')) {
                return Err(SinkError::value(
                    &format!("{key}.agent_label"),
                    format!("`{word}` is not of the form name=value"),
                ));
            }
            checked.push((rule, customer));
        }
        Ok(Self {
            rules: checked,
            default,
        })
    }

    /// The customer of the first rule that matches, else the default.
    pub(crate) fn of(&self, head: &Head) -> &Customer {
        let found = self.rules.iter().find(|(rule, _)| rule.matches(head));
        found.map_or(&self.default, |(_, customer)| customer)
    }

    /// Every customer the configuration names, the default first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Customer> {
        std::iter::once(&self.default).chain(self.rules.iter().map(|(_, customer)| customer))
    }
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    #[test]
    fn the_first_rule_that_matches_chooses_the_customer() {
        let rules: Vec<CustomerRule> = serde_json::from_str(
            r#"[{"agent_name":"web*","customer":7},{"agent_ip":["10.0.0.0/8"],"customer":"Acme"}]"#,
        )
        .unwrap();
        let customers = Customers::new(rules, Customer::Id(1)).unwrap();
        for (agent, expected) in [
            (r#"{"name":"web1","ip":"10.0.0.1"}"#, "7"),
            (r#"{"name":"db1","ip":"10.0.0.1"}"#, "Acme"),
            (r#"{"name":"db1","ip":"192.168.0.1"}"#, "1"),
            ("{}", "1"),
        ] {
            let alert = Alert::parse(format!(r#"{{"agent":{agent}}}"#).into_bytes()).unwrap();
            assert_eq!(customers.of(alert.head()).to_string(), expected, "{agent}");
        }
    }

    #[test]
    fn a_rule_that_would_catch_everything_or_nothing_is_refused() {
        for rule in [
            r#"{"customer":1}"#,
            r#"{"agent_name":"a"}"#,
            r#"{"customer":1,"agent_ip":"10.0.0"}"#,
            r#"{"customer":1,"agent_label":"x"}"#,
        ] {
            let rule: CustomerRule = serde_json::from_str(rule).unwrap();
            assert!(Customers::new(vec![rule], Customer::Id(1)).is_err());
        }
    }
}
