//! A plain client of the stand-in for OpenCTI.
#![allow(dead_code, reason = "each test binary uses its own part")]

use alertbridge_sandbox::{OpenCtiOptions, OpenCtiSandbox, OpenCtiVersion};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Client, Response};
use serde_json::{Value, json};

/// Dialect C in one document: the page of a mirror.
pub const PAGE: &str = "query Page($filters: FilterGroup, $first: Int, $after: ID, $orderBy: IndicatorsOrdering, $orderMode: OrderingMode) {
  indicators(filters: $filters, first: $first, after: $after, orderBy: $orderBy, orderMode: $orderMode) {
    pageInfo { endCursor hasNextPage globalCount }
    edges { node { id standard_id name pattern pattern_type revoked confidence valid_from valid_until updated_at
      x_opencti_score x_opencti_detection x_opencti_main_observable_type indicator_types
      objectLabel { value } objectMarking { definition } killChainPhases { kill_chain_name phase_name }
      createdBy { name } externalReferences { edges { node { source_name url external_id } } } } } } }";

pub struct Platform {
    pub sandbox: OpenCtiSandbox,
    pub client: Client,
    pub token: String,
}

impl Platform {
    pub async fn start() -> Platform {
        Platform::with(OpenCtiOptions::default()).await
    }

    pub async fn of(version: OpenCtiVersion) -> Platform {
        Platform::with(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await
    }

    pub async fn with(options: OpenCtiOptions) -> Platform {
        let sandbox = OpenCtiSandbox::start(options).await.unwrap();
        // Another test of the same process may have installed it already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Platform {
            token: sandbox.token().to_owned(),
            client: Client::builder().no_proxy().build().unwrap(),
            sandbox,
        }
    }

    pub async fn post(&self, token: &str, body: &Value) -> Response {
        let url = format!("{}/graphql", self.sandbox.url());
        let request = self.client.post(url).bearer_auth(token).json(body);
        request.send().await.unwrap()
    }

    /// Any query; whatever comes of it, the status is 200 and the body JSON.
    pub async fn ask_as(&self, token: &str, query: &str, variables: Value) -> Value {
        let body = json!({"query": query, "variables": variables});
        let response = self.post(token, &body).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        self.ask_as(&self.token, query, variables).await
    }

    /// A query that must not fail.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// The code of the first error, as the facts say to read it.
    pub async fn code(&self, query: &str, variables: Value) -> String {
        code_of(&self.ask(query, variables).await)
    }

    pub async fn page(&self, variables: Value) -> Value {
        self.data(PAGE, variables).await["indicators"].clone()
    }

    /// Names of the indicators that a filter finds.
    pub async fn found(&self, filters: Value) -> Vec<String> {
        names(
            &self
                .page(json!({"filters": filters, "orderBy": "name"}))
                .await,
        )
    }

    /// Opens a stream: its status, and its events.
    pub async fn stream(&self, query: &str) -> Events {
        self.stream_with(query, &[]).await
    }

    pub async fn stream_with(&self, query: &str, headers: &[(&str, &str)]) -> Events {
        let url = format!(
            "{}/stream/{}{query}",
            self.sandbox.url(),
            self.sandbox.stream_id()
        );
        let mut request = self.client.get(url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Events::of(request.send().await.unwrap())
    }
}

pub fn code_of(answer: &Value) -> String {
    let error = &answer["errors"][0];
    let code = error["extensions"]["code"]
        .as_str()
        .or(error["name"].as_str());
    code.unwrap_or_else(|| panic!("no error: {answer}"))
        .to_owned()
}

pub fn names(page: &Value) -> Vec<String> {
    let edges = page["edges"].as_array().unwrap();
    edges
        .iter()
        .map(|edge| edge["node"]["name"].as_str().unwrap().to_owned())
        .collect()
}

pub fn filter(key: &str, values: Value) -> Value {
    group("and", json!([{"key": key, "values": values}]))
}

pub fn group(mode: &str, filters: Value) -> Value {
    json!({"mode": mode, "filters": filters, "filterGroups": []})
}

/// One event of a stream.
#[derive(Debug, Clone)]
pub struct Got {
    pub id: Option<String>,
    pub event: String,
    pub data: Value,
}

pub struct Events {
    pub status: u16,
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Events {
    fn of(response: Response) -> Events {
        Events {
            status: response.status().as_u16(),
            bytes: response.bytes_stream().boxed(),
            text: String::new(),
        }
    }

    /// The next event, or what was left over when the connection ended.
    pub async fn next_or_end(&mut self) -> Result<Got, String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let got = parse(event);
                self.text = rest.to_owned();
                return Ok(got);
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Some(Err(_)) | None => return Err(std::mem::take(&mut self.text)),
            }
        }
    }

    pub async fn next(&mut self) -> Got {
        self.next_or_end().await.unwrap()
    }

    /// The next event that tells of an object: no heartbeat, no dependency.
    pub async fn next_about(&mut self, stix_type: &str) -> Got {
        loop {
            let got = self.next().await;
            if got.data["data"]["type"] == stix_type {
                return got;
            }
        }
    }
}

fn parse(event: &str) -> Got {
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        event
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
    };
    Got {
        id: field("id"),
        event: field("event").unwrap(),
        data: serde_json::from_str(&field("data").unwrap()).unwrap(),
    }
}
