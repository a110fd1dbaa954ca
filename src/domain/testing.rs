//! An organisation for unit tests.

use super::{Actor, Clock, Noted, Org, Tx};
use crate::db::Db;
use crate::error::Result;
use crate::seal::Keyring;

/// What a test writes: a rule's answer with its proof, or what the test does beside the rules.
pub(crate) trait Written {
    type Value: Send + 'static;
    fn noted(self) -> Noted<Self::Value>;
}

impl<T: Send + 'static> Written for Noted<T> {
    type Value = T;

    fn noted(self) -> Noted<T> {
        self
    }
}

macro_rules! beside_the_rules {
    ($([$($name:ident),*] $kind:ty;)+) => {$(
        impl<$($name: Send + 'static),*> Written for $kind {
            type Value = Self;

            fn noted(self) -> Noted<Self> {
                Noted::unaudited(self, "a test")
            }
        }
    )+};
}

beside_the_rules! {
    [] ();
    [] bool;
    [] String;
    [T] Vec<T>;
    [T] Option<T>;
    [A, B] (A, B);
    [] i64;
    [] usize;
    [T, E] std::result::Result<T, E>;
    [A, B, C] (A, B, C);
}

/// An organisation on a fresh database that goes when it goes.
pub(crate) struct TestOrg {
    pub(crate) org: Org,
    pub(crate) clock: Clock,
    _folder: tempfile::TempDir,
}

#[allow(clippy::unwrap_used)]
pub(crate) fn test_org() -> TestOrg {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("rollcall.db")).unwrap();
    let clock = Clock::default();
    TestOrg { org: Org::new(db, Keyring::forgetful(), clock.clone()), clock, _folder: folder }
}

impl TestOrg {
    pub(crate) fn write<W: Written>(
        &self,
        actor: &Actor,
        work: impl FnOnce(&mut Tx) -> Result<W> + Send + 'static,
    ) -> Result<W::Value> {
        self.org.write(actor, |tx| work(tx).map(Written::noted))
    }
}
