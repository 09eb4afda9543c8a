//! The whole way from a document to code: what it takes, and what it does with what it does not.

mod changes;
mod growth;
mod import;
mod random;
mod reads;
mod second_slice;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::slice::Slice;
use crate::file;

/// A document of another part of the platform.
pub(in crate::spec) fn build_images() -> Value {
    serde_saphyr::from_str(include_str!("tests/build_images.yaml")).unwrap()
}

/// A slice of that document.
pub(in crate::spec) const BUILD_IMAGES_SLICE: &str = r#"
operations = [
    "POST /public/v2/build-image/jobs",
    "GET /public/v2/build-image/jobs",
    "GET /public/v2/build-image/jobs/{job_name}",
    "DELETE /public/v2/build-image/jobs/{job_name}",
    "GET /public/v2/build-image/jobs/{job_name}/logs",
]
prefixes = ["/public/v2/build-image/"]
adjustments = ["drop_workspace_header"]

[rename]
"Job-Output" = "Job"
"JobStatus" = "JobState"
"#;

/// Short ids, a type that hides, and a sentence: what an overlay is for.
pub(in crate::spec) const BUILD_IMAGES_OVERLAY: &str = r#"
overlay: 1.0.0
info: {title: Build jobs, version: "1"}
actions:
  - target: $.paths.*.*.responses.*
    description: A response without a sentence is not valid.
    update: {description: An answer.}
  - target: $.paths["/public/v2/build-image/jobs"].get
    description: A short id.
    update: {operationId: build_list}
  - target: $.components.schemas.Job
    description: A sentence.
    update: {description: A job that builds an image.}
"#;

/// Our own slice, for documents whose schemas have our names already.
pub(in crate::spec) fn our_slice() -> Slice {
    let mut slice = Slice::read(&file::workspace_root().join("openapi/slice.toml")).unwrap();
    slice.rename.clear();
    slice
}

/// Our vendored document.
pub(in crate::spec) fn vendored() -> Value {
    let path = file::workspace_root().join("openapi/registry.json");
    file::parse(&file::read(&path).unwrap(), &path).unwrap()
}

/// A repository with nothing but the low-level crate, in a folder of its own.
pub(in crate::spec) struct Checkout(tempfile::TempDir);

impl Checkout {
    pub(in crate::spec) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = file::workspace_root();
        for name in ["Cargo.lock", "crates/api/Cargo.toml", "crates/api/README.md"] {
            copy(&root.join(name), &folder.path().join(name));
        }
        for entry in fs::read_dir(root.join("crates/api/src")).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &folder.path().join(path.strip_prefix(&root).unwrap()));
        }
        let manifest = file::read(&root.join("Cargo.toml")).unwrap();
        // One line says which packages there are.
        let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
        let checkout = Self(folder);
        checkout.write("Cargo.toml", &manifest.replace(members, r#"members = ["crates/api"]"#));
        checkout
    }

    pub(in crate::spec) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(in crate::spec) fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.root().join(name);
        file::replace(&path, contents).unwrap();
        path
    }

    pub(in crate::spec) fn read(&self, name: &str) -> String {
        file::read(&self.root().join(name)).unwrap()
    }

    /// The same with all that depends on it but this program.
    pub(in crate::spec) fn of_everything() -> Self {
        let checkout = Self::new();
        let root = file::workspace_root();
        for folder in ["crates", "examples"] {
            copy_folder(&root.join(folder), &checkout.root().join(folder));
        }
        for name in ["README.md", "README.ru.md"] {
            copy(&root.join(name), &checkout.root().join(name));
        }
        let manifest = checkout.read("Cargo.toml");
        checkout.write("Cargo.toml", &manifest.replace(r#"["crates/api"]"#, r#"["crates/*", "examples/*"]"#));
        checkout
    }

    /// Compiles the low-level crate. All checkouts share what they depend on.
    pub(in crate::spec) fn check(&self) {
        self.cargo(&["check", "--quiet", "--package", "mlspace-registry-api", "--all-features"]);
    }

    /// Runs cargo, which must succeed.
    pub(in crate::spec) fn cargo(&self, arguments: &[&str]) {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(file::workspace_root().join("target"), PathBuf::from);
        let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(arguments)
            .current_dir(self.root())
            .env("CARGO_TARGET_DIR", target.join("checkouts"))
            .env("CARGO_INCREMENTAL", "0")
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", said(&output.stderr), said(&output.stdout));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &to);
        } else if !to.exists() && path.extension().is_none_or(|end| end != "snap") {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    file::replace(to, &file::read(from).unwrap()).unwrap();
}
