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
