//! `mlcr doctor`: everything between this machine and the registry, one line each.

mod facts;
mod findings;
mod probe;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use clap::Args;
use mlspace_registry::{Client, DEFAULT_BASE_URL, Error, TransportKind};
use mlspace_registry_net::is_loopback;

use crate::commands::password::HOW_TO_GET_ONE;
use crate::connect;
use crate::context::Context;
use crate::failure::{Exit, Failure, ODD_ANSWER, causes, ended};
use crate::logins::Account;
use crate::options::Format;
use crate::proxy::{self, Proxy};
use crate::watch::Watched;
pub(crate) use facts::Fact;
pub(crate) use findings::Check;
use findings::{CheckState, Findings};
use probe::Probe;

/// A clock that is further off than this makes tokens look expired, or not yet valid.
const SKEW: i64 = 60;
/// A token that lives shorter than this is refreshed all the time.
const SHORT_TOKEN: i64 = 120;

/// Checks everything.
#[derive(Args, Debug)]
#[command(
    after_help = "Sends up to six requests, with --facts up to 25, none of which changes anything. Exits by the \
                  worst.\n\n\
                  Example: mlcr doctor\n\
                  Example: mlcr doctor --facts > facts.json"
)]
pub(crate) struct Doctor {
    /// Find out what is not known of the service: JSON for an issue, without names, ids and secrets.
    #[arg(long)]
    facts: bool,
}

impl Doctor {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        if self.facts {
            let facts = facts::gather(context).await?;
            // It is there to be pasted.
            if context.format == Format::Table {
                context.format = Format::Json;
            }
            context.print_all(&facts)?;
            return Ok(Exit::Done);
        }
        let mut findings = Findings::default();
        examine(context, &mut findings).await;
        let printed = context.print_all(&findings.checks);
        ended(printed, findings.worst.map_or(Ok(Exit::Done), Err))
    }
}

async fn examine(context: &Context<'_>, findings: &mut Findings) {
    const REST: [&str; 9] = [
        "key",
        "token",
        "workspace",
        "api key",
        "role",
        "registry host",
        "registry password",
        "firewall",
        "clock",
    ];
    let probe = Arc::new(Probe::default());
    let settings = match context.settings() {
        Ok(settings) => settings,
        Err(failure) => {
            findings.fail("settings", failure);
            return findings.skip(&REST);
        }
    };
    match settings.sources.as_slice() {
        [] => findings.warn("settings", "none found", "run `mlcr auth login`"),
        sources => findings.ok("settings", sources.join(", ")),
    }
    let address = settings.base_url.clone().unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
    let is_own = address.parse().is_ok_and(|url| is_loopback(&url));
    match proxy::used(context.io, &address) {
        Ok(None) if is_own => findings.ok("proxy", "not used for this machine"),
        Ok(Some(Proxy { variable, address })) => findings.ok("proxy", format!("{variable} names {address}")),
        Ok(None) => findings.ok("proxy", "none for this address"),
        Err(failure) => {
            findings.fail("proxy", failure);
            return findings.skip(&REST);
        }
    }
    let (workspace, given_key) = match &settings.workspace {
        Some(workspace) => (Some(workspace.id.clone()), workspace.api_key.is_some()),
        None => (None, false),
    };
    let (watcher, time) = (probe.clone(), context.io.clock.clone());
    let client_id = settings.client_id.clone().unwrap_or_default();
    let client = connect::client_through(settings, context.io, &context.global, |builder| {
        builder.transport(move |network| Watched::by(watcher, time, network))
    });
    let client = match client {
        Ok(client) => client,
        Err(failure) => {
            let key = failure.code == "no_credentials";
            findings.fail(if key { "key" } else { "address" }, failure);
            return findings.skip(if key { &REST[1..] } else { &REST });
        }
    };
    findings.ok("address", client.base_url());
    if !signs_in(&client, findings).await {
        match probe.service_time() {
            Some(_) => clock(context, &probe, findings),
            None => findings.skip(&["clock"]),
        }
        return findings.skip(&["workspace", "api key", "role", "registry host", "registry password"]);
    }
    clock(context, &probe, findings);
    let name = names_workspace(&client, workspace.as_deref(), findings).await;
    reads(&client, given_key, name, context, findings).await;
    password(&client, &client_id, context, findings);
    match probe.blocked() {
        Some(operation) => {
            let message = format!("{operation} was answered with 445");
            findings.fail("firewall", Failure::new(Exit::Firewall, "blocked_by_firewall", message));
        }
        None => findings.ok("firewall", "lets requests that read through"),
    }
}

/// Signs in; true if that works. A failure is laid at the door of what caused it.
async fn signs_in(client: &Client, findings: &mut Findings) -> bool {
    let encrypted = client.base_url().starts_with("https://");
    let reached = if encrypted { "encrypted, and the certificate is trusted" } else { "plain http" };
    match client.sign_in().await {
        Ok(answer) => {
            findings.ok("connection", reached);
            findings.ok("key", "accepted");
            match answer.token.expires_in {
                seconds if seconds < SHORT_TOKEN => {
                    findings.warn(
                        "token",
                        format!("lives for {seconds} s only"),
                        "expect more requests to sign in",
                    );
                }
                seconds => findings.ok("token", format!("lives for {seconds} s")),
            }
            true
        }
        Err(error) if unreachable(&error) => {
            let failure = Failure::from(error)
                .hint("check the address, the network, HTTPS_PROXY, and MLSPACE_CA_FILE for a certificate of your own");
            findings.fail("connection", failure);
            findings.skip(&["key", "token"]);
            false
        }
        Err(error) => {
            findings.ok("connection", reached);
            findings.fail("key", error.into());
            findings.skip(&["token"]);
            false
        }
    }
}

