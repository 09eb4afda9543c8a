//! `mlcr doctor --facts`: what nobody knows of the service until somebody with an account looks. It only reads, and
//! what it tells holds no name, no id and no secret, so that it can be pasted into an issue.

mod asker;
mod forms;
mod image_host;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::table::Cell;
use crate::output::{Look, Record};
use asker::{Asker, Seen};

/// A page size that no list needs, to see what is done with it.
const FAR_TOO_LARGE: usize = 1_000_000;
/// Pages that are read of a list after its first, and repositories whose images are listed. Together with all that
/// is asked besides, 25 requests.
const MORE_PAGES: usize = 4;
const REPOSITORIES: usize = 3;

/// One thing that is not known of the service, as it was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Fact {
    /// Its name.
    fact: &'static str,
    /// The finding; null where nothing could be seen.
    found: Value,
    /// Why nothing could be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The decision that rests on it.
    decides: &'static str,
}

impl Record for Fact {
    const HEADER: &'static [&'static str] = &["FACT", "FOUND", "DECIDES"];
    const FIELDS: &'static [&'static str] = &["fact", "found", "why", "decides"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let found = self.why.clone().unwrap_or_else(|| self.found.to_string());
        vec![Cell::new(self.fact), Cell::new(found), Cell::new(self.decides)]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}

/// Either what was seen, or why nothing was.
type Found = Result<Value, String>;

/// The facts so far.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, fact: &'static str, decides: &'static str, found: Found) {
        let (found, why) = match found {
            Ok(found) => (found, None),
            Err(why) => (Value::Null, Some(why)),
        };
        self.0.push(Fact { fact, found, why, decides });
    }
}

/// Asks for everything. Fails only where signing in does.
pub(super) async fn gather(context: &Context<'_>) -> Result<Vec<Fact>, Failure> {
    let client = context.client()?;
    let mut asker = Asker::new(&client, context).await?;
    let mut facts = Facts::default();
    let registry = asker.get("registries/current", &[]).await;
    let count = registry.value().ok().and_then(|registry| number(registry, "repositories_count"));
    let listed = repositories(&mut asker, count, &mut facts).await;
    let sample = sample(&listed.rows);
    let (mut images, mut problem) = (Vec::new(), None);
    for repository in &sample {
        let query = [("repository_id", text(repository, "id"))];
        let rows = asker.get("images/", &query).await.rows();
        images.push(rows.unwrap_or_else(|why| {
            problem = Some(why);
            Vec::new()
        }));
    }
    let both = listed.why.clone().or_else(|| problem.clone()).map_or(Ok(()), Err);
    let counts = counts(count, &listed.rows, &sample, &images);
    facts.add(
        "counts_and_lists",
        "whether a list can be called complete because the service's count says so",
        both.clone().map(|()| counts),
    );
    facts.add(
        "tags_in_both_lists",
        "whether an image that looks untagged can be checked against the list of repositories",
        both.map(|()| tags_in_both_lists(&sample, &images)),
    );
    let pages = match problem {
        Some(why) => Err(why),
        None => image_pages(&mut asker, &sample, &images).await,
    };
    facts.add("image_pages", "whether images can be read page by page, or lose tags when they are", pages);

    let images = images.concat();
    let tags = |rows: &[Value]| -> Vec<Value> {
        rows.iter().filter_map(|row| row["tags"].as_array()).flatten().cloned().collect()
    };
    let tags = [tags(&listed.rows), tags(&images)].concat();
    let registry: Vec<Value> = registry.value().ok().cloned().into_iter().collect();
    forms::add(
        &[("registry", &registry), ("repository", &listed.rows), ("image", &images), ("tag", &tags)],
        &mut facts,
    );
    image_host::look(&mut asker, &client, context, &images, &mut facts).await;
    let Seen { date, limits, refused } = asker.seen;
    facts.add(
        "date_header",
        "whether a clean-up can tell that this machine's clock is wrong",
        Ok(json!(date)),
    );
    facts.add(
        "stated_limits",
        "how fast a client may be, and how long it waits after a 429",
        Ok(json!({ "headers": limits, "answers_429": refused })),
    );
    Ok(facts.0)
}

/// The repositories that were listed.
struct ListedRepositories {
    rows: Vec<Value>,
    why: Option<String>,
}

