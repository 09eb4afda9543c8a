//! Files of lines that show when they are cut or damaged: the last line counts and sums up those before it.
//!
//! Lines of JSON and not one value: such a file can be of any length, and `grep` and `jq` read it. The footer is against
//! accidents; whoever means to change a file can write another footer.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Longer than any line; a file that goes on without an end must not take all memory.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Writes lines, and at the end what they sum up to.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    hash: Sha256,
    lines: u64,
    /// One line, so that it is written and hashed at once.
    line: Vec<u8>,
}

/// Reads the lines of a [`Writer`].
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    hash: Sha256,
    lines: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    end: bool,
    lines: u64,
    sha256: String,
}

/// Why a file cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Damaged {
    /// It cannot be read at all.
    Io(io::Error),
    /// It has no last line: it was cut, or is still being written.
    Cut,
    /// The last line does not fit those before it, or something follows it.
    Changed,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Cut => f.write_str("it is cut: its last line is missing"),
            Self::Changed => {
                f.write_str("it was changed after it was written: its last line does not fit the others")
            }
        }
    }
}

impl std::error::Error for Damaged {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Cut | Self::Changed => None,
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes to `to`, a line at a time: hand in something that buffers.
    pub fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), lines: 0, line: Vec::new() }
    }

    /// Writes one value as a line.
    ///
    /// # Errors
    /// What writing fails with, and values that are no JSON.
    pub fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.put()
    }

    /// Writes a line that is JSON already.
    ///
    /// # Errors
    /// What writing fails with.
    pub fn write_line(&mut self, json: &str) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(json.as_bytes());
        self.put()
    }

    fn put(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.hash.update(&self.line);
        self.lines += 1;
        self.to.write_all(&self.line)
    }

    /// Writes the last line, and hands back what was written to.
    ///
    /// # Errors
    /// What writing fails with.
    pub fn end(mut self) -> io::Result<W> {
        let footer = Footer { end: true, lines: self.lines, sha256: hex(self.hash) };
        serde_json::to_writer(&mut self.to, &footer)?;
        self.to.write_all(b"\n")?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads from `from`.
    pub fn new(from: R) -> Self {
        Self { from, hash: Sha256::new(), lines: 0 }
    }

    /// The next line without its end; `None` after the last one, if it fits those before it. Nothing of what came may be
    /// acted on before that.
    ///
    /// # Errors
    /// [`Damaged`], at the end.
    pub fn next_line(&mut self) -> Result<Option<String>, Damaged> {
        let mut line = String::new();
        let read = Read::take(&mut self.from, LONGEST).read_line(&mut line).map_err(Damaged::Io)?;
        if read == 0 {
            return Err(Damaged::Cut);
        }
        if line.starts_with("{\"end\":true,")
            && let Ok(footer) = serde_json::from_str::<Footer>(&line)
        {
            let fits = footer.lines == self.lines && footer.sha256 == hex(self.hash.clone());
            let rest = self.from.fill_buf().map_err(Damaged::Io)?;
            return if fits && rest.is_empty() { Ok(None) } else { Err(Damaged::Changed) };
        }
        if !line.ends_with('\n') {
            return Err(Damaged::Cut);
        }
        self.hash.update(line.as_bytes());
        self.lines += 1;
        line.pop();
        Ok(Some(line))
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lines: &[&str]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        lines.iter().for_each(|line| writer.write(line).unwrap());
        writer.end().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>, Damaged> {
        let mut reader = Reader::new(bytes);
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line()? {
            lines.push(line);
        }
        Ok(lines)
    }

    #[test]
    fn a_file_is_whole_or_said_not_to_be() {
        let whole = written(&["a", "{\"end\":true}", "ж"]);
        assert_eq!(read(&whole).unwrap(), ["\"a\"", "\"{\\\"end\\\":true}\"", "\"ж\""]);
        assert_eq!(read(&written(&[])).unwrap(), Vec::<String>::new());
        for cut in 0..whole.len() - 1 {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(read(&changed).is_err(), "{at}");
        }
        let mut longer = whole.clone();
        longer.extend_from_slice(b"\"more\"\n");
        assert!(matches!(read(&longer), Err(Damaged::Changed)));
    }
}
