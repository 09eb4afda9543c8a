//! Text for people: what is safe to show, sizes, ages.

use mlspace_registry::Timestamp;
use serde::Serialize;

/// The text with everything escaped that could move the cursor, change colours or turn the line around:
/// names come from the service, and whoever may push there chooses them.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for text of several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        // Marks that reorder, hide or join what stands around them, and line ends beyond ASCII.
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
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
    if !text.chars().any(|c| c != '\n' && is_unsafe(c)) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Such characters stand only inside strings, where the escape means the same; none is outside the
        // basic plane.
        if c != '\n' && is_unsafe(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
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

/// How long ago: `3 days ago`.
pub(crate) fn age(stamp: Timestamp, now: i64) -> String {
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
        let hostile = "a\u{1b}[31mb\r\n\u{9b}2Jc\u{202e}d\u{7f}";
        for text in [printable(hostile), json_line(&hostile), json_pretty(&hostile)] {
            assert!(!text.chars().any(is_unsafe), "{text}");
        }
        assert_eq!(serde_json::from_str::<String>(&json_line(&hostile)).unwrap(), hostile);
        assert_eq!(printable("образ-🚀"), "образ-🚀");
    }

    #[test]
    fn sizes_and_ages_read_well_at_their_bounds() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (-1, "-1 B")];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(i64::MAX), "8388608.0 TiB");
        let stamp = Timestamp::from_unix_seconds(1_000_000_000).unwrap();
        let ages = [(0, "just now"), (60, "1 minute ago"), (86_400 * 3, "3 days ago"), (-7200, "in 2 hours")];
        for (later, text) in ages {
            assert_eq!(age(stamp, 1_000_000_000 + later), text);
        }
    }
}
