//! `mlcr auth`.

use clap::{Args, Subcommand};
use mlspace_registry::{Client, Secret, Uuid, Workspace};
use schemars::JsonSchema;
use serde::Serialize;

use crate::connect;
use crate::context::Context;
use crate::failure::{Exit, Failure, ended};
use crate::logins::Account;
use crate::options::Global;
use crate::output::table::Cell;
use crate::output::{Look, Record};
use crate::settings::Settings;
use crate::settings::profile::{Profile, Profiles, Secrets};

/// Signing in.
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Ask for a key, try it, and keep it in a profile.
    #[command(after_help = "Example: mlcr auth login\nExample: mlcr auth login --profile work")]
    Login(Login),
    /// Show which settings are used and where they come from; never a secret. Sends nothing.
    #[command(after_help = "Example: mlcr auth status")]
    Status,
    /// List the profiles, and which one is used where none is named. Sends nothing.
    #[command(alias = "ls", after_help = "Example: mlcr auth list")]
    List,
    /// Use another profile where none is named. Sends nothing.
    #[command(after_help = "Example: mlcr auth switch work")]
    Switch {
        /// The profile.
        profile: String,
    },
    /// Forget the key of a profile.
    #[command(after_help = "Example: mlcr auth logout --profile work")]
    Logout,
}

/// A sign-in.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// Address of the service, if it is not the usual one.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

/// What a person needs to know before the first question.
const KINDS_OF_KEYS: &str = "A key has an id and a secret; both are made in the console of the platform, for yourself or \
                             for a service account. To push and pull you need your own: a service account has no \
                             registry password.";

/// One profile of the list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Profile")]
pub(crate) struct Listed {
    /// Its name.
    profile: String,
    /// True of the one that is used where none is named.
    used: bool,
    /// The id of its key.
    key_id: String,
    /// The id of its workspace.
    workspace: Option<String>,
    /// The address of the service, if it is not the usual one.
    address: Option<String>,
}

/// One setting with its source.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub(crate) struct Setting {
    /// Its name.
    setting: String,
    /// Its value; null for secrets.
    value: Option<String>,
    /// Where it comes from.
    source: String,
}

impl Auth {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Login(login) => login.run(context).await,
            Self::Status => status(context),
            Self::List => list(context),
            Self::Switch { profile } => switch(context, &profile),
            Self::Logout => logout(context),
        }
    }
}

impl Login {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let name = Profiles::read(context.io)?.name(context.io, context.global.profile.as_deref());
        if context.io.terminals.stdin {
            context.say(KINDS_OF_KEYS);
        }
        let client_id = context.io.ask("Key id: ")?;
        let client_secret = Secret::new(context.io.ask_hidden("Key secret: ")?);
        if client_id.is_empty() || client_secret.expose().is_empty() {
            let hint = "type them, or pipe them in on two lines: the key id, then the key secret";
            return Err(Failure::usage("no key was given; nothing was kept").hint(hint));
        }
        let mut settings = others(context)?;
        settings.client_id = Some(client_id.clone());
        settings.client_secret = Some(client_secret.clone());
        settings.workspace = None;
        settings.base_url = self.base_url.or(settings.base_url);
        let base_url = settings.base_url.clone();
        let client = connect::client(settings, context.io, &context.global)?;
        client.sign_in().await.map_err(|error| {
            let failure = Failure::from(error).without_advice_to("`mlcr auth status`");
            let message = format!("{}; nothing was kept", failure.message);
            Failure { message, ..failure }
        })?;
        let (workspace_id, api_key) = choose_workspace(context, &client).await?;
        let named = workspace_id.as_deref().map_or("no workspace".to_owned(), |id| format!("workspace {id}"));
        let profile = Profile::new(base_url, client_id, workspace_id);
        let secrets = Secrets { client_secret: Some(client_secret), api_key };
        let place = Profiles::keep(context.io, &name, profile, secrets)?;
        context.say(&format!("signed in to {named}; the key is kept as profile {name}: {place}"));
        context.say("next: `mlcr repo ls` shows what is there; to push and pull, `mlcr password rotate` and `mlcr docker login`");
        Ok(Exit::Done)
    }
}

