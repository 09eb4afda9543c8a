//! Tables: columns as wide as their content, cut to fit a terminal.

use anstyle::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::output::text::{printable, width};
use crate::output::{Look, Record};

/// Narrower than this no column is cut.
const NARROWEST: usize = 8;
/// So much of a text is seen where another column can be left out instead.
const NAME: usize = 20;
const GAP: usize = 2;

/// One cell: text, and how it looks where colours are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    text: String,
    /// The same for programs, where that is another text.
    plain: Option<String>,
    style: Style,
    right: bool,
}

impl Cell {
    /// Whatever the service says, made safe to show.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), ..Self::default() }
    }

    /// What programs read instead.
    pub(crate) fn plain(self, text: impl AsRef<str>) -> Self {
        Self { plain: Some(printable(text.as_ref())), ..self }
    }

    /// Aligned to the right, as numbers are.
    pub(crate) fn right(self) -> Self {
        Self { right: true, ..self }
    }

    pub(crate) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    pub(crate) fn dim(self) -> Self {
        self.style(Style::new().dimmed())
    }

    fn width(&self) -> usize {
        width(&self.text)
    }

    fn paint(&self, columns: usize, last: bool, color: bool) -> String {
        let text = cut(&self.text, columns);
        // A cut text may leave a column empty where the next character takes two.
        let space = " ".repeat(columns.saturating_sub(width(&text)));
        let styled =
            if color && !text.is_empty() { format!("{}{text}{:#}", self.style, self.style) } else { text };
        match (self.right, last) {
            (true, _) => space + &styled,
            (false, true) => styled,
            (false, false) => styled + &space,
        }
    }
}

/// The beginning of the text, with a mark where it is cut.
fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |seen: &&str| {
        used += width(seen);
        used <= columns
    };
    text.graphemes(true).take_while(fits).collect::<String>() + "…"
}

