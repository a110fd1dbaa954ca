//! How many of something there are, in words that fit the number.

use std::fmt::Display;

/// The number with its noun: `1 user`, `2 users`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_is_many() {
        let told = [0, 1, 2, 21].map(|count: i64| counted(count, "user", "users"));
        assert_eq!(told, ["0 users", "1 user", "2 users", "21 users"]);
    }
}
