//! What holds of every drawing: nothing panics, nothing is wider than asked for, nothing escapes its
//! escaping, and equal views are found by comparing them.

#![allow(missing_docs)]

mod samples;
mod support;

use samples::{C1, C2, NASTY, S1, S2, execution, sent, three_worlds};
use serde_json::json;
use support::{columns, well_formed, without_styles};
use threeworlds_diagram::{Fate, Group, Report, Scene, TerminalOptions, html, mermaid, svg, terminal, tikz};
use threeworlds_model::{Execution, Process, Round};

fn everything() -> Vec<(&'static str, Vec<Execution>)> {
    let mut all = samples::all();
    all.push(("64 processes", vec![samples::all_to_all("64", 40, 24, 2)]));
    all.push(("one server", vec![samples::all_to_all("one", 1, 0, 3)]));
    all.push(("sizes differ", vec![samples::crash(), samples::lasso(), samples::world("A", &[S2], &[C1])]));
    all.push(("five to five", vec![samples::all_to_all("5", 5, 5, 40)]));
    all.push(("long and short", vec![samples::long(40), samples::long(7)]));
    all
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (name, executions) in everything() {
        for (width, ascii) in [(40, false), (57, true), (80, false), (80, true), (200, false)] {
            let options = TerminalOptions { width, colour: false, ascii };
            let text = terminal(&executions, &options);
            for line in text.lines() {
                assert!(columns(line) <= width, "{name} at {width}: {} columns\n{line}", columns(line));
                assert!(!line.chars().any(char::is_control), "{name}: a control character in {line:?}");
                assert!(!ascii || line.is_ascii(), "{name}: {line} is not ASCII");
                assert_eq!(line.trim_end(), line, "{name}: blanks at the end");
            }
            let coloured = terminal(&executions, &TerminalOptions { colour: true, ..options });
            assert_eq!(without_styles(&coloured), text, "{name}: colour changes the text");
        }
    }
}

#[test]
fn three_worlds_stand_side_by_side_in_80_columns() {
    let text = terminal(&three_worlds(), &TerminalOptions::default());
    let first = text.lines().next().expect("there is a first line");
    assert!(first.contains("World A") && first.contains("World B") && first.contains("World C"), "{text}");
}

#[test]
fn what_nobody_can_tell_apart_is_computed() {
    let scene = Scene::new(&three_worlds());
    assert_eq!(scene.sentences(), ["s1 and c1 cannot tell A from C", "s2 and c2 cannot tell B from C"]);
    let marks = |world: usize| -> Vec<Option<String>> {
        scene.worlds[world].lanes.iter().map(|lane| scene.mark(world, lane)).collect()
    };
    let mark = |text: &str| Some(text.to_owned());
    assert_eq!(marks(0), [mark("= C"), None, mark("= C"), None]);
    assert_eq!(marks(1), [None, mark("= C"), None, mark("= C")]);
    assert_eq!(marks(2), [mark("= A"), mark("= B"), mark("= A"), mark("= B")]);
}

#[test]
fn one_message_more_tells_worlds_apart() {
    let mut worlds = three_worlds();
    worlds[2].rounds[4].messages.push(sent(C2, S1, json!("hello")));
    assert_eq!(
        Scene::new(&worlds).sentences(),
        ["s2 and c2 cannot tell B from C", "c1 cannot tell A from C"]
    );
    // Only the rounds that all worlds have are compared.
    worlds[0].rounds.pop();
    assert_eq!(Scene::new(&worlds).sentences()[0], "s1 and c1 cannot tell A from C");
}

#[test]
fn a_process_that_stops_is_told_from_one_that_goes_on() {
    let mut stops = execution("A", "p", 2, 0);
    stops.rounds = vec![Round::default(); 3];
    let mut goes_on = stops.clone();
    goes_on.name = "B".into();
    stops.rounds[1].crashes.push(S1);
    assert_eq!(Scene::new(&[stops, goes_on]).sentences(), ["s2 cannot tell A from B"]);
}

#[test]
fn a_world_gets_a_number_when_its_name_is_taken_or_long() {
    let mut worlds = three_worlds();
    worlds[1].name = "A".into();
    worlds[2].name = "both of them ask".into();
    let scene = Scene::new(&worlds);
    assert_eq!(scene.sentences(), ["s1 and c1 cannot tell A from #3", "s2 and c2 cannot tell #2 from #3"]);
    let headings: Vec<&str> = scene.worlds.iter().map(|world| world.heading.as_str()).collect();
    assert_eq!(headings, ["World A", "#2 A", "#3 both of them ask"]);
}

