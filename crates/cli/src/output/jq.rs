//! Programs of the jq language over what is printed.

use std::io::Write;
use std::rc::Rc;

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};

use super::Look;
use super::text::{printable, safe_json};
use crate::failure::Failure;

/// Longest piece of a message about a program that is shown: such messages quote the input.
const SHOWN: usize = 80;

/// A program that has been compiled.
#[derive(Clone)]
pub(crate) struct Program(Rc<jaq_core::compile::Filter<jaq_core::Native<data::JustLut<Val>>>>);

impl Program {
    /// Compiles it, before anything is sent.
    pub(crate) fn new(code: &str) -> Result<Self, Failure> {
        let wrong = |problem: &str| {
            Failure::usage(format!("--jq: {problem}: {code}"))
                .hint("quote it for the shell, as in --jq '.[].name'")
        };
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|_| wrong("this is not a program"))?;
        let filter = Compiler::default().with_funs(functions).compile(modules);
        Ok(Self(Rc::new(filter.map_err(|_| wrong("there is an unknown name in this program"))?)))
    }

    /// Runs it on one JSON value. Texts are printed without quotes, anything else as JSON, one a line.
    pub(crate) fn run(&self, json: &str, look: &Look, to: &mut dyn Write) -> Result<(), Failure> {
        let failed = |problem: String| Failure::usage(format!("--jq: {}", shorten(&problem)));
        let input = read::parse_single(json.as_bytes()).map_err(|error| failed(error.to_string()))?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        for output in self.0.id.run((context, input)).map(unwrap_valr) {
            let line = match output.map_err(|error| failed(error.to_string()))? {
                Val::TStr(text) => look.text(String::from_utf8_lossy(&text).into_owned()),
                other if look.terminal => safe_json(Ok(other.to_string())),
                other => other.to_string(),
            };
            to.write_all(line.as_bytes())?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// The text, or its two ends: what is wrong stands before and after what a message quotes.
fn shorten(text: &str) -> String {
    let text = printable(text);
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let tail = SHOWN / 3;
    let head: String = text.chars().take(SHOWN - 1 - tail).collect();
    head + "…" + &text.chars().skip(length - tail).collect::<String>()
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: &str, json: &str) -> Result<String, Failure> {
        let mut out = Vec::new();
        let look = Look { terminal: true, ..Look::default() };
        Program::new(code)?.run(json, &look, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn programs_print_texts_bare_and_the_rest_as_json() {
        let json = r#"[{"name":"a","n":1},{"name":"b\u001b[2J","n":2}]"#;
        assert_eq!(run(".[].name", json).unwrap(), "a\nb\\u{1b}[2J\n");
        assert_eq!(run("map(.n) | add, {n: length}", json).unwrap(), "3\n{\"n\":2}\n");
        assert_eq!(run("[.[] | select(.name | test(\"^a\"))] | length", json).unwrap(), "1\n");
    }

    #[test]
    fn wrong_programs_are_refused_before_they_run() {
        for code in [".[", "nonsense(1)", "$x"] {
            assert_eq!(Program::new(code).unwrap_err().code, "usage", "{code}");
        }
        assert!(run(".a", "[1]").unwrap_err().message.starts_with("--jq: "));
    }

    #[test]
    fn a_message_quotes_no_more_of_the_input_than_a_line_holds() {
        let json = serde_json::to_string(&vec!["name\u{1b}[2J"; 1000]).unwrap();
        let message = run(".name", &json).unwrap_err().message;
        assert!(message.chars().count() <= SHOWN + "--jq: ".len(), "{message}");
        assert!(message.starts_with("--jq: cannot index") && message.ends_with("\"name\""), "{message}");
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}
