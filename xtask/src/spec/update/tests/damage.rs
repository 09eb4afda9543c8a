//! Damaged and half-written files, and runs that are repeated.

use std::process::ExitCode;

use serde_json::json;

use super::{REGISTRY, REPORT, arguments, build_images, committed, files, report, update};
use crate::spec::words::WORDS;
use crate::{codegen, public_api};

const MARKS: &str = "<<<<<<< ours\n{\n=======\n[\n>>>>>>> theirs\n";
const RESOLVED: &str = "openapi/resolved.json";
const GENERATED: &str = "crates/api/src/generated.rs";

#[test]
fn generated_files_with_marks_of_a_conflict_are_written_anew() {
    let checkout = committed();
    public_api::run(checkout.root(), false).unwrap();
    let listing = "docs/public-api/api.txt";
    let of_codegen = [RESOLVED, GENERATED, "docs/spec-diff-rules.md", "docs/spec-diff.schema.json"];
    let whole: Vec<String> = of_codegen.iter().map(|name| checkout.read(name)).collect();
    let (listed, before) = (checkout.read(listing), files(&checkout));

    for name in of_codegen.iter().chain([&REGISTRY, &WORDS]) {
        checkout.write(name, MARKS);
    }
    let (report, finished) = update(&checkout, &build_images(), false, true);
    assert!(finished && report.contains("Nothing to release."), "{report}");
    assert_eq!(files(&checkout), before);

    for name in of_codegen {
        checkout.write(name, MARKS);
    }
    checkout.write(listing, MARKS);
    let error = format!("{:#}", public_api::run(checkout.root(), false).unwrap_err());
    assert!(error.contains("generated.rs is not Rust; `cargo xtask codegen` writes it anew"), "{error}");
    assert_eq!(codegen::run(checkout.root(), false).unwrap(), ExitCode::SUCCESS);
    assert_eq!(public_api::run(checkout.root(), false).unwrap(), ExitCode::SUCCESS);
    assert_eq!(of_codegen.map(|name| checkout.read(name)).to_vec(), whole);
    assert_eq!(checkout.read(listing), listed);

    // This one is made of a document that is not here.
    checkout.write(REGISTRY, MARKS);
    let error = format!("{:#}", codegen::run(checkout.root(), false).unwrap_err());
    assert!(error.contains("`cargo xtask spec import FILE` writes it anew"), "{error}");
}

#[test]
fn a_second_run_tells_the_same_and_writes_nothing() {
    let checkout = committed();
    let mut document = build_images();
    document["components"]["schemas"]["RunResponse"]["properties"]["queue"] = json!({"type": "string"});
    let verdicts = |report: &str| report.rsplit_once("\n\n").unwrap().0.to_owned();
    let (first, finished) = update(&checkout, &document, false, true);
    assert!(finished && first.contains("- `RunResponse.queue` is new."), "{first}");
    assert!(first.contains("Step minor: 0.1.0 → 0.1.1."), "{first}");
    let (second, finished) = update(&checkout, &document, false, true);
    assert!(finished && second.ends_with("Nothing was written.\n"), "{second}");
    assert_eq!(verdicts(&first), verdicts(&second));
}

#[test]
fn a_run_that_fails_half_way_writes_nothing_and_keeps_its_report() {
    let checkout = committed();
    let registry = checkout.read(REGISTRY);
    // Nothing can be written where a folder is.
    std::fs::remove_file(checkout.root().join(RESOLVED)).unwrap();
    checkout.write(&format!("{RESOLVED}/in the way"), "");
    let mut document = build_images();
    document["components"]["schemas"]["RunResponse"]["properties"]["queue"] = json!({"type": "string"});
    let arguments = arguments(&checkout, &document, false, true);
    let (report, outcome) = report(checkout.root(), &arguments).unwrap();
    let error = format!("{:#}", outcome.unwrap_err());
    assert!(error.starts_with("nothing was written: cannot write"), "{error}");
    assert!(report.contains("## Stopped: It ended with an error\nnothing was written"), "{report}");
    assert!(report.contains("- `RunResponse.queue` is new."), "{report}");
    assert_eq!(checkout.read(REPORT), report);
    assert_eq!(checkout.read(REGISTRY), registry);
}
