//! Servers over TCP and their clients, as processes on the loopback network. These need Linux, where every
//! address of 127.0.0.0/8 can be used.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod attacked;
mod cluster;

use std::net::TcpListener;

use cluster::{Server, Way, address, ask, cluster};
use support::threeworlds;

/// Long enough for an answer on a busy machine.
const LONG: &str = "60";
/// Long enough to see that there is none: a write takes 0.4 s.
const SHORT: &str = "3";

#[test]
fn three_servers_keep_a_store_and_go_on_when_one_is_killed() {
    let [s1, s2, mut s3] = cluster("replicated-kv");
    ask(&[&s1], LONG, &["read", "x"]).exits(4).complains("no such key");
    ask(&[&s1], LONG, &["cas", "x", "A", "B"]).exits(4);
    let wrote = ask(&[&s1], LONG, &["write", "x", "A"]).exits(0).complains_of_nothing();
    assert_eq!(wrote.stdout, "");
    assert_eq!(ask(&[&s2], LONG, &["read", "x"]).exits(0).stdout, "A\n");
    ask(&[&s3], LONG, &["cas", "x", "B", "C"]).exits(5).complains("has the value \"A\", not \"B\"");
    ask(&[&s3], LONG, &["cas", "x", "A", "é\u{1b}[1m"]).exits(0);
    assert_eq!(ask(&[&s2], LONG, &["read", "x"]).exits(0).stdout, "é\u{1b}[1m\n");
    assert_eq!(ask(&[&s2], LONG, &["write-once", "y", "1"]).exits(0).stdout, "1\n");
    assert_eq!(ask(&[&s3], LONG, &["write-once", "y", "2"]).exits(0).stdout, "1\n");

    s3.kill();
    s1.says("connection lost");
    ask(&[&s1], LONG, &["write", "x", "B"]).exits(0);
    // A client that knows the dead one too goes on to the next.
    assert_eq!(ask(&[&s3, &s2], LONG, &["read", "x"]).exits(0).stdout, "B\n");
    ask(&[&s3, &s2], LONG, &["write", "x", "C"]).exits(0);
    ask(&[&s3], "1", &["read", "x"]).exits(1).complains("refused, and not done").complains("refused");
    assert_eq!(ask(&[&s1], LONG, &["read", "x"]).exits(0).stdout, "C\n");

    s1.terminate().exits(0).says("s1 listens on 127.");
}

