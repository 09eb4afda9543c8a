//! One client, many tasks, a service that fails in every way it can: is each outcome true, and does the client stay
//! as small as it was?
//!
//! The truth is the simulator's own state. Each task changes a repository of its own, so that nobody else can change
//! what it compares; what is given up half-way is done in another one, where a late request changes nothing that is
//! compared.

mod account;
mod task;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mlspace_registry::Client;
use mlspace_registry_simulator::{FaultSpec, Quirk, Seed, Simulator};
use tokio::time::timeout;

use crate::client::memory;
use account::Account;
use task::Task;

/// The prime numbers keep the faults from striking together.
const FAULTS: [&str; 19] = [
    "service_auth=503;every=7",
    "service_auth=lost-before;every=11",
    "registry_get=503;every=13",
    "registry_get=401;every=53",
    "repository_get=504;every=17",
    "repository_get=truncated;every=19",
    "repository_list=lost-before;every=11",
    "repository_list=delay:1.5;every=13",
    "repository_update=lost-after;every=7",
    "repository_update=lost-before;every=11",
    "repository_favorite=lost-after;every=7",
    "image_list=truncated;every=13",
    "image_list=401;every=59",
    "image_delete=partial-delete;every=5",
    "image_delete=partial-answer;every=7",
    "image_delete=lost-after;every=11",
    "tag_create=lost-after;every=7",
    "tag_create=lost-before;every=11",
    "tag_delete=503;every=5",
];
/// Tokens live so short that they end many times.
const TOKEN_LIFE: &str = "token-lifetime=5";
/// How long the tasks may take to end their last operations.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(length: Duration, tasks: usize, seed: u64) -> Result<()> {
    println!("{tasks} tasks for {} s, seed {seed}, {} faults", length.as_secs(), FAULTS.len());
    let mut builder = Simulator::builder().seed(Seed::Empty).running_clock();
    builder = builder.quirk(TOKEN_LIFE.parse::<Quirk>()?);
    for fault in FAULTS {
        builder = builder.fault(fault.parse::<FaultSpec>()?);
    }
    let simulator = Arc::new(builder.start().await?);
    let account = Arc::new(Account::default());
    let key = simulator.service_account();
    let waits = account.clone();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.client_id, key.client_secret)
        .rate_limit(None)
        .on_wait(move |wait| waits.waited(wait.duration))
        .build()?;
    let (start, memory_before) = (Instant::now(), memory("VmRSS")?);
    let mut work = tokio::task::JoinSet::new();
    for number in 0..tasks {
        let task = Task::new(number, seed, simulator.clone(), client.clone(), account.clone());
        work.spawn(task.run(start + length));
    }
    tokio::time::sleep(length / 15).await;
    let memory_early = memory("VmRSS")?;
    let stuck = timeout(length + PATIENCE, async {
        while let Some(ended) = work.join_next().await {
            if let Err(panic) = ended {
                account.wrong(format!("a task ended early: {panic}"));
            }
        }
    });
    if stuck.await.is_err() {
        account.wrong(format!("{} tasks are stuck", work.len()));
    }
    println!("memory: {} KiB before, {memory_early} early, {} at the end", memory_before, memory("VmRSS")?);
    println!("sign-ins: {}", simulator.requests("service_auth"));
    let wrong = account.print();
    ensure!(wrong == 0, "{wrong} wrong outcomes");
    Ok(())
}
