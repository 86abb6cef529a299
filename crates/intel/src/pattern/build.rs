//! From STIX's syntax tree to ours.

use alertbridge_alert::observables::Kind;
use stix_pattern::{
    Comparison, ComparisonExpression, ComparisonOperand, ComparisonOperator, Literal,
    ObservationExpression, Qualifier,
};

use super::{
    Reason,
    path::{Target, target},
    scan_text::TextTest,
    tree::{Ask, Node, Side, Test},
};
use crate::{
    ObservableValue,
    value::{Key, bit, hash_bits, is_address, network},
};

/// Regular expressions in one pattern.
const MOST_TEXT_TESTS: usize = 16;

type Built = Result<Node, Reason>;

/// A pattern's tree, and the reason of the first side of an OR that had to be left out. The parser bounds the nesting.
pub(super) fn from_pattern(
    expression: &ObservationExpression,
) -> Result<(Node, Option<Reason>), Reason> {
    let mut builder = Builder::default();
    let node = builder.observation(expression)?;
    Ok((node, builder.partial))
}

/// Any of these values.
pub(super) fn from_values(values: &[ObservableValue]) -> Result<(Node, Option<Reason>), Reason> {
    let mut builder = Builder::default();
    let sides = values.iter().map(|value| {
        let target = named(&value.kind).ok_or(Reason::Object)?;
        equal(target, [value.value.as_str()].into_iter())
    });
    let node = builder.any(sides.collect(), Reason::Nothing)?;
    Ok((node, builder.partial))
}

/// OpenCTI's and STIX's names of observable types, and names of hash algorithms.
fn named(kind: &str) -> Option<Target> {
    let plain: String = kind
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let kind = match plain.as_str() {
        "ipv4addr" | "ipv6addr" | "ip" => Kind::Ip,
        "domainname" | "domain" | "hostname" | "xopenctihostname" => Kind::Domain,
        "url" => Kind::Url,
        "emailaddr" | "email" => Kind::Email,
        "filename" => Kind::FileName,
        "directory" => Kind::Directory,
        "md5" | "sha1" | "sha256" | "sha512" | "stixfile" | "file" => return Some(Target::Hash),
        _ => return None,
    };
    Some(Target::Kind(kind, None))
}

#[derive(Default)]
struct Builder {
    partial: Option<Reason>,
    text_tests: usize,
}

impl Builder {
    fn observation(&mut self, expression: &ObservationExpression) -> Built {
        match expression {
            ObservationExpression::Observation { expression, .. } => self.comparison(expression),
            ObservationExpression::And(sides) => {
                let sides: Result<_, _> = sides.iter().map(|side| self.observation(side)).collect();
                Ok(Node::All(sides?))
            }
            ObservationExpression::Or(sides) => {
                let sides = sides.iter().map(|side| self.observation(side)).collect();
                self.any(sides, Reason::Syntax)
            }
            ObservationExpression::FollowedBy(_) => Err(Reason::FollowedBy),
            ObservationExpression::Qualified {
                expression,
                qualifier,
                ..
            } => match qualifier {
                Qualifier::Repeats { count: 1 } => self.observation(expression),
                Qualifier::Repeats { .. } => Err(Reason::Repeats),
                Qualifier::StartStop { .. } | Qualifier::Within { .. } => Err(Reason::Window),
            },
        }
    }

    fn comparison(&mut self, expression: &ComparisonExpression) -> Built {
        match expression {
            ComparisonExpression::Test(test) => self.test(test),
            ComparisonExpression::And(sides) => {
                let sides: Result<_, _> = sides.iter().map(|side| self.comparison(side)).collect();
                Ok(all(sides?))
            }
            ComparisonExpression::Or(sides) => {
                let sides = sides.iter().map(|side| self.comparison(side)).collect();
                self.any(sides, Reason::Syntax)
            }
        }
    }

    /// The sides that can be answered; where none can, why the first can't.
    fn any(&mut self, sides: Vec<Built>, none: Reason) -> Built {
        let mut kept = Vec::new();
        let mut failed = None;
        for side in sides {
            match side {
                Ok(Node::Any(children)) => kept.extend(children),
                Ok(node) => kept.push(node),
                Err(reason) => failed = failed.or(Some(reason)),
            }
        }
        if kept.is_empty() {
            return Err(failed.unwrap_or(none));
        }
        self.partial = self.partial.or(failed);
        Ok(Node::Any(joined(kept)))
    }

    fn test(&mut self, test: &Comparison) -> Built {
        let target = target(&test.path).ok_or(Reason::Object)?;
        let (operator, flipped) = match test.operator {
            ComparisonOperator::NotEqual => (ComparisonOperator::Equal, true),
            other => (other, false),
        };
        let literals = match &test.value {
            ComparisonOperand::Literal(literal) => std::slice::from_ref(literal),
            ComparisonOperand::Set(literals) => literals.as_slice(),
        };
        let mut node = match operator {
            ComparisonOperator::Equal | ComparisonOperator::In => {
                equal(target, literals.iter().filter_map(text))?
            }
            ComparisonOperator::IsSubset => subset(target, literals)?,
            ComparisonOperator::Like => {
                let like = literals.first().and_then(text).ok_or(Reason::Value)?;
                if like.contains(['%', '_']) {
                    self.text(target, TextTest::like(like))?
                } else {
                    equal(target, [like].into_iter())?
                }
            }
            ComparisonOperator::Matches => {
                let expression = literals.first().and_then(text).ok_or(Reason::Value)?;
                self.text(target, TextTest::matches(expression))?
            }
            _ => return Err(Reason::Operator),
        };
        if test.negated != flipped {
            node = negated(node);
        }
        Ok(node)
    }

