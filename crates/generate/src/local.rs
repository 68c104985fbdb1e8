//! The local engine: blocks of requests in the order of the file.

use corpus::{Completion, Request};
use model::Mllm;
use processor::Processor;

use crate::ahead::blocks;
use crate::block::complete;
use crate::decode::Settings;
use crate::error::Error;
use crate::generator::Generator;
use crate::options::Options;

/// Runs a model of this program.
pub struct LocalGenerator<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    options: Options,
}

impl<'a> LocalGenerator<'a> {
    /// A generator over a loaded model and its processor.
    ///
    /// ```no_run
    /// # fn run(model: &dyn model::Mllm, processor: &dyn processor::Processor, request: corpus::Request) -> Result<(), generate::Error> {
    /// use generate::{Generator, LocalGenerator, Options};
    /// let options = Options { group_size: 8, ..Options::default() };
    /// let mut generator = LocalGenerator::new(model, processor, options);
    /// let mut texts = Vec::new();
    /// generator.generate(&mut std::iter::once(request), &mut |completion| {
    ///     texts.push(completion.text);
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(model: &'a dyn Mllm, processor: &'a dyn Processor, options: Options) -> Self {
        Self {
            model,
            processor,
            options,
        }
    }

    /// As [`LocalGenerator::new`], where nothing is said of groups and seed.
    ///
    /// ```no_run
    /// # fn run(model: &dyn model::Mllm, processor: &dyn processor::Processor) -> Result<(), generate::Error> {
    /// use generate::{Generator as _, LocalGenerator};
    /// let request = corpus::Request::question("1", vec!["stew.png".into()], "What is it?");
    /// let answer = LocalGenerator::of(model, processor).complete(&[request])?;
    /// println!("{}", answer[0].text);
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(model: &'a dyn Mllm, processor: &'a dyn Processor) -> Self {
        Self::new(model, processor, Options::default())
    }
}

impl Generator for LocalGenerator<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        let settings = Settings {
            model: self.model,
            processor: self.processor,
            options: &self.options,
        };
        let size = self.options.block_size.max(1);
        let mut pools = Vec::new();
        blocks(self.processor, requests, size, |block| {
            complete(&settings, block, &mut pools, sink)
        })
    }
}
