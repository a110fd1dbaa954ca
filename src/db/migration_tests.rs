//! What was in a database stays there through every migration, and what one of them works out is right.
//!
//! A database is begun at the first migration that has all the tables of the first program. After each further one it is
//! filled with what only a program of that time could leave, and looked at.

use super::{Conn, MIGRATIONS, connect};
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use diesel_migrations::MigrationHarness;
use std::collections::BTreeMap;
use std::path::Path;

/// The last migration of the first program.
const FIRST: &str = "0009";

/// What is written after which migration.
const WRITTEN: &[(&str, &str)] = &[
    (
        "0009",
        "INSERT INTO settings VALUES ('organisation', '\"Harbourline\"', '2026-11-01 00:00:00');
         INSERT INTO sites VALUES ('delft', 'Delft', 'delft', '2026-11-01 00:00:00');
         INSERT INTO site_aliases VALUES ('alias', 'delft', 'NL-1', 'nl-1');
         INSERT INTO users (id, scim_id, user_name, user_name_key, sort_name, search_text, more, version, created_at,
                            updated_at, active, entra_state, origin, role, handed_over, site_id, work_phone) VALUES
             ('olga', 's1', 'Olga', 'olga', 'olga', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              TRUE, 'unlinked', 'console', 'owner', FALSE, NULL, NULL),
             ('hanna', 's2', 'Hanna', 'hanna', 'hanna', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              TRUE, 'linked', 'entra', 'owner', TRUE, NULL, NULL),
             ('adam', 's3', ' Adam', 'adam', 'adam', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              TRUE, 'unlinked', 'console', 'administrator', FALSE, NULL, NULL),
             ('barred', 's4', 'barred', 'barred', 'barred', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              FALSE, 'unlinked', 'console', 'auditor', FALSE, NULL, NULL),
             ('left', 's5', 'left', 'left', 'left', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              FALSE, 'linked', 'entra', 'auditor', FALSE, NULL, NULL),
             ('ana', 's6', 'ana', 'ana', 'ana', 'stale', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              TRUE, 'linked', 'entra', 'none', FALSE, 'delft', '030/99 88'),
             ('freed', 's7', 'b\u{43e}b', 'b\u{43e}b', 'bob', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              TRUE, 'unlinked', 'entra', 'none', FALSE, NULL, NULL),
             ('gone', 's8', 'gone', 'gone', 'gone', '', '{}', 1, '2026-11-01 00:00:00', '2026-11-01 00:00:00',
              FALSE, 'deleted', 'entra', 'none', FALSE, NULL, NULL);
         INSERT INTO user_emails VALUES ('mail', 'ana', 0, 'Ana.Lima@example.com', 'ana.lima@example.com', 'work', TRUE, NULL);
         INSERT INTO retired_scim_ids VALUES ('old', 'max', 'deleted', 'olga', '2026-11-01 00:00:00');
         INSERT INTO sessions VALUES ('digest', 'olga', '{}', '2026-11-01 00:00:00', '2026-11-01 00:00:00');
         INSERT INTO license_types VALUES ('x2', 'X2', 'x2', 'Work', 5, '2026-11-01 00:00:00', '2026-11-01 00:00:00');
         INSERT INTO license_assignments VALUES ('held', 'ana', 'x2', '2026-11-01 00:00:00');
         INSERT INTO sso_settings VALUES ('entra', TRUE, 'https://in.example', 'https://idp.example', 'https://out.example',
                                          '2026-11-01 00:00:00');
         INSERT INTO idp_certificates VALUES ('old', 'x', 'CN=old', 'f1', '2026-11-01 00:00:00', '2030-11-01 00:00:00',
                                              '2026-11-01 00:00:00');
         INSERT INTO api_tokens VALUES ('token', 'Entra ID', 'd', 's', 'olga', '2026-11-01 00:00:00', NULL, NULL, NULL);
         INSERT INTO provisioning_events (id, at, operation, outcome, status, changes) VALUES
             ('1', '2026-11-01 10:00:00', 'create', 'done', 201, '[]'),
             ('2', '2026-11-01 10:59:59', 'create', 'failed', 500, '[]'),
             ('3', '2026-11-01 10:30:00', 'create', 'refused', 409, '[]'),
             ('4', '2026-11-01 11:00:00', 'create', 'warning', 201, '[]');
         INSERT INTO link_requests VALUES ('link', 'adam', 'e', 2, '2026-11-01 00:00:00', '2026-11-01 00:00:00');
         INSERT INTO audit_events VALUES
             ('1', '2026-11-01 00:00:00', 'entra', NULL, 'x', 'user.deactivated', 'user', 'barred', 'barred', '[]'),
             ('2', '2026-11-01 00:00:00', 'person', 'olga', 'x', 'user.deactivated', 'user', 'barred', 'barred', '[]'),
             ('3', '2026-11-01 00:00:00', 'entra', NULL, 'x', 'user.deactivated', 'user', 'left', 'left', '[]');
         INSERT INTO imports VALUES ('file', 'a.csv', 'applied', FALSE, '[]', 1, 0, '{}', '[]', 'olga',
                                     '2026-11-01 00:00:00', NULL);
         INSERT INTO import_rows VALUES ('file', 1, 'ana', 'X2', 'assign', NULL, NULL, NULL, 'ana', 'x2');",
    ),
    (
        "0012",
        "UPDATE users SET held = 'deactivate', held_at = '2026-11-01 10:30:15' WHERE id IN ('ana', 'olga');
         INSERT INTO user_groups VALUES
             ('sales', 'g1', 'Sales', 'sales', NULL, TRUE, NULL, '2026-11-01 00:00:00', '2026-11-01 00:00:00', 1),
             ('all', 'g2', 'All', 'all', NULL, TRUE, NULL, '2026-11-01 00:00:00', '2026-11-01 00:00:00', 1);
         INSERT INTO group_members VALUES ('m1', 'sales', 'ana', NULL, TRUE), ('m2', 'all', NULL, 'sales', FALSE);",
    ),
    (
        "0016",
        "UPDATE users SET federated_id = ' ADAM@x.example', federated_key = 'adam@x.example', entra_object_id = 'o-1'
             WHERE id = 'adam';
         INSERT INTO saml_requests VALUES ('r1', 'sign_in', 'b', '/users', 'olga', '2026-11-01 00:00:00',
                                           '2026-11-01 00:30:00', NULL);
         INSERT INTO sso_events VALUES
             ('1', '2026-11-01 00:00:00', 'r-1', 'sign_in', 'accepted', NULL, 'in', 'ana', NULL, 'ana', '::1', '{}'),
             ('2', '2026-11-01 00:00:00', 'r-2', 'sign_in', 'refused', 'not_xml', printf('%.1500c', 'x'), NULL, NULL, NULL,
              '::1', printf('%.70000c', 'x')),
             ('3', '2026-11-01 00:00:00', 'r-3', 'sign_in', 'refused', 'replay', 'no', NULL, NULL, 'ana', '::1', '{}');
         INSERT INTO alignments VALUES ('list', 'a.csv', '[]', 1, 'olga', '2026-11-01 00:00:00');
         INSERT INTO alignment_rows VALUES ('list', 1, 'same', 'ana', 'ana', 'linked', 'ana', 'o', 'Ana', '', NULL, 'open',
                                            NULL);",
    ),
    (
        "0034",
        "UPDATE users SET user_name = 'Hanna.New', user_name_key = 'hanna.new' WHERE id = 'hanna';
         INSERT INTO idp_certificates (id, der, subject, fingerprint, not_before, not_after, created_at) VALUES
             ('new', 'y', 'CN=new', 'f2', '2026-11-01 00:00:00', '2030-11-01 00:00:00', '2999-01-01 00:00:00');",
    ),
    (
        "0052",
        "UPDATE users SET held_name = 'Ana Nova', held_name_key = 'ana nova' WHERE id = 'ana';
         UPDATE guard_people SET came_at = '2026-11-01 10:00:30' WHERE user_id = 'ana';",
    ),
    (
        "0054",
        "INSERT INTO sso_settings (id, enabled, login_url, issuer, allow_sha1, updated_at) VALUES
             ('waiting', TRUE, 'https://new.example', 'https://idp.example', TRUE, '2026-11-01 00:00:00');",
    ),
    ("0075", "UPDATE guard_arrivals SET people = 9;"),
    ("0077", "UPDATE users SET search_text = '\u{e9} stale' WHERE id = 'freed';"),
    (
        "0081",
        "INSERT INTO retired_scim_ids VALUES
             ('of-a-user', 'Sales', 'deleted', 'olga', '2026-11-01 00:00:00'),
             ('of-a-group', 'Crew', 'deleted', 'Entra ID', '2026-11-02 00:00:00'),
             ('of-one-kept', 'Sales', 'deleted', 'olga', '2026-11-03 00:00:00'),
             ('taken-over', 'Crew', 'adopted', 'Entra ID', '2026-11-04 00:00:00');
         INSERT INTO audit_events VALUES
             ('4', '2026-11-01 00:00:00', 'person', 'olga', 'x', 'user.deleted', 'user', 'u', 'Sales',
              '[{\"attribute\":\"user name\",\"before\":\"Sales\",\"after\":null},
                {\"attribute\":\"SCIM id\",\"before\":\"of-a-user\",\"after\":null}]'),
             ('5', '2026-11-02 00:00:00', 'entra', NULL, 'x', 'group.deleted', 'group', 'g', 'Crew', '[]');",
    ),
];

/// What is to be seen after which migration: the values of a query, one a row, with ` | ` between them.
const SEEN: &[(&str, &str, &str)] = &[
    (
        "0010",
        "SELECT id || ' ' || seen AS seen FROM users ORDER BY id",
        "adam 1 | ana 2 | barred 1 | freed 2 | gone 0 | hanna 2 | left 2 | olga 0",
    ),
    ("0010", "SELECT all_users || ' ' || entra_users || ' ' || active_users AS seen FROM census", "6 4 4"),
    (
        "0013",
        "SELECT hour || ' ' || requests || ' ' || failures AS seen FROM provisioning_hours ORDER BY hour",
        "2026-11-01 10:00:00 3 2 | 2026-11-01 11:00:00 1 0",
    ),
    (
        "0017",
        "SELECT id || ' ' || confirmed_name_key || ' ' || coalesce(confirmed_federated_key || ' ' || confirmed_object_id, '-')
             AS seen FROM users WHERE role <> 'none' ORDER BY id",
        "adam adam adam@x.example o-1 | barred barred - | hanna hanna - | left left - | olga olga -",
    ),
    ("0017", "SELECT value AS seen FROM settings WHERE name = 'look_at_trust'", "true"),
    (
        "0023",
        "SELECT loss || ' ' || user_id || ' ' || at || ' ' || outcome AS seen FROM guard_people ORDER BY user_id",
        "account ana 2026-11-01 10:30:15 held | account olga 2026-11-01 10:30:15 held",
    ),
    (
        "0023",
        "SELECT loss || ' ' || minute || ' ' || people || ' ' || active AS seen FROM guard_minutes",
        "account 2026-11-01 10:30:00 2 4",
    ),
    ("0025", "SELECT id AS seen FROM users WHERE look_key IS NOT NULL AND id IN ('freed', 'ana')", "freed"),
    (
        "0026",
        "SELECT id || ' ' || proven || ' ' || length(sentence) || ' ' || details AS seen FROM sso_events ORDER BY id",
        "1 1 2 {} | 2 0 1000 {} | 3 1 2 {}",
    ),
    (
        "0027",
        "SELECT id || ' ' || purpose || ' ' || browser || ' ' || return_to || ' ' || started_by || ' ' || expires_at AS seen
             FROM saml_requests",
        "r1 sign_in b /users olga 2026-11-01 00:30:00",
    ),
    (
        "0036",
        "SELECT id || ' ' || coalesce(confirmed_name_key, '-') || ' ' || name_last_confirmed AS seen
             FROM users WHERE role <> 'none' ORDER BY id",
        "adam adam  Adam | barred barred barred | hanna - hanna | left left left | olga olga Olga",
    ),
    (
        "0036",
        "SELECT id || ' ' || confirmed_federated_key || federated_id_last_confirmed AS seen
             FROM users WHERE confirmed_federated_key IS NOT NULL",
        "adam adam@x.example ADAM@x.example",
    ),
    ("0037", "SELECT id || ' ' || kept_at_upgrade AS seen FROM idp_certificates ORDER BY id", "new 0 | old 1"),
    ("0038", "SELECT id AS seen FROM users WHERE deactivated_by_hand", "barred"),
    ("0038", "SELECT id AS seen FROM users WHERE held IS NOT NULL", "ana"),
    ("0040", "SELECT id || held_no || held_first_no AS seen FROM users WHERE held_no IS NOT NULL", "ana00"),
    ("0045", "SELECT id || ' ' || lasting AS seen FROM sso_events ORDER BY id", "1 1 | 2 0 | 3 0"),
    ("0053", "SELECT search_text AS seen FROM users WHERE id = 'ana'", "stale ana nova"),
    (
        "0054",
        "SELECT id AS seen FROM users WHERE look_key IS NOT look_apart(user_name_key)
             OR look_written IS NOT look_as_written(user_name, user_name_key)",
        "",
    ),
    (
        "0055",
        "SELECT field || ' ' || coalesce(value, '-') AS seen FROM sso_waiting ORDER BY field",
        "allow_sha1 on | login_url https://new.example | logout_url -",
    ),
    ("0055", "SELECT id || ' ' || login_url AS seen FROM sso_settings", "entra https://in.example"),
    ("0061", "SELECT id || ' ' || seats_taken AS seen FROM license_types", "x2 1"),
    ("0064", FOUND, "ana"),
    (
        "0065",
        "SELECT everyone || ' ' || everyone_active || ' ' || linked AS seen FROM census UNION ALL
             SELECT id || ' ' || headcount FROM sites",
        "8 5 3 | delft 1",
    ),
    (
        "0066",
        "SELECT id || ' ' || group_id || ' ' || coalesce(user_id, '-') || ' ' || coalesce(subgroup_id, '-') || ' ' || held
             AS seen FROM group_members ORDER BY id",
        "m1 sales ana - 1 | m2 all - sales 0",
    ),
    ("0067", ARRIVALS, "account 2026-11-01 10:00:00 1"),
    ("0068", "SELECT migration || ' ' || program AS seen FROM oldest_programs", "202611260068 0.1.0"),
    ("0075", "SELECT program AS seen FROM oldest_programs WHERE migration = '202611260075'", "0.1.0"),
    ("0077", ARRIVALS, "account 2026-11-01 10:00:00 1"),
    ("0077", FOUND, "ana"),
    ("0077", "SELECT id AS seen FROM users WHERE search_text LIKE '%0309988%'", "ana"),
    ("0078", "SELECT id AS seen FROM users WHERE search_text LIKE '%stale%'", ""),
    ("0081", "SELECT program AS seen FROM oldest_programs WHERE migration = '202611260081'", "0.1.0"),
    ("0082", "SELECT scim_id AS seen FROM retired_scim_ids ORDER BY retired_at, scim_id", "of-a-user | old | taken-over"),
    (
        "0082",
        "SELECT scim_id || ' ' || name || ' ' || retired_by || ' ' || retired_at AS seen FROM retired_group_ids
             ORDER BY scim_id",
        "of-a-group Crew Entra ID 2026-11-02 00:00:00 | of-one-kept Sales olga 2026-11-03 00:00:00",
    ),
    ("0083", "SELECT program AS seen FROM oldest_programs WHERE migration = '202611260083'", "0.1.0"),
];

const ARRIVALS: &str = "SELECT loss || ' ' || minute || ' ' || people AS seen FROM guard_arrivals";
const FOUND: &str = "SELECT id AS seen FROM user_search JOIN users ON search_no = user_search.rowid
                     WHERE user_search MATCH 'lim'";

/// Tables of which a migration takes rows away.
const TAKEN: &[(&str, &str)] = &[("0055", "sso_settings"), ("0082", "retired_scim_ids")];
/// Tables that a migration begins anew, empty: what is in them is over in hours.
const DROPPED: &[(&str, &str)] = &[
    ("0023", "guard_tally"),
    ("0028", "sign_in_failures"),
    ("0033", "pending_sign_ins"),
    ("0034", "password_links"),
];

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Text)]
    seen: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

