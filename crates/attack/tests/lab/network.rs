use std::collections::BTreeSet;
use std::time::Duration;

use threeworlds_attack::Link;
use threeworlds_attack::namespaces::{Command, Ended, LabSignal, Privileges};

use crate::support::*;

#[test]
fn everybody_reaches_everybody_until_links_are_cut_one_direction_at_a_time() {
    for privileges in ways() {
        let base = Base::new(privileges);
        let lab = base.lab(3, 2);
        let all = all_links(&lab);
        assert_eq!(all.len(), 20);
        assert_eq!(lab.probe(&all, DEADLINE).unwrap(), all);

        let cut: BTreeSet<_> = [link(s(1), s(2)), link(s(2), s(1)), link(s(3), c(1))].into();
        lab.cut(&cut).unwrap();
        let rest: BTreeSet<_> = all.difference(&cut).copied().collect();
        assert_eq!(lab.probe(&rest, DEADLINE).unwrap(), rest);
        assert_eq!(lab.probe(&cut, PATIENCE).unwrap(), BTreeSet::new());

        // A cut replaces the one before.
        let other: BTreeSet<_> = [link(c(1), s(3))].into();
        lab.cut(&other).unwrap();
        assert_eq!(lab.probe(&cut, DEADLINE).unwrap(), cut);
        assert_eq!(lab.probe(&other, PATIENCE).unwrap(), BTreeSet::new());

        lab.cut(&BTreeSet::new()).unwrap();
        assert_eq!(lab.probe(&all, DEADLINE).unwrap(), all);
    }
}

/// A server that echoes, and a client that sends and says for how often it got an answer.
const ECHO: &str = "
import socket
server = socket.create_server(('', 7000))
print('ready', flush=True)
connection, _ = server.accept()
while True: connection.sendall(connection.recv(1))
";
const ASK: &str = "
import socket, sys, time
connection = socket.create_connection((sys.argv[1], 7000))
while True:
    connection.sendall(b'x')
    assert connection.recv(1) == b'x'
    print('answered', flush=True)
    time.sleep(0.01)
";

/// An established connection hangs in silence while the link is cut, in whichever direction, and goes on
/// soon after healing: nobody is told anything.
#[test]
fn a_connection_hangs_while_it_is_cut_and_goes_on_afterwards() {
    let base = Base::new(Privileges::Auto);
    let lab = base.lab(1, 1);
    let read = |host, log: &str| std::fs::read_to_string(lab.dir(host).join(log)).unwrap_or_default();
    let echo = lab.spawn(s(1), &Command::new(["python3", "-c", ECHO]), "log").unwrap();
    until("the server listens", || read(s(1), "log") == "ready\n");
    let ask = Command::new(["python3", "-c", ASK, &lab.ip(s(1)).to_string()]);
    let asking = lab.spawn(c(1), &ask, "log").unwrap();
    let turns = || read(c(1), "log").lines().count();
    until("the connection works", || turns() > 5);
    for cut in [[link(s(1), c(1))], [link(c(1), s(1))]] {
        lab.cut(&cut.into()).unwrap();
        assert_eq!(lab.probe(&cut.into(), PATIENCE).unwrap(), BTreeSet::new());
        let before = at_rest(turns);
        // Longer than it takes to look for a neighbour in vain.
        assert_eq!(asking.wait(Duration::from_millis(3500)), None, "nobody is told anything");
        assert_eq!(turns(), before, "nothing arrives, and nothing comes back");
        lab.cut(&BTreeSet::new()).unwrap();
        until("the connection goes on", || turns() > before + 5);
    }
    assert_eq!((asking.ended(), echo.ended()), (None, None));
    lab.signal_host(c(1), LabSignal::Kill).unwrap();
    assert_eq!(asking.wait(DEADLINE), Some(Ended::Signaled(9)));
    assert_eq!(echo.ended(), None, "other hosts are left alone");
}

/// A server that says something all the time, and writes down what it hears; and a client likewise.
const TALK: &str = "
import socket, sys, threading, time
if sys.argv[1] == 'listen':
    server = socket.create_server(('', 7000))
    print('ready', flush=True)
    connection, _ = server.accept()
else:
    connection = socket.create_connection((sys.argv[1], 7000))
def listen():
    for line in connection.makefile(): print(line, end='', flush=True)
