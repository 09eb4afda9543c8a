//! What makes programs mean what they mean in jq 1.6: words that are not in the libraries, whole numbers that stay
//! whole, and paths that make what is not there yet.

use std::collections::BTreeMap;

use jaq_core::box_iter::box_once;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::native::{Fun, v};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};
use jaq_core::{Exn, Native, data};
use jaq_json::Val;

use super::values;

pub(super) type Data = data::JustLut<Val>;

/// Functions whose result may be whole, though the library knows it as a number with a point. A definition of the name
/// after the mark calls them.
const OF_NUMBERS: [&str; 22] = [
    "!cbrt",
    "!exp",
    "!exp10",
    "!exp2",
    "!fabs",
    "!fma",
    "!fmax",
    "!fmin",
    "!fmod",
    "!hypot",
    "!ldexp",
    "!log",
    "!log10",
    "!log2",
    "!nearbyint",
    "!pow",
    "!rint",
    "!scalb",
    "!scalbln",
    "!significand",
    "!sqrt",
    "!trunc",
];
const WHOLE: &str = "!whole";
const INTEGER: &str = "!integer";
const DIVISOR: &str = "!divisor";
const MAKE: &str = "!make";

/// The functions that programs may call.
pub(super) fn functions() -> Vec<Fun<Data>> {
    let library = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    // One would write to this process's stderr past everything that makes text safe there; one is off by a digit.
    let library = library.filter(|(name, _, _)| !["stderr_empty", "exp"].contains(name));
    let renamed = library.map(|(name, arguments, run)| {
        let marked = OF_NUMBERS.iter().chain(&["!fromjson", "!tojson"]).find(|marked| marked[1..] == *name);
        (marked.copied().unwrap_or(name), arguments, run)
    });
    let own: [Fun<Data>; 10] = [
        (WHOLE, v(0), Native::new(|cv| box_once(Ok(values::whole(cv.1))))),
        ("!all_whole", v(0), Native::new(|cv| box_once(Ok(values::all_whole(cv.1))))),
        ("!as_json", v(0), Native::new(|cv| box_once(Ok(values::as_json(cv.1))))),
        (DIVISOR, v(0), Native::new(|cv| box_once(values::divisor(cv.1).map_err(Exn::from)))),
        (INTEGER, v(0), Native::new(|cv| box_once(Ok(values::integer(cv.1))))),
        (
            "delpaths",
            v(1),
            Native::new(|mut cv| {
                let paths = cv.0.pop_var();
                box_once(values::without(cv.1, paths).map_err(Exn::from))
            }),
        ),
        (
            MAKE,
            v(1),
            Native::new(|cv| box_once(Ok(cv.1))).with_paths(|cv| box_once(Ok(cv.1))).with_update(
                |mut cv, update| {
                    let index = cv.0.pop_var();
                    update(values::make(cv.1, &index))
                },
            ),
        ),
        ("!exp", v(0), Native::new(|cv| box_once(values::exp(&cv.1).map_err(Exn::from)))),
        ("stderr_empty", v(0), Native::new(|_| Box::new(std::iter::empty()))),
        ("encode_base32", v(0), Native::new(|cv| box_once(values::base32(&cv.1).map_err(Exn::from)))),
    ];
    renamed.chain(own).collect()
}

/// Definitions that go before a program.
pub(super) fn definitions() -> Vec<Def<&'static str>> {
    let own = jaq_core::load::parse(include_str!("defs.jq"), |parser| parser.defs()).unwrap_or_default();
    let known: BTreeMap<_, _> =
        functions().iter().map(|(name, arguments, _)| (*name, arguments.len())).collect();
    let of_numbers = OF_NUMBERS.iter().filter_map(|marked| {
        let arguments = ["$a", "$b", "$c"].get(..*known.get(marked)?)?.to_vec();
        let call = Term::Call(*marked, arguments.iter().map(|name| Term::Var(*name)).collect());
        Some(Def { name: &marked[1..], args: arguments, body: to_whole(call) })
    });
    let of_numbers: Vec<_> = of_numbers.collect();
    let of_json = [("fromjson", "!fromjson", "!all_whole"), ("tojson", "!as_json", "!tojson")];
    let of_json = of_json.map(|(name, first, then)| {
        let call = |name| Term::Call(name, Vec::new());
        Def { name, args: Vec::new(), body: pipe(call(first), call(then)) }
    });
    // The library makes these by dividing by zero.
    let in_jq = |def: Def<_>| if matches!(def.name, "nan" | "infinite") { def } else { definition(def) };
    // A definition goes before a function of the same name, and this one is a function of ours.
    let library = jaq_core::defs().filter(|def| def.name != "delpaths");
    let library = library.chain(jaq_std::defs()).chain(jaq_json::defs());
    of_numbers.into_iter().chain(of_json).chain(library.chain(own).map(in_jq)).collect()
}

fn definition(def: Def<&str>) -> Def<&str> {
    Def { body: as_in_jq(def.body), ..def }
}

