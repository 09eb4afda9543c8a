//! One way to run a command line, with everything handed in and everything caught.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mlspace_registry::{Clock, ManualClock};
use mlspace_registry_cli::{Interrupt, Io, Keyring, Stderr, Terminals, run};
use mlspace_registry_simulator::Simulator;

/// Where the simulator's clock stands.
const NOW: Duration = Duration::from_secs(1_793_534_400);

/// A writer whose content can be looked at while it is written to.
#[derive(Clone, Default)]
pub(crate) struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A pipe that nobody reads any more.
pub(crate) struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The simulator's date, and waits that take no time.
struct FixedClock(ManualClock);

impl Clock for FixedClock {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + NOW
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(duration)
    }
}

/// A command line about to be run.
pub(crate) struct Mlcr {
    /// The name that it is run under.
    pub(crate) program: &'static str,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) stdin: String,
    pub(crate) terminals: Terminals,
    /// Of the terminal, in characters.
    pub(crate) width: Option<usize>,
    pub(crate) keyring: Keyring,
    pub(crate) interrupt: Interrupt,
    pub(crate) stdout: Caught,
    pub(crate) stderr: Caught,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) line: String,
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The simulator's registry, whose port differs from run to run.
    registry: Option<String>,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr, registry } = self;
        let text = format!("$ mlcr {line}\n[exit {code}]\n--- stdout\n{stdout}--- stderr\n{stderr}");
        match registry {
            Some(registry) => f.write_str(&text.replace(registry, "[registry]")),
            None => f.write_str(&text),
        }
    }
}

impl Done {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    pub(crate) fn error(&self) -> serde_json::Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self}"));
        value["error"].clone()
    }
}

impl Mlcr {
    /// Without any settings.
    pub(crate) fn bare() -> Self {
        Self {
            program: "mlcr",
            variables: BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]),
            stdin: String::new(),
            terminals: Terminals::default(),
            width: None,
            keyring: Keyring::none(),
            interrupt: Interrupt::never(),
            stdout: Caught::default(),
            stderr: Caught::default(),
        }
    }

    /// With the settings for this simulator's service account in the environment.
    pub(crate) fn at(simulator: &Simulator) -> Self {
        let ready = simulator.ready().to_env();
        let variables = ready.lines().filter_map(|line| line.split_once('='));
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut bare = Self::bare();
        bare.variables.extend(variables);
        bare
    }

    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// As the person whose key the simulator knows, instead of the service account.
    pub(crate) fn of_person(self, simulator: &Simulator) -> Self {
        let key = simulator.personal();
        self.variable("MLSPACE_CLIENT_ID", key.client_id)
            .variable("MLSPACE_CLIENT_SECRET", key.client_secret.expose())
    }

    /// Somebody sits at a terminal and types this.
    pub(crate) fn typing(self, stdin: &str) -> Self {
        let terminals = Terminals { stdin: true, ..self.terminals };
        Self { stdin: stdin.to_owned(), terminals, ..self }
    }

    /// All streams are a terminal of this width.
    pub(crate) fn on_terminal(self, width: usize) -> Self {
        let terminals = Terminals { stdin: true, stdout: true, stderr: true };
        Self { terminals, width: Some(width), ..self }
    }

    /// This comes through a pipe.
    pub(crate) fn piped(self, stdin: &str) -> Self {
        Self { stdin: stdin.to_owned(), ..self }
    }

    /// Runs it; words are separated by spaces.
    pub(crate) async fn run(self, line: &str) -> Done {
        let stdout = self.stdout.clone();
        self.run_to(line, stdout).await
    }

    pub(crate) async fn run_line(self, line: String) -> Done {
        self.run(&line).await
    }

    pub(crate) async fn run_to(self, line: &str, stdout: impl Write + Send + 'static) -> Done {
        let registry = self.variables.get("MLCR_REGISTRY").cloned();
        let mut io = Io {
            stdin: Box::new(Cursor::new(self.stdin.into_bytes())),
            hidden: Box::new(|| Ok("typed unseen".into())),
            stdout: Box::new(stdout),
            stderr: Stderr::new(self.stderr.clone()),
            terminals: self.terminals,
            width: self.width,
            variables: self.variables,
            keyring: self.keyring,
            clock: Arc::new(FixedClock(ManualClock::new())),
            interrupt: self.interrupt,
        };
        let words = words(line);
        let code = run([self.program.to_owned()].into_iter().chain(words).map(Into::into), &mut io).await;
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        Done { line: line.to_owned(), code, stdout, stderr, registry }
    }
}

/// The words of a line, as a shell sees them: what is between single quotes is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Starts a program with no signal ignored. Whatever started these tests may ignore some, as `nohup` and the
/// background of a shell do, and a program inherits that and honours it.
#[cfg(unix)]
pub(crate) fn unhindered(program: &str) -> std::process::Command {
    if !cfg!(target_os = "linux") {
        return std::process::Command::new(program);
    }
    let mut command = std::process::Command::new("env");
    command.args(["--default-signal", program]);
    command
}
