//! Two lists of people compared: who is the same, and who is probably meant.
//!
//! Evidence is taken in order: the same name, the same e-mail address, the same name before the @, a letter or two
//! apart, the same name as people say it. A pair counts only if neither side has another partner of that evidence;
//! otherwise a person must decide. Letters apart are found by what is left when any one letter is taken away, so that
//! lists of tens of thousands are compared in a moment.

use super::read::Theirs;
use crate::domain::fold;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names that need more letters changed than this are others.
const FAR: usize = 2;
/// Shorter ones resemble each other by chance.
const SHORTEST: usize = 6;
/// More that share a letter pattern than this are a naming scheme, not typing errors.
const CROWD: usize = 8;

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
    Email,
    Domain,
    Edit,
    Name,
}

/// What comparing found: indexes into the two lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Ours, theirs, and why.
    pub(super) pairs: Vec<(usize, usize, Evidence)>,
    /// Ours, and all of theirs that might be meant.
    pub(super) ambiguous: Vec<(usize, Vec<usize>)>,
    pub(super) only_here: Vec<usize>,
    pub(super) only_in_entra: Vec<usize>,
}

type Links = BTreeMap<usize, BTreeSet<usize>>;

/// Compares the two lists.
pub(super) fn compare(ours: &[Ours], theirs: &[Theirs]) -> Found {
    let mut found = Found::default();
    let mut left: BTreeSet<usize> = (0..ours.len()).collect();
    let mut right: BTreeSet<usize> = (0..theirs.len()).collect();
    let by_name: HashMap<String, usize> =
        theirs.iter().enumerate().map(|(at, user)| (fold(&user.name), at)).collect();
    for (at, user) in ours.iter().enumerate() {
        if let Some(other) = by_name.get(&fold(&user.user_name)) {
            let same = theirs[*other].name == user.user_name;
            found.pairs.push((at, *other, if same { Evidence::Same } else { Evidence::Case }));
            left.remove(&at);
            right.remove(other);
        }
    }
    for evidence in [Evidence::Email, Evidence::Domain, Evidence::Edit, Evidence::Name] {
        let links = links(evidence, ours, theirs, &left, &right);
        take(evidence, &links, &mut found, &mut left, &mut right);
    }
    found.only_here = left.into_iter().collect();
    found.only_in_entra = right.into_iter().collect();
    found
}

/// Takes the pairs of which neither side has another partner, and leaves the others to a person.
fn take(
    evidence: Evidence,
    links: &Links,
    found: &mut Found,
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
    left: &BTreeSet<usize>,
    right: &BTreeSet<usize>,
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
            let others = index.get(&key).filter(|others| evidence != Evidence::Edit || others.len() <= CROWD);
            for other in others.into_iter().flatten() {
                if evidence != Evidence::Edit || is_near(&ours[*at].user_name, &theirs[*other].name) {
                    links.entry(*at).or_default().insert(*other);
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
        Evidence::Edit => thinned(&fold(&user.user_name)),
        Evidence::Name => spoken(&user.name).into_iter().collect(),
        Evidence::Same | Evidence::Case => Vec::new(),
    }
}

fn their_keys(evidence: Evidence, user: &Theirs) -> Vec<String> {
    match evidence {
        Evidence::Email => user.mail.iter().chain([&user.name]).map(|email| fold(email)).collect(),
        Evidence::Domain => local_part(&user.name).into_iter().collect(),
        Evidence::Edit => thinned(&fold(&user.name)),
        Evidence::Name => spoken(&user.display_name).into_iter().collect(),
        Evidence::Same | Evidence::Case => Vec::new(),
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

/// The name, and the name with each letter taken away in turn.
fn thinned(name: &str) -> Vec<String> {
    if name.chars().count() < SHORTEST {
        return Vec::new();
    }
    let without =
        name.char_indices().map(|(at, char)| format!("{}{}", &name[..at], &name[at + char.len_utf8()..]));
    let mut all: Vec<String> = without.chain([name.to_owned()]).collect();
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
