//! A plain client for the tests of this crate: no cookies, no retries, whatever body is asked for.
#![allow(dead_code, reason = "each test binary uses its own part")]

use alertbridge_sandbox::{IrisOptions, IrisSandbox};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use serde_json::{Value, json};

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub content_type: String,
    pub text: String,
}

impl Got {
    pub async fn from(response: Response) -> Got {
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Got {
            status,
            content_type,
            text: response.text().await.unwrap(),
        }
    }

    pub fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["data"].clone()
    }
}

pub struct Server {
    pub sandbox: IrisSandbox,
    pub client: Client,
    pub key: String,
}

impl Server {
    pub async fn start() -> Server {
        Server::with(IrisOptions::default()).await
    }

    pub async fn with(options: IrisOptions) -> Server {
        let sandbox = IrisSandbox::start(options).await.unwrap();
        let key = sandbox.key().to_owned();
        Server {
            sandbox,
            client: client(),
            key,
        }
    }

    pub async fn send(&self, body: Vec<u8>, content_type: &str) -> Got {
        let request = self
            .client
            .post(format!("{}/alerts/add", self.sandbox.url()))
            .bearer_auth(&self.key)
            .header(CONTENT_TYPE, content_type)
            .body(body);
        Got::from(request.send().await.unwrap()).await
    }

    pub async fn add(&self, body: &Value) -> Got {
        self.post("/alerts/add", body).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        self.post_as(&self.key, path, body).await
    }

    pub async fn post_as(&self, key: &str, path: &str, body: &Value) -> Got {
        let url = format!("{}{path}", self.sandbox.url());
        Got::from(
            self.client
                .post(url)
                .bearer_auth(key)
                .json(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.get_as(&self.key, path).await
    }

    pub async fn get_as(&self, key: &str, path: &str) -> Got {
        let url = format!("{}{path}", self.sandbox.url());
        Got::from(self.client.get(url).bearer_auth(key).send().await.unwrap()).await
    }

    /// Ids that a filter with these parameters returns.
    pub async fn found(&self, parameters: &[(&str, &str)]) -> Vec<i64> {
        let url = format!("{}/alerts/filter", self.sandbox.url());
        let request = self
            .client
            .get(url)
            .bearer_auth(&self.key)
            .query(parameters);
        let data = Got::from(request.send().await.unwrap()).await.data();
        let mut ids: Vec<i64> = data["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["alert_id"].as_i64().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    }
}

pub fn client() -> Client {
    // Another test of the same process may have installed it already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// The least that is accepted, with changes on top.
pub fn alert(changes: Value) -> Value {
    let mut body = json!({
        "alert_title": "a title",
        "alert_severity_id": 4,
        "alert_status_id": 2,
        "alert_customer_id": 1,
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub fn without(name: &str) -> Value {
    let mut body = alert(json!({}));
    body.as_object_mut().unwrap().remove(name);
    body
}

/// Text that no compression shortens.
pub fn incompressible(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(11);
    (0..length).map(|_| random.alphanumeric()).collect()
}
