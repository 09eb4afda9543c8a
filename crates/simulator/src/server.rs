//! The listener. Built on hyper itself, because cutting a connection without an answer is part of the job.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::response::{Cut, Response};

/// The time that a request that is being answered may take to end once the simulator stops.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `stop` changes or its sender is gone, then ends every connection.
pub(crate) async fn serve<R, F>(listener: TcpListener, respond: R, mut stop: watch::Receiver<()>)
where
    R: Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Cut>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, respond.clone(), stop.clone()));
                }
                // Out of file descriptors, most likely: let some connections end first.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<R, F>(stream: TcpStream, respond: R, mut stop: watch::Receiver<()>)
where
    R: Fn(hyper::Request<Incoming>) -> F,
    F: Future<Output = Result<Response, Cut>>,
{
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let stopped = stop.clone();
    let service = service_fn(move |request| {
        let (response, mut stopped) = (respond(request), stopped.clone());
        async move {
            tokio::select! {
                response = response => response,
                _ = stopped.changed() => Err(Cut),
            }
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that goes away, and a cut on purpose, are no news.
        _ = &mut connection => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
}
