//! What the forms of the console do for people who share it: two who edit the same, two clicks on one button, and what is
//! entered while a session ends.

use crate::harness::{Console, PASSWORD, Page};

fn seats(console: &Console, code: &'static str) -> i32 {
    console.org.read(|conn| rollcall::domain::licenses::coded(conn, code)).unwrap().unwrap().seats
}

fn notice_beside(page: &Page, action: &str) -> Option<String> {
    page.value(&format!("form[action=\"{action}\"] .notice"))
}

#[actix_web::test]
async fn what_only_the_other_changed_is_taken_over() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let (mine, theirs) = (olga.get(&path).await, olga.get(&path).await);
    assert_eq!(theirs.submit(&path, &[("seats", "9")]).await.status, 303);
    assert_eq!(mine.submit(&path, &[("name", "Work")]).await.status, 303);
    let now = olga.get(&path).await;
    assert_eq!((now.value("#seats").as_deref(), now.value("#name").as_deref()), (Some("9"), Some("Work")));
}

#[actix_web::test]
async fn where_both_changed_the_same_the_second_sees_both_and_chooses() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let (mine, theirs) = (olga.get(&path).await, olga.get(&path).await);
    theirs.submit(&path, &[("seats", "9"), ("name", "Theirs")]).await.follow().await;
    let both = mine.submit(&path, &[("seats", "7")]).await;
    assert_eq!((both.status, seats(&console, "x2")), (409, 9));
    assert!(both.text().contains("Somebody else changed this in the meantime."));
    // The field has what this person entered, theirs stands below; what only they changed stands in its field.
    assert_eq!(both.value("#seats").as_deref(), Some("7"));
    assert!(both.value("#seats-theirs").unwrap().contains('9'));
    assert_eq!(both.attribute("#seats", "aria-describedby").as_deref(), Some("seats-hint seats-theirs"));
    assert_eq!(both.value("#name").as_deref(), Some("Theirs"));
    assert!(both.value("title").unwrap().starts_with("Error: "));
    // Sent again, it is meant.
    assert_eq!(both.submit(&path, &[]).await.status, 303);
    assert_eq!(seats(&console, "x2"), 7);
}

#[actix_web::test]
async fn a_script_that_does_not_say_what_it_saw_is_taken_at_its_word() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&path).await;
    page.submit(&path, &[("seats", "9")]).await;
    let csrf = page.value("input[name=csrf]").unwrap();
    let fields = [("csrf", csrf.as_str()), ("code", "X2"), ("name", "X2"), ("seats", "7")];
    assert_eq!(olga.post_bare(&path, &fields).await.status, 303);
    assert_eq!(seats(&console, "x2"), 7);
}

#[actix_web::test]
async fn two_clicks_make_one_thing_and_the_second_is_shown_the_first() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let page = olga.get("/licenses").await;
    let entered = [("code", "X2"), ("name", ""), ("seats", "5")];
    let (first, second) =
        tokio::join!(page.submit("/licenses", &entered), page.submit("/licenses", &entered));
    assert_eq!((first.location(), second.location()), ("/licenses", "/licenses"));
    // A browser shows the answer to the second.
    let shown = second.follow().await;
    assert_eq!(notice_beside(&shown, "/licenses").as_deref().map(str::trim), Some("X2 was created."));
    let third = page.submit("/licenses", &entered).await.follow().await;
    assert!(notice_beside(&third, "/licenses").is_some());
    let log = olga.get("/activity").await.text();
    assert_eq!(log.matches("created the licence type X2").count(), 1, "{log}");
    // Entered anew, it is refused; something else from the same page is something else.
    assert_eq!(olga.submit("/licenses", "/licenses", &entered).await.status, 409);
    let other = [("code", "X3"), ("name", ""), ("seats", "5")];
    assert_eq!(page.submit("/licenses", &other).await.status, 303);
    assert_eq!(seats(&console, "x3"), 5);
}

#[actix_web::test]
async fn a_form_that_was_deleted_by_is_not_sent_twice() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&path).await;
    let delete = format!("{path}/delete");
    for _ in 0..2 {
        let after = page.submit(&delete, &[]).await.follow().await;
        assert!(after.text().contains("The licence type was deleted."));
    }
    // What came of a form is known for a day.
    console.clock.advance(chrono::TimeDelta::days(2));
    let now = console.org.now();
    let is_untidy =
        || console.org.read(move |conn| rollcall::domain::submissions::is_untidy(conn, now)).unwrap();
    assert!(is_untidy());
    rollcall::worker::round(&console.org, false).await.unwrap();
    assert!(!is_untidy());
}

#[actix_web::test]
async fn a_form_that_was_refused_takes_nothing_away_that_somebody_else_set() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let (mine, theirs) = (olga.get("/held").await, olga.get("/held").await);
    let is_on = |page: &Page| page.has("#enabled[checked]");
    let before = is_on(&mine);
    let switched = if before { "" } else { "1" };
    assert_eq!(theirs.submit("/held/limits", &[("enabled", switched)]).await.status, 303);
    let refused = mine.submit("/held/limits", &[("minutes", "abc")]).await.refused();
    assert_eq!(is_on(&refused), !before, "what only the other changed stands there");
    assert_eq!(refused.submit("/held/limits", &[("minutes", "90")]).await.status, 303);
    assert_eq!(is_on(&olga.get("/held").await), !before);
}

