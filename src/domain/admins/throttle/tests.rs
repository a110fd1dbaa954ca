use super::*;
use crate::domain::testing::{TestOrg, test_org};
use crate::domain::users::{Profile, by_hand};
use crate::domain::{Actor, users::User};

fn tries_as(test: &TestOrg, name: &str, address: &str, user: Option<&User>) -> Result<Attempt> {
    let (name, origin) = (name.to_owned(), Origin::of(address));
    let user = user.map(|user| user.id.clone());
    let write = move |tx: &mut Tx| register(tx, &name, user.as_ref(), &origin, &Caller::Stranger);
    test.write(&Actor::Rollcall, write).unwrap()
}

fn tries(test: &TestOrg, name: &str, address: &str) -> Result<Attempt> {
    tries_as(test, name, address, None)
}

fn ada(test: &TestOrg) -> User {
    let wish = by_hand::LocalProfile { profile: Profile::named("ada"), email: None };
    test.write(&Actor::Rollcall, move |tx| by_hand::create(tx, wish, None)).unwrap()
}

fn rows(test: &TestOrg) -> i64 {
    test.org.read(|conn| Ok(table::table.select(count_star()).first(conn)?)).unwrap()
}

#[test]
fn the_sixth_try_of_a_pair_waits_and_nobody_else_does() {
    let test = test_org();
    for _ in 0..5 {
        tries(&test, "ada", "10.0.0.1").unwrap();
    }
    assert!(matches!(tries(&test, "ADA ", "10.0.0.1"), Err(Error::TooMany(30..=61))));
    assert!(tries(&test, "ada", "10.0.0.2").is_ok(), "another address is not locked");
    assert!(tries(&test, "bob", "10.0.0.1").is_ok(), "another account is not locked");
    test.clock.advance(TimeDelta::seconds(62));
    assert!(tries(&test, "ada", "10.0.0.1").is_ok());
    let longer = tries(&test, "ada", "10.0.0.1");
    assert!(matches!(longer, Err(Error::TooMany(90..=121))), "the next lock is longer");
}

#[test]
fn a_client_with_a_whole_network_of_addresses_is_one_client() {
    let test = test_org();
    for host in 1..6 {
        tries(&test, "ada", &format!("2001:db8:1:2::{host}")).unwrap();
    }
    assert!(tries(&test, "ada", "2001:db8:1:2:ffff::1").is_err());
    assert!(tries(&test, "ada", "2001:db8:1:3::1").is_ok());
    for form in ["192.0.2.7", "::ffff:192.0.2.7"] {
        let origin = Origin::of(form);
        assert_eq!((origin.client.as_str(), origin.block.as_str()), ("192.0.2.7", "192.0.2.0/24"));
    }
}

#[test]
fn a_block_of_addresses_is_slowed_down_and_never_locked() {
    let test = test_org();
    let at_once = |tries: Vec<(String, &'static str)>| {
        let write = move |tx: &mut Tx| {
            let one = |(name, address): (String, &str)| {
                register(tx, &name, None, &Origin::of(address), &Caller::Stranger)
            };
            tries.into_iter().map(one).collect::<Result<Vec<Result<Attempt>>>>()
        };
        test.write(&Actor::Rollcall, write).unwrap()
    };
    let named = |name: &str, address| (name.to_owned(), address);
    let mut many: Vec<_> = (0..300).map(|number| (format!("user{number}"), "10.0.0.9")).collect();
    many.extend([named("fresh", "10.0.0.200"), named("fresh", "10.0.1.1")]);
    many.extend((0..5).map(|_| named("user7", "10.0.0.9")));
    many.extend((0..4).map(|_| named("fresh", "10.0.0.200")));
    let pauses: Vec<Option<Duration>> =
        at_once(many).into_iter().map(|outcome| outcome.ok().map(|attempt| attempt.pause)).collect();
    assert!(pauses[..300].iter().all(|pause| pause.unwrap() <= Duration::from_secs(2)), "{pauses:?}");
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(pauses[300], seconds(2), "whoever shares the block waits a little");
    assert_eq!(pauses[301], seconds(0), "whoever doesn't, not at all");
    let user7 = &pauses[302..307];
    assert!(user7[..4].iter().all(|pause| pause.unwrap() <= Duration::from_secs(2)), "{user7:?}");
    assert_eq!(user7[4], None, "whose free tries are used up is locked");
    assert!(
        pauses[307..].iter().all(|pause| *pause == seconds(2)),
        "a mistake costs nobody their turn: {pauses:?}"
    );
    test.clock.advance(TimeDelta::seconds(62));
    assert!(at_once(vec![named("user7", "10.0.0.9")])[0].is_ok());
    test.clock.advance(TimeDelta::hours(2) + TimeDelta::seconds(1));
    assert_eq!(tries(&test, "user7", "10.0.0.9").unwrap().pause, Duration::ZERO, "all is forgotten");
}

#[test]
fn waiting_grows_before_the_lock_comes() {
    let test = test_org();
    let waits: Vec<_> = (0..5).map(|_| tries(&test, "ada", "10.0.0.1").unwrap()).collect();
    assert!(waits[..2].iter().all(|attempt| attempt.pause.is_zero()));
    assert!(waits[2].pause < waits[3].pause && waits[3].pause < waits[4].pause);
    assert_eq!(waits.iter().filter(|attempt| attempt.locks).count(), 1);
}

#[test]
fn guessing_from_many_addresses_is_told_and_slowed_and_locks_nobody_out() {
    let test = test_org();
    let ada = ada(&test);
    for number in 0..150 {
        tries_as(&test, "ada", &format!("10.{number}.0.1"), Some(&ada)).unwrap();
    }
    let own = tries_as(&test, "ada", "192.0.2.1", Some(&ada)).unwrap();
    assert_eq!(own.pause, WAIT_OF_MANY);
    let told = || test.org.read(|conn| guessed_at(conn, test.org.now() - TimeDelta::days(1))).unwrap();
    assert_eq!((told()[0].failures, told()[0].addresses), (151, 151));
    let id = ada.id.clone();
    let forgive = move |tx: &mut Tx| forgive(tx, "ada", &id, &Origin::of("192.0.2.1"), &Caller::Stranger);
    test.write(&Actor::Rollcall, forgive).unwrap();
    assert_eq!((told()[0].failures, told()[0].addresses), (150, 150), "the right one was no guess");
    test.clock.advance(TimeDelta::days(2));
    assert!(told().is_empty());
}

#[test]
fn what_strangers_leave_is_bounded_and_made_up_names_go_first() {
    let test = test_org();
    let ada = ada(&test);
    tries_as(&test, "ada", "10.0.0.1", Some(&ada)).unwrap();
    test.write(&Actor::Rollcall, |tx| {
        for number in 0..MOST_ROWS + 10 {
            let origin = Origin::of("10.0.0.9");
            register(tx, &number.to_string(), None, &origin, &Caller::Stranger)?.ok();
        }
        Ok(())
    })
    .unwrap();
    assert!(rows(&test) <= MOST_ROWS, "{}", rows(&test));
    let kept: i64 = test
        .org
        .read(|conn| {
            Ok(table::table.filter(table::user_id.is_not_null()).select(count_star()).first(conn)?)
        })
        .unwrap();
    assert_eq!(kept, 1);
    test.clock.advance(TimeDelta::hours(3));
    tries(&test, "bob", "10.0.0.1").unwrap();
    assert_eq!(rows(&test), 2, "a pair and a block");
}
