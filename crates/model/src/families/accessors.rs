//! What every family answers in the same words.

/// The parts of [`Mllm`](crate::mllm::Mllm) that only hand out what a model was made with.
macro_rules! accessors {
    () => {
        fn head(&self) -> &Tensor {
            &self.head
        }

        fn parameters(&self) -> &[Parameter] {
            &self.parameters
        }

        fn new_pool(&self, slots: usize, capacity: usize) -> Pool {
            self.decoder.new_pool(slots, capacity)
        }

        fn max_positions(&self) -> usize {
            self.decoder.config().max_positions
        }

        fn device(&self) -> Device {
            self.device
        }

        fn kind(&self) -> Kind {
            self.kind
        }

        fn config_text(&self) -> &str {
            &self.config_text
        }
    };
}
pub(super) use accessors;
