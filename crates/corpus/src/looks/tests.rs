use std::fs;
use std::path::PathBuf;

use image::{Rgb, RgbImage};

use super::*;

/// A picture of eight by eight tiles, different by number.
fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(40, 40, |x, y| {
        let tile = (x / 5 + 8 * (y / 5) + 1) * (2 * number + 7919);
        Rgb([(tile % 251) as u8, (tile % 241) as u8, (tile % 239) as u8])
    })
}

fn write(path: &Path, number: u32) {
    picture(number)
        .save_with_format(path, image::ImageFormat::Bmp)
        .expect("picture");
}

/// Whether a file looks as its picture does.
fn is_right(looks: &Looks, path: &Path, number: u32) -> bool {
    let look = looks.of_file(path).expect("look");
    look.name == digest::short(fs::read(path).expect("file"))
        && *look.fingerprint == Fingerprint::new(&picture(number))
}

/// A folder with three pictures and the file of their looks.
fn kept() -> (tempfile::TempDir, Vec<PathBuf>, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let paths: Vec<PathBuf> = (0..3)
        .map(|at| folder.path().join(format!("{at}.bmp")))
        .collect();
    for (at, path) in paths.iter().enumerate() {
        write(path, at as u32);
    }
    let place = folder.path().join(FILE);
    let looks = Looks::open(&place);
    for (at, path) in paths.iter().enumerate() {
        assert!(is_right(&looks, path, at as u32));
    }
    assert_eq!(looks.num_decoded(), 3);
    (folder, paths, place)
}

#[test]
fn no_content_is_decoded_twice() {
    let (folder, paths, place) = kept();
    let copy = folder.path().join("copy.bmp");
    fs::copy(&paths[1], &copy).expect("copy");
    for looks in [Looks::open(&place), Looks::default().and(&place)] {
        assert!(is_right(&looks, &copy, 1) && is_right(&looks, &paths[2], 2));
        assert_eq!(looks.num_decoded(), 0);
    }
    // Neither by threads that ask at once, nor where nothing can be kept.
    let nowhere = Looks::open(&folder.path().join("not there").join(FILE));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(is_right(&nowhere, &paths[0], 0)));
        }
    });
    assert_eq!(nowhere.num_decoded(), 1);
}

#[test]
fn a_settled_file_is_known_without_reading_it_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().expect("folder");
    let (path, place) = (folder.path().join("a.bmp"), folder.path().join(FILE));
    write(&path, 1);
    let looks = Looks::open(&place);
    let look = looks.of_file(&path).expect("look");
    let stamp = Stamp::of(&path).expect("stamp");
    let own = looks.own.as_ref().expect("a file");
    // It was written a moment ago.
    assert_eq!(own.name_of(&stamp), None);
    own.keep_name(&stamp, look.name);
    let again = Looks::open(&place);
    assert_eq!(
        again.own.as_ref().expect("a file").name_of(&stamp),
        Some(look.name)
    );
    let modified = fs::metadata(&path)
        .and_then(|m| m.modified())
        .expect("time");
    write(&path, 2);
    let file = fs::File::options().write(true).open(&path).expect("open");
    file.set_modified(modified).expect("time");
    assert!(is_right(&again, &path, 2));
}

#[test]
fn a_flipped_byte_never_gives_another_look() {
    let (_folder, paths, place) = kept();
    let sound = fs::read(&place).expect("file");
    for at in (0..sound.len()).step_by(97).chain(0..40) {
        let mut flipped = sound.clone();
        flipped[at] ^= 1;
        fs::write(&place, flipped).expect("write");
        let looks = Looks::open(&place);
        for (number, path) in paths.iter().enumerate() {
            assert!(is_right(&looks, path, number as u32), "byte {at}");
        }
        // What was damaged is whole again.
        let looks = Looks::open(&place);
        for (number, path) in paths.iter().enumerate() {
            assert!(is_right(&looks, path, number as u32), "byte {at}");
        }
        assert_eq!(looks.num_decoded(), 0, "byte {at}");
    }
}

#[test]
fn what_was_torn_is_made_anew_and_the_rest_is_kept() {
    let (_folder, paths, place) = kept();
    let sound = fs::read(&place).expect("file");
    let record = (sound.len() - 16) / 3;
    for (length, whole) in [
        (0, 0),
        (9, 0),
        (16, 0),
        (16 + record - 1, 0),
        (16 + record, 1),
        (16 + 2 * record + 7, 2),
        (sound.len() - 1, 2),
    ] {
        fs::write(&place, &sound[..length]).expect("write");
        for decoded in [3 - whole, 0] {
            let looks = Looks::open(&place);
            for (number, path) in paths.iter().enumerate() {
                assert!(is_right(&looks, path, number as u32), "{length}");
            }
            assert_eq!(looks.num_decoded(), decoded, "{length}");
        }
    }
}

#[test]
fn two_programs_add_to_one_file() {
    let (folder, _, place) = kept();
    let both = [Looks::open(&place), Looks::open(&place)];
    let path = |number: u32| folder.path().join(format!("{number}.bmp"));
    for number in 10..20 {
        write(&path(number), number);
        assert!(is_right(&both[number as usize % 2], &path(number), number));
    }
    let looks = Looks::open(&place);
    for number in 10..20 {
        assert!(is_right(&both[number as usize % 2], &path(number), number));
        assert!(is_right(&looks, &path(number), number));
    }
    assert_eq!(looks.num_decoded(), 0);
}

#[test]
fn a_picture_that_cannot_be_decoded_is_an_error_each_time() {
    let (folder, _, place) = kept();
    let path = folder.path().join("torn.png");
    fs::write(&path, b"\x89PNG\r\n\x1a\nno more").expect("write");
    let looks = Looks::open(&place);
    for _ in 0..2 {
        let error = looks.of_file(&path).expect_err("no picture").to_string();
        assert!(error.contains("torn.png"), "{error}");
    }
}