threading.Thread(target=listen).start()
number = 0
while True:
    number += 1
    connection.sendall(b'%d\\n' % number)
    time.sleep(0.01)
";

/// With proxies a link is cut one way: what is sent the other way arrives, over the same connection. After
/// healing everything is there, in order. Other links are not touched.
#[test]
fn a_link_is_cut_one_way_through_proxies() {
    for privileges in ways() {
        let mut base = Base::new(privileges);
        base.options.one_way = true;
        let lab = base.lab(2, 1);
        let all = all_links(&lab);
        assert_eq!(lab.probe(&all, DEADLINE).unwrap(), all);
        let read = |host| std::fs::read_to_string(lab.dir(host).join("log")).unwrap_or_default();
        lab.spawn(s(2), &Command::new(["python3", "-c", TALK, "listen"]), "log").unwrap();
        until("the server listens", || read(s(2)) == "ready\n");
        lab.spawn(s(1), &Command::new(["python3", "-c", TALK, &lab.ip(s(2)).to_string()]), "log").unwrap();
        let lines = |host| read(host).lines().count();
        until("both hear each other", || lines(s(1)) > 5 && lines(s(2)) > 5);

        for cut in [link(s(1), s(2)), link(s(2), s(1))] {
            let Link { from, to } = cut;
            lab.cut(&[cut].into()).unwrap();
            let rest: BTreeSet<_> = all.iter().copied().filter(|link| *link != cut).collect();
            assert_eq!(lab.probe(&rest, DEADLINE).unwrap(), rest);
            assert_eq!(lab.probe(&[cut].into(), PATIENCE).unwrap(), BTreeSet::new());
            let heard_there = at_rest(|| lines(to));
            let heard_here = lines(from);
            until("the other way goes on", || lines(from) > heard_here + 50);
            assert_eq!(lines(to), heard_there, "nothing passes the cut");
            lab.cut(&BTreeSet::new()).unwrap();
            until("it goes on", || lines(to) > heard_there + 50);
            assert_eq!(lab.probe(&all, DEADLINE).unwrap(), all);
        }
        // Nothing was lost for good, and nothing came twice.
        let heard = read(s(1));
        let numbers: Vec<usize> = heard.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");

        // Both ways is both ways here, too, and who is refused a connection is told so.
        let both: BTreeSet<_> = [link(s(1), s(2)), link(s(2), s(1))].into();
        lab.cut(&both).unwrap();
        assert_eq!(lab.probe(&both, PATIENCE).unwrap(), BTreeSet::new());
        let refused = "import socket; print(socket.create_connection(('10.9.0.101', 7999)).recv(1))";
        let output = lab.run(s(1), &Command::new(["python3", "-c", refused]), DEADLINE).unwrap();
        assert!(output.stderr.contains("ConnectionResetError"), "{output:?}");
    }
}

/// Broadcasts and IPv6 have no way around a cut, and hosts have no way out.
#[test]
fn there_is_no_way_around() {
    let base = Base::new(Privileges::Auto);
    let lab = base.lab(2, 1);
    let listen = "python3 -c \"
import socket
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(('', 7001))
print('ready', flush=True)
while True: print(listener.recv(100).decode(), flush=True)\"";
    lab.spawn(s(2), &shell(listen), "heard").unwrap();
    let heard = || std::fs::read_to_string(lab.dir(s(2)).join("heard")).unwrap_or_default();
    until("somebody listens", || heard().contains("ready"));
    let broadcast = |from, word: &str| {
        let script = format!(
            "python3 -c \"
import socket
speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
speaker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
speaker.sendto(b'{word}', ('10.9.0.255', 7001))\""
        );
        assert!(lab.run(from, &shell(&script), DEADLINE).unwrap().success());
    };
    lab.cut(&[link(s(1), s(2))].into()).unwrap();
    broadcast(s(1), "cut");
    broadcast(c(1), "free");
    until("a broadcast arrives", || heard().contains("free"));
    assert!(!heard().contains("cut"));
    let addresses =
        lab.run(s(1), &shell("cat /proc/net/if_inet6; cat /proc/net/route | tail -n +2"), DEADLINE).unwrap();
    let words: Vec<&str> = addresses.stdout.lines().collect();
    assert!(words.iter().all(|line| line.ends_with("lo") || line.starts_with("eth0\t0000090A")), "{words:?}");
}
