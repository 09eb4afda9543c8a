//! `mlcr docker`.

mod install;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::address;
use crate::commands::password;
use crate::context::Context;
use crate::docker_config::DockerConfig;
use crate::failure::{Exit, Failure};
use crate::logins::{Account, HELPER, Login, Logins, stored};
use crate::output::table::Cell;
use crate::output::text::json_pretty;
use crate::output::{Look, Record};
use crate::settings::files::write_private;

/// Docker's side of the registry.
#[derive(Debug, Subcommand)]
pub(crate) enum Docker {
    /// Make docker, podman and skopeo ask mlcr for the registry's password.
    #[command(
        after_help = "Sets `credHelpers` for the registry's host in docker's configuration, changes nothing else there, \
                      and puts a link `docker-credential-mlcr` beside mlcr, or into ~/.local/bin. Never makes a new \
                      password: `mlcr password rotate` does.\n\nExample: mlcr docker login --user me@example.org"
    )]
    Login(LogIn),
    /// Undo `mlcr docker login`. The password stays stored.
    #[command(after_help = "Example: mlcr docker logout")]
    Logout(LogOut),
    /// Write a Kubernetes secret with which pods pull images.
    #[command(after_help = "It holds the registry password: who can read it can push and pull as you.\n\n\
                            Example: mlcr docker secret registry --namespace ml --to secret.yaml\n\
                            Example: mlcr docker secret registry --show | kubectl apply -f -")]
    Secret(PullSecret),
}

/// A login.
#[derive(Args, Debug)]
pub(crate) struct LogIn {
    /// Your e-mail, which is the user name [default: MLCR_PERSONAL_EMAIL].
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    #[command(flatten)]
    at: At,
}

/// A logout.
#[derive(Args, Debug)]
pub(crate) struct LogOut {
    #[command(flatten)]
    at: At,
}

/// Which registry.
#[derive(Args, Debug)]
struct At {
    /// The registry's host, if it should not be asked for.
    #[arg(long, value_name = "HOST")]
    registry: Option<String>,
}

/// A secret to pull images with.
#[derive(Args, Debug)]
#[group(id = "where", required = true, multiple = false, args = ["to", "show"])]
pub(crate) struct PullSecret {
    /// Name of the secret.
    #[arg(value_name = "NAME")]
    name: String,
    /// Its namespace.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Write it to this file, readable for you alone.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Print it.
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    at: At,
}

/// Docker's way into a registry, as it is now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DockerLogin")]
pub(crate) struct Signed {
    /// The registry's host.
    registry: String,
    /// Who signs in there; null if nobody does any more.
    user: Option<String>,
    /// Docker's configuration file.
    config: String,
    /// The credential helper that docker runs; null if it was removed or is not there.
    helper: Option<String>,
    /// True if a password is stored; a logout leaves it.
    password_stored: bool,
}

impl Docker {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Login(login) => login.run(context).await,
            Self::Logout(logout) => logout.run(context).await,
            Self::Secret(secret) => secret.run(context).await,
        }
    }
}

impl At {
    /// The registry's host. One request, if it is not given.
    async fn host(self, context: &Context<'_>) -> Result<String, Failure> {
        match self.registry.or_else(|| context.io.variable("MLCR_REGISTRY").map(str::to_owned)) {
            // A name that is no host would end up in docker's configuration.
            Some(host) => match address::with_host(&format!("{host}/any")) {
                Some(_) => Ok(host),
                None => Err(Failure::usage(format!("{host} is not the host of a registry"))),
            },
            None => Ok(address::address(&context.client()?).await?.host.clone()),
        }
    }
}

fn configuration(context: &Context<'_>) -> Result<DockerConfig, Failure> {
    DockerConfig::read(context.io)?.ok_or_else(|| {
        Failure::usage("there is no home folder with docker's configuration")
            .hint("set HOME or DOCKER_CONFIG")
    })
}

impl LogIn {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        // Nothing changes at the service, so that a client that may only read will do.
        let dry_run = context.global.dry_run || context.settings()?.dry_run;
        let client = context.client()?;
        let client_id = context.settings()?.client_id.unwrap_or_default();
        let mut config = configuration(context)?;
        let host = self.at.host(context).await?;
        let known = Logins::read(context.io)?.by_host.get(&host).map(|login| login.user.clone());
        let user =
            self.user.or_else(|| context.io.variable("MLCR_PERSONAL_EMAIL").map(str::to_owned)).or(known);
        let user = match user {
            Some(user) => user,
            None if context.io.terminals.stdin => context.io.ask("Your e-mail, which is the user name: ")?,
            None => String::new(),
        };
        if user.is_empty() || user.contains([':', '"', '\\']) || user.contains(char::is_control) {
            return Err(Failure::usage("the registry's user name is your e-mail; it is not known")
                .hint("give it with --user, or set MLCR_PERSONAL_EMAIL"));
        }
        if dry_run {
            let body =
                json!({ "config": config.path(), "credHelpers": { host.as_str(): HELPER }, "user": user });
            return context.planned("docker_login", &host, body);
        }
        let account = Account::with_password(context.io, &client, &client_id)?;
        let login = Login { user: user.clone(), service: account.service, account: account.id };
        let password_stored = login.account().place(context.io)?.is_some();
        let (helper, new) = install::install(context.io)?;
        Logins::change(context.io, |logins| {
            if new {
                logins.helper = Some(helper.clone());
            }
            logins.by_host.insert(host.clone(), login);
        })?;
        config.set_helper(context.io, &host, Some(HELPER))?;
        if !install::is_on_path(context.io, &helper) {
            let folder = helper.parent().unwrap_or(&helper).display();
            let message = format!("docker does not find the helper: {folder} is not in PATH");
            context.warn("not_on_path", &message, json!({ "helper": helper }));
        }
        if !password_stored {
            let message = format!("no password is stored for {user}; {}", password::HOW_TO_GET_ONE);
            context.warn("no_password", &message, json!({ "user": user }));
        }
        let (config, helper) = (config.path().display().to_string(), Some(helper.display().to_string()));
        context.print(&Signed { registry: host, user: Some(user), config, helper, password_stored })
    }
}

