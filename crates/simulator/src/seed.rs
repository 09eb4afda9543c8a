//! The contents of the registry at the start.

mod team;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::str::FromStr;

use mlspace_registry_api::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::state::{NewImage, NewRepository, NewTag, Person, World};

/// The contents of the registry at the start. As text: `demo`, `team`, `empty`, `repos=N,images=N,tags=N`, or a path.
///
/// A seed file is JSON; only `name` is required in a repository, and nothing in an image:
///
/// ```json
#[doc = include_str!("seed.example.json")]
/// ```
///
/// Images are pushed in the order of the file. A push without a time happens at the simulator's start.
///
/// A test states its contents as values:
///
/// ```
/// use mlspace_registry_simulator::{NewImage, NewRepository, Seed};
///
/// let old = NewImage { push_time: Some("2026-01-01T00:00:00Z".parse()?), ..NewImage::new("train/base", ["v1"]) };
/// let seed = Seed::Contents {
///     repositories: vec![NewRepository { labels: vec!["prod".into()], ..NewRepository::new("train/base") }],
///     images: vec![old, NewImage::new("train/base", ["v2", "latest"]), NewImage::new("notebook", ["v1"])],
/// };
/// # let _ = seed;
/// # Ok::<(), mlspace_registry_simulator::TimestampError>(())
/// ```
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
    /// These, the repositories first, each followed by its images in the order in which they stand. A repository that
    /// only an image names is made with it.
    Contents {
        /// Repositories that have more than images.
        repositories: Vec<NewRepository>,
        /// Images.
        images: Vec<NewImage>,
    },
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
    File {
        /// The file.
        path: PathBuf,
        /// The mistake.
        reason: String,
    },
    /// No registry can hold these contents.
    #[error("the contents cannot be: {0}")]
    Contents(String),
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
            Self::Contents { repositories, images } => {
                check(repositories, images).map_err(SeedError::Contents)?;
                sow_contents(repositories, images, world);
                Ok(())
            }
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
        world.create_repository(&name, world.now());
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

impl From<Owner> for Person {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Personal => Self::Personal,
            Owner::ServiceAccount => Self::ServiceAccount,
        }
    }
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

impl Tag {
    fn into_new(self) -> NewTag {
        match self {
            Self::Name(name) => NewTag::new(name),
            Self::Whole(WholeTag { name, color, pull_time, signed }) => {
                NewTag { name, color, pull_time, signed }
            }
        }
    }
}

impl Image {
    fn into_new(self, repository: &str) -> NewImage {
        NewImage {
            digest: self.digest,
            size: i64::try_from(self.size).unwrap_or(i64::MAX),
            extra_attrs: self.extra_attrs,
            push_time: self.push_time,
            pull_time: self.pull_time,
            ..NewImage::new(repository, self.tags.into_iter().map(Tag::into_new))
        }
    }
}

fn sow_file(path: PathBuf, text: &str, world: &mut World) -> Result<(), SeedError> {
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(source) => return Err(SeedError::Form { path, source }),
    };
    let (mut repositories, mut images) = (Vec::new(), Vec::new());
    for Repository { name, description, labels, favorite_of, images: own } in file.repositories {
        images.extend(own.into_iter().map(|image| image.into_new(&name)));
        let is_of = |person: Person| favorite_of.iter().any(|owner| Person::from(*owner) == person);
        repositories.push(NewRepository {
            favorite: is_of(Person::ServiceAccount),
            favorite_of_person: is_of(Person::Personal),
            name,
            description,
            labels,
        });
    }
    check(&repositories, &images).map_err(|reason| SeedError::File { path, reason })?;
    sow_contents(&repositories, &images, world);
    Ok(())
}

