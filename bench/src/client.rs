//! The client ÷ raw reqwest and serde_json doing the same.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mlspace_registry::api::types::{DeleteRepositories, Registry, Repository};
use mlspace_registry::{Client, Clock, DEFAULT_CHUNK_SIZE, ManualClock, Outcome, Uuid};
use mlspace_registry_simulator::{Quirk, Seed, Simulator};

use crate::serve::{Options, Server};

/// GETs of one measurement.
const GETS: usize = 2_000;
const REPOSITORIES: &str = "/public/v2/docker_registry/v2/repositories/";
const CURRENT: &str = "/public/v2/docker_registry/v2/registries/current";

pub(crate) async fn run(runs: usize, repositories: usize) -> Result<()> {
    println!("median of {runs} runs each; ratio: client / raw, run by run\n");
    println!("{:<44} {:>9} {:>9} {:>7}  goal", "", "client", "raw", "ratio");
    let server = Server::start(&Options::new(repositories)).await?;
    // First, while this process has done nothing else: what listing adds to its memory.
    let (before, start) = (memory("VmRSS")?, Instant::now());
    ensure!(list(&server.builder().build()?).await? == repositories, "the list is not complete");
    let peak = memory("VmHWM")?.saturating_sub(before);
    let took = start.elapsed();
    gets(&server, runs, 1).await?;
    gets(&server, runs, 64).await?;
    lists(&server, runs, repositories).await?;
    drop(server);
    println!(
        "{:<44} {:>6.1} MiB {:>26}",
        "  peak memory above start, first listing",
        peak as f64 / 1024.0,
        "<= 16 MiB"
    );
    println!("{:<44} {:>7.2} s", "  time of that first listing", took.as_secs_f64());
    let clean = deletes(runs, repositories).await?;
    broken_deletes(runs, repositories, clean).await?;
    limiter().await
}

/// Raw HTTP with the same headers, a new token each time it is made.
struct Raw {
    http: reqwest::Client,
    base: String,
}

impl Raw {
    async fn new(server: &Server) -> Result<Self> {
        let base = server.text("base_url").to_owned();
        let key = serde_json::json!({
            "client_id": server.text("client_id"), "client_secret": server.text("client_secret") });
        let plain = reqwest::Client::builder().no_proxy().build()?;
        let answer = plain.post(format!("{base}/public/v2/service_auth")).json(&key).send().await?;
        let answer: serde_json::Value = answer.error_for_status()?.json().await?;
        let token = answer["token"]["access_token"].as_str().context("no token")?;
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse()?);
        headers.insert("x-api-key", server.text("api_key").parse()?);
        headers.insert("x-workspace-id", server.text("workspace_id").parse()?);
        Ok(Self { http: reqwest::Client::builder().no_proxy().default_headers(headers).build()?, base })
    }

    async fn get(&self) -> Result<Registry> {
        let body = self
            .http
            .get(format!("{}{CURRENT}", self.base))
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        Ok(serde_json::from_slice(&body)?)
    }

    async fn list(&self) -> Result<usize> {
        let (mut page, mut seen) = (1, 0);
        loop {
            let url = format!("{}{REPOSITORIES}?page={page}&page_size=100", self.base);
            let body = self.http.get(url).send().await?.error_for_status()?.bytes().await?;
            let rows: Vec<Repository> = serde_json::from_slice(&body)?;
            if rows.is_empty() {
                return Ok(seen);
            }
            (page, seen) = (page + 1, seen + rows.len());
        }
    }

    async fn delete(&self, ids: &[Uuid]) -> Result<usize> {
        let chunks = stream::iter(ids.chunks(DEFAULT_CHUNK_SIZE).map(|chunk| async move {
            let body = DeleteRepositories::new(chunk);
            let request = self.http.delete(format!("{}{REPOSITORIES}", self.base)).json(&body);
            let body = request.send().await?.error_for_status()?.bytes().await?;
            anyhow::Ok(serde_json::from_slice::<Vec<Uuid>>(&body)?.len())
        }));
        chunks.buffer_unordered(4).try_fold(0, async |sum, deleted| Ok(sum + deleted)).await
    }
}

async fn list(client: &Client) -> Result<usize> {
    let mut pager = client.repositories().list();
    let mut seen = 0;
    while let Some(repository) = pager.next().await {
        repository?;
        seen += 1;
    }
    Ok(seen)
}

async fn gets(server: &Server, runs: usize, concurrency: usize) -> Result<()> {
    let (client, raw) = (server.builder().build()?, Raw::new(server).await?);
    let mut pairs = Vec::new();
    for _ in 0..=runs {
        let start = Instant::now();
        let calls = stream::iter((0..GETS).map(|_| async { anyhow::Ok(client.registry().await?) }));
        calls.buffer_unordered(concurrency).try_for_each(async |_| Ok(())).await?;
        let ours = start.elapsed();
        let start = Instant::now();
        let calls = stream::iter((0..GETS).map(|_| raw.get()));
        calls.buffer_unordered(concurrency).try_for_each(async |_| Ok(())).await?;
        pairs.push((ours, start.elapsed()));
    }
    report(&format!("{GETS} GETs, {concurrency} at a time"), &pairs[1..], "<= 1.10");
    Ok(())
}

