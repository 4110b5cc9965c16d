//! The worlds of certificates: golden files, and what holds of every drawing, of wrong certificates too.

#![allow(missing_docs)]

mod support;

use serde_json::{Value as Json, json};
use support::{check, columns, well_formed, without_styles};
use threeworlds_certificate::{Certificate, verify};
use threeworlds_diagram::worlds::{self, Proof};
use threeworlds_diagram::{TerminalOptions, Tone};

/// Name, text, and whether it proves something.
const SAMPLES: [(&str, &str, bool); 8] = [
    ("theorem", include_str!("../../certificate/tests/certificates/theorem.json"), true),
    ("groups", include_str!("../../certificate/tests/certificates/groups.json"), true),
    ("general", include_str!("../../certificate/tests/certificates/general.json"), true),
    ("late", include_str!("certificates/late.json"), true),
    ("rounds", include_str!("certificates/rounds.json"), true),
    ("chain", include_str!("certificates/chain.json"), false),
    ("large", include_str!("certificates/large.json"), false),
    ("nasty", include_str!("certificates/nasty.json"), false),
];

fn read(text: &str) -> Certificate {
    Certificate::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn sample(name: &str) -> Certificate {
    read(SAMPLES.iter().find(|(sample, ..)| *sample == name).expect("there is such a sample").1)
}

fn text(certificate: &Certificate, width: usize, ascii: bool) -> String {
    worlds::terminal(certificate, &TerminalOptions { width, ascii, colour: false })
}

#[test]
fn golden() {
    for (name, certificate, _) in SAMPLES {
        let certificate = read(certificate);
        check(&format!("worlds/{name}.svg"), &worlds::svg(&certificate));
        check(&format!("worlds/{name}.tex"), &worlds::tikz(&certificate));
        check(&format!("worlds/{name}.txt"), &text(&certificate, 80, false));
        check(&format!("worlds/{name}.ascii.txt"), &text(&certificate, 80, true));
    }
    let theorem = sample("theorem");
    let options = TerminalOptions { colour: true, ..TerminalOptions::default() };
    check("worlds/theorem.colour.txt", &worlds::terminal(&theorem, &options));
    check("worlds/theorem.narrow.txt", &text(&theorem, 60, false));
    check("worlds/proof.html", &worlds::html(&proof(&theorem, "No protocol <at all>")));
}

fn proof<'a>(certificate: &'a Certificate, text: &str) -> Proof<'a> {
    Proof {
        title: text.to_owned(),
        verdict: text.to_owned(),
        tone: Tone::Bad,
        rows: vec![(text.to_owned(), text.to_owned())],
        paragraphs: vec![text.to_owned()],
        sentences: vec![text.to_owned(), text.to_owned()],
        certificate,
        json: text.to_owned(),
    }
}

#[test]
fn the_samples_are_what_they_say() {
    for (name, certificate, proves) in SAMPLES {
        let verified = verify(&read(certificate));
        assert_eq!(verified.is_ok(), proves, "{name}: {verified:?}");
    }
}

#[test]
fn three_worlds_stand_side_by_side_in_80_columns() {
    for name in ["theorem", "groups", "general", "late"] {
        let text = text(&sample(name), 80, false);
        let side_by_side =
            |line: &str| ["World A", "World B", "World C"].iter().all(|name| line.contains(name));
        assert!(text.lines().any(side_by_side), "{name}\n{text}");
    }
}

#[test]
fn a_person_sees_who_cannot_tell_what_and_how_it_ends() {
    for name in ["theorem", "late", "rounds"] {
        let certificate = sample(name);
        let drawings = [worlds::svg(&certificate), worlds::tikz(&certificate), text(&certificate, 80, false)];
        for drawing in drawings {
            assert!(drawing.contains("c1 cannot tell A from C"), "{name}\n{drawing}");
            assert!(drawing.contains("c2 cannot tell B from C"), "{name}\n{drawing}");
            assert_eq!(drawing.matches("as in A").count() > 0, drawing.matches("as in B").count() > 0);
        }
    }
    let theorem = text(&sample("theorem"), 80, false);
    assert!(theorem.contains("C1 ≠ C2") && theorem.contains("c1 is told C1 and c2 is told C2"), "{theorem}");
    let late = text(&sample("late"), 80, true);
    assert!(late.contains("-> initial") && late.contains("!= C1"), "{late}");
    // The value that Agreement forces is no value that anybody is told.
    assert_eq!(theorem.matches("→ C1").count(), 2);
    assert_eq!(theorem.matches("→ C2").count(), 2);
}

