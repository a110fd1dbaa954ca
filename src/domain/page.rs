//! One page of a list that is paged by key: as quick on the last page as on the first.

/// Which page is asked for. A cursor is the key of the row at the edge of the page that was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The first page.
    #[default]
    Start,
    /// The rows that follow this cursor.
    After(String),
    /// The rows that stand before this cursor.
    Before(String),
}

/// Rows and the ways on from them.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// The page before this one, if there is one.
    pub previous: Option<At>,
    /// The page after this one, if there is one.
    pub next: Option<At>,
}

impl<T> Page<T> {
    /// Makes a page of `size` from up to `size + 1` rows, read from `at` in the direction of travel.
    #[must_use]
    pub fn new(mut rows: Vec<T>, at: &At, size: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > size;
        rows.truncate(size);
        let backwards = matches!(at, At::Before(_));
        if backwards {
            rows.reverse();
        }
        let (before, after) = match at {
            At::Start => (false, more),
            At::After(_) => (true, more),
            At::Before(_) => (more, true),
        };
        Self {
            previous: rows.first().filter(|_| before).map(|row| At::Before(cursor(row))),
            next: rows.last().filter(|_| after).map(|row| At::After(cursor(row))),
            items: rows,
        }
    }

    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), previous: self.previous, next: self.next }
    }
}

/// Puts a query of a log in order, newest first, and begins it where the page begins: by key, or by time where a span of
/// time is asked for. By key the database would have to sort the whole span, or to walk to it from the other end.
macro_rules! newest_first {
    ($query:expr, $table:ident, $conn:expr, $at:expr, $by_time:expr) => {{
        use $crate::domain::page::At;
        let edge: Option<chrono::NaiveDateTime> = match $at {
            At::After(cursor) | At::Before(cursor) if $by_time => {
                $table::table.find(cursor).select($table::at).first($conn).optional()?
            }
            _ => None,
        };
        match ($at, edge) {
            (At::Start, _) if $by_time => $query.order(($table::at.desc(), $table::id.desc())),
            (At::Start, _) => $query.order($table::id.desc()),
            (At::After(cursor), Some(edge)) => {
                let beyond = $table::at.lt(edge).or($table::id.lt(cursor));
                let rest = $query.filter($table::at.le(edge)).filter(beyond);
                rest.order(($table::at.desc(), $table::id.desc()))
            }
            (At::Before(cursor), Some(edge)) => {
                let beyond = $table::at.gt(edge).or($table::id.gt(cursor));
                let rest = $query.filter($table::at.ge(edge)).filter(beyond);
                rest.order(($table::at.asc(), $table::id.asc()))
            }
            // The row at the edge may have been deleted since.
            (At::After(cursor), None) => $query.filter($table::id.lt(cursor)).order($table::id.desc()),
            (At::Before(cursor), None) => $query.filter($table::id.gt(cursor)).order($table::id.asc()),
        }
    }};
}
pub(super) use newest_first;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_there_is_more_on_either_side() {
        let cursor = |row: &u8| row.to_string();
        let first = Page::new(vec![1, 2, 3], &At::Start, 2, cursor);
        assert_eq!(
            (first.items, first.previous, first.next),
            (vec![1, 2], None, Some(At::After("2".into())))
        );
        let last = Page::new(vec![3, 4], &At::After("2".into()), 2, cursor);
        assert_eq!((last.previous, last.next), (Some(At::Before("3".into())), None));
        let back = Page::new(vec![2, 1], &At::Before("3".into()), 2, cursor);
        assert_eq!((back.items, back.previous, back.next), (vec![1, 2], None, Some(At::After("2".into()))));
    }
}
