//! A look at one image in the registry, where there is a password for it.

use mlspace_registry::Client;
use mlspace_registry_transfer::{self as transfer, Error, Reference};
use serde_json::{Value, json};

use super::asker::Asker;
use super::{Facts, Found, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::logins::{self, Account};
use crate::requests;

pub(super) async fn look(
    asker: &mut Asker,
    client: &Client,
    context: &Context<'_>,
    images: &[Value],
    facts: &mut Facts,
) {
    let (kind, pull, referrers) = match registry(client, context, images) {
        Err(why) => (Err(why.clone()), Err(why.clone()), Err(why)),
        Ok((transfer, reference, image)) => {
            let path = format!("images/{}", text(image, "id"));
            let before = asker.get(&path, &[]).await;
            let head = transfer.head(&reference).await.map_err(|error| problem(&error));
            let after = asker.get(&path, &[]).await;
            let pull = pulled(&head, before.value(), after.value());
            let referrers = transfer.lists_referrers(&reference).await;
            let referrers = referrers.map(|lists| json!(lists)).map_err(|error| problem(&error));
            (head.map(|head| json!(head.media_type)), pull, referrers)
        }
    };
    facts.add("head_content_type", "whether an index can be told from an image without a pull", kind);
    facts.add("head_counts_as_pull", "whether looking at images makes them look used", pull);
    facts.add("referrers_api", "how signatures and lists of contents are found and kept", referrers);
    for (fact, decides, why) in [
        (
            "mounts",
            "whether images can be copied within the registry without moving bytes",
            "a mount is a write, and opens an upload where it is refused; this reads only",
        ),
        (
            "chunks",
            "whether an upload that was cut can be resumed",
            "only an upload shows it; this reads only",
        ),
        (
            "request_bodies",
            "how large a body may be, and whether its length must be announced",
            "only an upload shows it; this reads only",
        ),
        (
            "downloads",
            "whether a pull that was cut can be resumed, and whether blobs come from another host",
            "the blobs are named in the manifest, and to get that may count as a pull",
        ),
    ] {
        facts.add(fact, decides, Err(why.into()));
    }
}

/// Whether the look at the manifest changed the time of the last pull.
fn pulled<T>(
    head: &Result<T, String>,
    before: Result<&Value, String>,
    after: Result<&Value, String>,
) -> Found {
    head.as_ref().map_err(Clone::clone)?;
    Ok(json!(before?["pull_time"] != after?["pull_time"]))
}

/// The first image in the registry, and a client that may read it.
fn registry<'a>(
    client: &Client,
    context: &Context<'_>,
    images: &'a [Value],
) -> Result<(transfer::Client, Reference, &'a Value), String> {
    let image = images.first().ok_or("no image was listed")?;
    let full_name = text(image, "full_name");
    let (named, rest) = full_name.split_once('/').ok_or("its full name holds no host")?;
    let host = context.io.variable("MLCR_REGISTRY").unwrap_or(named).to_owned();
    let digest = text(image, "digest");
    let reference = format!("{host}/{rest}@{digest}").parse().map_err(|_| "its full name cannot be read")?;
    // Its message would name files of this machine.
    let local = |_: Failure| "the settings of this machine do not let it; see `mlcr doctor`";
    let client_id = context.settings().map_err(local)?.client_id.unwrap_or_default();
    // The host is the service's own: the service named it, or the settings did.
    let account = Account::with_password(context.io, client, &client_id).ok();
    if logins::stored(context.io, account, &host).map_err(local)?.is_none() {
        return Err("no registry password is stored".into());
    }
    let account = Account::with_password(context.io, client, &client_id).map(Some);
    let credentials = logins::credentials(context.io, account, &host);
    let told = (context.global.verbose > 1).then(|| context.io.stderr.clone());
    let observer = requests::observer(told);
    let client = context.transfer_client([(host, credentials)], &[], observer).map_err(local)?;
    Ok((client, reference, image))
}

/// What a registry did, without what it is called.
fn problem(error: &Error) -> String {
    match error.status() {
        _ if error.is_sign_in() => "the registry refused the password".to_owned(),
        Some(status) => format!("answered with {status}"),
        None => "no answer came".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_counts_as_a_pull_if_the_time_of_the_last_pull_changed() {
        let (never, now) = (json!({ "pull_time": null }), json!({ "pull_time": "2026-11-01T00:00:00Z" }));
        assert_eq!(pulled(&Ok(()), Ok(&never), Ok(&now)), Ok(json!(true)));
        assert_eq!(pulled(&Ok(()), Ok(&now), Ok(&now)), Ok(json!(false)));
        assert_eq!(pulled(&Err::<(), _>("a".into()), Ok(&now), Ok(&now)), Err("a".into()));
        assert_eq!(pulled(&Ok(()), Ok(&now), Err("b".into())), Err("b".into()));
    }
}
