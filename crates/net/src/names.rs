//! Names and header values that both clients check before anything is sent.

use reqwest::header::{HeaderValue, InvalidHeaderValue};

/// The longest name of a tag, in the distribution specification's grammar.
const LONGEST_TAG: usize = 128;

/// The text cannot be the name of a tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of a tag: up to {LONGEST_TAG} letters, digits, `_`, `.` and `-`, the first a letter, digit or `_`"
)]
pub struct NotATagName(String);

/// Refuses what no registry takes as the name of a tag: one is 1 to 128 of ASCII letters, digits, `_`, `.`
/// and `-`, and does not begin with one of the last two.
///
/// # Errors
/// [`NotATagName`], which shows the name, cut where it is longer than any tag's.
pub fn check_tag_name(name: &str) -> Result<(), NotATagName> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let begins_well = name.bytes().next().is_some_and(word);
    if begins_well && name.len() <= LONGEST_TAG && name.bytes().all(|b| word(b) || matches!(b, b'.' | b'-')) {
        return Ok(());
    }
    Err(NotATagName(name.chars().take(LONGEST_TAG + 1).collect()))
}

/// A header's value that is marked as secret: loggers and recorders go by that mark.
///
/// # Errors
/// When the text holds characters that no header can carry, such as a line break.
pub fn secret_header(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut header = HeaderValue::from_str(value)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_names_are_those_that_every_registry_has() {
        for name in ["v1", "_", "V1.2-rc_3", "0", &"x".repeat(128)] {
            assert!(check_tag_name(name).is_ok(), "{name}");
        }
        for name in ["", "-v1", ".v1", "a/b", "a b", "a:b", "ü", &"x".repeat(129), &"x".repeat(1 << 20)] {
            assert!(check_tag_name(name).unwrap_err().to_string().len() < 300);
        }
    }

    #[test]
    fn a_secret_header_is_marked_and_holds_no_line_break() {
        assert!(secret_header("Bearer t").unwrap().is_sensitive());
        assert!(secret_header("t\r\nx: y").is_err());
    }
}
