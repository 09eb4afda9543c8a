//! Words that other tools have for commands of ours.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words of docker, crane, regctl, gh and kubectl, and what stands here for them.
const ELSEWHERE: [(&[&str], &str); 13] = [
    (&["login", "signin"], "auth login` for this tool, `docker login` for docker"),
    (&["logout"], "auth logout"),
    (&["whoami", "status", "config"], "auth status"),
    (&["push", "load"], "image push"),
    (&["pull", "save", "export"], "image pull"),
    (&["ls", "list", "catalog", "repos", "repositories"], "repo ls"),
    (&["images"], "image ls"),
    (&["tags"], "tag ls"),
    (&["inspect", "digest", "describe"], "image show"),
    (&["rmi"], "image rm"),
    (&["retag", "promote"], "tag add"),
    (&["check", "ping"], "doctor"),
    (&["version"], "--version"),
];

/// Words for what a noun can do.
const VERBS: [(&[&str], &str); 4] = [
    (&["list", "get-all"], "ls"),
    (&["get", "inspect", "describe", "info", "history"], "show"),
    (&["delete", "remove", "del"], "rm"),
    (&["create", "new", "set", "mv", "move"], "add"),
];

/// The error about an unknown command, with the one of ours that is meant.
pub(super) fn pointed(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    // "Usage: mlcr repo <COMMAND>" says which noun it stood after.
    let noun = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let noun =
        noun.split_whitespace().skip_while(|word| *word != "mlcr").nth(1).unwrap_or_default().to_owned();
    let stands_alone = noun.is_empty() || noun.starts_with(['[', '<']);
    let known = |table: &[(&[&str], &'static str)]| {
        table.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, ours)| *ours)
    };
    let meant = if stands_alone {
        known(&ELSEWHERE).map(|ours| format!("mlcr {ours}"))
    } else {
        let verb = known(&VERBS).filter(|verb| {
            crate::command().find_subcommand(&noun).is_some_and(|noun| noun.find_subcommand(verb).is_some())
        });
        verb.map(|verb| format!("mlcr {noun} {verb}"))
    };
    let similar = match error.remove(ContextKind::SuggestedSubcommand) {
        // What completions ask is nobody's command.
        Some(ContextValue::Strings(words)) => {
            words.into_iter().filter(|word| !word.starts_with('_')).collect()
        }
        _ => Vec::new(),
    };
    if let Some(meant) = meant {
        let tip = format!("here it is `{meant}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if !similar.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(similar));
    }
    error
}
