//! The plug-in's file of variables.

use std::collections::BTreeMap;

/// A first line that says that values are meant as they stand.
const LITERAL: &str = "# mlspace-plugin: literal-dotenv-v1";

/// Reads `NAME=value` lines. Unless the first line says otherwise, `${NAME}` and `${NAME:-default}` in values
/// without single quotes stand for variables, of the environment first. Answers the number of a line that cannot
/// be read.
pub(super) fn parse(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, usize> {
    let literal = text.lines().next().is_some_and(|line| line.trim_end() == LITERAL);
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        let (value, expands) = unquote(value.trim()).ok_or(index + 1)?;
        let value = if expands && !literal {
            expand(&value, |name| variable(name).or_else(|| values.get(name).cloned()))
        } else {
            value
        };
        values.insert(name.trim().to_owned(), value);
    }
    Ok(values)
}

/// The value without its quotes, and whether variables in it are to be expanded.
fn unquote(value: &str) -> Option<(String, bool)> {
    match value.chars().next() {
        Some('"') => {
            // The plug-in writes JSON strings.
            let mut stream = serde_json::Deserializer::from_str(value).into_iter::<String>();
            let text = stream.next()?.ok()?;
            let rest = value.get(stream.byte_offset()..)?.trim_start();
            (rest.is_empty() || rest.starts_with('#')).then_some((text, true))
        }
        Some('\'') => {
            let (text, rest) = value[1..].split_once('\'')?;
            let rest = rest.trim_start();
            (rest.is_empty() || rest.starts_with('#')).then(|| (text.to_owned(), false))
        }
        _ => {
            let end = value.find(" #").unwrap_or(value.len());
            Some((value[..end].trim_end().to_owned(), true))
        }
    }
}

fn expand(value: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            text.push_str("${");
            rest = after;
            continue;
        };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        text.push_str(&variable(name).unwrap_or_else(|| default.to_owned()));
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        let set = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        parse(text, set).unwrap().remove("A")
    }

    #[test]
    fn values_are_read_as_the_plug_in_writes_them() {
        for (text, expected) in [
            ("A=b", "b"),
            ("export A = b # why", "b"),
            ("A=\"b \\\"c\\\" \\u0041\"", "b \"c\" A"),
            ("A='b ${HOME}'", "b ${HOME}"),
            ("A=${HOME}/x", "/home/me/x"),
            ("A=\"${NOT:-else}\"", "else"),
            ("B=1\nA=${B}${B}", "11"),
            ("A=a#b", "a#b"),
            ("A=${open", "${open"),
            ("# mlspace-plugin: literal-dotenv-v1\nA=\"p${HOME}\"", "p${HOME}"),
        ] {
            assert_eq!(value(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_by_its_number() {
        for text in ["A=b\nnonsense", "A=b\nB=\"open", "A=b\nB='open", "A=b\nB=\"a\" b"] {
            assert_eq!(parse(text, |_| None), Err(2), "{text}");
        }
    }
}
