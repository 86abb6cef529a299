//! Pages of indicators: orders, cursors, maxima, markings, filters.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

#[path = "support/opencti.rs"]
mod support;

use alertbridge_sandbox::{
    OpenCtiOptions, OpenCtiVersion, StixExternalReference, StixIdentity, StixIndicator,
    StixKillChainPhase, StixObservable, Tlp, synthetic_id, synthetic_indicator,
};
use serde_json::{Value, json};
use support::{Platform, code_of, filter, group, names};

fn indicator(value: &str) -> StixIndicator {
    StixIndicator::of_value("Domain-Name", value)
}

async fn with_synthetic(synthetic: u64) -> Platform {
    Platform::with(OpenCtiOptions {
        synthetic,
        ..Default::default()
    })
    .await
}

async fn all_names(platform: &Platform, first: usize, order_by: &str, mode: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables =
            json!({"first": first, "after": after, "orderBy": order_by, "orderMode": mode});
        let page = platform.page(variables).await;
        found.extend(names(&page));
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn paging_meets_every_indicator_once_in_either_direction() {
    let platform = with_synthetic(103).await;
    for name in ["a.example", "b.example", "c.example"] {
        platform.sandbox.put_indicator(indicator(name));
    }
    platform.sandbox.update_indicator("a.example", |_| {});
    for order in [
        "updated_at",
        "name",
        "x_opencti_score",
        "valid_until",
        "created",
    ] {
        let up = all_names(&platform, 10, order, "asc").await;
        let down = all_names(&platform, 7, order, "desc").await;
        for found in [up, down] {
            assert_eq!(found.len(), 106, "{order}");
            let distinct: std::collections::HashSet<_> = found.iter().collect();
            assert_eq!(distinct.len(), 106, "{order}");
        }
    }
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one() {
    let platform = with_synthetic(20).await;
    let page = platform
        .page(json!({"first": 20, "orderBy": "updated_at"}))
        .await;
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let after = &page["pageInfo"]["endCursor"];
    let page = platform
        .page(json!({"first": 20, "orderBy": "updated_at", "after": after}))
        .await;
    assert_eq!(names(&page).len(), 0);
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    assert_eq!(page["pageInfo"]["globalCount"], 20);
}

#[tokio::test]
async fn a_page_over_the_maximum_is_cut_and_says_that_nothing_follows() {
    let platform = Platform::with(OpenCtiOptions {
        synthetic: 30,
        page_maximum: Some(10),
        ..Default::default()
    })
    .await;
    let page = platform.page(json!({"first": 11})).await;
    assert_eq!(names(&page).len(), 10);
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
}

#[tokio::test]
async fn the_maximum_was_500_in_5_12_24_and_is_5000_today() {
    for (version, most) in [(OpenCtiVersion::V5_12_24, 500), (OpenCtiVersion::V7, 5000)] {
        let platform = Platform::with(OpenCtiOptions {
            version,
            synthetic: 6000,
            ..Default::default()
        })
        .await;
        let query = "{ indicators(first: 6000) { edges { node { id } } } }";
        let data = platform.data(query, json!({})).await;
        assert_eq!(data["indicators"]["edges"].as_array().unwrap().len(), most);
    }
}

#[tokio::test]
async fn release_5_1_refuses_a_page_over_the_maximum() {
    let platform = Platform::of(OpenCtiVersion::V5_1).await;
    let query = "{ indicators(first: 5001) { edges { node { id } } } }";
    assert_eq!(
        platform.ask(query, json!({})).await["data"]["indicators"],
        Value::Null
    );
}

#[tokio::test]
async fn a_cursor_outlives_a_restart_and_what_changed_sorts_after_it() {
    let platform = with_synthetic(10).await;
    let page = platform
        .page(json!({"first": 500, "orderBy": "updated_at"}))
        .await;
    let end = page["pageInfo"]["endCursor"].clone();
    let port = platform.sandbox.port();
    platform.sandbox.stop().await;
    let platform = Platform::with(OpenCtiOptions {
        port: Some(port),
        synthetic: 10,
        ..Default::default()
    })
    .await;
    let changed = synthetic_id(3);
    platform
        .sandbox
        .update_indicator(&changed, |it| it.revoked = true)
        .unwrap();
    let page = platform
        .page(json!({"orderBy": "updated_at", "after": end}))
        .await;
    assert_eq!(page["edges"].as_array().unwrap().len(), 1);
    assert_eq!(page["edges"][0]["node"]["id"], changed);
    assert_eq!(page["edges"][0]["node"]["revoked"], true);
}

#[tokio::test]
async fn a_million_indicators_are_served_from_any_place() {
    let platform = with_synthetic(1_000_000).await;
    assert_eq!(platform.sandbox.indicator_count(), 1_000_000);
    let late = serde_json::to_string(&json!([
        synthetic_indicator(999_989).updated_at.as_millisecond(),
        synthetic_indicator(999_989).standard_id
    ]));
    use base64::Engine;
    let after = base64::engine::general_purpose::STANDARD.encode(late.unwrap());
    let query = "query($after: ID) { indicators(first: 100, orderBy: updated_at, after: $after) { edges { node { id } } } }";
    let data = platform.data(query, json!({"after": after})).await;
    let edges = data["indicators"]["edges"].as_array().unwrap().clone();
    assert_eq!(edges.len(), 10);
    assert_eq!(edges[9]["node"]["id"], synthetic_id(999_999));
}

#[tokio::test]
async fn exact_patterns_and_ids_are_found_among_a_million() {
    let platform = with_synthetic(1_000_000).await;
    let made: Vec<StixIndicator> = (999_990..999_994).map(synthetic_indicator).collect();
    platform.sandbox.delete_indicator(&made[3].id).unwrap();
    let mut own = indicator("own.example");
    own.name = "own".to_owned();
    platform.sandbox.load_indicators([own.clone()]);
    let mut patterns: Vec<String> = made.iter().map(|it| it.pattern.to_uppercase()).collect();
    patterns.push(own.pattern);
    patterns.push("[domain-name:value = 's999990.synthetic.example.other']".to_owned());
    let mut found = platform.found(filter("pattern", json!(patterns))).await;
    found.sort_unstable();
    let mut expected = vec!["own".to_owned()];
    expected.extend(made[..3].iter().map(|it| it.name.clone()));
    expected.sort_unstable();
    assert_eq!(found, expected);
    let ids = json!([made[0].id, made[3].id, made[1].standard_id]);
    assert_eq!(platform.found(filter("id", ids)).await.len(), 2);
}

#[tokio::test]
async fn every_member_of_an_indicator_arrives_and_absent_ones_are_null() {
    let platform = Platform::start().await;
    let mut full = StixIndicator::of_file(&[("SHA-256", "ab"), ("MD5", "cd")]);
    full.name = "full".to_owned();
    full.score = Some(70);
    full.labels = Some(vec!["c2".to_owned()]);
    full.markings = vec![Tlp::Green];
    full.created_by = Some(StixIdentity::new("Organization", "Feed"));
    full.kill_chain_phases = vec![StixKillChainPhase {
        kill_chain_name: "mitre-attack".to_owned(),
        phase_name: "exfiltration".to_owned(),
    }];
    full.external_references = vec![StixExternalReference {
        source_name: "blog".to_owned(),
        url: Some("https://blog.example".to_owned()),
        ..Default::default()
    }];
    platform
        .sandbox
        .load_indicators([full, indicator("bare.example")]);
    let page = platform.page(json!({"orderBy": "name"})).await;
    let (bare, full) = (&page["edges"][0]["node"], &page["edges"][1]["node"]);
    for name in [
        "x_opencti_score",
        "confidence",
        "valid_until",
        "objectLabel",
        "createdBy",
    ] {
        assert_eq!(bare[name], Value::Null, "{name}");
    }
    assert_eq!(bare["valid_from"], "2026-09-01T00:00:00.000Z");
    assert_eq!(full["x_opencti_score"], 70);
    assert_eq!(
        full["pattern"],
        "[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd']"
    );
    assert_eq!(full["objectLabel"], json!([{"value": "c2"}]));
    assert_eq!(full["objectMarking"], json!([{"definition": "TLP:GREEN"}]));
    assert_eq!(full["createdBy"]["name"], "Feed");
    assert_eq!(full["killChainPhases"][0]["phase_name"], "exfiltration");
    assert_eq!(
        full["externalReferences"]["edges"][0]["node"]["source_name"],
        "blog"
    );
    let query = "{ indicators { edges { node { name x_opencti_observable_values { type value hashes { algorithm hash } } } } } }";
    let text = platform.data(query, json!({})).await.to_string();
    assert!(
        text.contains(r#"{"algorithm":"SHA-256","hash":"ab"}"#),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_marked_above_the_users_highest_marking_is_silently_not_there() {
    let platform = Platform::start().await;
    let mut amber = indicator("amber.example");
    amber.markings = vec![Tlp::Clear, Tlp::Amber];
    platform
        .sandbox
        .load_indicators([amber.clone(), indicator("open.example")]);
    let mut file = StixObservable::of_value("Domain-Name", "open.example");
    file.id = "observable".to_owned();
    amber.observables = vec![file.id.clone()];
    platform.sandbox.load_indicators([amber]);
    platform.sandbox.put_observable(file);
    platform
        .sandbox
        .set_highest_marking(&platform.token, Tlp::Green);
    let page = platform.page(json!({})).await;
    assert_eq!(names(&page), ["open.example"]);
    assert_eq!(page["pageInfo"]["globalCount"], 1);
    let query =
        "{ stixCyberObservables { edges { node { indicators { edges { node { name } } } } } } }";
    let data = platform.data(query, json!({})).await;
    let node = &data["stixCyberObservables"]["edges"][0]["node"];
    assert_eq!(node["indicators"]["edges"], json!([]));
    platform
        .sandbox
        .set_highest_marking(&platform.token, Tlp::Red);
    assert_eq!(
        platform.data(query, json!({})).await["stixCyberObservables"]["edges"][0]["node"]["indicators"]
            ["edges"][0]["node"]["name"],
        "amber.example"
    );
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let platform = Platform::start().await;
    let mut good = indicator("Good.example");
    good.score = Some(60);
    good.labels = Some(vec!["c2".to_owned()]);
    let mut gone = indicator("gone.example");
    gone.revoked = true;
    let mut rule = StixIndicator::new("rule", "rule x { condition: true }");
    rule.pattern_type = "yara".to_owned();
    platform.sandbox.load_indicators([good, gone, rule]);
    let found = async |filters| platform.found(filters).await;
    assert_eq!(
        found(filter("pattern_type", json!(["stix"]))).await,
        ["gone.example", "Good.example"]
    );
    assert_eq!(
        found(filter("revoked", json!(["false"]))).await,
        ["Good.example", "rule"]
    );
    assert_eq!(
        found(filter("objectLabel", json!(["c2"]))).await,
        ["Good.example"]
    );
    // Exact, but capitals do not matter.
    let pattern = "[DOMAIN-name:value = 'good.EXAMPLE']";
    assert_eq!(
        found(filter("pattern", json!([pattern, "other"]))).await,
        ["Good.example"]
    );
    let at_least = |score: &str| {
        group(
            "and",
            json!([{"key": "x_opencti_score", "operator": "gte", "values": [score]}]),
        )
    };
    assert_eq!(found(at_least("60")).await, ["Good.example"]);
    assert_eq!(found(at_least("61")).await, [""; 0]);
    let later = |time: &str| {
        group(
            "and",
            json!([{"key": "updated_at", "operator": "gt", "values": [time]}]),
        )
    };
    assert_eq!(found(later("2026-09-01T00:00:00.000Z")).await.len(), 0);
    assert_eq!(found(later("2026-08-31T23:59:59.999Z")).await.len(), 3);
    assert_eq!(found(later("now-1h")).await.len(), 0);
    let nested = json!({"mode": "or", "filters": [{"key": "revoked", "values": ["true"]}],
        "filterGroups": [filter("pattern_type", json!(["yara"]))]});
    assert_eq!(found(nested).await, ["gone.example", "rule"]);
    assert_eq!(
        found(json!({"mode": "or", "filters": [], "filterGroups": []}))
            .await
            .len(),
        3
    );
    // Lists may be given as their only member.
    let bare =
        json!({"mode": "and", "filterGroups": [], "filters": {"key": "name", "values": "rule"}});
    assert_eq!(found(bare).await, ["rule"]);
    let nil = group(
        "and",
        json!([{"key": "x_opencti_score", "operator": "nil", "values": []}]),
    );
    assert_eq!(found(nil).await, ["gone.example", "rule"]);
}

#[tokio::test]
async fn a_value_over_512_characters_is_never_matched_by_eq() {
    let platform = Platform::start().await;
    let fits = format!("http://x.example/{}", "a".repeat(450));
    let long = format!("http://x.example/{}", "a".repeat(512));
    for value in [&fits, &long] {
        platform
            .sandbox
            .put_indicator(StixIndicator::of_value("Url", value));
    }
    let pattern = |value: &str| filter("pattern", json!([format!("[url:value = '{value}']")]));
    assert_eq!(platform.found(pattern(&fits)).await.len(), 1);
    assert_eq!(platform.found(pattern(&long)).await.len(), 0);
}

#[tokio::test]
async fn an_unknown_filter_key_is_an_error_and_an_unknown_sub_key_since_6_0_9() {
    let query =
        "query($f: FilterGroup) { stixCyberObservables(filters: $f) { edges { node { id } } } }";
    let wrong_sub_key = json!({"f": filter("hashes.SHA256", json!(["ab"]))});
    let platform = Platform::of(OpenCtiVersion::V6_0_8).await;
    assert_eq!(
        platform.data(query, wrong_sub_key.clone()).await["stixCyberObservables"]["edges"],
        json!([])
    );
    for version in [OpenCtiVersion::new(6, 0, 9), OpenCtiVersion::V7] {
        let platform = Platform::of(version).await;
        let answer = platform.ask(query, wrong_sub_key.clone()).await;
        assert_eq!(code_of(&answer), "UNSUPPORTED_ERROR");
        assert_eq!(
            answer["errors"][0]["message"],
            "Schema definition named [hashes] is missing mapping for attribute [SHA256]"
        );
        let answer = platform
            .ask(query, json!({"f": filter("markedBy", json!(["x"]))}))
            .await;
        assert_eq!(
            answer["errors"][0]["message"],
            "Incorrect filter keys not existing in any schema definition"
        );
    }
}

#[tokio::test]
async fn a_filter_group_without_one_of_its_three_members_is_refused() {
    let platform = Platform::start().await;
    for missing in ["mode", "filters", "filterGroups"] {
        let mut filters = filter("revoked", json!(["false"]));
        filters.as_object_mut().unwrap().remove(missing);
        let answer = platform
            .ask(support::PAGE, json!({"filters": filters}))
            .await;
        assert_eq!(code_of(&answer), "BAD_USER_INPUT", "{missing}");
    }
}

#[tokio::test]
async fn files_are_found_by_hash_only_and_lead_to_their_indicators() {
    let platform = Platform::start().await;
    let file = StixObservable::file(&[("SHA-256", "abcd"), ("MD5", "ef")]);
    let mut indicator = StixIndicator::of_file(&[("SHA-256", "abcd"), ("MD5", "ef")]);
    indicator.observables = vec![file.id.clone()];
    platform.sandbox.put_observable(file);
    platform.sandbox.put_indicator(indicator);
    let query = "query($f: FilterGroup) { stixCyberObservables(filters: $f, orderBy: created_at) { edges { node {
        entity_type observable_value ... on StixFile { hashes { algorithm hash } } ... on DomainName { value }
        indicators(first: 5) { edges { node { pattern } } } } } } }";
    let data = platform
        .data(query, json!({"f": filter("value", json!(["abcd"]))}))
        .await;
    assert_eq!(data["stixCyberObservables"]["edges"], json!([]));
    let data = platform
        .data(query, json!({"f": filter("hashes.MD5", json!(["EF"]))}))
        .await;
    let node = &data["stixCyberObservables"]["edges"][0]["node"];
    assert_eq!(node["observable_value"], "abcd");
    assert_eq!(node["hashes"][0]["algorithm"], "MD5");
    assert!(
        node["indicators"]["edges"][0]["node"]["pattern"]
            .as_str()
            .unwrap()
            .contains(" OR ")
    );
}

