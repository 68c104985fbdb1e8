//! Requests that share a cache: which of them are in it, and one forward after the other over those.
//!
//! Shapes: b requests, d model width.

use std::collections::{HashSet, VecDeque};

use corpus::Completion;
use model::{Batch, Cache, Mllm, Picture, Pool, Sequence, Slot};
use torch::Tensor;

use crate::beginnings::{Order, Prompt, Rules};
use crate::decode::{End, Job, Row, Settings, choose, completion};
use crate::draw::logits;
use crate::error::Error;
use crate::room::{self, Slots};
use crate::shown::{Place, Shown};
use crate::trunk::{Branch, Trunk};

/// Requests with the cache that they share.
pub(crate) struct Phase<'a> {
    settings: &'a Settings<'a>,
    order: Order,
    queue: VecDeque<Waiting>,
    shown: Shown,
    cache: Cache,
    trunk: Option<Trunk>,
    /// Beginnings that could not be run.
    broken: HashSet<usize>,
    /// The cache's slots, but for the trunk's.
    slots: Vec<Taken>,
    live: Vec<Live>,
    done: Vec<Completion>,
}

/// A request that is to come.
struct Waiting {
    job: Job,
    places: Vec<Place>,
    /// The last of its beginnings.
    beginning: Option<usize>,
}

/// A request that is in the cache.
struct Live {
    row: Row,
    slot: Slot,
    /// What of it is not in the cache yet.
    fresh: Option<Fresh>,
}

/// What a prompt has of its own.
struct Fresh {
    /// Tokens that are in the cache already.
    from: usize,
    places: Vec<Place>,
    pictures: Vec<Picture>,
    /// The slot before the forward.
    before: Sequence,
}

/// Which slots of a pool have a sequence.
#[derive(Debug)]
struct Taken {
    capacity: usize,
    taken: Vec<bool>,
    /// The first so many were wiped.
    wiped: usize,
}

