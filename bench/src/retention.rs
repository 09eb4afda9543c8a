//! Clean-up plans of a very large registry: how long, and how much memory. Nothing is compared, because nothing else
//! does this; the goals stand beside the results.

use std::fmt::Write as _;
use std::io::{BufWriter, Read};
use std::time::Instant;

use anyhow::{Context, Result};
use mlspace_registry_retention::framing::Writer;
use mlspace_registry_retention::{InUse, Inventory, InventoryBuilder, Policy, plan};

/// Images in each repository.
const IMAGES: usize = 200;
/// Bytes of text that are searched.
const TEXT: usize = 256 * 1024 * 1024;
const DAY: i64 = 86_400;
/// 2026-11-28T12:00:00Z.
const NOW: i64 = 1_795_867_200;

/// Ten rules of the usual kinds, for every repository.
const POLICY: &str = r#"
version = 1
[indexes]
how = "attributes"
[limits]
images = 10000000
[[rule]]
name = "01 builds"
repositories = ["train/**", "!train/golden-*"]
tags = ["ci-*", "pr-*"]
keep_within = "14d"
keep_last = 10
[[rule]]
name = "02 weekly"
repositories = ["train/**"]
tags = ["nightly-*"]
keep_within = "7d"
keep_daily = 7
keep_weekly = 4
keep_monthly = 12
[[rule]]
name = "03 candidates"
repositories = ["**"]
tags = ["*-rc*"]
keep_within = "30d"
keep_last = 3
[[rule]]
name = "04 commits"
repositories = ["**"]
tags = ["sha-*"]
keep_within = "7d"
keep_last = 5
untag = true
[[rule]]
name = "05 scratch"
repositories = ["scratch/**"]
tags = ["*"]
keep_within = "1d"
[[rule]]
name = "06 serve"
repositories = ["serve/**"]
tags = ["*", "!v*", "!prod"]
keep_within = "30d"
keep_last = 5
keep_pulled_within = "60d"
[[rule]]
name = "07 branches"
repositories = ["**"]
tags = ["branch-*"]
keep_within = "14d"
[[rule]]
name = "08 custom"
repositories = ["{job,jupyter,tensorboard}-custom-image*"]
tags = ["*"]
keep_within = "30d"
[[rule]]
name = "09 years"
repositories = ["**"]
tags = ["build-[0-9]*"]
keep_within = "30d"
keep_yearly = 5
[[rule]]
name = "10 untagged"
repositories = ["**"]
untagged = true
keep_within = "7d"
"#;

/// Builds an inventory, plans, writes the plan, and searches a text.
pub(crate) fn run(repositories: usize) -> Result<()> {
    let start = Instant::now();
    let inventory = inventory(repositories)?;
    let (images, tags) = (inventory.images(), inventory.tags());
    println!(
        "inventory: {images} images, {tags} tags, {repositories} repositories in {:.2} s, {}",
        seconds(start),
        memory()?
    );
    let policy: Policy = POLICY.parse()?;
    let now = mlspace_registry_api::Timestamp::from_unix_seconds(NOW).context("no moment")?;
    let in_use = InUse::default();
    let start = Instant::now();
    let plan = plan(&inventory, &policy, &in_use, now)?;
    println!(
        "plan: {:.2} s for {} rules (goal: 1 s for 1,000,000 images), {} (goal: 300 MiB)",
        seconds(start),
        policy.rules.len(),
        memory()?
    );
    let start = Instant::now();
    let file = tempfile()?;
    let mut writer = Writer::new(BufWriter::with_capacity(256 * 1024, file));
    let mut lines = 0_u64;
    for line in plan.lines() {
        writer.write(&line)?;
        lines += 1;
    }
    let file = writer.end()?.into_inner().map_err(|error| error.into_error())?;
    let bytes = file.metadata()?.len();
    println!("write: {lines} targets, {} MiB in {:.2} s (goal: 500,000 in 2 s)", bytes >> 20, seconds(start));
    let text = text(&inventory);
    let mut scanner = InUse::scanner(&inventory);
    let start = Instant::now();
    let found = scanner.scan("text", text.as_bytes().chain(&b""[..]))?;
    let took = seconds(start);
    println!(
        "in use: {} of {} MiB found in {:.2} s, {:.0} MiB/s (goal: 200 MiB/s)",
        found.matched,
        TEXT >> 20,
        took,
        TEXT as f64 / took / 1_048_576.0
    );
    Ok(())
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

fn tempfile() -> Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("mlcr-bench-plan-{}", std::process::id()));
    let file = std::fs::File::create(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn inventory(repositories: usize) -> Result<Inventory> {
    let mut builder = InventoryBuilder::new();
    let folders = ["train", "serve", "scratch", "data", "base"];
    for number in 0..repositories {
        let mut line = format!(
            r#"{{"repository":"{folder}/model-{number}","id":"{:08x}-0000-4000-8000-000000000000","full_name":"cr.example/00000000-0000-4000-8000-000000000000/{folder}/model-{number}","images":["#,
            number,
            folder = folders[number % folders.len()],
        );
        for image in 0..IMAGES {
            let comma = if image > 0 { "," } else { "" };
            let pushed = stamp(NOW - (image as i64 * 3 + number as i64 % 3) * DAY);
            write!(
                line,
                r#"{comma}{{"id":"{number:08x}-0000-4000-8001-{image:012x}","digest":"sha256:{:064x}","pushed":"{pushed}","size":4000000000,"attributes":true"#,
                number * IMAGES + image,
            )?;
            let kind = ["ci", "nightly", "sha", "v", "branch", "build", "", "pr", "x-rc", "ci"][image % 10];
            if !kind.is_empty() {
                write!(
                    line,
                    r#","tags":[{{"name":"{kind}-{image}","id":"{number:08x}-0000-4000-8002-{image:012x}","pushed":"{pushed}","pulled":"{pushed}"}}]"#
                )?;
            }
            line.push('}');
        }
        line.push_str("]}");
        builder.add_saved(&line)?;
    }
    Ok(builder.build())
}

fn stamp(seconds: i64) -> String {
    mlspace_registry_api::Timestamp::from_unix_seconds(seconds)
        .map(|stamp| stamp.to_string())
        .unwrap_or_default()
}

/// Lines as `kubectl get pods -o json` writes them, one in fifty with an image.
fn text(inventory: &Inventory) -> String {
    let mut text = String::with_capacity(TEXT + 256);
    let mut number = 0_usize;
    while text.len() < TEXT {
        number += 1;
        if number.is_multiple_of(50) {
            let repository = number % inventory.repositories().max(1);
            let folder = ["train", "serve", "scratch", "data", "base"][repository % 5];
            text.push_str(&format!("      \"image\": \"cr.example/00000000-0000-4000-8000-000000000000/{folder}/model-{repository}:ci-{}\",\n", number % 20 * 10));
        } else {
            text.push_str("        \"terminationMessagePath\": \"/dev/termination-log\", \"uid\": \"8f0c3b1e-6d0e-4a53-9a0e\",\n");
        }
    }
    text.truncate(TEXT);
    text
}

/// The most memory that this process has had.
fn memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(format!("{} MiB at most so far", kib / 1024))
}
