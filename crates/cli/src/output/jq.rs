//! Programs of the jq language over what is printed.

#[cfg(test)]
mod agreement;
mod values;
mod words;

use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use jaq_core::load::{Arena, File, Lexer, Loader, Parser, lex, parse};
use jaq_core::{Compiler, Ctx, Exn, Vars, compile};
use jaq_json::{Val, read};

use super::Look;
use super::text::{printable, safe_json};
use crate::failure::{Exit, Failure};
use words::Data;

/// Longest piece of a message about a program that is shown: such messages quote the input.
const SHOWN: usize = 80;
/// The name under which a program stands among the definitions.
const PROGRAM: &str = "__program";

/// A program that has been compiled.
#[derive(Clone)]
pub(crate) struct Program {
    filter: Rc<jaq_core::Filter<Data>>,
    /// The value of `$ENV`.
    environment: Val,
}

impl Program {
    /// Compiles it, before anything is sent.
    pub(crate) fn new(code: &str, variables: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let wrong = |problem: String| Failure::usage(format!("--jq: {problem}: {code}"));
        let term = parsed(code).map_err(|(expected, found)| {
            let found = found.split_whitespace().next().map_or_else(|| "the end".to_owned(), shorten);
            wrong(format!("this is not a program: {expected} is expected at {found}"))
                .hint("quote it for the shell, as in --jq '.[].name'")
        })?;
        let program = parse::Def { name: PROGRAM, args: Vec::new(), body: words::as_in_jq(term) };
        let arena = Arena::default();
        let modules = Loader::new(words::definitions().into_iter().chain([program]))
            .load(&arena, File { code: PROGRAM, path: () })
            .map_err(|_| wrong("this is not a program".into()))?;
        let compiler =
            Compiler::<_, Data>::default().with_funs(words::functions()).with_global_vars(["$ENV"]);
        let filter = compiler.compile(modules).map_err(|errors| {
            let unknown = errors.into_iter().flat_map(|(_, errors)| errors).next();
            match unknown {
                Some((name, compile::Undefined::Filter(arguments))) => wrong(format!(
                    "there is no {name}/{arguments}"
                ))
                .hint(
                    "after the stroke stands the number of arguments; the name of a field begins with a dot",
                ),
                Some((name, kind)) => wrong(format!("there is no {} {name}", kind.as_str())),
                None => wrong("this is not a program".into()),
            }
        })?;
        let own = |text: &String| Val::from(text.clone());
        let environment = variables.iter().map(|(name, value)| (own(name), own(value))).collect();
        Ok(Self { filter: Rc::new(filter), environment: Val::obj(environment) })
    }

    /// Runs it on one JSON value. Texts are printed without quotes, anything else as JSON, one a line.
    pub(crate) fn run(&self, json: &str, look: &Look, to: &mut dyn Write) -> Result<(), Failure> {
        let failed = |problem: String| Failure::usage(format!("--jq: {}", shorten(&problem)));
        let input = read::parse_single(json.as_bytes()).map_err(|error| failed(error.to_string()))?;
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([self.environment.clone()]));
        for output in self.filter.id.run((context, values::all_whole(input))) {
            let line = match output {
                Ok(Val::TStr(text)) => look.text(String::from_utf8_lossy(&text).into_owned()),
                Ok(other) if look.terminal => safe_json(Ok(values::as_json(other).to_string())),
                Ok(other) => values::as_json(other).to_string(),
                Err(exception) => match exception.get_err().map_err(Exn::get_halt) {
                    Ok(error) => return Err(failed(error.to_string())),
                    Err(Ok(0)) => return Ok(()),
                    Err(code) => {
                        let code = code.map_or_else(|_| String::new(), |code| format!(" with {code}"));
                        return Err(Failure::new(
                            Exit::Other,
                            "failed",
                            format!("--jq: the program halted{code}"),
                        ));
                    }
                },
            };
            to.write_all(line.as_bytes())?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Takes a program apart. Answers what was expected, and the text where it was not found.
fn parsed(code: &str) -> Result<parse::Term<&str>, (&str, &str)> {
    let tokens = Lexer::new(code).lex().map_err(|errors| match errors.into_iter().next() {
        // The library has a word for these delimiters only.
        Some((lex::Expect::Delim(open), at)) if !["(", "[", "{", "\""].contains(&open) => {
            ("a closing mark", at)
        }
        Some((expected, at)) => (expected.as_str(), at),
        None => ("a program", code),
    })?;
    Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| match errors.into_iter().next() {
        Some((expected, found)) => (expected.as_str(), lex::Token::opt_as_str(found, code)),
        None => ("a program", code),
    })
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
        Program::new(code, &BTreeMap::new())?.run(json, &look, &mut out)?;
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
            assert_eq!(Program::new(code, &BTreeMap::new()).unwrap_err().code, "usage", "{code}");
        }
        for (code, word) in [
            (".[] | nosuch(1)", "there is no nosuch/1"),
            ("$nosuch", "there is no variable $nosuch"),
            (".a as $x |", "is expected at the end"),
            (".[]] | .a", "is expected at ]"),
            ("{a:}", "is expected"),
            (".[", "closing bracket is expected at the end"),
        ] {
            let message = Program::new(code, &BTreeMap::new()).unwrap_err().message;
            assert!(message.contains(word), "{code}: {message}");
        }
        for code in [".a", "1/0", ".[0]/(.[0]-1)", ".[0] % 0"] {
            assert!(run(code, "[1]").unwrap_err().message.starts_with("--jq: "), "{code}");
        }
    }

    #[test]
    fn off_a_terminal_text_comes_out_as_it_is() {
        let json = r#"{"text":"tab\there 👩\u200d💻 \u001b[2J \u202e","n":[10,3]}"#;
        let printed = |code: &str| {
            let mut out = Vec::new();
            Program::new(code, &BTreeMap::new()).unwrap().run(json, &Look::default(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(".text"), "tab\there 👩\u{200d}💻 \u{1b}[2J \u{202e}\n");
        assert_eq!(printed(r#""\(.text|.[0:8])\t\(.n[0]/2)""#), "tab\there\t5\n");
        assert_eq!(
            printed(".n[0]/2, .n[0]/4, infinite, (nan|tojson)"),
            "5\n2.5\n1.7976931348623157e+308\nnull\n"
        );
        assert_eq!(run(".text", json).unwrap(), "tab\there 👩\u{200d}💻 \\u{1b}[2J \\u{202e}\n");
    }

    #[test]
    fn a_program_may_halt() {
        assert_eq!(run("1, halt, 2", "null").unwrap(), "1\n");
        assert_eq!(run("halt_error(3)", "null").unwrap_err().exit, Exit::Other);
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
