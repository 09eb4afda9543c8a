//! The contents of the registry at the start.

mod team;

use std::collections::HashSet;
use std::path::PathBuf;
use std::str::FromStr;

use mlspace_registry_api::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::state::{NewImage, Person, World};

/// The contents of the registry at the start. As text: `demo`, `team`, `empty`, `repos=N,images=N,tags=N`, or a path.
///
/// A seed file is JSON; only `name` is required in a repository, and nothing in an image:
///
/// ```json
#[doc = include_str!("seed.example.json")]
/// ```
///
/// Images are pushed in the order of the file. A push without a time happens at the simulator's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seed {
    /// A few repositories as a small team has them.
    #[default]
    Demo,
    /// 500 repositories with 20,000 images as a company has them: teams, labels, ages, pulls, digests in several
    /// repositories, indexes, odd names.
    Team,
    /// Nothing.
    Empty,
    /// So many repositories, each with so many images, each with so many tags.
    Counts {
        /// Repositories.
        repositories: usize,
        /// Images in each repository.
        images: usize,
        /// Tags on each image.
        tags: usize,
    },
    /// A seed file.
    File(PathBuf),
}

/// The reason for which a seed cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// A text that begins like counts and is none.
    #[error("`{0}` is no seed; counts are written repos=N,images=N,tags=N, each at most 10,000,000")]
    Counts(String),
    /// The seed is the empty text.
    #[error("the seed is empty; it is demo, team, empty, repos=N,images=N,tags=N or the path of a seed file")]
    Nothing,
    /// The file cannot be read.
    #[error("cannot read the seed file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a seed.
    #[error("{} is not a seed file", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The place and the cause.
        source: serde_json::Error,
    },
    /// The file says something that no registry can hold.
    #[error("{} is not a seed file: {reason}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// The mistake.
        reason: String,
    },
}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        match text {
            "" => Err(SeedError::Nothing),
            "demo" => Ok(Self::Demo),
            "team" => Ok(Self::Team),
            "empty" => Ok(Self::Empty),
            _ if text.starts_with("repos=") => counts(text).ok_or_else(|| SeedError::Counts(text.to_owned())),
            path => Ok(Self::File(path.into())),
        }
    }
}

fn counts(text: &str) -> Option<Seed> {
    let (mut repositories, mut images, mut tags) = (0, 0, 0);
    for part in text.split(',') {
        let (name, number) = part.split_once('=')?;
        let number = number.trim().parse().ok().filter(|number| *number <= 10_000_000)?;
        match name.trim() {
            "repos" => repositories = number,
            "images" => images = number,
            "tags" => tags = number,
            _ => return None,
        }
    }
    Some(Seed::Counts { repositories, images, tags })
}

impl Seed {
    /// A seed file that says all that one can say.
    pub const EXAMPLE: &str = include_str!("seed.example.json");

    /// Fills an empty world.
    pub(crate) fn sow(&self, world: &mut World) -> Result<(), SeedError> {
        match self {
            Self::Empty => Ok(()),
            Self::Team => {
                team::sow(world);
                Ok(())
            }
            Self::Demo => sow_file("demo.json".into(), include_str!("demo.json"), world),
            Self::Counts { repositories, images, tags } => {
                sow_counts(*repositories, *images, *tags, world);
                Ok(())
            }
            Self::File(path) => {
                let read = std::fs::read_to_string(path);
                let text = read.map_err(|source| SeedError::Read { path: path.clone(), source })?;
                sow_file(path.clone(), &text, world)
            }
        }
    }
}

