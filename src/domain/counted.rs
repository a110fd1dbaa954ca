//! How many of something there are, in words that fit the number.

use std::fmt::Display;

/// The number with its noun: `1 user`, `2 users`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{} {noun}", grouped(count))
}

/// The number with its thousands parted: `23,459`.
#[must_use]
pub fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    format!("{sign}{}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_is_many() {
        let told = [0, 1, 2, 21].map(|count: i64| counted(count, "user", "users"));
        assert_eq!(told, ["0 users", "1 user", "2 users", "21 users"]);
        assert_eq!(counted(10_001, "row", "rows"), "10,001 rows");
    }

    #[test]
    fn thousands_are_parted() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (23_459, "23,459"),
            (1_234_567, "1,234,567"),
            (-1000, "-1,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
