//! Files that are read and written: `show`, its forms, reports, and what is wrong with a file.

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Outcome, folder, threeworlds, threeworlds_reading};

/// A folder with world C of primary-backup (`C.json`) and the whole result (`result.json`) in it.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        let files = Files(folder());
        let folder = files.path("");
        let result = threeworlds(["check", "primary-backup", "--json", "--save", &folder]).exits(1);
        files.write("result.json", &result.stdout);
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("the path is UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file can be written");
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    fn world(&self) -> Value {
        serde_json::from_str(&self.read("C.json")).expect("it is JSON")
    }

    /// The names in the folder, those of temporary files too.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect()
    }
}

#[test]
fn an_execution_is_shown_in_every_form() {
    let files = Files::new();
    let world = files.path("C.json");
    for (form, beginning) in [
        ("terminal", "World C"),
        ("svg", "<?xml"),
        ("html", "<!doctype html>"),
        ("tikz", "\\documentclass"),
        ("shiviz", "(?<"),
        ("mermaid", "sequenceDiagram"),
        ("json", "{"),
    ] {
        let shown = threeworlds(["show", &world, "--format", form]).exits(0).complains_of_nothing();
        let found = shown.stdout.to_lowercase();
        assert!(found.trim_start().starts_with(&beginning.to_lowercase()), "{form}: {}", shown.report());
    }
    assert_eq!(threeworlds(["show", &world, "--format", "json"]).stdout, files.read("C.json"));
}

#[test]
fn the_ending_of_the_output_file_says_the_form() {
    let files = Files::new();
    let world = files.path("C.json");
    for (name, form) in [
        ("drawing.svg", "svg"),
        ("drawing.html", "html"),
        ("drawing.tex", "tikz"),
        ("drawing.log", "shiviz"),
        ("drawing.mmd", "mermaid"),
        ("drawing.json", "json"),
        ("drawing.txt", "terminal"),
    ] {
        let output = files.path(name);
        let call = threeworlds(["show", &world, "-o", &output]).exits(0).complains_of_nothing();
        assert_eq!(call.stdout, "");
        assert_eq!(files.read(name), threeworlds(["show", &world, "--format", form]).stdout, "{name}");
    }
    threeworlds(["show", &world, "-o", &files.path("drawing.png")]).refuses([
        "drawing.png",
        "the ending does not say which form",
        ".svg",
        "--format",
    ]);
    threeworlds(["show", &world, "--format", "svg", "-o", &files.path("other")]).exits(0);
    assert!(files.read("other").contains("<svg"));
}

#[test]
fn several_executions_are_shown_together_or_refused() {
    let files = Files::new();
    let result = files.path("result.json");
    threeworlds(["show", &result]).exits(0).says("World A").says("shortest liveness violation");
    threeworlds(["show", &files.path("A.json"), &files.path("C.json")])
        .exits(0)
        .says("World A")
        .says("World C");
    for form in ["tikz", "shiviz", "mermaid", "json"] {
        threeworlds(["show", &result, "--format", form])
            .refuses(["this form takes one execution, and there are 5 (A, B, C,", "name a file with one"]);
    }
    let output = files.path("several.tex");
    threeworlds(["show", &result, "-o", &output]).refuses(["this form takes one execution"]);
    assert!(!files.names().contains(&"several.tex".to_owned()));
    threeworlds_reading(&files.read("C.json"), ["show", "-"]).exits(0).says("World C");
}

/// What both commands that read files say about this text.
#[track_caller]
fn reading(text: &str) -> [Outcome; 2] {
    [
        threeworlds_reading(text, ["show", "-"]).refuses([]),
        threeworlds_reading(text, ["verify", "-", "primary-backup"]).refuses([]),
    ]
}

#[track_caller]
fn reading_refuses(text: &str, complaint: &str) {
    for outcome in reading(text) {
        outcome.complains(complaint);
    }
}

