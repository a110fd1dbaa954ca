//! What is kept of an import, and what can be downloaded.

use super::*;

#[test]
fn a_discarded_import_stays_in_the_list_and_can_no_longer_be_applied() {
    let test = staffed(5, 5);
    let import = test.check("userName,license\nana,X2\n");
    for _ in 0..2 {
        let id = import.id.clone();
        let discarded = test.write(&administrator(), move |tx| discard(tx, &id)).unwrap();
        assert_eq!((discarded.state, discarded.finished_at.is_some()), (State::Discarded, true));
    }
    assert!(test.apply(&import).unwrap_err().to_string().contains("was discarded"));
    assert_eq!(test.holds("ana"), None);
    assert_eq!(test.record().last().unwrap(), "Mia discarded the licence file staff.csv.");
    assert_eq!(test.record().len(), 2);
}

#[test]
fn an_applied_import_cannot_be_discarded() {
    let test = staffed(5, 5);
    let import = test.check("userName,license\nana,X2\n");
    test.apply(&import).unwrap();
    let id = import.id.clone();
    let refusal = test.write(&administrator(), move |tx| discard(tx, &id)).unwrap_err();
    assert!(matches!(refusal, Error::Conflict(_)));
    assert_eq!(test.find(&import).state, State::Applied);
}

#[test]
fn a_file_that_cannot_be_read_is_refused_and_leaves_no_trace() {
    let test = staffed(5, 5);
    let upload = upload("name\nana\n", false);
    let refusal = test.validate(&upload).unwrap_err();
    assert!(refusal.about("file").is_some());
    assert!(test.org.read(|conn| recent(conn, 10)).unwrap().is_empty());
    assert!(test.record().is_empty());
}

#[test]
fn the_list_shows_the_newest_first() {
    let test = staffed(5, 5);
    let first = test.check("userName,license\nana,X2\n");
    test.clock.advance(TimeDelta::minutes(1));
    let second = test.check("userName,license\nbo,X2\n");
    let recent = |most| test.org.read(|conn| recent(conn, most)).unwrap();
    assert_eq!(recent(10).into_iter().map(|it| it.id).collect::<Vec<_>>(), [second.id.clone(), first.id]);
    assert_eq!(recent(1)[0].id, second.id);
}

#[test]
fn rows_are_read_a_page_at_a_time() {
    let test = staffed(5, 5);
    let import = test.check("userName,license\nana,X2\nnobody,X2\nbo,X2\nghost,X2\n");
    let numbers = |faults_only, after, most| -> Vec<i32> {
        let rows = test.org.read(|conn| rows(conn, &import.id, faults_only, after, most)).unwrap();
        rows.iter().map(|row| row.number).collect()
    };
    assert_eq!(numbers(false, 0, 2), [2, 3]);
    assert_eq!(numbers(false, 3, 2), [4, 5]);
    assert_eq!(numbers(true, 0, 10), [3, 5]);
    assert_eq!(numbers(true, 3, 10), [5]);
}

#[test]
fn the_file_name_is_kept_without_its_folders() {
    let names = ["C:\\Users\\mia\\staff.csv", "/tmp/staff.csv", "st\naff.csv", "  "];
    assert_eq!(
        names.map(crate::domain::names::of_file),
        ["staff.csv", "staff.csv", "staff.csv", "upload.csv"]
    );
}

#[test]
fn the_result_file_tells_row_by_row_what_became_of_it() {
    let test = staffed(5, 5);
    test.give("bo", "X4");
    test.give("cy", "X2");
    let result = |import: &Import| {
        let bytes = test.org.read(|conn| result_csv(conn, &import.id)).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let import = test.check_taking_away("userName,license\nana,X2\nbo,X2\ncy,\n");
    assert!(result(&import).contains("2,ana,X2,Not applied yet: assign,\r\n"));
    test.apply(&import).unwrap();
    assert_eq!(
        result(&import),
        "\u{FEFF}row,userName,license,result,remedy\r\n2,ana,X2,Assigned,\r\n3,bo,X2,Changed from X4,\r\n\
         4,cy,,Took X2 away,\r\n"
    );
    let faulty = test.check("userName,license\nana,X4\n\"=cmd|' /C calc'!A0\",X2\n");
    let text = result(&faulty);
    assert!(text.contains("2,ana,X4,Not applied: change from X2,\r\n"), "{text}");
    assert!(text.contains("\r\n3,'=cmd|' /C calc'!A0,X2,"), "{text}");
}

#[test]
fn no_cell_of_the_result_file_is_taken_for_a_formula_and_it_can_be_uploaded_again() {
    let test = staffed(5, 5);
    let names = ["=1+1", "+31", "-2", "@SUM(A1)"];
    let file = names.map(|name| format!("{name},X2\n")).concat();
    let import = test.check(&format!("userName,license\n{file}"));
    let bytes = test.org.read(|conn| result_csv(conn, &import.id)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for name in names {
        assert!(text.contains(&format!(",'{name},X2,")), "{text}");
    }
    let again = test.check(&text);
    assert_eq!(test.rows(&again).into_iter().map(|row| row.user_name).collect::<Vec<_>>(), names);
    assert!(again.remarks[0].contains("“row”, “result”, “remedy”"));
}

#[test]
fn the_example_file_has_the_header_that_is_read() {
    let sheet = super::read::read(&template_csv()).unwrap();
    assert_eq!((sheet.lines.len(), sheet.remarks.len()), (2, 0));
}
