//! A fitted model as bytes.
//!
//! | part | contents |
//! | --- | --- |
//! | 16 bytes | `XRDFITTD`, format version (u32), length of the header (u32); little-endian |
//! | header | JSON: settings, grid, number of members |
//! | weights | safetensors: `encoder/NAME`, `member/NUMBER/NAME` |
//! | 32 bytes | BLAKE3 of everything before |

use convnet::Tensors;
use diffraction::Grid;
use serde::{Deserialize, Serialize};

use super::{Fitted, FittedBytesError};
use crate::config::Config;

const MAGIC: [u8; 8] = *b"XRDFITTD";
const FORMAT: u32 = 1;
const DIGEST: usize = 32;
const ENCODER: &str = "encoder/";

#[derive(Serialize, Deserialize)]
struct Header {
    config: Config,
    grid: Grid,
    members: usize,
}

impl Fitted {
    /// The model as bytes, the same for the same model.
    ///
    /// # Errors
    /// If the settings or weights cannot be written down.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FittedBytesError> {
        let (config, grid, members) = (self.config.clone(), self.grid, self.members.len());
        let header = serde_json::to_vec(&Header { config, grid, members }).map_err(damaged)?;
        let mut tensors = Tensors::new();
        for (name, tensor) in self.encoder.iter().flatten() {
            tensors.insert(format!("{ENCODER}{name}"), tensor.clone());
        }
        for (number, member) in self.members.iter().enumerate() {
            for (name, tensor) in member {
                tensors.insert(format!("{}{name}", prefix(number)), tensor.clone());
            }
        }
        let weights = exchange::safetensors::write(&tensors).map_err(damaged)?;
        let length = u32::try_from(header.len()).map_err(damaged)?;
        let mut bytes = Vec::with_capacity(16 + header.len() + weights.len() + DIGEST);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&weights);
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`FittedBytesError`]; nothing in the bytes is trusted or executed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FittedBytesError> {
        let word = |at: usize| {
            let word = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(word))
        };
        if bytes.get(..8) != Some(&MAGIC[..]) {
            return Err(damaged("it does not begin as one"));
        }
        let (Some(format), Some(length)) = (word(8), word(12)) else {
            return Err(damaged("it is cut off"));
        };
        if format > FORMAT {
            return Err(FittedBytesError::Newer { found: format, known: FORMAT });
        }
        let end = bytes.len().saturating_sub(DIGEST).max(16);
        if bytes.get(end..) != Some(&blake3::hash(&bytes[..end]).as_bytes()[..]) {
            return Err(damaged("its checksum is another than when it was written"));
        }
        let split = 16usize.saturating_add(length as usize);
        let (Some(header), Some(weights)) = (bytes.get(16..split), bytes.get(split..end)) else {
            return Err(damaged("its header is longer than it"));
        };
        let Header { config, grid, members } = serde_json::from_slice(header).map_err(damaged)?;
        let mut tensors = exchange::safetensors::read(weights).map_err(damaged)?;
        let mut take = |prefix: &str| -> Result<Tensors, FittedBytesError> {
            let (taken, rest) = std::mem::take(&mut tensors)
                .into_iter()
                .partition::<Vec<_>, _>(|(name, _)| name.starts_with(prefix));
            tensors = rest.into_iter().collect();
            if taken.is_empty() {
                return Err(damaged(format!("it has no weights `{prefix}`")));
            }
            let inner = |name: String| name[prefix.len()..].to_owned();
            Ok(taken.into_iter().map(|(name, tensor)| (inner(name), tensor)).collect())
        };
        let encoder = config.pretrain.is_on().then(|| take(ENCODER)).transpose()?;
        let members =
            (0..members.max(1)).map(|number| take(&prefix(number))).collect::<Result<_, _>>()?;
        let fitted = Self { config, grid, encoder, members };
        fitted.check()?;
        Ok(fitted)
    }
}

fn prefix(member: usize) -> String {
    format!("member/{member}/")
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn damaged(reason: impl ToString) -> FittedBytesError {
    FittedBytesError::Damaged { reason: reason.to_string() }
}