#[test]
fn what_is_no_execution_refuses() {
    let files = Files::new();
    let text = files.read("C.json");
    reading_refuses("", "standard input is empty");
    reading_refuses(" \n", "standard input is empty");
    reading_refuses("hello", "is not JSON: expected value at line 1 column 1");
    reading_refuses(&text[..text.len() / 2], "ends too early, so it is not complete");
    reading_refuses("[]", "no key `format`");
    reading_refuses("{}", "no key `format`, which would be \"threeworlds/execution/1\"");
    reading_refuses(r#"{"format":"threeworlds/result/1","worlds":[]}"#, "a result without executions");
    reading_refuses(r#"{"worlds":[]}"#, "no key `format`, which would be \"threeworlds/result/1\"");
    reading_refuses(r#"{"format":"threeworlds/result/1","worlds":3}"#, "`worlds` is not a list");
    reading_refuses(r#"{"format":"threeworlds/result/1","worlds":[{}]}"#, "entry 1 of `worlds`");
}

#[test]
fn what_is_wrong_in_an_execution_is_named() {
    let files = Files::new();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut world = files.world();
        change(&mut world);
        world.to_string()
    };
    let format = changed(&|world| {
        world["format"] = json!("threeworlds/execution/2");
        world["a new key"] = json!(1);
    });
    reading_refuses(&format, "its format is \"threeworlds/execution/2\", and this program reads");
    reading_refuses(&changed(&|world| world["colour"] = json!("red")), "unknown field `colour`");
    reading_refuses(&changed(&|world| world["rounds"][0]["colour"] = json!(1)), "unknown field `colour`");
    reading_refuses(&changed(&|world| world["question"]["colour"] = json!(1)), "unknown field `colour`");
    reading_refuses(&changed(&|world| world["faulty"]["s9"] = json!("crash")), "`faulty` names s9");
    reading_refuses(&changed(&|world| world["faulty"]["you"] = json!("crash")), "`you` is not a process");
    reading_refuses(
        &changed(&|world| world["faulty"]["s1"] = json!("lazy")),
        "`lazy` is not what can happen",
    );
    let stranger = changed(&|world| world["rounds"][0]["messages"][0]["to"] = json!("s7"));
    reading_refuses(&stranger, "round 1 names s7, which the question's system does not have");
    reading_refuses(&changed(&|world| world["gst"] = json!(0)), "`gst` is 0, but the first round is 1");
    reading_refuses(&changed(&|world| world["question"]["servers"] = json!(65)), "at most 64");
    let rule = changed(&|world| world["question"]["fault_rules"][0] = json!("1 of s1; crash"));
    reading_refuses(&rule, "`:` and a fault class are missing");
    let question = changed(&|world| drop(world.as_object_mut().map(|world| world.remove("question"))));
    reading_refuses(&question, "missing field `question`");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let files = Files::new();
    for command in [&["show"][..], &["verify"]] {
        let with = |path: &str| threeworlds([command, &[path]].concat());
        with(&files.path("none.json")).refuses(["none.json cannot be read"]);
        with(&files.path("")).refuses(["is a folder: name a file in it"]);
        std::fs::write(files.path("bytes"), [0xff, 0xfe, 0]).expect("a file can be written");
        with(&files.path("bytes")).refuses(["bytes cannot be read", "UTF-8"]);
    }
    threeworlds(["verify"]).refuses(["<FILE>"]);
    threeworlds(["show"]).refuses(["<FILE>"]);
}

#[test]
fn places_that_cannot_be_written_are_refused_before_any_work() {
    let files = Files::new();
    let below_a_file = files.path("C.json/report.html");
    let check = |flag: &str, place: &str| threeworlds(["check", "majority", "--servers", "3", flag, place]);
    check("--report", &below_a_file).refuses(["report.html cannot be written", "C.json is not a folder"]);
    check("--report", &files.path("none/report.html")).refuses(["there is no folder"]);
    check("--report", &files.path("")).refuses(["is a folder: name a file in it"]);
    check("--save", &files.path("C.json")).refuses(["C.json is a file: name a folder"]);
    check("--save", &files.path("C.json/saved")).refuses(["saved cannot be made"]);
    if cfg!(target_os = "linux") {
        check("--report", "/proc/report.html").refuses(["no file can be made in the folder /proc"]);
    }
    let world = files.path("C.json");
    threeworlds(["show", &world, "-o", &files.path("C.json/drawing.svg")])
        .refuses(["C.json is not a folder"]);
    threeworlds(["run", "majority", "-o", &files.path("none/run.svg")]).refuses(["there is no folder"]);
}

#[test]
fn nothing_but_the_results_is_left_in_a_folder() {
    let files = Files::new();
    let mut names = files.names();
    names.sort();
    let mut expected: Vec<String> =
        ["A", "B", "C", "shortest-liveness-violation", "shortest-safety-violation"]
            .iter()
            .flat_map(|name| [format!("{name}.json"), format!("{name}.svg")])
            .chain(["result.json".to_owned(), "worlds.svg".to_owned()])
            .collect();
    expected.sort();
    assert_eq!(names, expected);
}

#[cfg(unix)]
#[test]
fn what_is_written_to_is_kept() {
    use std::os::unix::fs::FileTypeExt;
    let files = Files::new();
    let (world, target) = (files.path("C.json"), files.write("target.svg", "old"));
    let link = PathBuf::from(files.path("link.svg"));
    std::os::unix::fs::symlink(&target, &link).expect("a link can be made");
    threeworlds(["show", &world, "-o", &files.path("link.svg")]).exits(0);
    assert!(link.is_symlink() && files.read("target.svg").contains("<svg"));
    // A pipe, as any device, is written to and never replaced. (One of the test's own: who runs the tests
    // as root would lose a device to the mistake that is looked for.)
    let pipe = files.path("pipe.svg");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "`mkfifo` is needed by this test");
    let mut reader = std::process::Command::new("cat")
        .arg(&pipe)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("`cat` starts");
    threeworlds(["show", &world, "-o", &pipe]).exits(0);
    let kept = std::fs::metadata(&pipe).is_ok_and(|metadata| metadata.file_type().is_fifo());
    if !kept {
        let _ = reader.kill();
    }
    let read = reader.wait_with_output().expect("`cat` ends").stdout;
    assert!(kept && String::from_utf8_lossy(&read).contains("<svg"), "the pipe is replaced");
}

#[test]
fn a_report_is_one_page_that_needs_no_network() {
    let files = Files::new();
    let page = files.path("report.html");
    threeworlds(["check", "primary-backup", "--report", &page]).exits(1);
    let page = files.read("report.html");
    assert!(page.trim_end().ends_with("</html>"), "the page is whole");
    for part in
        ["fails (agreement)", "Three worlds", "shortest safety violation", "shortest liveness violation"]
    {
        assert!(page.contains(part), "`{part}` is on the page");
    }
    for loads in ["src=", "@import", "url(", "<link", "fetch(", "href=\"http", "href='http"] {
        assert!(!page.contains(loads), "the page has `{loads}`");
    }
    let names_only = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!names_only.contains("http://") && !names_only.contains("https://"), "an address is on the page");
}