#[actix_web::test]
async fn what_was_done_long_ago_is_not_said_to_be_done_again() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&path).await;
    assert_eq!(page.submit(&path, &[("seats", "7")]).await.status, 303);
    olga.submit(&path, &path, &[("seats", "9")]).await;
    console.clock.advance(chrono::TimeDelta::minutes(2));
    let again = page.submit(&path, &[("seats", "7")]).await.refused();
    assert!(again.text().contains("This form was sent before"), "{}", again.text());
    assert_eq!(seats(&console, "x2"), 9);
}

#[actix_web::test]
async fn every_fault_of_a_form_is_said_at_once() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let refused =
        olga.submit("/licenses", "/licenses", &[("code", ""), ("name", "Work"), ("seats", "many")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.has("#code-error") && refused.has("#seats-error"), "{}", refused.body);
    assert!(refused.text().contains("There are 2 problems."));
    // In the order of the fields, however they were found; and what was entered stands there again.
    let [code, seats] =
        ["#code", "#seats"].map(|id| refused.body.find(&format!("<a href=\"{id}\">")).unwrap());
    assert!(code < seats);
    assert_eq!(refused.attribute("#seats[type=text]", "value").as_deref(), Some("many"));
    assert!(refused.has("#complaints[autofocus]"));
}

#[actix_web::test]
async fn what_was_entered_while_the_session_ended_stands_in_its_form_after_sign_in() {
    let console = Console::open();
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&path).await;
    console.clock.advance(chrono::TimeDelta::hours(9));
    let ended = page.submit(&path, &[("seats", "7")]).await;
    assert!(ended.location().starts_with("/sign-in?kept&next="), "{}", ended.location());
    let sign_in = ended.follow().await;
    assert!(sign_in.text().contains("What you entered is kept"), "{}", sign_in.text());
    let back = sign_in.submit("/sign-in", &[("user_name", "olga"), ("password", PASSWORD)]).await;
    assert_eq!(back.location(), path);
    let again = back.follow().await;
    assert_eq!((again.value("#seats").as_deref(), seats(&console, "x2")), (Some("7"), 5));
    assert!(again.text().contains("This is what you had entered before you had to sign in again."));
    // It is offered once, and done when it is sent.
    assert_eq!(olga.get(&path).await.value("#seats").as_deref(), Some("5"));
    assert_eq!(again.submit(&path, &[]).await.status, 303);
    assert_eq!(seats(&console, "x2"), 7);
}

#[actix_web::test]
async fn a_draft_is_offered_to_whoever_wrote_it_and_never_holds_a_secret() {
    let console = Console::open();
    console.admin("eve", rollcall::domain::Role::Owner);
    let olga = console.signed_in("olga").await;
    let page = olga.get("/licenses").await;
    console.clock.advance(chrono::TimeDelta::hours(9));
    let entered = [("code", "X7"), ("name", "Secretly"), ("seats", "3"), ("password", "a secret of hers")];
    let sign_in = page.submit("/licenses", &entered).await.follow().await;
    let back = sign_in.submit("/sign-in", &[("user_name", "eve"), ("password", PASSWORD)]).await;
    let eves = back.follow().await;
    assert!(!eves.body.contains("Secretly"), "{}", eves.body);
    // Nobody can lay one under another's name.
    let mark = page.value("input[name=once]").unwrap();
    let forged = mark.replacen(mark.split('.').nth(1).unwrap(), console.find("eve").unwrap().id.as_str(), 1);
    let stranger = console.browser();
    let fields = [("code", "X9"), ("name", "Forged"), ("seats", "3"), ("once", forged.as_str())];
    let refused = stranger.post_bare("/licenses", &fields).await;
    assert!(refused.location().starts_with("/sign-in?ended"), "{}", refused.location());
}

#[actix_web::test]
async fn a_draft_says_what_somebody_else_stored_meanwhile_and_holds_no_password() {
    let console = Console::open();
    console.admin("eve", rollcall::domain::Role::Owner);
    let path = format!("/licenses/{}", console.license("X2", 5).id);
    let olga = console.signed_in("olga").await;
    let (page, account) = (olga.get(&path).await, olga.get("/account").await);
    console.clock.advance(chrono::TimeDelta::hours(9));
    console.signed_in("eve").await.submit(&path, &path, &[("seats", "9")]).await;
    let secret = [("current", "a present secret"), ("password", "another"), ("password_again", "another")];
    assert!(account.submit("/account/password", &secret).await.location().starts_with("/sign-in?ended"));
    let sign_in = page.submit(&path, &[("seats", "7")]).await.follow().await;
    let back = sign_in.submit("/sign-in", &[("user_name", "olga"), ("password", PASSWORD)]).await;
    assert_eq!(olga.get("/confirm/form").await.location(), "/", "a draft is no form to carry on with");
    let again = back.follow().await;
    assert_eq!(again.value("#seats").as_deref(), Some("7"));
    assert!(again.value("#seats-theirs").unwrap().contains('9'));
}
