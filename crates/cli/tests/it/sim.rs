use mlspace_registry_cli::Interrupt;

use crate::fixture::assert_mode;
use crate::support::{Caught, Mlcr};

#[tokio::test]
async fn the_simulator_prints_one_ready_line_serves_and_ends_when_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.env");
    let (stop, interrupt) = Interrupt::new();
    let stdout = Caught::default();
    let mlcr = Mlcr { interrupt, stdout: stdout.clone(), ..Mlcr::bare() };
    let line = format!("sim --seed repos=3,images=1,tags=1 --env-file {}", file.display());
    let user = async {
        while !stdout.text().ends_with('\n') {
            tokio::task::yield_now().await;
        }
        let ready: serde_json::Value = serde_json::from_str(&stdout.text()).unwrap();
        assert_eq!(ready["event"], "ready");
        assert_mode(&file, 0o600);
        let settings = std::fs::read_to_string(&file).unwrap();
        let registry = ready["registry"].as_str().unwrap();
        assert!(settings.contains(&format!("MLCR_REGISTRY={registry}\n")));
        let answer = reqwest::get(format!("http://{registry}/v2/")).await.unwrap();
        assert_eq!(answer.status(), 401);
        let mut client = Mlcr::bare();
        for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
            client = client.variable(name, value);
        }
        for key in ["base_url", "registry", "workspace_id", "api_key", "client_id", "client_secret"] {
            assert!(settings.contains(ready[key].as_str().unwrap()), "{key}");
        }
        let done = client.run("repo ls -o json").await;
        assert_eq!(done.json().as_array().unwrap().len(), 3, "{done}");
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(mlcr.run(&line), user);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{done}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made_for_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a");
    let done = Mlcr::bare().run(&format!("sim --env-file {}/b/c.env", missing.display())).await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done}");
    assert!(done.stderr.contains("there is no folder"), "{done}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn the_help_lists_every_quirk_fault_and_operation() {
    let help = Mlcr::bare().run("sim --help").await.stdout;
    let quirks = mlspace_registry_simulator::QUIRKS.iter().map(|quirk| quirk.name);
    let faults = mlspace_registry_simulator::FAULTS.iter().map(|fault| fault.name);
    let operations = mlspace_registry_simulator::OPERATION_IDS.iter();
    let operations = operations.chain(mlspace_registry_simulator::OCI_OPERATION_IDS).copied();
    for name in quirks.chain(faults).chain(operations) {
        assert!(help.contains(name), "{name}");
    }
}

