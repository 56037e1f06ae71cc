/** Hook events with payloads as tools answer: a few words of an answer, or a file of twelve kilobytes. */
import { openUsageDb } from "../src/usage-db.ts";

const SPAN_MS = 40 * 86_400_000;
const BATCH = 500;
const DISTINCT = 2000;
const LARGEST = 12_000;
const WORDS =
  `the of and a to in is was he for it with as his on be at by i this had not are but from or have an they which one you
  were all her she there would their we him been has when who will no more if out so up said what its about than into
  them can only other time new some could these two may first then do any like my now over such our man me even most
  function const return import export await readonly string number src test error expected received undefined`.split(
    /\s+/,
  );

/** Fills a new database with so many bytes of payloads, spread evenly over the last forty days. */
export function fillEvents(path: string, payloadBytes: number): number {
  using db = openUsageDb(path);
  db.connection.runOnce("PRAGMA synchronous = OFF");
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  const answers = Array.from({ length: DISTINCT }, () => {
    const parts: string[] = [];
    for (let bytes = next() ** 2 * LARGEST; bytes > 0; bytes -= 5)
      parts.push(WORDS[Math.floor(next() * WORDS.length)] ?? "");
    return parts.join(" ");
  });
  const now = Date.now();
  const addBatch = (from: number, at: number): number =>
    db.connection.transaction(() => {
      let bytes = 0;
      for (let row = from; row < from + BATCH; row++) {
        const session_id = `session-${row >> 9}`;
        const answer = answers[Math.floor(next() * DISTINCT)] ?? "";
        const payload = JSON.stringify({
          session_id,
          transcript_path: `/home/user/.claude/projects/project/${crypto.randomUUID()}.jsonl`,
          hook_event_name: "PostToolUse",
          tool_name: "Bash",
          tool_input: { command: answer.slice(0, 120) },
          tool_response: { stdout: answer, interrupted: false },
          tool_use_id: crypto.randomUUID(),
        });
        bytes += payload.length;
        db.events.insert({
          source_app: "claude",
          session_id,
          hook_event_type: "PostToolUse",
          payload,
          timestamp: at,
          dedupe_key: `event-${row}`,
        });
      }
      return bytes;
    });
  let rows = 0;
  for (let bytes = 0; bytes < payloadBytes; rows += BATCH)
    bytes += addBatch(rows, Math.floor(now - SPAN_MS * (1 - bytes / payloadBytes)));
  return rows;
}
