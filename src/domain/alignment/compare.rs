//! Two lists of people compared: who is the same, and who is probably meant.
//!
//! Evidence is taken in order: the same name, the same e-mail address, the same name before the @, a letter or two
//! apart, the same name as people say it. A pair counts only if neither side has another partner of that evidence;
//! otherwise a person must decide. Letters apart are found by what is left when any one letter is taken away, so that
//! lists of tens of thousands are compared in a moment.

use super::read::Theirs;
use crate::domain::fold;
use crate::domain::names::is_called;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Names that need more letters changed than this are others.
const FAR: usize = 2;
/// Shorter ones resemble each other by chance.
const SHORTEST: usize = 6;
/// More that share a letter pattern than this are a naming scheme, not typing errors; and more that share an address or a
/// name cannot be told apart by it.
const CROWD: usize = 8;
/// Longer names are not compared letter by letter: each has as many patterns as it has letters.
const LONGEST: usize = 64;

/// A user as we have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) user_name: String,
    pub(super) name: String,
    pub(super) emails: Vec<String>,
}

/// How two entries belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    Same,
    Case,
    Letters,
    Email,
    Domain,
    Edit,
    Name,
}

/// What comparing found: indexes into the two lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// Ours, theirs, and why.
    pub(super) pairs: Vec<(usize, usize, Evidence)>,
    /// Ours, and all of theirs that might be meant.
    pub(super) ambiguous: Vec<(usize, Vec<usize>)>,
    pub(super) only_here: Vec<usize>,
    /// Of those only here, how many of theirs are alike, where they are too many to be looked at one by one.
    pub(super) crowds: BTreeMap<usize, (Evidence, usize)>,
    pub(super) only_in_entra: Vec<usize>,
}

type Links = BTreeMap<usize, BTreeSet<usize>>;

/// Compares the two lists.
pub(super) fn compare(ours: &[Ours], theirs: &[Theirs]) -> Matches {
    let mut found = Matches::default();
    let mut left: BTreeSet<usize> = (0..ours.len()).collect();
    let mut right: BTreeSet<usize> = (0..theirs.len()).collect();
    let by_name: HashMap<String, usize> =
        theirs.iter().enumerate().map(|(at, user)| (fold(&user.name), at)).collect();
    for (at, user) in ours.iter().enumerate() {
        if let Some(other) = by_name.get(&fold(&user.user_name)) {
            found.pairs.push((at, *other, likeness(&user.user_name, &theirs[*other].name)));
            left.remove(&at);
            right.remove(other);
        }
    }
    for evidence in [Evidence::Email, Evidence::Domain, Evidence::Edit, Evidence::Name] {
        let links = match evidence {
            Evidence::Edit => near(ours, theirs, &left, &right),
            _ => links(evidence, ours, theirs, (&left, &right), &mut found.crowds),
        };
        take(evidence, &links, &mut found, &mut left, &mut right);
    }
    found.crowds.retain(|at, _| left.contains(at));
    found.only_here = left.into_iter().collect();
    found.only_in_entra = right.into_iter().collect();
    found
}

/// How two names stand to each other that are one when letters are folded as Unicode does. Sign-in folds those of ASCII
/// alone.
fn likeness(ours: &str, theirs: &str) -> Evidence {
    if ours == theirs {
        Evidence::Same
    } else if is_called(ours, theirs) {
        Evidence::Case
    } else {
        Evidence::Letters
    }
}

/// Takes the pairs of which neither side has another partner, and leaves the others to a person.
fn take(
    evidence: Evidence,
    links: &Links,
    found: &mut Matches,
    left: &mut BTreeSet<usize>,
    right: &mut BTreeSet<usize>,
) {
    let mut back: Links = Links::new();
    for (at, others) in links {
        for other in others {
            back.entry(*other).or_default().insert(*at);
        }
    }
    for (at, others) in links {
        left.remove(at);
        for other in others {
            right.remove(other);
        }
        let only = others.first().filter(|_| others.len() == 1);
        match only.filter(|other| back[*other].len() == 1) {
            Some(other) => found.pairs.push((*at, *other, evidence)),
            None => found.ambiguous.push((*at, others.iter().copied().collect())),
        }
    }
}

fn links(
    evidence: Evidence,
    ours: &[Ours],
    theirs: &[Theirs],
    (left, right): (&BTreeSet<usize>, &BTreeSet<usize>),
    crowds: &mut BTreeMap<usize, (Evidence, usize)>,
) -> Links {
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for other in right {
        for key in their_keys(evidence, &theirs[*other]) {
            index.entry(key).or_default().push(*other);
        }
    }
    let mut links = Links::new();
    for at in left {
        for key in our_keys(evidence, &ours[*at]) {
            match index.get(&key) {
                Some(others) if others.len() > CROWD => {
                    crowds.entry(*at).or_insert((evidence, others.len()));
                }
                Some(others) => links.entry(*at).or_default().extend(others),
                None => {}
            }
        }
    }
    links
}

