//! Lists whose rows are read one by one.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The rows of a list: those that could be read, and those that could not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rows<T> {
    /// The rows that could be read, in the service's order.
    pub items: Vec<T>,
    /// The others.
    pub unreadable: Vec<UnreadableRow>,
}

/// A row of a list that is not as documented. As text: `item 2 (other).tags: invalid type: …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// Its number in the list, from 1.
    pub number: u64,
    /// Its id, if that could be read.
    pub id: Option<Uuid>,
    /// Its name, or an image's digest, if that could be read.
    pub name: Option<String>,
    /// The field that is not as documented, from the row on, such as `tags[0].signed`; empty for the row
    /// itself.
    pub field: String,
    /// What is wrong with it. It quotes no text of the answer.
    pub problem: String,
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.number)?;
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        write!(f, "{dot}{}: {}", self.field, self.problem)
    }
}

impl<T: DeserializeOwned> Rows<T> {
    /// Reads a list. Row by row only where that is needed: it takes twice the time.
    pub(crate) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let body = without_mark(body);
        let error = match serde_json::from_slice::<Option<Vec<T>>>(body) {
            Ok(items) => return Ok(Self { items: items.unwrap_or_default(), unreadable: Vec::new() }),
            Err(error) => error,
        };
        let rows: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| error)?;
        let (mut items, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for (number, row) in (1..).zip(rows) {
            match parse(row.get().as_bytes()) {
                Ok(item) => items.push(item),
                Err((field, error)) => unreadable.push(UnreadableRow::new(number, row, field, &error)),
            }
        }
        Ok(Self { items, unreadable })
    }
}

impl UnreadableRow {
    fn new(number: u64, row: &RawValue, field: String, error: &serde_json::Error) -> Self {
        let row: Value = serde_json::from_str(row.get()).unwrap_or_default();
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        Self {
            number,
            id: text("id").and_then(|id| id.parse().ok()),
            name: text("name").or_else(|| text("digest")),
            field,
            problem: problem(error),
        }
    }
}

/// Reads one value. The error says which field is not as documented, and quotes no text of the answer.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let body = without_mark(body);
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if error.classify() != Category::Data {
        return Err(error);
    }
    match parse::<T>(body) {
        Err((field, error)) if !field.is_empty() => {
            Err(serde_json::Error::custom(format!("{field}: {}", problem(&error))))
        }
        _ => Err(serde_json::Error::custom(problem(&error))),
    }
}

/// Some services begin JSON with a byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Reads one value, or says where it is not as documented.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        (if field == "." { String::new() } else { field }, error.into_inner())
    })
}

