//! `mlcr`: the ML Space Docker registry at the command line.

use std::process::ExitCode;
use std::time::Duration;

use mlspace_registry_cli::{Io, log_filter, run};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    // Signals are watched on another thread than the one that may wait for somebody's answer.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Io::from_process().stderr.line(&format!("mlcr: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let mut io = Io::from_process();
        let arguments: Vec<_> = std::env::args_os().collect();
        log(log_filter(&arguments, &io).as_deref());
        io.interrupt = mlspace_registry_cli::Interrupt::from_signals();
        run(arguments, &mut io).await
    });
    // What still runs lets go of its temporary files. A read from the terminal cannot be cancelled; it must not
    // keep the process.
    runtime.shutdown_timeout(Duration::from_millis(300));
    ExitCode::from(code)
}

/// Writes log lines to stderr, as far as somebody asked for them.
fn log(filter: Option<&str>) {
    let Some(filter) = filter else { return };
    let Ok(filter) = filter.parse::<Targets>() else {
        Io::from_process()
            .stderr
            .line("mlcr: RUST_LOG is not understood; write it as in RUST_LOG=mlspace_registry=debug");
        return;
    };
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    tracing_subscriber::registry().with(filter).with(lines.compact()).init();
}