/// Names a letter or two apart, by the patterns that they share. Patterns are kept as numbers in one list: there are as
/// many as letters in the file.
fn near(ours: &[Ours], theirs: &[Theirs], left: &BTreeSet<usize>, right: &BTreeSet<usize>) -> Links {
    let hasher = RandomState::new();
    let patterns = |name: &str| thinned(&fold(name), &hasher);
    let mut index: Vec<(u64, usize)> = Vec::new();
    for other in right {
        index.extend(patterns(&theirs[*other].name).into_iter().map(|pattern| (pattern, *other)));
    }
    index.sort_unstable();
    let mut links = Links::new();
    if index.is_empty() {
        return links;
    }
    for at in left {
        for pattern in patterns(&ours[*at].user_name) {
            let start = index.partition_point(|(other, _)| *other < pattern);
            let others = index[start..].iter().take_while(|(other, _)| *other == pattern);
            let others: Vec<usize> = others.take(CROWD + 1).map(|(_, other)| *other).collect();
            if others.len() > CROWD {
                continue;
            }
            for other in others {
                if is_near(&ours[*at].user_name, &theirs[other].name) {
                    links.entry(*at).or_default().insert(other);
                }
            }
        }
    }
    links
}

fn our_keys(evidence: Evidence, user: &Ours) -> Vec<String> {
    match evidence {
        Evidence::Email => user.emails.iter().chain([&user.user_name]).map(|email| fold(email)).collect(),
        Evidence::Domain => local_part(&user.user_name).into_iter().collect(),
        Evidence::Name => spoken(&user.name).into_iter().collect(),
        Evidence::Same | Evidence::Case | Evidence::Letters | Evidence::Edit => Vec::new(),
    }
}

fn their_keys(evidence: Evidence, user: &Theirs) -> Vec<String> {
    match evidence {
        Evidence::Email => user.mail.iter().chain([&user.name]).map(|email| fold(email)).collect(),
        Evidence::Domain => local_part(&user.name).into_iter().collect(),
        Evidence::Name => spoken(&user.display_name).into_iter().collect(),
        Evidence::Same | Evidence::Case | Evidence::Letters | Evidence::Edit => Vec::new(),
    }
}

/// What stands before the @; the whole name where there is none.
fn local_part(name: &str) -> Option<String> {
    let folded = fold(name);
    let local = folded.split('@').next().unwrap_or_default();
    (local.len() > 1 && !local.contains("#ext#")).then(|| local.to_owned())
}

/// A name of at least two words, in one order.
fn spoken(name: &str) -> Option<String> {
    let folded = fold(name).replace(',', " ");
    let mut words: Vec<&str> = folded.split_whitespace().collect();
    words.sort_unstable();
    (words.len() > 1).then(|| words.join(" "))
}

