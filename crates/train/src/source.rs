//! Where samples come from.

use processor::Encoded;

/// Where samples come from. Encoding runs on other threads than training.
pub trait SampleSource: Sync {
    /// Number of samples.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Id of a sample, for messages.
    fn id(&self, index: usize) -> &str;
    /// Prepares a sample; the error says what is wrong with it.
    fn encode(&self, index: usize) -> Result<Encoded, String>;
}
