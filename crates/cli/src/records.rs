//! How the things of the registry look in tables.

use anstyle::{RgbColor, Style};
use mlspace_registry::{Image, Registry, Repository, Tag};

use crate::output::table::Cell;
use crate::output::text::{short_digest, size};
use crate::output::{Look, Record};

impl Record for Registry {
    const HEADER: &'static [&'static str] = &["NAME", "REPOSITORIES", "UPDATED", "ID"];
    const FIELDS: &'static [&'static str] =
        &["id", "name", "repositories_count", "created_at", "updated_at", "commands"];

    fn row(&self, look: &Look) -> Vec<Cell> {
        vec![
            Cell::new(&self.name),
            Cell::new(self.repositories_count.to_string()).right(),
            look.moment(self.updated_at),
            id(self.id),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        let mut card = vec![
            ("Name", Cell::new(&self.name)),
            ("Id", Cell::new(self.id.to_string())),
            ("Repositories", Cell::new(self.repositories_count.to_string())),
            ("Created", look.moment_in_full(self.created_at)),
            ("Updated", look.moment_in_full(self.updated_at)),
        ];
        commands(&mut card, self.commands.as_ref());
        card
    }
}

impl Record for Repository {
    const HEADER: &'static [&'static str] =
        &["", "NAME", "IMAGES", "TAGS", "LABELS", "UPDATED", "FAVORITE", "ID"];
    const WIDE: &'static [&'static str] = &["FAVORITE", "ID"];
    const GIVES_WAY: &'static [&'static str] = &["UPDATED", "LABELS"];
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "full_name",
        "description",
        "labels",
        "favorite",
        "images_count",
        "created_at",
        "updated_at",
        "registry_id",
    ];

    fn row(&self, look: &Look) -> Vec<Cell> {
        vec![
            star(self.favorite),
            Cell::new(&self.name),
            Cell::new(self.images_count.to_string()).right(),
            Cell::new(self.tags.len().to_string()).right(),
            Cell::new(self.labels.as_deref().unwrap_or_default().join(", ")),
            look.moment(self.updated_at),
            Cell::new(if self.favorite { "yes" } else { "no" }),
            id(self.id),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        let tags: Vec<_> = self.tags.iter().map(|tag| tag.name.as_str()).collect();
        let mut card = vec![
            ("Name", Cell::new(&self.name)),
            ("Id", Cell::new(self.id.to_string())),
            ("Full name", Cell::new(&self.full_name)),
            ("Description", Cell::new(self.description.as_deref().unwrap_or_default())),
            ("Labels", Cell::new(self.labels.as_deref().unwrap_or_default().join(", "))),
            ("Favourite", Cell::new(if self.favorite { "yes" } else { "no" })),
            ("Images", Cell::new(self.images_count.to_string())),
            ("Tags", Cell::new(tags.join(", "))),
            ("Created", look.moment_in_full(self.created_at)),
            ("Updated", look.moment_in_full(self.updated_at)),
        ];
        commands(&mut card, self.commands.as_ref());
        card
    }
}

impl Record for Image {
    const HEADER: &'static [&'static str] = &["DIGEST", "TAGS", "SIZE", "PUSHED", "PULLED", "ID"];
    const FIELDS: &'static [&'static str] =
        &["id", "digest", "full_name", "size", "push_time", "pull_time", "repository_id", "tags"];

    fn row(&self, look: &Look) -> Vec<Cell> {
        vec![
            digest(&self.digest),
            Cell::new(tag_names(self)),
            Cell::new(size(self.size)).plain(self.size.to_string()).right(),
            look.moment(self.push_time),
            look.moment(self.pull_time),
            id(self.id),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        let platform: Vec<_> =
            ["os", "architecture"].iter().filter_map(|key| self.extra_attrs.get(*key)?.as_str()).collect();
        let mut card = vec![
            ("Digest", Cell::new(&self.digest)),
            ("Id", Cell::new(self.id.to_string())),
            ("Full name", Cell::new(&self.full_name)),
            ("Repository", Cell::new(self.repository_id.to_string())),
            ("Tags", Cell::new(tag_names(self))),
            ("Size", Cell::new(format!("{} ({} bytes)", size(self.size), self.size))),
            ("Platform", Cell::new(platform.join("/"))),
            ("Pushed", look.moment_in_full(self.push_time)),
            ("Pulled", look.moment_in_full(self.pull_time)),
        ];
        commands(&mut card, self.commands.as_ref());
        card
    }
}

