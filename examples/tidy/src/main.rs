//! Signs in with the `MLSPACE_*` variables, and to the registry as docker does, and tidies up.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use mlspace_registry::{Client, Timestamp};
use mlspace_registry_transfer::{self as transfer, DockerLogins};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let registry = transfer::Client::builder().docker_logins(DockerLogins::from_env());
    let seconds = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let now = Timestamp::from_unix_seconds(seconds).ok_or("the clock is wrong")?;
    let tidied = tidy::tidy(&client, &registry.build()?, now).await?;
    println!("deleted {}, left {}", tidied.deleted.len(), tidied.left.len());
    for (repository, why) in tidied.skipped {
        println!("skipped {repository}: {why}");
    }
    Ok(())
}