fn sow_counts(repositories: usize, images: usize, tags: usize, world: &mut World) {
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/bin/sh"] } });
    let Value::Object(config) = config else { return };
    for repository in 0..repositories {
        let name = format!("repository-{repository:06}");
        world.create_repository(&name);
        for image in 0..images {
            let tags = (0..tags).map(|tag| format!("v{image}.{tag}"));
            let size = 1_000_000 + image as i64;
            world.push_image(NewImage {
                size,
                extra_attrs: config.clone(),
                ..NewImage::new(name.as_str(), tags)
            });
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    repositories: Vec<Repository>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repository {
    name: String,
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    favorite_of: Vec<Owner>,
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Owner {
    Personal,
    ServiceAccount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    digest: Option<String>,
    #[serde(default)]
    size: u64,
    push_time: Option<Timestamp>,
    pull_time: Option<Timestamp>,
    #[serde(default)]
    extra_attrs: Map<String, Value>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a tag is a name, or an object with `name`, `color`, `pull_time` and `signed`")]
enum Tag {
    Name(String),
    Whole(WholeTag),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeTag {
    name: String,
    color: Option<String>,
    pull_time: Option<Timestamp>,
    #[serde(default)]
    signed: bool,
}

fn sow_file(path: PathBuf, text: &str, world: &mut World) -> Result<(), SeedError> {
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(source) => return Err(SeedError::Form { path, source }),
    };
    let mut names = HashSet::new();
    for repository in &file.repositories {
        if let Err(reason) = check(repository, &mut names) {
            return Err(SeedError::Contents { path, reason });
        }
    }
    for repository in file.repositories {
        sow_repository(repository, world);
    }
    Ok(())
}

fn check<'f>(repository: &'f Repository, names: &mut HashSet<&'f str>) -> Result<(), String> {
    let name = repository.name.as_str();
    if name.is_empty() || !names.insert(name) {
        return Err(format!("the repository name `{name}` is empty or there twice"));
    }
    let (mut digests, mut tags) = (HashSet::new(), HashSet::new());
    for image in &repository.images {
        if let Some(digest) = &image.digest {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if hex.len() != 64 || !hex.chars().all(is_hex) || !digests.insert(digest) {
                return Err(format!("`{digest}` in `{name}` is no sha256 digest or there twice"));
            }
        }
        for tag in &image.tags {
            let (Tag::Name(tag) | Tag::Whole(WholeTag { name: tag, .. })) = tag;
            if !crate::names::is_tag_name(tag) || !tags.insert(tag) {
                return Err(format!("`{tag}` in `{name}` is no name of a tag or there twice"));
            }
        }
    }
    Ok(())
}

fn sow_repository(repository: Repository, world: &mut World) {
    let id = world.create_repository(&repository.name);
    let times: Vec<_> = repository.images.iter().filter_map(|image| image.push_time).collect();
    for image in repository.images {
        sow_image(&repository.name, image, world);
    }
    world.edit_repository(id, |sown| {
        sown.description = repository.description;
        sown.labels = repository.labels;
        sown.favorite_of = repository
            .favorite_of
            .iter()
            .map(|owner| match owner {
                Owner::Personal => Person::Personal,
                Owner::ServiceAccount => Person::ServiceAccount,
            })
            .collect();
        sown.created_at = times.iter().min().copied().unwrap_or(sown.created_at);
        sown.updated_at = times.iter().max().copied().unwrap_or(sown.updated_at);
    });
    world.created_at =
        world.created_at.min(world.repository(id).map_or(world.created_at, |one| one.created_at));
}

fn sow_image(repository: &str, image: Image, world: &mut World) {
    let id = world.push_image(NewImage {
        digest: image.digest,
        size: i64::try_from(image.size).unwrap_or(i64::MAX),
        extra_attrs: image.extra_attrs,
        ..NewImage::new(repository, [""; 0])
    });
    for tag in image.tags {
        let tag = match tag {
            Tag::Whole(tag) => tag,
            Tag::Name(name) => WholeTag { name, color: None, pull_time: None, signed: false },
        };
        if let crate::state::Tagged::Done(tag_id) = world.set_tag(id, &tag.name, tag.color, true) {
            world.edit_tag(tag_id, |sown| {
                sown.push_time = image.push_time.unwrap_or(sown.push_time);
                sown.pull_time = tag.pull_time;
                sown.signed = tag.signed;
            });
        }
    }
    world.edit_image(id, |sown| {
        sown.push_time = image.push_time.unwrap_or(sown.push_time);
        sown.pull_time = image.pull_time;
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;

    fn sow(text: &str) -> Result<World, SeedError> {
        let mut world = World::new(Arc::new(Clock::new(false)));
        sow_file("seed.json".into(), text, &mut world).map(|()| world)
    }

    #[test]
    fn seeds_are_read_from_text() {
        assert_eq!("demo".parse::<Seed>().unwrap(), Seed::Demo);
        assert_eq!("empty".parse::<Seed>().unwrap(), Seed::Empty);
        let counts = Seed::Counts { repositories: 3, images: 2, tags: 0 };
        assert_eq!("repos=3,images=2".parse::<Seed>().unwrap(), counts);
        assert_eq!("a/seed.json".parse::<Seed>().unwrap(), Seed::File("a/seed.json".into()));
        for text in ["", "repos=", "repos=3,pages=2", "repos=-1", "repos=10000001"] {
            assert!(text.parse::<Seed>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_documented_seed_file_says_all_that_it_seems_to_say() {
        let world = sow(include_str!("seed.example.json")).unwrap();
        let repository = world.repository(world.repositories().last().unwrap()).unwrap();
        assert_eq!(repository.name, "train/base");
        assert_eq!(repository.description.as_deref(), Some("Base image"));
        assert_eq!(repository.labels, ["prod"]);
        assert_eq!(repository.favorite_of.len(), 2);
        assert_eq!(repository.created_at.to_string(), "2026-10-01T08:30:00Z");
        let image = world.image(repository.images.last().unwrap()).unwrap();
        assert_eq!(image.size, 1_048_576);
        assert_eq!(image.extra_attrs["os"], "linux");
        let tag = world.tag(image.tags.last().unwrap()).unwrap();
        assert_eq!((tag.name.as_str(), tag.color.as_deref(), tag.signed), ("v1", Some("#2f81f7"), true));
        assert_eq!(tag.pull_time, image.pull_time);
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = || {
            let mut world = World::new(Arc::new(Clock::new(false)));
            Seed::Demo.sow(&mut world).unwrap();
            world.repositories().iter().collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
        assert!(ids().len() > 3);
    }

    #[test]
    fn the_registry_of_a_team_is_large_uneven_and_the_same_on_every_run() {
        let sown = || {
            let mut world = World::new(Arc::new(Clock::new(false)));
            Seed::Team.sow(&mut world).unwrap();
            world
        };
        let world = sown();
        let repositories: Vec<_> =
            world.repositories().iter().map(|id| world.repository(id).unwrap()).collect();
        let images: Vec<_> = repositories
            .iter()
            .flat_map(|one| one.images.iter())
            .map(|id| world.image(id).unwrap())
            .collect();
        assert_eq!((repositories.len(), images.len()), (500, 20_000));
        assert!(repositories.iter().all(|one| crate::names::is_repository_name(&one.name)));
        let tags = images.iter().flat_map(|image| image.tags.iter()).map(|id| world.tag(id).unwrap());
        assert!(tags.into_iter().all(|tag| crate::names::is_tag_name(&tag.name)));
        let digests: HashSet<_> = images.iter().map(|image| &image.digest).collect();
        assert!(digests.len() < images.len(), "some are in several repositories");
        let some = |what: &str, found: usize| assert!(found > 100 && found < 19_900, "{what}: {found}");
        some("pulled", images.iter().filter(|image| image.pull_time.is_some()).count());
        some("without a tag", images.iter().filter(|image| image.tags.is_empty()).count());
        some("indexes", images.iter().filter(|image| image.extra_attrs.is_empty()).count());
        let now = Clock::new(false).stamp();
        assert!(
            images
                .iter()
                .all(|image| image.push_time <= now && image.pull_time.is_none_or(|time| time <= now))
        );
        let other = sown();
        let again =
            |image: &crate::state::Image| other.image(image.id).map(|image| (image.size, image.push_time));
        assert!(images.iter().all(|image| again(image) == Some((image.size, image.push_time))));
    }

    #[test]
    fn a_bad_seed_file_says_what_is_wrong() {
        use std::error::Error;
        let form = |text: &str| sow(text).unwrap_err().source().unwrap().to_string();
        assert!(form("{").contains("line 1"));
        assert!(form(r#"{"repositories":[{"nmae":"a"}]}"#).contains("unknown field `nmae`"));
        assert!(
            form(r#"{"repositories":[{"name":"a","images":[{"tags":[7]}]}]}"#).contains("a tag is a name")
        );
        for text in [
            r#"{"repositories":[{"name":"a"},{"name":"a"}]}"#,
            r#"{"repositories":[{"name":""}]}"#,
            r#"{"repositories":[{"name":"a","images":[{"digest":"sha256:0"}]}]}"#,
            r#"{"repositories":[{"name":"a","images":[{"tags":["v1"]},{"tags":["v1"]}]}]}"#,
            r#"{"repositories":[{"name":"a","images":[{"tags":["a b"]}]}]}"#,
        ] {
            assert!(matches!(sow(text), Err(SeedError::Contents { .. })), "{text}");
        }
    }
}