/// The name, and the name with each letter taken away in turn, as numbers; nothing of names that are too short or too
/// long.
fn thinned(name: &str, hasher: &RandomState) -> Vec<u64> {
    if !(SHORTEST..=LONGEST).contains(&name.chars().count()) {
        return Vec::new();
    }
    let number = |before: &str, behind: &str| {
        let mut state = hasher.build_hasher();
        state.write(before.as_bytes());
        state.write(behind.as_bytes());
        state.finish()
    };
    let without = name.char_indices().map(|(at, char)| number(&name[..at], &name[at + char.len_utf8()..]));
    let mut all: Vec<u64> = without.chain([number(name, "")]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn is_near(ours: &str, theirs: &str) -> bool {
    strsim::osa_distance(&fold(ours), &fold(theirs)) <= FAR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(user_name: &str, name: &str, email: &str) -> Ours {
        let emails = Some(email.to_owned()).filter(|email| !email.is_empty()).into_iter().collect();
        Ours { user_name: user_name.into(), name: name.into(), emails }
    }

    fn theirs(name: &str, display_name: &str, mail: &str) -> Theirs {
        let mail = Some(mail.to_owned()).filter(|mail| !mail.is_empty());
        Theirs { name: name.into(), display_name: display_name.into(), mail, ..Theirs::default() }
    }

    fn one(our: Ours, their: Theirs) -> Option<Evidence> {
        compare(&[our], &[their]).pairs.first().map(|(_, _, evidence)| *evidence)
    }

    #[test]
    fn each_kind_of_evidence_is_found() {
        let x = "ana.silva@x.example";
        assert_eq!(one(ours(x, "", ""), theirs(x, "", "")), Some(Evidence::Same));
        assert_eq!(one(ours("Ana.Silva@X.example", "", ""), theirs(x, "", "")), Some(Evidence::Case));
        assert_eq!(one(ours("asilva", "", x), theirs("a100@x.example", "", x)), Some(Evidence::Email));
        assert_eq!(one(ours("ana.silva", "", ""), theirs(x, "", "")), Some(Evidence::Domain));
        assert_eq!(one(ours("ana.silva@old.example", "", ""), theirs(x, "", "")), Some(Evidence::Domain));
        assert_eq!(one(ours("ana.sliva@x.example", "", ""), theirs(x, "", "")), Some(Evidence::Edit));
        assert_eq!(one(ours("anasilva@x.example", "", ""), theirs(x, "", "")), Some(Evidence::Edit));
        assert_eq!(one(ours("user7", "Ana Silva", ""), theirs(x, "Silva, Ana", "")), Some(Evidence::Name));
        assert_eq!(one(ours("user7", "Ana", ""), theirs(x, "Ana", "")), None);
        assert_eq!(one(ours("bob@x.example", "", ""), theirs(x, "", "")), None);
    }

    #[test]
    fn letters_that_only_unicode_folds_are_not_the_same_name_in_capitals() {
        for (ours_is, theirs_is) in
            [("Ünal@x.example", "ünal@x.example"), ("\u{212A}im@x", "kim@x"), ("ÉVA@x", "Éva@x.example")]
        {
            let found = one(ours(ours_is, "", ""), theirs(theirs_is, "", ""));
            assert!(matches!(found, Some(Evidence::Letters | Evidence::Domain)), "{ours_is}: {found:?}");
        }
        assert_eq!(one(ours("ünal@X", "", ""), theirs("ünal@x", "", "")), Some(Evidence::Case));
    }

    #[test]
    fn of_a_crowd_with_one_address_or_name_nobody_is_looked_at_one_by_one() {
        let here: Vec<Ours> = (0..3).map(|at| ours(&format!("user{at}"), "Ana Lima", "")).collect();
        let there: Vec<Theirs> = (0..5000).map(|at| theirs(&format!("a{at}@x"), "Lima, Ana", "")).collect();
        let found = compare(&here, &there);
        assert!(found.pairs.is_empty() && found.ambiguous.is_empty());
        assert_eq!(found.crowds.len(), 3);
        assert_eq!(found.crowds[&0], (Evidence::Name, 5000));
        assert_eq!(found.only_here, [0, 1, 2]);
        // Whoever is found by something else is no part of it.
        let here = [ours("user7", "Ana Lima", "a7@x")];
        assert_eq!(compare(&here, &there).pairs, [(0, 7, Evidence::Email)]);
    }

    #[test]
    fn long_names_have_no_patterns() {
        let hasher = RandomState::new();
        assert!(thinned(&"a".repeat(LONGEST + 1), &hasher).is_empty());
        let distinct: String = ('a'..='z').chain('0'..='9').collect();
        assert_eq!(thinned(&distinct, &hasher).len(), distinct.len() + 1);
        let (long, short) = (thinned("abcdefg", &hasher), thinned("abcdef", &hasher));
        assert!(short.iter().any(|pattern| long.contains(pattern)), "a letter less is a pattern in common");
    }

    #[test]
    fn where_two_might_be_meant_a_person_decides() {
        let here = [ours("ana", "", ""), ours("bob", "", "")];
        let there = [
            theirs("ana@x.example", "", ""),
            theirs("ana@y.example", "", ""),
            theirs("eve@x.example", "", ""),
        ];
        let found = compare(&here, &there);
        assert_eq!(found.ambiguous, [(0, vec![0, 1])]);
        assert_eq!((found.only_here, found.only_in_entra), (vec![1], vec![2]));
        let two = compare(
            &[ours("ana@x.example", "", ""), ours("ana@y.example", "", "")],
            &[theirs("ana@z.example", "", "")],
        );
        assert_eq!(two.ambiguous.len(), 2);
    }

    #[test]
    fn the_same_name_wins_over_all_other_evidence() {
        let here = [ours("ana@x.example", "", "ben@x.example"), ours("ben@x.example", "", "")];
        let there = [theirs("ben@x.example", "", ""), theirs("ana@x.example", "", "")];
        let found = compare(&here, &there);
        assert!(found.pairs.iter().all(|(_, _, evidence)| *evidence == Evidence::Same));
    }
}
