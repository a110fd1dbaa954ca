//! Groups with many members: they are answered as a whole, some at a time, and lists of them in shorter pages.

use crate::harness::{Console, Entra};
use rollcall::domain::groups::by_entra::{self, Change};
use rollcall::domain::{Actor, Tx};
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So many people, and their SCIM ids.
fn people(console: &Console, count: usize) -> Vec<String> {
    let made = (0..count).map(|number| console.user(&format!("person{number:04}@x.example"), None).scim_id);
    made.collect()
}

fn group(console: &Console, name: &str, members: &[String]) -> String {
    let wish = by_entra::GroupInput { name: name.to_owned(), external_id: None, members: members.to_vec() };
    console.org.write(&Actor::Entra, move |tx| by_entra::create(tx, wish)).unwrap().group.scim_id
}

fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    members.map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_group_of_many_is_answered_as_one_of_few_is() {
    let (console, entra) = Console::with_entra();
    let ids = people(&console, 2_300);
    let large = group(&console, "Large", &ids);
    let small = group(&console, "Small", &ids[..2]);

    let answer = entra.get(&format!("/Groups/{large}")).await;
    let few = entra.get(&format!("/Groups/{small}")).await;
    assert_eq!((answer.status, few.status), (200, 200));
    assert_eq!(members(&answer.json), ids, "in the order in which they came");
    let names = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<HashSet<_>>();
    assert_eq!(names(&answer.json), names(&few.json));
    assert_eq!(names(&answer.json["members"][2_299]), names(&few.json["members"][1]));
    assert_eq!(answer.headers["content-type"], few.headers["content-type"]);
    assert!(answer.headers.contains_key("etag"));

    let only = entra.get(&format!("/Groups/{large}?attributes=members.value")).await;
    assert_eq!(members(&only.json), ids);
    assert_eq!(names(&only.json["members"][0]), HashSet::from(["value".to_owned()]));
    assert!(only.json.get("displayName").is_none());
    let without = entra.get(&format!("/Groups/{large}?excludedAttributes=members")).await;
    assert!(without.json.get("members").is_none() && without.json["displayName"] == "Large");

    let version = answer.headers["etag"].to_str().unwrap().to_owned();
    let headers = [
        ("authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("if-none-match".to_owned(), version),
    ];
    let path = format!("/Groups/{large}");
    let known = entra.raw(reqwest::Method::GET, &path, &headers, None).await;
    assert_eq!(known.status, 304);
}

/// All groups of a list, page by page: how long the pages were, and the names.
async fn walked(entra: &Entra, by_cursor: bool) -> (Vec<usize>, Vec<String>) {
    let (mut lengths, mut names, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let place =
            if by_cursor { format!("cursor={cursor}") } else { format!("startIndex={}", names.len() + 1) };
        let page = entra.get(&format!("/Groups?count=100&{place}")).await;
        let groups = page.json["Resources"].as_array().cloned().unwrap_or_default();
        assert_eq!(page.at("/itemsPerPage").as_u64(), u64::try_from(groups.len()).ok());
        assert_eq!(page.at("/totalResults"), 41);
        lengths.push(groups.len());
        names.extend(groups.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()));
        match page.json["nextCursor"].as_str() {
            Some(next) if by_cursor => next.clone_into(&mut cursor),
            None if !by_cursor && names.len() < 41 => assert!(!groups.is_empty(), "{lengths:?}"),
            _ => return (lengths, names),
        }
    }
}

#[actix_web::test]
async fn a_list_of_groups_holds_so_many_members_and_goes_on_behind_them() {
    let (console, entra) = Console::with_entra();
    let ids = people(&console, 300);
    for number in 0..41 {
        group(&console, &format!("Team {number:02}"), &ids);
    }
    for by_cursor in [false, true] {
        let (lengths, names) = walked(&entra, by_cursor).await;
        assert_eq!(lengths, [33, 8], "by cursor: {by_cursor}");
        assert_eq!(names, (0..41).map(|number| format!("Team {number:02}")).collect::<Vec<_>>());
    }
    let without = entra.get("/Groups?count=100&excludedAttributes=members").await;
    assert_eq!(without.at("/itemsPerPage"), 41);
    // What no index answers would have to look at all of them.
    let refused = entra.get("/Groups?filter=members.display co \"x\"").await;
    assert_eq!(
        (refused.status, refused.at("/scimType").as_str()),
        (400, Some("tooMany")),
        "{}",
        refused.json
    );
}