async fn lists(server: &Server, runs: usize, repositories: usize) -> Result<()> {
    let (client, raw) = (server.builder().build()?, Raw::new(server).await?);
    let mut pairs = Vec::new();
    for _ in 0..=runs {
        let start = Instant::now();
        ensure!(list(&client).await? == repositories, "the list is not complete");
        let ours = start.elapsed();
        let start = Instant::now();
        ensure!(raw.list().await? == repositories, "the raw list is not complete");
        pairs.push((ours, start.elapsed()));
    }
    report(&format!("listing {repositories} repositories, 100 a page"), &pairs[1..], "<= 1.10");
    Ok(())
}

/// The ids of a registry, read with the client itself.
async fn ids(client: &Client) -> Result<Vec<Uuid>> {
    Ok(client
        .repositories()
        .list()
        .collect_all()
        .await?
        .items
        .iter()
        .map(|repository| repository.id)
        .collect())
}

async fn deletes(runs: usize, repositories: usize) -> Result<Duration> {
    let mut pairs = Vec::new();
    for _ in 0..=runs {
        let server = Server::start(&Options::new(repositories)).await?;
        let client = server.builder().build()?;
        let all = ids(&client).await?;
        let start = Instant::now();
        let report = client.repositories().delete_many(all).send().await;
        let ours = start.elapsed();
        ensure!(
            report.count(|outcome| matches!(outcome, Outcome::Deleted)) == repositories,
            "not all are deleted"
        );
        let server = Server::start(&Options::new(repositories)).await?;
        let raw = Raw::new(&server).await?;
        let all = ids(&server.builder().build()?).await?;
        let start = Instant::now();
        ensure!(raw.delete(&all).await? == repositories, "not all are deleted raw");
        pairs.push((ours, start.elapsed()));
    }
    report(&format!("deleting {repositories} ids, {DEFAULT_CHUNK_SIZE} a request"), &pairs[1..], "<= 1.15");
    Ok(median(pairs[1..].iter().map(|(ours, _)| ours.as_secs_f64()))
        .map_or(Duration::ZERO, Duration::from_secs_f64))
}

async fn broken_deletes(runs: usize, repositories: usize, clean: Duration) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let server = Server::start(&Options::new(repositories).with_faults()).await?;
        let client = server.builder().build()?;
        let all = ids(&client).await?;
        let start = Instant::now();
        let report = client.repositories().delete_many(all).send().await;
        times.push(start.elapsed().as_secs_f64());
        let left: HashSet<Uuid> = ids(&client).await?.into_iter().collect();
        for (id, outcome) in report.outcomes() {
            let deleted = matches!(outcome, Outcome::Deleted) && !left.contains(id);
            let refused = matches!(outcome, Outcome::Rejected(_)) && left.contains(id);
            ensure!(deleted || refused, "{id} is reported {outcome:?}");
        }
        ensure!(left.len() == repositories.div_ceil(100), "{} are left", left.len());
    }
    let time = median(times.into_iter()).unwrap_or_default();
    println!(
        "{:<44} {time:>7.2} s {:>7.2} s {:>7.2}  every outcome exact",
        "  with 5 % 503, 2 % lost, 1 % refused / clean",
        clean.as_secs_f64(),
        time / clean.as_secs_f64()
    );
    Ok(())
}

/// A clock whose sleeps move the simulator's time along.
struct SharedClock {
    ours: ManualClock,
    simulator: Arc<Simulator>,
}

impl Clock for SharedClock {
    fn now(&self) -> Instant {
        self.ours.now()
    }

    fn wall(&self) -> std::time::SystemTime {
        self.ours.wall()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.simulator.advance(duration);
        self.ours.sleep(duration)
    }
}

/// Ten minutes of simulated time at the service's limit.
async fn limiter() -> Result<()> {
    const LIMIT: u32 = 1_000;
    let simulator = Arc::new(Simulator::builder().seed(Seed::Empty).start().await?);
    simulator.quirk(Quirk::RateLimit(Some(LIMIT as usize)));
    let clock = Arc::new(SharedClock { ours: ManualClock::new(), simulator: simulator.clone() });
    let key = simulator.service_account();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.client_id, key.client_secret)
        .workspace(simulator.workspace_id())
        .api_key(simulator.api_key())
        .rate_limit(NonZeroU32::new(LIMIT))
        .clock(clock.clone())
        .build()?;
    let start = clock.now();
    let mut calls = 0;
    while clock.now() - start < Duration::from_secs(600) {
        client.registry().await?;
        calls += 1;
    }
    let refused = simulator.journal().iter().filter(|request| request.status == Some(429)).count();
    // The last call is the first of the eleventh minute.
    let ratio = f64::from(calls - 1) / f64::from(LIMIT * 10);
    println!(
        "{:<44} {ratio:>27.3}  >= 0.97, {refused} times 429",
        "ten minutes at a limit of 1000: rate / limit"
    );
    Ok(())
}

fn report(name: &str, pairs: &[(Duration, Duration)], goal: &str) {
    let of = |pick: fn(&(Duration, Duration)) -> f64| median(pairs.iter().map(pick)).unwrap_or_default();
    let (ours, raw) = (of(|pair| pair.0.as_secs_f64()), of(|pair| pair.1.as_secs_f64()));
    let ratio = of(|pair| pair.0.as_secs_f64() / pair.1.as_secs_f64());
    println!("{name:<44} {ours:>7.2} s {raw:>7.2} s {ratio:>7.2}  {goal}");
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// KiB, from the kernel's account of this process.
pub(crate) fn memory(field: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is read from /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()).context("no such field")?;
    Ok(number.parse()?)
}
