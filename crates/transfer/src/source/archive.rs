//! The table of contents of a tar file: what is where, with everything refused that an image never has.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tar::{EntryType, Header, PaxExtensions};

use crate::compression::Compression;
use crate::digest::shown;
use crate::error::{Error, Result};

const BLOCK: u64 = 512;
/// Most entries of an archive.
const ENTRIES_CAP: usize = 100_000;
/// Longest name, link target or extended header.
const EXTENDED_CAP: u64 = 64 * 1024;

/// Where an entry's bytes are within the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Name → place, for the regular files of an archive.
pub(super) type Contents = HashMap<String, Span>;

/// Fields of the entry that follows, from extended headers.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads an archive's headers; the files themselves are skipped. `path` is for errors.
pub(super) fn contents(file: &Path, path: &Path) -> Result<Contents> {
    let mut file = File::open(file).map_err(|error| Error::io(path, "open it", error))?;
    let length = file.metadata().map_err(|error| Error::io(path, "read it", error))?.len();
    let wrong = |detail: String| Error::source(path, detail);
    let read = |error| Error::io(path, "read it", error);

    let (mut files, mut links) = (Contents::new(), Vec::new());
    let (mut at, mut extended) = (0, Extended::default());
    while at + BLOCK <= length {
        file.seek(SeekFrom::Start(at)).map_err(read)?;
        let mut header = Header::new_old();
        file.read_exact(header.as_mut_bytes()).map_err(read)?;
        if header.as_bytes().iter().all(|b| *b == 0) {
            break;
        }
        if at == 0 && Compression::of(header.as_bytes()).is_some() {
            return Err(wrong("the archive is compressed twice; decompress it first".into()));
        }
        if !checksum_fits(&header) {
            return Err(wrong(format!("it is not a tar archive, or is damaged at byte {at}")));
        }
        let kind = header.entry_type();
        let is_extension = matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        );
        let own = header.entry_size().map_err(|_| wrong(format!("the size at byte {at} is not a number")))?;
        let len = if is_extension { own } else { extended.size.unwrap_or(own) };
        let offset = at + BLOCK;
        let end = offset.checked_add(len).filter(|end| *end <= length);
        let end =
            end.ok_or_else(|| wrong(format!("it is cut off: the entry at byte {at} goes beyond its end")))?;
        at = end.next_multiple_of(BLOCK);

        if is_extension {
            if len > EXTENDED_CAP {
                return Err(wrong(format!("a name in it is {len} bytes long")));
            }
            let mut data = vec![0; len as usize];
            file.read_exact(&mut data).map_err(read)?;
            extended.add(kind, data).map_err(wrong)?;
            continue;
        }
        let Extended { name, link, .. } = std::mem::take(&mut extended);
        let raw = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = clean(&raw).map_err(wrong)?;
        match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous if raw.ends_with(b"/") => continue,
            EntryType::Regular | EntryType::Continuous => {
                if files.insert(name.clone(), Span { offset, len }).is_some() {
                    return Err(wrong(format!("it has two files named `{name}`")));
                }
            }
            EntryType::Symlink | EntryType::Link => {
                let target = link.or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()));
                links.push((name, target.unwrap_or_default(), kind == EntryType::Symlink));
            }
            _ => return Err(wrong(format!("`{name}` is neither a file nor a folder"))),
        }
        if files.len() + links.len() > ENTRIES_CAP {
            return Err(wrong(format!("it has more than {ENTRIES_CAP} entries")));
        }
    }
    resolve(files, links).map_err(wrong)
}

/// Old versions of docker write a layer that comes twice as a link to the first. Such a link may name a
/// file of the same archive; the disk outside is never looked at.
fn resolve(mut files: Contents, links: Vec<(String, Vec<u8>, bool)>) -> Result<Contents, String> {
    let mut found = Vec::new();
    for (name, target, is_symlink) in links {
        let target = String::from_utf8_lossy(&target).into_owned();
        let folder = if is_symlink { name.rsplit_once('/').map_or("", |(folder, _)| folder) } else { "" };
        let span = within(folder, &target).and_then(|target| files.get(&target).copied());
        let span = span.ok_or_else(|| {
            format!("the link `{name}` leads to `{}`, which is no file of the archive", shown(&target))
        })?;
        found.push((name, span));
    }
    for (name, span) in found {
        if files.insert(name.clone(), span).is_some() {
            return Err(format!("it has two files named `{name}`"));
        }
    }
    Ok(files)
}

/// Follows a relative target; `None` if it leaves the archive.
pub(super) fn within(folder: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Extended {
    fn add(&mut self, kind: EntryType, mut data: Vec<u8>) -> Result<(), String> {
        match kind {
            EntryType::GNULongName | EntryType::GNULongLink => {
                while data.last() == Some(&0) {
                    data.pop();
                }
                *(if kind == EntryType::GNULongName { &mut self.name } else { &mut self.link }) = Some(data);
            }
            EntryType::XHeader => {
                for record in PaxExtensions::new(&data) {
                    let record = record.map_err(|_| "an extended header in it is damaged".to_owned())?;
                    let number = || record.value().ok().and_then(|value| value.parse().ok());
                    match record.key_bytes() {
                        b"path" => self.name = Some(record.value_bytes().to_vec()),
                        b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                        b"size" => {
                            self.size = Some(number().ok_or("an extended header in it is damaged")?);
                        }
                        key if key.starts_with(b"GNU.sparse.") => return Err("it has sparse files".into()),
                        _ => {}
                    }
                }
            }
            // Global headers hold comments such as a commit's id.
            _ => {}
        }
        Ok(())
    }
}

/// Refuses names that lead out of the archive or mean something else on some system.
fn clean(name: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(name);
    let bad = || format!("the name `{}` in it is not allowed", shown(&text));
    let name = std::str::from_utf8(name).map_err(|_| bad())?;
    if name.starts_with('/') || name.contains(['\0', '\\']) {
        return Err(bad());
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(bad());
    }
    Ok(parts.join("/"))
}

fn checksum_fits(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let sum = bytes[..148].iter().chain(&bytes[156..]).map(|b| u32::from(*b)).sum::<u32>() + 8 * 32;
    header.cksum().is_ok_and(|stated| stated == sum)
}

#[cfg(test)]
mod tests {
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
        let kind =
            prop_oneof![4 => Just(b'0'), 6 => prop::sample::select(&b"125LKxgS\0"[..]), 1 => any::<u8>()];
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
}
