//! Installs Debian packages for whoever asks for it, as root, and lets none of their services start: those would
//! take the ports and the memory of the machine, and are not what is attacked.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Why packages were not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// This is not root.
    #[error("installing needs root\n  hint: sudo apt-get install {}", .0.join(" "))]
    NeedsRoot(Vec<String>),
    /// There is no `apt-get`.
    #[error("there is no apt-get here\n  hint: install by hand what Debian calls {}", .0.join(", "))]
    NoApt(Vec<String>),
    /// `apt-get` failed.
    #[error("apt-get {0}\n  hint: what it said stands above; try: apt-get update")]
    Failed(String),
    /// Services could not be kept from starting.
    #[error("services cannot be kept from starting: {path} cannot be written: {source}")]
    Policy {
        /// The file that says so.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Installs packages and starts no service. What `apt-get` says goes to stderr.
///
/// # Errors
/// This is not root, there is no `apt-get`, or it failed.
pub fn install(packages: &[String]) -> Result<(), InstallError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(InstallError::NeedsRoot(packages.to_vec()));
    }
    with(Path::new("/usr/bin/apt-get"), Path::new("/usr/sbin/policy-rc.d"), packages)
}

fn with(apt_get: &Path, policy: &Path, packages: &[String]) -> Result<(), InstallError> {
    if !apt_get.exists() {
        return Err(InstallError::NoApt(packages.to_vec()));
    }
    let policy = Policy::new(policy)?;
    let status = Command::new(apt_get)
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status();
    drop(policy);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(InstallError::Failed(format!("failed with {status}"))),
        Err(error) => Err(InstallError::Failed(format!("cannot be run: {error}"))),
    }
}

/// While it lives, Debian's packages start no service. A machine's own policy stays as it is.
struct Policy<'p>(Option<&'p Path>);

impl<'p> Policy<'p> {
    fn new(path: &'p Path) -> Result<Self, InstallError> {
        let failed = |source| InstallError::Policy { path: path.display().to_string(), source };
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(path) {
            Ok(mut file) => {
                let policy = Policy(Some(path));
                file.write_all(b"#!/bin/sh\nexit 101\n").map_err(failed)?;
                fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(failed)?;
                Ok(policy)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Policy(None)),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `apt-get` that says what it was asked and what the policy was, and succeeds or not.
    fn played(policy_before: Option<&str>, exit: i32) -> (Result<(), InstallError>, String, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let [apt_get, policy, said] = ["apt-get", "policy-rc.d", "said"].map(|name| folder.path().join(name));
        let script = format!(
            "#!/bin/sh\n(echo \"$@\"; sh {}; echo \"policy: $?\") > {}\nexit {exit}\n",
            policy.display(),
            said.display()
        );
        fs::write(&apt_get, script).unwrap();
        fs::set_permissions(&apt_get, Permissions::from_mode(0o755)).unwrap();
        if let Some(text) = policy_before {
            fs::write(&policy, text).unwrap();
        }
        let result = with(&apt_get, &policy, &["etcd-server".to_owned(), "etcd-client".to_owned()]);
        (result, fs::read_to_string(said).unwrap(), fs::read_to_string(policy).ok())
    }

    #[test]
    fn no_service_starts_while_packages_are_installed_and_nothing_is_left_of_it() {
        let (result, said, policy) = played(None, 0);
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(said, "install -q -y --no-install-recommends etcd-server etcd-client\npolicy: 101\n");
        assert_eq!(policy, None);
        let (result, _, policy) = played(None, 7);
        assert!(result.unwrap_err().to_string().starts_with("apt-get failed with exit status: 7"));
        assert_eq!(policy, None);
        let (_, said, policy) = played(Some("exit 104\n"), 0);
        assert!(said.ends_with("policy: 104\n"));
        assert_eq!(policy.as_deref(), Some("exit 104\n"));
    }

    #[test]
    fn without_apt_get_the_packages_are_named() {
        let nowhere = Path::new("/nowhere/apt-get");
        let error = with(nowhere, Path::new("/nowhere/policy"), &["etcd-server".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no apt-get here\n  hint: install by hand what Debian calls etcd-server"
        );
    }
}
