//! The registry of a company with some teams: large, uneven and a little odd, the same on every run.

use mlspace_registry_api::Timestamp;
use serde_json::{Map, Value, json};

use crate::ids::Ids;
use crate::state::{NewImage, Person, World};

/// Numbers of repositories and images.
const REPOSITORIES: usize = 500;
const IMAGES: usize = 20_000;

const DAY: i64 = 24 * 60 * 60;

const TEAMS: [&str; 12] = [
    "vision", "speech", "nlp", "recsys", "search", "ads", "fraud", "maps", "platform", "data", "robots",
    "research",
];
const THINGS: [&str; 14] = [
    "train",
    "serve",
    "features",
    "etl",
    "notebook",
    "base",
    "eval",
    "labeler",
    "api",
    "worker",
    "cuda",
    "exporter",
    "tokenizer",
    "gateway",
];
const LABELS: [&str; 8] =
    ["prod", "staging", "gpu", "cpu", "deprecated", "team:core", "cost center 42", "важное"];

/// Names that are allowed, and that nobody expects.
fn odd_name(number: usize) -> Option<String> {
    match number {
        3 => Some("a".to_owned()),
        77 => Some("0".to_owned()),
        131 => Some(format!("research/{}", "deep/".repeat(40) + "end")),
        199 => Some("x".repeat(255)),
        263 => Some("data/v2".to_owned()),
        307 => Some("data/blobs/uploads".to_owned()),
        401 => Some("ads/a__b-c---d.e_f".to_owned()),
        _ => None,
    }
}

fn pick<'a>(ids: &mut Ids, of: &[&'a str]) -> &'a str {
    of[ids.below(of.len())]
}

fn config(ids: &mut Ids) -> Map<String, Value> {
    let config = json!({
        "architecture": pick(ids, &["amd64", "amd64", "amd64", "arm64"]),
        "os": "linux",
        "config": { "Cmd": ["python3"], "Env": [format!("CUDA_VERSION=12.{}", ids.below(9))] },
    });
    config.as_object().cloned().unwrap_or_default()
}

/// Fills an empty world. Ages count from the clock's time.
pub(super) fn sow(world: &mut World) {
    let mut ids = Ids::new(7);
    let now = world.created_at.unix_seconds();
    let start = world.created_at;
    let ago = |days: usize, seconds: usize| {
        Timestamp::from_unix_seconds(now - days as i64 * DAY - seconds as i64).unwrap_or(start)
    };
    // Digests that more than one repository has: base images, copied by everybody.
    let shared: Vec<_> = (0..40).map(|_| format!("sha256:{}", ids.hex(4))).collect();
    let mut left = IMAGES;
    for number in 0..REPOSITORIES {
        let name = odd_name(number).unwrap_or_else(|| {
            format!("{}/{}-{number}", TEAMS[number % TEAMS.len()], pick(&mut ids, &THINGS))
        });
        let repositories_left = REPOSITORIES - number;
        // A few have hundreds of images, many a handful, some none.
        let images = match number % 10 {
            _ if repositories_left == 1 => left,
            0 => 220,
            1 => 0,
            _ => 10 + ids.below(21),
        };
        let images = images.min(left);
        left -= images;
        let age = 30 + ids.below(1_000);
        let id = world.create_repository(&name, ago(age, 0));
        for image in 0..images {
            // Oldest first, evenly over the repository's life.
            let days = age - age * image / images.max(1);
            let push_time = ago(days, ids.below(DAY as usize));
            let is_index = ids.below(10) == 0;
            let digest = (image == 0 && number % 3 == 0).then(|| shared[ids.below(shared.len())].clone());
            let tags: Vec<String> = match (image + 1 == images, ids.below(10)) {
                (true, _) => vec![format!("v{image}"), "latest".to_owned()],
                (_, 0..=2) => Vec::new(),
                (_, 3) => vec![format!("v{image}.0-rc.1"), format!("{:.128}", ids.hex(9))],
                _ => vec![format!("v{image}")],
            };
            let size = 20_000_000 + ids.below(4_000_000) as i64 * 1_000;
            let extra_attrs = if is_index { Map::new() } else { config(&mut ids) };
            let id = world.push_image(NewImage {
                digest,
                size,
                extra_attrs,
                push_time: Some(push_time),
                ..NewImage::new(name.as_str(), tags)
            });
            // Two thirds were pulled, the newer the likelier today.
            let pulled =
                (ids.below(3) > 0).then(|| ago(ids.below(days + 1), 0)).filter(|time| *time > push_time);
            world.edit_image(id, |image| image.pull_time = pulled);
            let tags: Vec<_> = world.tags_of(id).into_iter().flat_map(|tags| tags.iter()).collect();
            let color = (ids.below(5) == 0).then(|| "#2f81f7".to_owned());
            for tag in tags {
                world.edit_tag(tag, |tag| (tag.pull_time, tag.color) = (pulled, color.clone()));
            }
        }
        world.edit_repository(id, |sown| {
            sown.created_at = ago(age, 0);
            sown.updated_at = ago(if images == 0 { age } else { 0 }, 0);
            let labels = ids.below(4);
            for _ in 0..labels {
                let label = pick(&mut ids, &LABELS).to_owned();
                if !sown.labels.contains(&label) {
                    sown.labels.push(label);
                }
            }
            if ids.below(2) == 0 {
                sown.description =
                    Some(format!("{} of team {}", pick(&mut ids, &THINGS), TEAMS[number % TEAMS.len()]));
            }
            if ids.below(12) == 0 {
                sown.favorite_of.insert(Person::Personal);
            }
        });
    }
    world.created_at = ago(1_100, 0);
}
