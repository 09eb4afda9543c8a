//! Data on stdout, in the form that was asked for.

mod csv;
mod jq;
pub(crate) mod moving;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::listing::Chosen;
use crate::options::Format;
pub(crate) use jq::Program;
use table::Cell;
use time::Zone;

/// Something that can be printed in every form.
pub(crate) trait Record: Serialize {
    /// The headings of the table.
    const HEADER: &'static [&'static str];

    /// Headings of columns that are there with `--wide` alone.
    const WIDE: &'static [&'static str] = &[];

    /// Headings of columns that are left out, the first one first, where a terminal is too narrow for all.
    const GIVES_WAY: &'static [&'static str] = &[];

    /// The fields that become columns of CSV, by their names in JSON.
    const FIELDS: &'static [&'static str];

    /// One row of the table, a cell for each heading.
    fn row(&self, look: &Look) -> Vec<Cell>;

    /// The lines for a single one.
    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)>;
}

/// How things are printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) format: Format,
    /// True where CSV is for programs that run what looks like a formula.
    pub(crate) for_spreadsheets: bool,
    /// A program that the JSON goes through.
    pub(crate) jq: Option<Program>,
    /// The time, in seconds since 1970.
    pub(crate) now: i64,
    /// True if colours may be used.
    pub(crate) color: bool,
    /// True where the data goes to a terminal, which must not see everything.
    pub(crate) terminal: bool,
    /// The width of the terminal, if the data goes to one.
    pub(crate) width: Option<usize>,
    /// What is chosen of a table.
    pub(crate) chosen: Chosen,
    /// A column that says nothing in this list.
    pub(crate) hidden: Option<&'static str>,
    /// Where this machine is, by its times.
    pub(crate) zone: Zone,
}

impl Look {
    /// Text that is data: as it is, or on a terminal so that it does no harm.
    pub(crate) fn text(&self, text: String) -> String {
        if self.terminal { text::printable_lines(&text) } else { text }
    }

    /// The columns of a table, by their places.
    fn columns<T: Record>(&self) -> Vec<usize> {
        let chosen = &self.chosen;
        let place = |name: &String| T::HEADER.iter().position(|heading| heading.to_lowercase() == *name);
        if !chosen.columns.is_empty() {
            return chosen.columns.iter().filter_map(place).collect();
        }
        // Decoration has no heading, and is nothing for programs.
        let shown = |heading: &str| {
            Some(heading) != self.hidden
                && (chosen.wide || self.format == Format::Tsv || !T::WIDE.contains(&heading))
                && (self.format == Format::Table || !heading.is_empty())
        };
        (0..T::HEADER.len()).filter(|place| shown(T::HEADER[*place])).collect()
    }
}

/// A warning: a line for people, or in JSON mode one for programs.
pub(crate) fn warning(format: Format, code: &str, message: &str, details: &serde_json::Value) -> String {
    if !format.is_json() {
        return format!("warning: {}", text::printable(message));
    }
    let mut warning = json!({ "code": code, "message": message });
    if let (Some(warning), Some(details)) = (warning.as_object_mut(), details.as_object()) {
        warning.extend(details.clone());
    }
    text::json_line(&json!({ "warning": warning }))
}

/// Prints a single thing.
pub(crate) fn one<T: Record>(to: &mut dyn Write, look: &Look, item: &T) -> Result<(), Failure> {
    if let Some(program) = &look.jq {
        return program.run(&text::json_line(item), look, to);
    }
    let text = match look.format {
        Format::Table => table::draw_card(&item.card(look), look.color),
        Format::Json => text::json_pretty(item) + "\n",
        Format::Ndjson => text::json_line(item) + "\n",
        Format::Yaml => yaml_item(item, false)?,
        Format::Csv => csv::line(T::FIELDS.iter().copied()) + &csv::row(item, T::FIELDS, look)?,
        Format::Tsv => table::tsv_heading::<T>(look) + &table::tsv_row(item, look),
    };
    Ok(to.write_all(text.as_bytes())?)
}

