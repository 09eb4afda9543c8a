//! The program that the benchmark of pushing runs, in a process of its own, so that its cost is seen.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use mlspace_registry_transfer::{Client, Reference, Source, Target};

#[derive(Subcommand)]
pub(crate) enum Move {
    /// Every image of a source, under its own tag.
    Push {
        source: PathBuf,
        repository: Reference,
        cache: Option<PathBuf>,
        #[arg(long)]
        ca: Option<PathBuf>,
    },
    /// One image into a folder.
    Pull {
        reference: Reference,
        folder: PathBuf,
        #[arg(long)]
        ca: Option<PathBuf>,
    },
    /// One image from registry to registry.
    Copy {
        from: Reference,
        to: Reference,
        #[arg(long)]
        ca: Option<PathBuf>,
    },
}

impl Move {
    pub(crate) async fn run(self) -> Result<()> {
        let (Self::Push { ca, .. } | Self::Pull { ca, .. } | Self::Copy { ca, .. }) = &self;
        let mut builder = Client::builder();
        if let Some(path) = ca {
            builder = builder.certificates(std::fs::read(path)?);
        }
        let (source, repository, cache) = match self {
            Self::Push { source, repository, cache, .. } => (source, repository, cache),
            Self::Pull { reference, folder, .. } => {
                builder.build()?.pull([reference], Target::layout(folder)).send().await?;
                return Ok(());
            }
            Self::Copy { from, to, .. } => {
                for copied in builder.build()?.copy([(from, to)]).send().await?.images {
                    copied.result?;
                }
                return Ok(());
            }
        };
        if let Some(folder) = cache {
            builder = builder.cache(folder);
        }
        let source = Source::open(source).await?;
        let named = source.images().iter().enumerate().map(|(n, image)| {
            let name =
                image.names().first().map_or(format!("image{n}"), |name| name.replace([':', '/'], "-"));
            Ok((image.clone(), repository.with_tag(&name)?))
        });
        let items = named.collect::<Result<Vec<_>>>()?;
        for pushed in builder.build()?.push(items).send().await?.images {
            pushed.result.with_context(|| pushed.reference.to_string())?;
        }
        Ok(())
    }
}
