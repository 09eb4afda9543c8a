//! Changes to what is sent, one of which `MUTANT` chooses when the tests run. A change that no test notices
//! would be one that reaches the service unseen.

use serde_json::{Value, json};

use super::Sent;

/// What is recorded: the request, with the change that `MUTANT` names if it is one of this operation's.
pub(super) fn chosen(operation: &str, sent: Sent) -> Sent {
    let Ok(wanted) = std::env::var("MUTANT") else { return sent };
    let change = wanted.strip_prefix(operation).and_then(|rest| rest.strip_prefix(' '));
    let Some(change) = change else { return sent };
    of(&sent).into_iter().find(|(name, _)| name == change).map_or(sent, |(_, changed)| changed)
}

/// Every change of a request that is tried, with its name.
pub(super) fn of(sent: &Sent) -> Vec<(String, Sent)> {
    let mut changes = Vec::new();
    let mut add = |name: String, change: &dyn Fn(&mut Sent)| {
        let mut changed = sent.clone();
        change(&mut changed);
        changes.push((name, changed));
    };
    for method in ["POST", "PATCH"] {
        add(format!("method {method}"), &|sent| sent.method = method.into());
    }
    add("slash".into(), &|sent| match sent.path.strip_suffix('/') {
        Some(path) => sent.path = path.into(),
        None => sent.path.push('/'),
    });
    add("path order".into(), &|sent| {
        let mut parts: Vec<&str> = sent.path.split('/').collect();
        let last = parts.iter().rposition(|part| !part.is_empty()).unwrap();
        parts.swap(last, last - 1);
        sent.path = parts.join("/");
    });
    for (name, value) in &sent.headers {
        add(format!("header {name} left out"), &|sent| drop(sent.headers.remove(name)));
        add(format!("header {name} with another name"), &|sent| {
            sent.headers.remove(name);
            sent.headers.insert(format!("x-{name}"), value.clone());
        });
        if let Some(token) = value.strip_prefix("Bearer ") {
            for scheme in ["", "Token ", "Bearer Bearer "] {
                let value = format!("{scheme}{token}");
                add(format!("scheme '{scheme}'"), &|sent| {
                    sent.headers.insert(name.clone(), value.clone());
                });
            }
        }
    }
    let query = sent.query.iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    let query: Vec<(&str, &str)> = query.collect();
    for (name, value) in &query {
        let others =
            || query.iter().filter(|(other, _)| other != name).map(|(name, value)| format!("{name}={value}"));
        let with = |new: Option<String>| {
            let pairs: Vec<String> = others().chain(new).collect();
            (!pairs.is_empty()).then(|| pairs.join("&"))
        };
        add(format!("parameter {name} left out"), &|sent| sent.query = with(None));
        add(format!("parameter {name} with another name"), &|sent| {
            sent.query = with(Some(format!("{name}s={value}")))
        });
        add(format!("parameter {name} with another value"), &|sent| {
            sent.query = with(Some(format!("{name}={value}0")))
        });
    }
    add("parameter more".into(), &|sent| {
        sent.query = Some(sent.query.iter().map(|query| format!("{query}&")).collect::<String>() + "more=1")
    });
    for (name, value) in sent.body.as_object().into_iter().flatten() {
        // A secret is shown by its mark alone, whatever it is.
        let other = if name == "client_secret" { None } else { Some(another_type(value)) };
        add(format!("field {name} left out"), &|sent| drop(sent.body.as_object_mut().unwrap().remove(name)));
        add(format!("field {name} with another name"), &|sent| {
            let fields = sent.body.as_object_mut().unwrap();
            fields.remove(name);
            fields.insert(format!("{name}s"), value.clone());
        });
        if let Some(other) = other {
            add(format!("field {name} of another type"), &|sent| sent.body[name] = other.clone());
        }
    }
    if sent.body.is_object() {
        add("field more".into(), &|sent| sent.body["more"] = Value::Null);
        add("body in a list".into(), &|sent| sent.body = json!([sent.body]));
    } else {
        add("body that was not there".into(), &|sent| sent.body = json!({}));
    }
    changes
}

fn another_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!([value]),
        Value::Array(_) => value[0].clone(),
        Value::Null => json!(""),
        other => json!(other.to_string()),
    }
}
