//! A child process: started with a clean environment, watched through `/proc`, ended without fail.

use std::{
    ffi::OsStr,
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::stats::real;

/// A child process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Process {
    /// Starts a program; what it prints goes to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let started = Instant::now();
        let program = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, log: log.to_owned(), started })
    }

    /// Returns an error with the end of the log when the process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            bail!("ended with {status}:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
        Ok(())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for the end; kills the process after `patience`. Returns whether it ended by itself.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Result<bool> {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.signal() != Some(Signal::KILL.as_raw()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(false)
    }

    /// Returns the processor time used so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu_of(&self.child.id().to_string())
    }

    /// Returns a field of `/proc/<pid>/status` that is in kB, in MB.
    pub(crate) fn memory(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse().ok());
        Ok(real(kib.with_context(|| format!("no {field}"))?) / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the processor time that this process has used, in seconds.
pub(crate) fn own_cpu() -> Result<f64> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("a short line")?.parse()?) };
    Ok(real(ticks(11)? + ticks(12)?) / real(rustix::param::clock_ticks_per_second()))
}

/// Returns a command with nothing but the search path in its environment.
pub(crate) fn clean_command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).current_dir(home);
    // A virtual environment that was put together from several folders is found through the second.
    for kept in ["PATH", "PYTHONPATH"] {
        command.envs(std::env::vars_os().filter(|(name, _)| name == kept));
    }
    command
}

/// Makes a command run as another user.
pub(crate) fn run_as(command: &mut Command, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        command.gid(gid).uid(uid);
    }
}

/// Returns a TCP port of the loopback interface that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
