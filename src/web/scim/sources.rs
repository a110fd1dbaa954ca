//! Where the two types of resource come from: the same questions to two modules of the domain.

use super::compile;
use super::compiled::Compiled;
use super::search::{Lookup, MOST_LOOKED_AT};
use super::{Refusal, Rendered, groups, users};
use crate::db::Conn;
use crate::domain::condition::Condition;
use crate::domain::groups::{Group, search as of_groups};
use crate::domain::users::by_entra::EntraUser;
use crate::domain::users::plan::{self, Plan};
use crate::domain::users::query;
use crate::domain::users::search::{self as of_users, Cursor, From};
use crate::error::Error;
use crate::keys::GroupId;
use crate::scim::filter::Filter;
use crate::scim::path::AttributeRef;
use crate::scim::schema::{GROUPS, Resource, USERS};
use crate::scim::user::User;
use crate::scim::{Fault, ScimType};
use serde_json::{Value, json};

/// So many members are in one answer, unless a single group has more.
const MOST_MEMBERS: i64 = 10_000;

/// Where a type of resource comes from.
pub(super) trait Source {
    type Predicate;
    type SortKey: Copy;
    type Search;
    type Row;
    fn kind(&self) -> &'static Resource;
    fn compile(&self, filter: Option<&Filter>) -> Compiled<Self::Predicate>;
    fn order(&self, attr: &AttributeRef) -> Option<Self::SortKey>;
    fn search(
        &self,
        conn: &mut Conn,
        condition: Condition<Self::Predicate>,
        order: Option<Self::SortKey>,
    ) -> Result<Self::Search, Error>;
    /// As many of the first rows of a page as one answer holds, but one at least.
    fn fitting(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Self::Row>, Error>;
    /// How many are found; with a cursor, how many behind it.
    fn count(&self, conn: &mut Conn, search: &Self::Search, after: Option<&Cursor>) -> Result<i64, Error>;
    fn page(
        &self,
        conn: &mut Conn,
        search: &Self::Search,
        from: &From,
        count: i64,
    ) -> Result<Vec<Self::Row>, Error>;
    fn all(&self, conn: &mut Conn, search: &Self::Search) -> Result<Option<Vec<Self::Row>>, Error>;
    /// The place of a row in an order.
    fn cursor(&self, order: Option<Self::SortKey>, row: &Self::Row) -> Cursor;
    /// The resources, as much of them as was asked for.
    fn render(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Rendered>, Error>;
    /// The resources with all their attributes, to look into.
    fn whole(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Value>, Refusal>;
}

/// Users, as far as the client may see them.
pub(super) struct Users<'a>(pub(super) &'a Lookup<'a>);
/// Groups.
pub(super) struct Groups<'a>(pub(super) &'a Lookup<'a>);

impl Source for Users<'_> {
    type Predicate = query::Predicate;
    type SortKey = of_users::SortKey;
    type Search = of_users::Search;
    type Row = EntraUser;

    fn kind(&self) -> &'static Resource {
        &USERS
    }

    fn compile(&self, filter: Option<&Filter>) -> Compiled<Self::Predicate> {
        compile::users(filter)
    }

    fn order(&self, attr: &AttributeRef) -> Option<Self::SortKey> {
        compile::user_order(attr)
    }

    fn search(
        &self,
        conn: &mut Conn,
        condition: Condition<Self::Predicate>,
        order: Option<Self::SortKey>,
    ) -> Result<Self::Search, Error> {
        let descending = self.0.query.descending && order.is_some();
        let search =
            of_users::Search { scope: self.0.scope, condition, order, descending, plan: Plan::ByIndex };
        Ok(of_users::Search { plan: plan::plan(conn, &search)?, ..search })
    }

    fn fitting(&self, _: &mut Conn, rows: Vec<EntraUser>) -> Result<Vec<EntraUser>, Error> {
        Ok(rows)
    }

    fn count(&self, conn: &mut Conn, search: &Self::Search, after: Option<&Cursor>) -> Result<i64, Error> {
        of_users::count(conn, search, after)
    }

    fn page(
        &self,
        conn: &mut Conn,
        search: &Self::Search,
        from: &From,
        count: i64,
    ) -> Result<Vec<EntraUser>, Error> {
        of_users::page(conn, search, from, count, self.0.org.bookmarks())
    }

    fn all(&self, conn: &mut Conn, search: &Self::Search) -> Result<Option<Vec<EntraUser>>, Error> {
        of_users::all(conn, search, MOST_LOOKED_AT)
    }

    fn cursor(&self, order: Option<Self::SortKey>, row: &EntraUser) -> Cursor {
        of_users::cursor(order, &row.user)
    }

    fn render(&self, conn: &mut Conn, rows: Vec<EntraUser>) -> Result<Vec<Rendered>, Error> {
        let projection = &self.0.query.projection;
        let users = users::resources(conn, &rows, !projection.leaves_out("groups"), self.0.base)?;
        Ok(users.into_iter().map(|user| Rendered::user(user, projection)).collect())
    }

    fn whole(&self, conn: &mut Conn, rows: Vec<EntraUser>) -> Result<Vec<Value>, Refusal> {
        Ok(users::resources(conn, &rows, true, self.0.base)?.iter().map(User::to_json).collect())
    }
}

impl Source for Groups<'_> {
    type Predicate = of_groups::Predicate;
    type SortKey = of_groups::SortKey;
    type Search = of_groups::Search;
    type Row = Group;

