//! The services that nodes call.

use std::time::Instant;

use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use threeworlds_attack::Service;
use threeworlds_attack::services::Services;

use crate::support::{Script, answers, ask, cut, plan, process, read, wait_for, write};

/// A store that keeps everything in the service `lin-kv`: two nodes that never speak to each other agree.
#[test]
fn nodes_that_keep_everything_in_a_service_agree() {
    let script = Script::new(
        r#"
asked = {}
for message, body, kind in messages():
    if message["src"].startswith("c"):
        number += 1
        asked[number] = message
        send("lin-kv", {**body, "msg_id": number})
    elif body["in_reply_to"] in asked:
        reply(asked.pop(body["in_reply_to"]), **{key: body[key] for key in body if key != "in_reply_to"})
"#,
    );
    let run = script.run(&plan(vec![
        // No service is ever cut off.
        cut("s1>s2 s2>s1"),
        ask("c1", "s1", read()),
        wait_for("c1"),
        ask("c1", "s1", write(5)),
        wait_for("c1"),
        ask("c2", "s2", read()),
    ]));
    let told: Vec<_> = answers(&run).into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(told, [Some(json!(null)), Some(json!(5)), Some(json!(5))]);
}

fn call(services: &mut Services, service: Service, body: Json) -> Json {
    let body: Box<RawValue> = serde_json::value::to_raw_value(&body).unwrap();
    let reply = services.call(service, process("s1"), &body, Instant::now()).expect("a reply");
    let mut reply: Json = serde_json::from_str(reply.get()).unwrap();
    let fields = reply.as_object_mut().unwrap();
    assert_eq!(fields.remove("in_reply_to"), Some(json!(7)));
    fields.remove("text");
    reply
}

#[test]
fn stores_read_write_and_compare_and_set() {
    for service in [Service::LinKv, Service::SeqKv] {
        let mut services = Services::new(3, Instant::now());
        let mut ask = |mut body: Json| {
            body["msg_id"] = json!(7);
            call(&mut services, service, body)
        };
        assert_eq!(ask(json!({"type": "read", "key": "k"})), json!({"type": "error", "code": 20}));
        let cas = |from: Json, to: Json, create: bool| json!({"type": "cas", "key": "k", "from": from, "to": to, "create_if_not_exists": create});
        assert_eq!(ask(cas(json!(1), json!(2), false)), json!({"type": "error", "code": 20}));
        assert_eq!(ask(cas(json!(1), json!({"a": [1, null]}), true)), json!({"type": "cas_ok"}));
        assert_eq!(ask(cas(json!(1), json!(2), true)), json!({"type": "error", "code": 22}));
        assert_eq!(
            ask(json!({"type": "read", "key": "k"})),
            json!({"type": "read_ok", "value": {"a": [1, null]}})
        );
        assert_eq!(ask(cas(json!({"a": [1, null]}), json!(null), false)), json!({"type": "cas_ok"}));
        assert_eq!(ask(json!({"type": "read", "key": "k"})), json!({"type": "read_ok", "value": null}));
        assert_eq!(ask(json!({"type": "write", "key": "k", "value": 3})), json!({"type": "write_ok"}));
        assert_eq!(ask(json!({"type": "read", "key": "k"})), json!({"type": "read_ok", "value": 3}));
        assert_eq!(ask(json!({"type": "write", "key": "k"})), json!({"type": "error", "code": 12}));
        assert_eq!(ask(json!({"type": "read"})), json!({"type": "error", "code": 12}));
        assert_eq!(ask(json!({"type": "txn"})), json!({"type": "error", "code": 10}));
    }
}

#[test]
fn timestamps_rise() {
    let mut services = Services::new(0, Instant::now());
    for expected in 0..3 {
        let reply = call(&mut services, Service::LinTso, json!({"type": "ts", "msg_id": 7}));
        assert_eq!(reply, json!({"type": "ts_ok", "ts": expected}));
    }
}

/// What the weak stores do depends on the seed and the calls alone.
#[test]
fn the_weak_stores_repeat_themselves() {
    let start = Instant::now();
    let play = |service, seed| {
        let mut services = Services::new(seed, start);
        let ask = |number: u32| {
            let caller = process(if number.is_multiple_of(3) { "s1" } else { "s2" });
            let body = match number % 3 {
                0 => json!({"type": "write", "key": 1, "value": number, "msg_id": number}),
                _ => json!({"type": "read", "key": 1, "msg_id": number}),
            };
            let body = serde_json::value::to_raw_value(&body).unwrap();
            services.call(service, caller, &body, start).unwrap().get().to_owned()
        };
        (0..200).map(ask).collect::<Vec<_>>()
    };
    for service in [Service::SeqKv, Service::LwwKv] {
        assert!(play(service, 1) == play(service, 1));
        assert!(play(service, 1) != play(service, 2));
        assert!(play(service, 1) != play(Service::LinKv, 1), "{} is never behind", service.name());
    }
}
