//! Docker's protocol for credential helpers: what this program speaks when it is run as
//! `docker-credential-mlcr`. The action is the only argument, the rest comes on stdin; problems are told on
//! stdout, where docker reads them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use mlspace_registry::Secret;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::io::Io;
use crate::logins::{HELPER, Login, Logins, stored};
use crate::password_store::PasswordStore;

/// The text that docker takes for "not signed in" instead of a failure.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// More than any server and password are long.
const LONGEST: u64 = 64 * 1024;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    #[serde(rename = "ServerURL")]
    server: String,
    username: String,
    secret: Secret,
}

/// True for the name of a program that is asked for credentials.
pub(crate) fn is_meant(program: Option<&OsString>) -> bool {
    let stem = program.and_then(|program| Path::new(program).file_stem()?.to_str());
    stem.and_then(|stem| stem.strip_prefix("docker-credential-")) == Some(HELPER)
}

/// Does one action.
pub(crate) fn run(arguments: &[OsString], io: &mut Io) -> u8 {
    let action = arguments.get(1).and_then(|action| action.to_str()).unwrap_or_default();
    let (text, exit) = match act(action, io) {
        Ok(text) => (text, Exit::Done),
        Err(failure) => {
            let hint = failure.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            (format!("{}{hint}", failure.message), Exit::Other)
        }
    };
    let line = if text.is_empty() { text } else { text + "\n" };
    let written = io.stdout.write_all(line.as_bytes()).and_then(|()| io.stdout.flush());
    if written.is_ok() { exit as u8 } else { Exit::Other as u8 }
}

fn act(action: &str, io: &mut Io) -> Result<String, Failure> {
    match action {
        "get" => get(io),
        "store" => store(io),
        "erase" => erase(io),
        "list" => list(io),
        _ => Err(Failure::usage("docker runs this program with get, store, erase or list")),
    }
}

fn get(io: &mut Io) -> Result<String, Failure> {
    let server = input(io)?;
    let host = host_of(&server);
    if !Logins::read(io)?.by_host.contains_key(host) {
        return Err(Failure::other(NOT_FOUND));
    }
    let (username, secret) = stored(io, None, host)?.ok_or_else(|| {
        Failure::other(format!("no password is stored for {host}"))
            .hint(crate::commands::password::HOW_TO_GET_ONE)
    })?;
    json(&Credentials { server: server.clone(), username, secret })
}

fn store(io: &mut Io) -> Result<String, Failure> {
    // The parser's own message may quote the password.
    let given: Credentials = serde_json::from_str(&input(io)?)
        .map_err(|_| Failure::usage("expected {\"ServerURL\", \"Username\", \"Secret\"}"))?;
    let host = host_of(&given.server);
    let known = Logins::read(io)?.by_host.remove(host);
    // A login of `mlcr docker login` stays that of its key, so that a rotation reaches it.
    let (service, account) = known
        .filter(|login| login.user == given.username)
        .map_or_else(|| (host.to_owned(), given.username.clone()), |login| (login.service, login.account));
    PasswordStore::at(io)?.store(io, &service, &account, &given.secret).map_err(Failure::other)?;
    let login = Login { user: given.username, service, account };
    Logins::change(io, |logins| logins.by_host.insert(host.to_owned(), login))?;
    Ok(String::new())
}

/// Forgets the password. A login of `mlcr docker login` stays known, so that a later `get` can say what to do.
fn erase(io: &mut Io) -> Result<String, Failure> {
    let server = input(io)?;
    let host = host_of(&server);
    let Some(login) = Logins::read(io)?.by_host.remove(host) else { return Ok(String::new()) };
    PasswordStore::at(io)?.forget(io, &login.service, &login.account).map_err(Failure::other)?;
    if login.service == host {
        Logins::change(io, |logins| logins.by_host.remove(host))?;
    }
    Ok(String::new())
}

fn list(io: &Io) -> Result<String, Failure> {
    let logins = Logins::read(io)?.by_host;
    let users: BTreeMap<_, _> = logins.into_iter().map(|(host, login)| (host, login.user)).collect();
    json(&users)
}

fn input(io: &mut Io) -> Result<String, Failure> {
    let mut text = String::new();
    let read = (&mut io.stdin).take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::other(format!("cannot read the input: {error}")))?;
    Ok(text.trim().to_owned())
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::other(format!("cannot be written: {error}")))
}

/// The host of a server as docker writes it, with or without a scheme and a path.
fn host_of(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_their_host() {
        for server in ["cr.ai.cloud.ru", "https://cr.ai.cloud.ru", "https://cr.ai.cloud.ru/v1/"] {
            assert_eq!(host_of(server), "cr.ai.cloud.ru");
        }
        assert_eq!(host_of("http://127.0.0.1:5000/v2/"), "127.0.0.1:5000");
    }

    #[test]
    fn only_the_name_of_the_helper_makes_it_one() {
        let is = |name: &str| is_meant(Some(&name.into()));
        assert!(is("docker-credential-mlcr") && is("/a/b/docker-credential-mlcr"));
        assert!(is("docker-credential-mlcr.exe"));
        assert!(!is("mlcr") && !is("docker-credential-other") && !is_meant(None));
    }
}
