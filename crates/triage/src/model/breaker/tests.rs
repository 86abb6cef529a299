//! When the breaker opens, and when it lets something through.

use proptest::prelude::*;

use super::*;

fn error(class: FailureClass) -> ModelError {
    ModelError::new(class, class.as_str())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn three_failures_of_the_server_in_a_row_open_it_and_two_do_not() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..5 {
        breaker.failed(&error(FailureClass::Connect), now);
        breaker.failed(&error(FailureClass::Server), now);
        assert_eq!(breaker.admit(now), Admission::Go);
        breaker.succeeded();
        breaker.succeeded();
        breaker.succeeded();
    }
    breaker.failed(&error(FailureClass::Connect), now);
    breaker.failed(&error(FailureClass::TimeoutIdle), now);
    breaker.failed(&error(FailureClass::Busy), now);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.admit(now), Admission::Wait(now + seconds(30)));
    assert!(!breaker.needs_operator());
}

#[test]
fn more_than_half_of_the_last_ten_open_it_too() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    // Two of three fail, never three in a row.
    for round in 0..10 {
        assert_eq!(breaker.state(), BreakerState::Closed, "{round}");
        match round % 3 {
            2 => breaker.succeeded(),
            _ => breaker.failed(&error(FailureClass::Server), now),
        }
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn one_probe_at_a_time_and_each_that_fails_makes_the_pause_longer() {
    let mut now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.failed(&error(FailureClass::ModelMissing), now);
    for pause in [30, 60, 120, 240, 300, 300] {
        assert!(matches!(
            breaker.admit(now + seconds(pause - 1)),
            Admission::Wait(_)
        ));
        now += seconds(pause);
        assert_eq!(breaker.admit(now), Admission::Probe, "{pause}");
        assert!(matches!(breaker.admit(now), Admission::Wait(_)));
        assert_eq!(breaker.state().as_metric(), 1);
        breaker.failed(&error(FailureClass::Connect), now);
        assert_eq!(breaker.state().as_metric(), 2);
    }
    now += seconds(300);
    assert_eq!(breaker.admit(now), Admission::Probe);
    breaker.succeeded();
    assert_eq!((breaker.state().as_metric(), breaker.reason()), (0, None));
    assert_eq!(breaker.admit(now), Admission::Go);
    breaker.failed(&error(FailureClass::Connect), now);
    assert_eq!(breaker.admit(now), Admission::Go);
}

#[test]
fn questions_that_were_begun_before_it_opened_do_not_put_the_probe_off() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.failed(&error(FailureClass::Auth), now);
    breaker.failed(&error(FailureClass::Connect), now + seconds(20));
    assert_eq!(breaker.admit(now + seconds(30)), Admission::Probe);
}

#[test]
fn a_probe_that_is_given_up_leaves_the_place_to_the_next() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.failed(&error(FailureClass::Auth), now);
    let later = now + seconds(30);
    assert_eq!(breaker.admit(later), Admission::Probe);
    breaker.failed(&error(FailureClass::Cancelled), later);
    assert_eq!(breaker.admit(later), Admission::Probe);
}

#[test]
fn an_answer_that_is_no_good_says_that_the_server_works() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..50 {
        breaker.failed(&error(FailureClass::OutputSchema), now);
        breaker.failed(&error(FailureClass::RedactionFailed), now);
        breaker.failed(&error(FailureClass::IrisAuth), now);
    }
    assert_eq!(breaker.admit(now), Admission::Go);
}

#[test]
fn a_server_that_refuses_every_request_as_it_is_costs_three_alerts_an_attempt_and_no_more() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..3 {
        assert_eq!(breaker.admit(now), Admission::Go);
        breaker.failed(&error(FailureClass::RequestRefused), now);
    }
    assert!(breaker.needs_operator());
}

#[test]
fn a_server_that_asks_to_be_left_alone_is() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let busy = ModelError {
        after: Some(seconds(100)),
        ..error(FailureClass::Busy)
    };
    for _ in 0..3 {
        breaker.failed(&busy, now);
    }
    assert_eq!(
        breaker.admit(now + seconds(99)),
        Admission::Wait(now + seconds(100))
    );
    assert_eq!(breaker.admit(now + seconds(100)), Admission::Probe);
}

proptest! {
    #[test]
    fn it_never_stays_open_longer_than_the_longest_pause_and_never_lets_two_probes_out(
        steps in proptest::collection::vec((0..5_u8, 0..200_u64), 0..200),
    ) {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        let mut probes = 0;
        for (what, wait) in steps {
            now += seconds(wait);
            match breaker.admit(now) {
                Admission::Go => {}
                Admission::Probe => {
                    probes += 1;
                    prop_assert_eq!(probes, 1);
                    prop_assert!(matches!(breaker.admit(now), Admission::Wait(_)));
                }
                Admission::Wait(until) => {
                    prop_assert!(until > now && until <= now + LONGEST_PAUSE);
                    continue;
                }
            }
            probes = 0;
            match what {
                0 => breaker.succeeded(),
                1 => breaker.failed(&error(FailureClass::Connect), now),
                2 => breaker.failed(&error(FailureClass::Auth), now),
                3 => breaker.failed(&error(FailureClass::OutputCut), now),
                _ => breaker.failed(&error(FailureClass::Cancelled), now),
            }
        }
    }
}
