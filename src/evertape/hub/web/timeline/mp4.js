/** The little of MP4 that a player has to know: when each picture of a fragment is shown. Pure. */

function* boxes(view, start, end) {
  for (let at = start; at + 8 <= end; ) {
    let size = view.getUint32(at);
    let body = at + 8;
    const type = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));
    if (size === 1) {
      size = Number(view.getBigUint64(body));
      body += 8;
    } else if (size === 0) size = end - at;
    if (size < 8) return;
    yield { type, start: at, body, end: Math.min(end, at + size) };
    at += size;
  }
}

function find(view, box, ...path) {
  for (const child of boxes(view, box.body, box.end)) {
    if (child.type !== path[0]) continue;
    return path.length === 1 ? child : find(view, child, ...path.slice(1));
  }
  return null;
}

const whole = (buffer) => {
  const view = new DataView(buffer);
  return { view, box: { body: 0, end: buffer.byteLength } };
};

/** The video track of an initialisation segment: `{ id, timescale }`; `null` if it has none. */
export function videoTrack(buffer) {
  const { view, box } = whole(buffer);
  const moov = find(view, box, "moov");
  if (!moov) return null;
  for (const trak of boxes(view, moov.body, moov.end)) {
    if (trak.type !== "trak") continue;
    const handler = find(view, trak, "mdia", "hdlr");
    if (!handler || view.getUint32(handler.body + 8) !== 0x76696465) continue; // "vide"
    const header = find(view, trak, "tkhd");
    const media = find(view, trak, "mdia", "mdhd");
    const wide = (one) => view.getUint8(one.body) === 1;
    return {
      id: view.getUint32(header.body + (wide(header) ? 20 : 12)),
      timescale: view.getUint32(media.body + (wide(media) ? 20 : 12)),
    };
  }
  return null;
}

/**
 * The pictures of one or more fragments, `[{ pts, key }]` in decoding order, seconds on the file's own time line. ISO/IEC 14496-12,
 * 8.8.7 to 8.8.12; the fields are those that our writer uses (`default-base-is-moof`, one `trun` a track).
 */
export function pictures(buffer, track) {
  const { view, box } = whole(buffer);
  const found = [];
  for (const moof of boxes(view, box.body, box.end)) {
    if (moof.type !== "moof") continue;
    for (const traf of boxes(view, moof.body, moof.end)) if (traf.type === "traf") found.push(...ofTraf(view, traf, track));
  }
  return found;
}

function ofTraf(view, traf, track) {
  const header = find(view, traf, "tfhd");
  if (!header || view.getUint32(header.body + 4) !== track.id) return [];
  const { duration } = defaults(view, header);
  const decode = find(view, traf, "tfdt");
  let dts = view.getUint8(decode.body) === 1 ? Number(view.getBigUint64(decode.body + 4)) : view.getUint32(decode.body + 4);
  const found = [];
  for (const run of boxes(view, traf.body, traf.end)) {
    if (run.type !== "trun") continue;
    const flags = view.getUint32(run.body) & 0xffffff;
    const count = view.getUint32(run.body + 4);
    let at = run.body + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
    for (let index = 0; index < count; index += 1) {
      const step = flags & 0x100 ? view.getUint32(at) : duration;
      at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0);
      const shift = flags & 0x800 ? view.getInt32(at) : 0;
      at += flags & 0x800 ? 4 : 0;
      found.push({ pts: (dts + shift) / track.timescale, seconds: step / track.timescale });
      dts += step;
    }
  }
  return found;
}

function defaults(view, header) {
  const flags = view.getUint32(header.body) & 0xffffff;
  let at = header.body + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  return { duration: flags & 0x8 ? view.getUint32(at) : 0 };
}
