//! The two first pages: of equal content, and every command in them works.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::fixture::layout;

const ENGLISH: &str = include_str!("../../../../README.md");
const RUSSIAN: &str = include_str!("../../../../README.ru.md");

/// What must be the same in every language: the levels of headings, code, links, and the crates' names.
fn skeleton(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
            parts.push(line.to_owned());
        } else if code {
            parts.push(line.to_owned());
        } else if line.starts_with('#') {
            parts.push("#".repeat(line.chars().take_while(|c| *c == '#').count()));
        } else if line.starts_with('|') {
            parts.push(
                line.split('|')
                    .take(3)
                    .skip(1)
                    .map(str::trim)
                    .filter(|cell| cell.contains('`') || cell.contains("]("))
                    .collect(),
            );
        }
    }
    parts
}

/// Everything between backquotes that is a command or a name, in order of the alphabet.
fn quoted(text: &str) -> Vec<&str> {
    let outside: Vec<&str> = text.split("```").step_by(2).collect();
    let mut words: Vec<&str> = outside.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).collect();
    words.retain(|word| {
        word.is_ascii() && (word.starts_with("mlcr") || word.starts_with("cargo") || word.contains("MLSPACE"))
    });
    words.sort_unstable();
    words
}

#[test]
fn both_pages_have_the_same_sections_code_and_commands() {
    assert_eq!(skeleton(ENGLISH), skeleton(RUSSIAN));
    let (english, russian): (Vec<_>, Vec<_>) = (quoted(ENGLISH), quoted(RUSSIAN));
    // One placeholder is translated.
    let english: Vec<_> = english.into_iter().filter(|word| *word != "mlcr COMMAND --help").collect();
    assert_eq!(english, russian);
}

/// A simulator in a process of its own, ended with the test.
struct Sim(Child);

impl Drop for Sim {
    fn drop(&mut self) {
        // Asked, not killed: it removes its temporary folder.
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

fn start(settings: &Path) -> Sim {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlcr"));
    let mut child =
        command.arg("sim").arg("--env-file").arg(settings).stdout(Stdio::piped()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let sim = Sim(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert!(line.contains("ready"), "{line}");
    sim
}

#[test]
fn every_command_of_the_first_page_works_against_the_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("sim.env");
    layout(&folder.path().join("image"), b"an image to push");
    let _sim = start(&settings);
    let bin = Path::new(env!("CARGO_BIN_EXE_mlcr")).parent().unwrap();
    let commands: Vec<&str> = ENGLISH.lines().filter(|line| line.starts_with("mlcr ")).collect();
    assert!(commands.len() >= 9, "{commands:?}");
    let person =
        "MLSPACE_CLIENT_ID=$MLCR_PERSONAL_CLIENT_ID; MLSPACE_CLIENT_SECRET=$MLCR_PERSONAL_CLIENT_SECRET";
    for command in commands {
        // A person is asked to type the workspace's name.
        let yes = if command.starts_with("mlcr password rotate") { " --yes" } else { "" };
        let script = format!("set -e; set -a; . '{}'; {person}; set +a; {command}{yes}", settings.display());
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).env("PATH", path).env("HOME", folder.path()).current_dir(&folder);
        shell.env("MLCR_KEYRING", "off");
        for variable in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DOCKER_CONFIG", "MLCR_CONFIG_DIR"] {
            shell.env_remove(variable);
        }
        shell.stdin(Stdio::null());
        let run = shell.output().unwrap();
        assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    }
}
