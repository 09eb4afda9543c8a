//! The body of an answer, which is read as it comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::transport::TransportError;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// The body of an answer: bytes that are there, or a stream of them.
///
/// ```
/// use mlspace_registry_api::Body;
///
/// # async fn read() -> Result<(), mlspace_registry_api::TransportError> {
/// let answer = http::Response::builder().status(200).body(Body::from("[]")).expect("a valid answer");
/// assert_eq!(answer.into_body().bytes().await?, "[]");
/// # Ok(())
/// # }
/// ```
pub struct Body {
    pieces: Kind,
    /// How many bytes more may come.
    room: usize,
}

enum Kind {
    Whole(Bytes),
    Pieces(Pieces),
}

/// More came than is read.
#[derive(Debug)]
pub(crate) struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is too long")
    }
}

impl std::error::Error for TooLong {}

impl Body {
    /// A body that comes in pieces.
    pub fn stream(pieces: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> Self {
        Self { pieces: Kind::Pieces(Box::pin(pieces)), room: usize::MAX }
    }

    /// The same, which fails after so many bytes.
    pub(crate) fn capped(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the connection broke, or more came than is read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, TransportError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = Vec::with_capacity(2 * (first.len() + second.len()));
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.pieces {
            Kind::Whole(bytes) => {
                Poll::Ready(Some(std::mem::take(bytes)).filter(|all| !all.is_empty()).map(Ok))
            }
            Kind::Pieces(pieces) => pieces.as_mut().poll_next(context),
        };
        next.map(|next| {
            next.map(|piece| {
                let piece = piece?;
                self.room = self.room.checked_sub(piece.len()).ok_or_else(TransportError::too_long)?;
                Ok(piece)
            })
        })
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self { pieces: Kind::Whole(bytes.into()), room: usize::MAX }
    }
}

impl fmt::Debug for Body {
    /// Without a byte of it: it may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
