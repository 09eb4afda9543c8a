//! Docker's credential helpers: programs that are asked for a registry's sign-in.

use std::process::Stdio;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::credentials::{CredentialKind, Credentials};

/// The text that helpers print for "there is none", as docker knows it.
const NOT_FOUND: &str = "credentials not found";
/// Variables with secrets of ML Space's own tools: none of a helper's business.
const SECRETS: [&str; 5] = [
    "MLSPACE_CLIENT_SECRET",
    "MLSPACE_API_KEY",
    "MLSPACE_WORKSPACES",
    "MLCR_PERSONAL_CLIENT_SECRET",
    "MLS_PASSWORD",
];

/// A program and those that it has started, who end when this is dropped.
#[cfg(unix)]
struct Group(Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Leaves alone what has ended, and what it has left running by its own wish.
    fn leave(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: Zeroizing<String>,
}

/// Asks a helper, named without `docker-credential-`, which may answer that it knows nobody. The error says what is
/// wrong with it, and nothing that it printed, which may be a secret. When nobody waits for it any more, the helper
/// ends with all that it has started.
pub(crate) async fn ask(name: &str, server: &str) -> Result<Credentials, String> {
    let program = format!("docker-credential-{name}");
    if name.contains(['/', '\\']) {
        return Err(format!("the credential helper `{program}` is no program's name"));
    }
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    for secret in SECRETS {
        command.env_remove(secret);
    }
    let cannot = |error| format!("the credential helper `{program}` cannot be run: {error}");
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(cannot)?;
    #[cfg(unix)]
    let group = Group::of(&child);
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read it will not answer either.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(cannot)?;
    #[cfg(unix)]
    group.leave();
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        if String::from_utf8_lossy(&printed).contains(NOT_FOUND) {
            return Ok(Credentials::anonymous());
        }
        return Err(format!("the credential helper `{program}` failed; run it by hand to see why"));
    }
    let answer: HelperAnswer = serde_json::from_slice(&printed)
        .map_err(|_| format!("the credential helper `{program}` printed something else than credentials"))?;
    if answer.secret.is_empty() {
        return Ok(Credentials::anonymous());
    }
    Ok(match answer.username.as_str() {
        "<token>" => Credentials(CredentialKind::IdentityToken(answer.secret)),
        _ => Credentials::password(answer.username, answer.secret),
    })
}
