//! What this build is.

use std::ffi::OsString;

/// The text of `--version`, with `-v` of all that a report of a fault needs.
pub(crate) fn text(arguments: &[OsString]) -> String {
    const VERSION: &str = concat!("mlcr ", env!("CARGO_PKG_VERSION"), "\n");
    let is_verbose = |argument: &OsString| {
        argument.to_str().is_some_and(|text| matches!(text, "-v" | "-vv" | "--verbose" | "-Vv" | "-vV"))
    };
    if !arguments.iter().any(is_verbose) {
        return VERSION.to_owned();
    }
    let or = |text: &'static str, none: &'static str| if text.is_empty() { none } else { text };
    let commit = or(env!("MLCR_COMMIT"), "not known");
    let features = or(env!("MLCR_FEATURES"), "none");
    format!("{VERSION}commit: {commit}\ntarget: {}\nfeatures: {features}\n", env!("MLCR_TARGET"))
}
