//! Docker's configuration file. What is not ours in it stays as it is, to the letter.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::failure::Failure;
use crate::io::Io;
use crate::settings::files;

const HELPERS: &str = "credHelpers";

/// The file of `docker login`, which podman and skopeo read as well.
#[derive(Debug)]
pub(crate) struct DockerConfig {
    path: PathBuf,
    top: Object,
    /// The indentation of one level of the file.
    indent: String,
}

/// A JSON object whose entries keep their order and their text.
#[derive(Debug, Default)]
struct Object(Vec<(String, Box<RawValue>)>);

impl DockerConfig {
    /// The file, or an empty one where there is none; `None` if there is no place for one.
    pub(crate) fn read(io: &Io) -> Result<Option<Self>, Failure> {
        let folder = match io.variable("DOCKER_CONFIG") {
            Some(folder) => PathBuf::from(folder),
            None => match files::home(io) {
                Some(home) => home.join(".docker"),
                None => return Ok(None),
            },
        };
        let path = folder.join("config.json");
        let text = files::read(&path)?.filter(|text| !text.trim().is_empty());
        let top = match &text {
            Some(text) => serde_json::from_str(text).map_err(|error| broken(&path, &error))?,
            None => Object::default(),
        };
        Ok(Some(Self { path, top, indent: indent(text.as_deref().unwrap_or_default()) }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The credential helper for a registry, without `docker-credential-`.
    pub(crate) fn helper(&self, host: &str) -> Option<String> {
        self.helpers().ok()?.get(host).and_then(|name| serde_json::from_str(name.get()).ok())
    }

    /// True if a helper of that name serves any registry.
    pub(crate) fn uses(&self, helper: &str) -> bool {
        let is =
            |name: &RawValue| serde_json::from_str::<String>(name.get()).is_ok_and(|name| name == helper);
        self.helpers().is_ok_and(|helpers| helpers.0.iter().any(|(_, name)| is(name)))
    }

    /// Sets the helper for a registry, or removes it, in the file as it is by now, which is written if that changes
    /// it.
    pub(crate) fn set_helper(&mut self, io: &Io, host: &str, helper: Option<&str>) -> Result<bool, Failure> {
        let _lock = files::Lock::take(io)?;
        if let Some(now) = Self::read(io)? {
            *self = now;
        }
        if self.helper(host).as_deref() == helper {
            return Ok(false);
        }
        let mut helpers = self.helpers()?;
        match helper {
            Some(name) => helpers.set(host, raw(&name)?),
            None => helpers.0.retain(|(known, _)| known != host),
        }
        if helpers.0.is_empty() {
            self.top.0.retain(|(name, _)| name != HELPERS);
        } else {
            let text = helpers.write(&self.indent, 1);
            let value = RawValue::from_string(text).map_err(|error| broken(&self.path, &error))?;
            self.top.set(HELPERS, value);
        }
        let cannot = |error| Failure::other(format!("cannot write {}: {error}", self.path.display()));
        files::write_private(&self.path, &(self.top.write(&self.indent, 0) + "\n")).map_err(cannot)?;
        Ok(true)
    }

    fn helpers(&self) -> Result<Object, Failure> {
        match self.top.get(HELPERS) {
            Some(text) => serde_json::from_str(text.get()).map_err(|error| broken(&self.path, &error)),
            None => Ok(Object::default()),
        }
    }
}

impl Object {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn write(&self, indent: &str, level: usize) -> String {
        if self.0.is_empty() {
            return "{}".into();
        }
        let inner = indent.repeat(level + 1);
        let name = |name: &String| serde_json::Value::from(name.as_str()).to_string();
        let lines = self.0.iter().map(|(key, value)| format!("{inner}{}: {}", name(key), value.get()));
        format!("{{\n{}\n{}}}", lines.collect::<Vec<_>>().join(",\n"), indent.repeat(level))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    object.set(&name, value);
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(value).map_err(|error| Failure::other(format!("this cannot be written as JSON: {error}")))
}

/// The parser's place is told, not the text, which may hold a secret.
fn broken(path: &Path, error: &serde_json::Error) -> Failure {
    Failure::usage(format!(
        "{} is not a configuration of docker: line {}, column {}; nothing was changed",
        path.display(),
        error.line(),
        error.column()
    ))
}

/// The blanks that the second line begins with; docker itself writes tabs.
fn indent(text: &str) -> String {
    let line = text.lines().nth(1).unwrap_or_default();
    let blank: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    if blank.is_empty() { "\t".into() } else { blank }
}
