use super::*;

const NOW: Timestamp = Timestamp(0);

fn key(verkey: &str) -> Key {
    (Tenant::new("t"), verkey.to_owned())
}

fn waiting(sender: &str, bytes: usize) -> Waiting {
    Waiting { until: Timestamp(10), sender: sender.to_owned(), bytes }
}

/// How many of the envelopes find a place, each from another sender.
fn admitted(parking: &mut Parking, key: &str, envelopes: usize, bytes: usize, awaited: bool) -> usize {
    let fits = |n: &usize| {
        parking.admit(&self::key(key), &waiting(&format!("{awaited} {key} {n}"), bytes), awaited, NOW)
    };
    (0..envelopes).filter(fits).count()
}

#[test]
fn one_sender_takes_a_quarter_of_a_keys_places_and_strangers_leave_one_to_whom_it_awaits() {
    let mut parking = Parking::default();
    let of_one = (0..16).filter(|_| parking.admit(&key("k"), &waiting("one", 1), false, NOW)).count();
    assert_eq!(of_one, 4);
    assert_eq!(admitted(&mut parking, "k", 100, 1, false), 8, "the key's 12, whatever the number of senders");
    assert_eq!(admitted(&mut parking, "k", 100, 1, true), 4);
    assert_eq!(admitted(&mut parking, "another", 100, 1, false), 12);
    let later = Timestamp(10);
    assert!(
        parking.admit(&key("k"), &waiting("one", 1), false, later),
        "what nobody waits for any more is gone"
    );
}

#[test]
fn the_bytes_of_a_key_and_of_all_keys_are_bounded_and_a_quarter_is_left_to_whom_the_key_awaits() {
    let mut parking = Parking::default();
    const QUARTER: usize = MOST_BYTES_PER_KEY / 4;
    assert_eq!(admitted(&mut parking, "k", 9, QUARTER, false), 3);
    assert_eq!(admitted(&mut parking, "k", 9, QUARTER, true), 1);
    let mut parking = Parking::default();
    let keys = |parking: &mut Parking, awaited| -> usize {
        (0..200).map(|n| admitted(parking, &n.to_string(), 1, MOST_BYTES_PER_KEY / 2, awaited)).sum()
    };
    assert_eq!((keys(&mut parking, false), keys(&mut parking, true)), (96, 32));
}

#[test]
fn a_place_whose_envelope_was_not_written_is_given_back() {
    let parked = Parked::default();
    let one = waiting("one", 1);
    for kept in [false, true] {
        assert!(parked.lock().admit(&key("k"), &one, false, NOW));
        let place = Place { parked: parked.clone(), key: key("k"), waiting: one.clone(), kept };
        drop(place);
        assert_eq!(parked.has(&Tenant::new("t"), "k"), kept);
    }
}

#[test]
fn whose_an_envelope_is_outlives_the_process() {
    let item = |lane: String| Item {
        tenant: Tenant::new("t"),
        seq: 1,
        queue: Queue::Parked,
        lane,
        due: Timestamp(10),
        created: NOW,
        attempts: 0,
        value: vec![0; 7],
    };
    let mut parking = Parking::default();
    (0..4).for_each(|_| parking.found(&item(waiting("one", 7).lane("k"))));
    assert!(!parking.admit(&key("k"), &waiting("one", 1), true, NOW));
    assert!(parking.admit(&key("k"), &waiting("two", 1), false, NOW));
    parking.found(&item("older".into()));
    assert!(parking.0.contains_key(&key("older")));
    let parked = Parked(Arc::new(Mutex::new(parking)));
    for (verkey, lanes) in [("k", &["k one", "k two"][..]), ("older", &["older"])] {
        let taken = parked.take(key(verkey));
        assert_eq!(Vec::from_iter(taken.lanes()), lanes, "the lanes of the rows that were found");
        drop(taken);
        assert!(parked.has(&key(verkey).0, verkey), "what was not handled waits again");
    }
}
