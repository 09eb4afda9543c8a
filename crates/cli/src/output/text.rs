//! Text for people: what is safe to show, sizes, ages.

use mlspace_registry::Timestamp;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns of a terminal the text takes: the sum over what a reader sees as one character, so that the
/// parts of a text are as wide together as the whole.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The text with everything escaped that could move the cursor, change colours, turn the line around or hide in it:
/// names come from the service, and whoever may push there chooses them.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |_| false, |safe, c| safe.extend(c.escape_unicode()))
}

/// The same for text of several lines, and with columns that tabs part.
pub(crate) fn printable_lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'), |safe, c| safe.extend(c.escape_unicode()))
}

/// True if there is something to escape in a text that a program made, whose lines are its own.
pub(crate) fn is_unsafe(text: &str) -> bool {
    unsafe_ones(text).any(|(c, bad)| bad && c != '\n')
}

fn escaped(text: &str, keep: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> String {
    let mut safe = String::with_capacity(text.len());
    for (c, bad) in unsafe_ones(text) {
        if bad && !keep(c) {
            escape(&mut safe, c);
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Each character with whether a terminal must not see it. The only place that decides this.
fn unsafe_ones(text: &str) -> impl Iterator<Item = (char, bool)> {
    text.graphemes(true).flat_map(|seen| {
        // Within an emoji joiners and selectors are what makes it one; after anything else nobody sees them.
        let emoji = !seen.is_ascii() && seen.width() == 2 && !seen.starts_with(char::is_alphabetic);
        let part = move |c| emoji && matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}');
        seen.chars().map(move |c| (c, (c.is_control() || is_invisible(c)) && !part(c)))
    })
}

/// Unicode's `Default_Ignorable_Code_Point`, the line ends beyond ASCII, and the marks around annotations: what
/// reorders, hides or joins the text around it, and is not seen itself.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// JSON in one line, with nothing in it that a terminal would act on.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    safe_json(serde_json::to_string(value))
}

/// JSON for people to read, with nothing in it that a terminal would act on.
pub(crate) fn json_pretty(value: &impl Serialize) -> String {
    safe_json(serde_json::to_string_pretty(value))
}

pub(super) fn safe_json(text: serde_json::Result<String>) -> String {
    // What is printed has text as keys and finite numbers, so this does not fail.
    let text = text.unwrap_or_else(|error| format!("{{\"error\":{{\"message\":\"{error}\"}}}}"));
    if !is_unsafe(&text) {
        return text;
    }
    // Such characters stand only inside strings, where the escape means the same.
    escaped(
        &text,
        |c| c == '\n',
        |safe, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

/// Bytes as people write them: `1.2 GiB`.
pub(crate) fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut number = bytes as f64;
    let mut unit = 0;
    // From 1023.95 on, one digit after the point would round it to 1024.0 of a unit that has a larger one.
    while number.abs() >= 1023.95 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{number:.1} {}", UNITS[unit]) }
}

/// How long ago: `3 days ago`, or `-` where that is not known.
pub(crate) fn age(stamp: Option<Timestamp>, now: i64) -> String {
    let Some(stamp) = stamp else { return "-".into() };
    let seconds = now - stamp.unix_seconds();
    let (amount, future) = (seconds.unsigned_abs(), seconds < 0);
    let (number, unit) = match amount {
        0..60 => return if future { "in a moment".into() } else { "just now".into() },
        60..3_600 => (amount / 60, "minute"),
        3_600..86_400 => (amount / 3_600, "hour"),
        86_400..2_592_000 => (amount / 86_400, "day"),
        2_592_000..31_536_000 => (amount / 2_592_000, "month"),
        _ => (amount / 31_536_000, "year"),
    };
    let plural = if number == 1 { "" } else { "s" };
    if future { format!("in {number} {unit}{plural}") } else { format!("{number} {unit}{plural} ago") }
}

/// A number as people read it: `20,000`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// The beginning of a digest that people tell apart by.
pub(crate) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > 12 && hex.is_ascii() => format!("{algorithm}:{}", &hex[..12]),
        _ => digest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_printed() {
        let hostile = "a\u{1b}[31mb\r\n\u{9b}2Jc\u{202e}d\u{7f}\u{ad}\u{e0041}x\u{fe0f}\u{3164}";
        for text in [printable(hostile), json_line(&hostile), json_pretty(&hostile)] {
            assert!(unsafe_ones(&text).all(|(_, bad)| !bad), "{text}");
        }
        assert_eq!(serde_json::from_str::<String>(&json_line(&hostile)).unwrap(), hostile);
        assert_eq!(printable("pay\u{200d}load\tx"), "pay\\u{200d}load\\u{9}x");
        assert_eq!(printable_lines("a\tb\n\u{feff}c\r"), "a\tb\n\\u{feff}c\\u{d}");
    }

    #[test]
    fn emoji_of_several_code_points_are_shown_as_they_are() {
        for text in [
            "образ-🚀",
            "⚠️ не удалять",
            "1️⃣ first",
            "👩‍💻",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "🇷🇺",
            "👍🏽",
        ] {
            assert_eq!(printable(text), text);
            assert!(!is_unsafe(text), "{text}");
        }
    }

    #[test]
    fn sizes_and_ages_read_well_at_their_bounds() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (-1, "-1 B")];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(i64::MAX), "8388608.0 TiB");
        let stamp = Timestamp::from_unix_seconds(1_000_000_000);
        let ages = [(0, "just now"), (60, "1 minute ago"), (86_400 * 3, "3 days ago"), (-7200, "in 2 hours")];
        for (later, text) in ages {
            assert_eq!(age(stamp, 1_000_000_000 + later), text);
        }
    }
}
