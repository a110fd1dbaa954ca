//! What is written of an account that changed: the parts that go together, each compared and written as a whole.
//!
//! A column of [`User`] or [`Profile`] that is in no list here does not compile: whoever adds one says with what it is
//! written, or that it has a place of its own in [`store_over`](super::store::store_over).
#![allow(clippy::ref_option_ref, reason = "what is derived for changes takes references of all fields")]

use super::federation::FoundBy;
use super::{EntraState, Held, Profile, User};
use crate::db::schema::users;
use crate::domain::Role;
use crate::keys::SiteId;
use chrono::NaiveDateTime;
use diesel::AsChangeset;

/// Declares some columns of a record, by reference, as what is compared and written together: those that always have a
/// value, and those that may have none. `but` names the others.
macro_rules! part {
    (
        $(#[$doc:meta])*
        $name:ident of $whole:ident { $($field:ident: $type:ty),+ $(,)? }
        or nothing { $($option:ident: $some:ty),+ $(,)? }
        but { $($other:ident),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(PartialEq, AsChangeset)]
        #[diesel(table_name = users, treat_none_as_null = true)]
        pub(super) struct $name<'a> { $($field: &'a $type,)+ $($option: Option<&'a $some>,)+ }

        impl<'a> From<&'a $whole> for $name<'a> {
            fn from(whole: &'a $whole) -> Self {
                let $whole { $($field,)+ $($option,)+ $($other: _),+ } = whole;
                Self { $($field,)+ $($option: $option.as_ref(),)+ }
            }
        }
    };
}

part! {
    /// How the profile describes somebody. No index has any of it, and it is written with every change.
    Description of Profile {
        more: String,
    } or nothing {
        display_name: String,
        given_name: String,
        family_name: String,
        title: String,
        department: String,
        manager: String,
        work_phone: String,
        mobile_phone: String,
        locale: String,
        time_zone: String,
        language: String,
    } but { user_name, external_id }
}

part! {
    /// What the account is beside its profile: it changes seldom, and many indexes have a part of it.
    Standing of User {
        scim_id: String,
        active: bool,
        entra_state: EntraState,
        role: Role,
        handed_over: bool,
        seen: i32,
        deactivated_by_hand: bool,
    } or nothing {
        entra_object_id: String,
        phone_number: String,
        extension: String,
        site_id: SiteId,
        site_sent: String,
        site_sent_key: String,
        site_urn: String,
        deactivated_at: NaiveDateTime,
        deleted_in_entra_at: NaiveDateTime,
        held: Held,
        held_at: NaiveDateTime,
        federated_id: String,
        federated_key: String,
        confirmed_name_key: String,
        confirmed_federated_key: String,
        confirmed_object_id: String,
        held_name: String,
        held_name_key: String,
        held_no: i64,
        held_first_no: i64,
        name_last_confirmed: String,
        federated_id_last_confirmed: String,
        object_id_found_by: FoundBy,
        object_id_found_as: String,
    } but {
        // Never written again.
        id, origin, created_at, search_no,
        // Written by `store_password`, which has the hash.
        has_password,
        // Each written where it changed, or always.
        profile, user_name_key, sort_name, look_key, look_written, search_text, updated_at, version,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::db::{Backend, empty, indexed_columns};

    #[test]
    fn no_index_has_a_column_that_is_written_with_every_change() {
        let profile = Profile::named("ana");
        let change = diesel::update(users::table).set(Description::from(&profile));
        let written = diesel::debug_query::<Backend, _>(&change).to_string();
        assert!(written.contains("`title` = ?"), "{written}");
        let (_folder, db) = empty();
        let indexed = db.read(|conn| Ok(indexed_columns(conn, "users"))).unwrap();
        assert!(indexed.len() > 20, "{}", indexed.len());
        let both = indexed.into_iter().find(|column| written.contains(&format!("`{column}` = ?")));
        assert_eq!(both, None, "{written}");
    }
}
