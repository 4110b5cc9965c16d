//! Timelines that the tests and the gallery draw.

use threeworlds_diagram::timeline::{Happening, Loss, Near, Sheet, Timeline};

/// Every sample, by name.
pub fn all() -> Vec<(&'static str, Sheet)> {
    vec![
        ("worlds", worlds()),
        ("faults", faults().into()),
        ("stale-read", stale_read().into()),
        ("queue", no_times().into()),
        ("nasty", nasty().into()),
        ("odd", odd().into()),
        ("empty", Timeline::new("Nothing").into()),
        ("none", Sheet::default()),
    ]
}

/// A primary-backup pair as real processes: worlds A, B and C.
pub fn worlds() -> Sheet {
    let mut a = world("World A: s2 and c2 are faulty", [false, true], [false, true]);
    asks(&mut a, 0, 2, "C1", 300_000);
    a.caption("s1 must not wait for ever: c1 is not faulty, and is told C1");
    let mut b = world("World B: s1 and c1 are faulty", [true, false], [true, false]);
    asks(&mut b, 1, 3, "C2", 300_000);
    b.caption("The same with the names exchanged: c2 is told C2");
    let mut c = world("World C: s2 and c2 are faulty", [false, true], [false, true]);
    asks(&mut c, 0, 2, "C1", 300_000);
    asks(&mut c, 1, 3, "C2", 300_400);
    c.caption("Violates agreement: c1 is told C1, but c2 is told C2");
    Sheet { timelines: vec![a, b, c], side_by_side: false, caption: Vec::new() }
}

fn world(title: &str, servers: [bool; 2], clients: [bool; 2]) -> Timeline {
    let mut world = Timeline::new(title);
    for (number, faulty) in servers.into_iter().enumerate() {
        let lane = world.server(format!("s{}", number + 1));
        world.lanes[lane].fault = faulty.then(|| "omission".to_owned());
    }
    for (number, faulty) in clients.into_iter().enumerate() {
        let lane = world.client(format!("c{}", number + 1));
        world.lanes[lane].fault = faulty.then(|| "omission".to_owned());
    }
    let (s1, s2, c1, c2) = (0, 1, 2, 3);
    let links = [(s1, s2), (s2, s1), (s1, c2), (c2, s1), (s2, c1), (c1, s2)];
    world.cut(&links, 100_000, Some(10_600_000)).label("{s1, c1} | {s2, c2}");
    world.note(110_000, "every cut link seen to lose a probe");
    world.note(10_640_000, "healed, seen");
    let near = |from: usize, _to: usize| {
        let faulty = if from < 2 { servers[from] } else { clients[from - 2] };
        if faulty { Near::Sender } else { Near::Receiver }
    };
    for beat in 0..214u64 {
        let at = 10_000 + beat * 50_000;
        for (from, to) in [(s1, s2), (s2, s1)] {
            let lost = (100_000..10_600_000).contains(&at);
            let message = world.message(from, to, "heartbeat", at);
            if lost {
                message.lost(at + 300, near(from, to), Loss::Cut);
            } else {
                message.arrived(at + 900);
            }
        }
    }
    world.span = Some((0, 10_700_000));
    world
}

/// A client asks both servers; the one on its side gives the other up after a while, and answers.
fn asks(world: &mut Timeline, server: usize, client: usize, value: &str, at: u64) {
    let other = 1 - server;
    let faulty = |lane: usize| world.lanes[lane].fault.is_some();
    let near = |from: usize, to: usize| {
        if faulty(to) && !faulty(from) { Near::Receiver } else { Near::Sender }
    };
    let (to_other, between) = (near(client, other), near(server, other));
    world.message(client, server, "write_once", at).arrived(at + 1_100).detail("key x, value \"C1\"");
    world.message(client, other, "write_once", at + 200).lost(at + 500, to_other, Loss::Cut);
    world.message(server, other, "replicate", at + 1_500).lost(at + 1_800, between, Loss::Cut);
    world.message(server, other, "replicate", at + 101_500).lost(at + 101_800, between, Loss::Cut);
    world.message(server, client, "write_once_ok", at + 202_000).arrived(at + 203_000);
    let operation = world.operation(client, format!("write({value})"), at);
    operation.answered(at + 203_200, value).blamed();
}

