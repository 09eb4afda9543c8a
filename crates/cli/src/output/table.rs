//! Tables: columns as wide as their content, cut to fit a terminal.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::text::printable;

/// Narrower than this no column is cut.
const NARROWEST: usize = 8;
const GAP: usize = 2;

/// One cell: text, and how it looks where colours are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Whatever the service says, made safe to show.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), ..Self::default() }
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
        self.text.width()
    }

    fn paint(&self, width: usize, last: bool, color: bool) -> String {
        let text = cut(&self.text, width);
        let space = " ".repeat(width - text.width());
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
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// Draws a table. Without a width nothing is cut.
pub(crate) fn draw(header: &[&str], rows: &[Vec<Cell>], width: Option<usize>, color: bool) -> String {
    let mut widths: Vec<usize> = header.iter().map(|name| name.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(width) = width {
        fit(&mut widths, width);
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

/// Draws names with their values, one a line.
pub(crate) fn draw_card(entries: &[(&str, Cell)], color: bool) -> String {
    let name_width = entries.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
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
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
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
}