impl<'a> Phase<'a> {
    /// `pools` is memory that may be used again.
    pub fn new(settings: &'a Settings<'a>, jobs: Vec<Job>, pools: Vec<Pool>) -> Self {
        let options = settings.options;
        let (mut shown, mut done) = (Shown::default(), Vec::new());
        let mut waiting: Vec<Option<Waiting>> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let image_token = settings.processor.image_token();
            match shown.places(&job.encoded, image_token, options.share) {
                Ok(places) => waiting.push(Some(Waiting {
                    job,
                    places,
                    beginning: None,
                })),
                Err(problem) => done.push(failed(settings, Row::new(settings, job), problem)),
            }
        }
        let prompts: Vec<Prompt> = waiting.iter().flatten().map(Waiting::prompt).collect();
        let needs: Vec<usize> = prompts.iter().map(|prompt| prompt.need).collect();
        let budget = options.cache_tokens;
        let rest = budget.saturating_sub(needs.iter().copied().max().unwrap_or(0));
        let longest = if options.share {
            rest.min(budget / 2)
        } else {
            0
        };
        let sees_ahead = settings.model.sees_ahead();
        let mut order = Order::new(
            &prompts,
            Rules {
                longest,
                sees_ahead,
            },
        );
        let trunk = match order.longest() {
            0 => 0,
            tokens => room::rung(tokens).min(longest),
        };
        let mut slots = room::slots(&needs, options.group_size, budget - trunk);
        let taken = slots.iter().map(Taken::new).collect();
        let place = Slot {
            pool: slots.len(),
            index: 0,
        };
        slots.extend((trunk > 0).then_some(Slots {
            capacity: trunk,
            count: 1,
        }));
        let pools = allocated(settings.model, &slots, pools, budget);
        let queue = std::mem::take(&mut order.queue).into_iter();
        let queue = queue.filter_map(|(at, beginning)| {
            let waiting = waiting[at].take()?;
            Some(Waiting {
                beginning,
                ..waiting
            })
        });
        let mut phase = Self {
            settings,
            queue: queue.collect(),
            order,
            shown,
            cache: Cache::of(pools),
            trunk: (trunk > 0).then(|| Trunk::new(place)),
            broken: HashSet::new(),
            slots: taken,
            live: Vec::new(),
            done,
        };
        phase.expect();
        phase
    }

    /// Counts how often each picture will be shown.
    fn expect(&mut self) {
        let mut run = HashSet::new();
        for one in &self.queue {
            let mut from = 0;
            for beginning in self.order.path(one.beginning) {
                let to = self.order.beginnings[beginning].length;
                if run.insert(beginning) {
                    self.shown.expect(within(&one.places, from, to));
                }
                from = to;
            }
            self.shown.expect(within(&one.places, from, usize::MAX));
        }
    }

    /// Completes all; gives the memory back.
    pub fn run(
        mut self,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<Vec<Pool>, Error> {
        loop {
            self.admit()?;
            self.encode();
            for completion in self.done.drain(..) {
                sink(completion).map_err(Error::Sink)?;
            }
            if self.live.is_empty() && self.queue.is_empty() {
                return Ok(self.cache.pools);
            }
            self.close_ranks()?;
            let Some(hidden_bd) = self.forward()? else {
                continue;
            };
            let logits_bv = logits(self.settings.model, self.settings.processor, &hidden_bd)?;
            let mut rows: Vec<&mut Row> = self.live.iter_mut().map(|live| &mut live.row).collect();
            choose(self.settings, &mut rows, &logits_bv)?;
            self.release()?;
        }
    }

    /// Gives requests that are to come a slot, as long as there are slots, rows and tokens of one forward.
    fn admit(&mut self) -> Result<(), Error> {
        let options = self.settings.options;
        let mut tokens = 0;
        while self.live.len() < options.group_size.max(1) {
            let Some((at, slot)) = self.next() else {
                break;
            };
            let path = self.path(&self.queue[at]);
            let held = self.trunk.as_ref().map_or(0, |trunk| trunk.holds(&path));
            let known = held
                .checked_sub(1)
                .map_or(0, |last| self.length(path[last]));
            let new = self.queue[at].job.encoded.ids.len() - known;
            if tokens > 0 && tokens + new > options.prefill_tokens {
                break;
            }
            tokens += new;
            if let Some(waiting) = self.queue.remove(at) {
                self.enter(waiting, slot)?;
            }
        }
        Ok(())
    }

    /// The first request of the queue that there is a slot for, among those of the same beginning as the very first: those
    /// behind would need another one.
    fn next(&self) -> Option<(usize, Slot)> {
        let beginning = self.queue.front()?.beginning;
        let same = self
            .queue
            .iter()
            .take_while(|one| one.beginning == beginning);
        same.enumerate().find_map(|(at, one)| {
            let need = one.job.need();
            let mut pools = self.slots.iter().enumerate();
            let slot = pools.find_map(|(pool, slots)| {
                let index = slots.free().filter(|_| slots.capacity >= need)?;
                Some(Slot { pool, index })
            });
            Some((at, slot?))
        })
    }

    /// Beginnings of a request that can be run, the shortest first.
    fn path(&self, waiting: &Waiting) -> Vec<usize> {
        let path = self.order.path(waiting.beginning).into_iter();
        path.take_while(|beginning| !self.broken.contains(beginning))
            .collect()
    }

    fn length(&self, beginning: usize) -> usize {
        self.order.beginnings[beginning].length
    }

    /// Puts a request into the slot, with what it shares.
    fn enter(&mut self, waiting: Waiting, slot: Slot) -> Result<(), Error> {
        self.grow(&waiting);
        let path = self.path(&waiting);
        let from = path.last().map_or(0, |&last| self.length(last));
        let slots = &mut self.slots[slot.pool];
        slots.taken[slot.index] = true;
        self.cache.clear(slot, slots.wiped <= slot.index)?;
        slots.wiped = slots.wiped.max(slot.index + 1);
        if let Some(trunk) = self.trunk.as_ref().filter(|_| from > 0) {
            self.cache.copy(trunk.slot, slot)?;
        }
        let places = within(&waiting.places, from, usize::MAX).to_vec();
        self.live.push(Live {
            fresh: Some(Fresh {
                from,
                places,
                pictures: Vec::new(),
                before: self.cache.sequence(slot).share(),
            }),
            row: Row::new(self.settings, waiting.job),
            slot,
        });
        Ok(())
    }

    /// Runs what of a request's beginnings is not in the trunk. One that cannot be run is never tried again: each of its
    /// requests is told by itself what is wrong.
    fn grow(&mut self, waiting: &Waiting) {
        let path = self.path(waiting);
        let Some(trunk) = &mut self.trunk else {
            return;
        };
        let held = trunk.holds(&path);
        trunk.cut(&mut self.cache, held);
        for &beginning in &path[held..] {
            let Self { order, shown, .. } = self;
            let of = &order.beginnings[beginning];
            let from = of.above.map_or(0, |above| order.beginnings[above].length);
            let places = within(&waiting.places, from, of.length);
            let wanted: Vec<&Place> = places.iter().collect();
            let model = self.settings.model;
            if shown.encode(model, &wanted).is_err() {
                self.broken.insert(beginning);
                return;
            }
            let pictures = shown.show(places);
            let branch = Branch {
                beginning,
                ids: &waiting.job.encoded.ids[from..of.length],
                images: images(waiting, places),
                pictures: &pictures,
            };
            if trunk.grow(model, &mut self.cache, &branch).is_err() {
                shown.take_back(places, pictures);
                self.broken.insert(beginning);
                return;
            }
        }
    }

    /// Encodes the pictures of prompts that are to be run; ends those whose pictures cannot be.
    fn encode(&mut self) {
        loop {
            let fresh = self.live.iter().filter_map(|live| live.fresh.as_ref());
            let wanted: Vec<&Place> = fresh
                .filter(|fresh| fresh.pictures.is_empty())
                .flat_map(|fresh| &fresh.places)
                .collect();
            let Err((picture, problem)) = self.shown.encode(self.settings.model, &wanted) else {
                break;
            };
            self.fail(&problem.to_string(), |live| {
                let fresh = live.fresh.as_ref();
                fresh.is_some_and(|f| f.places.iter().any(|place| place.picture == picture))
            });
        }
        for fresh in self.live.iter_mut().filter_map(|live| live.fresh.as_mut()) {
            if fresh.pictures.is_empty() {
                fresh.pictures = self.shown.show(&fresh.places);
            }
        }
    }

    /// Moves rows into holes below them, so that those of a pool are attended at once.
    fn close_ranks(&mut self) -> Result<(), Error> {
        for (pool, slots) in self.slots.iter_mut().enumerate() {
            while let (Some(hole), Some(last)) = (slots.free(), slots.last()) {
                if last < hole {
                    break;
                }
                let (from, to) = (Slot { pool, index: last }, Slot { pool, index: hole });
                self.cache.copy(from, to)?;
                self.cache.clear(from, false)?;
                (slots.taken[last], slots.taken[hole]) = (false, true);
                for live in self.live.iter_mut().filter(|live| live.slot == from) {
                    live.slot = to;
                }
            }
        }
        // Rows that get one token first, and all in the order of their slots.
        self.live
            .sort_by_key(|live| (live.fresh.is_some(), live.slot));
        Ok(())
    }

    /// The hidden states of each row's last token `[b, d]`; none if no row is left.
    fn forward(&mut self) -> Result<Option<Tensor>, Error> {
        let hidden_td = loop {
            if self.live.is_empty() {
                return Ok(None);
            }
            let mut batch = Batch::default();
            for live in &self.live {
                live.push(&self.cache, &mut batch);
            }
            self.cache.rows = self.live.iter().map(|live| live.slot).collect();
            match self.settings.model.hidden(&batch, Some(&mut self.cache)) {
                Ok(hidden) => break (hidden, batch.starts),
                // One bad request must not take the others with it.
                Err(error) if !self.isolate() => return Err(error.into()),
                Err(_) => {}
            }
        };
        let (hidden_td, starts) = hidden_td;
        for live in &mut self.live {
            if live.fresh.take().is_some() {
                // Neither ids nor pixels are read again, but the number of the former is told.
                live.row.job.encoded.images.clear();
            }
        }
        if starts.len() - 1 == starts[starts.len() - 1] {
            return Ok(Some(hidden_td));
        }
        let ends: Vec<i64> = starts[1..].iter().map(|&start| start as i64 - 1).collect();
        let ends = Tensor::f_from_slice(&ends)?.f_to_device(hidden_td.device())?;
        Ok(Some(hidden_td.f_index_select(0, &ends)?))
    }

    /// Runs each new prompt alone and ends those that fail; whether there was one.
    fn isolate(&mut self) -> bool {
        let mut problems: Vec<(Slot, String)> = Vec::new();
        for live in &self.live {
            let Some(fresh) = &live.fresh else {
                continue;
            };
            self.cache.put(live.slot, fresh.before.share());
            let mut batch = Batch::default();
            live.push(&self.cache, &mut batch);
            self.cache.rows = vec![live.slot];
            if let Err(error) = self.settings.model.hidden(&batch, Some(&mut self.cache)) {
                problems.push((live.slot, error.to_string()));
            }
            self.cache.put(live.slot, fresh.before.share());
        }
        for (slot, problem) in &problems {
            self.fail(problem, |live| live.slot == *slot);
        }
        !problems.is_empty()
    }

    /// Ends rows with what is wrong with them.
    fn fail(&mut self, problem: &str, is_bad: impl Fn(&Live) -> bool) {
        let (bad, sound) = self.live.drain(..).partition(is_bad);
        self.live = sound;
        let bad: Vec<Live> = bad;
        for live in bad {
            if let Some(fresh) = live.fresh.filter(|fresh| fresh.pictures.is_empty()) {
                self.shown.forget(&fresh.places);
            }
            self.slots[live.slot.pool].taken[live.slot.index] = false;
            let problem = problem.to_owned();
            self.done.push(failed(self.settings, live.row, problem));
        }
    }

    /// Takes rows that have ended out of the cache.
    fn release(&mut self) -> Result<(), Error> {
        let (live, ended) = (self.live.drain(..)).partition(|live| live.row.end.is_none());
        self.live = live;
        let ended: Vec<Live> = ended;
        for Live { row, slot, .. } in ended {
            self.slots[slot.pool].taken[slot.index] = false;
            let is_bad = matches!(row.end, Some(End::Failed(_)));
            self.cache.clear(slot, is_bad)?;
            self.done.push(completion(self.settings, row));
        }
        Ok(())
    }
}

