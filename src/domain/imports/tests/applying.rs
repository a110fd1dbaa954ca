//! What becomes of the licences.

use super::*;

#[test]
fn applying_does_what_was_validated_and_each_change_is_in_the_audit_log() {
    let test = staffed(5, 5);
    test.give("bo", "X2");
    test.give("di", "X4");
    let import = test.check_taking_away("userName,license\nana,X2\nbo,X4\ncy,\ndi,\n");
    let applied = test.apply(&import).unwrap();
    assert_eq!((applied.state, applied.finished_at.is_some()), (State::Applied, true));
    let held = ["ana", "bo", "cy", "di"].map(|name| test.holds(name).unwrap_or_default());
    assert_eq!(held, ["X2", "X4", "", ""]);
    assert_eq!(
        test.record(),
        [
            "Mia validated the licence file staff.csv: rows “1 to assign, 1 to change, 1 to take away, 1 with nothing to do”.",
            "Mia took the licence back from di: licence was “X4”.",
            "Mia assigned a licence to bo: licence from “X2” to “X4”.",
            "Mia assigned a licence to Ana: licence “X2”.",
            "Mia applied the licence file staff.csv: rows “1 to assign, 1 to change, 1 to take away, 1 with nothing to do”.",
        ]
    );
    assert_eq!(test.find(&import), applied);
}

#[test]
fn the_same_user_twice_is_a_fault_of_both_rows_ignoring_case() {
    let test = staffed(5, 5);
    let import = test.check("userName,license\nana,X2\nbo,X2\nANA,X4\n");
    let faults = test.faults(&import);
    assert_eq!(faults.len(), 2);
    assert_eq!((faults[0].0, faults[0].1.as_str()), (2, "The same user stands in row 4."));
    assert_eq!((faults[1].0, faults[1].1.as_str()), (4, "The same user stands in row 2."));
    let thrice = test.check("userName,license\nana,\nana,\nana,X2\n");
    assert_eq!(test.faults(&thrice)[2].1, "The same user stands in 3 rows, such as row 2.");
}

#[test]
fn two_users_swap_licences_between_full_types() {
    let test = staffed(1, 1);
    test.give("ana", "X2");
    test.give("bo", "X4");
    let import = test.check("userName,license\nana,X4\nbo,X2\n");
    assert_eq!(import.state, State::Validated);
    test.apply(&import).unwrap();
    assert_eq!((test.holds("ana").as_deref(), test.holds("bo").as_deref()), (Some("X4"), Some("X2")));
    assert_eq!(
        test.record()[1..4],
        [
            "Mia took the licence back from Ana: licence was “X2”.",
            "Mia assigned a licence to bo: licence from “X4” to “X2”.",
            "Mia assigned a licence to Ana: licence “X4”.",
        ]
    );
}

#[test]
fn a_ring_of_full_types_and_those_who_wait_behind_it_are_all_served() {
    let test = staffed(1, 1);
    test.write(&Actor::CommandLine, |tx| {
        licenses::create(
            tx,
            &licenses::LicenseTypeInput { code: "X6".into(), name: "Work X6".into(), seats: 1 },
        )
    })
    .unwrap();
    for (name, code) in [("ana", "X2"), ("bo", "X4"), ("cy", "X6")] {
        test.give(name, code);
    }
    let ring = test.check("userName,license\nana,X4\nbo,X6\ncy,X2\n");
    test.apply(&ring).unwrap();
    assert_eq!(["ana", "bo", "cy"].map(|name| test.holds(name).unwrap()), ["X4", "X6", "X2"]);
    let chain = test.check_taking_away("userName,license\ndi,X4\nana,X6\nbo,X2\ncy,\n");
    test.apply(&chain).unwrap();
    assert_eq!(
        ["ana", "bo", "cy", "di"].map(|name| test.holds(name).unwrap_or_default()),
        ["X6", "X2", "", "X4"]
    );
}

#[test]
fn only_a_validated_import_is_applied_and_only_once() {
    let test = staffed(5, 5);
    let faulty = test.check("userName,license\nana,X2\nnobody,X2\n");
    assert!(test.apply(&faulty).unwrap_err().to_string().contains("staff.csv has faults."));
    assert_eq!(test.holds("ana"), None);
    let good = test.check("userName,license\nana,X2\n");
    test.apply(&good).unwrap();
    let again = test.apply(&good).unwrap_err();
    assert!(matches!(&again, Error::Conflict(message) if message.contains("applied already")));
    let gone = Import { id: "none".into(), ..good };
    assert!(matches!(test.apply(&gone), Err(Error::NotFound(_))));
}

