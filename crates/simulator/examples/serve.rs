//! Runs a simulator until its standard input ends. Arguments are quirks, `NAME=VALUE`.
//!
//! `cargo run --release --example serve -- registry-auth=open`

use mlspace_registry_simulator::{Seed, Simulator};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Simulator::builder().seed(Seed::Empty).running_clock();
    for quirk in std::env::args().skip(1) {
        builder = builder.quirk(quirk.parse()?);
    }
    let simulator = builder.start().await?;
    let mut ready: serde_json::Value = serde_json::from_str(&simulator.ready().to_json())?;
    ready["registry_password"] = simulator.rotate_registry_password().expose().into();
    println!("{ready}");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    simulator.stop().await;
    Ok(())
}
