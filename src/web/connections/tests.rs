use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits { most: 6, share: 2 };

fn connections() -> Connections {
    let proxies = vec!["10.0.0.0/8".parse().unwrap()];
    Connections::new(LIMITS, Patience::default(), proxies)
}

fn admit(connections: &Connections, peer: &str) -> Option<Admitted> {
    connections.admit(peer.parse().unwrap())
}

fn is_cut(admitted: &Admitted) -> bool {
    admitted.connection.is_cut.load(Ordering::Acquire)
}

#[test]
fn a_neighbourhood_has_its_share_and_the_longest_waiting_makes_room() {
    let connections = connections();
    let [first, second, other] =
        ["192.0.2.1", "192.0.2.2", "192.0.3.1"].map(|peer| admit(&connections, peer).unwrap());
    let third = admit(&connections, "192.0.2.3").unwrap();
    assert!(is_cut(&first) && !is_cut(&second) && !is_cut(&third) && !is_cut(&other));
    second.connection.works();
    let fourth = admit(&connections, "192.0.2.4").unwrap();
    assert!(is_cut(&third) && !is_cut(&second));
    fourth.connection.works();
    assert!(admit(&connections, "192.0.2.5").is_none(), "all are being worked for");
    assert!(admit(&connections, "192.0.9.5").is_some(), "nobody else is bound by it");
    drop(second);
    assert!(admit(&connections, "192.0.2.5").is_some(), "a place that was left is free");
}

#[test]
fn when_all_is_taken_whoever_holds_most_makes_room_and_proxies_last() {
    let connections = connections();
    let proxied: Vec<_> = (0..3).map(|_| admit(&connections, "10.0.0.5").unwrap()).collect();
    let pair = ["2001:db8::1", "2001:db8::2"].map(|peer| admit(&connections, peer).unwrap());
    let single = admit(&connections, "192.0.2.1").unwrap();
    let fresh = admit(&connections, "198.51.100.1").unwrap();
    assert!(pair.iter().any(is_cut) && !is_cut(&single) && !is_cut(&fresh) && !proxied.iter().any(is_cut));
    for connection in pair.iter().chain([&single, &fresh]) {
        connection.connection.works();
    }
    let last = admit(&connections, "203.0.113.1").unwrap();
    assert!(proxied.iter().any(is_cut) && !is_cut(&last));
}

#[test]
fn who_is_worked_for_is_not_cut_with_those_who_wait() {
    let connections = connections();
    let [working, waiting] = ["192.0.2.1", "192.0.2.2"].map(|peer| admit(&connections, peer).unwrap());
    working.connection.works();
    connections.cut_waiting();
    assert!(is_cut(&waiting) && !is_cut(&working));
}

#[test]
fn room_stays_below_the_descriptors() {
    assert_eq!(ConnectionLimits::within(1024), ConnectionLimits { most: 896, share: 112 });
    assert_eq!(ConnectionLimits::within(1_000_000), ConnectionLimits { most: 4096, share: 512 });
    assert_eq!(ConnectionLimits::within(64), ConnectionLimits { most: 16, share: 16 });
}

#[test]
fn whoever_takes_an_answer_is_waited_for_but_not_for_nothing() {
    let connections = connections();
    let admitted = admit(&connections, "192.0.2.1").unwrap();
    let connection = admitted.connection();
    let idle = Patience::default().idle;
    connection.took(usize::MAX);
    assert!(connection.left() <= idle);
    connection.cut_at.store(connection.now() + 1000, Ordering::Relaxed);
    connection.took(100);
    assert!(connection.left() < Duration::from_millis(1100));
    connection.took(1024 * 1024);
    assert!(connection.left() > idle.saturating_sub(Duration::from_secs(1)));
}

#[test]
fn who_is_kept_waiting_by_us_makes_room_too() {
    let connections = connections();
    let [paused, working] = ["192.0.2.1", "192.0.2.2"].map(|peer| admit(&connections, peer).unwrap());
    paused.connection.begins(false);
    working.connection.begins(false);
    let mut wait = Box::pin(paused.connection.while_it_waits(std::future::pending::<()>()));
    assert!(futures_util::FutureExt::now_or_never(wait.as_mut()).is_none());
    let newcomer = admit(&connections, "192.0.2.3").unwrap();
    assert!(is_cut(&paused) && !is_cut(&working) && !is_cut(&newcomer));
}

