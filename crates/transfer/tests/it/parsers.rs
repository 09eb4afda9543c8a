//! Whatever a file or a name holds, it is read or refused.

use std::path::Path;

use mlspace_registry_transfer::{Digest, Error, Reference, Source};
use proptest::prelude::*;

use crate::fixture::{docker_archive, image, plain_layer};

/// Changes to the bytes of a file: other bytes at some places, and an end that comes early.
#[derive(Clone, Debug)]
struct Damage {
    others: Vec<(usize, u8)>,
    end: Option<usize>,
}

fn damage() -> impl Strategy<Value = Damage> {
    // Half of them are what JSON and paths are made of.
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:0/.\\nul"[..])];
    (prop::collection::vec((any::<usize>(), byte), 0..4), prop::option::weighted(0.2, any::<usize>()))
        .prop_map(|(others, end)| Damage { others, end })
}

impl Damage {
    fn write(&self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        for (at, byte) in self.others.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let len = bytes.len();
            bytes[at % len] = *byte;
        }
        if let Some(end) = self.end {
            bytes.truncate(end % (bytes.len() + 1));
        }
        std::fs::write(path, bytes).unwrap();
    }
}

/// Opens a source and reads all its manifests. Errors are about the source, and nothing panics.
fn read(path: &Path) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let source = match Source::open(path).await {
            Ok(source) => source,
            Err(Error::Source { .. } | Error::Io { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        };
        for image in source.images() {
            match image.for_platform("linux/amd64").await {
                Ok(_) | Err(Error::Source { .. } | Error::Invalid(_) | Error::Io { .. }) => {}
                Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
            }
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_are_read_or_refused(damage in damage(), is_layout in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        match is_layout {
            true => image(&[vec![1; 10]]).tar(&path),
            false => docker_archive(&path, &[plain_layer(1, 10)]),
        };
        damage.write(&path);
        read(&path)?;
    }

    #[test]
    fn damaged_layouts_are_read_or_refused(damage in damage(), file in 0..5_usize) {
        let folder = tempfile::tempdir().unwrap();
        image(&[vec![1; 10]]).write(folder.path());
        let mut files = vec![folder.path().join("oci-layout"), folder.path().join("index.json")];
        let mut blobs: Vec<_> =
            std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
        blobs.sort();
        files.extend(blobs);
        damage.write(&files[file]);
        read(folder.path())?;
    }

    #[test]
    fn a_name_is_written_as_it_was_read(
        host in "([a-z]{1,4}\\.[a-z]{2}|localhost|[a-z]{1,5}:[1-9][0-9]{1,3})",
        path in "[a-z0-9]{1,5}([._-][a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,5}){0,3}",
        tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9._-]{0,20}"),
        digest in prop::option::of(prop::collection::vec(any::<u8>(), 3)),
    ) {
        let mut text = format!("{host}/{path}");
        text.extend(tag.iter().map(|tag| format!(":{tag}")));
        text.extend(digest.iter().map(|bytes| format!("@{}", Digest::of(bytes))));
        let name: Reference = text.parse().unwrap();
        prop_assert_eq!(name.to_string(), text);
        prop_assert_eq!((name.registry(), name.repository(), name.tag()), (&*host, &*path, tag.as_deref()));
    }

    #[test]
    fn any_text_is_a_name_that_means_itself_or_none(text in "[a-zA-Z0-9.:/@_\\-\\[\\] %\\u{e9}]{0,40}") {
        if let Ok(name) = text.parse::<Reference>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
