//! A cache saves time and changes nothing else, whatever becomes of its files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use threeworlds_model::{Call, Process, Step, Steps};
use threeworlds_step_program::{CacheOptions, JsonText, Options, StepProgram};

use crate::common::{SYSTEM, calls, command, contains_all, patient};

/// A program in a folder of its own, which writes down how many lines it was asked; a cache; and a file that is
/// no part of the program.
struct Scene {
    folder: TempDir,
}

type Answer = Step<JsonText, JsonText>;

const PROGRAM: &str = r#"
import json, sys
count, elsewhere = 0, open(sys.argv[2]).read()
for text in sys.stdin:
    line = json.loads(text)
    count += 1
    me = line["start"]["process"] if "start" in line else line["step"]["process"]
    state = {"n": line["step"]["state"]["n"] + 1, "read": elsewhere} if "step" in line else {"n": 0}
    send = [{"to": it["from"], "message": [it["message"], state["n"]]} for it in line["step"]["received"]] if "step" in line else []
    response = {"value": "C1"} if state["n"] % 3 == 0 else None
    print(json.dumps({"id": line["id"], "state": state, "send": send, "response": response}), flush=True)
with open(sys.argv[1], "a") as log:
    log.write(f"{count}\n")
"#;

impl Scene {
    fn new() -> Scene {
        let scene = Scene { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["program", "cache", "elsewhere"] {
            std::fs::create_dir(scene.path(folder)).expect("a folder is made");
        }
        scene.write("program/protocol.py", PROGRAM);
        scene.write("elsewhere/data", "1");
        // The log and the data are no words of the command, so they are no part of the program.
        let place = scene.folder.path().display();
        let script = format!(
            "exec python3 {place}/program/protocol.py {place}/elsewhere/asked {place}/elsewhere/data"
        );
        scene.write("program/run.sh", &script);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file is written");
    }

    fn options(&self) -> Options {
        Options { cache: Some(CacheOptions::new(self.path("cache"))), ..patient() }
    }

    fn start(&self, options: Options) -> StepProgram {
        let script = self.path("program/run.sh");
        let words = ["sh", script.to_str().expect("the path is text")];
        StepProgram::start(&command(&words), options).expect("sh starts")
    }

    /// Asks these calls and ends well: the answers, and how many lines the program was asked.
    fn asks(
        &self,
        calls: &[Call<JsonText, JsonText>],
        options: Options,
    ) -> (Vec<Answer>, usize, Vec<String>) {
        let _ = std::fs::remove_file(self.path("elsewhere/asked"));
        let mut program = self.start(options);
        let mut answers = vec![Steps::start(&mut program, Process::Server(1), &SYSTEM).expect("an answer")];
        answers.extend(program.steps(calls).expect("answers"));
        program.finish().expect("the program is deterministic");
        let notes = program.take_notes();
        drop(program);
        let asked = std::fs::read_to_string(self.path("elsewhere/asked")).unwrap_or_default();
        (answers, asked.lines().map(|line| line.parse::<usize>().expect("a number")).sum(), notes)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("cache")).expect("the folder is there");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

fn only(files: &[PathBuf]) -> &Path {
    assert_eq!(files.len(), 1, "{files:?}");
    &files[0]
}

/// Lines of the sample that are asked again when all comes from the cache, at most.
const SAMPLE: usize = 256;

#[test]
fn a_second_run_asks_a_sample_only() {
    let scene = Scene::new();
    let calls = calls(2_000);
    let (plain, ..) = scene.asks(&calls, patient());
    let (first, asked, notes) = scene.asks(&calls, scene.options());
    assert!(first == plain && notes.is_empty(), "{notes:?}");
    assert!(asked > 2_000, "{asked}");
    let (second, asked, notes) = scene.asks(&calls, scene.options());
    assert!(second == plain && notes.is_empty(), "{notes:?}");
    assert!((64..=SAMPLE).contains(&asked), "{asked}");
    // Of a question that is larger only what is new.
    let more = crate::common::calls(2_500);
    let (third, asked, _) = scene.asks(&more, scene.options());
    assert!(third[..2_001] == plain);
    assert!((500..=1_200).contains(&asked), "{asked}");
    assert_eq!(scene.files().len(), 2, "each process writes a file of its own");
}

#[test]
fn another_program_has_answers_of_its_own() {
    let scene = Scene::new();
    let calls = calls(300);
    let (first, ..) = scene.asks(&calls, scene.options());
    scene.write("program/protocol.py", &PROGRAM.replace("% 3 == 0", "% 5 == 0"));
    let (changed, asked, _) = scene.asks(&calls, scene.options());
    assert!(asked > 300, "{asked}");
    assert!(first != changed);
    assert!(scene.asks(&calls, patient()).0 == changed);
    scene.write("program/helper.py", "");
    assert!(scene.asks(&calls, scene.options()).1 > 300, "a new file beside it could be imported");
    assert_eq!(scene.files().len(), 3);
}

/// Cut anywhere, as by a process that was killed: what is whole counts, and nothing is said.
#[test]
fn a_file_that_is_cut_loses_its_end() {
    let scene = Scene::new();
    let calls = calls(1_200);
    let (plain, ..) = scene.asks(&calls, scene.options());
    let file = only(&scene.files()).to_owned();
    let bytes = std::fs::read(&file).expect("the file is read");
    assert!(bytes.len() > 3 * (64 << 10), "several blocks: {}", bytes.len());
    for part in 0..8 {
        let length = if part < 3 { part * 20 } else { bytes.len() * part / 8 - 1 };
        std::fs::write(&file, &bytes[..length]).expect("the file is written");
        let (answers, _, notes) = scene.asks(&calls[..600], scene.options());
        assert!(answers == plain[..601], "{length} of {} bytes", bytes.len());
        assert_eq!(notes, Vec::<String>::new(), "{length} of {} bytes", bytes.len());
        for file in scene.files() {
            std::fs::remove_file(file).expect("the file is removed");
        }
    }
}

#[test]
fn a_byte_that_is_wrong_changes_no_answer_and_is_said() {
    let scene = Scene::new();
    let calls = calls(900);
    let (plain, ..) = scene.asks(&calls, scene.options());
    let file = only(&scene.files()).to_owned();
    let bytes = std::fs::read(&file).expect("the file is read");
    for part in 0..10 {
        let place = if part < 5 { part * 17 } else { bytes.len() * part / 10 };
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (part % 8);
        std::fs::write(&file, &damaged).expect("the file is written");
        let (answers, _, notes) = scene.asks(&calls, scene.options());
        assert!(answers == plain, "byte {place}");
        // A length that grew is like a file that was cut.
        let said = notes.iter().any(|note| {
            note.contains("is damaged from byte")
                || note.contains("is no cache of this step program's answers")
        });
        let grew = (57..61).contains(&place) && notes.is_empty();
        assert!(said || grew, "byte {place}: {notes:?}");
        assert_eq!(file.exists(), place < 57 || grew, "what is damaged is made anew, what is strange is not");
        for other in scene.files().iter().filter(|other| **other != file) {
            std::fs::remove_file(other).expect("the file is removed");
        }
    }
}

#[test]
fn a_strange_file_in_its_place_is_left_alone() {
    let scene = Scene::new();
    let (plain, ..) = scene.asks(&calls(200), scene.options());
    let file = only(&scene.files()).to_owned();
    std::fs::write(&file, "my letters").expect("the file is written");
    let (answers, _, notes) = scene.asks(&calls(200), scene.options());
    assert!(answers == plain);
    contains_all(&notes.join("\n"), &["is no cache of this step program's answers, and is left alone"]);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "my letters");
    // The answers of another program under this one's name.
    scene.write("program/protocol.py", &PROGRAM.replace("% 3 == 0", "% 5 == 0"));
    for other in scene.files().iter().filter(|other| **other != file) {
        std::fs::remove_file(other).expect("the file is removed");
    }
    let (other, ..) = scene.asks(&calls(200), scene.options());
    let theirs = scene.files().into_iter().find(|path| *path != file).expect("a second file");
    std::fs::rename(theirs, &file).expect("it takes the place");
    scene.write("program/protocol.py", PROGRAM);
    let (answers, _, notes) = scene.asks(&calls(200), scene.options());
    assert!(other != plain);
    assert!(answers == plain);
    contains_all(&notes.join("\n"), &["is no cache of this step program's answers"]);
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let scene = Scene::new();
    let calls = calls(4_000);
    let (mut one, mut two) = (scene.start(scene.options()), scene.start(scene.options()));
    for part in calls.chunks(500) {
        assert!(one.steps(part).expect("answers") == two.steps(part).expect("answers"));
    }
    one.finish().expect("it is deterministic");
    two.finish().expect("it is deterministic");
    drop((one, two));
    assert_eq!(scene.files().len(), 2);
    let (answers, asked, notes) = scene.asks(&calls, scene.options());
    assert_eq!(answers.len(), 4_001);
    assert!(asked <= SAMPLE + 1, "{asked}");
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn many_files_become_one() {
    let scene = Scene::new();
    for number in 1..=9 {
        scene.asks(&calls(number * 20), scene.options());
    }
    assert!(scene.files().len() < 4, "{:?}", scene.files());
    let (_, asked, notes) = scene.asks(&calls(180), scene.options());
    assert!(asked <= 181, "{asked}");
    assert_eq!(notes, Vec::<String>::new());
}

/// What was written before a process was killed counts: here it is forgotten instead of dropped.
#[test]
fn work_that_does_not_come_to_its_end_is_kept() {
    let scene = Scene::new();
    let mut program = scene.start(scene.options());
    program.steps(&calls(2_000)).expect("answers");
    let length = std::fs::metadata(only(&scene.files())).expect("it is there").len();
    assert!(length > 64 << 10, "{length} bytes are there before the end");
    drop(program);
    let (_, asked, _) = scene.asks(&calls(2_000), scene.options());
    assert!(asked <= SAMPLE + 1, "{asked}");
}

#[test]
fn a_folder_that_goes_away_costs_a_note() {
    let scene = Scene::new();
    let mut program = scene.start(scene.options());
    std::fs::remove_dir_all(scene.path("cache")).expect("the folder is removed");
    let answers = program.steps(&calls(2_000)).expect("answers");
    assert_eq!(answers.len(), 2_000);
    program.finish().expect("it is deterministic");
    let notes = program.take_notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    contains_all(&notes[0], &["answers cannot be kept in", "No such file"]);
}

#[test]
fn it_stays_within_its_bound_and_what_was_used_longest_ago_goes() {
    let scene = Scene::new();
    let small = || {
        let folder = scene.path("cache");
        Options { cache: Some(CacheOptions { folder, bytes_max: 1 << 19 }), ..patient() }
    };
    let (plain, ..) = scene.asks(&calls(1_000), patient());
    // One program gets a quarter.
    let (answers, _, notes) = scene.asks(&calls(1_000), small());
    assert!(answers == plain);
    assert_eq!(notes.len(), 1, "{notes:?}");
    contains_all(&notes[0], &["is full: the answers from here on are not kept"]);
    let first = only(&scene.files()).to_owned();
    let size = || scene.files().iter().map(|file| std::fs::metadata(file).unwrap().len()).sum::<u64>();
    assert!(size() <= 1 << 17, "{}", size());
    for version in 0..8 {
        scene.write("program/version.py", &version.to_string());
        scene.asks(&calls(1_000), small());
        assert!(size() <= 1 << 19, "{}", size());
    }
    assert!(!first.exists(), "the oldest had to go");
}

#[test]
fn nothing_is_kept_of_a_program_that_is_not_deterministic() {
    let scene = Scene::new();
    scene.write(
        "program/protocol.py",
        &PROGRAM.replace("\"read\": elsewhere", "\"read\": __import__('os').getpid()"),
    );
    let mut program = scene.start(scene.options());
    program.steps(&calls(2_000)).expect("one run always answers alike");
    let error = program.finish().expect_err("another run does not").to_string();
    contains_all(&error, &["not deterministic", "when it is run a second time"]);
    drop(program);
    assert_eq!(scene.files(), Vec::<PathBuf>::new());
}

/// The sample at the end finds what the cache cannot know.
#[test]
fn what_the_program_reads_elsewhere_is_noticed() {
    let scene = Scene::new();
    let (plain, ..) = scene.asks(&calls(500), scene.options());
    scene.write("elsewhere/data", "2");
    let mut program = scene.start(scene.options());
    assert!(program.steps(&calls(500)).expect("answers") == plain[1..]);
    let error = program.finish().expect_err("the program answers otherwise now").to_string();
    contains_all(&error, &["the step cache has another answer", "kept:   ", "answer: ", "run it again"]);
    drop(program);
    assert_eq!(scene.files(), Vec::<PathBuf>::new());
    let (again, asked, _) = scene.asks(&calls(500), scene.options());
    assert!(asked > 500);
    assert!(again != plain);
}

#[test]
fn a_program_that_changes_meanwhile_keeps_nothing() {
    let scene = Scene::new();
    let mut program = scene.start(scene.options());
    program.steps(&calls(2_000)).expect("answers");
    scene.write("program/protocol.py", &format!("{PROGRAM}\n"));
    program.finish().expect("it answers as before");
    contains_all(&program.take_notes().join("\n"), &["changed meanwhile"]);
    assert_eq!(scene.files(), Vec::<PathBuf>::new());
}
