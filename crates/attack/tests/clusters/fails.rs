//! A cluster that does not come up says why, and leaves nothing. Needs no system.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::AtomicBool;

use threeworlds_attack::namespaces::{Lab, LabOptions, Privileges};
use threeworlds_attack::subject::{Cluster, SubjectFile};

use crate::worlds::keeper;

/// A subject with these keys and steps, brought up on two servers in a user namespace; what is said.
fn brought_up(keys: &str, steps: &str, stop: bool) -> Result<(), String> {
    let text = format!(
        "format = \"threeworlds/subject/1\"\nname = \"x\"\ndescription = \"x\"\n{keys}\n{steps}\n\
         [read]\nrun = [\"true\"]\nanswers = [{{ means = \"value\" }}]\n\
         [write]\nrun = [\"true\"]\nanswers = [{{ means = \"done\" }}]\n"
    );
    let file = SubjectFile::parse("x.toml", &text, &|_| Err("none".to_owned())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let privileges = Privileges::UserNamespace;
    let options = LabOptions { base: folder.path().to_owned(), privileges, ..LabOptions::new(keeper()) };
    let lab = Lab::new(2, 1, &options).unwrap();
    let result = Cluster::bring_up(&file.variants[0], &lab, &AtomicBool::new(stop));
    let said =
        result.map(drop).map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), "TMP"));
    drop(lab);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the scratch folder is left");
    said
}

const SLEEP: &str = "[[up]]\nname = \"d\"\nstart = [\"sleep\", \"1000\"]\n";

#[test]
fn missing_programs_are_named_with_their_packages() {
    assert_eq!(
        brought_up("servers = 2\nprograms = [\"no-such-program\", \"sh\"]\npackages = [\"p\", \"q\"]", SLEEP, false),
        Err("x needs `no-such-program`, which cannot be found here\n  hint: on Debian: apt-get install p q; or run \
             this as root with --install, which starts no services"
            .to_owned())
    );
}

#[test]
fn a_number_of_servers_that_it_cannot_have_is_refused() {
    assert_eq!(
        brought_up("servers = 3", SLEEP, false),
        Err("x runs with 3 servers, not with 2\n  hint: --servers 3".to_owned())
    );
}

#[test]
fn a_step_that_fails_says_what_was_run_and_what_it_said() {
    let steps = format!(
        "{SLEEP}[[up]]\nname = \"init\"\non = [\"s2\"]\nrun = [\"sh\", \"-c\", \"echo bad; exit 3\"]\n"
    );
    assert_eq!(
        brought_up("servers = 2", &steps, false),
        Err("x: step `init` on s2 failed: `sh -c echo bad; exit 3`: exit status 3\n    bad".to_owned())
    );
}

#[test]
fn a_condition_that_is_not_met_in_time_says_what_was_waited_for() {
    let steps = format!(
        "{SLEEP}[[up]]\nname = \"ready\"\non = \"first\"\nuntil = [\"echo\", \"no\"]\ncontains = \"yes\"\n\
         within = \"400ms\"\n"
    );
    assert_eq!(
        brought_up("servers = 2", &steps, false),
        Err("x: step `ready` on s1 waited 0.4 s for exit status 0, output with `yes` of `echo no`; the last time: \
             exit status 0\n    no"
            .to_owned())
    );
}

/// It is not waited for what can no longer come.
#[test]
fn a_daemon_that_ends_on_the_way_up_is_named_with_the_end_of_its_log() {
    let steps = "[[up]]\nname = \"d\"\non = \"last\"\nstart = [\"sh\", \"-c\", \"echo no port; exit 4\"]\n\
                 [[up]]\nname = \"ready\"\nuntil = [\"false\"]\nwithin = \"30min\"\n";
    assert_eq!(
        brought_up("servers = 2", steps, false),
        Err("x: the daemon `d` on s2 ended during step `ready`: exit status 4\n    no port".to_owned())
    );
}

/// Somebody who stops it does not wait for a step's deadline.
#[test]
fn it_can_be_stopped_at_any_time() {
    let steps = format!("{SLEEP}[[up]]\nname = \"slow\"\nrun = [\"sleep\", \"1000\"]\nwithin = \"30min\"\n");
    assert_eq!(brought_up("servers = 2", &steps, true), Err("stopped before the cluster was up".to_owned()));
}
