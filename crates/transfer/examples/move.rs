//! Pushes every image of a source under one name, or pulls one image; what the benchmark runs.
//!
//! `move push SOURCE REPOSITORY [CACHE]` · `move pull REFERENCE FOLDER`
#![allow(clippy::panic)]

use mlspace_registry_transfer::{Client, Reference, Result, Source, Target};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["push", source, repository] => push(source, repository, None).await,
        ["push", source, repository, cache] => push(source, repository, Some(cache)).await,
        ["pull", reference, folder] => {
            let client = Client::builder().build()?;
            client.pull([reference.parse()?], Target::layout(folder)).send().await?;
            Ok(())
        }
        _ => panic!("usage: move push SOURCE REPOSITORY [CACHE] | move pull REFERENCE FOLDER"),
    }
}

async fn push(source: &str, repository: &str, cache: Option<&str>) -> Result<()> {
    let builder = Client::builder();
    let client = match cache {
        Some(folder) => builder.cache(folder).build()?,
        None => builder.build()?,
    };
    let repository: Reference = repository.parse()?;
    let source = Source::open(source).await?;
    let named = source.images().iter().enumerate().map(|(n, image)| {
        let name = image.names().first().map_or(format!("image{n}"), |name| name.replace([':', '/'], "-"));
        Ok((image.clone(), repository.with_tag(&name)?))
    });
    let items = named.collect::<Result<Vec<_>>>()?;
    for pushed in client.push(items).send().await?.images {
        if let Err(error) = pushed.result {
            panic!("{}: {error}: {:?}", pushed.reference, std::error::Error::source(&*error));
        }
    }
    Ok(())
}
