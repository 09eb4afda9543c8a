//! How far something has come, as registries write it.

use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};

/// The number of bytes that the registry has of an upload. Registries write `0-0` for none; for a single byte it is
/// then sent again, and what comes of it is sorted out like any other disagreement.
pub(crate) fn received(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE)?.to_str().ok()?;
    let (first, last) = text.trim_start_matches("bytes=").split_once('-')?;
    match (first.parse().ok()?, last.parse().ok()?) {
        (0_u64, 0_u64) => Some(0),
        (0, last) => last.checked_add(1),
        _ => None,
    }
}

/// The first byte of a part of a blob.
pub(crate) fn begins_at(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes());
        value.into_iter().map(|value| (name.clone(), value)).collect()
    }

    proptest! {
        #[test]
        fn any_text_is_a_range_or_none(text in "(bytes[= ])?[0-9a-z*/= -]{0,45}|\\PC{0,20}") {
            received(&with(RANGE, &text));
            begins_at(&with(CONTENT_RANGE, &text));
        }

        #[test]
        fn the_last_byte_of_an_upload_tells_how_many_there_are(last in 1_u64.., prefix in "(bytes=)?") {
            let found = received(&with(RANGE, &format!("{prefix}0-{last}")));
            prop_assert_eq!(found, last.checked_add(1));
        }

        #[test]
        fn what_does_not_begin_at_the_beginning_is_not_what_an_upload_has(first in 1_u64.., last: u64) {
            prop_assert_eq!(received(&with(RANGE, &format!("{first}-{last}"))), None);
        }

        #[test]
        fn a_part_begins_where_it_says(first: u64, last: u64, size in "[0-9]{1,4}|\\*") {
            let found = begins_at(&with(CONTENT_RANGE, &format!("bytes {first}-{last}/{size}")));
            prop_assert_eq!(found, Some(first));
        }
    }

    #[test]
    fn nothing_received_is_written_in_two_ways() {
        assert_eq!(received(&with(RANGE, "0-0")), Some(0));
        assert_eq!(received(&HeaderMap::new()), None);
        assert_eq!(received(&with(RANGE, &format!("0-{}", u64::MAX))), None);
        assert_eq!(begins_at(&with(CONTENT_RANGE, "bytes */10")), None);
    }
}
