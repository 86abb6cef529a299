//! Tokens, rights, dialects, and what is refused in which words.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

#[path = "support/opencti.rs"]
mod support;

use alertbridge_sandbox::{
    OpenCtiOptions, OpenCtiRights, OpenCtiUser, OpenCtiVersion, StixIdentity, StixIndicator,
};
use serde_json::{Value, json};
use support::{PAGE, Platform, code_of, filter};

const TWO: &str =
    "{ indicators { edges { node { id } } } stixCyberObservables { edges { node { id } } } }";
const PROBE: &str = "query { about { version } me { id name user_email capabilities { name } } }";
const DIALECT_A: &str = "query($f: [IndicatorsFiltering]) { indicators(filters: $f, filterMode: and) { edges { node {
    name objectLabel { edges { node { value } } } objectMarking { edges { node { definition } } } } } } }";
const DIALECT_B: &str = "query($f: FilterGroup) { indicators(filters: $f) { edges { node {
    name objectLabel { edges { node { value } } } objectMarking { edges { node { definition } } } } } } }";
const ADD_SIGHTING: &str = "mutation AddSighting($input: StixSightingRelationshipAddInput!) {
    stixSightingRelationshipAdd(input: $input) { id standard_id attribute_count first_seen last_seen } }";

#[tokio::test]
async fn without_a_valid_token_every_field_fails_at_http_200() {
    let platform = Platform::start().await;
    platform.sandbox.set_token_expired(&platform.token, true);
    for token in ["wrong", "", &platform.token] {
        let answer = platform.ask_as(token, TWO, json!({})).await;
        assert_eq!(
            answer["data"],
            json!({"indicators": null, "stixCyberObservables": null})
        );
        assert_eq!(
            answer["errors"][0],
            json!({"message": "You must be logged in to do this.", "path": ["indicators"],
                "extensions": {"code": "AUTH_REQUIRED", "data": {"http_status": 401, "genre": "TECHNICAL"}},
                "name": "AUTH_REQUIRED"})
        );
        assert_eq!(answer["errors"].as_array().unwrap().len(), 2);
    }
    platform.sandbox.set_token_expired(&platform.token, false);
    platform.data(TWO, json!({})).await;
}

#[tokio::test]
async fn errors_wear_the_dress_of_their_release() {
    for (version, name, has_code) in [
        (OpenCtiVersion::V5_1, "AuthRequired", false),
        (OpenCtiVersion::new(5, 12, 9), "AuthRequired", false),
        (OpenCtiVersion::new(5, 12, 10), "AUTH_REQUIRED", false),
        (OpenCtiVersion::new(6, 2, 13), "AUTH_REQUIRED", false),
        (OpenCtiVersion::new(6, 2, 14), "AUTH_REQUIRED", true),
    ] {
        let platform = Platform::of(version).await;
        let answer = platform.ask_as("wrong", TWO, json!({})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["name"], name, "{version}");
        assert_eq!(
            error["extensions"]["code"].is_string(),
            has_code,
            "{version}"
        );
        assert_eq!(error["time_thrown"].is_string(), !has_code, "{version}");
    }
}

#[tokio::test]
async fn a_user_without_the_right_is_forbidden_and_may_still_ask_who_he_is() {
    let platform = Platform::start().await;
    let none = OpenCtiRights {
        use_token: true,
        ..Default::default()
    };
    platform.sandbox.set_rights(&platform.token, none);
    assert_eq!(platform.code(TWO, json!({})).await, "FORBIDDEN_ACCESS");
    let data = platform.data(PROBE, json!({})).await;
    assert_eq!(data["about"]["version"], "7.260817.0");
    assert_eq!(
        data["me"]["capabilities"],
        json!([{"name": "APIACCESS_USETOKEN"}])
    );
}

#[tokio::test]
async fn tokens_need_a_right_of_their_own_since_7() {
    let rights = OpenCtiRights {
        knowledge: true,
        ..Default::default()
    };
    let platform = Platform::of(OpenCtiVersion::V6_9).await;
    platform.sandbox.set_rights(&platform.token, rights);
    platform.data(TWO, json!({})).await;
    let platform = Platform::of(OpenCtiVersion::V7_FIRST).await;
    platform.sandbox.set_rights(&platform.token, rights);
    assert_eq!(platform.code(TWO, json!({})).await, "AUTH_REQUIRED");
}

