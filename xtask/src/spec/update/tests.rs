use serde_json::{Value, json};

use super::{Arguments, report};
use crate::codegen;
use crate::spec::import::{self, REGISTRY};
use crate::spec::tests::{BUILD_IMAGES_OVERLAY, BUILD_IMAGES_SLICE, Checkout, build_images};

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
    report(checkout.root(), &Arguments { file, date: Some("2026-01-31".into()), accept_breaking, no_test })
        .unwrap()
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
        "- `build_list`: calls go on working",
        "  - Code: `crates/client/src/builds.rs: list`",
        "  - Snapshots: `crates/client/tests/snapshots/it__requests__build_list.snap`",
        "## New operations without a method",
        "- PATCH /public/v2/build-image/jobs",
        "- overlay action 2 (target $.paths[\"/public/v2/build-image/jobs\"].get): A short id.",
        "Step minor: 0.1.0 → 0.1.1.",
        "### Added\n\n- `RunResponse.queue` is new (build_list, ",
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
fn a_document_that_does_not_fit_stops_before_anything_is_written() {
    let checkout = checkout();
    let before = files(&checkout);
    let renamed: Value =
        serde_json::from_str(&build_images().to_string().replace("Job-Output", "JobListEntry")).unwrap();
    let (report, finished) = update(&checkout, &renamed, false, true);
    assert!(!finished && report.contains("## Stopped: The document cannot be imported"), "{report}");
    assert!(report.contains("renames the schema `Job-Output`"), "{report}");

    // The slice follows the new name, the overlay does not yet.
    checkout.write("openapi/slice.toml", &BUILD_IMAGES_SLICE.replace("\"Job-Output\" = \"Job\"\n", ""));
    let (report, finished) = update(&checkout, &renamed, false, true);
    assert!(!finished && report.contains("## Stopped: The overlay no longer fits"), "{report}");
    assert!(report.contains("`Job` is not there; the nearest name is `JobListEntry`"), "{report}");
    assert_eq!(files(&checkout), before);

    // Then somebody brings the overlay up to date, and the day ends.
    let overlay = BUILD_IMAGES_OVERLAY.replace("schemas.Job\n", "schemas.JobListEntry\n");
    checkout.write("openapi/overlay.yaml", &overlay);
    let (report, finished) = update(&checkout, &renamed, false, true);
    assert!(finished && report.contains("No differences."), "{report}");
    assert!(checkout.read("crates/api/src/generated.rs").contains("pub struct JobListEntry"));
}

#[test]
fn the_tests_of_requests_have_the_last_word() {
    let checkout = checkout();
    checkout.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/client\"]\nresolver = \"3\"\n[workspace.package]\nversion = \"1.2.3\"\n",
    );
    checkout.write(
        "crates/client/Cargo.toml",
        "[package]\nname = \"mlspace-registry\"\nversion.workspace = true\n",
    );
    checkout.write("crates/client/src/lib.rs", "");
    checkout.write("crates/client/tests/it/main.rs", "#[test]\nfn requests() {}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(finished, "{report}");

    checkout.write("crates/client/tests/it/main.rs", "#[test]\nfn requests() {\n    panic!();\n}\n");
    let (report, finished) = update(&checkout, &build_images(), false, false);
    assert!(!finished && report.contains("## Stopped: The tests of request shapes fail"), "{report}");
}