impl LogOut {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let dry_run = context.global.dry_run || context.settings()?.dry_run;
        let mut config = configuration(context)?;
        let logins = Logins::read(context.io)?;
        let host = match self.at {
            // What was logged in to is known without asking the service, whose key may be gone.
            At { registry: None } if logins.by_host.len() == 1 => {
                logins.by_host.keys().next().cloned().unwrap_or_default()
            }
            at => at.host(context).await?,
        };
        if dry_run {
            let body = json!({ "config": config.path(), "credHelpers": { host.as_str(): null } });
            return context.planned("docker_logout", &host, body);
        }
        let ours = config.helper(&host).as_deref() == Some(HELPER);
        let login = logins.by_host.get(&host).cloned();
        if !ours && login.is_none() {
            let message = format!("there is no login of mlcr at {host}");
            let candidates = logins.by_host.into_keys().collect();
            return Err(Failure { candidates, ..Failure::new(Exit::NotFound, "not_found", message) });
        }
        if ours {
            config.set_helper(context.io, &host, None)?;
        }
        let password_stored = match &login {
            Some(login) => login.account().place(context.io)?.is_some(),
            None => false,
        };
        // What another account's login made stays: its docker runs it too.
        let unused = Logins::change(context.io, |logins| {
            logins.by_host.remove(&host);
            if config.uses(HELPER) { None } else { logins.helper.take() }
        })?;
        if let Some(helper) = unused {
            install::uninstall(&helper)?;
            context.say(&format!("{} is removed", helper.display()));
        }
        let config = config.path().display().to_string();
        context.print(&Signed { registry: host, user: None, config, helper: None, password_stored })
    }
}

impl PullSecret {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let client = context.client()?;
        let client_id = context.settings()?.client_id.unwrap_or_default();
        let host = self.at.host(context).await?;
        let account = Account::with_password(context.io, &client, &client_id)?;
        let Some((user, password)) = stored(context.io, Some(account), &host)? else {
            return Err(Failure::new(
                Exit::SignIn,
                "no_password",
                format!("no password is stored for {host}"),
            )
            .hint(password::HOW_TO_GET_ONE));
        };
        let auth = STANDARD.encode(format!("{user}:{}", password.expose()));
        let login = json!({ "username": user, "password": password.expose(), "auth": auth });
        let config = json!({ "auths": { host: login } }).to_string();
        let mut metadata = json!({ "name": self.name });
        if let Some(namespace) = self.namespace {
            metadata["namespace"] = namespace.into();
        }
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": "kubernetes.io/dockerconfigjson",
            "data": { ".dockerconfigjson": STANDARD.encode(config) },
        });
        let text = if context.format.is_json() {
            json_pretty(&secret) + "\n"
        } else {
            let yaml = serde_saphyr::to_string(&secret);
            yaml.map_err(|error| Failure::other(format!("this cannot be written as YAML: {error}")))?
        };
        match self.to {
            Some(path) => {
                write_private(&path, &text)
                    .map_err(|error| Failure::other(format!("cannot write {}: {error}", path.display())))?;
                context.say(&format!("written to {}, which only you can read", path.display()));
            }
            None => context.io.stdout.write_all(text.as_bytes())?,
        }
        Ok(Exit::Done)
    }
}

impl Record for Signed {
    const HEADER: &'static [&'static str] = &["REGISTRY", "USER", "CONFIGURATION", "HELPER", "PASSWORD"];
    const FIELDS: &'static [&'static str] = &["registry", "user", "config", "helper", "password_stored"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new(&self.registry),
            Cell::new(self.user.as_deref().unwrap_or("signed out")),
            Cell::new(&self.config),
            Cell::new(self.helper.as_deref().unwrap_or("-")),
            Cell::new(if self.password_stored { "stored" } else { "-" }),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        ["Registry", "User", "Configuration", "Helper", "Password"].into_iter().zip(self.row(look)).collect()
    }
}
