//! `mlcr image manifest`.

use clap::Args;

use super::inside::connect;
use crate::address;
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// A manifest.
#[derive(Args, Debug)]
pub(crate) struct Manifest {
    /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
    #[arg(value_name = "REF")]
    reference: String,
    /// Registry to speak to in plain http, which shows passwords and images to everybody on the way.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

impl Manifest {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let client = match context.client() {
            Ok(client) => Some(client),
            // A full name needs no key, only the registry's password.
            Err(failure)
                if failure.code == "no_credentials" && address::with_host(&self.reference).is_some() =>
            {
                None
            }
            Err(failure) => return Err(failure),
        };
        let (name, mover) = connect(&self.reference, client.as_ref(), &self.plain_http, context).await?;
        let manifest = context.until_interrupted(mover.manifest(&name)).await?;
        if context.io.terminals.stdout {
            // A terminal must not see everything that somebody may push.
            let text = context.look().text(String::from_utf8_lossy(manifest.bytes()).into_owned());
            context.io.stdout.write_all(text.as_bytes())?;
            context.io.stdout.write_all(b"\n")?;
        } else {
            context.io.stdout.write_all(manifest.bytes())?;
        }
        Ok(Exit::Done)
    }
}
