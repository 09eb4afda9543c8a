//! The table of contents of archives, honest and hostile.

use proptest::prelude::*;

use super::*;

/// Writes an entry as it stands; the `tar` crate refuses to write what is tested here.
fn entry(name: &[u8], kind: EntryType, link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn read(parts: &[Vec<u8>]) -> Result<Contents> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), parts.concat()).unwrap();
    contents(file.path(), file.path())
}

#[test]
fn files_are_found_and_links_within_the_archive_are_followed() {
    let long = "x".repeat(200);
    let found = read(&[
        entry(b"a/", EntryType::Directory, b"", b""),
        entry(b"./a/layer.tar", EntryType::Regular, b"", b"hello"),
        entry(b"b/layer.tar", EntryType::Symlink, b"../a/layer.tar", b""),
        entry(b"c", EntryType::Link, b"a/layer.tar", b""),
        entry(b"././@LongLink", EntryType::GNULongName, b"", long.as_bytes()),
        entry(b"cut", EntryType::Regular, b"", b"x"),
        entry(b"PaxHeaders/x", EntryType::XHeader, b"", b"16 path=pax/yes\n"),
        entry(b"no", EntryType::Regular, b"", b""),
        vec![0; 1024],
    ])
    .unwrap();
    let mut names: Vec<_> = found.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["a/layer.tar", "b/layer.tar", "c", "pax/yes", &long]);
    assert_eq!(found["b/layer.tar"], Span { offset: 1024, len: 5 });
}

#[test]
fn hostile_archives_are_refused() {
    let file = |name: &[u8]| entry(name, EntryType::Regular, b"", b"");
    let link = |target: &[u8]| entry(b"d/link", EntryType::Symlink, target, b"");
    let mut cut = entry(b"a", EntryType::Regular, b"", &[1; 2000]);
    cut.truncate(1500);
    let mut damaged = file(b"a");
    damaged[3] = b'x';
    let pax = |record: &[u8]| entry(b"p", EntryType::XHeader, b"", record);
    for (what, parts) in [
        ("absolute", vec![file(b"/etc/passwd")]),
        ("up", vec![file(b"a/../../b")]),
        ("backslash", vec![file(b"..\\b")]),
        ("not text", vec![file(b"\xff\xfe")]),
        ("twice", vec![file(b"a"), file(b"./a")]),
        ("link out", vec![link(b"../../etc/passwd")]),
        ("link to the disk", vec![link(b"/etc/passwd")]),
        ("link to nothing", vec![link(b"x")]),
        ("link to itself", vec![link(b"link")]),
        ("device", vec![entry(b"a", EntryType::Char, b"", b"")]),
        ("sparse", vec![entry(b"a", EntryType::GNUSparse, b"", b"")]),
        ("cut off", vec![cut]),
        ("damaged", vec![damaged]),
        ("long name", vec![entry(b"a", EntryType::GNULongName, b"", &[b'x'; 70_000])]),
        ("huge size", vec![pax(b"29 size=18446744073709551615\n"), file(b"a")]),
        ("bad size", vec![pax(b"11 size=-1\n"), file(b"a")]),
        ("bad record", vec![pax(b"99 path=x\n"), file(b"a")]),
        ("compressed", vec![vec![0x1f, 0x8b], vec![7; 1000]]),
        ("text", vec![vec![b'x'; 1024]]),
    ] {
        let error = read(&parts).expect_err(what);
        assert!(matches!(error, Error::Source { .. }), "{what}: {error}");
    }
}

fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    let name = prop_oneof![3 => "(\\./)?[a-c]{1,2}(/[a-c]{0,2})?", 1 => "[./a\\\\]{0,8}"];
    let kind = prop_oneof![4 => Just(b'0'), 6 => prop::sample::select(&b"125LKxgS\0"[..]), 1 => any::<u8>()];
    let size =
        prop_oneof![6 => Just(None), 1 => (0..2000_u64).prop_map(Some), 1 => any::<u64>().prop_map(Some)];
    (name, kind, "[./a-c]{0,8}", bytes(), size).prop_map(|(name, kind, link, data, size)| {
        let mut entry = entry(name.as_bytes(), EntryType::new(kind), link.as_bytes(), &data);
        if let Some(size) = size {
            let mut header = Header::new_gnu();
            header.as_mut_bytes().copy_from_slice(&entry[..512]);
            header.set_size(size);
            header.set_cksum();
            entry[..512].copy_from_slice(header.as_bytes());
        }
        entry
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_an_archive_says_its_files_are_within_it_and_their_names_lead_nowhere(
        entries in prop::collection::vec(any_entry(), 0..6),
        cut in prop_oneof![3 => Just(usize::MAX), 1 => 0..3000_usize],
    ) {
        let mut bytes = entries.concat();
        bytes.truncate(cut);
        let len = bytes.len() as u64;
        if let Ok(found) = read(&[bytes]) {
            for (name, span) in found {
                prop_assert!(span.offset + span.len <= len, "{name}: {span:?} of {len}");
                let parts: Vec<&str> = name.split('/').collect();
                prop_assert!(!parts.iter().any(|part| matches!(*part, ".." | ".")), "{name}");
                prop_assert!(!name.starts_with('/') && !name.contains(['\\', '\0']), "{name}");
            }
        }
    }

    #[test]
    fn what_tar_writes_is_found_where_it_is(
        files in prop::collection::btree_map("[a-z]{1,3}(/[a-z]{1,120}){0,3}", prop::collection::vec(any::<u8>(), 0..1500), 0..6),
    ) {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, data) in &files {
            let mut header = Header::new_gnu();
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, name, &data[..]).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        let found = read(std::slice::from_ref(&bytes)).unwrap();
        prop_assert_eq!(found.len(), files.len());
        for (name, data) in &files {
            let span = found[name];
            prop_assert_eq!(&bytes[span.offset as usize..][..span.len as usize], &data[..]);
        }
    }
}
