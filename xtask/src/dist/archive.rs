//! The archive and the wheel: the program with all that belongs to it, the same bytes whenever they are made of
//! the same.

use std::io::{Cursor, Read, Write};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_program: bool,
}

impl Entry {
    pub(super) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), is_program: false }
    }

    fn mode(&self) -> u32 {
        if self.is_program { 0o755 } else { 0o644 }
    }
}

/// A `.tar.gz` of the entries, all in `folder`, without owners and with the time given, in seconds since 1970.
pub(super) fn tar_gz(folder: &str, mut entries: Vec<Entry>, time: u64) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(entry.mode());
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(time);
        tar.append_data(&mut header, format!("{folder}/{}", entry.path), entry.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// The files of a wheel.
pub(super) fn read_wheel(wheel: &[u8]) -> Result<Vec<Entry>> {
    let mut archive = ZipArchive::new(Cursor::new(wheel)).context("the wheel is no zip")?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        if file.is_dir() {
            continue;
        }
        let is_program = file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        entries.push(Entry { is_program, ..Entry::new(file.name()?, bytes) });
    }
    Ok(entries)
}

/// A wheel of the files, with a `RECORD` that is true of them. All times are the first that a zip can say.
pub(super) fn write_wheel(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let is_record = |entry: &Entry| entry.path.ends_with(".dist-info/RECORD");
    let place = entries.iter().position(is_record).context("the wheel has no RECORD")?;
    // What describes a wheel stands last in it.
    let mut record = entries.remove(place);
    let mut lines = String::new();
    for Entry { path, bytes, .. } in &entries {
        ensure!(!path.contains([',', '"']), "{path} cannot be recorded");
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        lines.push_str(&format!("{path},sha256={digest},{}\n", bytes.len()));
    }
    lines.push_str(&format!("{},,\n", record.path));
    record.bytes = lines.into();
    entries.push(record);

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in &entries {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(entry.mode());
        zip.start_file(entry.path.as_str(), options)?;
        zip.write_all(&entry.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        let entry = |name: &&str| Entry { is_program: *name == "bin/mlcr", ..Entry::new(*name, *name) };
        names.iter().map(entry).collect()
    }

    #[test]
    fn the_order_in_which_files_come_changes_no_byte_and_programs_can_be_run() {
        let archive = |names: &[&str]| tar_gz("mlcr-1", entries(names), 1_700_000_000).unwrap();
        let bytes = archive(&["bin/mlcr", "share/LICENSE"]);
        assert_eq!(bytes, archive(&["share/LICENSE", "bin/mlcr"]));
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let listed = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (1_700_000_000, 0));
            format!("{} {:o} {text}", entry.path().unwrap().display(), header.mode().unwrap())
        });
        let listed: Vec<String> = listed.collect();
        assert_eq!(listed, ["mlcr-1/bin/mlcr 755 bin/mlcr", "mlcr-1/share/LICENSE 644 share/LICENSE"]);
    }

    #[test]
    fn a_wheel_records_what_is_in_it() {
        let names = ["m.data/scripts/mlcr", "m.dist-info/METADATA", "m.dist-info/RECORD"];
        let wheel = write_wheel(entries(&names)).unwrap();
        assert_eq!(wheel, write_wheel(entries(&[names[2], names[1], names[0]])).unwrap());
        let read = read_wheel(&wheel).unwrap();
        assert_eq!(read[..2], entries(&names)[..2]);
        let record = String::from_utf8(read[2].bytes.clone()).unwrap();
        // As `python3 -c` says it of the same bytes.
        assert_eq!(
            record,
            "m.data/scripts/mlcr,sha256=EOqGGQDvHKW7mTySl-c4LqMeZg1uglmDedux2Q9XvW4,19\nm.dist-info/METADATA,sha256=in_q7-b87mfiIsBIL_cwit82g9U_Z28E8e4inzMgYSA,20\nm.dist-info/RECORD,,\n"
        );
        assert_eq!(write_wheel(read).unwrap(), wheel);
        assert!(write_wheel(entries(&names[..2])).is_err());
        assert!(read_wheel(b"no zip").is_err());
    }
}
