use serde_json::{Value, json};

use super::{Arguments, report};
use crate::codegen;
use crate::spec::import::{self, REGISTRY};
use crate::spec::tests::{BUILD_IMAGES_OVERLAY, BUILD_IMAGES_SLICE, Checkout, build_images};

const REPORT: &str = "target/report.md";

/// A repository that has the build jobs vendored.
fn checkout() -> Checkout {
    let checkout = Checkout::new();
    checkout.write("openapi/slice.toml", BUILD_IMAGES_SLICE);
    checkout.write("openapi/overlay.yaml", BUILD_IMAGES_OVERLAY);
    let document = checkout.write("official.json", &build_images().to_string());
    import::run(checkout.root(), &document, Some("2026-01-31")).unwrap();
    codegen::run(checkout.root(), false).unwrap();
    checkout
}

fn update(checkout: &Checkout, document: &Value, accept_breaking: bool, no_test: bool) -> (String, bool) {
    let file = checkout.write("new.json", &document.to_string());
    let arguments = Arguments {
        file,
        date: Some("2026-01-31".into()),
        accept_breaking,
        no_test,
        since: "HEAD".into(),
        report: REPORT.into(),
    };
    let (report, finished) = report(checkout.root(), &arguments).unwrap();
    assert_eq!(checkout.read(REPORT), report, "what is printed is kept");
    (report, finished)
}

fn files(checkout: &Checkout) -> [String; 3] {
    [REGISTRY, "openapi/resolved.json", "crates/api/src/generated.rs"].map(|name| checkout.read(name))
}

#[test]
fn the_same_document_changes_nothing() {
    let checkout = checkout();
    let before = files(&checkout);
    let (report, finished) = update(&checkout, &build_images(), false, true);
    assert!(
        finished && report.contains("No differences.") && report.contains("Nothing was written."),
        "{report}"
    );
    assert_eq!(files(&checkout), before);
}