    fn text(&mut self, target: Target, test: Option<TextTest>) -> Built {
        self.text_tests += 1;
        let test = test
            .filter(|_| self.text_tests <= MOST_TEXT_TESTS)
            .ok_or(Reason::Regex)?;
        let (kinds, side) = match target {
            Target::Kind(kind, side) => (bit(kind), side),
            Target::Hash => (hash_bits(), None),
            Target::Endpoint(side) => (bit(Kind::Ip) | bit(Kind::Domain), Some(side)),
            Target::EndpointType(_) => return Err(Reason::Operator),
        };
        Ok(Node::Test(Test {
            kinds,
            side,
            negated: false,
            ask: Ask::Text(test),
        }))
    }
}

fn text(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::String(text) | Literal::Hex(text) => Some(text),
        _ => None,
    }
}

/// Equal to any of these. Values of another kind are left out where others remain.
fn equal<'t>(target: Target, texts: impl Iterator<Item = &'t str>) -> Built {
    let mut keys = Vec::new();
    let mut nets = Vec::new();
    let side = match target {
        Target::EndpointType(side) => return present(side, texts),
        Target::Endpoint(side) | Target::Kind(_, Some(side)) => Some(side),
        Target::Hash | Target::Kind(_, None) => None,
    };
    for text in texts {
        let kind = match target {
            Target::Hash => {
                keys.extend(Key::hash(text));
                continue;
            }
            Target::Kind(kind, _) => kind,
            _ if is_address(text) || network(text).is_some() => Kind::Ip,
            _ => Kind::Domain,
        };
        match Key::new(kind, text) {
            Some(key) => keys.push(key),
            None if kind == Kind::Ip => nets.extend(network(text)),
            None => {}
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut sides = Vec::new();
    if !keys.is_empty() {
        sides.push(test(
            keys.iter().fold(0, |kinds, key| kinds | bit(key.kind)),
            side,
            Ask::Keys(keys),
        ));
    }
    if !nets.is_empty() {
        sides.push(test(bit(Kind::Ip), side, Ask::Networks(nets)));
    }
    match sides.len() {
        0 => Err(Reason::Value),
        1 => Ok(sides.remove(0)),
        _ => Ok(Node::Any(sides)),
    }
}

fn subset(target: Target, literals: &[Literal]) -> Built {
    match target {
        Target::Kind(Kind::Ip, _) | Target::Endpoint(_) => {
            equal(target, literals.iter().filter_map(text))
        }
        _ => Err(Reason::Operator),
    }
}

/// `network-traffic:dst_ref.type = 'ipv4-addr'`.
fn present<'t>(side: Side, types: impl Iterator<Item = &'t str>) -> Built {
    let kinds = types.fold(0, |kinds, name| match name {
        "ipv4-addr" | "ipv6-addr" => kinds | bit(Kind::Ip),
        "domain-name" | "hostname" => kinds | bit(Kind::Domain),
        _ => kinds,
    });
    if kinds == 0 {
        return Err(Reason::Value);
    }
    Ok(test(kinds, Some(side), Ask::Present))
}

fn test(kinds: u32, side: Option<Side>, ask: Ask) -> Node {
    Node::Test(Test {
        kinds,
        side,
        negated: false,
        ask,
    })
}

/// A test of one comparison, negated: of several values, none may be there.
fn negated(node: Node) -> Node {
    match node {
        Node::Any(children) => Node::All(children.into_iter().map(negated).collect()),
        Node::Test(mut test) => {
            test.negated = !test.negated;
            Node::Test(test)
        }
        // A single comparison never builds this.
        all @ Node::All(_) => all,
    }
}

/// Tests joined by AND: hashes among them are any hash of one file.
fn all(sides: Vec<Node>) -> Node {
    let (hashes, mut others): (Vec<_>, Vec<_>) = sides.into_iter().partition(is_hash);
    match hashes.len() {
        0 => {}
        1 => others.extend(hashes),
        _ => others.push(Node::Any(joined(hashes))),
    }
    if others.len() == 1 {
        others.remove(0)
    } else {
        Node::All(others)
    }
}

fn is_hash(node: &Node) -> bool {
    match node {
        Node::Test(test) => {
            !test.negated
                && matches!(&test.ask, Ask::Keys(keys) if keys.iter().all(|key| bit(key.kind) & hash_bits() != 0))
        }
        Node::Any(children) => children.iter().all(is_hash),
        Node::All(_) => false,
    }
}

/// Tests for equality joined by OR are one test with more values: a pattern of thousands is searched, not walked.
fn joined(nodes: Vec<Node>) -> Vec<Node> {
    let mut keys_by_side: Vec<(Option<Side>, u32, Vec<Key>)> = Vec::new();
    let mut rest = Vec::new();
    for node in nodes {
        match node {
            Node::Test(Test {
                kinds,
                side,
                negated: false,
                ask: Ask::Keys(keys),
            }) => match keys_by_side.iter_mut().find(|entry| entry.0 == side) {
                Some(entry) => {
                    entry.1 |= kinds;
                    entry.2.extend(keys);
                }
                None => keys_by_side.push((side, kinds, keys)),
            },
            other => rest.push(other),
        }
    }
    let tests = keys_by_side.into_iter().map(|(side, kinds, mut keys)| {
        keys.sort_unstable();
        keys.dedup();
        test(kinds, side, Ask::Keys(keys))
    });
    tests.chain(rest).collect()
}
