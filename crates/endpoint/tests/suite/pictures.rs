//! What leaves of pictures.

use std::path::Path;

use corpus::Request;
use endpoint::{Books, Client, Error, Notice, Pictures, Settings};
use faults::{Server, Setup};

use crate::support::{ask, settings};

fn picture(folder: &Path, side: u32) -> Request {
    let path = folder.join(format!("{side}.png"));
    image::RgbImage::from_pixel(side, side / 2, image::Rgb([9, 8, 7]))
        .save(&path)
        .expect("saved");
    Request::question(side.to_string(), vec![path], "What is it?")
}

#[test]
fn none_leaves_unless_it_may() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::start(Setup::default()).expect("server");
    let mut client = Client::open(settings(&server), Books::default()).expect("client");
    let asked = [picture(folder.path(), 40)];
    let error = ask(&mut client, &asked).ended.expect_err("it stays");
    assert!(
        matches!(error, Error::PicturesStay { pictures: 1, .. }),
        "{error}"
    );
    assert_eq!(server.totals().arrivals, 0);
}

#[test]
fn pixels_leave_and_large_ones_are_scaled_and_told() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::start(Setup::default()).expect("server");
    let told = Settings {
        send_images: true,
        pictures: Pictures {
            max_side: Some(64),
            ..Pictures::default()
        },
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let asked = [40, 64, 100, 200].map(|side| picture(folder.path(), side));
    let came = ask(&mut client, &asked);
    came.ended.as_ref().expect("answered");
    let scaled = Notice::ScaledDown {
        pictures: 2,
        side: 64,
    };
    assert_eq!(came.notices, [scaled]);
    let totals = server.totals();
    assert_eq!((totals.pictures, totals.pictures_with_more), (4, 0));
    // A picture that is gone is the request's own error, and nothing leaves.
    let gone = Request::question("gone", vec![folder.path().join("gone.png")], "What?");
    let came = ask(&mut client, &[gone]);
    assert!(
        came.completions[0]
            .error
            .as_deref()
            .unwrap_or_default()
            .contains("gone.png")
    );
    assert_eq!(server.totals().arrivals, 4);
}
