//! The shell script of a working day, run against the built binary.

use std::process::Command;

#[test]
fn a_working_day_goes_well() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/working_day.sh");
    let run = Command::new("bash").arg(script).arg(env!("CARGO_BIN_EXE_mlcr")).output();
    let Ok(run) = run else {
        assert!(std::env::var_os("CI").is_none(), "CI needs bash");
        return;
    };
    let text = [run.stdout, run.stderr].concat();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&text));
}