#[test]
fn a_client_behind_a_proxy_has_a_share_while_it_is_served() {
    let connections = connections();
    let client = "192.0.2.1".parse().unwrap();
    let served: Vec<_> = (0..3).map(|_| admit(&connections, "10.0.0.5").unwrap()).collect();
    for connection in &served {
        connection.connection.begins(false);
    }
    assert!(served[0].connection.serves(client) && served[1].connection.serves(client));
    assert!(!served[2].connection.serves(client), "it has its share, and all of it is being worked for");
    assert!(served[2].connection.serves("192.0.3.1".parse().unwrap()), "another client is not bound by it");
    served[2].connection.rests();
    served[0].connection.waits();
    assert!(served[2].connection.serves(client) && is_cut(&served[0]), "one that waits makes room");
    served[1].connection.rests();
    served[2].connection.rests();
    assert_eq!(connections.held()[&ConnectionOwner::Proxies].len(), 2);
    drop(served);
    assert!(connections.held().is_empty());
}

#[test]
fn in_a_full_share_the_client_with_most_makes_room_and_who_asks_goes_last() {
    let connections =
        Connections::new(ConnectionLimits { most: 64, share: 16 }, Patience::default(), Vec::new());
    let neighbour = admit(&connections, "192.0.2.1").unwrap();
    neighbour.connection.begins(false);
    neighbour.connection.waits_for_body();
    let flood: Vec<_> = (0..100).map(|_| admit(&connections, "192.0.2.66").unwrap()).collect();
    assert!(!is_cut(&neighbour) && is_cut(&flood[0]), "the one who waits longest has only one");
    // Where each address has one, as in somebody's own /64, whoever has brought a request stays.
    let asking = admit(&connections, "2001:db8::1").unwrap();
    asking.connection.begins(false);
    asking.connection.waits_for_body();
    let flood: Vec<_> = (2..100).map(|n| admit(&connections, &format!("2001:db8::{n:x}")).unwrap()).collect();
    assert!(!is_cut(&asking) && is_cut(&flood[0]));
}

#[test]
fn a_proxys_connection_is_kept_for_longer_than_proxies_keep_theirs() {
    let connections = connections();
    let kept = |peer: &str| {
        let admitted = admit(&connections, peer).unwrap();
        admitted.connection.begins(false);
        admitted.connection.rests();
        Duration::from_millis(admitted.connection.cut_at.load(Ordering::Relaxed) - admitted.connection.now())
    };
    let Patience { idle, proxy, .. } = Patience::default();
    assert!(kept("192.0.2.1") <= idle);
    assert!(kept("10.0.0.5") > Duration::from_mins(2) && kept("10.0.0.5") <= proxy);
}

#[test]
fn another_head_is_not_waited_for_as_long_as_an_answer_is() {
    let connections = connections();
    let admitted = admit(&connections, "192.0.2.1").unwrap();
    let connection = admitted.connection();
    connection.begins(false);
    connection.hears();
    connection.rests();
    assert!(connection.left() > HEAD);
    connection.hears();
    let left = connection.left();
    assert!(left <= HEAD);
    connection.hears();
    assert!(connection.left() <= left, "more of it earns no more time");
}

#[test]
fn of_a_share_some_places_wait_and_a_neighbour_is_served_all_the_same() {
    let connections =
        Connections::new(ConnectionLimits { most: 64, share: 16 }, Patience::default(), Vec::new());
    let loud = "192.0.2.1".parse().unwrap();
    let many: Vec<_> = (0..16).map(|_| admit(&connections, "192.0.2.1").unwrap()).collect();
    let served = many.iter().filter(|one| {
        one.connection.begins(false);
        let served = one.connection.serves(loud);
        if !served {
            one.connection.rests();
        }
        served
    });
    assert_eq!(served.count(), 14);
    let neighbour = admit(&connections, "192.0.2.2").unwrap();
    neighbour.connection.begins(false);
    assert!(neighbour.connection.serves("192.0.2.2".parse().unwrap()));
    assert!(many.iter().any(is_cut) && !is_cut(&neighbour));
}