/// What a decoder says, without the place in the bytes and without the text that it quotes: that may be
/// a secret.
fn problem(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if let Some(place) = text.rfind(" at line ") {
        text.truncate(place);
    }
    if let (Some(first), Some(last)) = (text.find('"'), text.rfind('"')) {
        text.replace_range(first..=last, "…");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{BaseToken, Repository, Tag};

    const ID: &str = "6f1c2f1e-6a5c-4d55-8d4b-1f2f3a4b5c6d";

    fn tag(name: &str, signed: &str) -> String {
        format!(
            r#"{{"id":"{ID}","name":{name},"full_name":"h/r:v","image_id":"{ID}","repository_id":"{ID}",
            "push_time":"2026-10-19T12:00:00Z","signed":{signed}}}"#
        )
    }

    #[test]
    fn a_row_that_cannot_be_read_costs_itself_alone() {
        let list =
            format!("\u{feff}[{},{},{},7]", tag("\"a\"", "true"), tag("\"b\"", "null"), tag("null", "1"));
        let rows = Rows::<Tag>::read(list.as_bytes()).unwrap();
        assert_eq!(rows.items.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["a"]);
        let said: Vec<String> = rows.unreadable.iter().map(UnreadableRow::to_string).collect();
        assert_eq!(
            said,
            [
                "item 2 (b).signed: invalid type: null, expected a boolean",
                "item 3.name: invalid type: null, expected a string",
                "item 4: invalid type: integer `7`, expected struct Tag",
            ]
        );
        assert_eq!(rows.unreadable[0].id.unwrap().to_string(), ID);
    }

    #[test]
    fn no_list_is_an_empty_one_and_what_is_none_is_refused() {
        assert_eq!(Rows::<Tag>::read(b"null").unwrap().items, []);
        assert_eq!(Rows::<Repository>::read(list().as_bytes()).unwrap().items.len(), 2);
        assert!(Rows::<Tag>::read(b"{}").is_err());
        assert!(Rows::<Tag>::read(b"[{}").is_err());
    }

    #[test]
    fn an_answer_that_cannot_be_read_names_the_field_and_quotes_nothing() {
        let error = read::<BaseToken>(br#"{"access_token": "t", "expires_in": "hunter2"}"#).unwrap_err();
        assert_eq!(error.to_string(), "expires_in: invalid type: string …, expected a number of seconds");
    }

    #[test]
    fn a_life_without_end_is_the_longest_there_is() {
        for (written, read_as) in [
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MAX),
            ("18446744073709551615", i64::MAX),
            ("99999999999999999999999", i64::MAX),
            ("1e300", i64::MAX),
            ("3600.0", 3600),
            ("\"3600\"", 3600),
            ("-1", -1),
        ] {
            let body = format!(r#"{{"access_token":"t","expires_in":{written}}}"#);
            assert_eq!(read::<BaseToken>(body.as_bytes()).unwrap().expires_in, read_as, "{written}");
        }
    }

    fn list() -> String {
        let tags = format!("{},{}", tag("\"a\"", "true"), tag("\"\u{1F6A2} b\"", "false"));
        let repository = format!(
            r#"{{"id":"{ID}","name":"n","full_name":"h/n","description":null,"labels":["x"],"favorite":false,
            "images_count":2.0,"created_at":"2026-10-19T12:00:00Z","updated_at":"0001-01-01T00:00:00Z",
            "registry_id":"{ID}","tags":[{tags}],"commands":{{"pull":"p"}},"recent_image":null}}"#
        );
        format!("[{repository},{repository}]")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_answer_makes_the_decoder_panic_or_lose_a_row(
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..6),
        ) {
            let mut body = list().into_bytes();
            for (place, kind, byte) in changes {
                if body.is_empty() {
                    break;
                }
                let place = place.index(body.len());
                match kind {
                    0 => body[place] = byte,
                    1 => body.insert(place, byte),
                    2 => drop(body.remove(place)),
                    _ => body[place] = *b"0123456789eE-.,:[]{}\"".get(usize::from(byte) % 21).unwrap(),
                }
            }
            let rows = Rows::<Repository>::read(&body);
            if let (Ok(rows), Ok(raw)) = (&rows, serde_json::from_slice::<Vec<&RawValue>>(&body)) {
                prop_assert_eq!(rows.items.len() + rows.unreadable.len(), raw.len());
            }
            let _ = read::<BaseToken>(&body);
            let _ = read::<Repository>(&body[1.min(body.len())..]);
        }

        #[test]
        fn a_life_of_any_length_is_read(seconds in any::<u64>(), float in any::<f64>()) {
            for seconds in [seconds.to_string(), format!("{float:?}"), format!("-{seconds}"), format!("{seconds}e30")] {
                let as_text: Option<f64> = seconds.parse().ok().filter(|said: &f64| said.is_finite());
                // A decoder of JSON may be off by the last bit.
                let as_number = serde_json::from_str::<f64>(&seconds).ok();
                for (written, said) in [(seconds.clone(), as_number), (format!("\"{seconds}\""), as_text)] {
                    let body = format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":{written}}}"#);
                    let read = read::<BaseToken>(body.as_bytes()).map(|token| token.expires_in as f64);
                    let capped = said.map(|said| said.trunc().clamp(i64::MIN as f64, i64::MAX as f64));
                    prop_assert_eq!(read.ok(), capped);
                }
            }
        }
    }
}
