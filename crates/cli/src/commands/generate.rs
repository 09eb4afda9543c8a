//! `mlcr completions` and `mlcr man`: made by the binary itself.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Completions.
#[derive(Args, Debug)]
#[command(
    after_help = "Names of repositories and tags are completed too, from a list that is kept for a minute.\n\n\
                  Example: mlcr completions bash > ~/.local/share/bash-completion/completions/mlcr\n\
                  Example: mlcr completions zsh > ~/.zfunc/_mlcr"
)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Manual pages.
#[derive(Args, Debug)]
#[command(after_help = "Example: mlcr man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Folder to write a page for every command to; without it the first page goes to stdout.
    folder: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::command(), "mlcr", &mut text);
        let mut text = String::from_utf8_lossy(&text).into_owned();
        if self.shell == Shell::PowerShell {
            // A command has one completer there: ours calls the one that is made from the commands.
            text = text.replacen(REGISTRATION, "$mlcrCommands = {", 1);
        }
        context.io.stdout.write_all(text.as_bytes())?;
        let options: Vec<_> = value_options(&crate::command()).into_iter().collect();
        let quoted = options.iter().map(|option| format!("'{option}'")).collect::<Vec<_>>().join(", ");
        let names =
            live_names(self.shell).replace("'OPTIONS'", &quoted).replace("OPTIONS", &options.join("|"));
        context.io.stdout.write_all(names.as_bytes())?;
        Ok(Exit::Done)
    }
}

/// How the completer that is made from the commands begins in PowerShell.
const REGISTRATION: &str = "Register-ArgumentCompleter -Native -CommandName 'mlcr' -ScriptBlock {";

/// The options after which a value of their own comes, and no name of a repository.
fn value_options(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter(|one| one.get_action().takes_values());
    let own = own.flat_map(|one| {
        let short = one.get_short().map(|short| format!("-{short}"));
        short.into_iter().chain(one.get_long().map(|long| format!("--{long}")))
    });
    own.chain(command.get_subcommands().flat_map(value_options)).collect()
}

/// Shell code that asks the binary for names where a reference is expected. Shells without it complete the rest.
fn live_names(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => {
            r#"
_mlcr_with_names() {
    _mlcr "$@"
    local noun="${COMP_WORDS[1]}" word="${COMP_WORDS[COMP_CWORD]}" name
    case "$noun" in repo|image|tag) ;; *) return ;; esac
    [[ $COMP_CWORD -ge 3 && "$word" != -* ]] || return
    case "${COMP_WORDS[COMP_CWORD-1]}" in OPTIONS) return ;; esac
    # A colon splits words for bash: put what stands before it in front again.
    local start=$((COMP_CWORD)) whole="$word" cut=""
    while [[ $start -gt 3 && ( "${COMP_WORDS[start]}" == ":" || "${COMP_WORDS[start-1]}" == ":" ) ]]; do
        start=$((start - 1)); whole="${COMP_WORDS[start]}$whole"
    done
    [[ "$whole" == *:* ]] && cut="${whole%"${whole##*:}"}"
    while IFS= read -r name; do
        COMPREPLY+=("${name#"$cut"}")
    done < <(mlcr __complete "$noun" "$whole" 2>/dev/null)
}
complete -F _mlcr_with_names -o nosort -o bashdefault -o default mlcr
"#
        }
        Shell::Zsh => {
            r#"
_mlcr_with_names() {
    if (( CURRENT >= 4 )) && [[ "$words[CURRENT]" != -* && "$words[CURRENT-1]" != (OPTIONS) ]]; then
        case "$words[2]" in
            repo|image|tag)
                local -a names
                names=("${(@f)$(mlcr __complete "$words[2]" "$words[CURRENT]" 2>/dev/null)}")
                names=(${names:#})
                (( $#names )) && compadd -a names && return ;;
        esac
    fi
    _mlcr "$@"
}
compdef _mlcr_with_names mlcr
"#
        }
        Shell::Fish => {
            r#"
complete -c mlcr -n "__fish_seen_subcommand_from repo image tag; and test (count (commandline -opc)) -ge 3" -f -a "(mlcr __complete (commandline -opc)[2] (commandline -ct) 2>/dev/null)"
"#
        }
        Shell::PowerShell => {
            r#"
Register-ArgumentCompleter -Native -CommandName 'mlcr' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { $_.Extent.Text })
    # The word that is being typed is one of them, unless it is empty.
    $before = if ($wordToComplete) { $words.Count - 1 } else { $words.Count }
    if ($before -ge 3 -and $words[1] -in 'repo', 'image', 'tag' -and -not $wordToComplete.StartsWith('-') -and
        $words[$before - 1] -cnotin 'OPTIONS') {
        mlcr __complete $words[1] $wordToComplete 2>$null | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
        }
    }
    & $mlcrCommands $wordToComplete $commandAst $cursorPosition
}
"#
        }
        _ => "",
    }
}

impl Man {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let mut command = crate::command();
        command.build();
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            context.io.stdout.write_all(&page)?;
            return Ok(Exit::Done);
        };
        let cannot = |error: std::io::Error| Failure::other(format!("cannot write the pages: {error}"));
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        clap_mangen::generate_to(command, &folder).map_err(cannot)?;
        Ok(Exit::Done)
    }
}
