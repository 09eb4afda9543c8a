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
mod tests;
