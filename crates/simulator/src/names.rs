//! Names of repositories and tags, by the grammar of the OCI distribution specification.

/// True for 1 to 128 of `A-Z a-z 0-9 _ . -`, not beginning with `.` or `-`.
pub(crate) fn is_tag_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 128 && name.starts_with(word) && name.chars().all(|c| word(c) || c == '.' || c == '-')
}

/// True for at most 255 characters, in parts between `/` of which each is a good one.
pub(crate) fn is_repository_name(name: &str) -> bool {
    name.len() <= 255 && name.split('/').all(is_component)
}

fn is_component(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    let known = |byte: &u8| word(*byte) || b"._-".contains(byte);
    // Between two words: one dot, one or two underscores, or any number of dashes.
    let joined = |separator: &[u8]| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
    };
    ends.is_some_and(|(first, last)| word(*first) && word(*last))
        && bytes.iter().all(known)
        && bytes.split(|byte| word(*byte)).all(joined)
}