impl Record for Tag {
    const HEADER: &'static [&'static str] = &["NAME", "COLOUR", "PUSHED", "PULLED", "SIGNED", "ID"];
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "full_name",
        "color",
        "signed",
        "push_time",
        "pull_time",
        "image_id",
        "repository_id",
    ];

    fn row(&self, look: &Look) -> Vec<Cell> {
        vec![
            Cell::new(&self.name),
            color(self.color.as_deref()),
            look.moment(self.push_time),
            look.moment(self.pull_time),
            Cell::new(if self.signed { "yes" } else { "no" }),
            id(self.id),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        let mut card = vec![
            ("Name", Cell::new(&self.name)),
            ("Id", Cell::new(self.id.to_string())),
            ("Full name", Cell::new(&self.full_name)),
            ("Image", Cell::new(self.image_id.to_string())),
            ("Repository", Cell::new(self.repository_id.to_string())),
            ("Colour", color(self.color.as_deref())),
            ("Signed", Cell::new(if self.signed { "yes" } else { "no" })),
            ("Pushed", look.moment_in_full(self.push_time)),
            ("Pulled", look.moment_in_full(self.pull_time)),
        ];
        commands(&mut card, self.commands.as_ref());
        card
    }
}

fn id(id: mlspace_registry::Uuid) -> Cell {
    Cell::new(id.to_string()).dim()
}

fn star(favorite: bool) -> Cell {
    Cell::new(if favorite { "★" } else { "" })
        .style(Style::new().fg_color(Some(RgbColor(227, 179, 65).into())))
}

/// Enough of it to tell images apart; the name of the algorithm, which is nearly always the same, says nothing.
fn digest(digest: &str) -> Cell {
    let short = short_digest(digest);
    Cell::new(short.strip_prefix("sha256:").unwrap_or(&short)).plain(digest)
}

fn tag_names(image: &Image) -> String {
    image.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A colour as its name, shown in itself where that can be done.
fn color(color: Option<&str>) -> Cell {
    let Some(name) = color else { return Cell::new("-").plain("") };
    let style = rgb(name).map_or(Style::new(), |rgb| Style::new().fg_color(Some(rgb.into())));
    Cell::new(name).style(style)
}

/// `#rgb` or `#rrggbb`.
fn rgb(name: &str) -> Option<RgbColor> {
    let hex = name.strip_prefix('#')?;
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    match digits[..] {
        [r, g, b] => Some(RgbColor(r * 17, g * 17, b * 17)),
        [r, r2, g, g2, b, b2] => Some(RgbColor(r * 16 + r2, g * 16 + g2, b * 16 + b2)),
        _ => None,
    }
}

fn commands(
    card: &mut Vec<(&'static str, Cell)>,
    commands: Option<&std::collections::BTreeMap<String, String>>,
) {
    for (name, line) in commands.into_iter().flatten() {
        card.push(("Command", Cell::new(format!("{name}: {line}"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_shown_only_if_they_are_understood() {
        assert_eq!(rgb("#2f81f7"), Some(RgbColor(0x2f, 0x81, 0xf7)));
        assert_eq!(rgb("#f00"), Some(RgbColor(255, 0, 0)));
        for name in ["", "#", "red", "#12345", "#ggg", "#ффф"] {
            assert_eq!(rgb(name), None, "{name}");
        }
    }
}