#[cfg(unix)]
mod process {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};

    /// The program with nothing of this machine's settings.
    fn mlcr(home: &std::path::Path) -> Command {
        let mut command = crate::support::unhindered(env!("CARGO_BIN_EXE_mlcr"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("TMPDIR", home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn signal(child: &Child, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    fn left(folder: &std::path::Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_command_has_the_settings_and_the_simulator_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        let script = "\"$MLCR\" repo ls -o json && \"$MLCR\" --version >/dev/null && env && exit 7";
        let mut command = mlcr(home.path());
        command.env("MLCR", env!("CARGO_BIN_EXE_mlcr")).env("MLCR_PROFILE", "work");
        command.env("MLSPACE_API_KEY", "another").args(["sim", "--seed", "repos=3", "--", "sh", "-c"]);
        // The variable with the program's path is one of those that are cleared.
        let script = script.replace("\"$MLCR\"", env!("CARGO_BIN_EXE_mlcr"));
        let done = command.arg(script).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert_eq!(done.status.code(), Some(7), "{stdout}{stderr}");
        assert!(
            stdout.contains("repository-000002") && stdout.contains("MLSPACE_BASE_URL=http://127.0.0.1:"),
            "{stdout}"
        );
        assert!(!stdout.contains("MLCR_PROFILE") && !stdout.contains("another"), "{stdout}");
        assert!(!stdout.contains("\"event\""), "{stdout}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(left(home.path()), [""; 0], "nothing is left behind");
    }

    #[test]
    fn a_bare_end_of_options_runs_the_shell() {
        let home = tempfile::tempdir().unwrap();
        let mut command = mlcr(home.path());
        command.env("SHELL", "/bin/sh").stdin(Stdio::piped()).args(["sim", "--seed", "empty", "--"]);
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"echo $MLCR_KEYRING\nexit 3\n").unwrap();
        let done = child.wait_with_output().unwrap();
        assert_eq!((done.status.code(), done.stdout.as_slice()), (Some(3), &b"off\n"[..]), "{done:?}");
        let unknown = mlcr(home.path()).args(["sim", "--", "no-such-program"]).output().unwrap();
        assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    }

    #[test]
    fn a_signal_ends_the_simulator_which_leaves_nothing_behind() {
        let everywhere = "TERM HUP INT QUIT USR1 USR2 ALRM ABRT TRAP SYS VTALRM PROF XCPU XFSZ IO";
        let on_linux = if cfg!(target_os = "linux") { " PWR STKFLT" } else { "" };
        for name in format!("{everywhere}{on_linux}").split(' ') {
            let home = tempfile::tempdir().unwrap();
            let mut child = mlcr(home.path()).args(["sim", "--seed", "empty"]).spawn().unwrap();
            let mut ready = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
            assert!(!left(home.path()).is_empty(), "its bytes lie somewhere");
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
            assert_eq!(left(home.path()), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_signal_ends_the_command_and_a_key_is_left_to_it() {
        let home = tempfile::tempdir().unwrap();
        let mut command = mlcr(home.path());
        command.args([
            "sim",
            "--seed",
            "empty",
            "--",
            "sh",
            "-c",
            "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done",
        ]);
        let mut child = command.spawn().unwrap();
        let mut up = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut up).unwrap();
        signal(&child, "INT");
        signal(&child, "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(9));
        assert_eq!(left(home.path()), [""; 0]);
    }

    #[test]
    fn each_request_is_a_line_without_a_secret() {
        let home = tempfile::tempdir().unwrap();
        let mlcr_bin = env!("CARGO_BIN_EXE_mlcr");
        let run = |filter: Option<&str>, flags: &[&str]| {
            let mut command = mlcr(home.path());
            if let Some(filter) = filter {
                command.env("RUST_LOG", filter);
            }
            command.args(["sim", "--seed", "empty"]).args(flags).args(["--", "sh", "-c"]);
            let done = command.arg(format!("env -u RUST_LOG {mlcr_bin} repo ls; env")).output().unwrap();
            (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
        };
        for (filter, flags) in [(None, &["-v"][..]), (Some("info"), &[]), (Some("trace"), &[])] {
            let (stdout, stderr) = run(filter, flags);
            assert!(
                stderr.contains("GET /public/v2/docker_registry/v2/repositories/ 200"),
                "{filter:?} {stderr}"
            );
            for line in stdout.lines().filter(|line| line.contains("SECRET=") || line.contains("API_KEY=")) {
                assert!(!stderr.contains(line.split_once('=').unwrap().1), "{line}");
            }
        }
        assert_eq!(run(None, &[]).1.lines().count(), 1, "the hint alone");
        assert!(run(Some("simulator=loud"), &[]).1.contains("RUST_LOG is not understood"));
    }

    #[test]
    fn the_state_is_there_again_and_a_loss_is_said() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state");
        let start = || {
            let mut child = mlcr(home.path()).args(["sim", "--state"]).arg(&folder).spawn().unwrap();
            let mut ready = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
            assert!(ready.contains("ready"), "{ready}");
            child
        };
        let mut child = start();
        signal(&child, "TERM");
        assert!(child.wait().unwrap().success());
        let mut child = start();
        signal(&child, "KILL");
        child.wait().unwrap();
        let mut child = start();
        signal(&child, "TERM");
        child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("was killed; what it changed is lost"), "{stderr}");
        std::fs::write(folder.join("mine"), "x").unwrap();
        let refused = mlcr(home.path()).args(["sim", "--state"]).arg(&folder).output().unwrap();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && stderr.contains("mine"), "{stderr}");
    }

    #[test]
    fn beyond_loopback_there_is_a_warning_and_the_command_still_reaches_it() {
        let home = tempfile::tempdir().unwrap();
        let mut command = mlcr(home.path());
        command.args(["sim", "--seed", "repos=1", "--listen", "0.0.0.0:0", "--registry-listen", "0.0.0.0:0"]);
        let done = command.args(["--", env!("CARGO_BIN_EXE_mlcr"), "repo", "ls"]).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("warning: others than this machine can reach it"), "{stderr}");
    }
}
