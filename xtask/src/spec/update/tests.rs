mod damage;
#[cfg(unix)]
mod look;
mod verdicts;

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

fn arguments(checkout: &Checkout, document: &Value, accept_breaking: bool, no_test: bool) -> Arguments {
    Arguments {
        file: checkout.write("new.json", &document.to_string()),
        date: Some("2026-01-31".into()),
        accept_breaking,
        no_test,
        since: "HEAD".into(),
        report: REPORT.into(),
    }
}

fn update(checkout: &Checkout, document: &Value, accept_breaking: bool, no_test: bool) -> (String, bool) {
    let arguments = arguments(checkout, document, accept_breaking, no_test);
    let (report, finished) = report(checkout.root(), &arguments).unwrap();
    assert_eq!(checkout.read(REPORT), report, "what is printed is kept");
    (report, finished.unwrap())
}

fn files(checkout: &Checkout) -> [String; 3] {
    [REGISTRY, "openapi/resolved.json", "crates/api/src/generated.rs"].map(|name| checkout.read(name))
}

fn git(checkout: &Checkout, arguments: &[&str]) {
    let git = std::process::Command::new("git").args(arguments).current_dir(checkout.root()).status();
    assert!(git.unwrap().success(), "git {arguments:?}");
}

/// The same, with all of it committed.
fn committed() -> Checkout {
    let checkout = checkout();
    git(&checkout, &["init", "--quiet"]);
    git(&checkout, &["add", "--all"]);
    let author = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"];
    git(&checkout, &[author.as_slice(), &["commit", "--quiet", "--message", "all"]].concat());
    checkout
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
fn another_path_or_method_changes_its_own_lines_alone() {
    let checkout = checkout();
    let target = "  - target: $.paths[\"/public/v2/build-image/jobs/{job_name}/logs\"].get\n    description: A short id.\n    \
        update: {operationId: build_logs}\n";
    checkout.write("openapi/overlay.yaml", &format!("{}{target}", checkout.read("openapi/overlay.yaml")));
    codegen::run(checkout.root(), false).unwrap();
    let mut document = build_images();
    let paths = document["paths"].as_object_mut().unwrap();
    // The path of two operations, with which the paths of others begin.
    let jobs = paths.remove("/public/v2/build-image/jobs").unwrap();
    paths.insert("/public/v2/build-image/job".into(), jobs);
    let logs = &mut paths["/public/v2/build-image/jobs/{job_name}/logs"];
    logs["post"] = logs.as_object_mut().unwrap().remove("get").unwrap();
    let (report, finished) = update(&checkout, &document, true, true);
    assert!(finished, "{report}");
    for part in [
        "- `openapi/slice.toml:3`, `openapi/overlay.yaml:8`: `POST /public/v2/build-image/jobs` is ",
        "- `openapi/slice.toml:4`: `GET /public/v2/build-image/jobs` is ",
        "- `openapi/slice.toml:7`, `openapi/overlay.yaml:14`: `GET /public/v2/build-image/jobs/{job_name}/logs` is ",
        "- `GET /public/v2/build-image/jobs` is `GET /public/v2/build-image/job` now. ",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    let slice = BUILD_IMAGES_SLICE.replace("build-image/jobs\"", "build-image/job\"").replace(
        "GET /public/v2/build-image/jobs/{job_name}/logs",
        "POST /public/v2/build-image/jobs/{job_name}/logs",
    );
    assert_eq!(checkout.read("openapi/slice.toml"), slice);
    let overlay = checkout.read("openapi/overlay.yaml");
    assert!(
        overlay.contains("[\"/public/v2/build-image/job\"].get") && overlay.contains("/logs\"].post"),
        "{overlay}"
    );
    assert_eq!(codegen::run(checkout.root(), true).unwrap(), std::process::ExitCode::SUCCESS);
}

#[test]
fn a_line_that_is_written_in_another_way_is_for_a_person() {
    let checkout = checkout();
    checkout.write("openapi/slice.toml", &BUILD_IMAGES_SLICE.replace("\"Job-Output\" = ", "'Job-Output' = "));
    let text = build_images().to_string().replace("Job-Output", "JobListEntry");
    let (report, finished) = update(&checkout, &serde_json::from_str(&text).unwrap(), true, true);
    assert!(!finished, "{report}");
    assert!(
        report.contains(
            "## Edits that you must make\n- `openapi/slice.toml`: the schema `Job-Output` is called"
        ),
        "{report}"
    );
}

#[test]
fn what_makes_the_document_invalid_is_told_together_with_the_verdicts() {
    let checkout = checkout();
    let overlay =
        checkout.read("openapi/overlay.yaml").replace("responses.*", "responses[\"200\", \"401\", \"422\"]");
    checkout.write("openapi/overlay.yaml", &overlay);
    let mut document = build_images();
    for (path, method) in [("jobs", "get"), ("jobs/{job_name}", "delete")] {
        let operation = &mut document["paths"][format!("/public/v2/build-image/{path}")][method];
        operation["responses"]["4XX"] = json!({"description": "Words."});
    }
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(!finished && report.contains("## Stopped: Some edits are yours to make"), "{report}");
    for part in [
        "- /paths/~1public~1v2~1build-image~1jobs/get/responses/4XX and 1 more has no description: add an action with the \
         target `$.paths.*.*.responses[\"4XX\"]`",
        "| public Rust API | | No differences. |",
        "- `/public/v2/build-image/jobs/get/responses/4XX/description` and 1 more: Words.",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
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
    assert!(report.contains("Whether there is anything to release is not known yet."), "{report}");

    checkout.write("crates/client/src/lib.rs", "fn read() -> u8 {\n    \"\"\n}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(!finished && report.contains("## Failed: api and client do not compile"), "{report}");
    assert!(report.contains("- crates/client/src/lib.rs:2:5: error[E0308]"), "{report}");
}
