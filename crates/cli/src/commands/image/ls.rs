//! `mlcr image ls` and `mlcr image find`.

use std::sync::Arc;

use mlspace_registry::{Client, Completeness, Filter, Image, ImagesIn, Pattern};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::listing::Listing;
use crate::options::Format;
use crate::output::progress::Progress;
use crate::printing::{Printing, Verdict, named};
use crate::repositories::{Chosen, Repositories};
use crate::rows::{InRepository, REPOSITORY};

type Row = InRepository<Image>;

/// Fewer digits are too few to be the beginning of a digest.
const SHORTEST_DIGEST: usize = 4;

/// `image ls`.
pub(super) async fn run(
    context: &mut Context<'_>,
    repositories: Repositories,
    listing: Listing<Row>,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let chosen = repositories.choose(context, &client, &mut client.lookup().reading(), false).await?;
    let hidden = repositories.is_one().then_some(REPOSITORY);
    print(context, &client, chosen, &listing, hidden).await.map(|(exit, _)| exit)
}

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    filter: Filter<Image>,
    /// Set where it can be a tag and no digest.
    tag: Option<Pattern>,
}

impl Wanted {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let hex = text.strip_prefix("sha256:");
        let digits = hex.unwrap_or(text).trim_end_matches('…');
        let can_be_digest =
            digits.len() >= SHORTEST_DIGEST && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let filter = match (hex, can_be_digest) {
            (Some(_), _) => format!("digest={text}"),
            (None, true) => format!("digest={text},tag={text}"),
            (None, false) => format!("tag={text}"),
        };
        let filter: Filter<Image> =
            filter.parse().map_err(|error: mlspace_registry::FilterError| error.to_string())?;
        let tag = (hex.is_none() && !can_be_digest).then(|| text.parse());
        let tag = tag.transpose().map_err(|error: mlspace_registry::PatternError| error.to_string())?;
        Ok(Self { filter, tag })
    }

    /// `image find`.
    pub(super) async fn find(
        self,
        context: &mut Context<'_>,
        listing: Listing<Row>,
    ) -> Result<Exit, Failure> {
        let client = context.client()?;
        let mut lookup = client.lookup().reading();
        let mut chosen =
            Repositories::all().choose(context, &client, &mut lookup, self.tag.is_some()).await?;
        if let Some(tag) = &self.tag {
            // The list of repositories has all tags: only those need be read that have such a one.
            chosen.repositories.retain(|one| one.tags.iter().any(|own| tag.matches(&own.name)));
        }
        let what = self.filter.as_str().to_owned();
        let (exit, shown) = print(context, &client, chosen, &listing.with(self.filter), None).await?;
        if shown == 0 && exit == Exit::Done {
            return Err(Failure::new(Exit::NotFound, "not_found", format!("no image has {what}")));
        }
        Ok(exit)
    }
}

/// Prints the images of the repositories, as they come. Answers how many were printed, too.
async fn print(
    context: &mut Context<'_>,
    client: &Client,
    chosen: Chosen,
    listing: &Listing<Row>,
    hidden: Option<&'static str>,
) -> Result<(Exit, u64), Failure> {
    let number = chosen.repositories.len();
    let mut printing = Printing::new(context, "images", listing, hidden);
    let progress = Progress::listing(context.io, &context.global, "reading images");
    let mut lists = client.images().list_each(chosen.repositories);
    let mut interrupt = context.io.interrupt.clone();
    let mut whole = Whole::new(chosen.verdict);
    let failure = loop {
        if printing.is_full() {
            whole.verdict.completeness = None;
            break None;
        }
        let one = tokio::select! {
            one = lists.next() => one,
            () = interrupt.wait() => break Some(Failure::interrupted()),
        };
        let Some(ImagesIn { repository, result, .. }) = one else { break None };
        let list = match result {
            Ok(list) => list,
            Err(error) if number == 1 || error.is_sign_in() => break Some(error.into()),
            Err(error) => {
                whole.fail(context, &repository.name, &error);
                continue;
            }
        };
        let what = if number == 1 { "images".to_owned() } else { format!("images of {}", repository.name) };
        let verdict = Verdict { completeness: Some(list.completeness), changed: false };
        whole.add(verdict, context.judge(&what, verdict, &list.unreadable));
        let mut images = list.items;
        if matches!(context.format, Format::Table | Format::Tsv) {
            images.sort_by_key(|image| std::cmp::Reverse(image.push_time));
        }
        let repository = Arc::new(repository);
        for image in images {
            progress.step();
            printing.take(context, InRepository::new(&repository, image))?;
        }
        if let Some(failure) = context.overdue() {
            break Some(failure);
        }
    };
    progress.end();
    context.say_requests();
    if let Some(failure) = failure {
        return Err(printing.cut(context, failure));
    }
    let of = (hidden.is_none()).then(|| named(number, "repositories"));
    let shown = printing.end(context, whole.verdict, of)?;
    Ok((whole.exit, shown))
}

/// What the lists of several repositories say together.
struct Whole {
    verdict: Verdict,
    exit: Exit,
}

impl Whole {
    fn new(repositories: Option<Verdict>) -> Self {
        let complete = Verdict { completeness: Some(Completeness::Complete), changed: false };
        Self { verdict: repositories.unwrap_or(complete), exit: Exit::Done }
    }

    /// The worse of two verdicts: missing images add up.
    fn add(&mut self, one: Verdict, exit: Exit) {
        if exit != Exit::Done {
            self.exit = exit;
        }
        self.verdict.completeness = match (self.verdict.completeness, one.completeness) {
            (Some(Completeness::Short { missing }), Some(Completeness::Short { missing: more })) => {
                Some(Completeness::Short { missing: missing + more })
            }
            (whole @ Some(Completeness::Short { .. }), _) | (whole, Some(Completeness::Complete)) => whole,
            (_, one) => one,
        };
        self.verdict.changed |= one.changed;
    }

    /// One list could not be read, which costs the others nothing. A repository that is gone meanwhile has no images.
    fn fail(&mut self, context: &Context<'_>, name: &str, error: &mlspace_registry::Error) {
        if error.is_not_found() {
            return context.detail(&format!("{name} is gone"));
        }
        let details = serde_json::json!({ "repository": name });
        context.warn("unreadable_list", &format!("the images of {name} could not be read: {error}"), details);
        self.verdict.completeness = Some(Completeness::Unknown);
        self.exit = Exit::Partly;
    }
}