/// Validates `file`, lets `between` happen, and expects applying to be refused with the answered message.
fn refused_after(test: &TestOrg, file: &str, between: impl FnOnce(&TestOrg)) -> String {
    let import = test.check(file);
    assert_eq!(import.state, State::Validated);
    between(test);
    let assignments = || test.org.read(licenses::stock).unwrap().iter().map(|stock| stock.used).sum::<i64>();
    let before = (assignments(), test.record());
    let refusal = test.apply(&import).unwrap_err();
    assert!(matches!(refusal, Error::Conflict(_)));
    assert_eq!(test.find(&import).state, State::Validated);
    assert_eq!((assignments(), test.record()), before);
    let message = refusal.to_string();
    assert!(message.ends_with("Nothing was changed. Upload the file to validate it again."), "{message}");
    message
}

fn delete(test: &TestOrg, name: &'static str) {
    test.write(&Actor::CommandLine, move |tx| {
        let user = users::named(tx.conn, name)?.unwrap();
        lifecycle::delete(tx, &[user.id]).map(|_| ())
    })
    .unwrap();
}

fn applied(test: &TestOrg, prepared: Prepared) -> Applied {
    test.org.write(&administrator(), move |tx| apply(tx, prepared)).unwrap()
}

#[test]
fn a_plan_is_outdated_by_what_it_rests_on_and_by_nothing_else() {
    let test = staffed(3, 3);
    let import = test.check("userName,license\nana,X2\nbo,X2\n");
    let planned = || prepare(&test.org, &import.id).unwrap();

    let first = planned();
    test.give("cy", "X2");
    assert!(matches!(applied(&test, first), Applied::Outdated), "a seat fewer");
    assert_eq!((test.holds("ana"), test.find(&import).state), (None, State::Validated));

    let second = planned();
    test.give("di", "X4");
    test.write(&Actor::CommandLine, |tx| {
        let ana = users::named(tx.conn, "ana")?.unwrap();
        let telephony = by_hand::Telephony { phone_number: Some("+351 21 0".into()), extension: None };
        by_hand::set_telephony(tx, &ana.id, telephony).map(|_| ())
    })
    .unwrap();
    assert!(matches!(applied(&test, second), Applied::Done(_)), "neither is of the file");
    assert_eq!(test.holds("ana").as_deref(), Some("X2"));
}

#[test]
fn a_user_deleted_in_between_refuses_the_whole_file() {
    let message =
        refused_after(&staffed(5, 5), "userName,license\nbo,X2\nana,X2\n", |test| delete(test, "ana"));
    assert!(message.contains("row 3 (ana): There is no user “ana”."), "{message}");
}

#[test]
fn another_account_under_the_same_name_refuses_the_whole_file() {
    let message = refused_after(&staffed(5, 5), "userName,license\nana,X2\n", |test| {
        delete(test, "ana");
        let again = |tx: &mut Tx| {
            let site = sites::named(tx.conn, "Delft")?.unwrap();
            add(tx, "ana", Some(&site.id))
        };
        test.write(&Actor::CommandLine, again).unwrap();
    });
    assert!(message.contains("row 2 (ana): the user name belongs to another account now."), "{message}");
}

#[test]
fn a_licence_changed_in_between_refuses_the_whole_file() {
    let file = "userName,license\nana,X2\nbo,X2\n";
    let message = refused_after(&staffed(5, 5), file, |test| test.give("ana", "X4"));
    assert!(message.contains("row 2 (ana): the user had no licence then and has X4 now."), "{message}");
    let message = refused_after(&staffed(5, 5), file, |test| test.give("ana", "X2"));
    assert!(message.contains("row 2 (ana): the user had no licence then and has X2 now."), "{message}");
}

#[test]
fn seats_taken_in_between_refuse_the_whole_file() {
    let message =
        refused_after(&staffed(2, 5), "userName,license\nana,X2\nbo,X2\n", |test| test.give("di", "X2"));
    assert!(message.contains("row 3 (bo): X2 has 2 seats: 1 taken, 1 given by rows above"), "{message}");
}

#[test]
fn a_code_that_means_another_type_now_refuses_the_whole_file() {
    let message = refused_after(&staffed(5, 5), "userName,license\nana,X2\n", |test| {
        let swap = |tx: &mut Tx| {
            for (from, to) in [("X2", "old"), ("X4", "X2")] {
                let kind = licenses::coded(tx.conn, from)?.unwrap();
                licenses::change(
                    tx,
                    &kind.id,
                    &licenses::LicenseTypeInput { code: to.into(), name: kind.name, seats: 5 },
                )?;
            }
            Ok(())
        };
        test.write(&Actor::CommandLine, swap).unwrap();
    });
    assert!(message.contains("the code X2 stands for another licence type now"), "{message}");
}

#[test]
fn many_differences_are_summed_up() {
    let message = refused_after(&staffed(5, 5), "userName,license\nana,X2\nbo,X2\ncy,X2\ndi,X2\n", |test| {
        for name in ["ana", "bo", "cy", "di"] {
            test.give(name, "X4");
        }
    });
    assert!(message.contains("row 4 (cy)") && message.contains("; and 1 more."), "{message}");
}

