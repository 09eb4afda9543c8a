use proptest::prelude::*;

use super::*;

fn hits(pattern: &str, name: &str) -> bool {
    pattern.parse::<Pattern>().unwrap().matches(name)
}

#[test]
fn a_star_stops_at_a_folder_and_two_do_not() {
    for (pattern, name, expected) in [
        ("train/*", "train/base", true),
        ("train/*", "train/nlp/base", false),
        ("train/**", "train/nlp/base", true),
        ("train/**", "train", false),
        ("**/base", "base", true),
        ("**/base", "a/b/base", true),
        ("**/base", "a/database", false),
        ("a/**/b", "a/b", true),
        ("**", "a/b", true),
        ("*", "a/b", false),
        ("*base", "base", true),
        ("base", "base2", false),
        ("Base", "base", false),
        ("b?se", "base", true),
        ("a?b", "a/b", false),
        ("об*з", "образ", true),
        ("v[0-9]*", "v1.2", true),
        ("v[0-9]*", "vnext", false),
        ("v[!0-9]*", "vnext", true),
        ("a[!x]b", "a/b", false),
        ("{job,jupyter}-*", "jupyter-1", true),
        ("{job,jupyter}-*", "jup-1", false),
        ("{a/**/,}b", "a/b", true),
        ("a{,b}", "a", true),
        ("***", "a/b", true),
    ] {
        assert_eq!(hits(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn a_pattern_of_many_stars_ends_soon() {
    assert!(!hits(&"*a".repeat(200), &"a".repeat(199)));
    assert!(!hits(&format!("{}b", "**a*".repeat(200)), &"a".repeat(250)));
}

#[test]
fn what_is_no_pattern_is_refused_with_what_is_wrong() {
    for (text, problem) in [
        ("", "empty"),
        ("!", "empty"),
        ("a b", "no name has a space"),
        ("a!b", "no name has a space"),
        ("base:v1", "no name has a space"),
        ("v[0-9", "`[` is not closed"),
        ("v]", "closes nothing"),
        ("v[]", "`[]` is empty"),
        ("v[9-0]", "runs backwards"),
        ("{a,b", "`{` is not closed"),
        ("{a,{b}}", "within another"),
        ("a}", "closes nothing"),
        (&"{a,b}".repeat(7), "too many alternatives"),
        (&"a".repeat(LONGEST + 1), "longer"),
    ] {
        let error = text.parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains(problem), "{text}: {error}");
        assert!(error.chars().count() < 200, "{error}");
    }
}

#[test]
fn taking_out_wins_in_any_order_and_takes_out_of_something() {
    for patterns in [["train/**", "!train/golden"], ["!train/golden", "train/**"]] {
        let patterns = Patterns::new(patterns).unwrap();
        assert!(patterns.matches("train/base") && !patterns.matches("train/golden"));
    }
    assert!(!Patterns::default().matches("train"));
    let error = Patterns::new(["!train/golden"]).unwrap_err();
    assert!(error.to_string().contains("put `**` beside it"), "{error}");
    assert!(serde_json::from_str::<Patterns>(r#"["!a"]"#).is_err());
    let patterns = Patterns::new(["a*", "!ab"]).unwrap();
    assert_eq!(serde_json::to_string(&patterns).unwrap(), r#"["a*","!ab"]"#);
}

/// As the table in the documentation says it, and nothing else: every way to split the name is tried.
fn naive(pattern: &[char], name: &[char]) -> bool {
    let any_split = |rest: &[char], deep: bool| {
        (0..=name.len()).any(|end| (deep || !name[..end].contains(&'/')) && naive(rest, &name[end..]))
    };
    match pattern {
        [] => name.is_empty(),
        ['{', rest @ ..] => {
            let close = rest.iter().position(|c| *c == '}').unwrap();
            let mut choices = rest[..close].split(|c| *c == ',');
            choices.any(|choice| naive(&[choice, &rest[close + 1..]].concat(), name))
        }
        ['*', '*', '*', rest @ ..] => naive(&[&['*', '*'], rest].concat(), name),
        ['*', '*', rest @ ..] => any_split(rest, true),
        ['*', rest @ ..] => any_split(rest, false),
        ['[', rest @ ..] => {
            let close = rest.iter().position(|c| *c == ']').unwrap();
            let hit = |c: &char| match &rest[..close] {
                ['!', others @ ..] => !others.contains(c),
                these => these.contains(c),
            };
            name.split_first().is_some_and(|(c, left)| *c != '/' && hit(c) && naive(&rest[close + 1..], left))
        }
        ['?', rest @ ..] => name.split_first().is_some_and(|(c, left)| *c != '/' && naive(rest, left)),
        [one, rest @ ..] => name.split_first().is_some_and(|(c, left)| c == one && naive(rest, left)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_matches_what_a_naive_reading_of_it_does(
        // Folders of no name are left to the table above: they are one rule that looks at what stands before.
        pieces in prop::collection::vec(prop::sample::select(vec![
            "a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "{a,b*}", "{**,/b}", "ж",
        ]), 1..7),
        name in prop::collection::vec(prop::sample::select(vec!['a', 'b', '/', 'ж']), 0..7),
    ) {
        let text = pieces.concat();
        prop_assume!(!text.contains("**/") && !text.contains("**}/") && !text.contains("**,/b}/"));
        let letters: Vec<char> = text.chars().collect();
        let name: String = name.into_iter().collect();
        let expected = naive(&letters, &name.chars().collect::<Vec<_>>());
        prop_assert_eq!(hits(&text, &name), expected, "{} {}", text, name);
    }

    #[test]
    fn no_text_breaks_the_reading_of_patterns(text in "[a/*?!{},\\[\\]-]{0,24}", name in "[a/]{0,24}") {
        if let Ok(pattern) = text.parse::<Pattern>() {
            pattern.matches(&name);
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}
