/** The way back from a compaction: every frame of a table becomes its text again. */
import { expandText } from "../store/compacted-text.ts";
import type { CompactableTable } from "./compactable.ts";
import type { Pace } from "./pace.ts";

export interface Expansion {
  readonly texts: number;
  /** Of those frames, and of the texts that they became. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly isComplete: boolean;
}

/** Expands all rows, in the order of their ids, as long as there is time; what is expanded is not looked for again. */
export async function expandTable(
  table: CompactableTable,
  { pace, onTexts }: { readonly pace: Pace; readonly onTexts: (count: number) => void },
): Promise<Expansion> {
  const done = { texts: 0, bytesBefore: 0, bytesAfter: 0 };
  for (let after = 0; ;) {
    const { ids, next } = table.compactedIds(after);
    for (let at = 0; at < ids.length;) {
      const chunk = ids.slice(at, at + pace.chunkRows);
      at += chunk.length;
      await pace.write(() => {
        for (const id of chunk) expandRow(table, id, done);
      }, "expand compacted payloads");
      onTexts(done.texts);
      if (!(await pace.after())) return { ...done, isComplete: false };
    }
    if (next === null) return { ...done, isComplete: true };
    after = next;
    await Bun.sleep(0);
    pace.refuseCancelled();
    if (pace.remainingMs === 0) return { ...done, isComplete: false };
  }
}

function expandRow(
  table: CompactableTable,
  id: number,
  done: { texts: number; bytesBefore: number; bytesAfter: number },
): void {
  for (const column of table.target.columns) {
    const frame = table.readFrame({ id, column });
    if (frame === null) continue;
    const text = expandText(frame);
    if (!table.unpack({ id, column }, { text, frame })) continue;
    done.texts++;
    done.bytesBefore += frame.length;
    done.bytesAfter += Buffer.byteLength(text);
  }
}
