//! A server that says word for word what a test wants, in the pieces it wants.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is sent back to a request for the path.
pub struct Script {
    pub path: &'static str,
    /// Sent one after the other, each by itself; the connection is closed then.
    pub pieces: Vec<Vec<u8>>,
}

/// Starts a server that answers each request by the first script with its path, and the list of models by itself. Its URL.
pub async fn server(scripts: Vec<Script>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, &scripts).await;
        }
    });
    format!("http://{address}")
}

/// The head of an answer with status 200 whose end is the end of the connection.
pub fn ok(content_type: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

/// A whole answer.
pub fn whole(status: u16, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

async fn serve(mut stream: TcpStream, scripts: &[Script]) {
    let Some(path) = request(&mut stream).await else {
        return;
    };
    let listed = whole(
        200,
        "application/json",
        r#"{"models":[{"name":"phi4-mini:latest"}]}"#,
    );
    let version = whole(200, "application/json", r#"{"version":"0.33.0"}"#);
    let pieces = match scripts.iter().find(|script| script.path == path) {
        Some(script) => script.pieces.clone(),
        None if path == "/api/tags" => vec![listed],
        None if path == "/api/version" => vec![version],
        None => vec![whole(404, "text/plain", "404 page not found")],
    };
    for piece in pieces {
        // The client may have seen enough.
        if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Reads one request whole; its path.
pub async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    head.split_whitespace().nth(1).map(str::to_owned)
}