#[test]
fn nothing_is_drawn_as_the_same_that_is_not() {
    let differs = SAMPLES[0].1.replacen("\"s2 -> s1\",", "", 1);
    let drawing = text(&read(&differs), 80, false);
    assert!(
        !drawing.contains("cannot tell A from C") && drawing.contains("cannot tell B from C"),
        "{drawing}"
    );
    // Neither is the response carried over.
    assert_eq!(drawing.matches("→ C1").count(), 1, "{drawing}");
}

/// A text as it stands in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn every_block_and_every_blocked_link_is_in_the_picture() {
    for certificate in certificates() {
        let Certificate { blocks, worlds: all, claim, .. } = &certificate;
        let svg = worlds::svg(&certificate);
        let mut expected = 0;
        for (from, to) in all.iter().flat_map(|world| &world.phases).flat_map(|phase| &phase.blocked) {
            if from != to && claim.rounds.is_none() {
                let link = escaped(&format!("{} → {}: l", blocks[*from].name, blocks[*to].name));
                assert!(svg.contains(&link), "{link} is missing");
                expected += 1;
            }
        }
        if claim.rounds.is_none() {
            // Each is in the tip of its line, and in no other.
            let tips: Vec<&str> =
                svg.split("<title>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
            let blocked = |tip: &&str| tip.contains(": lost") || tip.contains(": late");
            let shown: usize = tips
                .iter()
                .filter(|tip| blocked(tip))
                .map(|tip| tip.matches(": lost").count() + tip.matches(": late").count())
                .sum();
            assert!(shown >= expected, "{shown} of {expected} blocked links");
        }
        let text = text(&certificate, 80, false);
        for block in blocks {
            assert!(all.is_empty() || svg.contains(&escaped(&block.name)), "{} is missing", block.name);
            assert!(
                all.is_empty() || claim.rounds.is_some() || text.contains(&block.name),
                "{}\n{text}",
                block.name
            );
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for certificate in certificates() {
        for (width, ascii) in
            [(1, false), (40, true), (57, false), (80, false), (80, true), (200, false), (500, true)]
        {
            let text = text(&certificate, width, ascii);
            for line in text.lines() {
                assert!(columns(line) <= width.max(40), "{} columns of {width}\n{line}", columns(line));
                assert!(!line.chars().any(char::is_control), "a control character in {line:?}");
                assert!(!ascii || line.is_ascii(), "{line} is not ASCII");
                assert_eq!(line.trim_end(), line, "blanks at the end");
            }
            assert!(text.ends_with('\n'));
            let coloured = worlds::terminal(&certificate, &TerminalOptions { width, ascii, colour: true });
            assert_eq!(without_styles(&coloured), text, "colour changes the text");
        }
    }
}

#[test]
fn every_picture_is_well_formed_and_stays_on_its_paper() {
    for certificate in certificates() {
        let svg = worlds::svg(&certificate);
        well_formed(&svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        well_formed(&worlds::html_figure(&certificate)).unwrap_or_else(|error| panic!("{error}"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "a number that is none");
        let figure = worlds::figure(&certificate);
        for shape in &figure.shapes {
            for point in corners(shape) {
                let inside =
                    (0.0..=figure.width).contains(&point.0) && (0.0..=figure.height).contains(&point.1);
                assert!(inside, "{shape:?} is off the paper of {} by {}", figure.width, figure.height);
            }
        }
    }
}

fn corners(shape: &threeworlds_diagram::Shape) -> Vec<(f64, f64)> {
    use threeworlds_diagram::Shape;
    match shape {
        Shape::Line { from, to, .. } | Shape::Arrow { from, to, .. } => vec![(from.x, from.y), (to.x, to.y)],
        Shape::Path { points, .. } => points.iter().map(|point| (point.x, point.y)).collect(),
        Shape::Cross { at, .. } | Shape::Text { at, .. } => vec![(at.x, at.y)],
        Shape::Pill { at, width, height, .. } | Shape::Frame { at, width, height, .. } => {
            vec![(at.x, at.y), (at.x + width, at.y + height)]
        }
    }
}

#[test]
fn tex_has_no_bare_special_character() {
    for certificate in certificates() {
        let document = worlds::tikz(&certificate);
        for line in document.lines().filter(|line| line.starts_with("\\node")) {
            let text = line.split("\\selectfont ").nth(1).and_then(|text| text.strip_suffix("};"));
            let text = text.unwrap_or_else(|| panic!("a node has a text: {line}"));
            let (mut depth, mut escaped) = (0, false);
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
}

#[test]
fn a_page_shows_markup_and_runs_none() {
    let certificate = sample("nasty");
    for text in ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</pre></main>&amp;\u{1}"] {
        let page = worlds::html(&proof(&certificate, text));
        assert!(!page.contains("<script") && !page.contains("<img"), "{text:?} runs");
        assert!(!page.contains("src=\"") && page.matches("href=").count() == 1, "{text:?} loads something");
        let body = &page[page.find("<main>").expect("a main")..page.find("</main>").expect("its end")];
        well_formed(&format!("{body}</main>")).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let saved =
            page.split("href=\"data:application/json,").nth(1).and_then(|rest| rest.split('"').next());
        let saved = saved.expect("the certificate can be saved");
        assert_eq!(Certificate::parse(&decoded(saved)), Ok(certificate.clone()));
    }
}

/// What a percent-encoded text says.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
            let digits = std::str::from_utf8(&digits).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("it is UTF-8")
}

#[test]
fn what_is_not_drawn_is_counted() {
    let worlds = |count: usize, epochs: usize| -> Certificate {
        let mut document: Json = serde_json::from_str(SAMPLES[0].1).expect("it is JSON");
        let epoch = document["worlds"][0]["epochs"][0].clone();
        let world = |number: usize| {
            json!({
                "format": "threeworlds/world/1",
                "name": format!("W{number}"),
                "faulty": [],
                "epochs": vec![epoch.clone(); epochs],
            })
        };
        document["worlds"] = (0..count).map(world).collect();
        document["argument"] = json!([]);
        read(&document.to_string())
    };
    for drawing in [worlds::svg(&worlds(130, 1)), text(&worlds(130, 1), 80, false)] {
        assert!(
            drawing.contains("and 10 more worlds") && drawing.contains("W119") && !drawing.contains("W120")
        );
    }
    for drawing in [worlds::svg(&worlds(2, 30)), text(&worlds(2, 30), 80, false)] {
        assert!(
            drawing.contains("and 6 more epochs")
                && drawing.contains("epoch 24")
                && !drawing.contains("epoch 25")
        );
    }
    assert!(
        worlds::svg(&worlds(0, 1)).contains("no worlds")
            && text(&worlds(0, 1), 80, false).contains("no worlds")
    );
}

#[test]
fn a_view_of_more_rounds_than_are_drawn_is_still_a_view() {
    let mut document: Json = serde_json::from_str(SAMPLES[4].1).expect("it is JSON");
    document["claim"]["rounds"] = json!(30);
    for world in document["worlds"].as_array_mut().expect("worlds") {
        let quiet = json!({ "requests": {}, "blocked": world["rounds"][1]["blocked"] });
        world["rounds"].as_array_mut().expect("rounds").resize(30, quiet);
    }
    let certificate = read(&document.to_string());
    assert_eq!(verify(&certificate), Ok(()));
    for drawing in [worlds::svg(&certificate), text(&certificate, 80, false)] {
        assert!(
            drawing.contains("c1 cannot tell A from C") && drawing.contains("and 6 more rounds"),
            "{drawing}"
        );
    }
}

#[test]
fn two_hundred_blocks_are_told_in_words() {
    let mut document: Json = serde_json::from_str(SAMPLES[0].1).expect("it is JSON");
    document["claim"]["servers"] = json!(200);
    let certificate = read(&document.to_string());
    for drawing in [worlds::svg(&certificate), text(&certificate, 80, false)] {
        assert!(drawing.contains("s200") && drawing.contains("lost at s2"), "{drawing}");
    }
}

/// The samples, and many more that prove nothing.
fn certificates() -> Vec<Certificate> {
    let samples = SAMPLES.iter().map(|(_, text, _)| read(text));
    let mut numbers = Numbers(7);
    samples.chain((0..60).map(|_| numbers.certificate())).collect()
}

/// Numbers that look like chance, the same in every run: Knuth's multiplier.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn certificate(&mut self) -> Certificate {
        let (servers, clients) = (1 + self.below(5), self.below(5));
        let rounds = (self.below(3) == 0).then(|| self.below(4));
        let symbolic = rounds.is_none() && self.below(4) == 0;
        let names: Vec<String> = (1..=servers)
            .map(|number| if symbolic { format!("G{number}") } else { format!("s{number}") })
            .chain((1..=clients).map(|number| format!("c{number}")))
            .collect();
        let groups: serde_json::Map<String, Json> = names
            .iter()
            .filter(|name| name.starts_with('G'))
            .map(|name| (name.clone(), json!("servers")))
            .collect();
        // Every world has as many, and at least three.
        let phases = 3 + self.below(2);
        let worlds: Vec<Json> =
            (0..self.below(6)).map(|number| self.world(number, &names, rounds.is_some(), phases)).collect();
        let steps: Vec<Json> = match worlds.len() {
            0 => Vec::new(),
            count => (0..self.below(14)).map(|_| self.step(count, &names)).collect(),
        };
        let mut claim = json!({
            "servers": servers, "clients": clients, "fault_rules": [], "timing": "partial-synchrony",
            "task": "register", "argued_as": "register",
            "links": { "client_client": self.below(2) == 0 }, "rounds": rounds,
        });
        if symbolic {
            claim["servers"] = json!("any");
            claim["condition"] = json!(format!("{servers} <= n <= f"));
        }
        let document = json!({
            "format": Certificate::FORMAT, "claim": claim, "groups": groups, "worlds": worlds, "argument": steps,
        });
        read(&document.to_string())
    }

    fn world(&mut self, number: usize, names: &[String], rounds: bool, phases: usize) -> Json {
        let classes = ["crash", "send-omission", "receive-omission", "omission"];
        let faulty: Vec<Json> = names
            .iter()
            .filter_map(|who| {
                let class = *classes.get(self.below(7))?;
                let mut fault = json!({ "who": who, "class": class });
                if class == "crash" {
                    fault["from"] = json!(1 + self.below(3));
                }
                Some(fault)
            })
            .collect();
        // The same often enough that some views are equal.
        let dense = 2 + self.below(6);
        let phases: Vec<Json> = (0..phases).map(|_| self.phase(names, dense)).collect();
        let mut world = json!({
            "format": "threeworlds/world/1", "name": format!("W{number}"), "faulty": faulty,
        });
        world[if rounds { "rounds" } else { "epochs" }] = Json::Array(phases);
        world
    }

    fn phase(&mut self, names: &[String], dense: usize) -> Json {
        let mut blocked = Vec::new();
        for from in names {
            for to in names {
                if self.below(dense) == 0 {
                    blocked.push(format!("{from} -> {to}"));
                }
            }
        }
        let mut requests = serde_json::Map::new();
        for who in names {
            match self.below(4) {
                0 => {
                    drop(requests.insert(who.clone(), json!({ "op": "write", "value": who.to_uppercase() })))
                }
                1 => drop(requests.insert(who.clone(), json!({ "op": "read" }))),
                _ => {}
            }
        }
        json!({ "requests": requests, "blocked": blocked })
    }

    fn step(&mut self, worlds: usize, names: &[String]) -> Json {
        let mut world = || format!("W{}", self.below(worlds));
        let (one, other) = (world(), world());
        let client = names[self.below(names.len())].clone();
        let another = names[self.below(names.len())].clone();
        let epoch = 1 + self.below(3);
        match self.below(5) {
            0 => json!({ "step": "forced", "world": one, "client": client, "epoch": epoch }),
            1 => {
                json!({ "step": "indistinguishable", "worlds": [one, other], "client": client, "epoch": epoch })
            }
            2 => {
                let all = [json!("C1"), json!("S1"), json!(null)];
                let values = &all[..self.below(4)];
                json!({ "step": "values", "world": one, "client": client, "epoch": epoch, "values": values })
            }
            3 => {
                json!({ "step": "agreement", "world": one, "clients": [client, another], "epochs": [epoch, epoch] })
            }
            _ => json!({ "step": "contradiction", "world": one, "client": client, "epoch": epoch }),
        }
    }
}