fn seen(conn: &mut Conn, query: &str) -> String {
    let rows: Vec<Seen> = sql_query(query).load(conn).unwrap_or_else(|fault| panic!("{query}: {fault}"));
    rows.into_iter().map(|row| row.seen).collect::<Vec<_>>().join(" | ")
}

/// How many rows each table of the program's has.
fn rows(conn: &mut Conn) -> BTreeMap<String, i64> {
    let tables = "SELECT name AS seen FROM sqlite_schema WHERE type = 'table'
                  AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE 'user!_search%' ESCAPE '!'
                  AND name NOT LIKE '!_!_%' ESCAPE '!'";
    let tables: Vec<Seen> = sql_query(tables).load(conn).unwrap();
    let count = |table: Seen| {
        let query = format!("SELECT count(*) AS counted FROM {}", table.seen);
        let counted: Counted = sql_query(query).get_result(conn).unwrap();
        (table.seen, counted.counted)
    };
    tables.into_iter().map(count).collect()
}

/// Takes the next migration, which answers its number.
fn next(conn: &mut Conn) -> Option<String> {
    if !conn.has_pending_migration(MIGRATIONS).unwrap() {
        return None;
    }
    let version = conn.run_next_migration(MIGRATIONS).unwrap().to_string();
    version.get(version.len() - FIRST.len()..).map(str::to_owned)
}