/// The program with the meaning that it has in jq.
pub(super) fn as_in_jq(program: Term<&str>) -> Term<&str> {
    let inner = |term: Box<Term<_>>| Box::new(as_in_jq(*term));
    let all = |terms: Vec<Term<_>>| terms.into_iter().map(as_in_jq).collect::<Vec<_>>();
    match program {
        Term::BinOp(left, op, right) => binary(inner(left), op, inner(right)),
        Term::Num(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => to_whole(Term::Num(text)),
        // The library's whole numbers have no negative zero.
        Term::Neg(term) if matches!(*term, Term::Num("0")) => Term::Neg(Box::new(Term::Num("0.0"))),
        Term::Neg(term) => to_whole(Term::Neg(inner(term))),
        Term::Arr(term) => Term::Arr(term.map(inner)),
        Term::Obj(entries) => {
            let entry = |(key, value): (_, Option<_>)| (as_in_jq(key), value.map(as_in_jq));
            Term::Obj(entries.into_iter().map(entry).collect())
        }
        Term::Label(name, term) => Term::Label(name, inner(term)),
        Term::Fold(name, stream, pattern, arguments) => {
            Term::Fold(name, inner(stream), pattern, all(arguments))
        }
        Term::TryCatch(tried, caught) => Term::TryCatch(inner(tried), caught.map(inner)),
        Term::IfThenElse(branches, other) => {
            let branch = |(condition, then)| (as_in_jq(condition), as_in_jq(then));
            Term::IfThenElse(branches.into_iter().map(branch).collect(), other.map(inner))
        }
        Term::Def(defs, term) => Term::Def(defs.into_iter().map(definition).collect(), inner(term)),
        Term::Call(name, arguments) => Term::Call(name, all(arguments)),
        Term::Path(term, path) => {
            let part = |(part, opt)| {
                let part = match part {
                    Part::Index(index) => Part::Index(as_in_jq(index)),
                    Part::Range(from, to) => Part::Range(from.map(as_in_jq), to.map(as_in_jq)),
                };
                (part, opt)
            };
            Term::Path(inner(term), Path(path.0.into_iter().map(part).collect()))
        }
        Term::Str(format, parts) => {
            let part = |part| match part {
                StrPart::Term(term) => StrPart::Term(as_in_jq(term)),
                text => text,
            };
            Term::Str(format, parts.into_iter().map(part).collect())
        }
        plain @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => plain,
    }
}

fn binary<'s>(left: Box<Term<&'s str>>, op: BinaryOp<&'s str>, right: Box<Term<&'s str>>) -> Term<&'s str> {
    match op {
        BinaryOp::Math(Math::Rem) => {
            let integer = |term: Box<Term<&'s str>>| Box::new(pipe(*term, Term::Call(INTEGER, Vec::new())));
            in_order(integer(left), op, integer(right))
        }
        BinaryOp::Math(Math::Div) => {
            let divisor = pipe(*right, Term::Call(DIVISOR, Vec::new()));
            to_whole(in_order(left, op, Box::new(divisor)))
        }
        BinaryOp::Math(_) => to_whole(in_order(left, op, right)),
        BinaryOp::Cmp(_) => in_order(left, op, right),
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateAlt => {
            Term::BinOp(Box::new(making(*left)), op, right)
        }
        // `l op= r` is `r as $x | l |= (. op $x)`.
        BinaryOp::UpdateMath(op) => {
            const VALUE: &str = "$!value";
            let changed = Term::BinOp(Box::new(Term::Id), BinaryOp::Math(op), Box::new(Term::Var(VALUE)));
            let update = Term::BinOp(Box::new(making(*left)), BinaryOp::Update, Box::new(to_whole(changed)));
            Term::BinOp(right, BinaryOp::Pipe(Some(Pattern::Var(VALUE))), Box::new(update))
        }
        op => Term::BinOp(left, op, right),
    }
}

/// Of several values on both sides, the one on the left is the first to change.
fn in_order<'s>(left: Box<Term<&'s str>>, op: BinaryOp<&'s str>, right: Box<Term<&'s str>>) -> Term<&'s str> {
    const RIGHT: &str = "$!right";
    if is_constant(&left) || is_constant(&right) {
        return Term::BinOp(left, op, right);
    }
    let applied = Term::BinOp(left, op, Box::new(Term::Var(RIGHT)));
    Term::BinOp(right, BinaryOp::Pipe(Some(Pattern::Var(RIGHT))), Box::new(applied))
}

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn to_whole(term: Term<&str>) -> Term<&str> {
    pipe(term, Term::Call(WHOLE, Vec::new()))
}

/// A path that makes what is not there, as the left side of an assignment does.
fn making(path: Term<&str>) -> Term<&str> {
    match path {
        Term::BinOp(left, op @ (BinaryOp::Pipe(None) | BinaryOp::Comma), right) => {
            Term::BinOp(Box::new(making(*left)), op, Box::new(making(*right)))
        }
        Term::Path(start, path) => path.0.into_iter().fold(making(*start), |before, (part, opt)| {
            let before = match &part {
                // Others are about what the whole path begins at, which is another thing after each part.
                Part::Index(index) if is_constant(index) => {
                    pipe(before, Term::Call(MAKE, vec![index.clone()]))
                }
                _ => before,
            };
            pipe(before, Term::Path(Box::new(Term::Id), Path(vec![(part, opt)])))
        }),
        other => other,
    }
}

fn is_constant(term: &Term<&str>) -> bool {
    match term {
        Term::Num(_) | Term::Var(_) => true,
        Term::Str(None, parts) => parts.iter().all(|part| !matches!(part, StrPart::Term(_))),
        _ => false,
    }
}
