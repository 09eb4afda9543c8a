//! The words of a text that could be names of images or parts of them.

use std::io::{self, Read};

/// Read at once.
const CHUNK: usize = 64 * 1024;
/// What is longer is cut: no name is, with a host and a digest.
const LONGEST: usize = 4096;
/// What of a word that is cut is looked at again with what follows.
const OVERLAP: usize = 1024;

pub(super) struct Tokens<R> {
    reader: R,
    chunk: Vec<u8>,
    at: usize,
    end: usize,
    token: Vec<u8>,
    /// The character before the word.
    before: u8,
    pending: Escape,
    line: u64,
    bytes: u64,
    /// The word was handed out, and is dropped when the next one is asked for; all but so much of its end.
    used: Option<usize>,
}

/// How far an escape of JSON has been read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Escape {
    None,
    /// After a `\`.
    Begun,
    /// After `\u` and so many digits, with their value.
    Code(u8, u32),
}

/// Letters, digits, what names are made of, and everything beyond ASCII.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@' | b'+')
        || byte >= 0x80
}

const PART: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_part(byte as u8);
        byte += 1;
    }
    table
};

impl<R: Read> Tokens<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            chunk: vec![0; CHUNK],
            at: 0,
            end: 0,
            token: Vec::new(),
            before: b' ',
            pending: Escape::None,
            line: 1,
            bytes: 0,
            used: None,
        }
    }

    /// How much has been read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next word, the character before it, and its line from 1.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], u8, u64)>> {
        if let Some(kept) = self.used.take() {
            self.token.drain(..self.token.len() - kept);
        }
        loop {
            if self.at == self.end {
                self.at = 0;
                self.end = match self.reader.read(&mut self.chunk) {
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                self.bytes += self.end as u64;
                if self.end == 0 {
                    self.used = Some(0);
                    let done = self.token.is_empty();
                    return Ok((!done).then_some((self.token.as_slice(), self.before, self.line)));
                }
            }
            if self.pending == Escape::None {
                let rest = &self.chunk[self.at..self.end];
                let run = rest.iter().position(|byte| !PART[usize::from(*byte)]).unwrap_or(rest.len());
                let run = run.min(LONGEST - self.token.len());
                self.token.extend_from_slice(&rest[..run]);
                self.at += run;
                if self.token.len() == LONGEST {
                    self.used = Some(OVERLAP);
                    return Ok(Some((self.token.as_slice(), self.before, self.line)));
                }
                if self.at == self.end {
                    continue;
                }
            }
            let byte = self.chunk[self.at];
            self.at += 1;
            let Some(boundary) = self.escape(byte) else { continue };
            let line = self.line;
            self.line += u64::from(byte == b'\n');
            if !self.token.is_empty() {
                self.used = Some(0);
                let before = std::mem::replace(&mut self.before, boundary);
                return Ok(Some((self.token.as_slice(), before, line)));
            }
            self.before = boundary;
        }
    }

    /// Takes what is no part of a word, or part of an escape. Answers the character that ends the word, if one does.
    fn escape(&mut self, byte: u8) -> Option<u8> {
        match (self.pending, byte) {
            (Escape::None, b'\\') => self.pending = Escape::Begun,
            (Escape::None, byte) => return Some(byte),
            (Escape::Begun, b'/') => {
                self.pending = Escape::None;
                self.token.push(b'/');
            }
            (Escape::Begun, b'u') => self.pending = Escape::Code(0, 0),
            // The letter of `\n` is no part of the word that follows.
            (Escape::Begun, byte) => {
                self.pending = Escape::None;
                return Some(byte);
            }
            (Escape::Code(digits, value), byte) => {
                let Some(digit) = (byte as char).to_digit(16) else {
                    self.pending = Escape::None;
                    self.at -= 1;
                    return Some(b'\\');
                };
                let value = value * 16 + digit;
                if digits < 3 {
                    self.pending = Escape::Code(digits + 1, value);
                    return None;
                }
                self.pending = Escape::None;
                match u8::try_from(value) {
                    Ok(byte) if byte.is_ascii() && is_part(byte) => self.token.push(byte),
                    _ => return Some(b'\\'),
                }
            }
        }
        None
    }
}
