//! Pushes and pulls beside the programs of others that are installed, against `docker-registry` on loopback, in one
//! run, in turn; in plain http, or over TLS with an authority of its own. Linux.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A benchmark that cannot go on stops.

mod data;
pub(crate) mod mover;
mod movers;
mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use data::{write_docker_archive, write_layout};
use movers::{Mover, skopeo};
use registry::{Registry, Tls};

const MB: u64 = 1_000_000;
/// Ticks of a second in `/proc`; the same on every Linux of today.
const TICKS: f64 = 100.0;

/// The time and memory of one run of a program.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: f64,
    cpu: f64,
    /// MiB, the largest resident set.
    memory: f64,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    Layout,
    Copy,
    Archive,
    Many,
}

/// The folder is made and removed.
pub(crate) fn run(folder: &Path, rounds: usize, only: Option<Part>, is_encrypted: bool) {
    fs::create_dir(folder).expect("the folder must not exist yet");
    println!("load at the beginning: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    let tls = is_encrypted.then(|| Tls::make(folder));
    println!("{}", if is_encrypted { "over TLS" } else { "in plain http" });
    for (part, measure) in [
        (Part::Layout, large_layout as fn(&Path, usize, Option<&Tls>)),
        (Part::Copy, copy),
        (Part::Archive, docker_archive),
        (Part::Many, many_images),
    ] {
        if only.is_none_or(|only| only == part) {
            measure(folder, rounds, tls.as_ref());
        }
    }
    fs::remove_dir_all(folder).unwrap();
    println!("load at the end: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
}

/// What one program took, round by round.
type Costs = (&'static str, Vec<Cost>);

fn large_layout(folder: &Path, rounds: usize, tls: Option<&Tls>) {
    let layout = folder.join("large");
    let layers: Vec<_> = (0..8).map(|n| (n, 187 * MB + n * MB / 8)).collect();
    write_layout(&layout, &[("v1".into(), layers)]);
    let movers = Mover::installed();
    let none = || movers.iter().map(|mover| (mover.name(), Vec::new())).collect::<Vec<Costs>>();
    let (mut pushes, mut pulls) = (none(), none());
    for round in 0..rounds {
        for (at, mover) in movers.iter().enumerate() {
            let registry = Registry::start(folder, tls);
            let (repository, back) = (format!("{}/large", registry.address), folder.join("back"));
            pushes[at].1.push(cost(&mut mover.push(&layout, &repository, tls)));
            pulls[at].1.push(cost(&mut mover.pull(&repository, &back, tls)));
            assert!(back.join("index.json").exists());
            fs::remove_dir_all(&back).unwrap();
        }
        eprintln!("large layout: round {}", round + 1);
    }
    compare("push 1.5 GB, 8 compressed layers, OCI layout", &pushes);
    compare("pull of the same", &pulls);
    fs::remove_dir_all(layout).unwrap();
}

/// From one registry to another, and once more when all is there.
fn copy(folder: &Path, rounds: usize, tls: Option<&Tls>) {
    let layout = folder.join("large");
    let layers: Vec<_> = (0..8).map(|n| (n, 187 * MB + n * MB / 8)).collect();
    write_layout(&layout, &[("v1".into(), layers)]);
    let movers: Vec<_> =
        Mover::installed().into_iter().filter(|mover| *mover != Mover::OwnUnsynced).collect();
    let none = || movers.iter().map(|mover| (mover.name(), Vec::new())).collect::<Vec<Costs>>();
    let (mut first, mut again) = (none(), none());
    let (here, there) = (folder.join("here"), folder.join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let source = Registry::start(&here, tls);
    let from = format!("{}/large", source.address);
    cost(&mut Mover::Own.push(&layout, &from, tls));
    fs::remove_dir_all(&layout).unwrap();
    for round in 0..rounds {
        for (at, mover) in movers.iter().enumerate() {
            let registry = Registry::start(&there, tls);
            let to = format!("{}/copy", registry.address);
            first[at].1.push(cost(&mut mover.copy(&from, &to, tls)));
            again[at].1.push(cost(&mut mover.copy(&from, &to, tls)));
        }
        eprintln!("copy: round {}", round + 1);
    }
    compare("copy of 1.5 GB in 8 layers from registry to registry", &first);
    compare("the same again", &again);
}

fn docker_archive(folder: &Path, rounds: usize, tls: Option<&Tls>) {
    let archive = folder.join("docker.tar");
    write_docker_archive(&archive, 4, 250 * MB);
    let (mut ours, mut again, mut theirs, mut sizes) = (vec![], vec![], vec![], (0, 0));
    let has_skopeo = Mover::installed().contains(&Mover::Skopeo);
    for round in 0..rounds {
        let registry = Registry::start(folder, tls);
        let (to, cache) = (format!("{}/docker", registry.address), folder.join("cache"));
        let push = || cost(&mut Mover::Own.own(&["push", &text(&archive), &to, &text(&cache)], tls));
        ours.push(push());
        again.push(push());
        sizes.0 = registry.size();
        fs::remove_dir_all(cache).unwrap();
        drop(registry);
        if has_skopeo {
            let registry = Registry::start(folder, tls);
            let to = format!("docker://{}/docker:v1", registry.address);
            theirs.push(cost(&mut skopeo(&format!("docker-archive:{}", text(&archive)), &to, "dest", tls)));
            sizes.1 = registry.size();
        }
        eprintln!("docker archive: round {}", round + 1);
    }
    let what = "push 1.0 GB docker archive of real files, gzip";
    compare(what, &[("ours", ours), ("skopeo", theirs)]);
    println!(
        "  stored {} MB, skopeo {} MB: {:.2}",
        sizes.0 / MB,
        sizes.1 / MB,
        sizes.0 as f64 / sizes.1 as f64
    );
    println!("  second push: {:.3} s", spread(&again, |cost| cost.wall).median);
    fs::remove_file(archive).unwrap();
}

fn many_images(folder: &Path, rounds: usize, tls: Option<&Tls>) {
    let layout = folder.join("many");
    let image = |n: u64| (format!("v{n}"), (0..3).map(|layer| (1000 + 3 * n + layer, 20_000)).collect());
    write_layout(&layout, &(0..200).map(image).collect::<Vec<_>>());
    let (mut ours, mut theirs) = (vec![], vec![]);
    let has_skopeo = Mover::installed().contains(&Mover::Skopeo);
    for round in 0..rounds {
        let registry = Registry::start(folder, tls);
        let to = format!("{}/many", registry.address);
        ours.push(cost(&mut Mover::Own.own(&["push", &text(&layout), &to], tls)));
        drop(registry);
        if has_skopeo {
            let registry = Registry::start(folder, tls);
            let mut sum = Cost::default();
            for n in 0..200 {
                let to = format!("docker://{}/many:v{n}", registry.address);
                let one = cost(&mut skopeo(&format!("oci:{}:v{n}", text(&layout)), &to, "dest", tls));
                sum = Cost {
                    wall: sum.wall + one.wall,
                    cpu: sum.cpu + one.cpu,
                    memory: sum.memory.max(one.memory),
                };
            }
            theirs.push(sum);
        }
        eprintln!("many images: round {}", round + 1);
    }
    let what = "push 200 images of 3 small layers, one call beside a loop";
    compare(what, &[("ours", ours), ("skopeo", theirs)]);
}

/// The middle of some values, and the least and the largest.
struct Spread {
    least: f64,
    median: f64,
    largest: f64,
}

fn spread(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> Spread {
    let mut values: Vec<_> = costs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    Spread { least: values[0], median: values[values.len() / 2], largest: values[values.len() - 1] }
}

/// Prints what each took, and what part of it ours is, the first of them.
fn compare(what: &str, costs: &[Costs]) {
    println!("{what}");
    for (quantity, unit, of) in [
        ("wall", "s", (|cost| cost.wall) as fn(&Cost) -> f64),
        ("cpu", "s", |cost| cost.cpu),
        ("peak memory", "MiB", |cost| cost.memory),
    ] {
        let ours = spread(&costs[0].1, of).median;
        for (name, costs) in costs.iter().filter(|(_, costs)| !costs.is_empty()) {
            let Spread { least, median, largest } = spread(costs, of);
            let part = ours / median;
            println!(
                "  {quantity}: {name} {median:.2} {unit} ({least:.2} to {largest:.2}); ours is {part:.2} of it"
            );
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Runs a program and reads what it used from `/proc`, before it is gone.
fn cost(command: &mut Command) -> Cost {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let mut memory: f64 = 0.0;
    loop {
        let status = fs::read_to_string(process.join("status")).unwrap();
        if let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            memory = memory.max(line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0);
        }
        if status.contains("State:\tZ") {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = start.elapsed().as_secs_f64();
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let cpu = (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS;
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    Cost { wall, cpu, memory }
}