#[tokio::test]
async fn the_version_probe_works_on_every_release() {
    for version in [
        "5.1.4",
        "5.3.0",
        "5.11.14",
        "5.12.0",
        "5.12.24",
        "6.0.10",
        "6.4.0",
        "6.8.0",
        "7.260224.0",
    ] {
        let platform = Platform::of(version.parse().unwrap()).await;
        assert_eq!(
            platform.data(PROBE, json!({})).await["about"]["version"],
            version
        );
    }
}

#[tokio::test]
async fn each_dialect_is_taken_by_its_own_releases_only() {
    let filters_a = json!({"f": [{"key": "pattern_type", "values": ["stix"]}]});
    let filters = json!({"f": filter("pattern_type", json!(["stix"]))});
    for (version, dialect) in [
        (OpenCtiVersion::V5_1, 'A'),
        (OpenCtiVersion::V5_11, 'A'),
        (OpenCtiVersion::V5_12_0, 'B'),
        (OpenCtiVersion::new(5, 12, 23), 'B'),
        (OpenCtiVersion::V5_12_24, 'C'),
        (OpenCtiVersion::V6_9, 'C'),
        (OpenCtiVersion::V7, 'C'),
    ] {
        let platform = Platform::of(version).await;
        let mut indicator = StixIndicator::of_value("Domain-Name", "a.example");
        indicator.labels = Some(vec!["c2".to_owned()]);
        platform.sandbox.put_indicator(indicator);
        let variables_c = json!({"filters": filters["f"]});
        for (name, query, variables) in [
            ('A', DIALECT_A, &filters_a),
            ('B', DIALECT_B, &filters),
            ('C', PAGE, &variables_c),
        ] {
            let answer = platform.ask(query, variables.clone()).await;
            if name == dialect {
                assert!(answer["errors"].is_null(), "{version} {name}: {answer}");
                assert!(
                    answer.to_string().contains("\"c2\""),
                    "{version} {name}: {answer}"
                );
            } else {
                assert_eq!(
                    code_of(&answer),
                    "GRAPHQL_VALIDATION_FAILED",
                    "{version} {name}"
                );
                assert!(answer.get("data").is_none(), "{version} {name}");
            }
        }
    }
}