async fn repositories(asker: &mut Asker, count: Option<u64>, facts: &mut Facts) -> ListedRepositories {
    let list = |page: Option<usize>, size: Option<usize>| {
        let number = |name, value: Option<usize>| value.map(|value| (name, value.to_string()));
        [number("page", page), number("page_size", size)].into_iter().flatten().collect::<Vec<_>>()
    };
    let plain = asker.get("repositories/", &[]).await.rows();
    facts.add(
        "page_size_default",
        "how many requests a list needs, and whether a list without paging can be trusted",
        plain.as_ref().map(|rows| json!({ "rows": rows.len(), "of": count })).map_err(Clone::clone),
    );
    let wanted = usize::try_from(count.unwrap_or_default()).unwrap_or(FAR_TOO_LARGE).max(1);
    let whole = asker.get("repositories/", &list(Some(1), Some(wanted))).await;
    facts.add(
        "page_as_large_as_the_count",
        "whether a whole registry can be read in one answer, which no other page can contradict",
        whole.page(wanted),
    );
    let huge = asker.get("repositories/", &list(Some(1), Some(FAR_TOO_LARGE))).await;
    facts.add(
        "page_size_maximum",
        "the largest page to ask for, and whether asking for more is an error",
        huge.page(FAR_TOO_LARGE),
    );
    let first = asker.get("repositories/", &list(Some(1), Some(2))).await.rows();
    let second = asker.get("repositories/", &list(Some(2), Some(2))).await.rows();
    facts.add(
        "second_page",
        "whether a list can be read page by page, and whether pages overlap",
        first.and_then(|first| second_page(&first, &second?)),
    );

    let (mut rows, mut why) = match (whole.rows(), plain) {
        (Ok(whole), Ok(plain)) if plain.len() > whole.len() => (plain, None),
        (Ok(rows), _) | (_, Ok(rows)) => (rows, None),
        (Err(why), Err(_)) => (Vec::new(), Some(why)),
    };
    let size = rows.len();
    for page in 2..2 + MORE_PAGES {
        if size == 0 || count.is_none_or(|count| rows.len() as u64 >= count) {
            break;
        }
        match asker.get("repositories/", &list(Some(page), Some(size))).await.rows() {
            Ok(more) => {
                let new: Vec<_> = more
                    .into_iter()
                    .filter(|row| rows.iter().all(|known| known["id"] != row["id"]))
                    .collect();
                if new.is_empty() {
                    break;
                }
                rows.extend(new);
            }
            Err(problem) => {
                why = Some(problem);
                break;
            }
        }
    }
    ListedRepositories { rows, why }
}

/// The second page beside the first, both of two rows at most.
fn second_page(first: &[Value], second: &[Value]) -> Found {
    let (Some(one), Some(last)) = (first.first(), first.last()) else {
        return Err("there is no repository".into());
    };
    let Some(next) = second.first() else {
        return if first.len() < 2 {
            Err("there are too few repositories".into())
        } else {
            Ok(json!("empty"))
        };
    };
    Ok(json!(match &next["id"] {
        id if *id == one["id"] => "the first again",
        id if *id == last["id"] => "begins with the last of the first",
        _ => "what comes next",
    }))
}

/// Repositories that tell most for least: first those with an image of several tags, then the small ones.
fn sample(repositories: &[Value]) -> Vec<Value> {
    let has_siblings = |repository: &Value| {
        let tags = repository["tags"].as_array().map_or(&[][..], Vec::as_slice);
        tags.iter()
            .enumerate()
            .any(|(at, tag)| tags[..at].iter().any(|one| one["image_id"] == tag["image_id"]))
    };
    let count = |repository: &Value| number(repository, "images_count").unwrap_or_default();
    let mut filled: Vec<_> = repositories.iter().filter(|repository| count(repository) > 0).collect();
    filled.sort_by_key(|repository| (!has_siblings(repository), count(repository)));
    filled.into_iter().take(REPOSITORIES).cloned().collect()
}

/// Counts beside what was listed.
fn counts(count: Option<u64>, listed: &[Value], sample: &[Value], images: &[Vec<Value>]) -> Value {
    let pairs = sample.iter().zip(images);
    let pairs: Vec<_> =
        pairs.map(|(one, images)| json!([number(one, "images_count"), images.len()])).collect();
    json!({ "repositories": [count, listed.len()], "images": pairs })
}

fn tags_in_both_lists(sample: &[Value], images: &[Vec<Value>]) -> Value {
    let pairs = |rows: &[Value]| -> Vec<(String, String)> {
        let tags = rows.iter().filter_map(|row| row["tags"].as_array()).flatten();
        tags.map(|tag| (text(tag, "id"), text(tag, "image_id"))).collect()
    };
    let (left, right) = (pairs(sample), pairs(&images.concat()));
    let only =
        |a: &[(String, String)], b: &[(String, String)]| a.iter().filter(|one| !b.contains(one)).count();
    json!({ "in_repositories_only": only(&left, &right), "in_images_only": only(&right, &left), "of": right.len() })
}

/// What `page_size` does to the images of a repository.
async fn image_pages(asker: &mut Asker, sample: &[Value], images: &[Vec<Value>]) -> Found {
    let tags = |image: &Value| image["tags"].as_array().map_or(0, Vec::len);
    let has_siblings = |images: &&Vec<Value>| images.len() > 1 && tags(&images[0]) > 1;
    let (repository, images) = sample
        .iter()
        .zip(images)
        .find(|(_, images)| has_siblings(images))
        .ok_or("no repository of several images begins with one of several tags")?;
    let mut query = vec![("repository_id", text(repository, "id"))];
    query.extend([("page", "1".to_owned()), ("page_size", "1".to_owned())]);
    let page = asker.get("images/", &query).await.rows()?;
    Ok(json!(match page.first() {
        None => "empty",
        Some(_) if page.len() == images.len() => "ignored",
        Some(image) if tags(image) < tags(&images[0]) => "split by tag",
        Some(_) => "by image",
    }))
}

/// A number of things, however it is written.
fn number(value: &Value, field: &str) -> Option<u64> {
    let number = &value[field];
    number.as_u64().or_else(|| number.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64))
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
