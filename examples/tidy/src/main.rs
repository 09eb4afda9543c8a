//! Signs in with the `MLSPACE_*` variables and tidies up.

use mlspace_registry::{Client, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let tidied = tidy::tidy(&Client::from_env()?).await?;
    println!("deleted {}, left {}", tidied.deleted.len(), tidied.left.len());
    for repository in tidied.skipped {
        println!("skipped {repository}: the list of its images is not complete");
    }
    Ok(())
}
