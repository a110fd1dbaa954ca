//! What a transaction promises to the rules.

use crate::harness::Console;
use rollcall::domain::{Actor, Noted, sites};
use rollcall::error::{Error, Outage, Result, Undoes};

/// An error as an interface has one of its own.
#[derive(Debug)]
enum Refusal {
    NotWanted,
    OfTheRules(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::OfTheRules(error)
    }
}

impl Undoes for Refusal {
    fn outage(&self) -> Option<Outage> {
        match self {
            Self::NotWanted => None,
            Self::OfTheRules(error) => error.outage(),
        }
    }
}

fn site_names(console: &Console) -> Vec<String> {
    console.org.read(|conn| Ok(sites::all(conn)?.into_iter().map(|site| site.name).collect())).unwrap()
}

#[actix_web::test]
async fn an_error_of_ones_own_type_goes_through_a_transaction_and_undoes_it() {
    let console = Console::open();
    let outcome: Result<sites::Site, Refusal> = console.org.write(&Actor::CommandLine, |tx| {
        sites::create(tx, "Lisbon")?;
        Err(Refusal::NotWanted)
    });
    assert!(matches!(outcome, Err(Refusal::NotWanted)));
    let outcome: Result<sites::Site, Refusal> =
        console.org.write(&Actor::CommandLine, |tx| Ok(sites::create(tx, " ")?));
    assert!(matches!(outcome, Err(Refusal::OfTheRules(Error::Invalid(_)))));
    assert_eq!(site_names(&console), [""; 0]);
}

#[actix_web::test]
async fn a_nested_refusal_undoes_its_own_changes_only_and_arrives_as_what_it_is() {
    let console = Console::open();
    console.write(|tx| {
        sites::create(tx, "Lisbon")?;
        let refused: Result<Noted<sites::Site>, Refusal> = tx.nested(|tx| {
            sites::create(tx, "Oslo")?;
            let deeper: Result<Noted<sites::Site>, Error> = tx.nested(|tx| sites::create(tx, "oslo"));
            assert!(matches!(deeper, Err(Error::Taken(_))));
            sites::create(tx, "Porto")?;
            Err(Refusal::NotWanted)
        });
        assert!(matches!(refused, Err(Refusal::NotWanted)));
        sites::create(tx, "Rome")
    });
    assert_eq!(site_names(&console), ["Lisbon", "Rome"]);
}

#[actix_web::test]
async fn a_panic_in_a_nested_change_undoes_its_transaction_and_the_writer_lives_on() {
    let console = Console::open();
    let outcome: Result<sites::Site> = console.org.write(&Actor::CommandLine, |tx| {
        sites::create(tx, "Lisbon")?;
        tx.nested(|tx| {
            sites::create(tx, "Oslo")?;
            panic!("a fault in a rule")
        })
    });
    assert!(matches!(outcome, Err(Error::Internal(_))));
    console.site("Rome");
    assert_eq!(site_names(&console), ["Rome"]);
}
