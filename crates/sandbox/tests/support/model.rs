//! A plain client of the stand-in for model servers.
#![allow(dead_code, reason = "each test binary uses its own part")]

use alertbridge_sandbox::{ModelOptions, ModelSandbox, ModelVersion};
use reqwest::{Client, Response};
use serde_json::{Value, json};

pub const DATA: &str = "data.srcip: 203.0.113.9\nfull_log: Invalid user admin from 203.0.113.9 é\n";

pub struct Server {
    pub sandbox: ModelSandbox,
    pub client: Client,
}

impl Server {
    pub async fn start() -> Server {
        Server::with(ModelOptions::default()).await
    }

    pub async fn of(version: ModelVersion) -> Server {
        Server::with(ModelOptions {
            version,
            ..ModelOptions::default()
        })
        .await
    }

    pub async fn with(options: ModelOptions) -> Server {
        // Another test of the same process may have installed it already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Server {
            sandbox: ModelSandbox::start(options).await.unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.sandbox.url());
        self.client
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.sandbox.url());
        self.client.post(url).json(body).send().await.unwrap()
    }

    /// Status and body.
    pub async fn answer(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.post(path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// The chunks of a streamed answer of Ollama's.
    pub async fn chunks(&self, body: &Value) -> Vec<Value> {
        let text = self.post("/api/chat", body).await.text().await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The events of a streamed answer of OpenAI's language, without `[DONE]`; whether that came.
    pub async fn events(&self, body: &Value) -> (Vec<Value>, bool) {
        let text = self
            .post("/v1/chat/completions", body)
            .await
            .text()
            .await
            .unwrap();
        let data: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        let done = data.last() == Some(&"[DONE]");
        let events = data.iter().filter(|data| **data != "[DONE]");
        (
            events
                .map(|data| serde_json::from_str(data).unwrap())
                .collect(),
            done,
        )
    }
}

pub fn schema() -> Value {
    let text = include_str!("triage_schema.json");
    serde_json::from_str(text).unwrap()
}

pub fn user(data: &str) -> String {
    format!(
        "Facts:\nrule.level: 10\nrule.mitre.id: T1110.001\n<<<DATA 9f3c>>>\n{data}<<<END 9f3c>>>\nAnswer."
    )
}

pub fn messages(data: &str) -> Value {
    json!([{"role": "system", "content": "You look at one alert."}, {"role": "user", "content": user(data)}])
}

/// A question in Ollama's language.
pub fn chat(data: &str) -> Value {
    json!({
        "model": "phi4-mini", "messages": messages(data), "format": schema(),
        "options": {"num_ctx": 2048, "num_predict": 1024}, "keep_alive": "30m",
    })
}

/// A question in OpenAI's.
pub fn completion(data: &str) -> Value {
    json!({
        "model": "phi4-mini", "messages": messages(data), "stream": true, "stream_options": {"include_usage": true},
        "response_format": {"type": "json_schema", "json_schema": {"name": "triage", "strict": true, "schema": schema()}},
    })
}

/// What was said over all chunks.
pub fn said(chunks: &[Value]) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["message"]["content"].as_str())
        .collect()
}
