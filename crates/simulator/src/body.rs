//! Reading the bodies of requests.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::response::Cut;

/// How much of a body that is not wanted is read and thrown away, so that its sender sees the answer.
const LONGEST_DRAIN: usize = 64 * 1024 * 1024;

/// The body, or nothing if it is longer than `most` bytes.
pub(crate) async fn read(mut body: Incoming, most: usize) -> Result<Option<Bytes>, Cut> {
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        length += data.len();
        if length > LONGEST_DRAIN {
            return Err(Cut);
        }
        if length <= most {
            kept.extend_from_slice(&data);
        }
    }
    Ok((length <= most).then(|| kept.freeze()))
}

/// Reads what is left of a body and throws it away, up to a limit.
pub(crate) async fn drain(mut body: Incoming) {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > LONGEST_DRAIN {
            return;
        }
    }
}