#[actix_web::test]
async fn an_older_client_gets_a_large_group_with_its_length() {
    let (console, entra) = Console::with_entra();
    let large = group(&console, "Large", &people(&console, 1_100));
    let mut connection = TcpStream::connect(console.address.trim_start_matches("http://")).await.unwrap();
    let token = &entra.token;
    let request =
        format!("GET /scim/v2/Groups/{large} HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(!head.contains("transfer-encoding"), "RFC 9112 section 6.1: {head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    assert_eq!(members(&serde_json::from_str(body).unwrap()).len(), 1_100);
}

fn adds(ids: &[String]) -> Value {
    json!({ "op": "Add", "path": "members", "value": ids.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>() })
}

fn removes(ids: &[String]) -> Value {
    json!({ "op": "Remove", "path": "members", "value": ids.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>() })
}

#[actix_web::test]
async fn changes_that_are_compared_before_come_to_what_bulk_does_in_the_transaction() {
    let (console, entra) = Console::with_entra();
    let ids = people(&console, 320);
    let first = &ids[..150];
    let replaces = |ids: &[String]| {
        let mut operation = adds(ids);
        operation["op"] = "Replace".into();
        operation
    };
    let sequences = [
        json!([adds(&ids)]),
        json!([adds(&ids[100..300]), removes(&ids[..200])]),
        json!([removes(&ids[..200]), adds(&ids[100..300])]),
        json!([replaces(&ids[140..300]), removes(&ids[140..200]), adds(&ids[..2])]),
        json!([adds(&ids[310..]), replaces(&ids[..120]), adds(&ids[100..])]),
        json!([{ "op": "Remove", "path": format!("members[value eq \"{}\" and type eq \"User\"]", ids[7]) }]),
        json!([{ "op": "Remove", "path": format!("members[value eq \"{}\" and type eq \"Group\"]", ids[7]) }]),
        json!([{ "op": "Remove", "path": format!("members[value eq \"{}\" and type eq \"User\"]", ids[200]) }]),
        json!([{ "op": "Remove", "path": "members[type eq \"User\"]" }]),
        json!([{ "op": "Remove", "path": "members" }]),
    ];
    for (number, operations) in sequences.into_iter().enumerate() {
        let [one, other] = ["One", "Other"].map(|name| group(&console, &format!("{name} {number}"), first));
        let patched = entra.patch(&format!("/Groups/{one}"), operations.clone()).await;
        assert_eq!(patched.status, 204, "{}", patched.json);
        let patch =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "PATCH", "path": format!("/Groups/{other}"), "data": patch }],
        });
        assert_eq!(entra.post("/Bulk", bulk).await.at("/Operations/0/status"), "200");
        let mut came = Vec::new();
        for id in [one, other] {
            let group = entra.get(&format!("/Groups/{id}")).await.json;
            came.push((members(&group), group["meta"]["version"].clone()));
        }
        assert_eq!(came[0], came[1], "sequence {number}");
    }
}

#[actix_web::test]
async fn a_put_of_the_same_members_changes_nothing_and_the_log_names_the_first_who_move() {
    let (console, entra) = Console::with_entra();
    let ids = people(&console, 130);
    let large = group(&console, "Large", &ids);
    let path = format!("/Groups/{large}");
    let put = |ids: &[String]| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Large",
            "members": ids.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>(),
        })
    };
    let before = entra.get(&path).await.at("/meta/version").clone();
    let same = entra.put(&path, put(&ids)).await;
    assert_eq!((same.status, same.at("/meta/version")), (200, &before));
    let few = entra.put(&path, put(&ids[125..])).await;
    assert_eq!((few.status, members(&few.json)), (200, ids[125..].to_vec()));
    let log = console.signed_in("olga").await.get("/activity").await.text();
    assert!(log.contains("and 115 more (125 in all)"), "{log}");
}

#[actix_web::test]
async fn who_is_in_a_group_already_is_no_work_for_the_transaction() {
    let console = Console::with_entra().0;
    let ids = people(&console, 12);
    let large = group(&console, "Large", &ids[..10]);
    let found = || console.org.read(|conn| by_entra::get(conn, &large)).unwrap();
    let group = found();
    let prepared = |change: Change| {
        console.org.read(|conn| by_entra::prepare(conn, &group, vec![change.clone()])).unwrap()
    };
    let cases = [
        (Change::Add(ids[..11].to_vec()), vec![Change::Add(ids[10..11].to_vec())]),
        (Change::Remove(ids[9..].to_vec()), vec![Change::Remove(ids[9..10].to_vec())]),
        (Change::Replace(ids[..10].to_vec()), vec![Change::Add(Vec::new()), Change::Remove(Vec::new())]),
    ];
    for (wish, left) in cases {
        assert_eq!(prepared(wish).of(&group), Some(left));
    }
    let stale = prepared(Change::Add(ids[..10].to_vec()));
    let (changed, gone) = (group.clone(), ids[0].clone());
    let change = move |tx: &mut Tx| by_entra::change(tx, changed, vec![Change::Remove(vec![gone])]);
    console.org.write(&Actor::Entra, change).unwrap();
    assert_eq!(stale.of(&found()), None, "somebody went meanwhile");
}
