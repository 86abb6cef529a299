//! `/metrics`, `/live`, `/ready` and `/health`, for monitoring. No authentication and nothing secret.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{alarms::Alarms, exit::Exit, failure::Failure, metrics::Metrics};

/// What the pages show.
#[derive(Clone)]
pub struct Shown {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The alarms.
    pub alarms: Arc<Alarms>,
}

/// Binds the listener.
///
/// # Errors
/// Where the address is taken.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| {
        Failure::new(Exit::Config, format!("can't listen on {listen}: {error}"))
            .remedy("set `http.listen` to a free port, or to \"\" for no listener")
    })
}

/// Serves until `stop` turns true.
pub async fn serve(listener: TcpListener, shown: Shown, mut stop: watch::Receiver<bool>) {
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/live", get(|| async { "alive\n" }))
        .route("/ready", get(ready))
        .route("/health", get(ready))
        .with_state(shown);
    let stopped = async move {
        // An error means the sender is gone: the program is ending.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, pages)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "the metrics listener ended");
    }
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shown.metrics.text())
}

/// 200 where nothing is wrong, else 503 with what is.
async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    let raised = shown.alarms.raised();
    let status = if raised.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(serde_json::json!({ "ready": raised.is_empty(), "alarms": raised })),
    )
}
