//! An alert's bytes as stored: an LZ4 block, or raw where that is not smaller.

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

const RAW: i64 = 0;
const LZ4: i64 = 1;

/// Bytes ready to be stored.
pub(super) struct Packed {
    pub(super) codec: i64,
    pub(super) size: i64,
    pub(super) body: Vec<u8>,
}

/// Compresses the alerts of one intake, with one table and one room for all of them.
#[derive(Default)]
pub(super) struct Packer {
    table: CompressTable,
    room: Vec<u8>,
}

impl Packer {
    /// Compresses one.
    pub(super) fn pack(&mut self, payload: Vec<u8>) -> Packed {
        let size = payload.len() as i64;
        let most = get_maximum_output_size(payload.len());
        if self.room.len() < most {
            self.room.resize(most, 0);
        }
        // It only fails for want of room, and would then be kept raw.
        match compress_into_with_table(&payload, &mut self.room, &mut self.table) {
            Ok(length) if length < payload.len() => Packed {
                codec: LZ4,
                size,
                body: self.room[..length].to_vec(),
            },
            _ => Packed {
                codec: RAW,
                size,
                body: payload,
            },
        }
    }
}

/// The bytes as they came. The error is damage of the file: no size is believed that LZ4 (at most 255 : 1) can't reach.
pub(super) fn unpack(codec: i64, size: i64, body: &[u8]) -> Result<Vec<u8>, String> {
    let Ok(size) = usize::try_from(size) else {
        return Err("its size is negative".into());
    };
    match codec {
        RAW if body.len() == size => Ok(body.to_vec()),
        LZ4 if size <= body.len().saturating_mul(255) => {
            let payload = lz4_flex::block::decompress(body, size)
                .map_err(|error| format!("its bytes can't be decompressed: {error}"))?;
            if payload.len() != size {
                return Err("its bytes are not as long as they were".into());
            }
            Ok(payload)
        }
        _ => Err(format!(
            "its bytes can't be of codec {codec} and size {size}"
        )),
    }
}
