// SPDX-License-Identifier: MIT
// The snapshots of net/README.md in JavaScript: values from deltas, each held against its checksum.
'use strict';

const KEPT = 32;

function checksum(values) {
    let hash = 2166136261;
    for (const byte of new Uint8Array(values.buffer)) { // little-endian, as every machine with Node is
        hash = Math.imul(hash ^ byte, 16777619);
    }
    return hash >>> 0;
}

function applyDelta(baseline, perEntity, delta) {
    const values = Int32Array.from(baseline);
    let at = 0;
    const varint = () => {
        let number = 0;
        for (let shift = 0; ; shift += 7) {
            const byte = delta[at++];
            number |= (byte & 127) << shift;
            if (byte < 128) {
                return number >>> 0;
            }
        }
    };
    for (let entity = 0; at < delta.length; entity += perEntity) {
        const mask = delta.subarray(at, at += Math.ceil(perEntity / 8));
        for (let index = 0; index < perEntity; index++) {
            if (mask[index >> 3] >> (index & 7) & 1) {
                const zigzag = varint();
                values[entity + index] += (zigzag >>> 1) ^ -(zigzag & 1);
            }
        }
    }
    return values;
}

class Snapshots {
    constructor(perEntity) {
        this.perEntity = perEntity;
        this.deltas = 0; // that were against an earlier one
        this.forget();
    }

    forget() {
        this.kept = new Map();
        this.newest = 0; // tick; what the client acknowledges
    }

    // The new values; undefined for one that is old or whose baseline is not here.
    apply(tick, baselineTick, expected, entities, delta) {
        if (tick <= this.newest || (baselineTick && !this.kept.has(baselineTick))) {
            return undefined;
        }
        const baseline = baselineTick ? this.kept.get(baselineTick) : new Int32Array(entities * this.perEntity);
        const values = applyDelta(baseline, this.perEntity, delta);
        if (checksum(values) !== expected) {
            throw new Error(`wrong checksum of snapshot ${tick}`);
        }
        this.deltas += baselineTick !== 0;
        this.kept.set(tick, values);
        this.newest = tick;
        if (this.kept.size > KEPT) {
            this.kept.delete(this.kept.keys().next().value);
        }
        return values;
    }
}

module.exports = { Snapshots };