#[tokio::test]
async fn to_stix_gives_each_indicator_as_text_since_6_5_10() {
    let query = "{ indicators(toStix: true) { edges { node { toStix } } } }";
    let platform = Platform::of(OpenCtiVersion::new(6, 5, 9)).await;
    assert_eq!(
        platform.code(query, json!({})).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
    let platform = Platform::of(OpenCtiVersion::new(6, 5, 10)).await;
    platform.sandbox.put_indicator(indicator("a.example"));
    let data = platform.data(query, json!({})).await;
    let text = data["indicators"]["edges"][0]["node"]["toStix"]
        .as_str()
        .unwrap();
    let object: Value = serde_json::from_str(text).unwrap();
    assert_eq!(object["type"], "indicator");
    assert_eq!(object["pattern"], "[domain-name:value = 'a.example']");
}

fn drawn() -> impl proptest::strategy::Strategy<Value = (Vec<(Option<i64>, i64)>, u64, usize, bool)>
{
    use proptest::{collection, option, prelude::any};
    (
        collection::vec((option::of(0_i64..4), 0_i64..3000), 0..20),
        0_u64..30,
        1_usize..12,
        any::<bool>(),
    )
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    /// Whatever the size of the pages, they are the one list in order, also among equal and absent values.
    #[test]
    fn pages_put_together_are_the_whole_list((own, synthetic, first, descending) in drawn()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let platform = with_synthetic(synthetic).await;
            for (number, (score, after)) in own.iter().enumerate() {
                let mut it = indicator(&format!("own{number}.example"));
                it.score = *score;
                it.updated_at = it.updated_at.checked_add(jiff::SignedDuration::from_millis(*after)).unwrap();
                platform.sandbox.load_indicators([it]);
            }
            let mode = if descending { "desc" } else { "asc" };
            for order in ["updated_at", "x_opencti_score"] {
                let whole = all_names(&platform, 5000, order, mode).await;
                assert_eq!(whole.len() as u64, own.len() as u64 + synthetic);
                assert_eq!(all_names(&platform, first, order, mode).await, whole);
            }
        });
    }
}

#[tokio::test]
async fn a_page_of_the_updated_order_is_sorted_by_it() {
    let platform = with_synthetic(50).await;
    platform.sandbox.update_indicator(&synthetic_id(5), |_| {});
    let page = platform.page(json!({"orderBy": "updated_at"})).await;
    let times: Vec<String> = page["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["node"]["updated_at"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.is_sorted());
    assert_eq!(page["edges"][49]["node"]["id"], synthetic_id(5));
}