#[test]
fn one_of_two_servers_alone_does_not_answer() {
    let [s1, mut s2] = cluster("replicated-kv");
    ask(&[&s2], LONG, &["write", "x", "A"]).exits(0);
    s2.kill();
    for question in
        [&["read", "x"][..], &["write", "x", "B"], &["cas", "x", "A", "B"], &["write-once", "y", "1"]]
    {
        let outcome = ask(&[&s1], SHORT, question).exits(3).complains("unknown whether it was done");
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_cut_in_silence_is_noticed_and_healed_and_what_was_held_up_does_no_harm() {
    let (one, two) = (address(), address());
    let (to_one, to_two) = (Way::to(one), Way::to(two));
    let s1 = Server::start("replicated-kv", "s1", one, &[format!("s2={}", to_two.address)]);
    let s2 = Server::start("replicated-kv", "s2", two, &[format!("s1={}", to_one.address)]);
    ask(&[&s1], LONG, &["write", "x", "A"]).exits(0);
    for _ in 0..2 {
        let lost = [&s1, &s2].map(|server| server.said_times("connection lost"));
        for way in [&to_one, &to_two] {
            way.set_cut(true);
        }
        ask(&[&s1], SHORT, &["write", "x", "B"]).exits(3);
        s1.says_times("connection lost", lost[0] + 1);
        s2.says_times("connection lost", lost[1] + 1);
        for way in [&to_one, &to_two] {
            way.set_cut(false);
        }
        // The write that was not answered is done in the end.
        assert_eq!(ask(&[&s2], LONG, &["read", "x"]).exits(0).stdout, "B\n");
        ask(&[&s2], LONG, &["write", "x", "A"]).exits(0);
    }
}

#[test]
fn a_server_that_is_started_anew_takes_no_part() {
    let mut servers: [Server; 3] = cluster("majority");
    assert_eq!(ask(&[&servers[0]], LONG, &["write-once", "x", "A"]).exits(0).stdout, "A\n");
    servers[2].kill();
    let [s1, s2, s3] = &mut servers;
    let peers = [format!("s1={}", s1.address), format!("s2={}", s2.address)];
    *s3 = Server::start("majority", "s3", s3.address, &peers);
    s3.says("has forgotten what it knew");
    ask(&[s3], "1", &["read", "x"]).exits(1).complains("takes no part");
    assert_eq!(ask(&[s3, s2], LONG, &["read", "x"]).exits(0).stdout, "A\n");
    // The register belongs to one key.
    ask(&[s1], LONG, &["read", "y"]).exits(1).complains("one register");
    ask(&[s1], LONG, &["write", "x", "B"]).exits(1).complains("knows `read-once` and `write-once`");
}

#[test]
fn strangers_do_no_harm_and_are_named() {
    let [s1, s2] = cluster("replicated-kv");
    let told = s1.stranger().sends(b"GET / HTTP/1.1\r\n\r\n").told_at_the_end();
    assert!(told.contains("a line is no message"), "{told}");
    s1.says("127.");
    s1.says("a line is no message (expected value at line 1 column 1): GET / HTTP/1.1\\r");
    let told = s2.stranger().sends(&[b'x'; (1 << 20) + 1]).told_at_the_end();
    assert!(told.is_empty() || told.contains("longer than 1048576 bytes"), "{told}");
    s2.says("a line is longer than 1048576 bytes");

    // Whoever claims to be a server has to know its system.
    let hello = |src: &str, dest: &str, servers: u8| {
        format!(
            "{{\"src\":\"{src}\",\"dest\":\"{dest}\",\"body\":{{\"type\":\"hello\",\"format\":\
             \"threeworlds/node/1\",\"protocol\":\"replicated-kv\",\"servers\":{servers},\"faults\":1}}}}\n"
        )
    };
    let refused = |hello: &str, why: &str| {
        let told = s1.stranger().sends(hello.as_bytes()).told_at_the_end();
        assert!(told.contains(why), "{told}");
    };
    refused(&hello("s9", "s1", 2), "s9 is none of the others");
    refused(&hello("c1", "s1", 2), "c1 is none of the others");
    refused(&hello("s2", "s7", 2), "this is s1 and not s7");
    refused(&hello("s2", "s1", 3), "servers 3");
    s1.says("s2 from 127.");
    // One that does, and goes on with rubbish. The real one is not there, for it would take its place again.
    let alone = Server::start("replicated-kv", "s1", address(), &[format!("s2={}", address())]);
    alone.says("no connection");
    let told = alone.stranger().sends((hello("s2", "s1", 2) + "{}\n").as_bytes()).told_at_the_end();
    assert!(told.contains("hello_ok") && told.contains("a line is no message"), "{told}");
    // What servers send each other may be long, for one that was left behind is sent all that there is.
    let long = format!(
        "{{\"src\":\"s2\",\"dest\":\"s1\",\"body\":{{\"type\":\"error\",\"text\":\"{}\"}}}}\n",
        "x".repeat(3 << 20)
    );
    let told = alone.stranger().sends((hello("s2", "s1", 2) + &long + "{}\n").as_bytes()).told_at_the_end();
    assert!(told.contains("hello_ok") && told.contains("a line is no message"), "{told}");
    // A server that passes for another.
    let other = "{\"src\":\"s1\",\"dest\":\"s1\",\"body\":{\"type\":\"join\",\"start\":7}}\n";
    let told = alone.stranger().sends((hello("s2", "s1", 2) + other).as_bytes()).told_at_the_end();
    assert!(told.contains("a message of s1"), "{told}");
    // A client that passes for a server is a client.
    let asked = "{\"src\":\"s2\",\"dest\":\"s1\",\"body\":{\"type\":\"read\",\"key\":\"x\",\"msg_id\":5}}\n";
    let _stranger = s1.stranger().sends(asked.as_bytes()).hears("\"in_reply_to\":5").sends(b"\n");

    ask(&[&s1], LONG, &["write", "x", "A"]).exits(0);
    assert_eq!(ask(&[&s2], LONG, &["read", "x"]).exits(0).stdout, "A\n");
}

#[test]
fn wrong_calls_are_refused() {
    let node = |flags: &[&str]| threeworlds(["node", "replicated-kv"].iter().chain(flags));
    let listener = TcpListener::bind(address()).unwrap();
    let busy = listener.local_addr().unwrap().to_string();
    node(&["--listen", &busy]).refuses([&busy, "another program listens there", "choose another port"]);
    node(&["--listen", "192.0.2.1:7000"]).refuses(["this machine does not have the address 192.0.2.1"]);
    node(&["--listen", "localhost"]).refuses(["'localhost'", "IP address and a port", "10.0.0.1:7000"]);
    let listen = |flags: &[&str]| node(&[&["--listen", "127.0.0.1:0"], flags].concat());
    listen(&["--peer", "10.0.0.2:7000"]).refuses(["--peer", "s2=10.0.0.2:7000"]);
    listen(&["--peer", "c1=10.0.0.2:7000"]).refuses(["servers are s1, s2"]);
    listen(&["--peer", "s2=host"]).refuses(["IP address and a port"]);
    listen(&["--peer", "s2=10.0.0.2:7000"]).refuses(["none of the servers has the address", "--name s1"]);
    listen(&["--name", "s1", "--peer", "s3=10.0.0.2:7000"]).refuses(["there is no s2, but there is s3"]);
    listen(&["--name", "c1"]).refuses(["servers are s1, s2"]);
    let twice = ["--name", "s1", "--peer", "s2=10.0.0.2:7000", "--peer", "s2=10.0.0.3:7000"];
    listen(&twice).refuses(["s2 has two addresses, 10.0.0.2:7000 and 10.0.0.3:7000"]);
    let same = ["--name", "s1", "--peer", "s2=10.0.0.2:7000", "--peer", "s3=10.0.0.2:7000"];
    listen(&same).refuses(["s2 and s3 have the same address"]);
    listen(&["--faults", "2"]).refuses(["there are only 1"]);
    node(&["--peer", "s2=10.0.0.2:7000"]).refuses(["--listen"]);
    threeworlds(["ask", "read", "x"]).refuses(["--server"]);
    threeworlds(["ask", "--server", "127.0.0.1", "read", "x"]).refuses(["IP address and a port"]);
    threeworlds(["ask", "--server", "127.0.0.1:1", "reed", "x"]).refuses(["'reed'"]);
    threeworlds(["ask", "--server", "127.0.0.1:1", "--deadline", "0", "read", "x"]).refuses(["--deadline"]);
}
