//! Pulls that a full disk or a kill ends at any byte, over remains that were damaged: what is there in the end is
//! right.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mlspace_registry_simulator::{Quirk, Seed, Simulator};
use proptest::prelude::*;

use crate::fixture::{digest, layout};
use crate::support::Mlcr;

/// The size of the larger layer, in bytes.
const LAYER: usize = 300_000;

/// One thing that happens to a target.
#[derive(Clone, Debug)]
enum Happening {
    /// A pull that may write files of so many bytes; the write beyond fails, or kills it.
    Pull { tag: &'static str, most: usize, is_killed: bool },
    /// A byte of a file is another one.
    Flip { file: usize, at: usize },
    /// A file ends early, as after a power cut.
    Cut { file: usize, to: usize },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (prop_oneof![Just("v1"), Just("v2")], 0..LAYER + 50_000, any::<bool>())
            .prop_map(|(tag, most, is_killed)| Happening::Pull { tag, most, is_killed }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(file, at)| Happening::Flip { file, at }),
        1 => (any::<usize>(), 0..LAYER).prop_map(|(file, to)| Happening::Cut { file, to }),
    ]
}

/// Pulls in a process of its own. `true` if it ended well.
fn pull(name: &str, target: &Path, most: Option<usize>, is_killed: bool) -> bool {
    let limit = most.map_or("unlimited".into(), |most| (most / 512).to_string());
    // A signal that is ignored here is ignored in the program, and its write fails.
    let trap = if is_killed { "" } else { "trap '' XFSZ;" };
    let line = format!("{trap} ulimit -c 0; ulimit -f {limit}; exec \"$0\" image pull \"$1\" \"$2\" --yes");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line, env!("CARGO_BIN_EXE_mlcr"), name]).arg(target);
    shell.env_clear().env("HOME", target.parent().unwrap()).env("MLCR_KEYRING", "off");
    shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Damages blobs and what is left of them. The small files that name them are another matter.
fn damage(folder: &Path, happening: &Happening) {
    let blobs = files(&folder.join("blobs"));
    let (Happening::Flip { file, .. } | Happening::Cut { file, .. }) = happening else { return };
    let Some(path) = blobs.get(file % blobs.len().max(1)) else { return };
    let mut bytes = std::fs::read(path).unwrap();
    match happening {
        Happening::Flip { at, .. } if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] ^= 1;
        }
        Happening::Cut { to, .. } => bytes.truncate(*to),
        _ => {}
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn whatever_ends_a_pull_the_next_one_makes_it_right() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    let (simulator, manifests) = runtime.block_on(async {
        let open: Quirk = "registry-auth=open".parse().unwrap();
        let simulator = Simulator::builder().seed(Seed::Empty).quirk(open).start().await.unwrap();
        let mut manifests = Vec::new();
        for (tag, size) in [("v1", LAYER), ("v2", LAYER / 3)] {
            let source = home.path().join(tag);
            manifests.push(layout(&source, &vec![tag.as_bytes()[1]; size]));
            let line = format!("image push {} {}/app:{tag}", source.display(), simulator.registry_address());
            let done = Mlcr::bare().variable("HOME", home.path().display().to_string()).run(&line).await;
            assert_eq!(done.code, 0, "{done}");
        }
        (simulator, manifests)
    });
    let name = |tag: &str| format!("{}/app:{tag}", simulator.registry_address());
    let whole = home.path().join("whole.tar");
    assert!(pull(&name("v1"), &whole, None, false));
    let whole = std::fs::read(whole).unwrap();

    let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(happenings in prop::collection::vec(happening(), 1..5))| {
        let place = tempfile::tempdir().unwrap();
        let (folder, archive) = (place.path().join("layout"), place.path().join("v1.tar"));
        for happening in &happenings {
            if let Happening::Pull { tag, most, is_killed } = happening {
                let is_done = pull(&name(tag), &folder, Some(*most), *is_killed);
                prop_assert!(!is_done || folder.join("index.json").exists());
                pull(&name("v1"), &archive, Some(*most), *is_killed);
                // Nothing is under its name before it is whole.
                prop_assert!(!archive.exists() || std::fs::read(&archive).unwrap() == whole);
            }
            damage(&folder, happening);
        }
        for tag in ["v1", "v2"] {
            prop_assert!(pull(&name(tag), &folder, None, false), "{happenings:?}");
        }
        prop_assert!(pull(&name("v1"), &archive, None, false));
        prop_assert!(std::fs::read(&archive).unwrap() == whole);
        let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
        prop_assert!(manifests.iter().all(|manifest| index.contains(manifest)));
        let blobs = files(&folder.join("blobs"));
        prop_assert_eq!(blobs.len(), 6);
        for path in &blobs {
            let name = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
            prop_assert_eq!(digest(&std::fs::read(path).unwrap()), name);
        }
        let left = |path: &PathBuf| path.display().to_string().contains("partial");
        prop_assert!(!files(place.path()).iter().any(left), "{:?}", files(place.path()));
    });
}
