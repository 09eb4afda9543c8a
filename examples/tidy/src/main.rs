//! Signs in with the `MLSPACE_*` variables, and to the registry as docker does, and tidies up.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use mlspace_registry::{Client, Timestamp};
use mlspace_registry_transfer::{self as transfer, Credentials};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let repositories = client.repositories().list().collect_all().await?.items;
    let hosts: BTreeSet<_> =
        repositories.iter().filter_map(|repository| repository.full_name.split('/').next()).collect();
    let mut registry = transfer::Client::builder();
    for host in hosts {
        registry = registry.credentials(host, Credentials::from_docker_config(host)?);
    }
    let seconds = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let now = Timestamp::from_unix_seconds(seconds).ok_or("the clock is wrong")?;
    let tidied = tidy::tidy(&client, &registry.build()?, now).await?;
    println!("deleted {}, left {}", tidied.deleted.len(), tidied.left.len());
    for (repository, why) in tidied.skipped {
        println!("skipped {repository}: {why}");
    }
    Ok(())
}
