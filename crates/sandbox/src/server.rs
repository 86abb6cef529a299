//! Connections: accepting them, HTTP/1.1 on them, and the ways in which one can break.
//!
//! Invariants (facts §4, §8): a request that was read is carried out even if the client goes away; an idle
//! connection is closed after `keep_alive` without a word; all connections end when the accepting task ends.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::answer::Answer;
use crate::connections;
use crate::requests::RequestLine;
use crate::routes::{self, Reply, Whole};
use crate::sandbox::Shared;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A stream that can be torn down with a TCP reset instead of a proper close.
trait Resettable {
    fn reset(self);
}

impl Resettable for TcpStream {
    fn reset(self) {
        // Without a zero linger time the close is an ordinary one, which the client also survives.
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "no reset, closing instead");
        }
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

/// Serves until it is aborted.
pub(crate) async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    connections::accept(listener, |stream| {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        async move {
            let Some(acceptor) = acceptor else {
                return serve(stream, shared).await;
            };
            match acceptor.accept(stream).await {
                Ok(stream) => serve(stream, shared).await,
                Err(error) => tracing::debug!(%error, "TLS handshake failed"),
            }
        }
    })
    .await;
}

async fn serve<S>(stream: S, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Resettable + Unpin + Send + 'static,
{
    let reset = Arc::new(Notify::new());
    let served = Arc::new(AtomicU64::new(0));
    let keep_alive = shared.options.keep_alive;
    let for_requests = Arc::clone(&reset);
    let service = service_fn(move |request: Request<Incoming>| {
        let reused = served.fetch_add(1, Ordering::Relaxed) > 0;
        let answered = respond(
            request,
            reused,
            Arc::clone(&shared),
            Arc::clone(&for_requests),
        );
        Box::pin(answered)
            as Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // hyper starts this clock as soon as it waits for a request, so it is the idle limit as well.
        .header_read_timeout(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    let ended = {
        let connection = pin!(&mut connection);
        tokio::select! {
            ended = connection => Some(ended),
            () = reset.notified() => None,
        }
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "connection ended"),
        None => connection.into_parts().io.into_inner().reset(),
    }
}

async fn respond(
    request: Request<Incoming>,
    reused_connection: bool,
    shared: Arc<Shared>,
    reset: Arc<Notify>,
) -> Result<Response<Body>, Infallible> {
    let at = shared.started.elapsed();
    let (head, body) = request.into_parts();
    let Ok(body) = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        // The client went away in the middle of its request.
        return pending().await;
    };
    let mut line = RequestLine {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        status: None,
        at,
        reused_connection,
    };
    // A task of its own: gunicorn too finishes a request whose client is gone.
    let working = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            let reply = routes::reply(&shared, Whole { head, body }).await;
            if let Reply::Send(answer) | Reply::SendSlowly(answer, _) = &reply {
                line.status = Some(answer.status);
            }
            shared.requests().push(line);
            reply
        }
    });
    match working.await {
        Ok(Reply::Send(answer)) => Ok(response(answer, None)),
        Ok(Reply::SendSlowly(answer, pause)) => Ok(response(answer, Some(pause))),
        Ok(Reply::Reset) => {
            reset.notify_one();
            pending().await
        }
        // A cancelled task means the runtime is going down.
        Ok(Reply::Hang) | Err(_) => pending().await,
    }
}

fn response(answer: Answer, pause: Option<Duration>) -> Response<Body> {
    let length = answer.body.len();
    let body = match pause {
        None => Full::new(Bytes::from(answer.body)).boxed_unsync(),
        Some(pause) => byte_by_byte(answer.body, pause),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    response
}

fn byte_by_byte(body: Vec<u8>, pause: Duration) -> Body {
    let bytes = stream::unfold(body.into_iter(), move |mut rest| async move {
        let byte = rest.next()?;
        tokio::time::sleep(pause).await;
        Some((
            Ok::<_, Infallible>(Frame::data(Bytes::from(vec![byte]))),
            rest,
        ))
    });
    StreamBody::new(bytes).boxed_unsync()
}