#[test]
fn what_callers_can_live_with_is_written_and_reported() {
    let checkout = checkout();
    checkout.write("crates/client/src/builds.rs", "fn list() {\n    api.build_list();\n}\n");
    checkout.write("crates/client/tests/snapshots/it__requests__build_list.snap", "GET");
    let mut document = build_images();
    document["components"]["schemas"]["RunResponse"]["properties"]["queue"] = json!({"type": "string"});
    let jobs = &mut document["paths"]["/public/v2/build-image/jobs"];
    jobs["get"]["operationId"] = json!("build_list");
    jobs["patch"] = json!({"responses": {}});
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(finished, "{report}");
    for part in [
        "0 breaking, 1 compatible, 1 documentation. Version step: minor.",
        "- `RunResponse.queue` is new. Clients ignore what they do not know.",
        "| public Rust API | | 0 breaking, 2 compatible. |",
        "The document changed, and its version did not: it is still 1.",
        "- Calls go on working: `build_list` (code `crates/client/src/builds.rs: list`, snapshot `crates/client/tests/snapshots/it__requests__build_list.snap`)",
        "## New operations without a method",
        "- PATCH /public/v2/build-image/jobs",
        "- overlay action 2 (target $.paths[\"/public/v2/build-image/jobs\"].get): A short id.",
        "Step minor: 0.1.0 → 0.1.1.",
        "### Added\n- `RunResponse.queue` is new (build_list, ",
        "Written: `openapi/registry.json`, `openapi/resolved.json`, `crates/api/src/generated.rs`.",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    assert!(checkout.read("crates/api/src/generated.rs").contains("pub queue: "));
}

#[test]
fn what_breaks_callers_waits_for_a_person() {
    let checkout = checkout();
    let before = files(&checkout);
    let mut document = build_images();
    document["components"]["schemas"]["JobStatus"]["properties"]["state"]["enum"] =
        json!(["Pending", "Lost"]);
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(!finished && report.contains("## Stopped: The vendor's change breaks callers"), "{report}");
    assert!(report.contains("- **Breaking:** `JobState.state` has the new value \"Lost\""), "{report}");
    assert!(report.contains("Step major: 0.1.0 → 0.2.0."), "{report}");
    assert_eq!(files(&checkout), before, "nothing is written before a person decided");

    let (report, finished) = update(&checkout, &document, true, true);
    assert!(finished && !report.contains("Stopped"), "{report}");
    assert_ne!(files(&checkout), before);
}

#[test]
fn a_schema_with_another_name_and_an_operation_that_moved_are_followed_in_one_run() {
    let checkout = checkout();
    let text = build_images().to_string().replace("Job-Output", "JobListEntry");
    let (report, finished) =
        update(&checkout, &serde_json::from_str(&text.replace("/logs", "/log")).unwrap(), true, true);
    assert!(finished, "{report}");
    for part in [
        "`openapi/slice.toml:13`: the schema `Job-Output` is called `JobListEntry` now, and has the same shape; \
         write `\"JobListEntry\" = \"Job\"`",
        "`openapi/slice.toml:7`: `GET /public/v2/build-image/jobs/{job_name}/logs` is \
         `GET /public/v2/build-image/jobs/{job_name}/log` now (the same operation id); write ",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    let slice = checkout.read("openapi/slice.toml");
    assert!(slice.contains("\"JobListEntry\" = \"Job\"") && !slice.contains("Job-Output"), "{slice}");
    assert!(slice.contains("{job_name}/log\"") && !slice.contains("{job_name}/logs\""), "{slice}");

    let (report, finished) =
        update(&checkout, &serde_json::from_str(&text.replace("/logs", "/log")).unwrap(), true, true);
    assert!(finished && report.contains("Nothing was written."), "{report}");
}

#[test]
fn all_that_does_not_fit_is_told_at_once_before_anything_is_written() {
    let checkout = checkout();
    let before = files(&checkout);
    let mut document = build_images();
    document["paths"]["/public/v2/build-image/jobs"].as_object_mut().unwrap().remove("get");
    document["paths"].as_object_mut().unwrap().remove("/public/v2/build-image/jobs/{job_name}/logs");
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(!finished && report.contains("## Stopped: Some edits are yours to make"), "{report}");
    for part in [
        "`openapi/slice.toml:4`: `GET /public/v2/build-image/jobs` is not there; the nearest path is ",
        "`openapi/slice.toml:7`: `GET /public/v2/build-image/jobs/{job_name}/logs` is not there",
        "`openapi/slice.toml:13`: slice.toml renames the schema `Job-Output`, which our operations do not reach; \
         take the line out",
        "`openapi/overlay.yaml:8`: overlay action 2 (target $.paths[\"/public/v2/build-image/jobs\"].get)",
        "`openapi/overlay.yaml:11`: overlay action 3 (target $.components.schemas.Job)",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    assert_eq!(files(&checkout), before);
}

#[test]
fn the_tests_of_requests_have_the_last_word() {
    let checkout = checkout();
    checkout.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"api\", \"crates/client\"]\nresolver = \"3\"\n[workspace.package]\nversion = \"1.2.3\"\n",
    );
    checkout.write(
        "crates/client/Cargo.toml",
        "[package]\nname = \"mlspace-registry\"\nversion.workspace = true\n",
    );
    checkout
        .write("api/Cargo.toml", "[package]\nname = \"mlspace-registry-api\"\nversion.workspace = true\n");
    checkout.write("api/src/lib.rs", "");
    checkout.write("crates/client/src/lib.rs", "");
    checkout.write("crates/client/tests/it/main.rs", "#[test]\nfn requests() {}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(finished, "{report}");

    checkout.write("crates/client/tests/it/main.rs", "#[test]\nfn requests() {\n    panic!();\n}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(!finished && report.contains("## Failed: requests are as recorded"), "{report}");

    checkout.write("crates/client/src/lib.rs", "fn read() -> u8 {\n    \"\"\n}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(!finished && report.contains("## Failed: api and client do not compile"), "{report}");
    assert!(report.contains("- crates/client/src/lib.rs:2:5: error[E0308]"), "{report}");
}

/// Runs `.ci/look` in the checkout against an address that answers once; whether it succeeded. What it hands to cargo is
/// kept in `asked`.
#[cfg(unix)]
fn look(checkout: &Checkout, status: &str, body: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    checkout.write(".ci/look", include_str!("../../../../.ci/look"));
    let cargo = checkout.write("bin/cargo", "#!/bin/sh\n{ echo \"$@\"; cat; } > asked\n");
    std::fs::set_permissions(cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        std::io::Read::read(&mut connection, &mut [0; 4096]).unwrap();
        std::io::Write::write_all(&mut connection, answer.as_bytes()).unwrap();
    });
    let mut path = vec![checkout.root().join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let looked = std::process::Command::new("bash")
        .arg(".ci/look")
        .current_dir(checkout.root())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("DOCUMENT_URL", format!("http://{address}/openapi.json"))
        .status();
    server.join().unwrap();
    looked.unwrap().success()
}

#[cfg(unix)]
#[test]
fn a_look_takes_over_what_is_new_and_leaves_what_is_known() {
    let checkout = checkout();
    let git =
        std::process::Command::new("git").args(["init", "--quiet"]).current_dir(checkout.root()).status();
    assert!(git.unwrap().success());
    let known = build_images().to_string();
    assert!(look(&checkout, "200 OK", &known));
    assert!(!checkout.root().join("asked").exists(), "a document that is known asks for nothing");
    assert!(!look(&checkout, "404 Not Found", "<html>"));
    assert!(!checkout.root().join("asked").exists() && !checkout.root().join("target/look").exists());

    let new = known.replace("Job-Output", "JobListEntry");
    assert!(look(&checkout, "200 OK", &new));
    let asked = checkout.read("asked");
    assert!(asked.starts_with("xtask spec update - --date "), "{asked}");
    assert!(asked.ends_with(&format!("--report target/look/report.md\n{new}")), "{asked}");
    assert!(checkout.root().join("target/look/patch").exists());
}