/// The settings without the profile that this is about.
fn others(context: &Context<'_>) -> Result<Settings, Failure> {
    Settings::read(context.io, &Global { profile: None, ..context.global.clone() })
}

/// The workspace to work in and its api key, as far as they can be found.
async fn choose_workspace(
    context: &mut Context<'_>,
    client: &Client,
) -> Result<(Option<String>, Option<Secret>), Failure> {
    let wanted = context.global.workspace.clone();
    let listed = match client.workspaces().list().await {
        Ok(listed) => listed,
        Err(error) => {
            context.say(&format!("the workspaces cannot be listed: {error}"));
            Vec::new()
        }
    };
    let id = match (wanted, listed.as_slice()) {
        (Some(wanted), _) => {
            let known = listed.iter().find(|one| one.name == wanted || one.id.to_string() == wanted);
            match known {
                Some(one) => one.id.to_string(),
                None if wanted.parse::<Uuid>().is_ok() => wanted,
                None => {
                    let names: Vec<_> =
                        listed.iter().map(|one| format!("{}  {}", one.id, one.name)).collect();
                    let message = format!("this key sees no workspace {wanted}; nothing was kept");
                    return Err(Failure {
                        candidates: names,
                        ..Failure::new(Exit::NotFound, "not_found", message)
                    });
                }
            }
        }
        (None, [only]) => only.id.to_string(),
        (None, []) => context.io.ask("Workspace id: ")?,
        (None, several) => ask_which(context, several)?,
    };
    if id.is_empty() {
        return Ok((None, None));
    }
    match client.workspaces().api_key(&id).await {
        Ok(key) => Ok((Some(id), Some(key))),
        Err(error) if error.is_not_found() || error.status() == Some(422) => {
            Err(Failure::from(error).hint("there is no such workspace for this key"))
        }
        Err(error) => {
            context.say(&format!("the workspace's api key cannot be read: {error}"));
            let key = context.io.ask_hidden("Api key of the workspace: ")?;
            Ok((Some(id), Some(Secret::new(key))))
        }
    }
}

fn ask_which(context: &mut Context<'_>, several: &[Workspace]) -> Result<String, Failure> {
    for (number, one) in several.iter().enumerate() {
        let project = one.project_name.as_deref().unwrap_or_default();
        context.say(&format!("{:3}  {}  {project}", number + 1, one.name));
    }
    let answer = context.io.ask(&format!("Which workspace, 1 to {}? ", several.len()))?;
    let number = answer.parse::<usize>().ok().filter(|number| *number > 0);
    let chosen = number.and_then(|number| several.get(number - 1));
    let chosen = chosen.or_else(|| several.iter().find(|one| one.name == answer));
    let chosen = chosen.ok_or_else(|| {
        Failure::usage("that is no workspace of the list; nothing was kept")
            .hint("name it with --workspace where nobody can choose")
    })?;
    Ok(chosen.id.to_string())
}

fn status(context: &mut Context<'_>) -> Result<Exit, Failure> {
    let settings = context.settings().map_err(|failure| failure.without_advice_to("`mlcr auth status`"))?;
    let value = |what: &str| match what {
        "address" => settings.base_url.as_deref().map(without_secrets),
        "key id" => settings.client_id.clone(),
        "workspace" => settings.workspace.as_ref().map(|workspace| workspace.id.clone()),
        "certificates" => settings.ca_file.as_ref().map(|path| path.display().to_string()),
        "timeout" => settings.timeout.map(|timeout| format!("{} s", timeout.as_secs_f64())),
        "read-only" => Some(settings.read_only.to_string()),
        "dry run" => Some(settings.dry_run.to_string()),
        _ => None,
    };
    let mut rows: Vec<Setting> = settings
        .origins
        .iter()
        .map(|(what, source)| Setting {
            setting: (*what).to_owned(),
            value: value(what),
            source: source.clone(),
        })
        .collect();
    let defaults = [
        ("address", Some(mlspace_registry::DEFAULT_BASE_URL), "the default"),
        ("workspace", None, "looked up with the key"),
        ("api key", None, "looked up with the key"),
    ];
    for (what, value, source) in defaults {
        if rows.iter().all(|row| row.setting != what) {
            let (setting, value) = (what.to_owned(), value.map(str::to_owned));
            rows.push(Setting { setting, value, source: source.to_owned() });
        }
    }
    if let (Ok(client), Some(client_id)) = (context.client(), &settings.client_id)
        && let Ok(place) = Account::with_password(context.io, &client, client_id)
            .and_then(|account| account.place(context.io))
    {
        let value = place.as_ref().map(|_| "stored".to_owned());
        let source = place.unwrap_or_else(|| "none is stored; pushing and pulling needs one".to_owned());
        rows.push(Setting { setting: "registry password".to_owned(), value, source });
    }
    let printed = context.print_all(&rows);
    if settings.client_id.is_none() {
        return ended(printed, Err(connect::no_credentials(context.io)));
    }
    printed
}

