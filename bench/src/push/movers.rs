//! The programs that move images: ours, and those of others that are installed.

use std::path::Path;
use std::process::{Command, Stdio};

use super::registry::Tls;
use super::text;

/// A program that moves images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mover {
    Own,
    /// Ours without waiting for the disk: what `eatmydata` makes of it.
    OwnUnsynced,
    Skopeo,
    Crane,
}

impl Mover {
    /// Ours, and what there is of others.
    pub(super) fn installed() -> Vec<Self> {
        let runs = |program: &str, argument: &str| {
            let mut command = Command::new(program);
            command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let mut movers = vec![Self::Own];
        movers.extend(runs("eatmydata", "true").then_some(Self::OwnUnsynced));
        movers.extend(runs("skopeo", "--version").then_some(Self::Skopeo));
        movers.extend(runs("crane", "version").then_some(Self::Crane));
        movers
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "ours",
            Self::OwnUnsynced => "ours without syncing",
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
        }
    }

    /// Pushes the only image of a layout, which is named `v1`.
    pub(super) fn push(self, layout: &Path, repository: &str, tls: Option<&Tls>) -> Command {
        let name = format!("{repository}:v1");
        match self {
            Self::Own | Self::OwnUnsynced => self.own(&["push", &text(layout), repository], tls),
            Self::Skopeo => {
                skopeo(&format!("oci:{}:v1", text(layout)), &format!("docker://{name}"), "dest", tls)
            }
            Self::Crane => crane(&["push", &text(layout), &name], tls),
        }
    }

    /// Pulls that image into a folder.
    pub(super) fn pull(self, repository: &str, folder: &Path, tls: Option<&Tls>) -> Command {
        let name = format!("{repository}:v1");
        match self {
            Self::Own | Self::OwnUnsynced => self.own(&["pull", &name, &text(folder)], tls),
            Self::Skopeo => {
                skopeo(&format!("docker://{name}"), &format!("oci:{}:v1", text(folder)), "src", tls)
            }
            Self::Crane => crane(&["pull", "--format", "oci", &name, &text(folder)], tls),
        }
    }

    /// Copies that image to another registry.
    pub(super) fn copy(self, from: &str, to: &str, tls: Option<&Tls>) -> Command {
        let (from, to) = (format!("{from}:v1"), format!("{to}:v1"));
        match self {
            Self::Own | Self::OwnUnsynced => self.own(&["copy", &from, &to], tls),
            Self::Skopeo => {
                let mut command = skopeo(&format!("docker://{from}"), &format!("docker://{to}"), "src", tls);
                match tls {
                    Some(tls) => command.arg(format!("--dest-cert-dir={}", text(&tls.authority))),
                    None => command.arg("--dest-tls-verify=false"),
                };
                command
            }
            Self::Crane => crane(&["copy", &from, &to], tls),
        }
    }

    pub(super) fn own(self, arguments: &[&str], tls: Option<&Tls>) -> Command {
        let program = std::env::current_exe().unwrap();
        let mut command = match self {
            Self::OwnUnsynced => Command::new("eatmydata"),
            _ => Command::new(&program),
        };
        if self == Self::OwnUnsynced {
            command.arg(&program);
        }
        command.arg("move").args(arguments);
        if let Some(tls) = tls {
            command.arg("--ca").arg(tls.ca());
        }
        command
    }
}

pub(super) fn skopeo(from: &str, to: &str, side: &str, tls: Option<&Tls>) -> Command {
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "-q"]);
    command.arg(match tls {
        Some(tls) => format!("--{side}-cert-dir={}", text(&tls.authority)),
        None => format!("--{side}-tls-verify=false"),
    });
    command.args([from, to]);
    command
}

fn crane(arguments: &[&str], tls: Option<&Tls>) -> Command {
    let mut command = Command::new("crane");
    command.args(arguments);
    match tls {
        Some(tls) => command.env("SSL_CERT_FILE", tls.ca()),
        None => command.arg("--insecure"),
    };
    command
}
