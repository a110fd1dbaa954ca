//! Who came only lately counts for nothing in the measure of those who were there before.

use crate::guard::{active, bar_all, barred, crew, held, name, renamed};
use crate::harness::Console;
use chrono::TimeDelta;
use rollcall::domain::users::Profile;
use rollcall::domain::users::by_entra::{self, SiteWish, UserInput};
use rollcall::domain::{Actor, Noted, Tx};

/// So many more whom Entra ID makes, active or not; the ids that SCIM knows.
fn more(console: &Console, people: usize, active: bool) -> Vec<String> {
    let make = move |tx: &mut Tx| -> rollcall::error::Result<Noted<Vec<String>>> {
        let wish = |number| UserInput {
            profile: Profile::named(&format!("new{number}@example.com")),
            emails: Vec::new(),
            active,
            site: SiteWish::Unsaid,
        };
        let ids = (0..people)
            .map(|number| Ok(by_entra::create(tx, wish(number))?.split().0.known.user.scim_id))
            .collect::<rollcall::error::Result<Vec<_>>>()?;
        Ok(Noted::unaudited(ids, "each user has an entry of their own"))
    };
    console.org.write(&Actor::Entra, make).unwrap()
}

#[actix_web::test]
async fn newcomers_who_come_before_the_first_leaver_do_not_widen_the_measure_either() {
    for (there, newcomers, most) in [(10, 20, 5), (18, 250, 9), (18, 40, 9), (40, 400, 10)] {
        for before_leaving in [TimeDelta::zero(), TimeDelta::hours(2)] {
            // Within the hour those who came two hours before were there, too; the day holds the larger measure.
            let most = if there == 40 && before_leaving > TimeDelta::zero() { 20 } else { most };
            let (console, entra, ids) = crew(there);
            console.clock.advance(TimeDelta::days(3));
            more(&console, newcomers, true);
            console.clock.advance(before_leaving);
            bar_all(&entra, &ids).await;
            let told = format!("of {there} with {newcomers} who came {before_leaving} before");
            assert_eq!(barred(&console, there), most, "{told}");
            assert_eq!(held(&console), i64::try_from(there - most).unwrap(), "{told}");
        }
    }
}

#[actix_web::test]
async fn nor_do_they_for_user_names() {
    let (console, entra, ids) = crew(10);
    console.clock.advance(TimeDelta::days(3));
    more(&console, 20, true);
    for (number, id) in ids.iter().enumerate() {
        entra.patch(&format!("/Users/{id}"), renamed(&format!("other{number}@example.com"))).await;
    }
    assert_eq!(
        (10 - (0..10).filter(|at| console.find(&name(*at)).is_some()).count(), held(&console)),
        (5, 5)
    );
}

#[actix_web::test]
async fn whoever_is_switched_on_again_is_a_newcomer_too() {
    let (console, entra, ids) = crew(10);
    let others = more(&console, 20, false);
    console.clock.advance(TimeDelta::days(3));
    for id in &others {
        entra.patch(&format!("/Users/{id}"), active(true)).await;
    }
    bar_all(&entra, &ids).await;
    assert_eq!((barred(&console, 10), held(&console)), (5, 5));
}

#[actix_web::test]
async fn switching_people_off_and_on_makes_no_newcomers_of_them() {
    let (console, entra, ids) = crew(10);
    console.clock.advance(TimeDelta::days(3));
    for _ in 0..3 {
        bar_all(&entra, &ids[..5]).await;
        for id in &ids[..5] {
            entra.patch(&format!("/Users/{id}"), active(true)).await;
        }
        console.clock.advance(TimeDelta::minutes(5));
    }
    bar_all(&entra, &ids).await;
    assert_eq!((barred(&console, 10), held(&console)), (5, 5));
}

#[actix_web::test]
async fn newcomers_themselves_may_leave_as_many_as_of_all_and_leave_the_others_their_measure() {
    let (console, entra, ids) = crew(2);
    console.clock.advance(TimeDelta::days(3));
    // An organisation that is provisioned today: two accounts stood there before.
    let others = more(&console, 100, true);
    bar_all(&entra, &others[..9]).await;
    assert_eq!(held(&console), 0, "a few corrections on the first day");
    bar_all(&entra, &ids).await;
    assert_eq!((barred(&console, 2), held(&console)), (1, 1), "of the two that stood there, half");
    bar_all(&entra, &others[9..30]).await;
    assert_eq!(held(&console), 22, "of all that is ten within an hour");
}

#[actix_web::test]
async fn in_a_fresh_organisation_half_may_go_and_the_second_leaver_is_not_held() {
    let (console, entra, ids) = crew(12);
    bar_all(&entra, &ids[..2]).await;
    assert_eq!(held(&console), 0);
    bar_all(&entra, &ids[2..]).await;
    assert_eq!((barred(&console, 12), held(&console)), (6, 6));
}