#[test]
fn seats_given_elsewhere_do_not_matter_while_enough_are_free() {
    let test = staffed(5, 5);
    let import = test.check("userName,license\nana,X2\n");
    test.give("di", "X2");
    let applied = test.apply(&import).unwrap();
    assert_eq!((import.seats[0].before, applied.seats[0].before, applied.seats[0].after), (0, 1, 2));
}

#[test]
fn a_file_larger_than_one_query_swaps_everybody() {
    const PEOPLE: i32 = 1_200;
    let test = staffed(PEOPLE / 2, PEOPLE / 2);
    test.write(&Actor::CommandLine, |tx| {
        let site = sites::named(tx.conn, "Delft")?.unwrap();
        (0..PEOPLE).try_for_each(|number| add(tx, &format!("user{number}"), Some(&site.id)))
    })
    .unwrap();
    let file = |turn: i32| {
        let rows = (0..PEOPLE).map(|number| {
            let code = if (number + turn) % 2 == 0 { "X2" } else { "X4" };
            format!("user{number},{code}\n")
        });
        format!("userName,license\n{}", rows.collect::<String>())
    };
    for turn in 0..2 {
        let import = test.check(&file(turn));
        assert_eq!((import.state, import.row_count), (State::Validated, PEOPLE));
        test.apply(&import).unwrap();
        assert_eq!(test.holds("user0").as_deref(), Some(if turn == 0 { "X2" } else { "X4" }));
    }
}

#[test]
fn whatever_a_validated_file_moves_can_be_applied_and_ends_as_the_file_says() {
    let test = staffed(1, 2);
    test.write(&Actor::CommandLine, |tx| {
        let site = sites::named(tx.conn, "Delft")?.unwrap();
        for (code, seats) in [("X6", 1), ("X8", 3)] {
            licenses::create(
                tx,
                &licenses::LicenseTypeInput { code: code.into(), name: code.into(), seats },
            )?;
        }
        ["ed", "flo", "gus"].iter().try_for_each(|name| add(tx, name, Some(&site.id)))
    })
    .unwrap();
    let people = ["ana", "bo", "cy", "di", "ed", "flo", "gus"];
    let mut seed = 88_172_645_463_325_252_u64;
    let mut applied = 0;
    for _ in 0..150 {
        let wishes = people.map(|name| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (name, ["", "X2", "X4", "X4", "X6", "X8", "X8", "X8"][usize::try_from(seed % 8).unwrap()])
        });
        let rows = wishes.map(|(name, code)| format!("{name},{code}\n")).concat();
        let import = test.check_taking_away(&format!("userName,license\n{rows}"));
        let legal = import.seats.iter().all(|line| line.after <= line.seats);
        assert_eq!(legal, import.state == State::Validated);
        if legal {
            test.apply(&import).unwrap();
            assert!(wishes.iter().all(|(name, code)| test.holds(name).unwrap_or_default() == *code));
            applied += 1;
        }
    }
    assert!(applied > 10, "{applied}");
}

#[test]
fn what_was_prepared_is_applied_unless_the_world_changed_since() {
    let test = staffed(2, 5);
    let import = test.check("userName,license\nana,X2\nbo,X2\n");
    let prepared = prepare(&test.org, &import.id).unwrap();
    test.give("ana", "X4");
    assert!(matches!(applied(&test, prepared), Applied::Outdated));
    assert_eq!((test.holds("bo"), test.find(&import).state), (None, State::Validated));
    let refusal = test.apply(&import).unwrap_err();
    assert!(refusal.to_string().contains("the user had no licence then and has X4 now"), "{refusal}");

    let import = test.check("userName,license\nbo,X2\ncy,X2\n");
    let prepared = prepare(&test.org, &import.id).unwrap();
    test.give("di", "X2");
    assert!(matches!(applied(&test, prepared), Applied::Outdated));
    let refusal = test.apply(&import).unwrap_err();
    assert!(refusal.to_string().contains("finds none free"), "{refusal}");
    assert_eq!((test.holds("bo"), test.holds("cy")), (None, None), "all or nothing");
    let stock = test.org.read(licenses::stock).unwrap();
    assert_eq!(stock.iter().map(|stock| stock.used).collect::<Vec<_>>(), [1, 1]);

    let import = test.check("userName,license\nbo,X2\ncy,X4\n");
    let prepared = prepare(&test.org, &import.id).unwrap();
    assert!(matches!(applied(&test, prepared), Applied::Done(_)));
    assert_eq!((test.holds("bo").as_deref(), test.holds("cy").as_deref()), (Some("X2"), Some("X4")));
    let stock = test.org.read(licenses::stock).unwrap();
    assert_eq!(stock.iter().map(|stock| stock.used).collect::<Vec<_>>(), [2, 2], "kept with the type");
}
