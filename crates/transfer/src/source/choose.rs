//! One image of several, by whatever people call it.

use super::Image;
use crate::error::{Error, Result};
use crate::platform::Platform;

/// Digits of a digest from which on its beginning counts as one.
const SHORT_DIGEST: usize = 7;

pub(super) fn image<'a>(images: &'a [Image], name: Option<&str>) -> Result<&'a Image> {
    let found = match name {
        None => images.iter().collect(),
        Some(name) => find(images, name),
    };
    if let [only] = found[..] {
        return Ok(only);
    }
    let problem = if found.is_empty() { "no image fits" } else { "more than one image fits" };
    let there: Vec<_> = images.iter().enumerate().map(|(at, image)| describe(at + 1, image)).collect();
    Err(Error::Invalid(format!("{problem}; there are: {}", there.join(", "))))
}

/// The place of an image and all that it can be named by.
fn describe(place: usize, image: &Image) -> String {
    let mut names = image.names.clone();
    names.extend(image.platform.iter().map(ToString::to_string));
    if image.names.is_empty() {
        names.extend(image.digest().cloned().or_else(|| image.id()).map(|digest| digest.to_string()));
    }
    format!("{place} ({})", names.join(", "))
}

/// The images that fit, by the first way of naming by which any do.
fn find<'a>(images: &'a [Image], name: &str) -> Vec<&'a Image> {
    let by = |fits: &dyn Fn(&Image) -> bool| images.iter().filter(|image| fits(image)).collect::<Vec<_>>();
    let tagged = |name: &str| match name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    };
    let (full, end) = (tagged(name), format!("/{}", tagged(name)));
    let named = |fits: &dyn Fn(&str) -> bool| by(&|image| image.names.iter().any(|own| fits(own)));
    let ways: [&dyn Fn() -> Vec<&'a Image>; 6] = [
        &|| named(&|own| own == name || tagged(own) == full),
        &|| named(&|own| tagged(own).ends_with(&end)),
        &|| named(&|own| own.rsplit_once(':').is_some_and(|(_, tag)| tag == name)),
        &|| by(&|image| is_digest(image, name)),
        &|| {
            let Ok(platform) = name.parse::<Platform>() else { return Vec::new() };
            let best = platform.best(images.iter().map(|image| image.platform.as_ref()));
            best.into_iter().map(|at| &images[at]).collect()
        },
        &|| {
            name.parse().ok().and_then(|place: usize| images.get(place.checked_sub(1)?)).into_iter().collect()
        },
    ];
    ways.iter().map(|way| way()).find(|found| !found.is_empty()).unwrap_or_default()
}

fn is_digest(image: &Image, name: &str) -> bool {
    let (algorithm, hex) =
        name.split_once(':').map_or((None, name), |(algorithm, hex)| (Some(algorithm), hex));
    hex.len() >= SHORT_DIGEST
        && [image.digest().cloned(), image.id()].into_iter().flatten().any(|digest| {
            algorithm.is_none_or(|algorithm| algorithm == digest.algorithm()) && digest.hex().starts_with(hex)
        })
}