#[test]
fn the_cross_is_at_the_process_that_is_charged() {
    let scene = Scene::new(&three_worlds());
    let world = &scene.worlds[0];
    let fate = |from: Process, to: Process| {
        let is = |lane: usize, process| world.lanes[lane].process == process;
        let mut arrows = world.arrows.iter();
        arrows.find(|arrow| is(arrow.from, from) && is(arrow.to, to)).expect("it was sent").fate
    };
    assert_eq!(fate(S1, S2), Fate::RemovedAtReceiver);
    assert_eq!(fate(S2, S1), Fate::RemovedAtSender);
    assert_eq!(fate(C1, S1), Fate::Delivered);
}

#[test]
fn the_reader_of_xml_can_say_no() {
    for bad in ["<a>", "<a></b>", "<a>&</a>", "<a>\u{1}</a>", "<a b=\"></a>", "</a>"] {
        assert!(well_formed(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_svg_is_well_formed_and_has_no_foreign_element() {
    let known = ["svg", "title", "desc", "rect", "path", "g", "circle", "text"];
    for (name, executions) in everything() {
        let svg = svg(&executions);
        well_formed(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        for tag in svg.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '?'])) {
            let tag = tag.split([' ', '>', '/']).next().unwrap_or_default();
            assert!(known.contains(&tag), "{name}: <{tag}>");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}: a number that is none");
    }
}

#[test]
fn a_report_shows_markup_and_runs_none() {
    for text in NASTY {
        let text = (*text).to_owned();
        let report = Report {
            title: text.clone(),
            verdict: text.clone(),
            rows: vec![(text.clone(), text.clone())],
            paragraphs: vec![text.clone()],
            groups: vec![Group {
                heading: text.clone(),
                text: text.clone(),
                executions: vec![samples::nasty()],
                ..Group::default()
            }],
            json: text.clone(),
            ..Report::default()
        };
        let page = html(&report);
        assert!(!page.contains("<script"), "{text:?} runs");
        assert!(
            !page.contains("http:") || page.matches("http:").count() == page.matches("xmlns=\"http:").count()
        );
        assert!(!page.contains("src=") && !page.contains("href="), "{text:?} loads something");
        let body =
            &page[page.find("<main>").expect("there is a main")..page.find("</main>").expect("and its end")];
        well_formed(&format!("{body}</main>")).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
}

#[test]
fn tex_has_no_bare_special_character() {
    let document = tikz(&samples::nasty());
    assert!(document.is_ascii() || document.chars().all(|c| c.is_ascii() || ('À'..='ÿ').contains(&c)));
    for line in document.lines().filter(|line| line.starts_with("\\node")) {
        let text = line.split("\\selectfont ").nth(1).expect("a node has a text");
        let text = text.strip_suffix("};").expect("a node ends");
        let mut depth = 0;
        let mut escaped = false;
        for character in text.chars() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '{' => depth += 1,
                '}' => depth -= 1,
                '$' | '&' | '#' | '_' | '%' | '^' | '~' => panic!("a bare {character} in {line}"),
                _ => {}
            }
            assert!(depth >= 0, "{line}");
        }
        assert!(depth == 0 && !escaped, "{line}");
    }
}

#[test]
fn mermaid_texts_cannot_end_their_line() {
    for line in mermaid(&samples::nasty()).lines().skip(1) {
        let Some((_, text)) = line.split_once(": ") else { continue };
        let rest = text.split('#').skip(1);
        for entity in rest {
            let (number, _) = entity.split_once(';').unwrap_or_else(|| panic!("a bare # in {line}"));
            assert!(number.parse::<u32>().is_ok(), "{line}");
        }
        let signs = text.matches(';').count();
        assert_eq!(signs, text.matches('#').count(), "a bare ; in {line}");
        assert!(!text.contains(['<', '>', '%', '&', ':', '\\']), "{line}");
        assert!(!text.trim().is_empty(), "{line}");
    }
}

#[test]
fn drawing_twice_gives_the_same() {
    for (name, executions) in everything() {
        let read_back: Vec<Execution> = executions
            .iter()
            .map(|execution| {
                Execution::parse(&execution.text()).unwrap_or_else(|error| panic!("{name}: {error}"))
            })
            .collect();
        assert_eq!(svg(&executions), svg(&read_back), "{name}");
        let options = TerminalOptions { colour: true, ..TerminalOptions::default() };
        assert_eq!(terminal(&executions, &options), terminal(&read_back, &options), "{name}");
    }
}

#[test]
fn every_message_is_drawn() {
    for (name, executions) in everything() {
        let sent: usize =
            executions.iter().flat_map(|execution| &execution.rounds).map(|r| r.messages.len()).sum();
        let scene = Scene::new(&executions);
        assert_eq!(scene.worlds.iter().map(|world| world.arrows.len()).sum::<usize>(), sent, "{name}");
        assert_eq!(svg(&executions).matches("<g><title>").count(), sent, "{name}");
    }
}
