//! The same programs as jq 1.6 ran, with the answers that it gave: a line each of `tests/it/jq-1.6.jsonl`, with the
//! input or its name in the first line, the program, what was printed, and true if the program ended well.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::Program;
use crate::output::Look;

const ANSWERS: &str = include_str!("../../../tests/it/jq-1.6.jsonl");

/// All programs whose answers differ, and why.
const DIFFERENT: [(&str, &str); 14] = [
    ("100000000000000000000", "whole numbers are exact here, however long they are"),
    (".x|tostring", "whole numbers are exact here: sizes in bytes may be long"),
    ("map(.size+9007199254740993)|add", "whole numbers are exact here"),
    ("[limit(0;.[])]", "jq 1.6 prints everything for a limit of nothing; later versions do not"),
    (".[0].id|@base32", "jq 1.6 as Debian builds it has no @base32, though its manual does"),
    ("@base32 \"\\(.[0].id)\"", "the same"),
    ("try error(null) catch .", "jq 1.6 loses an error that is null; later versions catch it"),
    (
        "[{\"name\":\"a\",\"value\":1},{\"k\":\"b\",\"v\":2}]|from_entries",
        "k and v are names of later versions",
    ),
    ("get_search_list?", "there are no modules"),
    ("builtins|length>100", "the words cannot be listed"),
    ("$__loc__", "places in the program are not known to it"),
    ("\"10:20\"|strptime(\"%H:%M\")|.[3:5]", "a time without its day is no time here"),
    ("\"ab\"|[match(\"(a)(x)?\").captures[]|.string]", "a group that matched nothing is left out"),
    ("{}[0]?", "a number that is no key of an object finds null instead of failing"),
];

type Row = (String, String, String, bool);

/// The rows, with the inputs in place of their names.
fn rows() -> Vec<Row> {
    let mut lines = ANSWERS.lines();
    let inputs: BTreeMap<String, String> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let row = |line: &str| {
        let (input, program, printed, well): Row = serde_json::from_str(line).unwrap();
        (inputs.get(&input).cloned().unwrap_or(input), program, printed, well)
    };
    lines.map(row).collect()
}

fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([("PAGER".into(), "less".into()), ("PATH".into(), "/usr/bin:/bin".into())])
}

#[test]
fn programs_answer_as_in_jq() {
    let rows = rows();
    let differs = |(input, program, printed, well): &&Row| {
        let mut out = Vec::new();
        let run = |program: Program| program.run(input, &Look::default(), &mut out);
        let done = Program::new(program, &environment()).and_then(run);
        done.is_ok() != *well || out != printed.as_bytes()
    };
    let mut different: Vec<_> = rows.iter().filter(differs).map(|row| row.1.as_str()).collect();
    let mut known: Vec<_> = DIFFERENT.iter().map(|(program, _)| *program).collect();
    different.sort_unstable();
    known.sort_unstable();
    assert_eq!(different, known);
    assert!(
        rows.len() >= 200 && different.len() * 100 <= rows.len() * 3,
        "{} of {}",
        different.len(),
        rows.len()
    );
}

/// Debian's jq is this version; another one gives other answers.
#[test]
fn the_recorded_answers_are_those_of_jq() {
    let version = Command::new("jq").arg("--version").output();
    if !version.is_ok_and(|version| version.stdout.starts_with(b"jq-1.6")) {
        eprintln!("skipped: jq 1.6 is not there");
        return;
    }
    // A start takes long, so that programs that end well run many together, each with a mark after what it prints.
    let mut by_input: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows() {
        by_input.entry(row.0.clone()).or_default().push(row);
    }
    for (input, rows) in by_input {
        let (well, badly): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, _, _, well)| *well);
        for some in well.chunks(40) {
            let marked = some.iter().map(|(_, program, _, _)| format!("({program}), \"\\u0000\""));
            let (printed, _) = jq(&marked.collect::<Vec<_>>().join(", "), &input);
            for ((_, program, expected, _), printed) in some.iter().zip(printed.split("\0\n")) {
                assert_eq!(printed, expected, "{program}");
            }
        }
        for (_, program, expected, well) in badly {
            assert_eq!(jq(&program, &input), (expected, well), "{program}");
        }
    }
}

fn jq(program: &str, input: &str) -> (String, bool) {
    let mut jq = Command::new("jq");
    jq.args(["-rc", program]).env_clear().envs(environment()).env("TZ", "UTC");
    let mut jq = jq.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // One that does not compile the program does not read either.
    let _ = writeln!(jq.stdin.take().unwrap(), "{input}");
    let done = jq.wait_with_output().unwrap();
    (String::from_utf8(done.stdout).unwrap(), done.status.success())
}
