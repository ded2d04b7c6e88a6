//! A container in a cluster's network, from the same image: what can be done from inside.

use testcontainers::{
    ContainerAsync, GenericImage, ImageExt as _, core::ExecCommand, runners::AsyncRunner as _,
};

/// A container that waits for commands to run. Removed when dropped.
pub struct Visitor(ContainerAsync<GenericImage>);

/// The result of a command.
#[derive(Debug)]
pub struct Done {
    /// Its exit code.
    pub code: i64,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Visitor {
    /// A visitor in `network`.
    pub async fn enter(image: &str, network: &str) -> Self {
        let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        let container = GenericImage::new(name, tag)
            .with_entrypoint("sleep")
            .with_network(network)
            .with_cmd(["3600"])
            .start()
            .await
            .expect("a visitor enters the network");
        Self(container)
    }

    /// Runs a shell command line until it ends.
    pub async fn run(&self, line: &str) -> Done {
        let command = ExecCommand::new(["sh", "-c", line]);
        let mut done = self.0.exec(command).await.expect("the visitor runs a command");
        let stdout = done.stdout_to_vec().await.expect("its output is read");
        let stderr = done.stderr_to_vec().await.expect("its errors are read");
        let code = done.exit_code().await.expect("its exit code is read");
        Done {
            code: code.expect("it has ended"),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}
