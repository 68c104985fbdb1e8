//! The optimizer's state in the files of a checkpoint: in one, or in one for each process that wrote it. Who reads takes what it
//! keeps itself, whoever wrote it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use torch::{Kind, Tensor};

use super::format::{OPTIMIZER, Part, State};
use crate::Error;
use crate::optimizer::{Kept, MASTER, Optimizer};
use crate::state_file::Stored;

/// A tensor to be filled.
struct Wanted {
    parameter: String,
    /// The name in the files.
    name: String,
    target: Tensor,
    /// In what it is kept, and the shape of the whole.
    kind: Kind,
    shape: Vec<i64>,
    /// Elements of the parameter for each of its numbers.
    unit: usize,
    /// The elements that it is for, of how many.
    range: Range<usize>,
    elements: usize,
}

/// A row of numbers that goes from a file to a tensor.
struct Piece {
    source: usize,
    name: String,
    /// Where it starts in the file's tensor and in the target, and how many numbers it has.
    from: usize,
    to: usize,
    count: usize,
    target: Tensor,
}

/// What fills a process's state.
pub(super) struct Filling {
    sources: Vec<Stored>,
    pieces: Vec<Piece>,
}

/// What a process writes.
pub(super) struct ToWrite {
    pub tensors: Vec<(String, Tensor)>,
    /// Of each parameter the elements that it has, where it does not have all.
    pub ranges: BTreeMap<String, [usize; 2]>,
}

/// The tensors that a process writes: all, or what it has of its own piece.
pub(super) fn to_write(
    optimizer: &Optimizer,
    has_weight_files: bool,
    piece: Option<usize>,
) -> Result<ToWrite, Error> {
    let (mut all, mut ranges) = (Vec::new(), BTreeMap::new());
    for (parameter, slot) in optimizer.slots.iter().enumerate() {
        let named = |kept: &Kept| format!("{}.{}", kept.kind, slot.name);
        let Some(piece) = piece else {
            let kept = slot.kept(has_weight_files)?.into_iter();
            all.extend(kept.map(|kept| (named(&kept), kept.values)));
            continue;
        };
        let range = optimizer.shards.range(piece, parameter);
        if range.is_empty() {
            continue;
        }
        let first = slot.range().start;
        for kept in slot.kept(has_weight_files)? {
            let start = (range.start - first) / kept.unit;
            let count = range.len().div_ceil(kept.unit);
            let row = kept.values.f_reshape([-1])?;
            let own = row.f_narrow(0, start as i64, count as i64)?;
            all.push((named(&kept), own));
        }
        ranges.insert(slot.name.clone(), [range.start, range.end]);
    }
    Ok(ToWrite {
        tensors: all,
        ranges,
    })
}

impl Filling {
    /// Finds everything that a process needs in a checkpoint whose checksums are right; gives what is wrong with it.
    pub fn found(
        folder: &Path,
        state: &State,
        optimizer: &Optimizer,
        has_weight_files: bool,
    ) -> Result<Self, String> {
        let whole = [OPTIMIZER.to_owned()];
        let files = state.parts.iter().map(|part| &part.file);
        let files: Vec<&String> = if state.parts.is_empty() {
            whole.iter().collect()
        } else {
            files.collect()
        };
        let sources: Result<Vec<Stored>, String> = files
            .into_iter()
            .map(|file| Stored::open(&folder.join(file)))
            .collect();
        let sources = sources?;
        let mut pieces = Vec::new();
        for wanted in wanted(optimizer, has_weight_files).map_err(|error| error.to_string())? {
            pieces.extend(wanted.pieces(&sources, &state.parts)?);
        }
        Ok(Self { sources, pieces })
    }

    /// Copies all of it.
    pub fn fill(self) -> Result<(), Error> {
        for piece in self.pieces {
            let source = &self.sources[piece.source];
            source.copy(
                &piece.name,
                piece.from,
                piece.to,
                piece.count,
                &piece.target,
            )?;
        }
        Ok(())
    }
}

/// What a process keeps of every parameter. Weights that only the optimizer's files have are needed as a whole.
fn wanted(optimizer: &Optimizer, has_weight_files: bool) -> Result<Vec<Wanted>, Error> {
    let mut all = Vec::new();
    for slot in &optimizer.slots {
        let elements = slot.weight().numel();
        let wanted = |kept: Kept, range: Range<usize>| Wanted {
            parameter: slot.name.clone(),
            name: format!("{}.{}", kept.kind, slot.name),
            kind: kept.values.kind(),
            shape: match kept.unit {
                1 => slot.weight().size(),
                unit => vec![elements.div_ceil(unit) as i64],
            },
            target: kept.values,
            unit: kept.unit,
            range,
            elements,
        };
        let kept = slot.kept(has_weight_files)?;
        if !has_weight_files && slot.range() != (0..elements) {
            let master = kept.iter().find(|kept| kept.kind == MASTER);
            let kind = master.map_or(slot.weight().kind(), |master| master.values.kind());
            let weights = Kept {
                kind: MASTER,
                values: slot.flat_weight()?,
                unit: 1,
            };
            let weights = wanted(weights, 0..elements);
            all.push(Wanted { kind, ..weights });
        }
        all.extend(kept.into_iter().map(|kept| wanted(kept, slot.range())));
    }
    Ok(all)
}

impl Wanted {
    /// From where it is filled.
    fn pieces(self, sources: &[Stored], parts: &[Part]) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        if self.range.is_empty() {
            return Ok(pieces);
        }
        let mut reached = self.range.start;
        // Parts are in the order of their ranges.
        for (at, source) in sources.iter().enumerate() {
            let (held, shape) = match parts.get(at) {
                None => (0..self.elements, self.shape.clone()),
                Some(part) => {
                    let Some(&[start, end]) = part.ranges.get(&self.parameter) else {
                        continue;
                    };
                    let count = end.saturating_sub(start).div_ceil(self.unit);
                    (start..end, vec![count as i64])
                }
            };
            let (start, end) = (reached.max(held.start), held.end.min(self.range.end));
            if start >= end {
                continue;
            }
            source.check(&self.name, self.kind, &shape)?;
            if start != reached || !(start - held.start).is_multiple_of(self.unit) {
                break;
            }
            reached = end;
            pieces.push(Piece {
                source: at,
                name: self.name.clone(),
                from: (start - held.start) / self.unit,
                to: (start - self.range.start) / self.unit,
                count: (end - start).div_ceil(self.unit),
                target: self.target.shallow_clone(),
            });
        }
        if reached < self.range.end {
            return Err(format!(
                "it does not have all of `{}`; was it made of another model?",
                self.name
            ));
        }
        Ok(pieces)
    }
}
