use insta::assert_snapshot;

use crate::support::Mlcr;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/prune");

#[tokio::test]
async fn the_examples_are_as_their_tests_say() {
    for name in ["training", "releases", "base-images", "notebooks", "over-budget"] {
        let line = format!("prune test --policy {EXAMPLES}/{name}.toml {EXAMPLES}/{name}.test.toml");
        let done = Mlcr::bare().run(&line).await;
        assert!(done.code == 0 && done.stderr.ends_with(" cases as expected\n"), "{done}");
    }
}

#[tokio::test]
async fn a_policy_test_says_what_was_found_and_a_slip_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("good.toml", &std::fs::read_to_string(format!("{EXAMPLES}/training.toml")).unwrap());
    write("slip.toml", "version = 1\n[[rule]]\nname = \"a\"\nkeep_lst = 3\n");
    let images = "now = \"2026-11-28T12:00:00Z\"\n[[image]]\nrepository = \"train/a\"\ntags = [\"ci-1\"]\npushed = \"90d\"\n\
                  expect = \"delete\"\nbecause = \"builds\"\n[[image]]\nrepository = \"serve\"\npushed = \"9d\"\nexpect = \"keep\"\n";
    write("cases.toml", images);
    write("bad.toml", "now = \"yesterday\"\n");
    let mut all = String::new();
    for line in [
        format!("prune test --policy {} {}", path("good.toml"), path("cases.toml")),
        format!("prune test --policy {} {} -o json", path("good.toml"), path("cases.toml")),
        format!("prune test --policy {}", path("good.toml")),
        format!("prune test --policy {}", path("slip.toml")),
        format!("prune test --policy {} {}", path("good.toml"), path("bad.toml")),
        format!("prune test --policy {}", path("missing.toml")),
    ] {
        let done = Mlcr::bare().run(&line).await;
        all.push_str(&format!("{done}\n").replace(folder.path().to_str().unwrap(), "[folder]"));
    }
    assert_snapshot!(all);
}
