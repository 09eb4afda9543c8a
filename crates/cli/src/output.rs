//! Data on stdout, in the form that was asked for.

pub(crate) mod table;
pub(crate) mod text;

use std::io::Write;

use serde::Serialize;

use crate::args::Format;
use crate::failure::Failure;
use table::Cell;

/// Something that can be printed in every form.
pub(crate) trait Record: Serialize {
    /// The headings of the table.
    const HEADER: &'static [&'static str];

    /// One row of the table, a cell for each heading.
    fn row(&self, look: &Look) -> Vec<Cell>;

    /// What is shown of a single one.
    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)>;
}

/// What the look of things depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The time, in seconds since 1970.
    pub(crate) now: i64,
    /// Whether colours may be used.
    pub(crate) color: bool,
    /// The width of the terminal, if the data goes to one.
    pub(crate) width: Option<usize>,
}

/// Prints a single thing.
pub(crate) fn one<T: Record>(
    to: &mut dyn Write,
    format: Format,
    look: &Look,
    item: &T,
) -> Result<(), Failure> {
    let text = match format {
        Format::Table => table::draw_card(&item.card(look), look.color),
        Format::Json => text::json_pretty(item) + "\n",
        Format::Ndjson => text::json_line(item) + "\n",
    };
    Ok(to.write_all(text.as_bytes())?)
}

/// A list that is printed as it comes, as far as the form allows.
pub(crate) struct Sink {
    format: Format,
    look: Look,
    rows: Vec<Vec<Cell>>,
    items: u64,
}

impl Sink {
    pub(crate) fn new(format: Format, look: Look) -> Self {
        Self { format, look, rows: Vec::new(), items: 0 }
    }

    pub(crate) fn item<T: Record>(&mut self, to: &mut dyn Write, item: &T) -> Result<(), Failure> {
        self.items += 1;
        match self.format {
            Format::Table => self.rows.push(item.row(&self.look)),
            Format::Json => {
                let start = if self.items == 1 { "[\n  " } else { ",\n  " };
                let text = text::json_pretty(item).replace('\n', "\n  ");
                to.write_all(start.as_bytes())?;
                to.write_all(text.as_bytes())?;
            }
            Format::Ndjson => to.write_all((text::json_line(item) + "\n").as_bytes())?,
        }
        Ok(())
    }

    /// Ends the list; also after a failure, so that what was printed can be read.
    pub(crate) fn end<T: Record>(self, to: &mut dyn Write) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => table::draw(T::HEADER, &self.rows, self.look.width, self.look.color),
            Format::Json if self.items == 0 => "[]\n".into(),
            Format::Json => "\n]\n".into(),
            Format::Ndjson => return Ok(()),
        };
        Ok(to.write_all(text.as_bytes())?)
    }
}
