//! Each kind of mistake in a subject file, and what is said about it, word by word.

use crate::support::{WHOLE, read};

/// What is replaced by what (the first time), and what is said then.
struct Mistake(&'static str, &'static str, &'static str);

const PLACEHOLDERS: &str = "`{count}`, `{dir}`, `{first}`, `{host}`, `{ip}`, `{majority}`, `{number}`, `{others}`, \
                            `{servers}`, `{threeworlds}`, `{address}`, `{peers}`, `{port}`, `{rest}`, `{s1}`, `{s2}`";
const UP: &str = "`name`, `on`, `when`, `user`, `environment`, `start`, `restart`, `run`, `until`, `exit`, \
                  `contains`, `lacks`, `within`, `attempt`, `pause`";

const MISTAKES: &[Mistake] = &[
    // The file as a whole.
    Mistake(
        "format = \"threeworlds/subject/1\"\n",
        "",
        "store.toml:1: format: this key is missing\n  \
         hint: begin the file with format = \"threeworlds/subject/1\"",
    ),
    Mistake(
        "subject/1",
        "subject/2",
        "store.toml:1: format: `threeworlds/subject/2` is another format\n  \
         hint: this program reads \"threeworlds/subject/1\"",
    ),
    Mistake(
        "faults = 1",
        "faults 1",
        "store.toml:8: this is not TOML: key with no value, expected `=`\n  \
         hint: see https://toml.io for how texts, lists and tables are written",
    ),
    Mistake(
        "faults = 1",
        "falts = 1",
        "store.toml:8: falts: there is no such key\n  \
         hint: did you mean `faults`? Allowed here: `format`, `name`, `description`, `servers`, `faults`, `user`, \
         `packages`, `programs`, `version`, `memory-megabytes`, `environment`, `define`, `times`, `variant`, \
         `file`, `up`, `leader`, `read`, `write-once`, `write`, `cas`, `stored`",
    ),
    Mistake(
        "name = \"store\"\n",
        "",
        "store.toml:1: name: this key is missing\n  hint: name the system, such as name = \"etcd\"",
    ),
    Mistake(
        "name = \"store\"",
        "name = \"My Store\"",
        "store.toml:2: name: `My Store` is no name\n  hint: write small letters, digits and hyphens, a letter first",
    ),
    Mistake(
        "\"A store\"",
        "\" \"",
        "store.toml:3: description: this text is empty\n  hint: write at least a word",
    ),
    // Types and ranges.
    Mistake(
        "faults = 1",
        "faults = \"one\"",
        "store.toml:8: faults: a text stands here\n  hint: write a whole number from 0 to 5",
    ),
    Mistake(
        "faults = 1",
        "faults = 6",
        "store.toml:8: faults: 6 is out of range\n  hint: write a whole number from 0 to 5",
    ),
    Mistake(
        "packages = [\"store\"]",
        "packages = \"store\"",
        "store.toml:4: packages: a text stands here\n  hint: write a list of texts, such as [\"a\", \"b\"]",
    ),
    Mistake(
        "packages = [\"store\"]",
        "packages = [\"store\", 3]",
        "store.toml:4: packages[2]: a whole number stands here\n  hint: write a text in quotation marks",
    ),
    Mistake(
        "servers = { least = 2, most = 5, default = 3 }",
        "servers = { least = 2, most = 99 }",
        "store.toml:7: servers.most: 99 is out of range\n  hint: write a whole number from 1 to 15",
    ),
    Mistake(
        "least = 2, most = 5",
        "least = 6, most = 5",
        "store.toml:7: servers.least: 6 is out of range\n  hint: write a whole number from 1 to 5",
    ),
    Mistake(
        "default = 3 }",
        "default = 1 }",
        "store.toml:7: servers.default: 1 is out of range\n  hint: write a whole number from 2 to 5",
    ),
    Mistake(
        "user = \"unprivileged\"",
        "user = \"postgres\"",
        "store.toml:9: user: `postgres` is not known here\n  hint: write one of \"unprivileged\", \"root\"",
    ),
    Mistake(
        "version = [\"stored\", \"--version\"]",
        "version = \"stored --version\"",
        "store.toml:6: version: a command is a list: the program, then each argument\n  \
         hint: write [\"stored\", ...]; for a line of the shell [\"sh\", \"-c\", \"...\"]",
    ),
    Mistake(
        "version = [\"stored\", \"--version\"]",
        "version = []",
        "store.toml:6: version: this command names no program\n  hint: write [\"program\", \"argument\", ...]",
    ),
    // Times.
    Mistake(
        "dwell = \"5s\"",
        "dwell = 5",
        "store.toml:26: times.dwell: a whole number stands here\n  \
         hint: write a number with its unit in quotation marks, such as \"500ms\", \"3s\" or \"2min\"",
    ),
    Mistake(
        "dwell = \"5s\"",
        "dwell = \"5 seconds\"",
        "store.toml:26: times.dwell: `5 seconds` is no length of time\n  \
         hint: write a number with its unit in quotation marks, such as \"500ms\", \"3s\" or \"2min\"",
    ),
    Mistake(
        "dwell = \"5s\"",
        "dwell = \"90min\"",
        "store.toml:26: times.dwell: `90min` is out of range\n  hint: write at least 0 ms and at most an hour (60min)",
    ),
    Mistake(
        "operation = \"2s\"",
        "operation = \"20ms\"",
        "store.toml:22: times.operation: `20ms` is out of range\n  \
         hint: write at least 100 ms and at most an hour (60min)",
    ),
    Mistake(
        "operation = \"2s\"",
        "operation = \"20s\"",
        "store.toml:21: times.operation: one operation may take 20s, longer than the whole request (10s)\n  \
         hint: make `operation` shorter or `request` longer",
    ),
    Mistake(
        "dwell = \"5s\"",
        "dwel = \"5s\"",
        "store.toml:26: times.dwel: there is no such key\n  hint: did you mean `dwell`? Allowed here: `operation`, \
         `request`, `rest`, `settle`, `dwell`, `heal`, `up`",
    ),
    // Variants.
    Mistake(
        "name = \"watched\"",
        "name = \"plain\"",
        "store.toml:34: variant[2].name: there are two variants `plain`\n  hint: give each a name of its own",
    ),
    Mistake(
        "when = [\"watched\"]",
        "when = [\"watchd\"]",
        "store.toml:82: up[4].when[1]: there is no variant `watchd`\n  \
         hint: did you mean `watched`? There are `plain`, `watched`",
    ),
    Mistake(
        "when = [\"watched\"]",
        "when = []",
        "store.toml:82: up[4].when: this list is empty\n  hint: name variants, or leave `when` out",
    ),
    // Definitions.
    Mistake(
        "port = \"7000\"",
        "port = \"{address}\"",
        "store.toml:18: define.address: its text would contain itself: {address} -> {port} -> {address}\n  \
         hint: let one of them be without the others",
    ),
    Mistake(
        "port = \"7000\"",
        "port = \"7000\"\nip = \"1.2.3.4\"",
        "store.toml:20: define.ip: `{ip}` has a meaning already\n  hint: choose another name",
    ),
    Mistake(
        "port = \"7000\"",
        "port = \"7000\"\nmy_port = \"7001\"",
        "store.toml:20: define.my_port: `my_port` is no name for a placeholder\n  \
         hint: write small letters, digits and hyphens, a letter first",
    ),
    Mistake(
        "of = \"others\"",
        "of = \"clients\"",
        "store.toml:17: define.rest.of: `clients` is not known here\n  hint: write one of \"servers\", \"others\"",
    ),
    Mistake(
        "each = \"{ip}\", of",
        "of",
        "store.toml:17: define.rest.each: this key is missing\n  \
         hint: write what each server contributes, such as \"{ip}:2379\"",
    ),
    // Placeholders.
    Mistake(
        "listen {address}",
        "listen {adress}",
        "store.toml:46: file[1].content: there is no placeholder `{adress}`\n  \
         hint: did you mean `{address}`? There are PLACEHOLDERS; for the text itself write `{{adress}}`",
    ),
    Mistake(
        "STORE_HOME = \"{dir}\"",
        "STORE_HOME = \"{home-of-store}\"",
        "store.toml:13: environment.STORE_HOME: there is no placeholder `{home-of-store}`\n  \
         hint: There are PLACEHOLDERS; for the text itself write `{{home-of-store}}`",
    ),
    Mistake(
        "[\"store-init\", \"{dir}/data\"]",
        "[\"store-init\", \"{s3}\"]",
        "store.toml:60: up[1].run[2]: `{s3}` is not always there: it may run with 2 servers\n  \
         hint: did you mean `{s1}`? There are PLACEHOLDERS; for the text itself write `{{s3}}`",
    ),
    Mistake(
        "[\"store-init\", \"{dir}/data\"]",
        "[\"store-init\", \"{key}\"]",
        "store.toml:60: up[1].run[2]: `{key}` has no meaning here: only a client's operations have it, each its own\n  \
         hint: There are PLACEHOLDERS; for the text itself write `{{key}}`",
    ),
    // Files.
    Mistake(
        "path = \"conf/store.conf\"",
        "path = \"../store.conf\"",
        "store.toml:44: file[1].path: `../store.conf` leaves the folder\n  hint: write a path without a leading /, \
         without `.` and `..`, such as \"conf/server.conf\"",
    ),
    Mistake(
        "path = \"conf/store.conf\"",
        "path = \"/etc/store.conf\"",
        "store.toml:44: file[1].path: `/etc/store.conf` leaves the folder\n  hint: write a path without a leading /, \
         without `.` and `..`, such as \"conf/server.conf\"",
    ),
    Mistake(
        "from = \"client.sh\"",
        "from = \"../client.sh\"",
        "store.toml:55: file[2].from: `../client.sh` leaves the folder\n  hint: write a path without a leading /, \
         without `.` and `..`, such as \"conf/server.conf\"",
    ),
    Mistake(
        "from = \"client.sh\"",
        "from = \"clint.sh\"",
        "store.toml:55: file[2].from: the file `clint.sh` cannot be read: no such file\n  \
         hint: name a file that lies next to the subject file",
    ),
    Mistake(
        "from = \"client.sh\"",
        "from = \"client.sh\"\ncontent = \"\"",
        "store.toml:51: file[2]: a file has either `content` or `from`\n  \
         hint: write its text into `content`, or name a file next to this one in `from`",
    ),
    Mistake(
        "mode = \"755\"",
        "mode = 755",
        "store.toml:54: file[2].mode: this is no text\n  hint: write it in quotation marks: \"755\"",
    ),
    Mistake(
        "mode = \"755\"",
        "mode = \"999\"",
        "store.toml:54: file[2].mode: `999` are no permission bits\n  \
         hint: write three octal digits, such as \"600\" or \"755\"",
    ),
    Mistake(
        "on = \"clients\"",
        "on = \"client\"",
        "store.toml:53: file[2].on: `client` is not known here\n  hint: write one of \"all\", \"first\", \"others\", \
         \"last\", \"clients\", \"everywhere\"",
    ),
    // Steps.
    Mistake(
        "on = \"first\"\nrun",
        "on = \"clients\"\nrun",
        "store.toml:59: up[1].on: `clients` is not known here\n  \
         hint: write one of \"all\", \"first\", \"others\", \"last\"",
    ),
    Mistake(
        "on = [\"s2\"]",
        "on = [\"s7\"]",
        "store.toml:81: up[4].on[1]: there is no server `s7`\n  hint: name servers from \"s1\" to \"s2\"",
    ),
    Mistake(
        "on = [\"s2\"]",
        "on = []",
        "store.toml:81: up[4].on: this list is empty\n  hint: name servers such as \"s1\", or leave `on` out",
    ),
    Mistake(
        "run = [\"store-init\", \"{dir}/data\"]\n",
        "",
        "store.toml:57: up[1]: a step has exactly one of `start`, `run` and `until`\n  \
         hint: start = [...] for a daemon, run = [...] for a command that ends, until = [...] for one that is \
         repeated until it succeeds",
    ),
    Mistake(
        "run = [\"store-init\", \"{dir}/data\"]\n",
        "run = [\"store-init\"]\npause = \"1s\"\n",
        "store.toml:57: up[1].pause: this key does not go with that kind of step\n  hint: here there may be `within`",
    ),
    Mistake(
        "within = \"20s\"",
        "withn = \"20s\"",
        "store.toml:61: up[1].withn: there is no such key\n  hint: did you mean `within`? Allowed here: UP",
    ),
    Mistake(
        "within = \"20s\"",
        "within = \"0s\"",
        "store.toml:61: up[1].within: `0s` is out of range\n  hint: write at least 1 ms and at most an hour (60min)",
    ),
    Mistake(
        "name = \"stored\"\n",
        "",
        "store.toml:63: up[2].name: this key is missing\n  hint: name the daemon: its log is NAME.log",
    ),
    Mistake(
        "name = \"watcher\"",
        "name = \"stored\"",
        "store.toml:79: up[4].name: two daemons are called `stored` on the same host\n  \
         hint: give each a name of its own, or separate hosts with `on`",
    ),
    // Operations.
    Mistake(
        "[read]",
        "[cas2]",
        "store.toml:90: cas2: there is no such key\n  hint: did you mean `cas`? Allowed here: `format`, `name`, \
         `description`, `servers`, `faults`, `user`, `packages`, `programs`, `version`, `memory-megabytes`, \
         `environment`, `define`, `times`, `variant`, `file`, `up`, `leader`, `read`, `write-once`, `write`, \
         `cas`, `stored`",
    ),
    Mistake(
        "\"{key}\", \"{client}\"]",
        "\"{value}\", \"{client}\"]",
        "store.toml:91: read.run[5]: `{value}` has no meaning here: only a client's operations have it, each its own\n  \
         hint: There are OPERATION; for the text itself write `{{value}}`",
    ),
    Mistake(
        "run = [\"store\", \"{address}\"]\n",
        "",
        "store.toml:100: write-once.run: this key is missing\n  \
         hint: write the command that a client runs, such as [\"client\", \"{ip}\", \"{key}\"]",
    ),
    Mistake(
        "answers = [{ contains = \"ok\", means = \"done\" }]",
        "",
        "store.toml:109: write.answers: this key is missing\n  hint: say what its output means, such as \
         [{ exit = 0, means = \"value\" }]; what no rule matches is unknown",
    ),
    Mistake(
        "answers = [{ contains = \"ok\", means = \"done\" }]",
        "answers = []",
        "store.toml:111: write.answers: no answer counts as a success\n  \
         hint: add a rule such as { exit = 0, means = \"done\" }",
    ),
    Mistake(
        "answers = [{ contains = \"ok\", means = \"done\" }]",
        "answers = { contains = \"ok\", means = \"done\" }",
        "store.toml:111: write.answers: a table stands here\n  \
         hint: write tables, each under a heading [[answers]], or as a list [{ ... }, { ... }]",
    ),
    Mistake(
        "{ contains = \"ok\", means = \"done\" }",
        "{ contains = \"ok\", means = \"value\" }",
        "store.toml:111: write.answers[1].means: `value` is not known here\n  \
         hint: write one of \"done\", \"refused\", \"unknown\"",
    ),
    Mistake(
        "{ contains = \"ok\", means = \"done\" }",
        "{ contains = \"ok\" }",
        "store.toml:111: write.answers[1].means: this key is missing\n  \
         hint: say what this answer means, such as means = \"done\"",
    ),
    Mistake(
        "{ contains = \"ok\", means = \"done\" }",
        "{ contains = \"ok\", means = \"done\" }, { means = \"refused\" }",
        "store.toml:111: write.answers[2].means: everything would be `refused`, which says that it certainly was not \
         done\n  hint: add a condition: `exit`, `stdout`, `contains` or `stderr-contains`; without a rule it is unknown",
    ),
    Mistake(
        "{ contains = \"ok\", means = \"done\" }",
        "{ contains = \"ok\", means = \"done\", after = \"x\" }",
        "store.toml:111: write.answers[1].after: this answer has no value\n  \
         hint: only `value` and `taken` have one: leave it out",
    ),
    Mistake(
        "pointer = \"/now/value\"",
        "pointer = \"now\"",
        "store.toml:105: write-once.answers[2].pointer: `now` is no JSON pointer\n  \
         hint: it begins with /, such as \"/kvs/0/value\"",
    ),
    Mistake(
        "pointer = \"/now/value\"",
        "pointer = \"/now\", after = \"x\"",
        "store.toml:105: write-once.answers[2]: a value is read from one place\n  \
         hint: keep one of `after`, `pointer`, `value`",
    ),
    Mistake(
        "{ exit = 2, means = \"unknown\" }",
        "{ exit = 256, means = \"unknown\" }",
        "store.toml:106: write-once.answers[3].exit: 256 is out of range\n  hint: write a whole number from 0 to 255",
    ),
    Mistake(
        "{ exit = 2, means = \"unknown\" }",
        "{ exit = [2, 3], means = \"unknown\" }",
        "store.toml:106: write-once.answers[3].exit: a rule has one exit status\n  hint: write a rule for each: exit = 1",
    ),
];

#[test]
fn every_mistake_is_named_with_file_line_and_key_and_says_what_to_do() {
    let operation = "`{count}`, `{dir}`, `{first}`, `{host}`, `{ip}`, `{majority}`, `{number}`, `{others}`, \
                     `{servers}`, `{threeworlds}`, `{address}`, `{peers}`, `{port}`, `{rest}`, `{s1}`, `{s2}`, `{client}`, `{key}`";
    let mut wrong = Vec::new();
    for Mistake(right, mistaken, message) in MISTAKES {
        assert!(WHOLE.contains(right), "the file has no `{right}`");
        let expected =
            message.replace("PLACEHOLDERS", PLACEHOLDERS).replace("OPERATION", operation).replace("UP", UP);
        let found = read(&WHOLE.replacen(right, mistaken, 1)).err().unwrap_or_else(|| "no error".to_owned());
        if found != expected {
            wrong.push(format!("`{right}` -> `{mistaken}`\n--- expected\n{expected}\n--- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The text from one heading to another is left out.
fn without(from: &str, to: &str) -> String {
    let (start, end) = (WHOLE.find(from).unwrap(), WHOLE.find(to).unwrap());
    format!("{}{}", &WHOLE[..start], &WHOLE[end..])
}

#[test]
fn what_every_subject_needs_is_asked_for() {
    for (from, to, message) in [
        (
            "[read]",
            "[write-once]",
            "store.toml:1: read: there is no read operation\n  hint: add a table [read] with `run`, the command by \
             which a client reads {key}, and `answers`",
        ),
        (
            "[write-once]",
            "[cas]",
            "store.toml:1: write-once: there is no operation that writes\n  \
             hint: add a table [write-once] (best for the three worlds) or [write]",
        ),
        (
            "[[up]]",
            "[leader]",
            "store.toml:1: up: this key is missing\n  hint: say how it is started, with tables [[up]]: start = [...]",
        ),
        (
            "servers = {",
            "faults = 1",
            "store.toml:1: servers: this key is missing\n  hint: say how many it can have: servers = 3, or \
             servers = { least = 2, most = 5, default = 3 }",
        ),
    ] {
        let text = without(from, to).replace(
            "name = \"watched\"\ndescription = \"A store with a watcher\"\nservers = 2",
            "name = \"watched\"",
        );
        assert_eq!(read(&text).unwrap_err(), message);
    }
    // A file that starts nothing.
    let idle = WHOLE
        .replace("start = ", "run = ")
        .replace("restart = [\"stored\", \"--again\"]\n", "")
        .replace("rerun = [\"stored\", \"--again\"]\n", "");
    assert_eq!(
        read(&idle).unwrap_err(),
        "store.toml:57: up: no step starts anything\n  hint: add a step with start = [\"server\", ...]"
    );
}
