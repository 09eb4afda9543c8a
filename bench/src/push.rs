//! Pushes and pulls beside `skopeo`, against `docker-registry` on loopback, in one run. Linux.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A benchmark that cannot go on stops.

mod data;
pub(crate) mod mover;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data::{write_docker_archive, write_layout};

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
    Archive,
    Many,
}

/// The folder is made and removed.
pub(crate) fn run(folder: &Path, rounds: usize, only: Option<Part>) {
    fs::create_dir(folder).expect("the folder must not exist yet");
    println!("load at the beginning: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    for (part, measure) in [
        (Part::Layout, large_layout as fn(&Path, usize)),
        (Part::Archive, docker_archive),
        (Part::Many, many_images),
    ] {
        if only.is_none_or(|only| only == part) {
            measure(folder, rounds);
        }
    }
    fs::remove_dir_all(folder).unwrap();
    println!("load at the end: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
}

fn large_layout(folder: &Path, rounds: usize) {
    let layout = folder.join("large");
    let layers: Vec<_> = (0..8).map(|n| (n, 187 * MB + n * MB / 8)).collect();
    write_layout(&layout, &[("v1".into(), layers)]);
    let (mut ours, mut theirs, mut pull, mut their_pull) = (vec![], vec![], vec![], vec![]);
    for round in 0..rounds {
        let registry = Registry::start(folder);
        let to = format!("{}/large", registry.address);
        ours.push(cost(own().args(["push", &text(&layout), &to])));
        let back = folder.join("back");
        pull.push(cost(own().args(["pull", &format!("{to}:v1"), &text(&back)])));
        assert!(back.join("index.json").exists());
        fs::remove_dir_all(&back).unwrap();
        their_pull.push(cost(&mut skopeo(&format!("docker://{to}:v1"), &format!("oci:{}:v1", text(&back)))));
        fs::remove_dir_all(&back).unwrap();
        drop(registry);
        let registry = Registry::start(folder);
        let to = format!("docker://{}/large:v1", registry.address);
        theirs.push(cost(&mut skopeo(&format!("oci:{}:v1", text(&layout)), &to)));
        eprintln!("large layout: round {}", round + 1);
    }
    compare("push 1.5 GB, 8 compressed layers, OCI layout", &ours, &theirs);
    compare("pull of the same", &pull, &their_pull);
    fs::remove_dir_all(layout).unwrap();
}

fn docker_archive(folder: &Path, rounds: usize) {
    let archive = folder.join("docker.tar");
    write_docker_archive(&archive, 4, 250 * MB);
    let (mut ours, mut again, mut theirs, mut sizes) = (vec![], vec![], vec![], (0, 0));
    for round in 0..rounds {
        let registry = Registry::start(folder);
        let (to, cache) = (format!("{}/docker", registry.address), folder.join("cache"));
        let push = || cost(own().args(["push", &text(&archive), &to, &text(&cache)]));
        ours.push(push());
        again.push(push());
        sizes.0 = registry.size();
        fs::remove_dir_all(cache).unwrap();
        drop(registry);
        let registry = Registry::start(folder);
        let to = format!("docker://{}/docker:v1", registry.address);
        theirs.push(cost(&mut skopeo(&format!("docker-archive:{}", text(&archive)), &to)));
        sizes.1 = registry.size();
        eprintln!("docker archive: round {}", round + 1);
    }
    compare("push 1.0 GB docker archive of real files, gzip", &ours, &theirs);
    println!(
        "  stored {} MB, skopeo {} MB: {:.2}",
        sizes.0 / MB,
        sizes.1 / MB,
        sizes.0 as f64 / sizes.1 as f64
    );
    println!("  second push: {:.3} s", median(&again, |cost| cost.wall));
    fs::remove_file(archive).unwrap();
}

fn many_images(folder: &Path, rounds: usize) {
    let layout = folder.join("many");
    let image = |n: u64| (format!("v{n}"), (0..3).map(|layer| (1000 + 3 * n + layer, 20_000)).collect());
    write_layout(&layout, &(0..200).map(image).collect::<Vec<_>>());
    let (mut ours, mut theirs) = (vec![], vec![]);
    for round in 0..rounds {
        let registry = Registry::start(folder);
        ours.push(cost(own().args(["push", &text(&layout), &format!("{}/many", registry.address)])));
        drop(registry);
        let registry = Registry::start(folder);
        let mut sum = Cost::default();
        for n in 0..200 {
            let to = format!("docker://{}/many:v{n}", registry.address);
            let one = cost(&mut skopeo(&format!("oci:{}:v{n}", text(&layout)), &to));
            sum = Cost {
                wall: sum.wall + one.wall,
                cpu: sum.cpu + one.cpu,
                memory: sum.memory.max(one.memory),
            };
        }
        theirs.push(sum);
        eprintln!("many images: round {}", round + 1);
    }
    compare("push 200 images of 3 small layers, one call beside a loop", &ours, &theirs);
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<_> = costs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(what: &str, ours: &[Cost], theirs: &[Cost]) {
    println!("{what}");
    for (name, unit, of) in [
        ("wall", "s", (|cost| cost.wall) as fn(&Cost) -> f64),
        ("cpu", "s", |cost| cost.cpu),
        ("peak memory", "MiB", |cost| cost.memory),
    ] {
        let (ours, theirs) = (median(ours, of), median(theirs, of));
        println!("  {name}: {ours:.2} {unit}, skopeo {theirs:.2} {unit}: {:.2}", ours / theirs);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn own() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("move");
    command
}

fn skopeo(from: &str, to: &str) -> Command {
    let mut command = Command::new("skopeo");
    command.args([
        "--insecure-policy",
        "copy",
        "-q",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        from,
        to,
    ]);
    command
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

/// A registry with nothing in it.
struct Registry {
    process: Child,
    address: String,
    storage: PathBuf,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let (storage, configuration) = (folder.join("storage"), folder.join("registry.yml"));
        let place = text(&storage);
        let settings = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {place}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        );
        fs::write(&configuration, settings).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(configuration).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("docker-registry is not installed");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening =
            |line: String| Some(line.split_once("listening on ")?.1.split('"').next()?.to_owned());
        let address = log.find_map(|line| listening(line.unwrap())).expect("the registry did not start");
        std::thread::spawn(move || log.for_each(drop));
        Self { process, address, storage }
    }

    /// Bytes of all blobs.
    fn size(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
            entries
                .map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().unwrap().len() })
                .sum()
        }
        size(&self.storage.join("docker/registry/v2/blobs"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.storage);
    }
}
