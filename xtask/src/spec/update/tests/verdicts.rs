use serde_json::json;

use super::{build_images, checkout, files, update};

const NOTHING: &str = "Nothing to release.";

#[test]
fn nothing_is_to_release_only_where_all_verdicts_are_there_and_agree() {
    let checkout = checkout();
    let (report, finished) = update(&checkout, &build_images(), false, true);
    assert!(finished && report.contains(NOTHING), "{report}");

    // The code is another one, and neither the documents nor the listing tell why.
    let generated = "crates/api/src/generated.rs";
    let code = checkout.read(generated);
    checkout.write(generated, &format!("{code}\n// Another.\n"));
    let (report, finished) = update(&checkout, &build_images(), false, true);
    assert!(finished && !report.contains(NOTHING), "{report}");
    assert!(report.contains("none of the verdicts looks.\n\nStep patch: 0.1.0 → 0.1.1."), "{report}");

    // Something is left to do, so that the verdicts are of a part.
    let mut gone = build_images();
    gone["paths"].as_object_mut().unwrap().remove("/public/v2/build-image/jobs/{job_name}/logs");
    let (report, finished) = update(&checkout, &gone, false, true);
    assert!(!finished && report.contains("At least: not everything is known yet."), "{report}");

    // There is no code to judge.
    let mut refused = build_images();
    refused["components"]["schemas"]["JobStatus"]["properties"]["run"] =
        json!({"allOf": [{"$ref": "#/components/schemas/JobStatus"}, {"required": ["more"]}]});
    let (report, finished) = update(&checkout, &refused, false, true);
    assert!(!finished && report.contains("## Stopped: The generator does not take"), "{report}");
    assert!(report.contains("| public Rust API | | not known |"), "{report}");
    assert!(!report.contains(NOTHING), "{report}");
}

#[test]
fn what_a_person_must_judge_waits_for_one_and_names_both_steps() {
    let checkout = checkout();
    let before = files(&checkout);
    let mut document = build_images();
    let answer = &mut document["paths"]["/public/v2/build-image/jobs"]["get"]["responses"]["401"]["content"];
    let form = answer.as_object_mut().unwrap().remove("application/json").unwrap();
    answer["application/problem+json"] = form;
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(!finished && report.contains("## Stopped: A person must judge the change"), "{report}");
    for part in [
        "0 breaking, 1 to judge, 0 compatible",
        "Step major: 0.1.0 → 0.2.0.",
        "A person must judge 1 of the findings. If they break no caller, there is nothing to release.",
        "- **To be judged:** ",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    assert!(!report.contains(NOTHING), "{report}");
    assert_eq!(files(&checkout), before);
    let (report, finished) = update(&checkout, &document, true, true);
    assert!(finished, "{report}");
    assert_ne!(files(&checkout), before);
}

#[test]
fn what_breaks_rust_alone_waits_for_a_person_and_the_higher_step_counts() {
    let checkout = checkout();
    let before = files(&checkout);
    let mut document = build_images();
    document["components"]["schemas"]["JobStatus"]["required"] = json!(["name", "state", "gpu_count"]);
    let (report, finished) = update(&checkout, &document, false, true);
    assert!(!finished && report.contains("## Stopped: The change breaks Rust callers"), "{report}");
    for part in [
        "| vendor's documents | 0 breaking, 1 compatible, 0 documentation. Version step: minor. | |",
        "| version step | minor | major |",
        "Step major: 0.1.0 → 0.2.0. The higher of the two counts.",
        "## What breaks Rust callers\n- `types::JobState.gpu_count` was `Option<i64>` and is `i64` now",
        "- **Breaking:** `types::JobState.gpu_count` was",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
    assert_eq!(files(&checkout), before);
    assert!(update(&checkout, &document, true, true).1);
}

#[test]
fn parts_that_the_coverage_test_asks_for_are_named_by_file_and_line() {
    let checkout = checkout();
    let room = |name: &str, line: &str| checkout.write(name, &format!("// first\n{line}\n"));
    room("crates/client/src/operation.rs", "A = read(\"build_list\");");
    room("crates/client/src/builds.rs", "api.build_list();");
    room("crates/client/tests/it/requests.rs", "\"build_list\" =>");
    room("crates/simulator/src/operations.rs", "A \"build_list\" GET;");
    room("crates/cli/src/commands/demo/walk.rs", "Some(\"build_list\")");
    room(
        "crates/cli/tests/it/coverage.rs",
        "(\"build_run\", Part::Demo, \"why\"),\n(\"build_list\", \"build ls\"),",
    );
    let slice = checkout.read("openapi/slice.toml");
    let logs = "    \"GET /public/v2/build-image/jobs/{job_name}/logs\",\n";
    let before = slice.replace(logs, "");
    checkout.write("openapi/slice.toml", &before);
    assert!(update(&checkout, &build_images(), true, true).1);

    checkout.write("openapi/slice.toml", &slice);
    let (report, _) = update(&checkout, &build_images(), true, true);
    let id = "get_build_image_job_logs_public_v2_build_image_jobs__job_name__logs_get";
    let line = format!(
        "## Parts that the coverage test misses or has too many\n- `{id}` lacks how it may be repeated (beside \
         crates/client/src/operation.rs:2), a method (beside crates/client/src/builds.rs:2), a request (beside \
         crates/client/tests/it/requests.rs:2), a route (beside crates/simulator/src/operations.rs:2), a step of the \
         demo (beside crates/cli/src/commands/demo/walk.rs:2), a command (beside crates/cli/tests/it/coverage.rs:3)\n"
    );
    assert!(report.contains(&line), "{report}");

    checkout.write("crates/client/src/logs.rs", &format!("api.{id}();\n"));
    checkout.write("openapi/slice.toml", &before);
    let (report, _) = update(&checkout, &build_images(), true, true);
    let line = format!("- `{id}` is gone and still has a method (crates/client/src/logs.rs:1)\n");
    assert!(report.contains(&line), "{report}");
}
