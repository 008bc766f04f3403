//! Where the command line takes passwords from: standard input, a file, the terminal; never its own arguments, which
//! every process of the machine can read.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};

/// More than any password has.
const MAX_BYTES: u64 = 4_096;

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct Source {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Ask for the password on the terminal, twice
    #[arg(long)]
    password_prompt: bool,
}

impl Source {
    /// Returns the password; `None` when no source is named.
    pub(super) fn read(&self) -> Result<Option<SecretString>> {
        if self.password_stdin {
            return first_line(std::io::stdin().lock()).context("--password-stdin").map(Some);
        }
        if let Some(path) = &self.password_file {
            return from_file(path).with_context(|| format!("--password-file {}", path.display())).map(Some);
        }
        if self.password_prompt {
            return prompt().context("--password-prompt").map(Some);
        }
        Ok(None)
    }
}

/// Returns the first line of a file.
pub(super) fn from_file(path: &Path) -> Result<SecretString> {
    first_line(BufReader::new(File::open(path)?))
}

fn first_line(reader: impl std::io::BufRead) -> Result<SecretString> {
    let mut line = String::new();
    reader.take(MAX_BYTES).read_line(&mut line)?;
    let line = SecretString::from(line);
    let password = line.expose_secret().trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "the first line is empty");
    Ok(SecretString::from(password))
}

/// Asks on the terminal without showing what is typed.
fn prompt() -> Result<SecretString> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").context("there is no terminal")?;
    ensure!(terminal.is_terminal(), "there is no terminal");
    let ask = |words: &str| -> Result<SecretString> {
        let _silence = Silence::begin(&terminal)?;
        write!(&terminal, "{words}: ")?;
        let line = first_line(BufReader::new(&terminal));
        writeln!(&terminal)?;
        line
    };
    let password = ask("New password")?;
    let again = ask("Again")?;
    ensure!(password.expose_secret() == again.expose_secret(), "the two differ");
    Ok(password)
}

/// While it lives the terminal shows nothing that is typed.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(terminal: &'a File) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
