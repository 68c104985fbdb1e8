//! The Mersenne Twister draws what CPython draws.

use evaluation::mersenne::Mersenne;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    weights: Vec<f64>,
    draws: Vec<Draws>,
}

#[derive(Deserialize)]
struct Draws {
    seed: u64,
    random: Vec<u64>,
    bits: Vec<(u32, u64)>,
    below: Vec<(usize, usize)>,
    range: Vec<(i64, i64, i64, i64)>,
    choice: Vec<char>,
    choices: Vec<usize>,
    unweighted: Vec<usize>,
    shuffle: Vec<usize>,
    later: u64,
}

#[test]
fn draws_what_cpython_draws() {
    let golden: Golden = serde_json::from_value(crate::golden("random.json")).expect("golden");
    assert!(golden.draws.len() > 10);
    for d in golden.draws {
        let mut r = Mersenne::new(d.seed);
        let seed = d.seed;
        let random: Vec<u64> = d
            .random
            .iter()
            .map(|_| (r.random() * 2_f64.powi(53)) as u64)
            .collect();
        assert_eq!(random, d.random, "random, seed {seed}");
        for (bits, expected) in d.bits {
            assert_eq!(r.bits(bits), expected, "{bits} bits, seed {seed}");
        }
        for (n, expected) in d.below {
            assert_eq!(r.below(n), expected, "below {n}, seed {seed}");
        }
        for (first, end, step, expected) in d.range {
            assert_eq!(
                r.range(first, end, step),
                expected,
                "range {first} {end} {step}, seed {seed}"
            );
        }
        for expected in d.choice {
            assert_eq!(
                *r.choice(&['A', 'B', 'C', 'D']),
                expected,
                "choice, seed {seed}"
            );
        }
        for expected in d.choices {
            assert_eq!(
                r.weighted(&golden.weights),
                expected,
                "choices, seed {seed}"
            );
        }
        for expected in d.unweighted {
            assert_eq!(
                r.unweighted(9),
                expected,
                "choices without weights, seed {seed}"
            );
        }
        let mut items: Vec<usize> = (0..10).collect();
        r.shuffle(&mut items);
        assert_eq!(items, d.shuffle, "shuffle, seed {seed}");
        for _ in 0..700 {
            r.bits(32);
        }
        assert_eq!(
            r.bits(32),
            d.later,
            "after the state is renewed, seed {seed}"
        );
    }
}

/// Values noted of the published scorers, which seed with the number of the item.
#[test]
fn draws_options_as_the_reference_does() {
    let options: String = (0..12)
        .map(|id| Mersenne::new(id).choice(&['A', 'B', 'C', 'D']).to_owned())
        .collect();
    assert_eq!(options, "DBABBCACBDAD");
    let templates = |n| {
        (0..6)
            .map(|id| Mersenne::new(id).below(n))
            .collect::<Vec<_>>()
    };
    assert_eq!(templates(210), [98, 34, 14, 60, 60, 159]);
    assert_eq!(templates(79), [49, 17, 7, 30, 30, 32]);
}
