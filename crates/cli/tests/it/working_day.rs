//! The shell script of a working day, run against the built binary.

use crate::installed::tool;

#[test]
fn a_working_day_goes_well() {
    let Some(mut bash) = tool("bash") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/working_day.sh");
    let run = bash.arg(script).arg(env!("CARGO_BIN_EXE_mlcr")).output().unwrap();
    let text = [run.stdout, run.stderr].concat();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&text));
}
