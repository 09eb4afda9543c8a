use insta::assert_snapshot;

use crate::support::Mlcr;

/// Every command with its path, depth first.
fn paths(command: &clap::Command, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        paths(sub, format!("{path} {}", sub.get_name()).trim_start(), into);
    }
}

#[tokio::test]
async fn the_whole_tree_of_help() {
    let mut all = Vec::new();
    paths(&mlspace_registry_cli::command(), "", &mut all);
    assert!(all.len() > 10);
    for path in all {
        let done = Mlcr::bare().run(&format!("{path} --help")).await;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{path}");
        let name = if path.is_empty() { "mlcr".to_owned() } else { format!("mlcr {path}") };
        assert_snapshot!(name.replace(' ', "_"), done.stdout);
    }
}

#[tokio::test]
async fn every_command_that_does_something_has_an_example() {
    let mut all = Vec::new();
    paths(&mlspace_registry_cli::command(), "", &mut all);
    let command = mlspace_registry_cli::command();
    for path in all.iter().filter(|path| !path.is_empty()) {
        let leaf = path.split(' ').fold(&command, |one, name| one.find_subcommand(name).unwrap());
        if leaf.has_subcommands() {
            continue;
        }
        let help = Mlcr::bare().run(&format!("{path} --help")).await.stdout;
        assert!(help.contains("Example: mlcr "), "{path}");
    }
}

#[tokio::test]
async fn the_version_tells_a_report_what_it_needs_if_it_is_asked_for_more() {
    let plain = Mlcr::bare().run("--version").await;
    assert_eq!((plain.code, plain.stdout.as_str()), (0, concat!("mlcr ", env!("CARGO_PKG_VERSION"), "\n")));
    for line in ["--version -v", "-v --version", "--version --verbose"] {
        let done = Mlcr::bare().run(line).await;
        assert_eq!(done.code, 0, "{done}");
        let names: Vec<_> = done.stdout.lines().map(|line| line.split([':', ' ']).next().unwrap()).collect();
        assert_eq!(names, ["mlcr", "commit", "target", "features"], "{done}");
        assert!(done.stdout.contains(std::env::consts::ARCH), "{done}");
    }
}

#[tokio::test]
async fn help_fits_the_terminal_and_is_never_wider_than_is_easy_to_read() {
    for (width, most) in [(60, 60), (80, 80), (200, 100)] {
        let help = Mlcr { width: Some(width), ..Mlcr::bare() }.run("image push --help").await.stdout;
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= most, "{widest} at {width}:\n{help}");
    }
}

#[tokio::test]
async fn every_page_fits_80_columns_and_the_list_of_them_is_whole() {
    let list = Mlcr::bare().run("help --help").await.stdout;
    let topics = list.lines().find_map(|line| line.strip_prefix("Topics: ")).unwrap();
    for topic in topics.split(", ") {
        let done = Mlcr { width: Some(80), ..Mlcr::bare() }.run(&format!("help {topic}")).await;
        assert_eq!(done.code, 0, "{done}");
        assert!(done.stdout.lines().count() > 5, "{done}");
        let wide: Vec<_> = done.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{topic}: {wide:?}");
    }
    let unknown = Mlcr::bare().run("help nonsense").await;
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(topics.split(", ").all(|topic| unknown.stderr.contains(topic)), "{unknown}");
}

#[tokio::test]
async fn help_about_a_command_is_what_the_command_says_of_itself() {
    for path in ["", "repo", "image push"] {
        let (one, other) = (format!("help {path}"), format!("{path} --help"));
        assert_eq!(Mlcr::bare().run(one.trim()).await.stdout, Mlcr::bare().run(&other).await.stdout);
    }
}

#[tokio::test]
async fn words_of_other_tools_point_to_ours() {
    for (line, ours) in [
        ("login", "mlcr auth login"),
        ("push ./image a:b", "mlcr image push"),
        ("ls", "mlcr repo ls"),
        ("images list", "mlcr image ls"),
        ("repo get a", "mlcr repo show"),
        ("image history a:b", "mlcr image show"),
        ("tag set a:b c", "mlcr tag add"),
        ("imag ls", "image"),
    ] {
        let done = Mlcr::bare().run(line).await;
        assert_eq!(done.code, 2, "{done}");
        assert!(done.stderr.contains(ours) && !done.stderr.contains("__complete"), "{done}");
    }
    let nothing_near = Mlcr::bare().run("complet").await;
    assert!(!nothing_near.stderr.contains("__complete"), "{nothing_near}");
}
