//! Draws the picture of the first page from what `mlcr` really prints against the simulator:
//! `cargo run -p mlspace-registry-cli --example picture` writes `docs/terminal-light.svg` and `docs/terminal-dark.svg`.

use std::error::Error;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use anstyle_svg::Term;
use mlspace_registry_cli::{Interrupt, Io, Keyring, Stderr, Terminals, run};
use mlspace_registry_simulator::Simulator;

/// What is typed: a look, a closer look, and a delete that is only asked about.
const LINES: [&str; 3] =
    ["mlcr repo ls", "mlcr image ls train/resnet", "mlcr image rm train/resnet:v1.0 --dry-run"];
/// The columns of a terminal that everybody has.
const COLUMNS: usize = 80;

/// What a terminal shows, of both streams in their order.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start().await?;
    let mut screen = Screen::default();
    let prompt = Style::new().bold().fg_color(Some(AnsiColor::Green.into()));
    for (at, line) in LINES.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        writeln!(screen, "{gap}{prompt}$ {prompt:#}{line}")?;
        let ready = simulator.ready().to_env();
        let variables = ready.lines().filter_map(|line| line.split_once('='));
        let mut io = Io {
            stdin: Box::new(Cursor::new(Vec::new())),
            stdout: Box::new(screen.clone()),
            stderr: Stderr::new(screen.clone()),
            terminals: Terminals { stdin: true, stdout: true, stderr: true },
            width: Some(COLUMNS),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            keyring: Keyring::none(),
            interrupt: Interrupt::never(),
            ..Io::from_process()
        };
        run(line.split(' ').map(Into::into), &mut io).await;
    }
    simulator.stop().await;
    let text = String::from_utf8(screen.0.lock().unwrap_or_else(PoisonError::into_inner).clone())?;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let light = Term::new()
        .bg_color(anstyle::RgbColor(255, 255, 255).into())
        .fg_color(anstyle::RgbColor(31, 35, 40).into());
    let dark = Term::new()
        .bg_color(anstyle::RgbColor(13, 17, 23).into())
        .fg_color(anstyle::RgbColor(230, 237, 243).into());
    for (name, term) in [("terminal-light.svg", light), ("terminal-dark.svg", dark)] {
        std::fs::write(docs.join(name), term.min_width_px(720).render_svg(&text))?;
    }
    Ok(())
}
