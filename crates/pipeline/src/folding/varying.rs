//! Which fields vary each time: by the words of their names, and values that say so themselves.

use crate::network::address;

/// The words of a name: `subjectLogonId` is `subject`, `logon`, `id`. Kept to be used for the next name again.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// In lower case (ASCII), each but the first after a space. A name's word has none in it.
    text: String,
}

/// Characters of a name that are looked at.
const LONGEST: usize = 64;

impl Words {
    /// Whether a field differs each time though the same happens.
    pub(super) fn vary(&mut self, path: &str, value: &str) -> bool {
        self.split(path.rsplit('.').next().unwrap_or(path));
        let mut before = "";
        let mut is_destination = false;
        for word in self.text.split(' ') {
            let is_pair = match word {
                "id" => is_instance(before),
                "port" => is_near(before),
                _ => false,
            };
            if is_pair || is_varying(word) {
                return true;
            }
            is_destination |= is_far(word);
            before = word;
        }
        // What is before the end now is the last word.
        before.ends_with("time")
            || before.ends_with("timestamp")
            || matches!(before, "reqid" | "rayid" | "remport")
            || is_measurement(value)
            || (!is_destination && address(value).is_some())
    }

    fn split(&mut self, name: &str) {
        self.text.clear();
        let mut after_lower = false;
        let mut is_begun = false;
        for character in name.chars().take(LONGEST) {
            let is_letter = character.is_alphanumeric();
            if is_begun && (!is_letter || (after_lower && character.is_uppercase())) {
                self.text.push(' ');
                is_begun = false;
            }
            after_lower = character.is_lowercase();
            if is_letter {
                self.text.push(character.to_ascii_lowercase());
                is_begun = true;
            }
        }
    }
}

fn is_varying(word: &str) -> bool {
    matches!(
        word,
        "age"
            | "bytes"
            | "cookie"
            | "cookies"
            | "count"
            | "counter"
            | "created"
            | "date"
            | "duration"
            | "elapsed"
            | "epoch"
            | "expires"
            | "guid"
            | "inode"
            | "latency"
            | "length"
            | "mtime"
            | "nonce"
            | "occured"
            | "occurred"
            | "offset"
            | "packets"
            | "pid"
            | "pkts"
            | "ppid"
            | "rt"
            | "seq"
            | "sequence"
            | "sequencenum"
            | "serial"
            | "session"
            | "size"
            | "sn"
            | "srcport"
            | "tid"
            | "time"
            | "timestamp"
            | "token"
            | "ts"
            | "ttl"
            | "updated"
            | "uptime"
            | "uuid"
    )
}

/// Before `id`.
fn is_instance(word: &str) -> bool {
    matches!(
        word,
        "activity"
            | "correlation"
            | "event"
            | "flow"
            | "insert"
            | "instance"
            | "logon"
            | "message"
            | "process"
            | "record"
            | "req"
            | "request"
            | "scan"
            | "thread"
            | "trace"
            | "trans"
            | "transaction"
    )
}

/// Before `port`.
fn is_near(word: &str) -> bool {
    matches!(
        word,
        "client" | "orig" | "rem" | "remote" | "source" | "src"
    )
}

/// At the other end, so that an address tells events apart.
fn is_far(word: &str) -> bool {
    matches!(
        word,
        "dest" | "destination" | "dst" | "dstip" | "locip" | "resp" | "server" | "target"
    )
}

/// Wazuh writes numbers that are no integers with six digits behind the point: durations and other measurements.
fn is_measurement(value: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((before, part)) = value
        .len()
        .checked_sub(6)
        .and_then(|at| value.split_at_checked(at))
    else {
        return false;
    };
    let whole = before.strip_suffix('.');
    whole.is_some_and(|whole| is_digits(whole) && is_digits(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varies(path: &str, value: &str) -> bool {
        Words::default().vary(path, value)
    }

    #[test]
    fn names_of_what_varies_are_told_by_their_words() {
        for name in [
            "utcTime",
            "a.subjectLogonId",
            "processId",
            "event-time",
            "src_port",
            "EdgeEndTimestamp",
            "scan ID",
            "pid",
        ] {
            assert!(varies(name, "x"), "{name}");
        }
        for name in [
            "account",
            "country",
            "status",
            "targetUserName",
            "dstport",
            "rule_id",
            "agent",
            "package",
            "runtimes.x",
        ] {
            assert!(!varies(name, "x"), "{name}");
        }
        assert!(varies("remip", "10.1.2.3") && !varies("dst_ip", "10.1.2.3"));
    }
}