/// A list that is printed as it comes, as far as the form allows.
pub(crate) struct Sink {
    look: Look,
    rows: Vec<Vec<Cell>>,
    items: u64,
    /// All of the list in JSON, where a program wants it whole.
    whole: String,
}

impl Sink {
    pub(crate) fn new(look: Look) -> Self {
        Self { look, rows: Vec::new(), items: 0, whole: String::new() }
    }

    pub(crate) fn item<T: Record>(&mut self, to: &mut dyn Write, item: &T) -> Result<(), Failure> {
        self.items += 1;
        if let Some(program) = &self.look.jq {
            if self.look.format == Format::Ndjson {
                return program.run(&text::json_line(item), &self.look, to);
            }
            self.whole.push(if self.items == 1 { '[' } else { ',' });
            self.whole.push_str(&text::json_line(item));
            return Ok(());
        }
        let text = match self.look.format {
            Format::Table => {
                self.rows.push(item.row(&self.look));
                return Ok(());
            }
            Format::Json => {
                let start = if self.items == 1 { "[\n  " } else { ",\n  " };
                start.to_owned() + &text::json_pretty(item).replace('\n', "\n  ")
            }
            Format::Ndjson => text::json_line(item) + "\n",
            // Lists of one item after another are one list.
            Format::Yaml => yaml_item(item, true)?,
            Format::Csv if self.items == 1 => {
                csv::line(T::FIELDS.iter().copied()) + &csv::row(item, T::FIELDS, &self.look)?
            }
            Format::Csv => csv::row(item, T::FIELDS, &self.look)?,
            Format::Tsv if self.items == 1 => {
                table::tsv_heading::<T>(&self.look) + &table::tsv_row(item, &self.look)
            }
            Format::Tsv => table::tsv_row(item, &self.look),
        };
        Ok(to.write_all(text.as_bytes())?)
    }

    /// Ends a list that was cut by a failure, so that what was printed can be read. Prints nothing where no
    /// item came, and nothing where a program waits for the whole list.
    pub(crate) fn cut<T: Record>(self, to: &mut dyn Write) -> Result<(), Failure> {
        if self.items == 0 || self.look.jq.is_some() { Ok(()) } else { self.end::<T>(to) }
    }

    /// How many items came.
    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Ends the list.
    pub(crate) fn end<T: Record>(self, to: &mut dyn Write) -> Result<(), Failure> {
        if let Some(program) = &self.look.jq {
            return match (self.look.format, self.items) {
                (Format::Ndjson, _) => Ok(()),
                (_, 0) => program.run("[]", &self.look, to),
                _ => program.run(&(self.whole + "]"), &self.look, to),
            };
        }
        let text = match self.look.format {
            Format::Table => table::draw_list::<T>(&self.rows, &self.look),
            Format::Json if self.items == 0 => "[]\n".into(),
            Format::Json => "\n]\n".into(),
            Format::Yaml if self.items == 0 => "[]\n".into(),
            Format::Csv if self.items == 0 => csv::line(T::FIELDS.iter().copied()),
            Format::Tsv if self.items == 0 => table::tsv_heading::<T>(&self.look),
            Format::Ndjson | Format::Yaml | Format::Csv | Format::Tsv => return Ok(()),
        };
        Ok(to.write_all(text.as_bytes())?)
    }
}

fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_saphyr::to_string(value)
        .map_err(|error| Failure::other(format!("this cannot be written as YAML: {error}")))?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// One value, or with `- ` before it one of a list. Text that the writer leaves as it is, and a terminal must not
/// see, is escaped as in JSON, which is YAML as well.
fn yaml_item<T: Serialize>(item: &T, of_list: bool) -> Result<String, Failure> {
    let text = if of_list { yaml(&[item])? } else { yaml(item)? };
    if text::is_unsafe(&text) {
        let start = if of_list { "- " } else { "" };
        return Ok(format!("{start}{}\n", text::json_line(item)));
    }
    Ok(text)
}
