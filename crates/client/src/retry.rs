//! Trying again: in which cases, and when. The call loop does the waiting.

use std::time::Duration;

use mlspace_registry_api::TransportKind;
use mlspace_registry_net::{RetryPolicy, rate_window};

use crate::error::Error;
use crate::operation::Repeat;

/// The wait before the next attempt, or `None` to stop. `attempt` counts from 1.
pub(crate) fn decide(policy: &RetryPolicy, repeat: Repeat, attempt: u32, error: &Error) -> Option<Duration> {
    let asked = error.api().and_then(|answered| {
        let of_limit = || error.is_rate_limited().then(|| rate_window(answered.message()));
        answered.retry_after().or_else(of_limit)
    });
    if may_repeat(repeat, error) { policy.wait(attempt, asked) } else { None }
}

fn may_repeat(repeat: Repeat, error: &Error) -> bool {
    let unsent =
        matches!(error, Error::Transport { kind: TransportKind::Connect, .. }) || error.status() == Some(429);
    let certificate = matches!(error, Error::Transport { kind: TransportKind::Certificate, .. });
    let lost =
        matches!(error, Error::Transport { .. }) && !certificate || matches!(error.status(), Some(502..=504));
    match repeat {
        Repeat::Never => false,
        Repeat::IfUnsent => unsent,
        Repeat::Always => unsent || lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_error::ApiError;

    fn answered(status: u16, retry_after: Option<u64>) -> Error {
        let mut error = ApiError::new("image_get", status);
        error.retry_after = retry_after.map(Duration::from_secs);
        Error::Api(Box::new(error))
    }

    fn transport(kind: TransportKind) -> Error {
        Error::Transport { operation: "image_get", kind, source: None }
    }

    #[test]
    fn what_is_repeated_depends_on_what_repeating_does() {
        use Repeat::{Always, IfUnsent, Never};
        let table = [
            (transport(TransportKind::Connect), vec![Always, IfUnsent]),
            (answered(429, None), vec![Always, IfUnsent]),
            (transport(TransportKind::Certificate), vec![]),
            (transport(TransportKind::Timeout), vec![Always]),
            (transport(TransportKind::Interrupted), vec![Always]),
            (transport(TransportKind::Truncated), vec![Always]),
            (answered(502, None), vec![Always]),
            (answered(503, Some(1)), vec![Always]),
            (answered(504, None), vec![Always]),
            (answered(500, None), vec![]),
            (answered(404, None), vec![]),
            (answered(445, None), vec![]),
            (Error::Invalid("no".into()), vec![]),
        ];
        for (error, repeated) in table {
            for repeat in [Always, IfUnsent, Never] {
                let decision = decide(&RetryPolicy::default(), repeat, 1, &error);
                assert_eq!(decision.is_some(), repeated.contains(&repeat), "{error:?} with {repeat:?}");
            }
        }
    }

    #[test]
    fn what_the_service_asks_for_goes_before_the_own_wait() {
        let policy = RetryPolicy::default();
        let wait = decide(&policy, Repeat::IfUnsent, 1, &answered(429, Some(7))).unwrap();
        assert!((7..8).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(decide(&policy, Repeat::Always, policy.attempts, &answered(429, Some(7))), None);
    }

    #[test]
    fn a_429_that_asks_for_nothing_waits_as_long_as_its_words_say_or_a_minute() {
        for (message, seconds) in [
            (None, 60),
            (Some("Rate limit exceeded: 1000 per 1 minute"), 60),
            (Some("too many: 10 per second."), 1),
            (Some("at most 5 per 10 seconds"), 10),
            (Some("100 per hour"), 60),
            (Some("per 99999999999999999999 minutes per year"), 60),
            (Some("once per 18446744073709551615 hours"), 60),
        ] {
            let mut error = ApiError::new("image_get", 429);
            error.message = message.map(str::to_owned);
            let error = Error::Api(Box::new(error));
            let wait = decide(&RetryPolicy::default(), Repeat::IfUnsent, 1, &error).unwrap();
            assert_eq!(wait.as_secs(), seconds, "{message:?}");
        }
    }
}
