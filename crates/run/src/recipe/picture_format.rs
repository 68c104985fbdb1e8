//! How pictures are sent to an endpoint.

/// How pictures are sent to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    /// Every pixel as it is.
    #[default]
    Png,
    /// Smaller, and not quite the same pixels.
    Jpeg,
}

corpus::words!(PictureFormat {
    Png = "png",
    Jpeg = "jpeg",
});
