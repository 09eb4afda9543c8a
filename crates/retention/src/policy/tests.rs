use super::*;

const RULE: &str = "version = 1\n[[rule]]\nname = \"a\"\nrepositories = [\"**\"]\nkeep_within = \"1d\"\n";

fn problem(text: &str) -> String {
    text.parse::<Policy>().unwrap_err().to_string()
}

#[test]
fn a_slip_is_an_error_with_its_place() {
    for (text, expected) in [
        ("", "missing field `version`"),
        ("version = 2", "version 2 is not known"),
        ("version = 1\nkeep_lst = 3", "line 2, column 1: unknown field `keep_lst`"),
        ("version = 1\n[protect]\nlabel = [\"a\"]", "line 3, column 1: unknown field `label`"),
        ("version = 1\ntimezone = \"Europe/Moscow\"", "line 2, column 12: expected UTC or an offset"),
        ("version = 1\n[protect]\ntags = [\"v[\"]", "line 3, column 8: `v[` is not a pattern"),
        ("version = 1\n[protect]\ntags = [\"a/b\"]", "no tag has a `/`"),
        ("version = 1\n[protect]\ndigests = [\"sha256:abc\"]", "not a whole digest"),
        ("{\"version\": 1,\n \"ruel\": []}", "line 2, column 7: unknown field `ruel`"),
    ] {
        assert!(problem(text).contains(expected), "{text}: {}", problem(text));
    }
    for (more, expected) in [
        ("", "line 2, column 1: rule \"a\": expected either tags"),
        ("tags = [\"a\"]\nuntagged = true", "expected either tags"),
        ("tags = []", "expected either tags"),
        ("tags = [\"!a\"]", "put `**` beside it"),
        ("tags = [\"a/b\"]", "no tag has a `/`"),
        ("untagged = true\nuntag = true", "are about tags"),
        ("tags = [\"a\"]\nkeep_last = -1", "line 7, column 13"),
        ("tags = [\"a\"]\nkeep_pulled_within = \"30\"", "line 7, column 22: expected a time such as"),
    ] {
        let text = format!("{RULE}{more}\n");
        assert!(problem(&text).contains(expected), "{more}: {}", problem(&text));
    }
    assert!(problem(&RULE.replace("1d", "30m")).contains("such as 12h, 14d or 2w"));
    let twice = format!("{RULE}untagged = true\n{}untagged = true\n", &RULE[12..]);
    assert!(problem(&twice).contains("two rules are called \"a\""), "{}", problem(&twice));
}

#[test]
fn a_policy_means_the_same_as_json() {
    let policy: Policy = format!("{RULE}tags = [\"ci-*\", \"!ci-keep\"]\n").parse().unwrap();
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(json.parse::<Policy>().unwrap(), policy);
    assert_eq!((policy.rules[0].keep_last, policy.protect.signed), (1, true));
    let untagged: Policy = format!("{RULE}untagged = true\n").parse().unwrap();
    assert_eq!(untagged.rules[0].keep_last, 0);
}
