//! Reading the bodies of requests.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::response::Cut;

/// The most bytes of an unwanted body that are read and thrown away, so that its sender sees the answer.
const LONGEST_DRAIN: u64 = 64 * 1024 * 1024;

/// The body of a request, and how much of it came.
#[derive(Debug)]
pub(crate) struct Body {
    body: Incoming,
    pub(crate) received: u64,
    /// The time in which the next bytes must come.
    patience: Option<Duration>,
}

impl Body {
    pub(crate) fn new(body: Incoming, patience: Option<Duration>) -> Self {
        Self { body, received: 0, patience }
    }

    /// The next bytes; nothing at the end, and `Cut` if the client went away before it.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, Cut> {
        loop {
            let frame = match self.patience {
                Some(patience) => tokio::time::timeout(patience, self.body.frame()).await.map_err(|_| Cut)?,
                None => self.body.frame().await,
            };
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(|_| Cut)?.into_data() {
                self.received += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }

    /// All of it, or nothing if it is longer than `most` bytes. It is read to its end in either case.
    pub(crate) async fn whole(&mut self, most: usize) -> Result<Option<Bytes>, Cut> {
        let mut kept = BytesMut::new();
        while let Some(data) = self.data().await? {
            if self.received > LONGEST_DRAIN {
                return Err(Cut);
            }
            if self.received <= most as u64 {
                kept.extend_from_slice(&data);
            }
        }
        Ok((self.received <= most as u64).then(|| kept.freeze()))
    }

    /// Reads what is left and throws it away, up to a limit.
    pub(crate) async fn drain(&mut self) {
        let before = self.received;
        while let Ok(Some(_)) = self.data().await {
            if self.received - before > LONGEST_DRAIN {
                return;
            }
        }
    }
}