/// Three servers, everything that can happen to a process, cuts that come and go, and losses by type.
pub fn faults() -> Timeline {
    let mut run = Timeline::new("kill the leader, then pause a follower");
    run.subtitle = "raft.py, plan 17 of 42".to_owned();
    let s1 = run.faulty_server("s1", "crash");
    let s2 = run.server("s2");
    let s3 = run.faulty_server("s3", "receive-omission");
    let (c1, c2) = (run.client("c1"), run.client("c2"));
    run.operation(c1, "cas x 0 → 1", 40_000).answered(62_000, "ok");
    run.message(c1, s1, "cas", 40_000).arrived(42_000);
    for to in [s2, s3] {
        run.message(s1, to, "append_entries", 43_000).arrived(48_000);
        run.message(to, s1, "append_entries_res", 49_000).arrived(53_000);
    }
    run.message(s1, c1, "cas_ok", 58_000).arrived(62_000);
    run.mark(s1, Happening::Killed, 100_000).detail("SIGKILL");
    run.operation(c1, "read x", 130_000).given_up(1_130_000);
    run.message(c1, s1, "read", 130_000).lost(131_000, Near::Receiver, Loss::Down);
    run.message(s2, s3, "request_vote", 410_000).arrived(414_000);
    run.message(s2, s1, "request_vote", 410_000).lost(412_000, Near::Receiver, Loss::Down);
    run.message(s3, s2, "request_vote_res", 416_000).arrived(421_000);
    run.mark(s1, Happening::Restarted, 700_000);
    run.mark(s3, Happening::Paused, 1_400_000).detail("SIGSTOP");
    run.operation(c2, "write x 7", 1_450_000).refused(1_480_000, "temporarily unavailable");
    run.message(c2, s2, "write", 1_450_000).arrived(1_455_000);
    run.message(s2, c2, "error", 1_470_000).arrived(1_478_000);
    run.mark(s3, Happening::Resumed, 1_900_000);
    for flap in 0..4 {
        let at = 2_000_000 + flap * 120_000;
        run.cut(&[(s2, s3)], at, Some(at + 60_000));
        run.message(s2, s3, "append_entries", at + 20_000).lost(at + 21_000, Near::Receiver, Loss::Cut);
        run.message(s2, s3, "append_entries", at + 80_000).arrived(at + 84_000);
    }
    run.message(s1, s2, "vote", 2_200_000).lost(2_203_000, Near::Sender, Loss::Type);
    run.message(s2, s2, "tick", 2_300_000).arrived(2_310_000);
    run.operation(c1, "read x", 2_450_000);
    run.message(c1, s2, "read", 2_450_000);
    run.mark(s2, Happening::Odd, 2_460_000).detail("line 214 on stdout is no message");
    run.mark(s3, Happening::Exited, 2_470_000).detail("exit status 1");
    run.not_kept = 1_250;
    run.span = Some((0, 2_500_000));
    run
}

/// A client history: a read that comes too late for what it shows.
pub fn stale_read() -> Timeline {
    let mut history = Timeline::new("Not linearizable: key x");
    history.subtitle = "4 of 12,000 operations cannot be ordered".to_owned();
    let clients: Vec<usize> = (0..4).map(|number| history.client(format!("c{number}"))).collect();
    for number in 0..12u64 {
        let lane = clients[(number % 4) as usize];
        let at = 9_000_000 + number * 1_700;
        history
            .operation(lane, format!("write(x, {})", 30 + number), at)
            .answered(at + 2_900, "ok")
            .context();
    }
    let write = history.operations.len();
    history.operation(clients[0], "write(x, 42)", 9_030_000).answered(9_034_000, "ok").blamed();
    history.operation(clients[1], "read(x)", 9_035_500).answered(9_037_000, "42").blamed();
    history.operation(clients[2], "read(x)", 9_039_000).answered(9_041_500, "41").blamed();
    history.operation(clients[3], "write(x, 43)", 9_036_000).given_up(9_046_000).context();
    history.order(write, write + 1, "ended before");
    history.order(write + 1, write + 2, "ended before");
    history.caption("c2 reads 41 although c1 had read 42 before: no order of these operations explains both");
    history
}