fn is_sound(conn: &mut Conn, number: &str) {
    let broken = seen(conn, "SELECT \"table\" AS seen FROM pragma_foreign_key_check");
    assert_eq!(broken, "", "{number} breaks a reference");
    assert_eq!(seen(conn, "SELECT integrity_check AS seen FROM pragma_integrity_check"), "ok", "{number}");
}

#[test]
fn what_was_written_before_a_migration_is_carried_through_it_and_all_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = connect(folder.path().join("x.db").to_str().unwrap()).unwrap();
    let mut before = BTreeMap::new();
    let mut last = String::new();
    while let Some(number) = next(&mut conn) {
        let (after, named) = (rows(&mut conn), |list: &[(&str, &str)], table: &String| {
            list.contains(&(number.as_str(), table.as_str()))
        });
        for (table, count) in &before {
            let kept = after.get(table) >= Some(count) || named(TAKEN, table) || named(DROPPED, table);
            assert!(kept, "{number} loses rows of {table}: {count}, then {:?}", after.get(table));
        }
        for (_, query, expected) in SEEN.iter().filter(|(after, ..)| *after == number) {
            assert_eq!(seen(&mut conn, query), *expected, "{number}: {query}");
        }
        if number.as_str() >= FIRST {
            is_sound(&mut conn, &number);
        }
        for (_, written) in WRITTEN.iter().filter(|(after, _)| *after == number) {
            conn.batch_execute(written).unwrap_or_else(|fault| panic!("after {number}: {fault}"));
        }
        before = rows(&mut conn);
        last = number;
    }
    assert!(before.values().filter(|count| **count > 0).count() > 20, "{before:?}");
    // And back to the first program, and up again: users and what they hold are there still.
    let kept = "SELECT id || ' ' || user_name AS seen FROM users ORDER BY id";
    let (users, holdings) = (seen(&mut conn, kept), "SELECT user_id AS seen FROM license_assignments");
    while !last.ends_with(FIRST) {
        conn.revert_last_migration(MIGRATIONS)
            .unwrap_or_else(|fault| panic!("{last} cannot be undone: {fault}"));
        last = conn.applied_migrations().unwrap()[0].to_string();
        is_sound(&mut conn, &last);
    }
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    assert_eq!((seen(&mut conn, kept), seen(&mut conn, holdings)), (users, "ana".to_owned()));
}

#[test]
fn each_migration_that_works_something_out_is_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(entry.path().join("up.sql")).unwrap();
        let works = |line: &str| {
            ["UPDATE ", "INSERT ", "DELETE "].iter().any(|verb| line.starts_with(verb))
                || line.contains(" RENAME TO ")
        };
        let number = name.split(['-', '_']).nth(3).unwrap();
        let is_seen = SEEN.iter().any(|(after, ..)| *after == number);
        assert!(
            is_seen || !text.lines().any(works),
            "{name} changes rows: say in SEEN what is to be seen after it"
        );
    }
}
