//! `mlcr`: the ML Space Docker registry at the command line.

use std::process::ExitCode;
use std::time::Duration;

use mlspace_registry_cli::{Io, run};

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
        io.interrupt = mlspace_registry_cli::Interrupt::from_signals();
        run(std::env::args_os(), &mut io).await
    });
    // What still runs lets go of its temporary files. A read from the terminal cannot be cancelled; it must not
    // keep the process.
    runtime.shutdown_timeout(Duration::from_millis(300));
    ExitCode::from(code)
}
