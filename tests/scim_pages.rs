//! Walks through lists while others come and go (RFC 7644 section 3.4.2.4, RFC 9865): nobody who stays is skipped.

use crate::harness::{Console, Entra};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody comes, with this name.
    Comes(String),
    /// One of those who are not watched goes.
    Goes(usize),
    /// One of those who are not watched is called so from now on.
    Moves(usize, String),
}

fn word() -> impl Strategy<Value = String> {
    "[a-cÀé]{1,3}"
}

fn events() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = prop_oneof![
        word().prop_map(Event::Comes),
        any::<usize>().prop_map(Event::Goes),
        (any::<usize>(), word()).prop_map(|(whom, word)| Event::Moves(whom, word)),
    ];
    prop::collection::vec(prop::collection::vec(event, 0..4), 1..6)
}

/// Names with ties; every fourth has none.
fn person(number: usize, word: &str) -> Value {
    let mut person =
        json!({ "userName": format!("{word}{number:03}"), "externalId": format!("{word}-{}", number % 7) });
    if !number.is_multiple_of(4) {
        person["displayName"] = json!(word);
        person["title"] = json!(word.to_uppercase());
        person["emails"] = json!([{ "type": "work", "value": format!("{word}@example.com") }]);
        person["addresses"] = json!([{ "type": "work", "locality": word }]);
    }
    person
}

struct Crowd<'a> {
    entra: &'a Entra,
    kind: &'static str,
    /// Those who stay as they are.
    watched: BTreeSet<String>,
    others: Vec<String>,
    made: usize,
}