/// A history without times.
fn no_times() -> Timeline {
    let mut history = Timeline::new("queue");
    history.clock = threeworlds_diagram::timeline::Clock::Steps;
    let (one, two) = (history.client("process 0"), history.client("process 17"));
    history.operation(one, "enqueue(1)", 0).answered(3, "ok");
    history.operation(two, "enqueue(2)", 1).answered(2, "ok").blamed();
    history.operation(one, "dequeue", 4).answered(7, "1");
    history.operation(two, "dequeue", 5).answered(6, "nothing").blamed();
    history.order(1, 3, "");
    history
}

/// Texts that would break a careless writer.
fn nasty() -> Timeline {
    let mut run = Timeline::new("<script>alert('1')</script> & \"quotes\" \u{202e}turned\nnext line");
    run.subtitle = "\u{1b}[31mred\u{1b}[0m \u{0} ]]> %$#_{}~^\\".repeat(3);
    let s1 = run.faulty_server("a very long name of a server, 漢字漢字漢字", "\"omission\" <b>");
    let c1 = run.client("");
    let c2 = run.client("ключ");
    run.operation(c1, "write(".to_owned() + &"値".repeat(300) + ")", 10)
        .answered(900, "v".repeat(300))
        .blamed();
    run.operation(c2, "a\u{301}b </title>", 20).refused(30, "--> \u{7}");
    run.message(c1, s1, "m".repeat(300), 11).arrived(12).detail("<![CDATA[".repeat(40));
    run.message(s1, c2, "", 500).lost(501, Near::Sender, Loss::Cut);
    run.mark(s1, Happening::Odd, 600).detail("\u{85}\u{2028}");
    run.cut(&[(s1, c1), (s1, 99)], 400, None);
    run.note(700, "🦀 \\end{document} ".repeat(20));
    run.caption("claim </svg> ".repeat(80));
    run
}

/// What no run can have.
pub fn odd() -> Timeline {
    let mut run = Timeline::new("");
    let (s1, c1) = (run.server("s1"), run.client("c1"));
    run.operation(c1, "answered before it was asked", 900).answered(100, "x");
    run.operation(c1, "no time", 500).answered(500, "y").blamed();
    for _ in 0..9 {
        run.operation(c1, "at once", 500).answered(700, "z");
    }
    run.message(s1, c1, "back in time", 800).arrived(200);
    run.message(s1, s1, "to itself", 300).lost(300, Near::Sender, Loss::Type);
    run.cut(&[], 700, Some(600));
    run.message(s1, 7, "to nobody", 1).arrived(2);
    run.operation(9, "nobody's", 1);
    run.mark(8, Happening::Killed, 1);
    run.mark(s1, Happening::Resumed, 400);
    run.order(0, 0, "itself");
    run.order(5, 77, "");
    run.span = Some((950, 50));
    run
}

/// More than can be drawn.
pub fn large() -> Timeline {
    let mut run = Timeline::new("60 processes");
    let servers: Vec<usize> = (0..20).map(|number| run.server(format!("s{number}"))).collect();
    let clients: Vec<usize> = (0..40).map(|number| run.client(format!("c{number}"))).collect();
    for number in 0..4_000u64 {
        let (one, two) = ((number * 7 % 20) as usize, (number * 11 % 20) as usize);
        let at = number * 900;
        let message =
            run.message(servers[one], servers[two], if number % 3 == 0 { "ping" } else { "gossip" }, at);
        if number % 50 == 0 {
            message.lost(at + 1, Near::Receiver, Loss::Cut);
        } else {
            message.arrived(at + 700);
        }
        let client = clients[(number * 13 % 40) as usize];
        let operation = run.operation(client, format!("write(k{}, {number})", number % 9), at);
        operation.answered(at + 30_000, "ok");
    }
    run.operations[2_000].weight = threeworlds_diagram::timeline::Weight::Blamed;
    run
}