/// An address without what may stand in it for those who sign in by it.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(_, place)| ("…@", place));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{user}{place}")
}

fn list(context: &mut Context<'_>) -> Result<Exit, Failure> {
    let profiles = Profiles::read(context.io)?;
    let used = profiles.name(context.io, context.global.profile.as_deref());
    let listed = profiles.profiles.into_iter().map(|(name, profile)| Listed {
        used: name == used,
        profile: name,
        key_id: profile.client_id,
        workspace: profile.workspace_id,
        address: profile.base_url.as_deref().map(without_secrets),
    });
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() {
        context.say("there are no profiles; `mlcr auth login` makes one");
    }
    context.print_all(&listed)
}

fn switch(context: &mut Context<'_>, name: &str) -> Result<Exit, Failure> {
    if !Profiles::use_by_default(context.io, name)? {
        return Err(no_such(name, Profiles::read(context.io)?));
    }
    context.say(&format!("profile {name} is used where none is named"));
    if let Some(other) = context.io.variable("MLCR_PROFILE").filter(|other| *other != name) {
        context.say(&format!("here MLCR_PROFILE names {other}, which goes before it"));
    }
    Ok(Exit::Done)
}

fn no_such(name: &str, profiles: Profiles) -> Failure {
    let failure = Failure::new(Exit::NotFound, "not_found", format!("there is no profile {name}"));
    Failure { candidates: profiles.profiles.into_keys().collect(), ..failure }
}

fn logout(context: &mut Context<'_>) -> Result<Exit, Failure> {
    let profiles = Profiles::read(context.io)?;
    let name = profiles.name(context.io, context.global.profile.as_deref());
    let Some(path) = Profiles::forget(context.io, &name)? else {
        return Err(no_such(&name, profiles));
    };
    context.say(&format!("profile {name} is gone from {}", path.display()));
    let other = others(context)?;
    if let Some((_, source)) = other.origins.iter().find(|(what, _)| *what == "key id") {
        context.say(&format!("there is still a key in {source}"));
    }
    Ok(Exit::Done)
}

impl Record for Setting {
    const HEADER: &'static [&'static str] = &["SETTING", "VALUE", "SOURCE"];
    const FIELDS: &'static [&'static str] = &["setting", "value", "source"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let secret = matches!(self.setting.as_str(), "key secret" | "api key");
        let hidden = if secret { "not shown" } else { "-" };
        vec![
            Cell::new(&self.setting),
            Cell::new(self.value.as_deref().unwrap_or(hidden)),
            Cell::new(&self.source),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}

impl Record for Listed {
    const HEADER: &'static [&'static str] = &["", "PROFILE", "KEY ID", "WORKSPACE", "ADDRESS"];
    const FIELDS: &'static [&'static str] = &["profile", "used", "key_id", "workspace", "address"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new(if self.used { "*" } else { "" }),
            Cell::new(&self.profile),
            Cell::new(&self.key_id),
            Cell::new(self.workspace.as_deref().unwrap_or("-")),
            Cell::new(self.address.as_deref().unwrap_or("-")),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).skip(1).collect()
    }
}
