//! `WWW-Authenticate`: how a registry wants to be signed in to.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The best of the ways that are offered: tokens before passwords.
    pub(crate) fn best(headers: &HeaderMap) -> Option<Self> {
        let offered: Vec<_> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(parse)
            .collect();
        offered.iter().find(|challenge| matches!(challenge, Self::Bearer { .. })).or(offered.first()).cloned()
    }
}

/// Takes a header apart: `scheme name=value, name="value", scheme …`. What is not understood is skipped.
fn parse(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches([' ', '\t']);
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = parameter(value.trim_start_matches([' ', '\t']));
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = after;
        } else if word.is_empty() {
            break; // Not the grammar of this header; keep what was understood.
        } else {
            found.push((word.to_ascii_lowercase(), Vec::new()));
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    found.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, &parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        parameters.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => {
            Some(Challenge::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") })
        }
        _ => None,
    }
}

/// A token or a quoted string at the beginning, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As registries write it.
    fn written(challenge: &Challenge) -> String {
        let Challenge::Bearer { realm, service, scope } = challenge else {
            return "Basic realm=\"of others, Bearer realm=x\"".into();
        };
        let quoted = |name: &str, value: &str| {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let parameters = [("realm", Some(realm)), ("service", service.as_ref()), ("scope", scope.as_ref())];
        let parameters = parameters.iter().filter_map(|(name, value)| Some(quoted(name, (*value)?)));
        format!("Bearer {}", parameters.collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn any_header_is_taken_apart_or_left(text in "(Basic|Bearer|realm|[=\", \\\\a])*|\\PC{0,40}") {
            parse(&text);
        }

        #[test]
        fn challenges_are_read_as_they_were_written(
            offered in prop::collection::vec(
                prop_oneof![
                    Just(Challenge::Basic),
                    ("\\PC{1,20}", prop::option::of("\\PC{1,9}"), prop::option::of("\\PC{1,9}")).prop_map(
                        |(realm, service, scope)| Challenge::Bearer { realm, service, scope }
                    ),
                ],
                0..4,
            ),
            between in "( ?, ?){1,2}",
        ) {
            let text = offered.iter().map(written).collect::<Vec<_>>().join(&between);
            prop_assert_eq!(parse(&text), offered);
        }
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn challenges_are_taken_apart_as_registries_write_them() {
        let realm = "https://auth.example/token";
        for (text, expected) in [
            (r#"Basic realm="Registry""#, vec![Challenge::Basic]),
            ("Basic", vec![Challenge::Basic]),
            (
                r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#,
                vec![bearer(realm, Some("registry"), Some("repository:a/b:pull,push"))],
            ),
            (r#"bearer  Realm = "https://auth.example/token" , x=y"#, vec![bearer(realm, None, None)]),
            (
                r#"Basic realm="x, y", Bearer realm="https://auth.example/token""#,
                vec![Challenge::Basic, bearer(realm, None, None)],
            ),
            (r#"Bearer realm="a\"b""#, vec![bearer("a\"b", None, None)]),
            ("Bearer", vec![]),
            (r#"Digest realm="x", Basic"#, vec![Challenge::Basic]),
            ("", vec![]),
            ("=", vec![]),
            (r#"Bearer realm="#, vec![]),
            (r#"Bearer realm="open"#, vec![bearer("open", None, None)]),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=\"x\"".parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Bearer realm=\"https://r\"".parse().unwrap());
        assert_eq!(Challenge::best(&headers), Some(bearer("https://r", None, None)));
        assert_eq!(Challenge::best(&HeaderMap::new()), None);
    }
}
