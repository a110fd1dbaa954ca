//! What a file is told before anything changes.

use super::*;

#[test]
fn a_valid_file_says_what_each_row_will_do_and_changes_nobody() {
    let test = staffed(5, 5);
    test.give("bo", "X2");
    test.give("cy", "X4");
    let import = test.check("userName,license\nANA,x2\nbo,X4\ncy,X4\ndi,\n");
    assert_eq!((import.state, import.row_count, import.fault_count), (State::Validated, 4, 0));
    assert_eq!(test.steps(&import), [Step::Assign, Step::Change, Step::Nothing, Step::LeftAlone]);
    assert_eq!(
        import.counts,
        Counts { assign: 1, change: 1, nothing: 1, left_alone: 1, ..Counts::default() }
    );
    assert_eq!(test.rows(&import)[1].license_before.as_deref(), Some("X2"));
    assert_eq!((test.holds("ana"), test.holds("bo")), (None, Some("X2".into())));
    assert_eq!(import.created_by, "Mia");
    assert_eq!(test.find(&import), import);
}

#[test]
fn an_empty_licence_cell_takes_away_only_when_that_was_asked_for() {
    let test = staffed(5, 5);
    test.give("ana", "X2");
    let file = "userName,license\nana,\nbo,\n";
    let kept = test.check(file);
    assert_eq!(test.steps(&kept), [Step::LeftAlone, Step::LeftAlone]);
    test.apply(&kept).unwrap();
    assert_eq!(test.holds("ana").as_deref(), Some("X2"));
    let taken = test.check_taking_away(file);
    assert_eq!(test.steps(&taken), [Step::Remove, Step::Nothing]);
    test.apply(&taken).unwrap();
    assert_eq!(test.holds("ana"), None);
}

#[test]
fn a_licence_can_be_taken_from_a_user_who_may_hold_none() {
    let test = staffed(5, 5);
    test.give("ana", "X2");
    test.mark_deleted_in_entra("ana");
    let import = test.check_taking_away("userName,license\nana,\nhomeless,\n");
    assert_eq!(test.steps(&import), [Step::Remove, Step::Nothing]);
}

#[test]
fn every_fault_is_listed_with_its_row_and_remedy() {
    let test = staffed(5, 5);
    test.mark_deleted_in_entra("di");
    let import =
        test.check("userName,license\n,X2\nnobody,X2\nana,X9\nhomeless,X2\ndi,X4\nbo,X2\ncy\nghost,X8\n");
    assert_eq!((import.state, import.fault_count, import.counts.assign), (State::Faulty, 7, 1));
    let faults = test.faults(&import);
    let told: Vec<(i32, &str)> = faults.iter().map(|(number, fault, _)| (*number, fault.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "The user name is empty."),
            (3, "There is no user “nobody”."),
            (4, "There is no licence type “X9”."),
            (5, "homeless has no site."),
            (6, "di was deleted in Entra ID."),
            (8, "This row has 1 cell where the header has 2."),
            (9, "There is no user “ghost”. There is no licence type “X8”."),
        ]
    );
    assert_eq!(faults[2].2, "Use one of these: X2, X4. Or create the type under Licences.");
    assert_eq!(
        faults[3].2,
        "Set the site first, on the user’s page, or name it in a column site of this file."
    );
    assert_eq!(faults[4].2, "Delete the user here, or restore the user there.");
    assert!(faults.iter().all(|(_, _, remedy)| !remedy.is_empty()));
}

#[test]
fn a_user_who_holds_the_licence_already_is_nothing_to_do_even_without_a_free_seat() {
    let test = staffed(1, 0);
    test.give("ana", "X2");
    let import = test.check("userName,license\nana,X2\n");
    assert_eq!((import.state, test.steps(&import)), (State::Validated, vec![Step::Nothing]));
    assert!(!import.seats[0].is_touched());
}

#[test]
fn without_any_licence_type_the_remedy_is_to_make_one() {
    let test = test_org();
    let import = test.check("userName,license\nana,X2\n");
    assert!(test.faults(&import)[0].2.contains("There are no licence types yet."));
}

#[test]
fn the_last_rows_that_find_no_seat_are_faults_and_the_arithmetic_is_shown() {
    let test = staffed(2, 5);
    test.give("ana", "X2");
    test.give("bo", "X2");
    let import = test.check("userName,license\nana,X4\ncy,X2\ndi,X2\n");
    let seats = &import.seats[0];
    assert_eq!((seats.code.as_str(), seats.seats, seats.before), ("X2", 2, 2));
    assert_eq!((seats.given, seats.freed, seats.after, seats.short()), (2, 1, 3, 1));
    let faults = test.faults(&import);
    assert_eq!(faults.len(), 1);
    assert_eq!(
        (faults[0].0, faults[0].1.as_str()),
        (
            4,
            "X2 has 2 seats: 2 taken, 1 freed by this file, 1 given by rows above, so this row finds none free."
        )
    );
    assert!(faults[0].2.starts_with("Raise the number of seats of X2 under Licences"));
}

#[test]
fn as_many_as_there_are_seats_is_no_fault() {
    let test = staffed(2, 0);
    let import = test.check("userName,license\nana,X2\nbo,X2\n");
    assert_eq!((import.state, import.seats[0].after, import.seats[0].short()), (State::Validated, 2, 0));
    test.apply(&import).unwrap();
}

#[test]
fn a_row_that_finds_no_seat_frees_none_for_another() {
    let test = staffed(1, 0);
    test.give("ana", "X2");
    let import = test.check("userName,license\nana,X4\nbo,X2\n");
    let faults = test.faults(&import);
    assert_eq!(faults[0].1, "X4 has 0 seats: 0 taken, so this row finds none free.");
    assert_eq!(faults[1].1, "X2 has 1 seat: 1 taken, so this row finds none free.");
    assert!(import.seats.iter().all(|line| line.short() == 1 && line.after == line.seats + 1));
}

#[test]
fn the_fault_of_an_unread_character_set_is_remarked_on_the_import() {
    let test = staffed(5, 5);
    let upload = Upload { bytes: b"userName,license\nana\xEB,X2\n".to_vec(), ..upload("", false) };
    let import = test.validate(&upload).unwrap();
    assert!(test.find(&import).remarks[0].contains("Windows-1252"));
}