/// Draws a table. Without a width nothing is cut.
pub(crate) fn draw(header: &[&str], rows: &[Vec<Cell>], terminal: Option<usize>, color: bool) -> String {
    let mut widths: Vec<usize> = header.iter().map(|name| width(name)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(columns) = terminal {
        fit(&mut widths, columns);
    }
    let bold = Style::new().bold();
    let right = |column: usize| rows.first().is_some_and(|row| row.get(column).is_some_and(|c| c.right));
    let head = header.iter().enumerate().map(|(column, name)| {
        let cell = Cell::new(name).style(bold);
        if right(column) { cell.right() } else { cell }
    });
    let mut text = line(&head.collect::<Vec<_>>(), &widths, color);
    for row in rows {
        text.push_str(&line(row, &widths, color));
    }
    text
}

/// Draws the columns that were chosen, or as many as fit.
pub(super) fn draw_list<T: Record>(rows: &[Vec<Cell>], look: &Look) -> String {
    let mut columns = look.columns::<T>();
    let wanted = |columns: &[usize]| -> usize {
        let width = |column: &usize| {
            let cells = rows.iter().filter_map(|row| Some(row.get(*column)?.width()));
            // Wider ones can be cut so far.
            let widest = cells.max().unwrap_or(0).max(width(T::HEADER[*column]));
            widest.min(NAME)
        };
        columns.iter().map(width).sum::<usize>() + GAP * columns.len().saturating_sub(1)
    };
    if let Some(terminal) = look.width.filter(|_| look.chosen.columns.is_empty()) {
        for heading in T::GIVES_WAY {
            if wanted(&columns) > terminal {
                columns.retain(|column| T::HEADER[*column] != *heading);
            }
        }
    }
    let pick =
        |row: &Vec<Cell>| columns.iter().filter_map(|column| row.get(*column).cloned()).collect::<Vec<_>>();
    let header: Vec<_> = columns.iter().map(|column| T::HEADER[*column]).collect();
    let rows: Vec<_> = rows.iter().map(pick).collect();
    let text = draw(&header, &rows, look.width, look.color);
    match look.chosen.no_headers {
        true => text.split_once('\n').map_or_else(String::new, |(_, rows)| rows.to_owned()),
        false => text,
    }
}

/// The headings as tab-separated values.
pub(super) fn tsv_heading<T: Record>(look: &Look) -> String {
    if look.chosen.no_headers {
        return String::new();
    }
    look.columns::<T>().iter().map(|column| T::HEADER[*column]).collect::<Vec<_>>().join("\t") + "\n"
}

/// One row as tab-separated values. A tab within a value is escaped, as everything is that a terminal acts on.
pub(super) fn tsv_row<T: Record>(item: &T, look: &Look) -> String {
    let row = item.row(look);
    let cells = look.columns::<T>();
    let cells = cells.iter().filter_map(|column| row.get(*column));
    cells.map(|cell| cell.plain.as_deref().unwrap_or(&cell.text)).collect::<Vec<_>>().join("\t") + "\n"
}

/// Draws names with their values, one a line.
pub(crate) fn draw_card(entries: &[(&str, Cell)], color: bool) -> String {
    let name_width = entries.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let lines = entries.iter().map(|(name, cell)| {
        let name = Cell::new(name).style(Style::new().bold());
        line(&[name, Cell { right: false, ..cell.clone() }], &[name_width, cell.width()], color)
    });
    lines.collect()
}

/// Draws one row in columns of these widths; the last one takes what it needs.
pub(crate) fn draw_row(cells: &[Cell], widths: &[usize], color: bool) -> String {
    let mut widths = widths.to_vec();
    for (width, cell) in widths.iter_mut().zip(cells) {
        *width = (*width).max(cell.width());
    }
    line(cells, &widths, color)
}

fn line(cells: &[Cell], widths: &[usize], color: bool) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if column > 0 {
            text.push_str(&" ".repeat(GAP));
        }
        text.push_str(&cell.paint(*width, column + 1 == cells.len(), color));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Takes from the widest column until all fit, or none can give more.
fn fit(widths: &mut [usize], width: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    loop {
        let total: usize = widths.iter().sum::<usize>() + gaps;
        let Some(widest) = widths.iter_mut().max() else { return };
        if total <= width || *widest <= NARROWEST {
            return;
        }
        *widest -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        let row = |name: &str, size: &str| vec![Cell::new(name), Cell::new(size).right()];
        vec![row("образ", "1 B"), row("a-name-that-is-long\u{1b}[2J", "1.0 GiB")]
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let text = draw(&["NAME", "SIZE"], &rows(), None, false);
        let wide = "NAME                          SIZE\nобраз                          1 B\n\
                    a-name-that-is-long\\u{1b}[2J  1.0 GiB\n";
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), wide.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn on_a_terminal_the_widest_column_gives_way() {
        for width in [20, 25, 80] {
            let text = draw(&["NAME", "SIZE"], &rows(), Some(width), false);
            assert!(text.lines().all(|line| super::width(line) <= width), "{text}");
            assert!(text.contains("1.0 GiB"), "{text}");
        }
    }

    #[test]
    fn colours_do_not_change_the_widths() {
        let strip = |text: &str| {
            let mut plain = String::new();
            let mut escape = false;
            for c in text.chars() {
                match c {
                    '\u{1b}' => escape = true,
                    'm' if escape => escape = false,
                    _ if escape => {}
                    c => plain.push(c),
                }
            }
            plain
        };
        let colored = draw(&["NAME", "SIZE"], &rows(), Some(30), true);
        assert_ne!(colored, strip(&colored));
        assert_eq!(strip(&colored), draw(&["NAME", "SIZE"], &rows(), Some(30), false));
    }

    /// Text as people and attackers write it: emoji of several code points, wide and combining characters, escapes.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "⚠️",
            "1️⃣",
            "👩‍💻",
            "🇷🇺",
            "✔️",
            "е\u{301}",
            "漢字",
            "نص",
            "\u{fe0f}",
            "\u{200d}",
            "\u{1b}[2J",
            "\u{202e}",
            "release ",
            "до",
            "\n",
            "ﷺ",
            "ᄀ",
            "ก\u{e33}",
        ]);
        proptest::collection::vec(prop_oneof![piece.prop_map(str::to_owned), any::<String>()], 0..6)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_table_of_any_width(
            rows in proptest::collection::vec((any_text(), any_text()), 1..4),
            terminal in 0_usize..120,
            color: bool,
        ) {
            let row = |(name, labels): &(String, String)| vec![Cell::new(name), Cell::new(labels).right(), Cell::new("end")];
            let rows: Vec<_> = rows.iter().map(row).collect();
            let text = draw(&["NAME", "LABELS", "END"], &rows, Some(terminal), color);
            prop_assert_eq!(text.lines().count(), rows.len() + 1);
            if !color {
                // The last column, which nothing cuts, begins at the same place in every row.
                let starts: Vec<_> = text.lines().map(|line| super::width(&line[..line.len() - 3])).collect();
                prop_assert!(starts.iter().all(|start| *start == starts[0]), "{}", text);
                prop_assert!(starts[0] + 3 <= terminal.max(2 * NARROWEST + 2 * GAP + 3), "{}", text);
            }
            draw_card(&[("Name", Cell::new(&text))], color);
        }
    }
}
