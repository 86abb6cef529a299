//! A brute force over SSH from a hundred addresses: the repeats that fill an analyst's screen. The form is that of the stock
//! rule 5710.

use serde_json::json;

/// Addresses it comes from.
pub const ADDRESSES: u8 = 100;

/// The real alerts, and the brute force behind them.
pub fn with_brute_force(alerts: &str) -> String {
    let mut all = alerts.trim_end().to_owned();
    for number in 0..ADDRESSES {
        // Addresses for documentation.
        let address = format!("203.0.113.{number}");
        let user = ["admin", "oracle", "test", "ubuntu", "pi"][usize::from(number) % 5];
        let alert = json!({
            "timestamp": format!("2026-11-21T08:59:{:02}.101+0000", number % 60),
            "rule": {
                "level": 5,
                "description": "sshd: Attempt to login using a non-existent user",
                "id": "5710",
                "mitre": {"id": ["T1110.001"], "tactic": ["Credential Access"], "technique": ["Password Guessing"]},
                "groups": ["syslog", "sshd", "authentication_failed", "invalid_login"],
            },
            "agent": {"id": "001", "name": "web01", "ip": "10.0.0.11"},
            "manager": {"name": "vm"},
            "id": format!("1795251540.{}", 300_000 + 700 * u32::from(number)),
            "full_log": format!("Nov 21 08:59:10 web01 sshd[4711]: Invalid user {user} from {address} port 50022"),
            "decoder": {"parent": "sshd", "name": "sshd"},
            "data": {"srcip": address, "srcuser": user, "srcport": "50022"},
            "location": "/var/log/auth.log",
        });
        all.push('\n');
        all.push_str(&alert.to_string());
    }
    all
}
