//! Writes that are confirmed: applied, not applied, or unknown.

use crate::error::{Error, Result, Sent};

/// Which writes are read back although the service has said yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// Those that the service is known to accept and drop: labels.
    #[default]
    Labels,
    /// Every write that can be read back, for one request more each.
    Always,
    /// None. A lost answer is settled by reading all the same.
    Never,
}

/// Settles a write.
///
/// - Answered, and the answer shows the change: applied. With `verify`, reading must show it too.
/// - Answered, and neither the answer nor reading shows it: unknown, for it may show later.
/// - The answer is lost: reading decides. If that fails too, unknown. `read` gives `None` for what is not
///   there.
/// - Refused: not applied, and the refusal is the error.
pub(crate) async fn confirm<T, F>(
    operation: &'static str,
    what: &str,
    answer: Result<T>,
    shows: impl Fn(&T) -> bool,
    verify: bool,
    read: impl FnOnce() -> F,
) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let unconfirmed = |source: Option<Error>| Error::Unconfirmed {
        operation,
        what: what.into(),
        source: source.map(Box::new),
    };
    match answer {
        Ok(value) if shows(&value) && !verify => Ok(value),
        Ok(_) => match read().await {
            Ok(Some(value)) if shows(&value) => Ok(value),
            Ok(_) => Err(unconfirmed(None)),
            Err(error) => Err(unconfirmed(Some(error))),
        },
        Err(error) if !is_lost(&error) => Err(error),
        Err(error) => match read().await {
            Ok(Some(value)) if shows(&value) => Ok(value),
            Ok(_) => Err(Error::NotApplied { operation, what: what.into(), source: Box::new(error) }),
            Err(_) => Err(unconfirmed(Some(error))),
        },
    }
}

/// True if the service may have acted although no good answer came.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error.status() {
        Some(status) => status >= 500,
        None => error.was_sent() != Sent::No,
    }
}

/// `None` for what is not there.
pub(crate) fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
