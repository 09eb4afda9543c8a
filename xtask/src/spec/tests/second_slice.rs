use super::{BUILD_IMAGES_OVERLAY, BUILD_IMAGES_SLICE, Checkout};
use crate::codegen;
use crate::spec::import;

/// Nothing but data says which part of the platform a client is for.
#[test]
fn another_part_of_the_platform_is_a_slice_and_an_overlay_away() {
    let checkout = Checkout::new();
    checkout.write("openapi/slice.toml", BUILD_IMAGES_SLICE);
    checkout.write("openapi/overlay.yaml", BUILD_IMAGES_OVERLAY);
    let document = checkout.write("official.yaml", include_str!("build_images.yaml"));

    import::run(checkout.root(), &document, Some("2026-01-31")).unwrap();
    codegen::run(checkout.root(), false).unwrap();

    let generated = checkout.read("crates/api/src/generated.rs");
    for name in [
        "pub fn build_list",
        "body: impl ::std::convert::Into<::reqwest::multipart::Form>",
        "pub struct Job ",
        "pub struct JobState ",
        "pub enum JobStatus ",
        "pub fn tail(mut self, tail: impl ::std::convert::Into<Option<i64>>)",
    ] {
        assert!(generated.contains(name), "{name}");
    }
    assert!(!generated.contains("struct Tree"), "what the slice does not reach is left out");
    assert!(!checkout.read("openapi/registry.json").contains("vendor's"), "prose stays with the vendor");
    checkout.check();
}

/// Code for such a document does not compile, so it is not written.
#[test]
fn what_would_not_compile_is_refused_with_what_to_do() {
    let generated = |slice: &str| {
        let checkout = Checkout::new();
        checkout.write("openapi/slice.toml", slice);
        checkout.write("openapi/overlay.yaml", BUILD_IMAGES_OVERLAY);
        let document = checkout.write("official.yaml", include_str!("build_images.yaml"));
        import::run(checkout.root(), &document, Some("2026-01-31")).unwrap();
        codegen::run(checkout.root(), false).map_err(|error| format!("{error:#}"))
    };
    let error = generated(&BUILD_IMAGES_SLICE.replace("\"JobStatus\" = \"JobState\"", "")).unwrap_err();
    assert!(error.contains("two types would be called `JobStatus`"), "{error}");
}