impl Waiting {
    /// Its tokens, with a number below zero for each of a picture's.
    fn prompt(&self) -> Prompt {
        let mut symbols = self.job.encoded.ids.clone();
        for place in &self.places {
            symbols[place.tokens.clone()].fill(-1 - place.picture as i64);
        }
        Prompt {
            symbols,
            need: self.job.need(),
        }
    }
}

impl Live {
    /// What the next forward reads of it.
    fn push(&self, cache: &Cache, batch: &mut Batch) {
        let length = cache.sequence(self.slot).length;
        match &self.fresh {
            None => {
                let last = self.row.ids.len() - 1;
                batch.push(&self.row.ids[last..], length, &[]);
            }
            Some(fresh) => {
                let encoded = &self.row.job.encoded;
                let images = encoded.images.len() - fresh.places.len();
                let images = &encoded.images[images..];
                batch.push(&encoded.ids[fresh.from..], length, images);
                batch.pictures.extend(fresh.pictures.iter().cloned());
            }
        }
    }
}

impl Taken {
    fn new(slots: &Slots) -> Self {
        Self {
            capacity: slots.capacity,
            taken: vec![false; slots.count],
            wiped: 0,
        }
    }

    /// The first slot without a sequence.
    fn free(&self) -> Option<usize> {
        self.taken.iter().position(|taken| !taken)
    }

