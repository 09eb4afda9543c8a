//! Everything that a run reads from and writes to, so that tests can hand in their own.

mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead, BufWriter, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mlspace_registry::{Clock, SystemClock};
use tokio::sync::watch;

use self::signals::Signals;
use crate::keyring::Keyring;
use crate::output::time::Zone;

/// The surroundings of a run.
pub struct Io {
    /// The text that is typed or piped in.
    pub stdin: Box<dyn BufRead + Send>,
    /// Reads a line from the terminal without showing it.
    pub hidden: Box<dyn FnMut() -> io::Result<String> + Send>,
    /// Where data goes.
    pub stdout: Box<dyn Write + Send>,
    /// Where talk goes.
    pub stderr: Stderr,
    /// Which of the three are terminals.
    pub terminals: Terminals,
    /// How wide the terminal is, in characters.
    pub width: Option<usize>,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// Where secrets are kept, unless `MLCR_KEYRING` is `off`.
    pub keyring: Keyring,
    /// The time, and how to wait.
    pub clock: Arc<dyn Clock>,
    /// The user's wish that it ends.
    pub interrupt: Interrupt,
}

/// Which streams are terminals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminals {
    /// Standard input: somebody can answer.
    pub stdin: bool,
    /// Standard output: somebody reads the data.
    pub stdout: bool,
    /// Standard error: somebody reads the talk.
    pub stderr: bool,
}

impl Io {
    /// The streams and the environment of this process. Nothing interrupts it.
    pub fn from_process() -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let terminals = Terminals {
            stdin: stdin.is_terminal(),
            stdout: stdout.is_terminal(),
            stderr: stderr.is_terminal(),
        };
        let width = terminals.stdout.then(terminal_size::terminal_size).flatten();
        Self {
            stdin: Box::new(io::BufReader::new(stdin)),
            hidden: Box::new(rpassword::read_password),
            stdout: Box::new(BufWriter::with_capacity(64 * 1024, stdout)),
            stderr: Stderr::new(stderr),
            terminals,
            width: width.map(|(width, _)| usize::from(width.0)),
            // A variable that is not text cannot be one of ours.
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            keyring: Keyring::system(),
            clock: Arc::new(SystemClock),
            interrupt: Interrupt::never(),
        }
    }

    /// A variable's value, if it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where secrets are kept.
    pub(crate) fn keyring(&self) -> Keyring {
        if self.variable("MLCR_KEYRING") == Some("off") { Keyring::none() } else { self.keyring.clone() }
    }

    /// Where this machine is, by its times.
    pub(crate) fn time_zone(&self) -> Zone {
        Zone::new(self.variable("TZ"))
    }

    /// True if colours may go to stdout as far as nobody has chosen.
    pub(crate) fn colors_on_stdout(&self) -> bool {
        self.colors(self.terminals.stdout)
    }

    /// True if colours may go to stderr as far as nobody has chosen.
    pub(crate) fn colors_on_stderr(&self) -> bool {
        self.colors(self.terminals.stderr)
    }

    fn colors(&self, terminal: bool) -> bool {
        let forced = self.variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let dumb = self.variable("TERM") == Some("dumb");
        self.variable("NO_COLOR").is_none() && (forced || terminal && !dumb)
    }
}

impl Io {
    /// One line of what is typed or piped in, without its end; `None` when there is nothing more.
    pub(crate) fn read_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        // A line that never ends must not take all memory.
        let read = (&mut self.stdin).take(64 * 1024).read_line(&mut line)?;
        // Editors of Windows begin a text with this mark.
        let line = line.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}');
        Ok((read > 0).then(|| line.to_owned()))
    }

    /// Asks on stderr and reads the answer.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<String> {
        self.stderr.text(&crate::output::text::printable(question));
        self.interrupt.asking.store(true, Ordering::Relaxed);
        let answer = self.read_line();
        self.interrupt.asking.store(false, Ordering::Relaxed);
        Ok(answer?.unwrap_or_default().trim().to_owned())
    }
}

impl Io {
    /// Asks on stderr and reads the answer, which a terminal does not show.
    pub(crate) fn ask_hidden(&mut self, question: &str) -> io::Result<String> {
        if !self.terminals.stdin {
            return self.ask(question);
        }
        self.stderr.text(&crate::output::text::printable(question));
        self.interrupt.asking.store(true, Ordering::Relaxed);
        let answer = (self.hidden)();
        self.interrupt.asking.store(false, Ordering::Relaxed);
        self.stderr.text("\n");
        Ok(answer?.trim().to_owned())
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("terminals", &self.terminals).finish_non_exhaustive()
    }
}

/// Standard error, shared with whatever reports progress. A talk that nobody hears is not an error.
#[derive(Clone)]
pub struct Stderr {
    to: Arc<Mutex<dyn Write + Send>>,
    /// Lines that are enough to say once.
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Stderr {
    /// Talk that goes there.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Arc::new(Mutex::new(to)), said: Arc::default() }
    }

    /// Writes a line, if it has not been written in this way before.
    pub(crate) fn once(&self, line: &str) {
        let mut said = self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if said.insert(line.to_owned()) {
            self.line(line);
        }
    }

    /// Writes a line.
    pub fn line(&self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    /// Writes text as it is.
    pub fn text(&self, text: &str) {
        let mut to = self.to.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stderr")
    }
}

/// Tells when the user wants it to end: Ctrl-C, a signal to terminate, or a terminal that is closed.
#[derive(Clone, Debug)]
pub struct Interrupt {
    come: watch::Receiver<bool>,
    /// True while somebody is being asked, so that nothing is under way.
    asking: Arc<AtomicBool>,
    /// True while a command has the terminal, to which Ctrl-C goes as well.
    held: Arc<AtomicBool>,
}

/// Ctrl-C is the command's again when this is dropped.
pub(crate) struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Interrupt {
    /// One that never comes.
    pub fn never() -> Self {
        Self::new().1
    }

    /// One that comes when the sender says `true`.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self { come: receiver, asking: Arc::default(), held: Arc::default() })
    }

    /// One that comes with the process's signals. To be called on a tokio runtime.
    pub fn from_signals() -> Self {
        let (sender, interrupt) = Self::new();
        let (asking, held) = (interrupt.asking.clone(), interrupt.held.clone());
        // Not by the task: what comes before it first runs would end the process.
        let mut signals = Signals::watched();
        tokio::spawn(async move {
            loop {
                let typed = signals.next().await;
                if typed && held.load(Ordering::Relaxed) {
                    continue;
                }
                // Whoever asks twice does not want to wait for what is still going on.
                if asking.load(Ordering::Relaxed) || *sender.borrow() {
                    std::process::exit(130);
                }
                sender.send_replace(true);
            }
        });
        interrupt
    }

    /// Leaves Ctrl-C and its like to a command that has the terminal.
    pub(crate) fn leave_keys_to_the_command(&self) -> Held {
        self.held.store(true, Ordering::Relaxed);
        Held(self.held.clone())
    }

    /// Completes when it comes.
    pub async fn wait(&mut self) {
        if self.come.wait_for(|come| *come).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// True once it has come.
    pub fn is_set(&self) -> bool {
        *self.come.borrow()
    }
}
