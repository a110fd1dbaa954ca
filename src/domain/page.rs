//! One page of a list that is paged by key: as quick on the last page as on the first.

/// Which page is asked for. A mark is the key of the row at the edge of the page that was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The first page.
    #[default]
    Start,
    /// The rows that follow this mark.
    After(String),
    /// The rows that stand before this mark.
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
    pub fn new(mut rows: Vec<T>, at: &At, size: usize, mark: impl Fn(&T) -> String) -> Self {
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
            previous: rows.first().filter(|_| before).map(|row| At::Before(mark(row))),
            next: rows.last().filter(|_| after).map(|row| At::After(mark(row))),
            items: rows,
        }
    }

    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), previous: self.previous, next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_there_is_more_on_either_side() {
        let mark = |row: &u8| row.to_string();
        let first = Page::new(vec![1, 2, 3], &At::Start, 2, mark);
        assert_eq!(
            (first.items, first.previous, first.next),
            (vec![1, 2], None, Some(At::After("2".into())))
        );
        let last = Page::new(vec![3, 4], &At::After("2".into()), 2, mark);
        assert_eq!((last.previous, last.next), (Some(At::Before("3".into())), None));
        let back = Page::new(vec![2, 1], &At::Before("3".into()), 2, mark);
        assert_eq!((back.items, back.previous, back.next), (vec![1, 2], None, Some(At::After("2".into()))));
    }
}