    fn kind(&self) -> &'static Resource {
        &GROUPS
    }

    fn compile(&self, filter: Option<&Filter>) -> Compiled<Self::Predicate> {
        compile::groups(filter)
    }

    fn order(&self, attr: &AttributeRef) -> Option<Self::SortKey> {
        compile::group_order(attr)
    }

    fn search(
        &self,
        _: &mut Conn,
        condition: Condition<Self::Predicate>,
        order: Option<Self::SortKey>,
    ) -> Result<Self::Search, Error> {
        let descending = self.0.query.descending && order.is_some();
        Ok(of_groups::Search { condition, order, descending })
    }

    fn fitting(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Self::Row>, Error> {
        if self.0.query.projection.leaves_out(groups::MEMBERS) {
            return Ok(rows);
        }
        let ids: Vec<&GroupId> = rows.iter().map(|group| &group.id).collect();
        let fitting = of_groups::with_members_up_to(conn, &ids, MOST_MEMBERS)?.max(1);
        Ok(rows.into_iter().take(fitting).collect())
    }

    fn count(&self, conn: &mut Conn, search: &Self::Search, after: Option<&Cursor>) -> Result<i64, Error> {
        of_groups::count(conn, search, after)
    }

    fn page(
        &self,
        conn: &mut Conn,
        search: &Self::Search,
        from: &From,
        count: i64,
    ) -> Result<Vec<Self::Row>, Error> {
        of_groups::page(conn, search, from, count)
    }

    fn all(&self, conn: &mut Conn, search: &Self::Search) -> Result<Option<Vec<Self::Row>>, Error> {
        of_groups::all(conn, search, MOST_LOOKED_AT)
    }

    fn cursor(&self, order: Option<Self::SortKey>, row: &Self::Row) -> Cursor {
        of_groups::cursor(order, row)
    }

    fn render(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Rendered>, Error> {
        let projection = &self.0.query.projection;
        let with_members = !projection.leaves_out(groups::MEMBERS);
        let render = |row| {
            let group = groups::resource(conn, row, with_members, self.0.base)?;
            Ok(Rendered::group(group, projection))
        };
        rows.iter().map(render).collect()
    }

    fn whole(&self, conn: &mut Conn, rows: Vec<Self::Row>) -> Result<Vec<Value>, Refusal> {
        let ids: Vec<&GroupId> = rows.iter().map(|group| &group.id).collect();
        if of_groups::with_members_up_to(conn, &ids, MOST_MEMBERS)? < ids.len() {
            return Err(too_many_members());
        }
        rows.iter().map(|row| Ok(json!(groups::resource(conn, row, true, self.0.base)?))).collect()
    }
}

fn too_many_members() -> Refusal {
    let detail = format!(
        "More than {MOST_MEMBERS} members of groups would have to be looked at one by one. Add a condition on id, \
         displayName or externalId, or on members by equality."
    );
    Fault::bad(ScimType::TooMany, detail).into()
}