    /// The last slot with one.
    fn last(&self) -> Option<usize> {
        self.taken.iter().rposition(|taken| *taken)
    }
}

/// Pictures of a prompt that lie in this part of it.
fn within(places: &[Place], from: usize, to: usize) -> &[Place] {
    let start = places.partition_point(|place| place.tokens.start < from);
    let end = places.partition_point(|place| place.tokens.start < to);
    &places[start..end]
}

/// The pictures that stand in these places of a prompt.
fn images<'w>(waiting: &'w Waiting, places: &[Place]) -> &'w [processor::ImageInput] {
    let first = places.first();
    let start = first.map_or(0, |first| {
        let before = |place: &&Place| place.tokens.start < first.tokens.start;
        waiting.places.iter().take_while(before).count()
    });
    &waiting.job.encoded.images[start..start + places.len()]
}

/// Pools of these slots. Those that are there already are taken where they fit.
fn allocated(model: &dyn Mllm, slots: &[Slots], mut known: Vec<Pool>, budget: usize) -> Vec<Pool> {
    let fits = |pool: &Pool, own: &Slots| {
        pool.capacity() == own.capacity && pool.sequences.len() >= own.count
    };
    let mut found: Vec<Option<Pool>> = slots
        .iter()
        .map(|own| {
            let at = known.iter().position(|pool| fits(pool, own))?;
            Some(known.swap_remove(at))
        })
        .collect();
    let held = found.iter().flatten();
    let held: usize = held
        .map(|pool| pool.capacity() * pool.sequences.len())
        .sum();
    let missing = found.iter().zip(slots).filter(|(pool, _)| pool.is_none());
    let missing: usize = missing.map(|(_, own)| own.capacity * own.count).sum();
    if held + missing > budget {
        found.fill_with(|| None);
    }
    // Freed before others are allocated.
    drop(known);
    let all = found.into_iter().zip(slots);
    all.map(|(pool, own)| pool.unwrap_or_else(|| model.new_pool(own.count, own.capacity)))
        .collect()
}

/// The completion of a row that cannot go on.
fn failed(settings: &Settings, mut row: Row, problem: String) -> Completion {
    row.end = Some(End::Failed(problem));
    completion(settings, row)
}