fn unreachable(error: &Error) -> bool {
    match error {
        Error::Exhausted { source, .. } => unreachable(source),
        Error::Transport { kind, .. } => {
            matches!(kind, TransportKind::Connect | TransportKind::Timeout | TransportKind::Interrupted)
        }
        Error::Deadline { .. } => true,
        _ => false,
    }
}

fn clock(context: &Context<'_>, probe: &Probe, findings: &mut Findings) {
    let now = context.io.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed();
    match probe.service_time() {
        None => findings.warn(
            "clock",
            "the service does not say what time it is",
            "compare it with a clock you trust",
        ),
        Some(theirs) if (now - theirs).abs() > SKEW => {
            let (off, way) = ((now - theirs).abs(), if now > theirs { "ahead of" } else { "behind" });
            findings.warn("clock", format!("{off} s {way} the service's"), "set this machine's clock");
        }
        Some(_) => findings.ok("clock", "agrees with the service's"),
    }
}

/// The name of the workspace, if it can be seen.
async fn names_workspace(client: &Client, wanted: Option<&str>, findings: &mut Findings) -> Option<String> {
    const CHOOSE: &str = "name one with --workspace or MLSPACE_WORKSPACE_ID";
    let listed = match client.workspaces().list().await {
        Ok(listed) => listed,
        Err(error) => {
            let hint = if wanted.is_some() { "that is no problem: one is named" } else { CHOOSE };
            findings.warn("workspace", format!("cannot be listed: {}", causes(&error)), hint);
            return None;
        }
    };
    match (wanted, listed.as_slice()) {
        (None, [only]) => {
            findings.ok("workspace", format!("{} (the only one)", only.name));
            Some(only.name.clone())
        }
        (None, several) => {
            let message = format!("this key sees {} workspaces", several.len());
            findings.fail("workspace", Failure::usage(message).hint(CHOOSE));
            None
        }
        (Some(wanted), all) => {
            match all.iter().find(|one| one.name == wanted || one.id.to_string().eq_ignore_ascii_case(wanted))
            {
                Some(one) => {
                    findings.ok("workspace", &*one.name);
                    Some(one.name.clone())
                }
                None => {
                    let hint = "`mlcr api GET /public/v2/workspaces/v3/` lists those that it sees";
                    findings.warn("workspace", format!("this key does not see {wanted}"), hint);
                    None
                }
            }
        }
    }
}

/// Looks for a password to push and pull with. Docker's own configuration may have one as well.
fn password(client: &Client, client_id: &str, context: &Context<'_>, findings: &mut Findings) {
    const CHECK: &str = "registry password";
    match Account::with_password(context.io, client, client_id).and_then(|account| account.place(context.io))
    {
        Ok(Some(place)) => findings.ok(CHECK, format!("stored in {place}")),
        Ok(None) => findings.add(CHECK, CheckState::Ok, "none is stored here", Some(HOW_TO_GET_ONE)),
        Err(failure) => {
            findings.warn(CHECK, failure.message, failure.hint.as_deref().unwrap_or(HOW_TO_GET_ONE))
        }
    }
}

/// Reads the registry, and asks the host that images are pushed to.
async fn reads(
    client: &Client,
    given_key: bool,
    workspace: Option<String>,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let source = if given_key { "given in the settings" } else { "read from the service" };
    match client.registry().await {
        Ok(registry) => {
            findings.ok("api key", source);
            let place = workspace.map_or(String::new(), |name| format!(" of {name}"));
            let message =
                format!("may read the registry{place}: {} repositories", registry.repositories_count);
            findings.ok("role", message);
        }
        Err(error) if error.is_sign_in() || error.is_unauthenticated() => {
            findings.fail("api key", error.into());
            return findings.skip(&["role", "registry host"]);
        }
        Err(error) => {
            findings.ok("api key", source);
            findings.fail("role", error.into());
            return findings.skip(&["registry host"]);
        }
    }
    let mut list = client.repositories().list();
    let first = match list.next().await.transpose() {
        Ok(first) => first,
        // Not one row can be read: which one it is about follows.
        Err(error) if error.is_incomplete() => None,
        Err(error) => {
            // The firewall has a check of its own.
            if !error.is_blocked_by_firewall() {
                findings.fail("repositories", error.into());
            }
            return findings.skip(&["registry host"]);
        }
    };
    if let Some(row) = list.unreadable().first() {
        let row = format!("a row of the list cannot be read: {row}");
        findings.warn("repositories", row, ODD_ANSWER);
    }
    let host = first.and_then(|one| Some(one.full_name.split_once('/')?.0.to_owned()));
    match host {
        None => findings.add("registry host", CheckState::Skipped, "there is no repository to tell it", None),
        Some(host) => match probe::registry_answers(&host, context).await {
            Ok(()) => findings.ok("registry host", format!("{host} answers")),
            Err(problem) => {
                findings.warn("registry host", format!("{host}: {problem}"), "pushing and pulling needs it")
            }
        },
    }
}