/// Says what no registry could hold.
fn check(repositories: &[NewRepository], images: &[NewImage]) -> Result<(), String> {
    let (mut names, mut digests, mut tags) = (HashSet::new(), HashSet::new(), HashSet::new());
    for name in repositories.iter().map(|one| one.name.as_str()) {
        if name.is_empty() || !names.insert(name) {
            return Err(format!("the repository name `{name}` is empty or there twice"));
        }
    }
    for image in images {
        let name = image.repository.as_str();
        if name.is_empty() {
            return Err("an image is in a repository without a name".to_owned());
        }
        if let Some(digest) = &image.digest {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if hex.len() != 64 || !hex.chars().all(is_hex) || !digests.insert((name, digest)) {
                return Err(format!("`{digest}` in `{name}` is no sha256 digest or there twice"));
            }
        }
        for NewTag { name: tag, .. } in &image.tags {
            if !crate::names::is_tag_name(tag) || !tags.insert((name, tag)) {
                return Err(format!("`{tag}` in `{name}` is no name of a tag or there twice"));
            }
        }
    }
    Ok(())
}

fn sow_contents(repositories: &[NewRepository], images: &[NewImage], world: &mut World) {
    let mut by_repository: HashMap<&str, Vec<&NewImage>> = HashMap::new();
    for image in images {
        by_repository.entry(&image.repository).or_default().push(image);
    }
    for repository in repositories {
        let own = by_repository.remove(repository.name.as_str()).unwrap_or_default();
        // It is as old as its first image.
        let first = own.iter().filter_map(|image| image.push_time).min();
        let id = world.create_repository(&repository.name, first.unwrap_or_else(|| world.now()));
        for image in own {
            world.push_image(image.clone());
        }
        world.edit_repository(id, |sown| {
            sown.description.clone_from(&repository.description);
            sown.labels.clone_from(&repository.labels);
            let owners = [
                (repository.favorite, Person::ServiceAccount),
                (repository.favorite_of_person, Person::Personal),
            ];
            sown.favorite_of = owners.into_iter().filter(|(is, _)| *is).map(|(_, person)| person).collect();
        });
    }
    for image in images.iter().filter(|image| by_repository.contains_key(image.repository.as_str())) {
        world.push_image(image.clone());
    }
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
    fn contents_are_what_they_say_and_as_old_as_they_say() {
        let stamp = |text: &str| text.parse::<Timestamp>().unwrap();
        let old = NewImage {
            push_time: Some(stamp("2026-01-01T00:00:00Z")),
            pull_time: Some(stamp("2026-02-01T00:00:00Z")),
            ..NewImage::new("a", [NewTag { signed: true, ..NewTag::new("v1") }])
        };
        let new = NewImage { push_time: Some(stamp("2026-03-01T00:00:00Z")), ..NewImage::new("a", ["v2"]) };
        let seed = Seed::Contents {
            repositories: vec![NewRepository { favorite: true, ..NewRepository::new("a") }],
            images: vec![NewImage::new("b", [""; 0]), old, new],
        };
        let mut world = World::new(Arc::new(Clock::new(false)));
        let now = world.now();
        seed.sow(&mut world).unwrap();
        assert_eq!(world.created_at, stamp("2026-01-01T00:00:00Z"));
        let sown: Vec<_> = world.repositories().iter().map(|id| world.repository(id).unwrap()).collect();
        assert_eq!(sown.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let times = |at: usize| (sown[at].created_at.to_string(), sown[at].updated_at.to_string());
        assert_eq!(times(0), ("2026-01-01T00:00:00Z".into(), "2026-03-01T00:00:00Z".into()));
        assert_eq!(times(1), (now.to_string(), now.to_string()));
        assert_eq!(sown[0].favorite_of.iter().collect::<Vec<_>>(), [&Person::ServiceAccount]);
        let image = world.image(sown[0].images.iter().next().unwrap()).unwrap();
        let tag = world.tag(image.tags.last().unwrap()).unwrap();
        assert!(tag.signed && tag.push_time == image.push_time && tag.pull_time == image.pull_time);

        let twice = vec![NewImage::new("a", ["v1"]), NewImage::new("a", ["v1"])];
        let refused = Seed::Contents { repositories: Vec::new(), images: twice }.sow(&mut world);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the contents cannot be: `v1` in `a` is no name of a tag or there twice"
        );
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
            assert!(matches!(sow(text), Err(SeedError::File { .. })), "{text}");
        }
    }
}