impl Crowd<'_> {
    async fn make(&mut self, word: &str) -> String {
        self.made += 1;
        let body = if self.kind == "Users" {
            person(self.made, word)
        } else {
            json!({ "displayName": format!("{word}{:03}", self.made), "externalId": word })
        };
        let made = self.entra.post(&format!("/{}", self.kind), body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        made.id()
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Comes(word) => {
                let id = self.make(&word).await;
                self.others.push(id);
            }
            Event::Goes(whom) if !self.others.is_empty() => {
                let id = self.others.swap_remove(whom % self.others.len());
                assert_eq!(self.entra.delete(&format!("/{}/{id}", self.kind)).await.status, 204);
            }
            Event::Moves(whom, word) if !self.others.is_empty() => {
                self.made += 1;
                let id = &self.others[whom % self.others.len()];
                let value = json!({ "displayName": format!("{word}{}", self.made), "title": word });
                let moved = self
                    .entra
                    .patch(&format!("/{}/{id}", self.kind), json!([{ "op": "replace", "value": value }]))
                    .await;
                assert!([200, 204].contains(&moved.status), "{}", moved.json);
            }
            Event::Goes(_) | Event::Moves(..) => {}
        }
    }

    /// Walks the list and counts how often each was seen.
    async fn walk(
        &mut self,
        query: &str,
        by_cursor: bool,
        count: usize,
        between: Vec<Vec<Event>>,
    ) -> BTreeMap<String, usize> {
        let (mut seen, mut start, mut cursor) = (BTreeMap::new(), 1, String::new());
        let mut between = between.into_iter();
        for _ in 0..200 {
            let place = if by_cursor { format!("cursor={cursor}") } else { format!("startIndex={start}") };
            let page = self.entra.get(&format!("/{}?{place}&count={count}{query}", self.kind)).await;
            assert_eq!(page.status, 200, "{}", page.json);
            let shown = page.at("/Resources").as_array().unwrap();
            for one in shown {
                *seen.entry(one["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
            }
            start += i64::try_from(shown.len()).unwrap();
            match page.at("/nextCursor") {
                Value::String(next) => cursor.clone_from(next),
                _ if by_cursor => return seen,
                // Who walks by position stops at the total.
                _ if shown.is_empty() || start > page.at("/totalResults").as_i64().unwrap() => return seen,
                _ => {}
            }
            for event in between.next().unwrap_or_default() {
                self.happens(event).await;
            }
        }
        panic!("a walk without an end: {query}");
    }
}

const ORDERS: [&str; 10] = [
    "",
    "&sortBy=userName",
    "&sortBy=displayName",
    "&sortBy=displayName&sortOrder=descending",
    "&sortBy=title&sortOrder=descending",
    "&sortBy=externalId",
    "&sortBy=meta.created&sortOrder=descending",
    "&sortBy=emails.value",
    "&sortBy=addresses.locality&sortOrder=descending",
    "&filter=userName+co+%22b%22&sortBy=displayName",
];

const OF_GROUPS: [&str; 5] = [
    "",
    "&sortBy=displayName",
    "&sortBy=externalId&sortOrder=descending",
    "&sortBy=meta.created&sortOrder=descending",
    "&filter=displayName+sw+%22b%22&sortBy=members.display",
];

#[actix_web::test]
async fn nobody_who_stays_is_skipped_or_repeated_while_others_come_and_go() {
    let mut runner = TestRunner::default();
    for (kind, orders) in [("Users", &ORDERS[..]), ("Groups", &OF_GROUPS[..])] {
        let (_console, entra) = Console::with_entra();
        let mut crowd = Crowd { entra: &entra, kind, watched: BTreeSet::new(), others: Vec::new(), made: 0 };
        for number in 0..24 {
            let id = crowd.make(&word().new_tree(&mut runner).unwrap().current()).await;
            if number % 2 == 0 {
                crowd.watched.insert(id);
            } else {
                crowd.others.push(id);
            }
        }
        for order in orders {
            for by_cursor in [true, false] {
                for count in [1, 4, 5] {
                    let between = events().new_tree(&mut runner).unwrap().current();
                    let all = crowd.walk(order, by_cursor, 200, Vec::new()).await;
                    let watched: Vec<String> =
                        crowd.watched.iter().filter(|id| all.contains_key(*id)).cloned().collect();
                    let seen = crowd.walk(order, by_cursor, count, between.clone()).await;
                    for id in watched {
                        assert_eq!(
                            seen.get(&id),
                            Some(&1),
                            "{kind}{order} by cursor: {by_cursor}, {count} at once, {between:?}"
                        );
                    }
                }
            }
        }
    }
}

#[actix_web::test]
async fn at_the_root_nobody_is_skipped_either() {
    let (_console, entra) = Console::with_entra();
    for number in 0..9 {
        assert_eq!(entra.post("/Users", person(number, "b")).await.status, 201);
        assert_eq!(entra.post("/Groups", json!({ "displayName": format!("b{number}") })).await.status, 201);
    }
    for order in ["", "&sortBy=displayName"] {
        for by_cursor in [true, false] {
            let mut crowd = Crowd {
                entra: &entra,
                kind: "Users",
                watched: BTreeSet::new(),
                others: Vec::new(),
                made: 100,
            };
            for word in ["a", "a", "c"] {
                let id = crowd.make(word).await;
                crowd.others.push(id);
            }
            let everybody = crowd.walk(order, by_cursor, 200, Vec::new()).await.len();
            assert!(everybody >= 12);
            crowd.kind = "";
            let mut start = 1;
            let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
            loop {
                let place =
                    if by_cursor { format!("cursor={cursor}") } else { format!("startIndex={start}") };
                let page = entra.get(&format!("?{place}&count=4{order}")).await;
                let shown = page.at("/Resources").as_array().unwrap();
                seen.extend(shown.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                start += i64::try_from(shown.len()).unwrap();
                match page.at("/nextCursor") {
                    Value::String(next) => cursor.clone_from(next),
                    _ if by_cursor => break,
                    _ if shown.is_empty() || start > page.at("/totalResults").as_i64().unwrap() => break,
                    _ => {}
                }
                if let Some(gone) = crowd.others.pop() {
                    entra.delete(&format!("/Users/{gone}")).await;
                }
            }
            assert!(seen.len() >= 18, "{order} by cursor: {by_cursor}: {} of 18", seen.len());
        }
    }
}
