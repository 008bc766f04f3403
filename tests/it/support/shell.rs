//! The command line on a database that a server may be running on.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use super::{
    app::{Engine, postgres_url},
    process::command,
};

pub struct Shell {
    engine: Engine,
    pub dir: PathBuf,
    schema: String,
}

impl Shell {
    pub fn new(engine: Engine, dir: &Path, schema: &str) -> Self {
        Self { engine, dir: dir.to_owned(), schema: schema.to_owned() }
    }

    /// What a command says and how it ends, with further variables and something on its standard input.
    pub fn output(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
        let mut command = command(arguments);
        command.env("PHOENIX_WORKING_DIR", &self.dir).envs(environment.iter().copied());
        if self.engine == Engine::Postgres {
            command.env("PHOENIX_SQL_DATABASE_URL", postgres_url()).env("PHOENIX_SQL_DATABASE_SCHEMA", &self.schema);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who reads nothing may be gone already.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command says that ends well.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments, &[], "");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What a command complains of that ends badly.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments, &[], "");
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
    }
}
