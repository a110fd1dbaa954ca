//! Requests as Entra ID sends them, in order, with what each must answer: `fixtures/scim/entra-requests.jsonl`.

use crate::harness::{Console, Entra, Reply};
use reqwest::Method;
use serde_json::Value;
use std::collections::HashMap;

const REQUESTS: &str = include_str!("fixtures/scim/entra-requests.jsonl");

#[actix_web::test]
async fn every_recorded_request_of_entra_id_is_answered_as_it_must_be() {
    let (console, entra) = Console::with_entra();
    // The recording counts one account more than it creates: one that was made in the console before.
    console.user("mara.keller@harbourline.example", None);
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut faults = Vec::new();
    let mut count = 0;
    for line in REQUESTS.lines().filter(|line| !line.trim().is_empty()) {
        count += 1;
        let recorded: Value = serde_json::from_str(line).unwrap();
        let reply = replay(&entra, &recorded, &ids).await;
        faults.extend(check(&recorded, &reply, &ids));
        if let Some(alias) = recorded["capture"].as_str() {
            ids.insert(alias.to_owned(), reply.at("/id").as_str().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(count, 40);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_ne!(ids["aoife"], ids["aoife2"], "an adopted account has a new id");
}

async fn replay(entra: &Entra, recorded: &Value, ids: &HashMap<String, String>) -> Reply {
    let method: Method = recorded["method"].as_str().unwrap().parse().unwrap();
    let path = filled(recorded["path"].as_str().unwrap(), ids);
    let headers: Vec<(String, String)> = recorded["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().replace("{{token}}", &entra.token)))
        .collect();
    let body = (!recorded["body"].is_null()).then(|| filled(&recorded["body"].to_string(), ids));
    entra.raw(method, &path, &headers, body).await
}

fn filled(text: &str, ids: &HashMap<String, String>) -> String {
    ids.iter().fold(text.to_owned(), |text, (alias, id)| text.replace(&format!("{{{{id:{alias}}}}}"), id))
}

fn check(recorded: &Value, reply: &Reply, ids: &HashMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| {
        faults.push(format!("{}: {text}; answered {} {}", recorded["name"], reply.status, reply.json));
    };
    if recorded["expect_status"].as_u64() != Some(reply.status.into()) {
        fault(format!("wants status {}", recorded["expect_status"]));
    }
    let members = |name: &str| recorded[name].as_object().cloned().unwrap_or_default();
    let pointers = |name: &str| {
        let list = recorded[name].as_array().cloned().unwrap_or_default();
        list.iter().map(|pointer| pointer.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (pointer, wanted) in members("expect") {
        let wanted: Value = serde_json::from_str(&filled(&wanted.to_string(), ids)).unwrap();
        if reply.json.pointer(&pointer) != Some(&wanted) {
            fault(format!("wants {pointer} to be {wanted}"));
        }
    }
    for (name, wanted) in members("expect_headers") {
        let told = reply.headers.get(&name).map(|value| value.to_str().unwrap());
        if !told.is_some_and(|told| told.starts_with(wanted.as_str().unwrap())) {
            fault(format!("wants the header {name} to be {wanted}, not {told:?}"));
        }
    }
    let held = |pointer: &String| reply.json.pointer(pointer).cloned();
    for pointer in pointers("expect_present").into_iter().filter(|pointer| held(pointer).is_none()) {
        fault(format!("wants {pointer}"));
    }
    for pointer in pointers("expect_absent").into_iter().filter(|pointer| held(pointer).is_some()) {
        fault(format!("wants no {pointer}"));
    }
    for pointer in pointers("expect_empty") {
        let empty = held(&pointer)
            .is_none_or(|value| value.is_null() || value == "" || value == serde_json::json!([]));
        if !empty {
            fault(format!("wants {pointer} empty"));
        }
    }
    faults
}
