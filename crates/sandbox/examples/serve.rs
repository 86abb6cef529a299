//! Runs a sandbox by hand until Ctrl-C: `cargo run -p alertbridge-sandbox --example serve [PORT]`.

use alertbridge_sandbox::{IrisOptions, IrisSandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args()
        .nth(1)
        .map(|port| port.parse())
        .transpose()?;
    let sandbox = IrisSandbox::start(IrisOptions {
        port,
        ..Default::default()
    })
    .await?;
    println!("page and API: {}\nkey: {}", sandbox.url(), sandbox.key());
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(())
}