#[tokio::test]
async fn old_filter_keys_are_enums_and_find_the_same() {
    let platform = Platform::of(OpenCtiVersion::V5_11).await;
    platform
        .sandbox
        .put_observable(alertbridge_sandbox::StixObservable::file(&[(
            "SHA-256", "ab",
        )]));
    let query = "query($f: [StixCyberObservablesFiltering]) { stixCyberObservables(filters: $f) { edges { node { observable_value } } } }";
    let data = platform
        .data(
            query,
            json!({"f": [{"key": "hashes_SHA256", "values": ["AB", "cd"]}]}),
        )
        .await;
    assert_eq!(
        data["stixCyberObservables"]["edges"][0]["node"]["observable_value"],
        "ab"
    );
    let unknown = json!({"f": [{"key": "hashes.SHA-256", "values": ["ab"]}]});
    assert_eq!(platform.code(query, unknown).await, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_third_alias_of_one_query_field_is_refused_since_6_1_and_values_are_not_limited() {
    let three = "{ a: indicators { edges { node { id } } } b: indicators { edges { node { id } } } c: indicators { edges { node { id } } } }";
    let two = "{ a: indicators { edges { node { id } } } b: indicators { edges { node { id } } } }";
    Platform::of(OpenCtiVersion::new(6, 0, 10))
        .await
        .data(three, json!({}))
        .await;
    let platform = Platform::of(OpenCtiVersion::V6_1_0).await;
    platform.data(two, json!({})).await;
    let answer = platform.ask(three, json!({})).await;
    assert_eq!(
        answer["errors"][0]["message"],
        "Allowed number of calls for Query->indicators has been exceeded (max: 2)"
    );
    assert_eq!(code_of(&answer), "GRAPHQL_VALIDATION_FAILED");
    let values: Vec<String> = (0..200)
        .map(|number| format!("[url:value = '{number}']"))
        .collect();
    assert_eq!(
        platform.found(filter("pattern", json!(values))).await.len(),
        0
    );
}

#[tokio::test]
async fn text_that_is_no_graphql_and_introspection_are_refused() {
    let platform = Platform::start().await;
    assert_eq!(
        platform.code("{ indicators {", json!({})).await,
        "GRAPHQL_PARSE_FAILED"
    );
    let introspection = "{ __schema { queryType { name } } }";
    assert_eq!(
        platform.code(introspection, json!({})).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
    let old = Platform::of(OpenCtiVersion::V6_0_8).await;
    assert_eq!(
        old.data(introspection, json!({})).await["__schema"]["queryType"]["name"],
        "Query"
    );
    assert_eq!(
        code_of(&old.ask_as("wrong", introspection, json!({})).await),
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn get_is_405_since_7_260722_and_the_web_interface_answers_everything_else() {
    let platform = Platform::start().await;
    let get = async |path: &str| {
        let url = format!("{}{path}", platform.sandbox.url());
        let response = platform
            .client
            .get(url)
            .bearer_auth(&platform.token)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/graphql?query=%7Babout%7Bversion%7D%7D").await.0, 405);
    let (status, page) = get("/nothing/here").await;
    assert!(status == 200 && page.starts_with("<!doctype html>"));
    let old = Platform::of(OpenCtiVersion::V6_9).await;
    let url = format!(
        "{}/graphql?query=%7Babout%7Bversion%7D%7D",
        old.sandbox.url()
    );
    let answer = old
        .client
        .get(url)
        .bearer_auth(&old.token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap()["data"]["about"]["version"],
        "6.9.22"
    );
}

#[tokio::test]
async fn a_body_that_is_no_request_and_a_batch_are_400() {
    let platform = Platform::start().await;
    for body in [
        json!([{"query": PROBE}]),
        json!({"queri": PROBE}),
        json!("x"),
    ] {
        assert_eq!(
            platform.post(&platform.token, &body).await.status(),
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_schema_is_served_since_6_8_to_whoever_has_a_token() {
    let get = async |platform: &Platform, token: &str| {
        let url = format!("{}/schema", platform.sandbox.url());
        platform
            .client
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    };
    let platform = Platform::of(OpenCtiVersion::new(6, 8, 0)).await;
    assert_eq!(get(&platform, "wrong").await.status(), 401);
    let answer: Value = get(&platform, &platform.token).await.json().await.unwrap();
    assert_eq!(answer["version"], "6.8.0");
    assert!(
        answer["schema"]
            .as_str()
            .unwrap()
            .contains("input FilterGroup")
    );
    let old = Platform::of(OpenCtiVersion::new(6, 7, 9)).await;
    assert!(
        get(&old, &old.token)
            .await
            .text()
            .await
            .unwrap()
            .contains("<html>")
    );
}

#[tokio::test]
async fn a_base_path_stands_before_everything() {
    let platform = Platform::with(OpenCtiOptions {
        base_path: "/opencti".to_owned(),
        ..Default::default()
    })
    .await;
    assert!(platform.sandbox.url().ends_with("/opencti"));
    platform.data(PROBE, json!({})).await;
    let root = platform.sandbox.url().replace("/opencti", "/graphql");
    let answer = platform.client.post(root).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn labels_are_found_by_name_since_6_7_and_by_id_before() {
    let mut indicator = StixIndicator::of_value("Domain-Name", "a.example");
    indicator.labels = Some(vec!["c2".to_owned()]);
    for (version, found) in [
        (OpenCtiVersion::new(6, 6, 9), 0),
        (OpenCtiVersion::new(6, 7, 0), 1),
    ] {
        let platform = Platform::of(version).await;
        platform.sandbox.put_indicator(indicator.clone());
        assert_eq!(
            platform
                .found(filter("objectLabel", json!(["c2"])))
                .await
                .len(),
            found
        );
        let query = "{ indicators { edges { node { objectLabel { id } } } } }";
        let data = platform.data(query, json!({})).await;
        let id = &data["indicators"]["edges"][0]["node"]["objectLabel"][0]["id"];
        assert_eq!(
            platform
                .found(filter("objectLabel", json!([id])))
                .await
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn a_sighting_is_recorded_for_whoever_may_update() {
    let reader = OpenCtiUser::new("reader", "token-r", OpenCtiRights::READER);
    let sighter = OpenCtiUser::new("sighter", "token-s", OpenCtiRights::SIGHTER);
    let platform = Platform::with(OpenCtiOptions {
        users: vec![reader, sighter],
        ..Default::default()
    })
    .await;
    let indicator = StixIndicator::of_value("Domain-Name", "a.example");
    platform.sandbox.put_indicator(indicator.clone());
    let add = "mutation($input: IdentityAddInput!) { identityAdd(input: $input) { id name entity_type } }";
    let system = json!({"input": {"type": "System", "name": "Wazuh – prod"}});
    assert_eq!(
        code_of(&platform.ask_as("token-r", add, system.clone()).await),
        "FORBIDDEN_ACCESS"
    );
    let place = platform.ask_as("token-s", add, system.clone()).await;
    let again = platform.ask_as("token-s", add, system).await;
    let place = place["data"]["identityAdd"].clone();
    assert_eq!(
        again["data"]["identityAdd"], place,
        "an identity is made once"
    );
    let list = "query($f: FilterGroup) { identities(types: [\"System\"], filters: $f) { edges { node { id name } } } }";
    let found = platform
        .data(list, json!({"f": filter("name", json!(["wazuh – prod"]))}))
        .await;
    assert_eq!(found["identities"]["edges"][0]["node"]["id"], place["id"]);

    let sighting = json!({"input": {"fromId": indicator.standard_id, "toId": place["id"], "attribute_count": 3,
        "first_seen": "2026-11-21T10:00:00.000Z", "last_seen": "2026-11-21T10:05:00.000Z", "confidence": 60}});
    assert_eq!(
        code_of(
            &platform
                .ask_as("token-r", ADD_SIGHTING, sighting.clone())
                .await
        ),
        "FORBIDDEN_ACCESS"
    );
    assert_eq!(platform.sandbox.sightings(), []);
    let answer = platform
        .ask_as("token-s", ADD_SIGHTING, sighting.clone())
        .await;
    assert_eq!(
        answer["data"]["stixSightingRelationshipAdd"]["attribute_count"],
        3
    );
    let recorded = platform.sandbox.sightings();
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        (&recorded[0].input, recorded[0].user.as_str()),
        (&sighting["input"], "sighter")
    );
}

#[tokio::test]
async fn a_sighting_needs_both_ends_and_a_count_and_comes_alone() {
    let platform = Platform::start().await;
    let indicator = StixIndicator::of_value("Domain-Name", "a.example");
    let place = StixIdentity::new("System", "Wazuh");
    platform.sandbox.put_indicator(indicator.clone());
    platform.sandbox.put_identity(place.clone());
    let nowhere =
        json!({"input": {"fromId": indicator.id, "toId": "nowhere", "attribute_count": 1}});
    assert_eq!(
        platform.code(ADD_SIGHTING, nowhere).await,
        "RESOURCE_NOT_FOUND"
    );
    let no_count = json!({"input": {"fromId": indicator.id, "toId": place.id}});
    assert_eq!(
        platform.code(ADD_SIGHTING, no_count).await,
        "BAD_USER_INPUT"
    );
    let twice = "mutation($input: StixSightingRelationshipAddInput!) {
        a: stixSightingRelationshipAdd(input: $input) { id } b: stixSightingRelationshipAdd(input: $input) { id } }";
    let good = json!({"input": {"fromId": indicator.id, "toId": place.id, "attribute_count": 1}});
    assert_eq!(
        platform.code(twice, good.clone()).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(platform.sandbox.sightings().len(), 0);
    platform.data(ADD_SIGHTING, good).await;
    assert_eq!(platform.sandbox.sightings().len(), 1);
}

#[tokio::test]
async fn requests_are_recorded_without_tokens() {
    let platform = Platform::start().await;
    platform.page(json!({"first": 3})).await;
    let line = platform.sandbox.requests().pop().unwrap();
    assert_eq!(
        (line.method.as_str(), line.path.as_str(), line.status),
        ("POST", "/graphql", Some(200))
    );
    assert_eq!(
        (line.root_fields, line.variables),
        (vec!["indicators".to_owned()], json!({"first": 3}))
    );
    assert_eq!(line.user.as_deref(), Some("service-account"));
    assert!(!format!("{:?}", platform.sandbox.requests()).contains(&platform.token));
}

#[tokio::test]
async fn hostile_queries_and_variables_get_an_answer() {
    let platform = Platform::start().await;
    let deep_groups = (0..60).fold(
        filter("revoked", json!(["false"])),
        |inner, _| json!({"mode": "and", "filters": [], "filterGroups": [inner]}),
    );
    platform.page(json!({"filters": deep_groups})).await;
    let deep = format!("{}{}", "{ indicators ".repeat(20_000), "}".repeat(20_000));
    let fragments = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    for query in [
        deep.as_str(),
        fragments,
        "",
        "\u{0}",
        "{",
        "subscription { x }",
        "query A { about { version } } query B { me { id } }",
    ] {
        let answer = platform.ask(query, json!({"filters": 7})).await;
        assert!(answer["errors"].is_array(), "{answer}");
    }
    for variables in [
        json!([]),
        json!("x"),
        json!(7),
        json!({"first": -1}),
        json!({"first": 1e40}),
        json!({"after": "%%"}),
        json!({"after": "bnVsbA=="}),
    ] {
        platform.ask(PAGE, variables).await;
    }
    platform.data(PROBE, json!({})).await;
}
