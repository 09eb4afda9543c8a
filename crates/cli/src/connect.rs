//! From settings to a client.

use mlspace_registry::{Client, ClientBuilder, DEFAULT_BASE_URL, Wait, WaitReason};

use crate::failure::{Exit, Failure};
use crate::io::Io;
use crate::options::Global;
use crate::proxy;
use crate::settings::{Settings, mls};

/// Makes the client. Sends nothing.
pub(crate) fn client(settings: Settings, io: &Io, global: &Global) -> Result<Client, Failure> {
    client_through(settings, io, global, |builder| builder)
}

/// The same, with one more thing said to the builder.
pub(crate) fn client_through(
    settings: Settings,
    io: &Io,
    global: &Global,
    adjust: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Failure> {
    let certificates = settings.certificates()?;
    proxy::used(io, settings.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?;
    let mut builder = Client::builder()
        .clock(io.clock.clone())
        .read_only(settings.read_only)
        .user_agent(concat!("mlcr/", env!("CARGO_PKG_VERSION")));
    let (Some(id), Some(secret)) = (settings.client_id, settings.client_secret) else {
        return Err(no_credentials(io));
    };
    builder = builder.credentials(id, secret);
    if let Some(workspace) = settings.workspace {
        builder = builder.workspace(workspace.id);
        if let Some(key) = workspace.api_key {
            builder = builder.api_key(key);
        }
    }
    if let Some(host) = io.variable("MLCR_REGISTRY") {
        builder = builder.registry_host(host);
    }
    if let Some(url) = settings.base_url {
        builder = builder.base_url(url);
    }
    if let Some(pem) = certificates {
        builder = builder.certificates(pem);
    }
    if let Some(timeout) = settings.timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(deadline) = global.deadline {
        builder = builder.deadline(deadline);
    }
    if let Some(rate) = global.rate {
        builder = builder.rate_limit(Some(rate));
    }
    if !global.quiet {
        let (stderr, verbose) = (io.stderr.clone(), global.verbose > 0);
        builder = builder.on_wait(move |wait| {
            if let Some(line) = describe(wait, verbose) {
                stderr.line(&line);
            }
        });
    }
    // What the settings hold was checked but for these two.
    adjust(builder).build().map_err(|error| {
        Failure::from(error).hint(
            "check MLSPACE_BASE_URL, which begins with https://, and MLSPACE_CA_FILE; `mlcr auth status` shows \
             where they come from",
        )
    })
}

/// The failure of a command without a key, with the way to one.
pub(crate) fn no_credentials(io: &Io) -> Failure {
    let closed = mls::closed(io).map(|path| format!("set MLS_PASSWORD, which opens {}; or ", path.display()));
    let hint = "run `mlcr auth login`, or set MLSPACE_CLIENT_ID and MLSPACE_CLIENT_SECRET";
    Failure::new(Exit::SignIn, "no_credentials", "there are no credentials")
        .hint(format!("{}{hint}", closed.unwrap_or_default()))
}

/// Long waits are told to everybody, short ones to those who asked.
fn describe(wait: &Wait, verbose: bool) -> Option<String> {
    let seconds = wait.duration.as_secs_f64();
    if seconds < 2.0 && !verbose {
        return None;
    }
    let why = match wait.reason {
        WaitReason::RateLimit => "to keep under the rate limit",
        WaitReason::RetryAfter => "because the service asks for it",
        _ => "before the next attempt",
    };
    Some(format!("waiting {seconds:.1} s {why} ({})", wait.operation))
}
