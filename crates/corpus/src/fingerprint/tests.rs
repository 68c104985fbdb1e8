use super::plain::Plain;
use super::*;
use crate::seed::Rng;

/// A picture of tiles, slopes and grain, different by number.
fn picture(number: u64, width: u32, height: u32) -> RgbImage {
    let mut rng = Rng::new(number);
    let tiles: Vec<[u8; 3]> = (0..49)
        .map(|_| std::array::from_fn(|_| rng.below(200) as u8))
        .collect();
    let grain = 1 + rng.below(55);
    RgbImage::from_fn(width, height, |x, y| {
        let tile = tiles[(7 * x / width + 7 * (7 * y / height)) as usize];
        image::Rgb(tile.map(|level| level + rng.below(grain) as u8))
    })
}

/// Sizes below and above the small copy's, multiples of it and not.
const SIZES: [(u32, u32); 9] = [
    (1, 1),
    (2, 300),
    (24, 24),
    (63, 65),
    (64, 64),
    (100, 37),
    (128, 192),
    (301, 257),
    (511, 64),
];

#[test]
fn the_quick_way_gives_the_bytes_of_the_plain_one() {
    for (number, (width, height)) in (0..).zip(SIZES.into_iter().cycle()).take(36) {
        let picture = picture(number, width, height);
        let (found, plain) = (Fingerprint::new(&picture), Plain::new(&picture));
        assert_eq!(found.hash, plain.hash, "{width} x {height}");
        assert_eq!(found.windows, plain.windows, "{width} x {height}");
        let [blue, red] = plain.colours.clone();
        let parts = [plain.luma.clone(), blue, red, plain.cells.clone()];
        let small = [parts.concat(), plain.colour_cells.concat()].concat();
        assert_eq!(found.small[..], small, "{width} x {height}");
        let kept = Fingerprint::from_bytes(&found.to_bytes());
        assert_eq!(kept.as_ref(), Some(&found));
    }
    assert_eq!(Fingerprint::from_bytes(&[0; 7]), None);
}

#[test]
fn differences_of_windows_are_those_of_the_plain_way() {
    let mut rng = Rng::new(3);
    let mut share = |most: f32| most * rng.below(1000) as f32 / 999.0;
    for number in 0..60 {
        let pictures = [picture(number, 90, 70), picture(number / 2 + 900, 64, 80)];
        let [here, there] = pictures.each_ref().map(Fingerprint::new);
        let [one, other] = pictures.each_ref().map(Plain::new);
        let window = Window {
            x: share(0.2),
            y: share(0.2),
            width: 0.5 + share(0.3),
            height: 0.5 + share(0.3),
        };
        for window in [window, Window::WHOLE] {
            let found = here.difference(window, &there);
            assert_eq!(found, one.difference(window, &other));
            let mean = found.mean;
            assert_eq!(here.mean_below(window, &there, mean.next_up()), Some(mean));
            assert_eq!(here.mean_below(window, &there, mean), None);
        }
    }
}

#[test]
fn quick_looks_never_rule_out_what_fits() {
    let mut fits = [0; 2];
    for number in 0..400 {
        let one = picture(number, 64, 64);
        // The same in another light, from hardly to far.
        let shift = (number % 8) as u8;
        let scale = 2 * (number % 5) as u32;
        let other = RgbImage::from_fn(64, 64, |x, y| {
            let [r, g, b] = one.get_pixel(x, y).0;
            let grain = (x * 7 + y * 13) % (scale + 1);
            image::Rgb([r.saturating_add(shift), g.saturating_add(grain as u8), b])
        });
        let (one, other) = (Fingerprint::new(&one), Fingerprint::new(&other));
        if one.difference(Window::WHOLE, &other).is_copy() {
            fits[0] += 1;
            assert!(one.may_be_copy(&other) && one.coarse().may_be_copy(&other.coarse()));
        }
        for window in Fingerprint::window_places() {
            let found = one.difference(window, &other);
            if found.mean <= 40.0 && found.colour <= 12.0 {
                fits[1] += 1;
                assert!(one.may_hold(&other, found.mean, found.colour));
            }
        }
    }
    assert!(fits[0] > 40 && fits[0] < 400 && fits[1] > 400, "{fits:?}");
    let plain = |level| Fingerprint::new(&RgbImage::from_pixel(9, 9, image::Rgb([level; 3])));
    assert!(!plain(10).may_be_copy(&plain(16)) && !plain(10).may_hold(&plain(16), 4.0, 5.0));
    assert!(!plain(10).coarse().may_be_copy(&plain(16).coarse()));
}

#[test]
fn areas_keep_the_mean() {
    let picture = RgbImage::from_fn(37, 91, |x, y| {
        image::Rgb([(x * 6) as u8, (y * 2) as u8, 40])
    });
    let mean =
        |at: usize| picture.pixels().map(|p| f64::from(p.0[at])).sum::<f64>() / f64::from(37 * 91);
    let expected = 0.299 * mean(0) + 0.587 * mean(1) + 0.114 * mean(2);
    let found = Fingerprint::new(&picture);
    let luma = found.small[LUMA].iter().map(|&l| f64::from(l)).sum::<f64>() / 4096.0;
    assert!((luma - expected).abs() < 0.3, "{luma} {expected}");
}

#[test]
fn colours_are_told_apart() {
    let plain = |rgb| Fingerprint::new(&RgbImage::from_pixel(20, 20, image::Rgb(rgb)));
    let apart = plain([200, 0, 0]).difference(Window::WHOLE, &plain([0, 0, 200]));
    assert!(apart.colour > 60.0, "{apart:?}");
    let same = plain([9, 9, 9]).difference(Window::WHOLE, &plain([9, 9, 9]));
    assert!(same.most < 1e-6 && same.colour < 1e-6);
}

#[test]
fn the_smallest_picture_has_a_fingerprint() {
    let one = RgbImage::from_pixel(1, 1, image::Rgb([1, 2, 3]));
    assert_eq!(Fingerprint::new(&one), Fingerprint::new(&one));
}
