//! Policies with their tests.

use std::path::Path;

use mlspace_registry_retention::{Cases, Policy};

#[test]
fn the_policies_of_the_examples_mean_what_their_tests_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/prune");
    let mut tested = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(stem) = name.strip_suffix(".test.toml") else { continue };
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let policy: Policy = text(&folder.join(format!("{stem}.toml"))).parse().unwrap();
        let cases: Cases = text(&path).parse().unwrap();
        assert_eq!(cases.run(&policy), [], "{name}");
        tested += 1;
    }
    assert_eq!(tested, 5);
}

#[test]
fn a_case_that_does_not_come_out_says_what_was_found_and_why() {
    let policy: Policy = "version = 1\n[[rule]]\nname = \"ci\"\nrepositories = [\"**\"]\ntags = [\"ci-*\"]\nkeep_within = \"1d\"\n"
        .parse()
        .unwrap();
    let image = |tags: &str, expect: &str| {
        format!("[[image]]\nrepository = \"a\"\ntags = {tags}\npushed = \"9d\"\n{expect}\n")
    };
    let cases = |images: &[String]| {
        let cases: Cases = format!("now = \"2026-11-28T12:00:00Z\"\n{}", images.concat()).parse().unwrap();
        cases.run(&policy)
    };
    let newest = image("[\"v9\"]", "expect = \"keep\"").replace("9d", "1h");
    let failed = cases(&[
        newest,
        image("[\"ci-2\"]", "expect = \"keep\"").replace("9d", "8d"),
        image("[\"ci-1\"]", "expect = \"keep\""),
    ]);
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].case, failed[0].expected.as_str(), failed[0].found.as_str()),
        (3, "keep", "delete because ci")
    );
    let failed = cases(&[image("[\"v1\"]", "expect = \"keep\"\nbecause = \"label\"")]);
    assert_eq!(
        (failed[0].expected.as_str(), failed[0].found.as_str()),
        ("keep because label", "keep because newest")
    );
}

#[test]
fn a_slip_in_cases_is_an_error_with_its_place() {
    let problem = |text: &str| text.parse::<Cases>().unwrap_err().to_string();
    let start = "now = \"2026-11-28T12:00:00Z\"\n[[image]]\nrepository = \"a\"\n";
    for (text, expected) in [
        (format!("{start}expects = \"keep\"\n"), "line 4, column 1: unknown field `expects`"),
        (format!("{start}expect = \"gone\"\n"), "line 4, column 10: expected delete, keep or untag:NAME"),
        (start.to_owned(), "missing field `expect`"),
    ] {
        assert!(problem(&text).contains(expected), "{}", problem(&text));
    }
}
